from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from serein.bundle import Bundle, Manifest
from serein.evaluation.published import published_scores
from serein.training.card import model_card
from serein.training.recipe import load_recipe
from tests.browser import runs


@pytest.fixture(scope="module")
def joint() -> dict[str, Any]:
    return runs.full("crema-d", "emovo")


@pytest.fixture(scope="module")
def left_out() -> dict[str, Any]:
    return runs.outcome(runs.judgements("crema-d", "emovo", skill=1.0), protocol="corpus")


@pytest.fixture
def manifest(svm_bundle: Bundle, joint: dict[str, Any], left_out: dict[str, Any]) -> Manifest:
    scores = published_scores([joint, left_out], ["made-up"])
    return replace(svm_bundle.manifest, scores=scores)


def _card(manifest: Manifest) -> str:
    return model_card(manifest, tells_speech=False)


def _rows(text: str) -> list[list[str]]:
    lines = (line for line in text.splitlines() if line.startswith("| ") and "---" not in line)
    return [line.strip("| ").split(" | ") for line in lines]


def _section(text: str, title: str) -> str:
    return re.split(r"^#+ ", text, flags=re.MULTILINE)[
        [part.partition("\n")[0] for part in re.split(r"^#+ ", text, flags=re.MULTILINE)].index(
            title
        )
    ]


def _one(value: float) -> str:
    return f"{100 * value:.1f}"


def test_scores_of_every_corpus_and_their_mean(manifest: Manifest, joint: dict[str, Any]) -> None:
    section = _section(_card(manifest), "Scores on speakers that the training never saw")
    rows = {row[0]: row[1:] for row in _rows(section)[1:4]}
    for name, line in joint["corpora"].items():
        low, high = line["uar_interval"]
        assert rows[name][3] == f"{_one(line['uar'])} ({100 * low:.0f} to {100 * high:.0f})"
        assert rows[name][6] == _one(line["wa_enrolled"])
        assert rows[name][7] == _one(line["ece"])
    assert rows["mean"][3] == _one(joint["uar"])
    assert rows["mean"][5] == _one(joint["uar_enrolled"])


def test_sexes_languages_four_classes_and_certainty(
    manifest: Manifest, joint: dict[str, Any]
) -> None:
    section = _section(_card(manifest), "Scores on speakers that the training never saw")
    rows = _rows(section)
    women = joint["groups"]["sex"]["groups"]["female"]
    (found,) = [row for row in rows if row[0] == "women"]
    assert found[1:3] == [str(women["speakers"]), str(women["clips"])]
    assert found[3].startswith(f"{_one(women['uar'])} (")
    assert {row[0] for row in rows} >= {"men", "en", "it"}
    four = joint["four_classes"]["corpora"]["emovo"]
    assert ["emovo", str(four["clips"]), _one(four["uar"]), _one(four["uar_enrolled"])] in rows
    assert _one(joint["four_classes"]["uar"]) in section
    line, decided = joint["corpora"]["emovo"], joint["decided"]["corpora"]["emovo"]
    gain = f"{100 * line['gain_at_coverage']:+.1f}"
    surest = f"{_one(line['accuracy_at_coverage'])} ({gain})"
    assert [_one(decided["share"]), _one(decided["accuracy"]), surest] in [row[1:4] for row in rows]


def test_other_protocols_stand_beside(manifest: Manifest, left_out: dict[str, Any]) -> None:
    section = _section(_card(manifest), "Protocol corpus")
    assert "Every corpus was judged by a model that was trained on the others" in section
    assert _one(left_out["corpora"]["emovo"]["uar"]) in section
    assert _one(left_out["four_classes"]["uar_enrolled"]) in section


def test_curves_as_tables(manifest: Manifest, joint: dict[str, Any]) -> None:
    card = _card(manifest)
    rows = _rows(_section(card, "What a speaker's profile gains, by its clips"))
    assert rows[0] == ["clips", "crema-d", "emovo", "mean", "mended", "spoilt"]
    for row, point in zip(rows[1:], joint["enrolment"]["points"], strict=True):
        assert row[0] == ("all" if point["clips"] is None else str(point["clips"]))
        assert row[3] == f"{100 * point['gain']:+.1f}"
        assert row[1] == f"{100 * point['corpora']['crema-d']['gain']:+.1f}"
    rows = _rows(_section(card, "What worse sound costs"))
    told = {row[0]: row[1] for row in rows[1:]}
    for one in joint["robustness"]["conditions"]:
        assert f"{one['name']}: {_one(one['loss'])}" in told[one["family"]].split("; ")


