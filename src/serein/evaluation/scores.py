"""What judgements come to: recalls, calibration, risk, and intervals over speakers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from serein.bundle import MODES, Mode
from serein.errors import DataInvalid
from serein.evaluation.judging import Judged, restricted
from serein.features.spectral import FloatArray
from serein.metrics import (
    bootstrap_uar,
    confusion_matrix,
    expected_calibration_error,
    interval,
    macro_f1,
    precision_per_class,
    recall_per_class,
    reliability,
    risk_at_coverage,
    unweighted_average_recall,
    weighted_accuracy,
)

FEWEST_SPEAKERS = 3
"""Fewer speakers than this give no interval: there is too little to draw from."""

FEWEST_CLASSES = 2

COVERAGES = tuple(round(0.05 * step, 2) for step in range(1, 21))
"""Shares of the clips, the most confident ones, for which the risk is told."""

COVERAGE = 0.7
"""The share of the clips, the most confident ones, whose accuracy is told as one number."""

FOUR_CLASSES: Mapping[str, tuple[str, ...]] = {
    "angry": ("angry",),
    "happy": ("happy",),
    "neutral": ("neutral", "calm"),
    "sad": ("sad",),
}
"""The emotions that nearly every corpus holds, and the labels that count as each."""

# The suffix of each leaderboard's values.
SUFFIX: Mapping[Mode, str] = {"unknown": "", "enrolled": "_enrolled"}
MEANS: tuple[str, ...] = (
    *("uar", "wa", "macro_f1", "ece"),
    *("accuracy_at_coverage", "gain_at_coverage"),
)
"""The scores of which a mean over corpora, seeds or folds is told."""


@dataclass(frozen=True)
class Answers:
    """Judgements of clips over the same classes, as arrays.

    Attributes
    ----------
    classes
        The labels.
    truth
        Index of the true class, shape (clips,).
    speakers
        Speaker of each clip; a clip of an unknown one stands for itself, shape (clips,).
    known
        Number of known speakers.
    probabilities
        By mode, shape (clips, classes).
    """

    classes: tuple[str, ...]
    truth: npt.NDArray[np.int64]
    speakers: npt.NDArray[np.str_]
    known: int
    probabilities: Mapping[Mode, FloatArray]

    @classmethod
    def of(cls, judged: Sequence[Judged]) -> Answers:
        """The judgements of clips that share their classes."""
        classes = judged[0].classes
        return cls(
            classes,
            np.array([classes.index(str(one.utterance.emotion)) for one in judged]),
            np.array([one.utterance.speaker or one.utterance.path for one in judged]),
            len({one.utterance.speaker for one in judged if one.utterance.speaker}),
            {mode: np.array([getattr(one, mode) for one in judged]) for mode in MODES},
        )

    def predicted(self, mode: Mode) -> npt.NDArray[np.int64]:
        """Index of the judged class, shape (clips,)."""
        best: npt.NDArray[np.int64] = self.probabilities[mode].argmax(axis=1)
        return best

    def uar(self, mode: Mode) -> float:
        """Unweighted average recall, 0 to 1."""
        return unweighted_average_recall(self.truth, self.predicted(mode), len(self.classes))

    def confusions(self, mode: Mode) -> npt.NDArray[np.int64]:
        """Confusion matrix of each speaker, sorted, shape (speakers, classes, classes)."""
        predicted = self.predicted(mode)
        _, who = np.unique(self.speakers, return_inverse=True)
        count = len(self.classes)
        return np.array(
            [
                confusion_matrix(self.truth[who == one], predicted[who == one], count)
                for one in range(who.max() + 1)
            ]
        )


@dataclass(frozen=True)
class Strata:
    """Judgements by corpus, since corpora differ in their classes and sizes.

    Attributes
    ----------
    answers
        Those of each corpus, in the order of the corpora's names.

    speakers
        Number of known speakers; who was recorded for two corpora is one.
    """

    answers: tuple[Answers, ...]
    speakers: int

    @classmethod
    def of(cls, judged: Sequence[Judged]) -> Strata:
        """The judgements of clips of any number of corpora."""
        return cls(
            tuple(Answers.of(found) for found in by_corpus(judged).values()),
            len({one.utterance.speaker for one in judged if one.utterance.speaker}),
        )

    @property
    def clips(self) -> int:
        """Number of clips."""
        return sum(len(answers.truth) for answers in self.answers)

    def uar(self, mode: Mode) -> float:
        """UAR as a mean over corpora, 0 to 1."""
        return float(np.mean([answers.uar(mode) for answers in self.answers]))

    def draws(self, mode: Mode, *, seed: int = 0) -> FloatArray | None:
        """That mean over resampled speakers, shape (draws,).

        The same seed draws the same speakers, so that two models can be compared draw by draw.
        None where a corpus has too few speakers to draw from.
        """
        if any(answers.known < FEWEST_SPEAKERS for answers in self.answers):
            return None
        drawn = [
            bootstrap_uar(answers.confusions(mode), seed=seed + number)
            for number, answers in enumerate(self.answers)
        ]
        mean: FloatArray = np.mean(drawn, axis=0)
        return mean


def uar_interval(judged: Sequence[Judged], mode: Mode) -> list[float] | None:
    """The 95 % interval over speakers of the UAR, as a mean over corpora and seeds.

    None where a corpus has too few speakers to draw from.
    """
    seeds = sorted({one.seed for one in judged})
    drawn = [Strata.of([one for one in judged if one.seed == seed]).draws(mode) for seed in seeds]
    known = [draws for draws in drawn if draws is not None]
    return list(interval(np.mean(known, axis=0))) if len(known) == len(drawn) else None


def by_corpus(judged: Iterable[Judged]) -> dict[str, list[Judged]]:
    """Judgements by corpus, in the order of the corpora's names."""
    groups: dict[str, list[Judged]] = {}
    for one in judged:
        groups.setdefault(one.utterance.corpus, []).append(one)
    return dict(sorted(groups.items()))


