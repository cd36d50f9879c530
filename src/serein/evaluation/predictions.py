"""Judgements on disk: one row a clip and seed, as a Parquet table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from serein.corpora import OwnUtterance
from serein.corpora.table import load_pyarrow
from serein.errors import DataInvalid
from serein.evaluation.judging import Judged
from serein.evaluation.scores import SUFFIX

PREDICTIONS_FILE = "predictions.parquet"

_OF_UTTERANCE = (
    "path",
    "corpus",
    "speaker",
    "sex",
    "language",
    "sentence",
    "split",
    "emotion",
    "sha256",
)


def write_predictions(judged: Sequence[Judged], path: Path) -> None:
    """Write every judgement as a Parquet table: one row a clip and seed."""
    pyarrow, parquet = load_pyarrow()
    text = pyarrow.string()
    shares = pyarrow.map_(text, pyarrow.float64())
    columns: dict[str, Any] = {
        name: pyarrow.array([getattr(one.utterance, name) for one in judged], type=text)
        for name in _OF_UTTERANCE
    }
    columns["fold"] = pyarrow.array([one.fold for one in judged], type=text)
    columns["seed"] = pyarrow.array([one.seed for one in judged], type=pyarrow.int64())
    for mode, suffix in SUFFIX.items():
        found = [getattr(one, mode).tolist() for one in judged]
        columns["predicted" + suffix] = pyarrow.array(
            [one.classes[int(np.argmax(row))] for one, row in zip(judged, found, strict=True)],
            type=text,
        )
        columns["probabilities" + suffix] = pyarrow.array(
            [
                list(zip(one.classes, row, strict=True))
                for one, row in zip(judged, found, strict=True)
            ],
            type=shares,
        )
    parquet.write_table(pyarrow.table(columns), path)


def read_predictions(path: Path) -> list[Judged]:
    """Read what :func:`write_predictions` wrote; of an utterance only what a score needs is there.

    Raises
    ------
    DataInvalid
        There is no such table, or it is damaged.
    """
    pyarrow, parquet = load_pyarrow()
    advice = "give a folder that 'serein crossval' or 'serein evaluate' wrote"
    if not path.is_file():
        raise DataInvalid(f"{path}: there is no such table; {advice}", file=str(path))
    try:
        rows = parquet.read_table(path).to_pylist()
        return [_judged(row) for row in rows]
    except (pyarrow.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
        raise DataInvalid(f"{path}: cannot be read ({error}); {advice}", file=str(path)) from error


def _judged(row: dict[str, Any]) -> Judged:
    utterance = OwnUtterance(
        **{name: row[name] for name in _OF_UTTERANCE},
        original_emotion=row["emotion"],
        intensity=None,
        duration=0.0,
        sampling_rate=0,
    )
    shares = dict(row["probabilities"])
    enrolled = dict(row["probabilities_enrolled"])
    classes = tuple(shares)
    if row["emotion"] not in classes:
        raise ValueError(f"{row['path']}: {row['emotion']!r} is none of the labels judged")
    return Judged(
        utterance,
        row["fold"],
        row["seed"],
        classes,
        np.array([shares[name] for name in classes]),
        np.array([enrolled[name] for name in classes]),
    )
