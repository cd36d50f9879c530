"""AESDD: ``a01 (1)``, emotion, utterance, speaker; ``a06 (5)b`` is a second take."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import product
from pathlib import Path, PurePosixPath

from serein.corpora.readers.base import Clip, Corpus, Reading

_EMOTIONS = {"a": "anger", "d": "disgust", "f": "fear", "h": "happiness", "s": "sadness"}
_SPEAKERS = ("1", "2", "3", "4", "5", "6")
# Also a01(1), a01_1 and a01-1, as copies are called where brackets or blanks are in the way.
_NAME = re.compile(r"([adfhs])(\d\d)(?: ?\(0?([1-9])\)|[ _-]0?([1-9]))([a-c]?)", re.IGNORECASE)
# The 20th utterance is improvised, by each speaker and in each emotion anew.
_IMPROVISED = "20"
_GRID = frozenset(
    f"{emotion}{number:02d} ({speaker})"
    for emotion, number, speaker in product(_EMOTIONS, range(1, 21), _SPEAKERS)
)
# s05 (3) lies in the archive, but its header is broken.
_LACKING = {"d18 (5)", "f02 (4)", "h11 (3)", "s01 (5)", "s05 (3)"}
_SECOND_TAKES = {
    *("a06 (5)b", "d01 (5)b", "d03 (5)b", "d04 (5)b", "f18 (5)b"),
    *("s01 (5)a", "s01 (5)b", "s02 (5)b", "s04 (5)b"),
}
_EXPECTED = (_GRID - _LACKING) | _SECOND_TAKES


def _parse(path: PurePosixPath) -> Clip | None:
    match = _NAME.fullmatch(path.stem)
    if match is None:
        return None
    emotion, number, take = match[1].lower(), match[2], match[5].lower()
    speaker = match[3] or match[4]
    return Clip(
        name=f"{emotion}{number} ({speaker}){take}",
        speaker=speaker,
        original_emotion=_EMOTIONS[emotion],
        sentence=None if number == _IMPROVISED else number,
    )


def _open(root: Path, paths: Sequence[PurePosixPath]) -> Reading:
    return Reading(_parse, expected=_EXPECTED)


AESDD = Corpus(
    name="aesdd",
    title="Acted Emotional Speech Dynamic Database",
    languages=("el",),
    licence="free for research, to be cited",
    citation="Vryzas et al., Journal of the Audio Engineering Society 66(6): 457-467, 2018",
    url="http://m3c.web.auth.gr/research/aesdd-speech-emotion-recognition/",
    layout=("anger/a01 (1).wav", "a01 (1).wav", "anger/a01_1.wav"),
    labels={
        "anger": "angry",
        "disgust": "disgusted",
        "fear": "fearful",
        "happiness": "happy",
        "sadness": "sad",
    },
    clips_by_emotion={
        **{"angry": 121, "disgusted": 122, "fearful": 120, "happy": 119, "sad": 122},
    },
    clips_by_speaker={"1": 100, "2": 100, "3": 98, "4": 99, "5": 107, "6": 100},
    open=_open,
    obtain="follow the link on its page to the archive",
)
