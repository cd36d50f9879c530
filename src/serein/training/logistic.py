"""Multinomial logistic regression, drawn towards a model that is already there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Targets = npt.NDArray[np.int64]
Allowed = npt.NDArray[np.bool_]
Folds = Sequence[tuple[Targets, Targets]]

MOST_ITERATIONS = 300
LEAST_DEVIATION = 0.1
"""Inputs that hardly vary are divided by no less, in deviations of the others."""
BIAS_STRENGTH = 10.0
"""How much freer the biases are than the weights."""


@dataclass(frozen=True)
class Affine:
    """Logits that are ``rows @ weights + bias``.

    Attributes
    ----------
    weights
        Shape (inputs, labels).
    bias
        Shape (labels,).
    """

    weights: npt.NDArray[np.float64]
    bias: npt.NDArray[np.float64]

    def logits(self, rows: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """The logits of rows of shape (clips, inputs), shape (clips, labels)."""
        found: npt.NDArray[np.float64] = rows @ self.weights + self.bias
        return found


@dataclass(frozen=True)
class Regression:
    """What is to be fitted.

    Attributes
    ----------
    rows
        Shape (clips, inputs).
    targets
        Index of each clip's label, shape (clips,).
    allowed
        True where a clip's corpus holds the label, shape (clips, labels): the other labels take no
        part in its loss.
    factors
        What each input is multiplied by once it is standardised, shape (inputs,): the larger, the
        more freely it is used.
    start
        The model that strong regularisation leads to.
    """

    rows: npt.NDArray[np.float64]
    targets: Targets
    allowed: Allowed
    factors: npt.NDArray[np.float64]
    start: Affine

    def of(self, indexes: Targets) -> Regression:
        """The same with some of the clips, and over the labels that these hold."""
        held = np.isin(np.arange(self.allowed.shape[1]), self.targets[indexes])
        return Regression(
            self.rows[indexes],
            self.targets[indexes],
            self.allowed[indexes] & held,
            self.factors,
            self.start,
        )

    def fit(self, strength: float) -> Affine:
        """The model of the highest penalised likelihood; labels weigh the same.

        The loss is the sum of the clips' negative log-likelihoods, and of half the squared
        distance from ``start``, of standardised inputs, divided by ``strength``.

        Source: Hastie, Tibshirani and Friedman, The Elements of Statistical Learning, 2009, 4.4.
        """
        from scipy.optimize import minimize

        mean, deviation = self.rows.mean(axis=0), self.rows.std(axis=0)
        floor = LEAST_DEVIATION * np.sqrt(np.mean(deviation**2))
        scale = self.factors / np.sqrt(deviation**2 + floor**2 + np.finfo(np.float64).tiny)
        inputs = np.c_[(self.rows - mean) * scale, np.ones(len(self.rows))]
        known = self.start.logits(self.rows)
        shares = _balanced(self.targets, self.allowed.shape[1])
        penalty = np.full((inputs.shape[1], 1), 1.0 / strength)
        penalty[-1] /= BIAS_STRENGTH
        truth = np.arange(len(inputs)), self.targets
        shape = inputs.shape[1], self.allowed.shape[1]

        def loss(values: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
            change = values.reshape(shape)
            logarithms = log_softmax(inputs @ change + known, self.allowed)
            errors = np.exp(logarithms)
            errors[truth] -= 1.0
            total = -(shares * logarithms[truth]).sum() + 0.5 * (penalty * change**2).sum()
            slope = inputs.T @ (shares[:, None] * errors) + penalty * change
            return float(total), slope.ravel()

        found = minimize(
            loss,
            np.zeros(shape[0] * shape[1]),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": MOST_ITERATIONS},
        )
        change = found.x.reshape(shape)
        weights = scale[:, None] * change[:-1]
        bias = change[-1] - mean @ weights
        return Affine(self.start.weights + weights, self.start.bias + bias)


def held_out_logits(
    regression: Regression, folds: Folds, strengths: Sequence[float]
) -> dict[float, npt.NDArray[np.float64]]:
    """The logits of clips by models that were fitted without them, for each strength.

    A label that a fold's training lacks has minus infinity there.

    Parameters
    ----------
    folds
        Indexes to train on, and to hold out; every clip is held out once.
    """
    found = {strength: np.full(regression.allowed.shape, -np.inf) for strength in strengths}
    for train, test in folds:
        part = regression.of(train)
        held = np.unique(part.targets)
        if len(held) < 2:
            continue
        for strength in strengths:
            logits = part.fit(strength).logits(regression.rows[test])
            found[strength][np.ix_(test, held)] = logits[:, held]
    return found


def choose_strength(losses: Mapping[float, npt.NDArray[np.float64]], *, cautious: bool) -> float:
    """The strength whose held-out loss is the lowest.

    Parameters
    ----------
    losses
        Loss of each held-out clip for each strength, shape (clips,).
    cautious
        Take the smallest strength whose loss is not above the lowest by more than one standard
        error of the difference: a few clips do not decide against what many have taught.

        Source: Breiman et al., Classification and Regression Trees, 1984, 3.4.3, the 1 SE rule.
    """
    strengths = sorted(losses)
    best = min(strengths, key=lambda strength: float(losses[strength].mean()))
    clips = len(losses[best])
    if not cautious or clips < 2:
        return best
    for strength in strengths:
        difference = losses[strength] - losses[best]
        if difference.mean() <= difference.std(ddof=1) / np.sqrt(clips):
            return strength
    return best


def log_softmax(logits: npt.NDArray[np.float64], allowed: Allowed) -> npt.NDArray[np.float64]:
    """Logarithms of probabilities over the labels allowed, shape (clips, labels).

    Minus infinity for the others.
    """
    masked = np.where(allowed, logits, -np.inf)
    masked = masked - masked.max(axis=1, keepdims=True)
    found: npt.NDArray[np.float64] = masked - np.log(np.exp(masked).sum(axis=1, keepdims=True))
    return found


def _balanced(targets: Targets, labels: int) -> npt.NDArray[np.float64]:
    """The weight of each clip, 1 in the mean: every label that is held weighs the same."""
    counts = np.bincount(targets, minlength=labels)
    shares: npt.NDArray[np.float64] = len(targets) / (np.count_nonzero(counts) * counts[targets])
    return shares
