"""Scores of a bundle: judged through recognition, so that what is scored is what is shipped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from serein.bundle import Bundle, Mode
from serein.corpora import Utterance
from serein.features.spectral import FloatArray
from serein.labels import LABELS
from serein.metrics import (
    confusion_matrix,
    expected_calibration_error,
    recall_per_class,
    uar_interval,
    unweighted_average_recall,
    weighted_accuracy,
)
from serein.recognition import judge
from serein.training.data import Dataset

FEWEST_SPEAKERS = 3
"""Fewer speakers than this give no interval: there is too little to draw from."""

# The suffix of each leaderboard's values.
_SUFFIX: dict[Mode, str] = {"unknown": "", "enrolled": "_enrolled"}


@dataclass(frozen=True)
class Judged:
    """A clip and what a model that never heard its speaker said of it.

    Attributes
    ----------
    utterance
        The clip.
    fold
        Name of the fold that tested it.
    seed
        Seed of the training.
    classes
        The labels it is scored over: those of its corpus.
    unknown, enrolled
        Probabilities over ``classes`` on leaderboards U and E, each summing to 1, shape
        (classes,).
    """

    utterance: Utterance
    fold: str
    seed: int
    classes: tuple[str, ...]
    unknown: FloatArray
    enrolled: FloatArray


def scored_classes(dataset: Dataset, labels: Sequence[str], corpus: str) -> tuple[str, ...]:
    """The labels a corpus is scored over: those it holds and the recipe knows."""
    return tuple(label for label in dataset.corpus_labels(corpus) if label in labels)


def judge_clips(
    bundle: Bundle,
    dataset: Dataset,
    indexes: Sequence[int],
    *,
    labels: Sequence[str] = LABELS,
    fold: str = "",
    seed: int = 0,
) -> list[Judged]:
    """Judge clips on both leaderboards.

    On E a speaker's profile is made of all the speaker's clips among ``indexes``, without their
    labels and without silent ones; a clip of an unknown speaker is judged as on U.
    """
    clips = [dataset.features[index] for index in indexes]
    unknown = dict(zip(indexes, judge(bundle, clips), strict=True))
    enrolled = dict(unknown)
    for group in dataset.by_speaker(indexes).values():
        # As Recognizer.enroll does: a silent clip tells nothing of a voice.
        sounding = [index for index in group if not dataset.utterances[index].silent]
        if not sounding:
            continue
        profile = dataset.profile(sounding, model=bundle.fingerprint)
        found = judge(bundle, [dataset.features[index] for index in group], speaker=profile)
        enrolled |= dict(zip(group, found, strict=True))
    classes = {corpus: scored_classes(dataset, labels, corpus) for corpus in dataset.corpora}
    known = bundle.manifest.labels
    return [
        Judged(
            utterance := dataset.utterances[index],
            fold,
            seed,
            own := classes[utterance.corpus],
            _restricted(unknown[index].probabilities, known, own),
            _restricted(enrolled[index].probabilities, known, own),
        )
        for index in indexes
        if dataset.utterances[index].emotion in classes[dataset.utterances[index].corpus]
    ]


def _restricted(
    probabilities: FloatArray, known: Sequence[str], classes: Sequence[str]
) -> FloatArray:
    """Probabilities over some classes alone, renormalised; a class unknown to the model has 0."""
    kept = np.array([probabilities[known.index(c)] if c in known else 0.0 for c in classes])
    total = kept.sum()
    shares: FloatArray = kept / total if total > 0 else np.full(len(kept), 1.0 / len(kept))
    return shares


def score(judged: Sequence[Judged]) -> dict[str, Any]:
    """Scores of one corpus over the pooled judgements of all folds.

    Of several seeds the mean is given, and ``uar_spread`` their standard deviation.

    Returns
    -------
    dict
        ``classes``, ``uar``, ``wa``, ``ece`` on leaderboard U and the same with ``_enrolled`` on
        E, the 95 % interval of the UAR over speakers, ``recalls``, ``confusion`` (rows are true
        classes), ``speakers`` and ``clips``.
    """
    seeds = sorted({one.seed for one in judged})
    runs = [_score_seed([one for one in judged if one.seed == seed]) for seed in seeds]
    first = runs[0]
    result: dict[str, Any] = {
        "classes": list(judged[0].classes),
        "speakers": first["speakers"],
        "clips": first["clips"],
    }
    for suffix in _SUFFIX.values():
        for name in ("uar", "wa", "ece"):
            values = [run[name + suffix] for run in runs]
            result[name + suffix] = float(np.mean(values))
        values = [run["uar" + suffix] for run in runs]
        result["uar" + suffix + "_spread"] = float(np.std(values, ddof=1)) if runs[1:] else None
        for key in (f"uar{suffix}_interval", f"recalls{suffix}", f"confusion{suffix}"):
            result[key] = first[key]
    return result


def _score_seed(judged: Sequence[Judged]) -> dict[str, Any]:
    classes = judged[0].classes
    truth = np.array([classes.index(str(one.utterance.emotion)) for one in judged])
    speakers = np.array([one.utterance.speaker or one.utterance.path for one in judged])
    names = np.unique(speakers)
    known = {one.utterance.speaker for one in judged if one.utterance.speaker}
    result: dict[str, Any] = {"speakers": len(known), "clips": len(judged)}
    for mode, suffix in _SUFFIX.items():
        probabilities = np.array([getattr(one, mode) for one in judged])
        predicted = probabilities.argmax(axis=1)
        recalls = recall_per_class(truth, predicted, len(classes))
        confusions = np.array(
            [
                confusion_matrix(truth[speakers == name], predicted[speakers == name], len(classes))
                for name in names
            ]
        )
        enough = len(known) >= FEWEST_SPEAKERS
        result |= {
            "uar" + suffix: unweighted_average_recall(truth, predicted, len(classes)),
            "wa" + suffix: weighted_accuracy(truth, predicted),
            "ece" + suffix: expected_calibration_error(truth, probabilities),
            "uar" + suffix + "_interval": list(uar_interval(confusions)) if enough else None,
            "recalls" + suffix: {
                name: None if np.isnan(recall) else float(recall)
                for name, recall in zip(classes, recalls, strict=True)
            },
            "confusion" + suffix: confusions.sum(axis=0).tolist(),
        }
    return result


def mean_over_corpora(scores: Iterable[dict[str, Any]]) -> dict[str, float]:
    """The plain mean of each corpus's scores: the values at the top of ``metrics.json``."""
    lines = list(scores)
    names = [name + suffix for suffix in _SUFFIX.values() for name in ("uar", "wa", "ece")]
    return {name: float(np.mean([line[name] for line in lines])) for name in names}


def write_predictions(judged: Sequence[Judged], path: Path) -> None:
    """Write every judgement as a Parquet table: one row a clip and seed."""
    import pyarrow
    import pyarrow.parquet

    columns: dict[str, list[Any]] = {
        "path": [one.utterance.path for one in judged],
        "corpus": [one.utterance.corpus for one in judged],
        "speaker": [one.utterance.speaker for one in judged],
        "sex": [one.utterance.sex for one in judged],
        "fold": [one.fold for one in judged],
        "seed": [one.seed for one in judged],
        "emotion": [one.utterance.emotion for one in judged],
    }
    for mode, suffix in _SUFFIX.items():
        columns["predicted" + suffix] = [
            one.classes[int(getattr(one, mode).argmax())] for one in judged
        ]
        columns["probabilities" + suffix] = [
            dict(zip(one.classes, getattr(one, mode).tolist(), strict=True)) for one in judged
        ]
    shares = pyarrow.map_(pyarrow.string(), pyarrow.float64())
    arrays = {
        name: pyarrow.array([list(value.items()) for value in values], type=shares)
        if name.startswith("probabilities")
        else pyarrow.array(values)
        for name, values in columns.items()
    }
    pyarrow.parquet.write_table(pyarrow.table(arrays), path)
