"""Scores of a classifier, in numpy alone.

Classes are given as indexes ``0 ... classes - 1``. A class without a single true clip has no
recall and takes no part in the averages.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

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


def expected_calibration_error(
    truth: IntArray, probabilities: FloatArray, *, bins: int = 15
) -> float:
    """Mean distance between confidence and accuracy (ECE), 0 to 1; NaN without clips.

    The clips are sorted into equal-width bins of their top probability; each bin's distance
    counts by its share of the clips. Source: Guo et al., "On Calibration of Modern Neural
    Networks", ICML 2017, equation 3.

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
    truth, probabilities = np.asarray(truth), np.asarray(probabilities, dtype=np.float64)
    if truth.ndim != 1 or probabilities.ndim != 2 or len(truth) != len(probabilities):
        raise ValueError(
            "one row of probabilities a clip is needed, got shapes "
            f"{truth.shape} and {probabilities.shape}"
        )
    if not truth.size:
        return float("nan")
    confidence = probabilities.max(axis=1)
    correct = (probabilities.argmax(axis=1) == truth).astype(np.float64)
    # Bins are open below and closed above, as in the paper: 0.2 belongs to (0.1, 0.2].
    which = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    gaps = np.bincount(which, weights=confidence - correct, minlength=bins)
    return float(np.abs(gaps).sum() / truth.size)


def uar_interval(
    confusions: npt.NDArray[np.int64], *, share: float = 0.95, draws: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """Bootstrap interval of the UAR over speakers.

    Speakers are drawn with replacement: what varies is who speaks, not which clip of theirs.
    Source: Efron & Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13.

    Parameters
    ----------
    confusions
        Confusion matrix of each speaker, shape (speakers, classes, classes).
    share
        Share of the draws inside the interval.

    Returns
    -------
    tuple
        Lower and upper end, 0 to 1.
    """
    generator = np.random.default_rng(seed)
    drawn = generator.integers(0, len(confusions), (draws, len(confusions)))
    counts = np.stack([np.bincount(row, minlength=len(confusions)) for row in drawn])
    # Each draw's pooled confusion is the sum of its speakers', so one product serves all draws.
    hits = counts @ np.diagonal(confusions, axis1=1, axis2=2)
    support = counts @ confusions.sum(axis=2)
    recalls = np.divide(hits, support, out=np.full(hits.shape, np.nan), where=support > 0)
    scores = np.nanmean(recalls, axis=1)
    low, high = np.quantile(scores, [(1 - share) / 2, (1 + share) / 2])
    return float(low), float(high)
