from __future__ import annotations

import copy
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
import torch

from serein.errors import RecipeInvalid
from serein.labels import LABEL_SETS, LABELS
from serein.training.classifiers import CLASSIFIERS
from serein.training.networks.densenet import DenseNet121
from serein.training.recipe import available_recipes, load_recipe, recipe_from_dict
from tests.training.synthetic import network_values

CLASSIFIER = {"name": "linear-svm", "options": {"regularization": [1e-3]}}


def _classical_values() -> dict[str, Any]:
    return {
        "name": "mine",
        "title": "Mine",
        "features": {"kind": "functionals"},
        "classifier": dict(CLASSIFIER),
    }


def _changed(values: dict[str, Any], place: str, value: Any) -> dict[str, Any]:
    """The values with another one at ``a.b.c``; None takes the key away."""
    result = copy.deepcopy(values)
    *tables, key = place.split(".")
    table = result
    for name in tables:
        table = table.setdefault(name, {})
    if value is None:
        del table[key]
    else:
        table[key] = value
    return result


def _refusal(values: dict[str, Any]) -> str:
    with pytest.raises(RecipeInvalid) as caught:
        recipe_from_dict(values, where="recipe mine.toml")
    return caught.value.message


@pytest.mark.parametrize("name", sorted(available_recipes()))
def test_packaged_recipes_are_named_as_their_files_and_read_back(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe == load_recipe(available_recipes()[name])
    plain = json.loads(json.dumps(recipe.as_dict()))
    assert recipe_from_dict(plain, where=name) == recipe


def test_the_two_kinds_of_recipes_are_in_the_package() -> None:
    assert {"bundled", "functionals-svm"} <= set(available_recipes())
    assert load_recipe("bundled").network is not None
    assert load_recipe("functionals-svm").classifier is not None


@pytest.mark.parametrize(
    "place",
    [
        "colour",
        "features.colour",
        "network.colour",
        "network.options.colour",
        "network.training.colour",
        "network.augment.colour",
    ],
)
def test_unknown_key_of_a_network_recipe(place: str) -> None:
    message = _refusal(_changed(network_values(), place, 1))
    assert "recipe mine.toml" in message
    assert "unknown key colour" in message
    allowed = {
        "": "prior_clips",
        "features": "hop_length",
        "network": "training",
        "options": "dropout",
        "training": "epochs",
        "augment": "mask_share",
    }
    assert allowed[place.rpartition(".")[0].rpartition(".")[2]] in message


def test_unknown_key_of_a_classifier() -> None:
    message = _refusal(_changed(_classical_values(), "classifier.kernel", "rbf"))
    assert "unknown key kernel" in message
    assert "options" in message
    message = _refusal(_changed(_classical_values(), "classifier.options.kernel", "rbf"))
    assert "[classifier.options]: unknown key kernel" in message
    assert "regularization" in message


@pytest.mark.parametrize(
    ("place", "value", "kind"),
    [
        ("name", 3, "a text"),
        ("prior_clips", "many", "a number"),
        ("labels", 3, "a text"),
        ("labels", [3], "a text"),
        ("network", 3, "a table"),
        ("features.bands", 24.5, "a whole number"),
        ("network.options", 3, "a table"),
        ("network.options.width", "wide", "a whole number"),
        ("network.options.channels", 3, "a list"),
        ("network.training.epochs", True, "a whole number"),
        ("network.training.learning_rate", "fast", "a number"),
        ("network.augment.noise_snr", ["low", "high"], "a number"),
    ],
)
def test_wrong_type(place: str, value: Any, kind: str) -> None:
    message = _refusal(_changed(network_values(), place, value))
    assert place.rpartition(".")[2] in message
    assert kind in message


@pytest.mark.parametrize(
    "place", ["name", "title", "features", "features.kind", "network.name", "network.training"]
)
def test_missing_key(place: str) -> None:
    message = _refusal(_changed(network_values(), place, None))
    assert f"the key {place.rpartition('.')[2]} is missing" in message


def test_missing_epochs() -> None:
    values = _changed(network_values(), "network.training", {"batch_size": 4})
    assert "the key epochs is missing" in _refusal(values)


def test_unknown_network_names_the_known_ones() -> None:
    message = _refusal(_changed(network_values(), "network.name", "perceptron"))
    assert "'perceptron'" in message
    assert "log-mel-cnn" in message


def test_features_that_the_network_cannot_take() -> None:
    values = _changed(network_values(), "features", {"kind": "functionals"})
    message = _refusal(_changed(values, "network.augment", None))
    assert "'log-mel-cnn' cannot take 'functionals' features" in message
    assert "set [features] kind to one of: log_mel" in message


def test_classifier_needs_one_row_a_clip() -> None:
    message = _refusal(_changed(_classical_values(), "features", {"kind": "log_mel"}))
    assert "functionals, opensmile" in message


def test_unknown_classifier() -> None:
    message = _refusal(_changed(_classical_values(), "classifier.name", "forest"))
    assert "'forest'" in message
    assert all(name in message for name in CLASSIFIERS)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_classifier_needs_values_to_choose_from(name: str) -> None:
    chosen = CLASSIFIERS[name].chosen
    values = _changed(_classical_values(), "classifier", {"name": name})
    assert f"the key {chosen} is missing" in _refusal(values)
    values["classifier"]["options"] = {chosen: []}
    assert f"{chosen} needs one or more numbers" in _refusal(values)
    values["classifier"]["options"] = {chosen: 1}
    assert f"{chosen} must be a list" in _refusal(values)


@pytest.mark.parametrize(
    ("name", "option", "value"),
    [
        ("random-forest", "minimum_leaf", [0]),
        ("random-forest", "minimum_leaf", [0.5]),
        ("random-forest", "trees", 0),
        ("random-forest", "leaves", 1),
        ("random-forest", "feature_share", 0.0),
        ("random-forest", "feature_share", 1.5),
        ("gradient-boosting", "rounds", [0]),
        ("gradient-boosting", "learning_rate", 0.0),
        ("gradient-boosting", "learning_rate", float("inf")),
        ("gradient-boosting", "leaves", 1),
        ("gradient-boosting", "minimum_leaf", 0),
        ("gradient-boosting", "feature_share", float("nan")),
        ("gradient-boosting", "bins", 1),
        ("gradient-boosting", "bins", 256),
        ("mlp", "weight_decay", [-0.1]),
        ("mlp", "weight_decay", [float("nan")]),
        ("mlp", "hidden", []),
        ("mlp", "hidden", [0]),
        ("mlp", "epochs", 0),
        ("mlp", "batch_size", 0),
        ("mlp", "learning_rate", 0.0),
    ],
)
def test_impossible_option_of_a_classifier(name: str, option: str, value: Any) -> None:
    options = {CLASSIFIERS[name].chosen: [1], option: value}
    values = _changed(_classical_values(), "classifier", {"name": name, "options": options})
    assert option in _refusal(values)


@pytest.mark.parametrize("both", [True, False])
def test_either_a_network_or_a_classifier(both: bool) -> None:
    values = network_values()
    if both:
        values["classifier"] = CLASSIFIER
    else:
        del values["network"]
    message = _refusal(values)
    assert "[network]" in message
    assert "[classifier]" in message


def test_unknown_label_names_the_known_ones() -> None:
    message = _refusal(_changed(_classical_values(), "labels", ["happy", "joyful"]))
    assert "joyful" in message
    assert all(label in message for label in LABELS)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("prior_clips", -1),
        ("prior_clips", float("nan")),
        ("minimum_confidence", 1.1),
        ("minimum_confidence", float("nan")),
        ("features.hop_length", 0),
        ("features.high", 9000.0),
        ("network.training.epochs", 0),
        ("network.training.batch_size", 1),
        ("network.training.clips_per_epoch", -1),
        ("network.training.clips_per_epoch", 1),
        ("network.training.label_smoothing", 1.0),
        ("network.training.enrolled_share", -0.1),
        ("network.training.averaging", 1.0),
        ("network.training.averaging", float("nan")),
        ("network.training.learning_rate", 0.0),
        ("network.training.learning_rate", float("inf")),
        ("network.training.weight_decay", -0.1),
        ("network.training.sex_weight", -0.1),
        ("network.training.longest", 0.0),
        ("network.training.longest", 0.001),
        ("network.augment.stretch", 1.0),
        ("network.augment.stretch", -0.1),
        ("network.augment.shift", -1.0),
        ("network.augment.tilt", float("inf")),
        ("network.augment.noise", 1.5),
        ("network.augment.noise_snr", [10.0]),
        ("network.augment.noise_snr", [40.0, 5.0]),
        ("network.augment.masks", -1),
        ("network.augment.mask_share", 1.5),
    ],
)
def test_impossible_number_of_a_network_recipe(place: str, value: Any) -> None:
    assert place.rpartition(".")[2] in _refusal(_changed(network_values(), place, value))


