"""SAVEE: ``DC_a01`` or ``DC/a01``, speaker, emotion, number of the sentence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from serein.corpora.readers.base import Clip, Corpus, Reading

_LABELS: dict[str, str | None] = {
    "a": "angry",
    "d": "disgusted",
    "f": "fearful",
    "h": "happy",
    "n": "neutral",
    "sa": "sad",
    "su": "surprised",
}
_SPEAKERS = ("DC", "JE", "JK", "KL")
_NAME = re.compile(rf"(?:({'|'.join(_SPEAKERS)})_)?({'|'.join(_LABELS)})([0-3]\d)", re.IGNORECASE)
_EXPECTED = frozenset(
    f"{speaker}_{emotion}{number:02d}"
    for speaker in _SPEAKERS
    for emotion in _LABELS
    for number in range(1, 31 if emotion == "n" else 16)
)


def _parse(path: PurePosixPath) -> Clip | None:
    match = _NAME.fullmatch(path.stem)
    if match is None:
        return None
    speaker = (match[1] or path.parent.name).upper()
    emotion, number = match[2].lower(), match[3]
    name = f"{speaker}_{emotion}{number}"
    if name not in _EXPECTED:
        return None
    return Clip(
        name=name,
        speaker=speaker,
        original_emotion=emotion,
        sex="male",
        # Three texts are common to all emotions and twelve are repeated as neutral ones; which of
        # the numbers these are the names do not tell, so that every emotion counts its own.
        sentence=f"{emotion}{number}",
    )


def _open(root: Path, paths: Sequence[PurePosixPath]) -> Reading:
    return Reading(_parse, expected=_EXPECTED)


SAVEE = Corpus(
    name="savee",
    title="Surrey Audio-Visual Expressed Emotion Database",
    languages=("en",),
    licence="free for research, after registration",
    citation="Haq and Jackson, Machine Audition, IGI Global: 398-423, 2010",
    url="http://kahlan.eps.surrey.ac.uk/savee/",
    layout=("AudioData/DC/a01.wav", "DC/a01.wav", "DC_a01.wav"),
    labels=_LABELS,
    clips_by_emotion={str(label): 60 for label in _LABELS.values()} | {"neutral": 120},
    clips_by_speaker=dict.fromkeys(_SPEAKERS, 120),
    open=_open,
    obtain="register at its page and unpack AudioData.zip",
)
