"""What a cross-validation or an evaluation leaves behind: metrics, folds, predictions, a report."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from serein.bundle import require_vacant
from serein.corpora import Fold, Utterance, folds_as_dict
from serein.errors import ArgumentInvalid, DataInvalid
from serein.evaluation.decisions import decisions
from serein.evaluation.fairness import fairness
from serein.evaluation.judging import Judged
from serein.evaluation.predictions import PREDICTIONS_FILE, write_predictions
from serein.evaluation.scores import (
    COVERAGE,
    MEANS,
    SUFFIX,
    in_four_classes,
    mean_over_corpora,
    score_corpora,
    uar_interval,
)

METRICS_FILE = "metrics.json"
FOLDS_FILE = "folds.json"
REPORT_FILE = "report.html"

_OF_FOUR = (
    "classes",
    "speakers",
    "clips",
    *(name + end for end in SUFFIX.values() for name in MEANS),
)


def metrics_of(judged: Sequence[Judged], head: Mapping[str, Any]) -> dict[str, Any]:
    """The contents of ``metrics.json``, but for folds and what else was measured.

    Parameters
    ----------
    judged
        All judgements, of all corpora, folds and seeds.
    head
        What stands first: recipe, protocol, ``minimum_confidence``, and what else holds for the
        run as a whole.
    """
    corpora = score_corpora(judged)
    classes = sorted({name for line in corpora.values() for name in line["classes"]})
    metrics = {
        **head,
        "classes": classes,
        **mean_over_corpora(corpora.values()),
        **{f"uar{end}_interval": uar_interval(judged, mode) for mode, end in SUFFIX.items()},
        "speakers": len({one.utterance.speaker for one in judged if one.utterance.speaker}),
        "clips": sum(line["clips"] for line in corpora.values()),
        "coverage": COVERAGE,
        "decided": decisions(judged, head["minimum_confidence"]),
        "corpora": corpora,
        "groups": fairness(judged),
    }
    if four := in_four_classes(judged):
        lines = score_corpora(four)
        metrics["four_classes"] = {
            **mean_over_corpora(lines.values()),
            "corpora": {name: {key: line[key] for key in _OF_FOUR} for name, line in lines.items()},
        }
    return metrics


def prepare_folder(folder: Path, *, resume: bool = False) -> None:
    """Make the folder of an outcome, unless it is there and empty, or is to be gone on with.

    Raises
    ------
    ArgumentInvalid
        It is taken, or cannot be made.
    """
    if not resume:
        require_vacant(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArgumentInvalid(
            f"{folder}: the folder cannot be made ({error.strerror or error}); name another one",
            file=str(folder),
        ) from error


def write_outcome(folder: Path, metrics: Mapping[str, Any], judged: Sequence[Judged]) -> None:
    """Write ``metrics.json``, ``predictions.parquet`` and ``report.html`` into a folder."""
    from serein.evaluation.report import write_report

    write_json(folder / METRICS_FILE, metrics)
    write_predictions(judged, folder / PREDICTIONS_FILE)
    write_report(metrics, folder / REPORT_FILE)


def write_folds(folder: Path, folds: Sequence[Fold], utterances: Sequence[Utterance]) -> None:
    """Write ``folds.json``: who was trained on, who decided, who was tested."""
    write_json(folder / FOLDS_FILE, folds_as_dict(folds, utterances))


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write plain values as a file that a person can read too."""
    path.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_metrics(folder: Path) -> dict[str, Any]:
    """Read the ``metrics.json`` of a folder.

    Raises
    ------
    DataInvalid
        There is none, or it is damaged.
    """
    path = folder / METRICS_FILE
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(values, dict):
            raise ValueError("it is no table of keys and values")
    except (OSError, ValueError, RecursionError) as error:
        raise DataInvalid(
            f"{folder}: has no readable {METRICS_FILE} ({error}); give a folder that 'serein "
            "crossval' or 'serein evaluate' wrote",
            file=str(folder),
        ) from error
    return values
