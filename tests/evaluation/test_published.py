from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import pytest

from serein.bundle import Bundle
from serein.errors import DataInvalid
from serein.evaluation.published import fold_scores, published_scores
from serein.evaluation.scores import score_corpora
from serein.training.card_commands import reproduction
from serein.training.card_scores import score_sections
from tests.browser import runs
from tests.evaluation.judgements import random_answers

NAMES = ("made-up",)


@pytest.fixture(scope="module")
def joint() -> dict[str, Any]:
    metrics = runs.full("crema-d", "emovo")
    return {key: value for key, value in metrics.items() if key not in ("robustness", "enrolment")}


@pytest.fixture(scope="module")
def measured() -> dict[str, Any]:
    return runs.full("crema-d", "emovo")


@pytest.fixture(scope="module")
def left_out() -> dict[str, Any]:
    return runs.outcome(runs.judgements("crema-d", "emovo", skill=1.0), protocol="corpus")


def test_the_first_run_gives_the_scores_and_others_stand_beside(
    joint: dict[str, Any], left_out: dict[str, Any]
) -> None:
    scores = published_scores([joint, left_out], NAMES)
    (further,) = scores["further"]
    assert (scores["protocol"], further["protocol"]) == ("speakers:2", "corpus")
    for found, metrics in ((scores, joint), (further, left_out)):
        assert found["seeds"] == 1
        assert set(found["corpora"]) == {"crema-d", "emovo"}
        for name, line in found["corpora"].items():
            for key in ("uar", "wa_enrolled", "ece", "gain_at_coverage"):
                assert line[key] == pytest.approx(metrics["corpora"][name][key], abs=5e-7)
            assert line["uar_interval"] == pytest.approx(
                metrics["corpora"][name]["uar_interval"], abs=5e-7
            )
            four = metrics["four_classes"]["corpora"][name]["uar"]
            assert found["four_classes"]["corpora"][name]["uar"] == pytest.approx(four, abs=5e-7)
        assert found["decided"]["share"] == pytest.approx(metrics["decided"]["share"], abs=5e-7)
        assert set(found["groups"]) == {"sex", "language"}
        women = found["groups"]["sex"]["groups"]["female"]
        expected = metrics["groups"]["sex"]["groups"]["female"]
        assert women["uar"] == pytest.approx(expected["uar"], abs=5e-7)
        assert women["clips"] == expected["clips"]


def test_what_else_was_measured_may_come_from_another_run(
    joint: dict[str, Any], measured: dict[str, Any]
) -> None:
    scores = published_scores([joint, measured], NAMES)
    assert scores["further"] == []  # the same protocol on the same corpora is told once
    conditions = measured["robustness"]["conditions"]
    told = {
        (f, n): loss for f, ns in scores["robustness"]["losses"].items() for n, loss in ns.items()
    }
    assert told == {
        (one["family"], one["name"]): pytest.approx(one["loss"], abs=5e-7) for one in conditions
    }
    points = measured["enrolment"]["points"]
    assert [point["clips"] for point in scores["enrolment"]["points"]] == [1, 2, 5, 10, 20, None]
    for point, expected in zip(scores["enrolment"]["points"], points, strict=True):
        assert point["gain"] == pytest.approx(expected["gain"], abs=5e-7)
        for name, gain in point["gains"].items():
            assert gain == pytest.approx(expected["corpora"][name]["gain"], abs=5e-7)
    assert "robustness" not in published_scores([joint], NAMES)


def test_folds_that_were_not_run_are_told(
    svm_bundle: Bundle, joint: dict[str, Any], left_out: dict[str, Any]
) -> None:
    runs_of_some = [joint | {"only": ["1"]}, left_out | {"only": ["crema-d", "emovo"]}]
    scores = published_scores(runs_of_some, NAMES)
    text = "\n".join(score_sections(scores))
    assert "Protocol speakers:2, fold 1 alone;" in text
    assert "### Protocol corpus, folds crema-d, emovo alone" in text
    commands = "\n".join(reproduction(replace(svm_bundle.manifest, scores=scores)))
    # RAVDESS, which the model was trained on, was left out in no fold that was run.
    data = "--data crema-d=DIR --data emovo=DIR --data ravdess=DIR"
    recipe = f"serein crossval functionals-svm {data}"
    assert f"{recipe} --protocol speakers:2 --fold 1 " in commands
    assert f"{recipe} --protocol corpus --fold crema-d --fold emovo " in commands


def test_it_is_small_and_plain(joint: dict[str, Any], measured: dict[str, Any]) -> None:
    scores = published_scores([joint, measured], NAMES)
    text = json.dumps(scores, allow_nan=False)
    assert json.loads(text) == scores
    assert len(text) < len(json.dumps(measured)) / 4
    assert "confusion" not in text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"quick": True}, "no score"),
        ({"speakers_kept_apart": False}, "no score"),
        ({"recipe": "another"}, "another recipe"),
    ],
)
def test_runs_that_are_no_score_of_the_model(
    joint: dict[str, Any], change: dict[str, Any], said: str
) -> None:
    with pytest.raises(DataInvalid, match=said):
        published_scores([joint, joint | change], NAMES)


def test_runs_of_an_older_version(joint: dict[str, Any]) -> None:
    older = copy.deepcopy(joint)
    del older["decided"]
    with pytest.raises(DataInvalid, match="lack 'decided', so another version"):
        published_scores([older], NAMES)
    with pytest.raises(DataInvalid, match="one run or more"):
        published_scores([], NAMES)


def test_a_fold_keeps_scores_without_curves() -> None:
    judged = random_answers()
    (line,) = fold_scores(judged).values()
    (whole,) = score_corpora(judged).values()
    assert line.items() <= whole.items()
    assert {"uar", "uar_enrolled_interval", "recalls", "clips", "classes"} <= set(line)
    assert not {"risk", "reliability", "confusion"} & set(line)
