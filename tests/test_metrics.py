"""Scores against scikit-learn, and what it lacks against its formula in a plain loop."""

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
    DRAWS,
    bootstrap_uar,
    confusion_matrix,
    expected_calibration_error,
    interval,
    macro_f1,
    precision_per_class,
    recall_per_class,
    reliability,
    risk_at_coverage,
    two_sided_p,
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
    options = {"labels": present, "zero_division": 0}
    precisions = precision_per_class(truth, predicted, classes)
    np.testing.assert_allclose(
        precisions[present],
        sklearn.metrics.precision_score(truth, predicted, average=None, **options),
    )
    assert np.isnan(np.delete(precisions, present)).all()
    assert macro_f1(truth, predicted, classes) == pytest.approx(
        sklearn.metrics.f1_score(truth, predicted, average="macro", **options)
    )
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


@given(
    seed=st.integers(0, 10_000),
    size=st.integers(1, 80),
    classes=st.integers(2, 9),
    bins=st.integers(1, 30),
)
@settings(max_examples=60, deadline=None)
def test_bins_of_confidence_add_up(seed: int, size: int, classes: int, bins: int) -> None:
    generator = np.random.default_rng(seed)
    probabilities = generator.dirichlet(np.full(classes, 0.5), size=size)
    truth = generator.integers(0, classes, size)
    found = reliability(truth, probabilities, bins=bins)
    assert [one.low for one in found] == [number / bins for number in range(bins)]
    assert [one.high for one in found] == [one.low for one in found[1:]] + [1.0]
    assert sum(one.clips for one in found) == size
    for one in found:
        if one.clips:
            assert one.low - 1e-9 <= one.confidence <= one.high + 1e-9
            assert one.clips * one.accuracy == pytest.approx(round(one.clips * one.accuracy))
        else:
            assert (one.confidence, one.accuracy) == (0, 0)
    top = probabilities.max(axis=1)
    assert sum(one.clips * one.confidence for one in found) == pytest.approx(top.sum())
    assert sum(one.clips * one.accuracy for one in found) / size == pytest.approx(
        weighted_accuracy(truth, probabilities.argmax(axis=1))
    )
    assert expected_calibration_error(truth, probabilities, bins=bins) == pytest.approx(
        sum(one.clips / size * abs(one.accuracy - one.confidence) for one in found)
    )


@pytest.mark.parametrize("bins", [10, 15, 25, 50, 100])
def test_confidence_on_an_upper_edge_belongs_to_the_bin(bins: int) -> None:
    """Where the edge times the bins is no whole number, too, as of 7 of 25."""
    for number in range(1, bins + 1):
        rest = np.full(999, (1 - number / bins) / 999)
        row = np.r_[number / bins, rest][None]
        (own,) = (one for one in reliability(np.array([0]), row, bins=bins) if one.clips)
        assert (own.low, own.high) == ((number - 1) / bins, number / bins)
        assert own.accuracy == 1


def plain_risk(truth: Indexes, probabilities: Any, coverage: float) -> float:
    """Clip by clip from the surest one on; clips alike in confidence go in equal parts."""
    confidence = [float(max(row)) for row in probabilities]
    wrong = [int(np.argmax(row)) != t for row, t in zip(probabilities, truth, strict=True)]
    left = kept = coverage * len(truth)
    errors = 0.0
    for value in sorted(set(confidence), reverse=True):
        alike = [i for i, c in enumerate(confidence) if c == value]
        taken = min(left, len(alike))
        errors += taken * sum(wrong[i] for i in alike) / len(alike)
        left -= taken
    return errors / kept


COVERAGES = np.array([0.01, 0.1, 0.25, 0.5, 0.77, 0.9, 1.0])


@given(
    seed=st.integers(0, 10_000),
    size=st.integers(1, 60),
    classes=st.integers(2, 5),
    digits=st.sampled_from([1, 2, 12]),
)
@settings(max_examples=60, deadline=None)
def test_risk_is_that_of_the_surest_clips(seed: int, size: int, classes: int, digits: int) -> None:
    generator = np.random.default_rng(seed)
    # With few digits many clips share a confidence. A row's sum is of no matter to the risk.
    probabilities = np.round(generator.dirichlet(np.full(classes, 0.7), size=size), digits)
    truth = generator.integers(0, classes, size)
    found = risk_at_coverage(truth, probabilities, COVERAGES)
    expected = [plain_risk(truth, probabilities, coverage) for coverage in COVERAGES]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    accuracy = weighted_accuracy(truth, probabilities.argmax(axis=1))
    assert found[-1] == pytest.approx(1 - accuracy)
    order = generator.permutation(size)
    shuffled = risk_at_coverage(truth[order], probabilities[order], COVERAGES)
    np.testing.assert_allclose(shuffled, found, atol=1e-12)
    # Whoever is always surer where it is right keeps its errors for the last.
    right = probabilities.argmax(axis=1) == truth
    sure = np.where(right, 0.9, 0.6)[:, None] * np.eye(classes)[probabilities.argmax(axis=1)]
    risks = risk_at_coverage(truth, sure, np.linspace(0.01, 1, 40))
    assert (np.diff(risks) >= -1e-12).all()
    assert risks[-1] == pytest.approx(1 - accuracy)


