"""RAVDESS: ``03-01-EE-II-SS-RR-AA``, modality, channel, emotion, intensity, statement, ..."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path, PurePosixPath

from serein.corpora.readers.base import Archive, Clip, Corpus, LeftOut, Reading

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
_SUNG = tuple(_EMOTIONS)[:6]
_INTENSITIES = {"01": "normal", "02": "strong"}
_SPEECH, _SONG = "01", "02"
_OTHERS = {
    _SPEECH: "spoken clips, to be read as the corpus ravdess",
    _SONG: "sung clips, to be read as the corpus ravdess-song",
}
_ACTORS = tuple(f"{number:02d}" for number in range(1, 25))
_SINGERS = tuple(actor for actor in _ACTORS if actor != "18")
_NAME = re.compile(r"(0[1-3])-(0[12])-(0[1-8])-(0[12])-(0[12])-(0[12])-(0[1-9]|1\d|2[0-4])")


def _names(channel: str, emotions: Sequence[str], actors: Sequence[str]) -> frozenset[str]:
    """The names of a complete corpus; neutral is not spoken or sung strongly."""
    grid = product(emotions, _INTENSITIES, ("01", "02"), ("01", "02"), actors)
    return frozenset(
        f"03-{channel}-{emotion}-{intensity}-{statement}-{repetition}-{actor}"
        for emotion, intensity, statement, repetition, actor in grid
        if (emotion, intensity) != ("01", "02")
    )


def _opener(
    channel: str, expected: frozenset[str]
) -> Callable[[Path, Sequence[PurePosixPath]], Reading]:
    def parse(path: PurePosixPath) -> Clip | LeftOut | None:
        match = _NAME.fullmatch(path.stem)
        if match is None:
            return None
        modality, found, emotion, intensity, statement, _, actor = match.groups()
        if modality != "03":
            return LeftOut("video files, whose sound is that of the audio files")
        if found != channel:
            return LeftOut(_OTHERS[found])
        return Clip(
            name=path.stem,
            speaker=actor,
            original_emotion=_EMOTIONS[emotion],
            sex="male" if int(actor) % 2 else "female",
            intensity=_INTENSITIES[intensity],
            sentence=statement.lstrip("0"),
        )

    return lambda root, paths: Reading(parse, expected=expected)


def _zip(part: str, checksum: str) -> Archive:
    address = f"https://zenodo.org/records/1188976/files/Audio_{part}_Actors_01-24.zip"
    return Archive(address, checksum)


_LICENCE = "CC BY-NC-SA 4.0"
_CITATION = "Livingstone and Russo, PLoS ONE 13(5): e0196391, 2018"
_URL = "https://zenodo.org/records/1188976"

RAVDESS = Corpus(
    name="ravdess",
    title="Ryerson Audio-Visual Database of Emotional Speech and Song (speech)",
    languages=("en",),
    licence=_LICENCE,
    citation=_CITATION,
    url=_URL,
    layout=("Actor_01/03-01-05-02-01-01-01.wav", "03-01-05-02-01-01-01.wav"),
    labels={label: label for label in _EMOTIONS.values()} | {"disgust": "disgusted"},
    clips_by_emotion={
        "neutral": 96,
        **dict.fromkeys(("calm", "happy", "sad", "angry", "fearful", "disgusted"), 192),
        "surprised": 192,
    },
    clips_by_speaker=dict.fromkeys(_ACTORS, 60),
    open=_opener(_SPEECH, _names(_SPEECH, tuple(_EMOTIONS), _ACTORS)),
    archives=(_zip("Speech", "md5:bc696df654c87fed845eb13823edef8a"),),
)

RAVDESS_SONG = Corpus(
    name="ravdess-song",
    title="Ryerson Audio-Visual Database of Emotional Speech and Song (song)",
    languages=("en",),
    licence=_LICENCE,
    citation=_CITATION,
    url=_URL,
    layout=("Actor_01/03-02-05-02-01-01-01.wav", "03-02-05-02-01-01-01.wav"),
    labels={_EMOTIONS[code]: _EMOTIONS[code] for code in _SUNG},
    clips_by_emotion={
        "neutral": 92,
        **dict.fromkeys(("calm", "happy", "sad", "angry", "fearful"), 184),
    },
    clips_by_speaker=dict.fromkeys(_SINGERS, 44),
    open=_opener(_SONG, _names(_SONG, _SUNG, _SINGERS)),
    archives=(_zip("Song", "md5:5411230427d67a21e18aa4d466e6d1b9"),),
    voices_of="ravdess",
)
