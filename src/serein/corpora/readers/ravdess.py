"""RAVDESS: ``03-01-EE-II-SS-RR-AA``, modality, channel, emotion, intensity, statement, ..."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import product
from pathlib import Path, PurePosixPath

from serein.corpora.readers.base import Clip, Corpus, LeftOut, Reading

_EMOTIONS = {
    "01": "neutral",
    "02": "calm",
    "03": "happy",
    "04": "sad",
    "05": "angry",
    "06": "fearful",
    "07": "disgust",
    "08": "surprised",
}
_INTENSITIES = {"01": "normal", "02": "strong"}
_ACTORS = tuple(f"{number:02d}" for number in range(1, 25))
_NAME = re.compile(r"(0[1-3])-(0[12])-(0[1-8])-(0[12])-(0[12])-(0[12])-(0[1-9]|1\d|2[0-4])")
_EXPECTED = frozenset(
    f"03-01-{emotion}-{intensity}-{statement}-{repetition}-{actor}"
    for emotion, intensity, statement, repetition, actor in product(
        _EMOTIONS, _INTENSITIES, ("01", "02"), ("01", "02"), _ACTORS
    )
    if (emotion, intensity) != ("01", "02")
)


def _parse(path: PurePosixPath) -> Clip | LeftOut | None:
    match = _NAME.fullmatch(path.stem)
    if match is None:
        return None
    modality, channel, emotion, intensity, statement, _, actor = match.groups()
    if modality != "03":
        return LeftOut("video files, whose sound is that of the audio files")
    if channel != "01":
        return LeftOut("sung clips; only speech is read")
    return Clip(
        name=path.stem,
        speaker=actor,
        original_emotion=_EMOTIONS[emotion],
        sex="male" if int(actor) % 2 else "female",
        intensity=_INTENSITIES[intensity],
        sentence=statement.lstrip("0"),
    )


def _open(root: Path, paths: Sequence[PurePosixPath]) -> Reading:
    return Reading(_parse, expected=_EXPECTED)


RAVDESS = Corpus(
    name="ravdess",
    title="Ryerson Audio-Visual Database of Emotional Speech and Song (speech)",
    languages=("en",),
    licence="CC BY-NC-SA 4.0",
    citation="Livingstone and Russo, PLoS ONE 13(5): e0196391, 2018",
    url="https://zenodo.org/records/1188976",
    layout=("Actor_01/03-01-05-02-01-01-01.wav", "03-01-05-02-01-01-01.wav"),
    labels={label: label for label in _EMOTIONS.values()} | {"disgust": "disgusted"},
    clips_by_emotion={
        "neutral": 96,
        **dict.fromkeys(("calm", "happy", "sad", "angry", "fearful", "disgusted"), 192),
        "surprised": 192,
    },
    clips_by_speaker=dict.fromkeys(_ACTORS, 60),
    open=_open,
)