def test_known_risks() -> None:
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4]])
    truth = np.array([0, 1, 0, 1])
    found = risk_at_coverage(truth, probabilities, np.array([1.0, 0.25, 0.5, 0.75]))
    assert found.tolist() == pytest.approx([1 / 2, 0, 1 / 2, 1 / 3])  # in the order asked for
    alike = risk_at_coverage(truth, np.array([[0.9, 0.1]] * 4), np.array([0.1, 0.5, 1.0]))
    assert alike.tolist() == pytest.approx([0.5, 0.5, 0.5])
    assert risk_at_coverage(truth, probabilities, np.zeros(0)).shape == (0,)
    for coverage in (0.0, -0.5, 1.01, math.nan):
        with pytest.raises(ValueError, match="coverage"):
            risk_at_coverage(truth, probabilities, np.array([0.5, coverage]))


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
    assert math.isnan(macro_f1(none, none, 3))
    assert np.isnan(recall_per_class(none, none, 3)).all()
    assert np.isnan(precision_per_class(none, none, 3)).all()
    assert np.isnan(risk_at_coverage(none, np.zeros((0, 3)), np.array([0.5, 1.0]))).all()
    assert sum(one.clips for one in reliability(none, np.zeros((0, 3)))) == 0
    assert confusion_matrix(none, none, 3).sum() == 0


@pytest.mark.parametrize(
    ("truth", "predicted"),
    [([0, 1], [0]), ([0, 3], [0, 1]), ([0, 1], [0, -1]), ([[0]], [[0]])],
)
def test_impossible_judgements_are_refused(truth: Any, predicted: Any) -> None:
    with pytest.raises(ValueError, match=r"class indexes|one judgement"):
        confusion_matrix(np.array(truth), np.array(predicted), 3)


def test_calibration_needs_one_row_a_clip() -> None:
    truth, rows = np.array([0, 1, 0]), np.array([[0.5, 0.5]])
    for measure in (expected_calibration_error, reliability):
        with pytest.raises(ValueError, match="one row of probabilities"):
            measure(truth, rows)
    with pytest.raises(ValueError, match="one row of probabilities"):
        risk_at_coverage(truth, rows, np.array([1.0]))


def speakers_confusions(speakers: int, seed: int = 0) -> Indexes:
    """Confusion matrices of speakers who are understood well or badly."""
    generator = np.random.default_rng(seed)
    found = []
    for _ in range(speakers):
        right = generator.uniform(0.3, 0.9)
        chances = [[right if a == b else (1 - right) / 2 for b in range(3)] for a in range(3)]
        found.append([generator.multinomial(10, row) for row in chances])
    return np.array(found)


def pooled_uar(confusions: Any) -> float:
    pooled = np.sum(confusions, axis=0)
    held = [k for k in range(len(pooled)) if pooled[k].sum()]
    return float(np.mean([pooled[k][k] / pooled[k].sum() for k in held]))


@pytest.mark.parametrize("speakers", [1, 3, 6, 24])
@pytest.mark.parametrize("lacking", [False, True])
def test_bootstrap_is_the_slow_one(speakers: int, lacking: bool) -> None:
    confusions = speakers_confusions(speakers)
    if lacking:
        confusions[1:, 2] = 0  # what only one speaker says is not in every draw
    generator = np.random.default_rng(4)
    drawn = generator.integers(0, speakers, (300, speakers))
    expected = [pooled_uar([confusions[k] for k in row]) for row in drawn]
    found = bootstrap_uar(confusions, draws=300, seed=4)
    np.testing.assert_allclose(found, expected)
    assert interval(found, share=0.9) == pytest.approx(tuple(np.percentile(expected, [5, 95])))


def test_same_seed_draws_the_same_speakers() -> None:
    one, two = speakers_confusions(6), speakers_confusions(6, seed=1)
    draws = bootstrap_uar(one)
    assert draws.shape == (DRAWS,)
    np.testing.assert_array_equal(draws, bootstrap_uar(one, seed=0))
    assert not np.array_equal(draws, bootstrap_uar(one, seed=1))
    # A model that is better on every single speaker is better in every draw.
    better = two + 5 * np.eye(3, dtype=np.int64) * two.sum(axis=2, keepdims=True)
    assert (bootstrap_uar(better) > bootstrap_uar(two)).all()


def test_interval_holds_the_score_and_shrinks_with_more_speakers() -> None:
    few, many = speakers_confusions(4), speakers_confusions(100)
    widths = []
    for confusions in (few, many):
        low, high = interval(bootstrap_uar(confusions))
        assert low < pooled_uar(confusions) < high
        widths.append(high - low)
    assert widths[1] < widths[0] / 2
    narrow = interval(bootstrap_uar(few), share=0.5)
    assert narrow[1] - narrow[0] < widths[0]


def test_interval_of_speakers_who_are_all_alike_is_a_point() -> None:
    same = np.repeat(speakers_confusions(1), 5, axis=0)
    assert interval(bootstrap_uar(same)) == pytest.approx((pooled_uar(same), pooled_uar(same)))


@given(values=st.lists(st.integers(-3, 3), min_size=1, max_size=60))
@settings(max_examples=60, deadline=None)
def test_p_counts_the_draws_on_the_other_side(values: list[int]) -> None:
    below = sum(value <= 0 for value in values)
    above = sum(value >= 0 for value in values)
    found = two_sided_p(np.array(values, dtype=float))
    assert found == pytest.approx(min(1, 2 * (min(below, above) + 1) / (len(values) + 1)))
    assert found == two_sided_p(-np.array(values, dtype=float))
    assert 0 < found <= 1


def test_known_p() -> None:
    assert two_sided_p(np.zeros(DRAWS)) == 1
    assert two_sided_p(np.ones(1999)) == pytest.approx(0.001)
    assert two_sided_p(np.r_[np.ones(50), -np.ones(50)]) == 1
    # The more of the draws lie on one side, the less does chance explain it.
    ps = [two_sided_p(np.r_[-np.ones(n), np.ones(999 - n)]) for n in range(0, 500, 25)]
    assert ps == sorted(ps)
