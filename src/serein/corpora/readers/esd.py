"""ESD: ``0011_000351``, speaker and running number, which tells emotion and sentence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from serein.corpora.readers.base import Clip, Corpus, Reading

_LABELS: dict[str, str | None] = {
    "Neutral": "neutral",
    "Angry": "angry",
    "Happy": "happy",
    "Sad": "sad",
    "Surprise": "surprised",
}
_SENTENCES = 350
"""So many sentences each speaker says in every emotion, one emotion after the other."""

_SPEAKERS = tuple(f"{number:04d}" for number in range(1, 21))
_MANDARIN = _SPEAKERS[:10]
_WOMEN = (
    *("0001", "0002", "0003", "0007", "0009"),
    *("0015", "0016", "0017", "0018", "0019"),
)
_PARTS = ("train", "evaluation", "test")
_NAME = re.compile(rf"({'|'.join(_SPEAKERS)})_(\d{{6}})")


def _parse(path: PurePosixPath) -> Clip | None:
    match = _NAME.fullmatch(path.stem)
    if match is None or not 1 <= int(match[2]) <= _SENTENCES * len(_LABELS):
        return None
    speaker = match[1]
    emotion, sentence = divmod(int(match[2]) - 1, _SENTENCES)
    language = "zh" if speaker in _MANDARIN else "en"
    folder = path.parent.name.lower()
    return Clip(
        name=path.stem,
        speaker=speaker,
        original_emotion=tuple(_LABELS)[emotion],
        sex="female" if speaker in _WOMEN else "male",
        language=language,
        # The two languages have texts of their own.
        sentence=f"{language}-{sentence + 1:03d}",
        split=folder if folder in _PARTS else None,
    )


def _open(root: Path, paths: Sequence[PurePosixPath]) -> Reading:
    numbers = range(1, _SENTENCES * len(_LABELS) + 1)
    expected = frozenset(f"{who}_{number:06d}" for who in _SPEAKERS for number in numbers)
    return Reading(_parse, expected=expected)


ESD = Corpus(
    name="esd",
    title="Emotional Speech Database",
    languages=("zh", "en"),
    licence="free for research",
    citation="Zhou et al., Speech Communication 137: 1-18, 2022",
    url="https://github.com/HLTSingapore/Emotional-Speech-Data",
    layout=(
        "0011/Angry/evaluation/0011_000351.wav",
        "0011/Angry/0011_000351.wav",
        "0011_000351.wav",
    ),
    labels=_LABELS,
    clips_by_emotion={str(label): 7000 for label in _LABELS.values()},
    clips_by_speaker=dict.fromkeys(_SPEAKERS, 1750),
    open=_open,
    obtain="accept the terms on its page and follow the link to the archive",
)
