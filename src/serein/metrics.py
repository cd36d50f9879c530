"""Scores of a classifier, in numpy alone.

Classes are given as indexes ``0 ... classes - 1``. A class without a single true clip has no
recall and takes no part in the averages.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

DRAWS = 2000
"""Resamplings of a bootstrap."""

IntArray = npt.NDArray[np.integer]
FloatArray = npt.NDArray[np.floating]


def confusion_matrix(truth: IntArray, predicted: IntArray, classes: int) -> npt.NDArray[np.int64]:
    """Counts of clips by true class (rows) and judged class (columns).

    Parameters
    ----------
    truth, predicted
        Class indexes, shape (clips,).
    classes
        Number of classes.

    Returns
    -------
    numpy.ndarray
        Shape (classes, classes), sums to the number of clips.

    Raises
    ------
    ValueError
        If the two differ in length or an index is outside ``0 ... classes - 1``.
    """
    truth, predicted = np.asarray(truth), np.asarray(predicted)
    if truth.shape != predicted.shape or truth.ndim != 1:
        raise ValueError(f"one judgement a clip is needed, got {truth.shape} and {predicted.shape}")
    for name, indexes in (("truth", truth), ("predicted", predicted)):
        if indexes.size and not (0 <= indexes.min() and indexes.max() < classes):
            raise ValueError(f"{name} has class indexes outside 0 ... {classes - 1}")
    counts = np.bincount(truth * classes + predicted, minlength=classes * classes)
    return counts.reshape(classes, classes).astype(np.int64)


def recall_per_class(truth: IntArray, predicted: IntArray, classes: int) -> FloatArray:
    """Share of each class's clips that were judged right; NaN for a class without clips.

    Returns
    -------
    numpy.ndarray
        Shape (classes,), 0 to 1.
    """
    confusion = confusion_matrix(truth, predicted, classes)
    support = confusion.sum(axis=1)
    hits = np.diag(confusion).astype(np.float64)
    recalls: FloatArray = np.full(classes, np.nan)
    np.divide(hits, support, out=recalls, where=support > 0)
    return recalls


def precision_per_class(truth: IntArray, predicted: IntArray, classes: int) -> FloatArray:
    """Share of the clips judged as a class that are of it; NaN for a class without true clips.

    A class that has clips and is never judged has precision 0.

    Returns
    -------
    numpy.ndarray
        Shape (classes,), 0 to 1.
    """
    confusion = confusion_matrix(truth, predicted, classes)
    hits = np.diag(confusion).astype(np.float64)
    precisions: FloatArray = np.divide(
        hits, confusion.sum(axis=0), out=np.zeros(classes), where=hits > 0
    )
    precisions[confusion.sum(axis=1) == 0] = np.nan
    return precisions


def macro_f1(truth: IntArray, predicted: IntArray, classes: int) -> float:
    """Mean over all classes that have clips of the harmonic mean of precision and recall, 0 to 1.

    NaN without clips. Source: Sokolova & Lapalme, "A systematic analysis of performance measures
    for classification tasks", Information Processing & Management 45(4), 2009.
    """
    recalls = recall_per_class(truth, predicted, classes)
    precisions = precision_per_class(truth, predicted, classes)
    known = ~np.isnan(recalls)
    if not known.any():
        return float("nan")
    both = (recalls + precisions)[known]
    product = (2 * recalls * precisions)[known]
    return float(np.divide(product, both, out=np.zeros(len(both)), where=both > 0).mean())


def unweighted_average_recall(truth: IntArray, predicted: IntArray, classes: int) -> float:
    """Mean of the recalls of all classes that have clips (UAR, balanced accuracy), 0 to 1.

    NaN without clips. Source: Schuller, Steidl & Batliner, "The INTERSPEECH 2009 Emotion
    Challenge", Interspeech 2009.
    """
    recalls = recall_per_class(truth, predicted, classes)
    known = recalls[~np.isnan(recalls)]
    return float(known.mean()) if known.size else float("nan")


def weighted_accuracy(truth: IntArray, predicted: IntArray) -> float:
    """Share of all clips judged right (WA, plain accuracy), 0 to 1; NaN without clips."""
    truth, predicted = np.asarray(truth), np.asarray(predicted)
    return float(np.mean(truth == predicted)) if truth.size else float("nan")


@dataclass(frozen=True)
class ConfidenceBin:
    """Clips of like confidence, for a reliability diagram.

    Attributes
    ----------
    low, high
        Edges; a confidence equal to the upper one belongs to the bin.
    clips
        Number of clips.
    confidence, accuracy
        Mean top probability and share of right judgements, 0 to 1; 0 without clips.
    """

    low: float
    high: float
    clips: int
    confidence: float
    accuracy: float


def reliability(
    truth: IntArray, probabilities: FloatArray, *, bins: int = 15
) -> tuple[ConfidenceBin, ...]:
    """Confidence and accuracy in equal-width bins of the top probability.

    Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.

    Parameters
    ----------
    truth
        Class indexes, shape (clips,).
    probabilities
        Shape (clips, classes), rows sum to 1.
    bins
        Number of equal-width bins between 0 and 1.

    Raises
    ------
    ValueError
        If there is not one row of probabilities a clip.
    """
    confidence, right = _confidence_and_hits(truth, probabilities)
    # Bins are open below and closed above, as in the paper: 0.2 belongs to (0.1, 0.2].
    # The product is rounded, since 0.28 times 25 comes out as a little over 7.
    which = np.ceil(np.round(confidence * bins, 9)).astype(np.int64) - 1
    which = np.clip(which, 0, bins - 1)
    clips = np.bincount(which, minlength=bins)
    counted = np.maximum(clips, 1)
    confidences = np.bincount(which, weights=confidence, minlength=bins) / counted
    accuracies = np.bincount(which, weights=right, minlength=bins) / counted
    return tuple(
        ConfidenceBin(
            number / bins,
            (number + 1) / bins,
            int(clips[number]),
            float(confidences[number]),
            float(accuracies[number]),
        )
        for number in range(bins)
    )


def expected_calibration_error(
    truth: IntArray, probabilities: FloatArray, *, bins: int = 15
) -> float:
    """Mean distance between confidence and accuracy (ECE), 0 to 1; NaN without clips.

    Each bin of :func:`reliability` counts by its share of the clips. Source: Guo et al., "On
    Calibration of Modern Neural Networks", ICML 2017, equation 3. Parameters and errors are those
    of :func:`reliability`.
    """
    found = reliability(truth, probabilities, bins=bins)
    clips = sum(one.clips for one in found)
    if not clips:
        return float("nan")
    return sum(one.clips * abs(one.confidence - one.accuracy) for one in found) / clips


def risk_at_coverage(
    truth: IntArray, probabilities: FloatArray, coverages: FloatArray
) -> FloatArray:
    """Share of wrong judgements among the most confident clips, shape (coverages,).

    Of clips that share one confidence each counts by its share, so that their order is of no
    matter. Source: Geifman & El-Yaniv, "Selective Classification for Deep Neural Networks",
    NeurIPS 2017.

    Parameters
    ----------
    truth, probabilities
        As for :func:`reliability`.
    coverages
        Shares of the clips that are judged, each above 0 and at most 1.

    Raises
    ------
    ValueError
        If there is not one row of probabilities a clip, or a coverage is out of range.
    """
    confidence, right = _confidence_and_hits(truth, probabilities)
    coverages = np.asarray(coverages, dtype=np.float64)
    if coverages.size and not (0 < coverages.min() and coverages.max() <= 1):
        raise ValueError("a coverage lies above 0 and is at most 1")
    if not confidence.size:
        return np.full(coverages.shape, np.nan)
    _, group = np.unique(-confidence, return_inverse=True)
    clips = np.cumsum(np.bincount(group))
    wrong = np.cumsum(np.bincount(group, weights=1.0 - right))
    kept = coverages * confidence.size
    risks: FloatArray = np.interp(kept, np.r_[0, clips], np.r_[0.0, wrong]) / kept
    return risks


def _confidence_and_hits(
    truth: IntArray, probabilities: FloatArray
) -> tuple[FloatArray, FloatArray]:
    truth, probabilities = np.asarray(truth), np.asarray(probabilities, dtype=np.float64)
    if truth.ndim != 1 or probabilities.ndim != 2 or len(truth) != len(probabilities):
        raise ValueError(
            "one row of probabilities a clip is needed, got shapes "
            f"{truth.shape} and {probabilities.shape}"
        )
    right = (probabilities.argmax(axis=1) == truth).astype(np.float64)
    return probabilities.max(axis=1, initial=0.0), right


def bootstrap_uar(
    confusions: npt.NDArray[np.int64], *, draws: int = DRAWS, seed: int = 0
) -> FloatArray:
    """UAR of resampled speakers, shape (draws,), 0 to 1.

    Speakers are drawn with replacement: what varies is who speaks, not which clip of theirs. The
    same seed and number of speakers draw alike, so that two models heard on the same speakers
    can be compared draw by draw. Source: Efron & Tibshirani, "An Introduction to the Bootstrap",
    1993, chapter 13.

    Parameters
    ----------
    confusions
        Confusion matrix of each speaker, shape (speakers, classes, classes).
    """
    generator = np.random.default_rng(seed)
    drawn = generator.integers(0, len(confusions), (draws, len(confusions)))
    counts = np.stack([np.bincount(row, minlength=len(confusions)) for row in drawn])
    # Each draw's pooled confusion is the sum of its speakers', so one product serves all draws.
    hits = counts @ np.diagonal(confusions, axis1=1, axis2=2)
    support = counts @ confusions.sum(axis=2)
    recalls = np.divide(hits, support, out=np.full(hits.shape, np.nan), where=support > 0)
    scores: FloatArray = np.nanmean(recalls, axis=1)
    return scores


def interval(values: FloatArray, *, share: float = 0.95) -> tuple[float, float]:
    """The lower and upper end between which so large a share of the drawn values lies."""
    low, high = np.quantile(values, [(1 - share) / 2, (1 + share) / 2])
    return float(low), float(high)


def two_sided_p(differences: FloatArray) -> float:
    """How easily resampled differences fall on the other side of nought, 0 to 1.

    Twice the smaller share of the draws at or beyond nought, with one draw added on either side so
    that no finite number of draws claims certainty. Source: Davison & Hinkley, "Bootstrap Methods
    and their Application", 1997, chapter 4.
    """
    differences = np.asarray(differences)
    smaller = min(np.count_nonzero(differences <= 0), np.count_nonzero(differences >= 0))
    return float(min(1.0, 2 * (smaller + 1) / (differences.size + 1)))
