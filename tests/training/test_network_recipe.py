"""What a recipe says of a network, refused in a sentence before anything is read or allocated."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from serein.errors import RecipeInvalid
from serein.features import KINDS, FeatureSpec
from serein.training.network_recipe import (
    AugmentOptions,
    NetworkRecipe,
    TrainingOptions,
    check_settings,
    network_options,
)
from serein.training.networks import NETWORKS
from serein.training.recipe import available_recipes, load_recipe, with_epochs

FIXED = FeatureSpec(kind="mfcc", frames=130)
MELS = FeatureSpec(kind="log_mel", bands=64, frames=130)
NETWORK_RECIPES = sorted(
    name for name in available_recipes() if load_recipe(name).network is not None
)


def _recipe(name: str = "mfcc-cnn", /, **options: Any) -> NetworkRecipe:
    return NetworkRecipe(name=name, training=TrainingOptions(epochs=1), options=options)


def _refusal(recipe: NetworkRecipe, features: FeatureSpec = FIXED) -> str:
    with pytest.raises(RecipeInvalid) as caught:
        network_options(recipe, features, "recipe mine.toml")
    assert caught.value.message.startswith("recipe mine.toml")
    return caught.value.message


def _features_for(name: str) -> FeatureSpec:
    kind = NETWORKS[name]
    return FeatureSpec(kind=kind.features[0], frames=130, masked=not kind.fixed)


@pytest.mark.parametrize("name", NETWORK_RECIPES)
def test_packaged_recipes_are_taken(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.network is not None
    check_settings(recipe.network, recipe.features, name)
    kind = NETWORKS[recipe.network.name]
    assert isinstance(network_options(recipe.network, recipe.features, name), kind.options)


def test_every_network_is_in_a_packaged_recipe() -> None:
    networks = [load_recipe(name).network for name in NETWORK_RECIPES]
    assert {network.name for network in networks if network is not None} == set(NETWORKS)


@pytest.mark.parametrize("name", NETWORKS)
def test_an_unknown_option_names_the_known_ones(name: str) -> None:
    message = _refusal(_recipe(name, colour=1), _features_for(name))
    assert "[network.options]: unknown key colour; known keys are" in message


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("lstm-cnn", {"units": "many"}, "units must be a whole number, not 'many'"),
        ("lstm-cnn", {"attention": 1}, "attention must be true or false, not 1"),
        ("lstm-cnn", {"channels": 32}, "channels must be a list, not 32"),
        ("mfcc-cnn", {"kernels": [3, 3.5, 3]}, "kernels must be a whole number, not 3.5"),
        ("conv-lstm", {"sparsity": "little"}, "sparsity must be a number, not 'little'"),
        ("mel-mfcc-ensemble", {"weights": 3}, "weights must be a text, not 3"),
        ("mel-mfcc-ensemble", {"cepstral": 3}, "cepstral must be a table"),
        ("mel-mfcc-ensemble", {"cepstral": {"kernel": "a"}}, "kernel must be a whole number"),
    ],
)
def test_an_option_of_the_wrong_type_is_refused(
    name: str, options: dict[str, Any], says: str
) -> None:
    message = _refusal(_recipe(name, **options), _features_for(name))
    assert "[network.options]" in message
    assert says in message


def test_an_unknown_network_names_the_known_ones() -> None:
    message = _refusal(_recipe("transformer"))
    assert f"unknown network 'transformer'; known are {', '.join(NETWORKS)}" in message


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NETWORKS)
def test_features_that_a_network_cannot_take_are_refused(name: str, kind: str) -> None:
    over_time = kind not in ("functionals", "opensmile")
    features = FeatureSpec(kind=kind, coefficients=40) if over_time else FeatureSpec(kind=kind)
    if over_time and NETWORKS[name].fixed:
        features = replace(features, frames=130)
    if kind in NETWORKS[name].features:
        assert network_options(_recipe(name), features, "mine") == NETWORKS[name].options()
        return
    message = _refusal(_recipe(name), features)
    assert f"the network {name!r} cannot take {kind!r} features; set [features] kind" in message
    assert ", ".join(NETWORKS[name].features) in message


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("frames", [0, 130])
def test_lengths_that_a_network_cannot_take_are_refused(
    name: str, masked: bool, frames: int
) -> None:
    fixed = bool(frames) and not masked
    features = replace(_features_for(name), frames=frames, masked=masked)
    if fixed == NETWORKS[name].fixed:
        network_options(_recipe(name), features, "mine")
        return
    message = _refusal(_recipe(name), features)
    if fixed:
        assert "takes clips of any length" in message
        assert "set [features] masked = true, or frames = 0" in message
    else:
        assert "takes clips of one length" in message
        assert "set [features] frames to it, with masked = false" in message


@pytest.mark.parametrize(
    ("name", "features", "says"),
    [
        ("mfcc-cnn", replace(FIXED, frames=7), "3 halvings leave nothing of 7 frames"),
        ("cepstral-cnn", replace(FIXED, frames=31), "leave nothing of 31 frames"),
        ("lstm-cnn", replace(FIXED, frames=17), "leave nothing of 17 frames and 64 units"),
        ("conv-lstm", replace(FIXED, frames=18), "need clips of at least 19"),
        ("mel-mfcc-ensemble", replace(MELS, frames=31), "a picture of 31 frames and 64 bands"),
        ("mel-mfcc-ensemble", replace(MELS, bands=31), "between 1 and the 31 mel bands"),
    ],
)
def test_too_small_pictures_are_refused(name: str, features: FeatureSpec, says: str) -> None:
    message = _refusal(_recipe(name), features)
    assert "[network.options]" in message
    assert says in message


def test_a_network_is_looked_at_without_its_numbers() -> None:
    """185,856 inputs to a layer of 65,536 would take 49 gigabytes."""
    features = FeatureSpec(kind="mfcc", frames=500)
    options = network_options(_recipe("lstm-cnn", widths=[65_536, 9]), features, "mine")
    assert options.widths == (65_536, 9)


@pytest.mark.parametrize("units", [0, 65_537, 10**9, 10**20])
def test_sizes_beyond_reason_are_refused(units: int) -> None:
    features = FeatureSpec(kind="mfcc", frames=500)
    with pytest.raises(RecipeInvalid, match="units must lie between 1 and 65536"):
        network_options(_recipe("lstm-cnn", units=units), features, "mine")


def test_what_no_machine_can_hold_is_refused() -> None:
    features = FeatureSpec(kind="mfcc", frames=500, deltas=2)
    kernels = [65_535] * 3
    with pytest.raises(RecipeInvalid, match="too large to build; set smaller sizes"):
        network_options(
            _recipe("mfcc-cnn", kernels=kernels, channels=[65_536] * 3), features, "mine"
        )


def _settings_refusal(network: NetworkRecipe, features: FeatureSpec = FIXED) -> str:
    with pytest.raises(RecipeInvalid) as caught:
        check_settings(network, features, "recipe mine.toml")
    return caught.value.message


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"optimizer": "sgd"}, "optimizer must be one of adamw, adam, rmsprop, not 'sgd'"),
        ({"schedule": "linear"}, "schedule must be one of cosine, constant, plateau"),
        ({"precision": "float16"}, "precision must be one of float32, bfloat16, not 'float16'"),
        ({"patience": -1}, "patience must be at least 0, not -1"),
        ({"batch_size": 1}, "batch_size must be at least 2, not 1"),
        ({"averaging": 1.0}, "averaging must be at least 0 and below 1, not 1"),
        ({"enrolled_share": 1.5}, "enrolled_share must be at least 0 and at most 1, not 1.5"),
        ({"soft_labels": 1.5}, "soft_labels must be at least 0 and at most 1, not 1.5"),
        ({"speech_weight": -0.1}, "speech_weight must be at least 0, not -0.1"),
        ({"speaker_clips": 0}, "speaker_clips must be at least 1, not 0"),
        ({"learning_rate": 0.0}, "learning_rate must be above 0 and at most 1, not 0"),
    ],
)
def test_impossible_settings_of_a_training_are_refused(change: dict[str, Any], says: str) -> None:
    training = TrainingOptions(**({"epochs": 1} | change))
    message = _settings_refusal(NetworkRecipe(name="mfcc-cnn", training=training))
    assert message.startswith(f"recipe mine.toml, [network.training]: {says}")


@pytest.mark.parametrize("mixup", [-0.1, float("nan"), float("inf")])
def test_impossible_mixing_is_refused(mixup: float) -> None:
    network = replace(_recipe(), augment=AugmentOptions(mixup=mixup))
    assert "[network.augment]: mixup must be at least 0" in _settings_refusal(network)


def test_clips_that_are_compared_are_not_mixed() -> None:
    described = [name for name, kind in NETWORKS.items() if kind.described]
    assert described == ["log-mel-cnn"]
    for name in NETWORKS:
        network = replace(_recipe(name), augment=AugmentOptions(mixup=0.2))
        features = _features_for(name)
        if name in described:
            assert "compares a speaker's clips" in _refusal(network, features)
            assert "leave mixup out" in _refusal(network, features)
        else:
            network_options(network, features, "mine")


@pytest.mark.parametrize("change", ["shift", "tilt", "noise"])
@pytest.mark.parametrize(
    "features",
    [FIXED, replace(MELS, deltas=1), replace(MELS, standardized=True)],
    ids=["mfcc", "deltas", "standardized"],
)
def test_changes_of_bands_are_for_bands_in_decibels(change: str, features: FeatureSpec) -> None:
    values: Any = {change: 0.5}
    network = replace(_recipe(), augment=AugmentOptions(**values))
    message = _settings_refusal(network, features)
    assert f"{change} change mel bands in decibels; leave them out, or set" in message
    check_settings(network, MELS, "mine")
    # Tempo and masks are for features of any kind.
    check_settings(replace(_recipe(), augment=AugmentOptions(stretch=0.1, masks=2)), features, "")


def test_a_training_can_be_made_shorter() -> None:
    recipe = load_recipe("mfcc-cnn")
    assert recipe.network is not None
    assert with_epochs(recipe, None, None) is recipe
    for epochs, clips in ((3, None), (None, 200), (3, 200)):
        changed = with_epochs(recipe, epochs, clips).network
        assert changed is not None
        expected = replace(
            recipe.network.training,
            epochs=epochs or recipe.network.training.epochs,
            clips_per_epoch=clips or recipe.network.training.clips_per_epoch,
        )
        assert changed == replace(recipe.network, training=expected)
    for epochs, clips in ((0, None), (None, -1), (None, 1)):
        with pytest.raises(RecipeInvalid, match="must be"):
            with_epochs(recipe, epochs, clips)


def test_what_has_no_epochs_cannot_be_made_shorter() -> None:
    recipe = load_recipe("functionals-svm")
    says = "trains no network and has no epochs; leave out --epochs and --clips-per-epoch"
    with pytest.raises(RecipeInvalid, match=says):
        with_epochs(recipe, 3, 200)
    with pytest.raises(RecipeInvalid, match="leave out --clips-per-epoch"):
        with_epochs(recipe, None, 200)
    assert with_epochs(recipe, None, None) is recipe