def test_without_scores_there_is_no_table_of_them(svm_bundle: Bundle) -> None:
    card = _card(replace(svm_bundle.manifest, scores={}))
    assert "Scores" not in card.partition("## What it must not")[0]
    assert "serein crossval" not in card


def test_the_commands_that_make_it_again(manifest: Manifest) -> None:
    section = _section(_card(manifest), "How to make it again")
    commands = [line[2:] for line in section.splitlines() if line.startswith("$ ")]
    data = "--data crema-d=DIR --data emovo=DIR"
    assert commands == [
        "serein train functionals-svm --data ravdess=DIR --seed 3 -o functionals-svm",
        f"serein crossval functionals-svm {data} --protocol speakers:2 --noise DIR --enrolment "
        "-o scores",
        f"serein crossval functionals-svm {data} --protocol corpus -o scores",
    ]
    assert "In a checkout" not in section


def test_one_command_a_name_of_its_own_and_a_recipe_of_ones_own(manifest: Manifest) -> None:
    recipe = dict(manifest.recipe) | {"name": "mine", "made_by": "make model"}
    card = _card(replace(manifest, name="open", recipe=recipe))
    assert card.startswith("# open\n")
    assert "In a checkout of Serein, `make model`." in card
    assert "serein train mine.toml --data ravdess=DIR --seed 3 --name open -o open" in card


def test_a_longer_training_is_told(manifest: Manifest) -> None:
    recipe = load_recipe("bundled").as_dict()
    plain = _card(replace(manifest, recipe=recipe))
    assert "--epochs" not in plain
    recipe["network"]["training"] |= {"epochs": 77, "clips_per_epoch": 55}
    told = _card(replace(manifest, recipe=recipe))
    assert "serein train bundled --epochs 77 --clips-per-epoch 55 --data ravdess=DIR" in told


def test_recordings_that_were_heard_are_told(manifest: Manifest) -> None:
    recipe = load_recipe("bundled").as_dict()
    recipe["sound"] |= {"recordings": "esc-10"}
    card = _card(replace(manifest, recipe=recipe))
    assert "serein train bundled --recordings DIR --data ravdess=DIR" in card
    assert "serein crossval bundled --recordings DIR --data crema-d=DIR" in card


def test_a_model_of_one_fold_is_made_by_its_cross_validation(manifest: Manifest) -> None:
    scores = dict(manifest.scores) | {"fold": "1", "further": []}
    card = _card(replace(manifest, scores=scores))
    assert "Protocol speakers:2, fold 1 alone; 1 seed(s)." in card
    data = "--data crema-d=DIR --data emovo=DIR --data ravdess=DIR"
    assert f"serein crossval functionals-svm {data} --protocol speakers:2 --fold 1" in card
    assert "serein train" not in card


def test_an_evaluation_is_told_as_one(manifest: Manifest) -> None:
    scores = dict(manifest.scores) | {"protocol": "unseen speakers", "further": []}
    card = _card(replace(manifest, scores=scores))
    data = "--data crema-d=DIR --data emovo=DIR"
    assert f"serein evaluate functionals-svm {data} --noise DIR --enrolment -o scores" in card
    del scores["enrolment"]
    scores["robustness"] = {**scores["robustness"], "losses": {"gain": {"+10 dB": 0.0}}}
    card = _card(replace(manifest, scores=scores))
    assert f"serein evaluate functionals-svm {data} --robustness -o scores" in card


def test_limits_say_whether_it_knows_speech(manifest: Manifest) -> None:
    knowing, other = (
        _section(model_card(manifest, tells_speech=told), "Limits") for told in (True, False)
    )
    assert "warns of `no_speech`" in knowing
    assert "does not know whether a sound is speech" not in knowing
    assert "does not know whether a sound is speech" in other
    assert "{" not in knowing + other