@pytest.mark.parametrize("values", [[], [0.0], [1e-3, -1.0], [float("inf")], [float("nan")]])
def test_impossible_regularization(values: list[float]) -> None:
    message = _refusal(_changed(_classical_values(), "classifier.options.regularization", values))
    assert "regularization" in message
    assert "above 0" in message


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("network.options.channels", [4, 0]),
        ("network.options.width", 0),
        ("network.options.depth", -1),
        ("network.options.attention", 0),
        ("network.options.embedding", 0),
        ("network.options.dropout", 1.0),
        ("network.options.dropout", float("nan")),
    ],
)
def test_impossible_size_of_a_network(place: str, value: Any) -> None:
    assert place.rpartition(".")[2] in _refusal(_changed(network_values(), place, value))


def test_a_file_that_is_no_toml(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    for content in (b"name = ", b"\xff\xfe\x00"):
        path.write_bytes(content)
        with pytest.raises(RecipeInvalid) as caught:
            load_recipe(path)
        assert "not valid TOML" in caught.value.message
        assert caught.value.file == str(path)


@pytest.mark.parametrize("recipe", ["no-such-recipe", "folder"])
def test_no_such_file(tmp_path: Path, recipe: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(RecipeInvalid) as caught:
        load_recipe(tmp_path / recipe if recipe == "folder" else recipe)
    assert recipe in caught.value.message
    assert all(name in caught.value.message for name in available_recipes())


def test_a_recipe_of_ones_own_is_read_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'name = "mine"\ntitle = "Mine"\nlabels = ["sad", "happy"]\n'
        '[features]\nkind = "functionals"\n'
        '[classifier]\nname = "linear-svm"\noptions.regularization = [1]\n',
        encoding="utf-8",
    )
    recipe = load_recipe(path)
    assert recipe.labels == ("sad", "happy")
    assert recipe.classifier is not None
    assert recipe.classifier.options == {"regularization": [1]}
    assert recipe == load_recipe(str(path))


def test_labels_are_a_set_or_a_list() -> None:
    values = _classical_values()
    by_name = recipe_from_dict(values | {"labels": "three"}, where="mine")
    assert (by_name.label_set, by_name.labels) == ("three", "three")
    assert by_name.classes == ("negative", "neutral", "positive")
    assert recipe_from_dict(by_name.as_dict(), where="manifest") == by_name
    listed = recipe_from_dict(values | {"labels": ["sad", "happy"]}, where="mine")
    assert (listed.label_set, listed.classes) == (None, ("sad", "happy"))
    open_to_all = recipe_from_dict(values, where="mine")
    assert (open_to_all.label_set, open_to_all.classes) == (None, LABELS)


def test_unknown_label_set_names_the_known_ones() -> None:
    message = _refusal(_changed(_classical_values(), "labels", "happy"))
    assert "unknown label set 'happy'" in message
    assert all(name in message for name in LABEL_SETS)
    assert "a list of emotions" in message


@pytest.mark.parametrize("labels", [["happy"], ["happy", "happy"]])
def test_one_label_is_nothing_to_tell_apart(labels: list[str]) -> None:
    assert "labels must be two or more" in _refusal(_classical_values() | {"labels": labels})


def test_a_manifest_does_not_tell_where_the_weights_lay(tmp_path: Path) -> None:
    weights = tmp_path / "densenet.pth"
    torch.save(DenseNet121(2).state_dict(), weights)
    values = tomllib.loads(available_recipes()["mel-mfcc-ensemble"].read_text(encoding="utf-8"))
    values["network"]["options"] = {"weights": str(weights)}
    recipe = recipe_from_dict(values, where="mine")
    assert recipe.as_dict()["network"]["options"]["weights"] == "densenet.pth"
    assert recipe.network is not None
    assert recipe.network.options["weights"] == str(weights)
