"""JL corpus: ``female1_angry_10a_1``, speaker, emotion, sentence with session, repetition."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import product
from pathlib import Path, PurePosixPath

from serein.corpora.readers.base import Clip, Corpus, Reading

_LABELS: dict[str, str | None] = {
    "angry": "angry",
    "sad": "sad",
    "neutral": "neutral",
    "happy": "happy",
    "excited": "happy",
    "anxious": "fearful",
    "apologetic": None,
    "assertive": None,
    "concerned": "fearful",
    "encouraging": "happy",
}
# The description calls three of the secondary emotions by words that no file's name has.
_DESCRIBED: dict[str, str | None] = {"pensive": None, "worried": "fearful", "enthusiastic": "happy"}
_SPEAKERS = ("female1", "female2", "male1", "male2")
_NAME = re.compile(
    rf"({'|'.join(_SPEAKERS)})_({'|'.join((*_LABELS, *_DESCRIBED))})_(\d{{1,2}})([ab])_([12])",
    re.IGNORECASE,
)


def _parse(path: PurePosixPath) -> Clip | None:
    match = _NAME.fullmatch(path.stem)
    if match is None:
        return None
    speaker, emotion, sentence, *_ = (part.lower() for part in match.groups())
    return Clip(
        name=path.stem.lower(),
        speaker=speaker,
        original_emotion=emotion,
        sex=speaker[:-1],
        sentence=sentence,
    )


def _open(root: Path, paths: Sequence[PurePosixPath]) -> Reading:
    grid = product(_SPEAKERS, _LABELS, range(1, 16), "ab", (1, 2))
    names = (f"{who}_{what}_{number}{session}_{take}" for who, what, number, session, take in grid)
    return Reading(_parse, expected=frozenset(names))


JL = Corpus(
    name="jl",
    title="JL corpus, emotional speech in New Zealand English",
    languages=("en",),
    licence="CC0 1.0",
    citation="James, Tian and Watson, Interspeech 2018: 2768-2772",
    url="https://www.kaggle.com/datasets/tli725/jl-corpus",
    layout=(
        "Raw JL corpus (unchecked and unannotated)/JL(wav+txt)/female1_angry_10a_1.wav",
        "female1_angry_10a_1.wav",
    ),
    labels=_LABELS | _DESCRIBED,
    lossy={
        "anxious": "anxiety is taken as fearful",
        "concerned": "concern is taken as fearful",
        "worried": "worry is taken as fearful",
        "excited": "excitement is taken as happy",
        "encouraging": "encouragement is taken as happy",
        "enthusiastic": "enthusiasm is taken as happy",
    },
    clips_by_emotion={
        **dict.fromkeys(("angry", "sad", "neutral"), 240),
        **{"happy": 720, "fearful": 480, "": 480},
    },
    clips_by_speaker=dict.fromkeys(_SPEAKERS, 600),
    open=_open,
    obtain="sign in to Kaggle and download the data set tli725/jl-corpus",
    commercial=True,
)
