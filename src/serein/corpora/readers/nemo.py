"""nEMO: ``EB0_anger_1``, speaker, emotion, number of the sentence; texts in ``data.tsv``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from serein.corpora.readers.base import Clip, Corpus, Reading, find_beside, read_rows

_LABELS: dict[str, str | None] = {
    "anger": "angry",
    "fear": "fearful",
    "happiness": "happy",
    "neutral": "neutral",
    "sadness": "sad",
    "surprised": "surprised",
}
_SEXES = {
    **dict.fromkeys(("EB0", "IC0", "KD0", "MK0"), "female"),
    **dict.fromkeys(("KS0", "MP0", "SM0", "TP0", "WR0"), "male"),
}
_NAME = re.compile(rf"({'|'.join(_SEXES)})_({'|'.join(_LABELS)})_(\d+)")


def _open(root: Path, paths: Sequence[PurePosixPath]) -> Reading:
    table = find_beside(root, paths, "data.tsv")
    sentences: dict[str, str] = {}
    if table is not None:
        rows = read_rows(table, columns=("file_id", "normalized_text"), delimiter="\t")
        sentences = {PurePosixPath(file).stem: text for file, text in rows}

    def parse(path: PurePosixPath) -> Clip | None:
        match = _NAME.fullmatch(path.stem)
        if match is None:
            return None
        speaker, emotion, number = match.groups()
        return Clip(
            name=path.stem,
            speaker=speaker,
            original_emotion=emotion,
            sex=_SEXES[speaker],
            sentence=sentences.get(path.stem, number),
        )

    if table is None:
        note = "data.tsv is not there: sentences are numbers, and missing clips cannot be named"
        return Reading(parse, notes=(note,))
    return Reading(parse, expected=frozenset(sentences))


NEMO = Corpus(
    name="nemo",
    title="nEMO, a dataset of emotional speech in Polish",
    languages=("pl",),
    licence="CC BY-NC-SA 4.0",
    citation="Christop, LREC-COLING 2024: 12111-12116",
    url="https://huggingface.co/datasets/amu-cai/nEMO",
    layout=("samples/EB0_anger_1.wav", "EB0_anger_1.wav"),
    labels=_LABELS,
    clips_by_emotion={
        "angry": 749,
        "fearful": 736,
        "happy": 749,
        "neutral": 809,
        "sad": 769,
        "surprised": 669,
    },
    clips_by_speaker={
        **{"EB0": 539, "IC0": 540, "KD0": 540, "KS0": 540, "MK0": 450},
        **{"MP0": 256, "SM0": 538, "TP0": 539, "WR0": 539},
    },
    open=_open,
    obtain="download the data set amu-cai/nEMO from Hugging Face, samples and data.tsv",
)
