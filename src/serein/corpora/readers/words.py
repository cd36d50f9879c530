"""The words by which people name emotions, parts and sexes in data of their own."""

from __future__ import annotations

from serein.labels import LABELS

_SPELLINGS: dict[str, tuple[str, ...]] = {
    "angry": ("anger", "ang"),
    "bored": ("boredom", "bor"),
    "calm": ("calmness", "cal"),
    "disgusted": ("disgust", "dis"),
    "fearful": ("fear", "fea", "afraid", "scared"),
    "happy": ("happiness", "hap", "joy", "joyful"),
    "neutral": ("neu",),
    "sad": ("sadness",),
    "surprised": ("surprise", "sur", "ps", *(f"pleasant{sign}surprise" for sign in " _-")),
}

EMOTIONS: dict[str, str | None] = {
    word: label for label in LABELS for word in (label, *_SPELLINGS[label])
}
"""Every word that is understood, in small letters, to its canonical label."""

LOSSY: dict[str, str] = {
    **dict.fromkeys(("joy", "joyful"), "joy is taken as happy"),
    **{
        word: "pleasant surprise is taken as surprised"
        for word in EMOTIONS
        if word.startswith(("ps", "pleasant"))
    },
}
"""Words whose canonical label says less or other than they do, and why."""

PARTS: dict[str, str] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "development", "devel", "dev"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
    # Some mean the validation by it and some the test.
    **dict.fromkeys(("evaluation", "eval"), "evaluation"),
}
"""Every word for a part of a corpus, in small letters, to the one that tables have."""

SEXES: dict[str, str] = {
    **dict.fromkeys(("female", "f", "w"), "female"),
    **dict.fromkeys(("male", "m"), "male"),
}
"""Every word for a sex, in small letters, to the canonical one."""


def known_emotions() -> str:
    """The words that are understood, by label, for a message to people."""
    return "; ".join(", ".join((label, *_SPELLINGS[label])) for label in LABELS)
