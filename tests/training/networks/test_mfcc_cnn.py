from __future__ import annotations

from typing import Any

import pytest
import torch

from serein.errors import ArgumentInvalid
from serein.features import FeatureSpec
from serein.training.networks.mfcc_cnn import MfccCnn, MfccCnnOptions
from tests.training.networks.judging import (
    assert_batch_equals_single,
    judge,
    linear,
    packaged,
    parameters,
    random_clips,
    seasoned,
)

LABELS = 4
SPEC = FeatureSpec(kind="mfcc", coefficients=9, frames=21)
SMALL = MfccCnnOptions(channels=(5, 6, 7), kernels=(5, 3, 3))


@pytest.fixture
def network() -> MfccCnn:
    torch.manual_seed(0)
    made: MfccCnn = seasoned(MfccCnn(SPEC, LABELS, SMALL), SPEC)
    return made


def _parameters(pixels: int, labels: int, options: MfccCnnOptions) -> int:
    total, before = 2, 1  # scale and shift of the normalisation
    for after, side in zip(options.channels, options.kernels, strict=True):
        total += before * after * side * side + after
        before = after
    return total + linear(before * pixels, labels)


def test_the_packaged_network_is_that_of_system_d() -> None:
    # 130 x 13 halved thrice: 65 x 6, 32 x 3, 16 x 1; 253,317 and the two of the normalisation.
    assert parameters(packaged("mfcc-cnn", 5)) == 253_319
    assert _parameters(16 * 1, 5, MfccCnnOptions()) == 253_319


def test_parameters_and_shapes(network: MfccCnn) -> None:
    # 21 x 9 halved thrice: 10 x 4, 5 x 2, 2 x 1.
    assert parameters(network) == _parameters(2 * 1, LABELS, SMALL)
    found = judge(network, features=random_clips(2, 21, 9))
    assert {name: tuple(part.shape) for name, part in found.items()} == {
        "logits": (2, LABELS),
        "embedding": (2, 7 * 2),
    }
    # Of a hyperbolic tangent: to both sides, and never beyond 1, however loud the clip is.
    loud = judge(network, features=1000 * random_clips(8, 21, 9))["embedding"]
    assert float(loud.max()) <= 1
    assert -1 <= float(loud.min()) < -0.01


def test_a_batch_is_judged_as_its_clips_alone(network: MfccCnn) -> None:
    assert_batch_equals_single(network, random_clips(3, 21, 9))


@pytest.mark.parametrize(("frames", "coefficients"), [(7, 13), (130, 7)])
def test_too_small_pictures_are_refused(frames: int, coefficients: int) -> None:
    spec = FeatureSpec(kind="mfcc", coefficients=coefficients, frames=frames)
    says = f"leave nothing of {frames} frames of {coefficients} features; set more"
    with pytest.raises(ArgumentInvalid, match=says):
        MfccCnn(spec, LABELS, MfccCnnOptions())


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"channels": (8, 8)}, "kernels"),
        ({"kernels": (7, 4, 3)}, "odd"),
        ({"kernels": (7, 0, 3)}, "kernels"),
        ({"channels": (0, 1, 1)}, "channels"),
        ({"dropout": 1.0}, "dropout"),
        ({"dropout": float("nan")}, "dropout"),
    ],
)
def test_impossible_sizes_are_refused(change: dict[str, Any], says: str) -> None:
    with pytest.raises(ArgumentInvalid, match=says):
        MfccCnnOptions(**change)