def score(judged: Sequence[Judged]) -> dict[str, Any]:
    """Scores of one corpus over the pooled judgements of all folds.

    Of several seeds the mean is given, ``uar_spread`` is their standard deviation, and what is
    no single number is that of the first seed.

    Returns
    -------
    dict
        ``classes``, ``speakers``, ``clips``; ``uar``, ``wa``, ``macro_f1``, ``ece``,
        ``accuracy_at_coverage`` (of the most confident clips, so large a share of all as
        :data:`COVERAGE` says) and ``gain_at_coverage`` (that less ``wa``) on leaderboard U and
        the same with ``_enrolled`` on E; for both the 95 % interval of the UAR over speakers,
        ``recalls``, ``precisions``, ``confusion`` (rows are true classes), ``reliability`` and
        ``risk``; ``listeners`` where there are votes.
    """
    seeds = sorted({one.seed for one in judged})
    runs = [_score_seed([one for one in judged if one.seed == seed]) for seed in seeds]
    result = dict(runs[0])
    for mode, suffix in SUFFIX.items():
        for name in MEANS:
            result[name + suffix] = float(np.mean([run[name + suffix] for run in runs]))
        values = [run["uar" + suffix] for run in runs]
        result["uar" + suffix + "_spread"] = float(np.std(values, ddof=1)) if runs[1:] else None
        result["uar" + suffix + "_interval"] = uar_interval(judged, mode)
    return result


def _score_seed(judged: Sequence[Judged]) -> dict[str, Any]:
    answers = Answers.of(judged)
    result: dict[str, Any] = {
        "classes": list(answers.classes),
        "speakers": answers.known,
        "clips": len(judged),
    }
    for mode, suffix in SUFFIX.items():
        found = _score_mode(answers, mode)
        result |= {name + suffix: value for name, value in found.items()}
    if listened := [one for one in judged if one.utterance.votes]:
        result["listeners"] = _score_by_listeners(listened)
    return result


