from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from serein.training.calibration import (
    HIGHEST,
    LOWEST,
    fit_temperature,
    negative_log_likelihood,
)

Logits = npt.NDArray[np.float32]
Indexes = npt.NDArray[np.int64]
Allowed = npt.NDArray[np.bool_]


def _sampled(temperature: float, clips: int = 4000, seed: int = 0) -> tuple[Logits, Indexes]:
    """Logits, and labels drawn from their softmax at that temperature."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 3, (clips, 4)).astype(np.float32)
    shares = softmax(logits / temperature, axis=1).cumsum(axis=1)
    return logits, (generator.random((clips, 1)) > shares).sum(axis=1).clip(0, 3)


def _loss(temperature: float, logits: Logits, targets: Indexes, allowed: Allowed) -> float:
    masked = np.where(allowed, logits.astype(float), -np.inf)
    log_shares = log_softmax(masked / temperature, axis=1)
    return float(-log_shares[np.arange(len(targets)), targets].mean())


@pytest.mark.parametrize("planted", [0.4, 1.0, 2.5])
def test_recovers_a_planted_temperature(planted: float) -> None:
    logits, targets = _sampled(planted)
    found = fit_temperature(logits, targets, np.ones_like(logits, dtype=bool))
    assert found == pytest.approx(planted, rel=0.1)


@pytest.mark.parametrize("seed", range(4))
def test_is_the_optimum_that_scipy_finds(seed: int) -> None:
    logits, targets = _sampled(1.7, clips=120, seed=seed)
    allowed = np.random.default_rng(seed).random(logits.shape) < 0.7
    allowed[np.arange(len(targets)), targets] = True
    best = minimize_scalar(
        lambda temperature: _loss(temperature, logits, targets, allowed),
        bounds=(LOWEST, HIGHEST),
        method="bounded",
        options={"xatol": 1e-8},
    )
    found = fit_temperature(logits, targets, allowed)
    assert found == pytest.approx(best.x, rel=1e-3)
    assert _loss(found, logits, targets, allowed) <= best.fun + 1e-9


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_likelihood_is_that_of_scipy(temperature: float) -> None:
    logits, targets = _sampled(1.0, clips=50)
    allowed = np.random.default_rng(2).random(logits.shape) < 0.6
    allowed[np.arange(len(targets)), targets] = True
    found = negative_log_likelihood(logits / temperature, targets, allowed)
    assert found == pytest.approx(_loss(temperature, logits, targets, allowed), rel=1e-5)


def test_likelihood_of_what_is_certain_is_finite() -> None:
    logits = np.array([[1e4, -1e4], [0.0, 0.0]])
    targets, both = np.array([0, 1]), np.ones((2, 2), dtype=bool)
    assert negative_log_likelihood(logits, targets, both) == pytest.approx(np.log(2) / 2)
    assert negative_log_likelihood(logits, 1 - targets, both) == pytest.approx(1e4, rel=1e-3)


def test_labels_that_the_corpus_lacks_do_not_matter() -> None:
    logits, targets = _sampled(1.5, clips=200)
    allowed = np.ones_like(logits, dtype=bool)
    allowed[:100, 3] = False
    targets[:100] %= 3
    other = logits.copy()
    other[:100, 3] = 1000.0
    assert fit_temperature(other, targets, allowed) == fit_temperature(logits, targets, allowed)
    unmasked = fit_temperature(other, targets, np.ones_like(allowed))
    assert unmasked != pytest.approx(fit_temperature(logits, targets, allowed), rel=0.1)


def test_scale_of_the_logits_is_the_temperature() -> None:
    logits, targets = _sampled(1.0, clips=300)
    allowed = np.ones_like(logits, dtype=bool)
    once, twice = (fit_temperature(scale * logits, targets, allowed) for scale in (1, 2))
    assert twice == pytest.approx(2 * once, rel=1e-5)


def test_stays_within_its_bounds() -> None:
    logits = np.eye(3, dtype=np.float32)[np.arange(30) % 3]
    right = np.arange(30) % 3
    allowed = np.ones_like(logits, dtype=bool)
    # Below 0.05 the loss of these logits is 0 to the last digit.
    assert LOWEST <= fit_temperature(logits, right, allowed) < 0.05
    assert fit_temperature(logits, (right + 1) % 3, allowed) == pytest.approx(HIGHEST, rel=1e-3)


def test_nothing_to_fit_leaves_the_margins_as_they_are() -> None:
    empty = np.empty((0, 3), dtype=np.float32)
    found = fit_temperature(empty, np.empty(0, dtype=np.int64), empty.astype(bool))
    assert found == 1.0
