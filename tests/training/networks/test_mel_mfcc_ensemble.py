from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from serein.errors import ArgumentInvalid, RecipeInvalid
from serein.features import FeatureSpec
from serein.features.spectral import cepstrum
from serein.training.network_recipe import network_options
from serein.training.networks.cepstral_cnn import CepstralCnnOptions
from serein.training.networks.densenet import DenseNet121
from serein.training.networks.mel_mfcc_ensemble import MelMfccEnsemble, MelMfccEnsembleOptions
from serein.training.recipe import load_recipe
from tests.training.networks.judging import (
    assert_batch_equals_single,
    judge,
    packaged,
    parameters,
    random_clips,
    seasoned,
)

LABELS = 4
SPEC = FeatureSpec(kind="log_mel", bands=40, frames=36)
SMALL = MelMfccEnsembleOptions(
    coefficients=12, cepstral=CepstralCnnOptions(channels=(5, 6), width=7)
)


@pytest.fixture(scope="module")
def network() -> MelMfccEnsemble:
    torch.manual_seed(0)
    made: MelMfccEnsemble = seasoned(MelMfccEnsemble(SPEC, LABELS, SMALL), SPEC)
    return made


@pytest.fixture
def clips() -> Tensor:
    return random_clips(3, 36, 40)


def _pictures(labels: int) -> int:
    return 7_978_856 - (1000 - labels) * 1025  # that of the paper, with other labels


def test_the_packaged_network_is_that_of_system_e() -> None:
    # 40 coefficients and the two of their normalisation; 130 frames leave 4.
    branch = 40 * 256 * 5 + 256 + 256 * 128 * 5 + 128 + 128 * 4 * 64 + 64 + 65 * (7 + 2)
    assert parameters(packaged("mel-mfcc-ensemble", 7)) == _pictures(7) + 2 * 40 + branch


def test_parameters_and_shapes(network: MelMfccEnsemble, clips: Tensor) -> None:
    # 36 frames: 4, then 1.
    branch = 12 * 5 * 5 + 5 + 5 * 6 * 5 + 6 + 6 * 1 * 7 + 7 + 8 * (LABELS + 2)
    assert parameters(network) == _pictures(LABELS) + 2 * 12 + branch
    found = judge(network, features=clips)
    assert {name: tuple(part.shape) for name, part in found.items()} == {
        "logits": (3, LABELS),
        "sex": (3, 2),
        "embedding": (3, 1024 + 7),
        "branches": (3, 2, LABELS),
    }


def test_a_batch_is_judged_as_its_clips_alone(network: MelMfccEnsemble, clips: Tensor) -> None:
    assert_batch_equals_single(network, clips)


def test_cepstra_inside_are_those_of_the_features(network: MelMfccEnsemble, clips: Tensor) -> None:
    heard: list[Tensor] = []
    listener = network.scale.register_forward_hook(lambda _, given, __: heard.append(given[0]))
    judge(network, features=clips)
    listener.remove()
    (found,) = heard
    for row, clip in zip(found.numpy(), clips.numpy(), strict=True):
        np.testing.assert_allclose(row.T, cepstrum(clip, 12), atol=1e-4)


def test_pictures_are_grey_with_low_bands_first(network: MelMfccEnsemble, clips: Tensor) -> None:
    seen: list[Tensor] = []
    listener = network.pictures.features[0].register_forward_hook(
        lambda _, given, __: seen.append(given[0])
    )
    judge(network, features=clips)
    listener.remove()
    (pictures,) = seen
    for channel in range(3):
        torch.testing.assert_close(pictures[:, channel], clips.transpose(1, 2))


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_combining_weighs_the_branches(
    network: MelMfccEnsemble, clips: Tensor, share: float
) -> None:
    half = judge(network, features=clips)
    network.combine(share)
    found = judge(network, features=clips)
    pictures, cepstra = half["branches"].unbind(1)
    torch.testing.assert_close(found["branches"], half["branches"])
    torch.testing.assert_close(found["logits"], share * pictures + (1 - share) * cepstra)
    assert float((pictures - cepstra).abs().max()) > 0.01
    assert float(network.state_dict()["share"]) == share  # kept with the weights
    network.combine(0.5)
    torch.testing.assert_close(judge(network, features=clips)["logits"], half["logits"])


def test_training_starts_from_a_file_of_weights(tmp_path: Path) -> None:
    torch.manual_seed(5)
    path = tmp_path / "densenet121.pth"
    photographs = DenseNet121(1000).state_dict()
    torch.save(photographs, path)
    options = {"weights": str(path)}
    # Looked at before training, too, and without a word.
    recipe = load_recipe("mel-mfcc-ensemble").network
    assert recipe is not None
    recipe = type(recipe)(name=recipe.name, training=recipe.training, options=options)
    chosen = network_options(recipe, SPEC, "mine")
    torch.manual_seed(0)
    found = MelMfccEnsemble(SPEC, LABELS, chosen).pictures.state_dict()
    for name, part in photographs.items():
        assert torch.equal(found[name], part) == name.startswith("features."), name


def test_a_wrong_file_of_weights_is_refused_before_training(tmp_path: Path) -> None:
    recipe = load_recipe("mel-mfcc-ensemble").network
    assert recipe is not None
    options = {"weights": str(tmp_path / "nowhere.pth")}
    recipe = type(recipe)(name=recipe.name, training=recipe.training, options=options)
    with pytest.raises(RecipeInvalid, match=r"mine, \[network.options\]: .*cannot be read"):
        network_options(recipe, SPEC, "mine")


@pytest.mark.parametrize(
    ("frames", "bands", "change", "says"),
    [
        (31, 40, {}, "a picture of 31 frames and 40 bands is too small; both must be at least 32"),
        (36, 31, {}, "a picture of 36 frames and 31 bands is too small"),
        (36, 40, {"coefficients": 41}, "between 1 and the 40 mel bands"),
        (36, 40, {"coefficients": 0}, "between 1 and the 40 mel bands"),
        (36, 40, {"cepstral": CepstralCnnOptions(pools=(8, 8))}, "leave nothing of 36 frames"),
    ],
)
def test_what_it_cannot_see_or_hear_is_refused(
    frames: int, bands: int, change: dict[str, Any], says: str
) -> None:
    spec = FeatureSpec(kind="log_mel", bands=bands, frames=frames)
    options = MelMfccEnsembleOptions(**({"coefficients": 12} | change))
    with pytest.raises(ArgumentInvalid, match=says):
        MelMfccEnsemble(spec, LABELS, options)


def test_impossible_dropout_is_refused() -> None:
    with pytest.raises(ArgumentInvalid, match="dropout"):
        MelMfccEnsembleOptions(dropout=1.0)