def _score_mode(answers: Answers, mode: Mode) -> dict[str, Any]:
    truth, predicted, count = answers.truth, answers.predicted(mode), len(answers.classes)
    probabilities = answers.probabilities[mode]
    risks = risk_at_coverage(truth, probabilities, np.array(COVERAGES))
    accuracy = weighted_accuracy(truth, predicted)
    surest = 1 - float(risks[COVERAGES.index(COVERAGE)])
    return {
        "uar": unweighted_average_recall(truth, predicted, count),
        "wa": accuracy,
        "macro_f1": macro_f1(truth, predicted, count),
        "ece": expected_calibration_error(truth, probabilities),
        "accuracy_at_coverage": surest,
        "gain_at_coverage": surest - accuracy,
        "recalls": _named(answers.classes, recall_per_class(truth, predicted, count)),
        "precisions": _named(answers.classes, precision_per_class(truth, predicted, count)),
        "confusion": confusion_matrix(truth, predicted, count).tolist(),
        "reliability": [asdict(one) for one in reliability(truth, probabilities) if one.clips],
        "risk": {"coverage": list(COVERAGES), "risk": risks.tolist()},
    }


def _named(classes: Sequence[str], values: FloatArray) -> dict[str, float | None]:
    return {
        name: None if np.isnan(value) else float(value)
        for name, value in zip(classes, values, strict=True)
    }


def _score_by_listeners(judged: Sequence[Judged]) -> dict[str, Any]:
    """Scores against what most listeners heard, where they agree on one of the classes.

    ``agreement`` is the UAR of that majority against what was meant: what ears come to.
    """
    heard: list[Judged] = []
    meant: list[Judged] = []
    for one in judged:
        votes = one.utterance.votes or {}
        first, *others = sorted(votes.values(), reverse=True)
        label = max(votes, key=lambda name: votes[name])
        if label in one.classes and first > max(others, default=0.0):
            heard.append(replace(one, utterance=replace(one.utterance, emotion=label)))
            ear = np.array([float(name == label) for name in one.classes])
            meant.append(replace(one, unknown=ear, enrolled=ear))
    if not heard:
        return {"clips": 0}
    answers = Answers.of(heard)
    result: dict[str, Any] = {"clips": len(heard), "agreement": Answers.of(meant).uar("unknown")}
    for mode, suffix in SUFFIX.items():
        result["uar" + suffix] = answers.uar(mode)
        result["wa" + suffix] = weighted_accuracy(answers.truth, answers.predicted(mode))
    return result


def score_corpora(judged: Sequence[Judged]) -> dict[str, dict[str, Any]]:
    """The score of every corpus, by name."""
    return {corpus: score(found) for corpus, found in by_corpus(judged).items()}


def require_classes(judged: Sequence[Judged]) -> None:
    """Refuse to score a corpus of which one class alone is left: any answer would be right.

    Raises
    ------
    DataInvalid
        Names the corpus and the class.
    """
    for corpus, found in by_corpus(judged).items():
        if len(found[0].classes) < FEWEST_CLASSES:
            raise DataInvalid(
                f"{corpus} has only {', '.join(found[0].classes)} in common with the model, and a "
                f"score takes {FEWEST_CLASSES} emotions or more; leave the corpus out"
            )


def mean_over_corpora(scores: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """The plain mean of each corpus's scores: the values at the top of ``metrics.json``."""
    lines = list(scores)
    names = [name + suffix for suffix in SUFFIX.values() for name in MEANS]
    return {name: float(np.mean([line[name] for line in lines])) for name in names}


def in_four_classes(judged: Sequence[Judged]) -> list[Judged]:
    """The judgements of the clips of :data:`FOUR_CLASSES`, over just these.

    The probabilities of the other labels are dropped and the rest renormalised; calm counts as
    neutral. Corpora that lack one of the four are left out.
    """
    found = []
    for one in judged:
        groups = {
            name: [one.classes.index(label) for label in labels if label in one.classes]
            for name, labels in FOUR_CLASSES.items()
        }
        emotion = str(one.utterance.emotion)
        truth = [name for name in groups if emotion in FOUR_CLASSES[name]]
        if truth and all(groups.values()):
            merged = replace(
                one,
                utterance=replace(one.utterance, emotion=truth[0], votes=None),
                classes=tuple(groups),
                unknown=_merged(one.unknown, groups.values()),
                enrolled=_merged(one.enrolled, groups.values()),
            )
            found.append(merged)
    return found


def _merged(probabilities: FloatArray, groups: Iterable[Sequence[int]]) -> FloatArray:
    mass = np.array([probabilities[list(columns)].sum() for columns in groups])
    everything = range(len(mass))
    return restricted(mass, everything, everything)
