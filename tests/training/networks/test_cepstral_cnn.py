from __future__ import annotations

from typing import Any

import pytest
import torch

from serein.errors import ArgumentInvalid
from serein.features import FeatureSpec
from serein.training.networks.cepstral_cnn import CepstralCnn, CepstralCnnOptions
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
SPEC = FeatureSpec(kind="mfcc", coefficients=9, frames=26)
SMALL = CepstralCnnOptions(channels=(5, 6), kernel=3, pools=(4, 2), width=7)


@pytest.fixture
def network() -> CepstralCnn:
    torch.manual_seed(0)
    made: CepstralCnn = seasoned(CepstralCnn(SPEC, LABELS, SMALL), SPEC)
    return made


def cepstral_parameters(
    coefficients: int, frames: int, labels: int, options: CepstralCnnOptions
) -> int:
    """The count by hand."""
    total, before = 0, coefficients
    for after, pool in zip(options.channels, options.pools, strict=True):
        total += before * after * options.kernel + after
        before, frames = after, frames // pool
    return total + linear(before * frames, options.width) + linear(options.width, labels + 2)


def test_the_packaged_network_is_the_branch_of_system_e() -> None:
    network = packaged("mel-mfcc-ensemble-1d", 7)
    # 130 frames: 16, then 4.
    by_hand = 40 * 256 * 5 + 256 + 256 * 128 * 5 + 128 + 128 * 4 * 64 + 64 + 65 * (7 + 2)
    assert parameters(network) == by_hand
    assert cepstral_parameters(40, 130, 7, CepstralCnnOptions()) == by_hand


def test_parameters_and_shapes(network: CepstralCnn) -> None:
    assert parameters(network) == cepstral_parameters(9, 26, LABELS, SMALL)
    found = judge(network, features=random_clips(2, 26, 9))
    assert {name: tuple(part.shape) for name, part in found.items()} == {
        "logits": (2, LABELS),
        "sex": (2, 2),
        "embedding": (2, 7),
    }


def test_a_batch_is_judged_as_its_clips_alone(network: CepstralCnn) -> None:
    assert_batch_equals_single(network, random_clips(3, 26, 9))


def test_coefficients_are_channels_and_frames_are_time(network: CepstralCnn) -> None:
    """A burst anywhere within a pool's frames gives the same, one in another coefficient not."""
    features = torch.zeros(3, 26, 9)
    features[0, 9, 2] = features[1, 10, 2] = features[2, 9, 6] = 5.0
    first, moved, other = judge(network, features=features)["embedding"]
    torch.testing.assert_close(first, moved)
    assert not torch.allclose(first, other, atol=1e-3)


def test_too_few_frames_are_refused() -> None:
    spec = FeatureSpec(kind="mfcc", coefficients=9, frames=31)
    with pytest.raises(ArgumentInvalid, match="8, 4 leave nothing of 31 frames; set more frames"):
        CepstralCnn(spec, LABELS, CepstralCnnOptions())


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"channels": (8,)}, "one number each"),
        ({"pools": (8, 4, 2)}, "one number each"),
        ({"dropouts": (0.1,)}, "one number each"),
        ({"dropouts": (0.1, 1.0)}, "dropouts"),
        ({"kernel": 4}, "odd"),
        ({"kernel": 0}, "kernel"),
        ({"pools": (0, 4)}, "pools"),
        ({"width": 0}, "width"),
    ],
)
def test_impossible_sizes_are_refused(change: dict[str, Any], says: str) -> None:
    with pytest.raises(ArgumentInvalid, match=says):
        CepstralCnnOptions(**change)
