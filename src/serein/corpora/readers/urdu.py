"""URDU: ``SM1_F1_A01``, speaker with sex, file of that speaker, emotion with running number."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from serein.corpora.readers.base import Archive, Clip, Corpus, Reading

_LABELS: dict[str, str | None] = {"A": "angry", "H": "happy", "N": "neutral", "S": "sad"}
# The speakers of each emotion in the order of its running numbers, with their clips. There are 29
# in all; the description speaks of 38.
_CLIPS: Mapping[str, Mapping[str, int]] = {
    "A": {"SM1": 22, "SM2": 28, "SM3": 2, "SM4": 48},
    "H": {
        **{"SF1": 12, "SF2": 2, "SF3": 2, "SF4": 4, "SF5": 4, "SF6": 14, "SF7": 6, "SF8": 2},
        **{"SM17": 2, "SM18": 2, "SM19": 2, "SM3": 2, "SM5": 8, "SM6": 10, "SM7": 28},
    },
    "N": {"SF9": 4, "SM20": 10, "SM21": 4, "SM22": 2, "SM3": 8, "SM5": 72},
    "S": {
        **{"SF10": 2, "SF11": 4, "SM23": 6, "SM24": 38},
        **{"SM25": 40, "SM26": 2, "SM27": 4, "SM6": 4},
    },
}
_NAME = re.compile(rf"(S([FM])\d{{1,2}})_F(\d+)_([{''.join(_LABELS)}])(\d+)", re.IGNORECASE)


def _name(speaker: str, file: int, emotion: str, number: int) -> str:
    """A clip's name; the running number has one zero before it, however many digits it has."""
    return f"{speaker}_F{file}_{emotion}0{number}"


def _parse(path: PurePosixPath) -> Clip | None:
    match = _NAME.fullmatch(path.stem)
    if match is None:
        return None
    speaker, sex, file, emotion, number = (part.upper() for part in match.groups())
    return Clip(
        name=_name(speaker, int(file), emotion, int(number)),
        speaker=speaker,
        original_emotion=emotion,
        sex="female" if sex == "F" else "male",
    )


def _open(root: Path, paths: Sequence[PurePosixPath]) -> Reading:
    names = set()
    for emotion, speakers in _CLIPS.items():
        files = [(who, file) for who, count in speakers.items() for file in range(1, count + 1)]
        names |= {_name(*item, emotion, number) for number, item in enumerate(files, start=1)}
    return Reading(_parse, expected=frozenset(names))


def _count_speakers() -> Counter[str]:
    counts: Counter[str] = Counter()
    for speakers in _CLIPS.values():
        counts.update(speakers)
    return counts


URDU = Corpus(
    name="urdu",
    title="URDU, emotional speech of Urdu talk shows",
    languages=("ur",),
    licence="free for research",
    citation="Latif et al., Frontiers of Information Technology 2018: 88-93",
    url="https://github.com/siddiquelatif/URDU-Dataset",
    layout=("Angry/SM1_F1_A01.wav", "SM1_F1_A01.wav"),
    labels=_LABELS,
    clips_by_emotion={str(label): 100 for label in _LABELS.values()},
    clips_by_speaker=_count_speakers(),
    open=_open,
    archives=(
        Archive(
            "https://github.com/siddiquelatif/URDU-Dataset/archive/refs/heads/master.zip", None
        ),
    ),
)
