from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.linear_model import LogisticRegression

from serein.training import logistic
from serein.training.logistic import (
    LEAST_DEVIATION,
    Affine,
    Regression,
    choose_strength,
    held_out_logits,
    log_softmax,
)

Array = npt.NDArray[np.float64]


def _nothing(inputs: int, labels: int) -> Affine:
    return Affine(np.zeros((inputs, labels)), np.zeros(labels))


def _clouds(clips: int = 90, inputs: int = 4, labels: int = 3, seed: int = 0) -> Regression:
    """Clouds that overlap, a label each, of different sizes."""
    generator = np.random.default_rng(seed)
    targets = generator.choice(labels, clips, p=np.arange(1, labels + 1) / (labels**2 + labels) * 2)
    centres = generator.normal(size=(labels, inputs))
    rows = centres[targets] + generator.normal(size=(clips, inputs))
    rows = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    allowed = np.ones((clips, labels), dtype=bool)
    return Regression(rows, targets, allowed, np.ones(inputs), _nothing(inputs, labels))


def _shares(regression: Regression, strength: float) -> Array:
    """Probabilities of the clips that were fitted on."""
    logits = regression.fit(strength).logits(regression.rows)
    return np.asarray(np.exp(log_softmax(logits, regression.allowed)))


@pytest.mark.parametrize("strength", [0.01, 1.0, 100.0])
def test_it_is_the_regression_of_scikit_learn(
    strength: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logistic, "BIAS_STRENGTH", 1e9)  # theirs is not held back at all
    regression = _clouds()
    scale = 1.0 / np.sqrt(1.0 + LEAST_DEVIATION**2)
    oracle = LogisticRegression(C=strength, class_weight="balanced", tol=1e-8, max_iter=1000)
    oracle.fit(scale * regression.rows, regression.targets)
    found = _shares(regression, strength)
    expected = oracle.predict_proba(scale * regression.rows)
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_the_stronger_it_is_held_the_nearer_it_stays_to_its_start() -> None:
    free = _clouds()
    generator = np.random.default_rng(1)
    start = Affine(generator.normal(size=(4, 3)), generator.normal(size=3))
    regression = Regression(free.rows, free.targets, free.allowed, free.factors, start)
    distances = [
        float(np.square(regression.fit(strength).weights - start.weights).sum())
        for strength in (1e-9, 1e-2, 1.0, 100.0)
    ]
    assert distances == sorted(distances)
    assert distances[0] < 1e-10 < distances[1]


def test_units_of_the_inputs_do_not_matter() -> None:
    regression = _clouds()
    units = np.array([1e-3, 1.0, 40.0, 1e3])
    # The floor is in common deviations, so it is taken away to compare.
    scaled = Regression(
        regression.rows * units + 7.0,
        regression.targets,
        regression.allowed,
        regression.factors,
        regression.start,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logistic, "LEAST_DEVIATION", 0.0)
        found, expected = _shares(scaled, 1.0), _shares(regression, 1.0)
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_labels_that_a_corpus_lacks_take_no_part() -> None:
    """Two corpora of two labels each, with one in common: neither speaks of the other's."""
    regression = _clouds()
    allowed = np.ones_like(regression.allowed)
    first = regression.targets != 2
    allowed[first, 2] = False
    masked = Regression(
        regression.rows, regression.targets, allowed, regression.factors, regression.start
    )
    only_two = masked.of(np.flatnonzero(masked.targets != 2))
    fitted = only_two.fit(1.0)
    # Whatever no clip may be taken for stays as it was.
    np.testing.assert_array_equal(fitted.weights[:, 2], 0.0)
    assert fitted.bias[2] == 0.0
    assert np.abs(fitted.weights[:, :2]).max() > 0.1
    assert np.abs(masked.fit(1.0).weights[:, 2]).max() > 0.1


def test_constant_inputs_do_no_harm() -> None:
    regression = _clouds()
    rows = np.c_[regression.rows, np.full(len(regression.rows), 5.0)]
    with_constant = Regression(
        rows, regression.targets, regression.allowed, np.ones(5), _nothing(5, 3)
    )
    fitted = with_constant.fit(1.0)
    assert np.isfinite(fitted.weights).all()
    np.testing.assert_allclose(fitted.weights[4], 0.0, atol=1e-6)


def test_what_is_held_out_is_not_fitted_on() -> None:
    regression = _clouds(30)
    clips = np.arange(30)
    folds = [(clips[clips % 3 != part], clips[clips % 3 == part]) for part in range(3)]
    found = held_out_logits(regression, folds, (0.1, 1.0))
    assert sorted(found) == [0.1, 1.0]
    for train, test in folds:
        expected = regression.of(train).fit(1.0).logits(regression.rows[test])
        np.testing.assert_allclose(found[1.0][test], expected)


def test_a_label_that_a_fold_lacks_is_not_judged_there() -> None:
    regression = _clouds(30)
    train = np.flatnonzero(regression.targets != 1)
    test = np.flatnonzero(regression.targets == 1)
    assert not regression.of(train).allowed[:, 1].any()  # nor does it weigh on the others' loss
    found = held_out_logits(regression, [(train, test)], (1.0,))[1.0]
    assert np.isneginf(found[test, 1]).all()
    assert np.isfinite(found[test][:, [0, 2]]).all()
    alone = np.flatnonzero(regression.targets == 0)
    rest = np.flatnonzero(regression.targets != 0)
    # Who has heard one label alone tells nothing apart.
    assert np.isneginf(held_out_logits(regression, [(alone, rest)], (1.0,))[1.0]).all()


def test_the_lowest_loss_is_chosen_and_caution_needs_a_reason_to_go_further() -> None:
    noise = np.random.default_rng(0).normal(size=50)
    losses = {0.1: 1.0 + noise, 1.0: 0.99 + np.roll(noise, 1), 10.0: 0.5 + noise}
    assert choose_strength(losses, cautious=False) == 10.0
    assert choose_strength(losses, cautious=True) == 10.0  # half a nat on every clip
    doubtful = {0.1: losses[0.1], 1.0: losses[1.0]}
    assert choose_strength(doubtful, cautious=False) == 1.0
    assert choose_strength(doubtful, cautious=True) == 0.1
    assert choose_strength({1.0: np.array([2.0]), 9.0: np.array([1.0])}, cautious=True) == 9.0


def test_probabilities_are_over_the_labels_allowed() -> None:
    generator = np.random.default_rng(0)
    logits = 300 * generator.normal(size=(20, 4))
    allowed = generator.random((20, 4)) < 0.6
    allowed[:, 0] = True
    shares: Array = np.exp(log_softmax(logits, allowed))
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    assert (shares[~allowed] == 0.0).all()
