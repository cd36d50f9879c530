"""TESS: ``OAF_back_angry``, speaker, the last word of "Say the word ...", emotion."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import product
from pathlib import Path, PurePosixPath

from serein.corpora.readers.base import Clip, Corpus, Reading
from serein.filenames import is_audio

_LABELS: dict[str, str | None] = {
    "angry": "angry",
    "disgust": "disgusted",
    "fear": "fearful",
    "happy": "happy",
    "neutral": "neutral",
    "ps": "surprised",
    "sad": "sad",
}
# One file is called OA_bite_neutral; OA is the older speaker, OAF, there too.
_NAME = re.compile(rf"(OAF?|YAF)_([a-z-]+)_({'|'.join(_LABELS)})", re.IGNORECASE)
_SPEAKERS = {"oa": "OAF", "oaf": "OAF", "yaf": "YAF"}


def _parse(path: PurePosixPath) -> Clip | None:
    match = _NAME.fullmatch(path.stem)
    if match is None:
        return None
    speaker, word, emotion = (part.lower() for part in match.groups())
    speaker = _SPEAKERS[speaker]
    return Clip(
        name=f"{speaker}_{word}_{emotion}",
        speaker=speaker,
        original_emotion=emotion,
        sex="female",
        sentence=word,
    )


def _open(root: Path, paths: Sequence[PurePosixPath]) -> Reading:
    clips = [clip for path in paths if is_audio(path) and (clip := _parse(path))]
    words = {clip.sentence for clip in clips}
    grid = product(("OAF", "YAF"), words, _LABELS)
    return Reading(_parse, expected=frozenset("_".join(map(str, parts)) for parts in grid))


TESS = Corpus(
    name="tess",
    title="Toronto Emotional Speech Set",
    languages=("en",),
    licence="CC BY-NC-ND 4.0",
    citation="Pichora-Fuller and Dupuis, University of Toronto, doi:10.5683/SP2/E8H2MF, 2020",
    url="https://doi.org/10.5683/SP2/E8H2MF",
    layout=("OAF_back_angry.wav", "OAF_angry/OAF_back_angry.wav"),
    labels=_LABELS,
    lossy={"ps": "pleasant surprise is taken as surprised; unpleasant surprise is not in TESS"},
    clips_by_emotion={str(label): 400 for label in _LABELS.values()},
    clips_by_speaker={"OAF": 1400, "YAF": 1400},
    open=_open,
    obtain="download all files of its Dataverse page, and unpack them into one folder",
)
