"""EmoDB: ``03a01Fa``, speaker, text, emotion, version; the letters are of the German words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from serein.corpora.readers.base import Archive, Clip, Corpus, Reading

_LABELS: dict[str, str | None] = {
    "W": "angry",
    "L": "bored",
    "E": "disgusted",
    "A": "fearful",
    "F": "happy",
    "T": "sad",
    "N": "neutral",
}
_CLIPS = {
    **{"03": 49, "08": 58, "09": 43, "10": 38, "11": 55},
    **{"12": 35, "13": 61, "14": 69, "15": 56, "16": 71},
}
_WOMEN = ("08", "09", "13", "14", "16")
_NAME = re.compile(rf"({'|'.join(_CLIPS)})([ab]\d\d)([{''.join(_LABELS)}])[a-z]")


def _parse(path: PurePosixPath) -> Clip | None:
    match = _NAME.fullmatch(path.stem)
    if match is None:
        return None
    speaker, text, emotion = match.groups()
    return Clip(
        name=path.stem,
        speaker=speaker,
        original_emotion=emotion,
        sex="female" if speaker in _WOMEN else "male",
        sentence=text,
    )


def _open(root: Path, paths: Sequence[PurePosixPath]) -> Reading:
    return Reading(_parse)


EMODB = Corpus(
    name="emodb",
    title="Berlin Database of Emotional Speech",
    languages=("de",),
    licence="free to use, to be cited",
    citation="Burkhardt et al., Interspeech 2005: 1517-1520",
    url="http://emodb.bilderbar.info/",
    layout=("wav/03a01Fa.wav", "03a01Fa.wav"),
    labels=_LABELS,
    lossy={"A": "anxiety and fear are one label (Angst), taken as fearful"},
    clips_by_emotion={
        **{"angry": 127, "bored": 81, "disgusted": 46, "fearful": 69},
        **{"happy": 71, "sad": 62, "neutral": 79},
    },
    clips_by_speaker=_CLIPS,
    open=_open,
    archives=(Archive("https://zenodo.org/records/7447302/files/emodb.zip", None),),
)
