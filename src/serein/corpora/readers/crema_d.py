"""CREMA-D: ``1001_IEO_ANG_HI``, actor, sentence, emotion, level; votes and sexes in tables."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path, PurePosixPath

from serein.corpora.readers.base import Clip, Corpus, Reading, find_beside, read_rows

_LABELS: dict[str, str | None] = {
    "ANG": "angry",
    "DIS": "disgusted",
    "FEA": "fearful",
    "HAP": "happy",
    "NEU": "neutral",
    "SAD": "sad",
}
_VOTES = {
    "A": "angry",
    "D": "disgusted",
    "F": "fearful",
    "H": "happy",
    "N": "neutral",
    "S": "sad",
}
_LEVELS = {"LO": "low", "MD": "medium", "HI": "high", "XX": None, "X": None}
_SENTENCES = ("DFA", "IOM", "ITH", "ITS", "IWL", "IWW", "MTI", "TAI", "TIE", "TSI", "WSI")
_ACTORS = tuple(str(number) for number in range(1001, 1092))
_NAME = re.compile(rf"(1\d{{3}})_({'|'.join(_SENTENCES)}|IEO)_({'|'.join(_LABELS)})_(LO|MD|HI|XX?)")
# The votes stand in three blocks of rows: heard only, seen only, both. These are the heard ones.
_VOICE_ROWS = range(100_001, 200_001)
_NEVER_RECORDED = {"1002_TIE_NEU_XX", "1076_ITS_NEU_XX"} | {
    f"{actor_sentence}_{emotion}_XX"
    for actor_sentence, emotion in product(("1008_WSI", "1009_MTI", "1019_ITH"), _LABELS)
}
_EXPECTED = frozenset(
    f"{actor}_{rest}"
    for actor, rest in product(
        _ACTORS,
        [
            *(f"{sentence}_{emotion}_XX" for sentence, emotion in product(_SENTENCES, _LABELS)),
            *(f"IEO_{e}_{level}" for e in _LABELS if e != "NEU" for level in ("LO", "MD", "HI")),
            "IEO_NEU_XX",
        ],
    )
).difference(_NEVER_RECORDED)


def _open(root: Path, paths: Sequence[PurePosixPath]) -> Reading:
    demographics = find_beside(root, paths, "VideoDemographics.csv")
    votes_file = find_beside(root, paths, "processedResults/tabulatedVotes.csv")
    notes = []
    if demographics is None:
        notes.append("VideoDemographics.csv is not there: the speakers' sexes are unknown")
    if votes_file is None:
        notes.append("processedResults/tabulatedVotes.csv is not there: no listeners' votes")
    sexes = _read_sexes(demographics) if demographics else {}
    votes = _read_votes(votes_file) if votes_file else {}

    def parse(path: PurePosixPath) -> Clip | None:
        match = _NAME.fullmatch(path.stem)
        if match is None:
            return None
        actor, sentence, emotion, level = match.groups()
        # One file of the original is called 1040_ITH_SAD_X, and 1040_ITH_SAD_XX in the tables.
        name = f"{path.stem}X" if level == "X" else path.stem
        return Clip(
            name=name,
            speaker=actor,
            original_emotion=emotion,
            sex=sexes.get(actor),
            intensity=_LEVELS[level],
            sentence=sentence,
            votes=votes.get(name),
        )

    return Reading(parse, expected=_EXPECTED, notes=tuple(notes))


def _read_sexes(path: Path) -> dict[str, str]:
    rows = read_rows(path, columns=("ActorID", "Sex"))
    return {actor: sex.lower() for actor, sex in rows if sex.lower() in ("female", "male")}


def _read_votes(path: Path) -> dict[str, Mapping[str, float]]:
    votes: dict[str, Mapping[str, float]] = {}
    for row, name, *numbers in read_rows(path, columns=("", "fileName", *_VOTES)):
        counts = [int(number) for number in numbers]
        if int(row) in _VOICE_ROWS and sum(counts) > 0:
            shares = (count / sum(counts) for count in counts)
            votes[name] = dict(zip(_VOTES.values(), shares, strict=True))
    return votes


CREMA_D = Corpus(
    name="crema-d",
    title="Crowd-sourced Emotional Multimodal Actors Dataset",
    languages=("en",),
    licence="ODbL 1.0 / DbCL 1.0",
    citation="Cao et al., IEEE Transactions on Affective Computing 5(4): 377-390, 2014",
    url="https://github.com/CheyneyComputerScience/CREMA-D",
    layout=("AudioWAV/1001_IEO_ANG_HI.wav", "AudioMP3/1001_IEO_ANG_HI.mp3", "1001_DFA_SAD_XX.wav"),
    labels=_LABELS,
    commercial=True,
    clips_by_emotion={
        **dict.fromkeys(("angry", "disgusted", "fearful", "happy", "sad"), 1271),
        "neutral": 1087,
    },
    clips_by_speaker=dict.fromkeys(_ACTORS, 82)
    | {"1002": 81, "1008": 76, "1009": 76, "1019": 76, "1076": 81},
    open=_open,
    obtain="clone its repository with git-lfs; AudioWAV and the two tables are enough",
)
