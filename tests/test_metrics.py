"""Scores against scikit-learn, and the calibration error against its formula in a plain loop."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import sklearn.metrics
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from serein.metrics import (
    confusion_matrix,
    expected_calibration_error,
    recall_per_class,
    unweighted_average_recall,
    weighted_accuracy,
)

Indexes = npt.NDArray[np.int64]


@st.composite
def judgements(draw: st.DrawFn) -> tuple[Indexes, Indexes, int]:
    classes = draw(st.integers(2, 9))
    size = draw(st.integers(1, 60))
    indexes = st.lists(st.integers(0, classes - 1), min_size=size, max_size=size)
    return np.array(draw(indexes)), np.array(draw(indexes)), classes


@given(case=judgements())
@settings(max_examples=60, deadline=None)
def test_scores_are_those_of_scikit_learn(case: tuple[Indexes, Indexes, int]) -> None:
    truth, predicted, classes = case
    np.testing.assert_array_equal(
        confusion_matrix(truth, predicted, classes),
        sklearn.metrics.confusion_matrix(truth, predicted, labels=range(classes)),
    )
    present = np.unique(truth)  # scikit-learn would count an absent class as a recall of zero
    recalls = sklearn.metrics.recall_score(truth, predicted, labels=present, average=None)
    found = recall_per_class(truth, predicted, classes)
    np.testing.assert_allclose(found[present], recalls)
    assert np.isnan(np.delete(found, present)).all()
    assert unweighted_average_recall(truth, predicted, classes) == pytest.approx(
        sklearn.metrics.recall_score(truth, predicted, labels=present, average="macro")
    )
    assert weighted_accuracy(truth, predicted) == pytest.approx(
        sklearn.metrics.accuracy_score(truth, predicted)
    )


def plain_calibration_error(truth: Indexes, probabilities: Any, bins: int) -> float:
    """Equation 3 of Guo et al. (2017), word by word."""
    confidence = [float(max(row)) for row in probabilities]
    correct = [int(np.argmax(row)) == t for row, t in zip(probabilities, truth, strict=True)]
    error = 0.0
    for m in range(1, bins + 1):
        inside = [i for i, c in enumerate(confidence) if (m - 1) / bins < c <= m / bins]
        if inside:
            accuracy = sum(correct[i] for i in inside) / len(inside)
            mean = sum(confidence[i] for i in inside) / len(inside)
            error += len(inside) / len(truth) * abs(accuracy - mean)
    return error


@given(
    seed=st.integers(0, 10_000),
    size=st.integers(1, 80),
    classes=st.integers(2, 9),
    bins=st.sampled_from([1, 10, 15, 20]),
)
@settings(max_examples=60, deadline=None)
def test_calibration_error_is_the_textbooks(seed: int, size: int, classes: int, bins: int) -> None:
    generator = np.random.default_rng(seed)
    probabilities = generator.dirichlet(np.full(classes, 0.5), size=size)
    truth = generator.integers(0, classes, size)
    edges = probabilities.max(axis=1) * bins
    # On the very edge of two bins rounding decides, here as there.
    assume((np.abs(edges - np.round(edges)) > 1e-9).all())
    assert expected_calibration_error(truth, probabilities, bins=bins) == pytest.approx(
        plain_calibration_error(truth, probabilities, bins)
    )


def test_known_calibration_errors() -> None:
    sure = np.array([[1.0, 0.0]] * 4)
    assert expected_calibration_error(np.array([0, 0, 0, 0]), sure) == 0.0
    assert expected_calibration_error(np.array([0, 1, 1, 1]), sure) == pytest.approx(0.75)
    # Half of the clips with 0.75 and right half of the time, half with 0.55 and always right.
    mixed = np.array([[0.75, 0.25]] * 2 + [[0.55, 0.45]] * 2)
    truth = np.array([0, 1, 0, 0])
    assert expected_calibration_error(truth, mixed) == pytest.approx(0.5 * 0.25 + 0.5 * 0.45)


def test_edge_belongs_to_the_bin_below() -> None:
    # With 2 bins 0.5 is in the lower one, apart from 0.6: |1 - 0.5| / 2 + |0 - 0.6| / 2.
    probabilities = np.array([[0.5, 0.5], [0.6, 0.4]])
    found = expected_calibration_error(np.array([0, 1]), probabilities, bins=2)
    assert found == pytest.approx(0.25 + 0.3)


def test_accuracy_and_average_recall_differ_where_classes_do() -> None:
    truth = np.array([0] * 9 + [1])
    always = np.zeros(10, dtype=int)
    assert weighted_accuracy(truth, always) == pytest.approx(0.9)
    assert unweighted_average_recall(truth, always, 2) == pytest.approx(0.5)


def test_nothing_has_no_score() -> None:
    none = np.zeros(0, dtype=int)
    assert math.isnan(unweighted_average_recall(none, none, 3))
    assert math.isnan(weighted_accuracy(none, none))
    assert math.isnan(expected_calibration_error(none, np.zeros((0, 3))))
    assert confusion_matrix(none, none, 3).sum() == 0


@pytest.mark.parametrize(
    ("truth", "predicted"),
    [([0, 1], [0]), ([0, 3], [0, 1]), ([0, 1], [0, -1]), ([[0]], [[0]])],
)
def test_impossible_judgements_are_refused(truth: Any, predicted: Any) -> None:
    with pytest.raises(ValueError, match=r"class indexes|one judgement"):
        confusion_matrix(np.array(truth), np.array(predicted), 3)


def test_calibration_needs_one_row_a_clip() -> None:
    with pytest.raises(ValueError, match="one row of probabilities"):
        expected_calibration_error(np.array([0, 1, 0]), np.array([[0.5, 0.5]]))
