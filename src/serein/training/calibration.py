"""Temperature: the one number that makes a confidence an expected accuracy."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

LOWEST, HIGHEST = 0.02, 50.0
_STEPS = 60


def fit_temperature(
    logits: npt.NDArray[np.floating],
    targets: npt.NDArray[np.int64],
    allowed: npt.NDArray[np.bool_],
) -> float:
    """Temperature with the highest likelihood of held-out clips.

    Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.

    Parameters
    ----------
    logits
        Shape (clips, labels), of speakers that the model was not trained on.
    targets
        Index of the true label, shape (clips,).
    allowed
        True where the clip's corpus holds the label, shape (clips, labels).

    Returns
    -------
    float
        From 0.02 to 50; probabilities are ``softmax(logits / temperature)``. 1 without clips.
    """
    if not len(targets):
        return 1.0

    def loss(log_temperature: float) -> float:
        scaled = logits.astype(np.float64) / math.exp(log_temperature)
        return negative_log_likelihood(scaled, targets, allowed)

    # The loss is convex in 1 / T, so it has one minimum in log T: golden-section search.
    ratio = (math.sqrt(5.0) - 1.0) / 2.0
    low, high = math.log(LOWEST), math.log(HIGHEST)
    for _ in range(_STEPS):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, right) if loss(left) < loss(right) else (left, high)
    return math.exp((low + high) / 2)


def negative_log_likelihood(
    logits: npt.NDArray[np.floating],
    targets: npt.NDArray[np.int64],
    allowed: npt.NDArray[np.bool_],
) -> float:
    """Mean negative log-likelihood of the true labels, over the labels of each clip's corpus.

    The arguments are those of :func:`fit_temperature`.
    """
    masked = np.where(allowed, logits.astype(np.float64), -np.inf)
    peak = masked.max(axis=1)
    normalizer = peak + np.log(np.exp(masked - peak[:, None]).sum(axis=1))
    return float(np.mean(normalizer - masked[np.arange(len(targets)), targets]))
