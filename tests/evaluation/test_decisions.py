from __future__ import annotations

import numpy as np
import pytest

from serein.evaluation.decisions import decisions
from serein.evaluation.scores import SUFFIX, score
from tests.evaluation.judgements import answer, random_answers

SURE, UNSURE = 0.7, 0.4


def test_what_is_decided_is_counted_by_hand() -> None:
    judged = [
        answer("angry", "angry", sure=SURE, path="1"),
        answer("happy", "sad", sure=SURE, path="2"),
        answer("sad", "sad", sure=SURE, path="3"),
        answer("sad", "sad", sure=UNSURE, path="4"),
        answer("happy", "happy", enrolled="sad", sure=UNSURE, path="5"),
    ]
    found = decisions(judged, 0.5)
    assert found["minimum_confidence"] == 0.5
    line = found["corpora"]["ravdess"]
    assert line["share"] == pytest.approx(3 / 5)
    assert line["accuracy"] == pytest.approx(2 / 3)
    assert (found["share"], found["accuracy"]) == (line["share"], line["accuracy"])


def test_the_level_itself_is_decided() -> None:
    judged = [answer("angry", "angry", sure=0.7)]
    assert decisions(judged, 0.7)["share"] == 1
    above = decisions(judged, 0.71)
    assert (above["share"], above["accuracy"]) == (0, None)


def test_of_no_level_everything_is_decided() -> None:
    judged = random_answers(80)
    found, scores = decisions(judged, 0.0), score(judged)
    for suffix in SUFFIX.values():
        assert found["share" + suffix] == 1
        assert found["accuracy" + suffix] == pytest.approx(scores["wa" + suffix])


def test_corpora_weigh_the_same_and_one_without_a_decision_has_no_accuracy() -> None:
    sure = [answer("angry", "angry", path=str(number)) for number in range(3)]
    unsure = [answer("angry", "sad", sure=UNSURE, corpus="tess", path="4")]
    found = decisions([*sure, *unsure], 0.5)
    assert (found["share"], found["accuracy"]) == (0.5, 1.0)
    assert found["corpora"]["tess"]["accuracy"] is None


def test_where_confidence_is_expected_accuracy_decided_clips_keep_the_level() -> None:
    """A model that is right as often as it says decides nothing that is less likely right."""
    generator = np.random.default_rng(0)
    judged = []
    for number in range(4000):
        sure = float(generator.uniform(0.3, 1.0))
        right = generator.random() < sure
        heard = "angry" if right else "sad"
        judged.append(answer("angry", heard, sure=sure, path=f"{number}.wav"))
    for level in (0.5, 0.7, 0.9):
        accuracy = decisions(judged, level)["accuracy"]
        assert level < accuracy
        assert accuracy == pytest.approx((1 + level) / 2, abs=0.03)
