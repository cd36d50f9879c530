from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from serein.errors import ArgumentInvalid
from serein.features import FeatureSpec
from serein.training.networks.lstm_cnn import LstmCnn, LstmCnnOptions, picture_size
from tests.training.networks.judging import (
    assert_batch_equals_single,
    judge,
    linear,
    packaged,
    parameters,
    random_clips,
    recurrent,
    seasoned,
)

LABELS = 3
SPEC = FeatureSpec(kind="mfcc", coefficients=5, frames=30)
SMALL: dict[str, Any] = {"units": 26, "channels": (4, 5, 6), "widths": (9, 7)}


def _network(**changes: Any) -> LstmCnn:
    torch.manual_seed(0)
    network: LstmCnn = seasoned(LstmCnn(SPEC, LABELS, LstmCnnOptions(**(SMALL | changes))), SPEC)
    return network


def _parameters(dimensions: int, labels: int, options: LstmCnnOptions, pixels: int) -> int:
    total, before = recurrent(dimensions, options.units), 1
    for after in options.channels:
        total += 9 * before * after + after + 2 * after  # and the two of a normalisation
        before = after
    before *= pixels
    for width in options.widths:
        total += linear(before, width)
        before = width
    return total + linear(before, labels) + (options.units if options.attention else 0)


@pytest.mark.parametrize("attention", [False, True])
def test_the_packaged_network_is_that_of_system_a(attention: bool) -> None:
    network = packaged("lstm-cnn", 5, attention=attention)
    layers = [layer for layer in network.embed if isinstance(layer, nn.Linear)]
    # 500 frames by 64 units: 498 x 62, 249 x 31, 247 x 29, 123 x 14, 121 x 12.
    assert [layer.in_features for layer in (*layers, network.emotion)] == [185_856, 256, 128]
    assert 128 * 121 * 12 == 185_856
    options = LstmCnnOptions(attention=attention)
    assert parameters(network) == _parameters(13, 5, options, 121 * 12)


@pytest.mark.parametrize("attention", [False, True])
def test_parameters_and_shapes(attention: bool) -> None:
    network = _network(attention=attention)
    # 30 x 26: 28 x 24, 14 x 12, 12 x 10, 6 x 5, 4 x 3.
    options = LstmCnnOptions(**SMALL, attention=attention)
    assert parameters(network) == _parameters(5, LABELS, options, 4 * 3)
    found = judge(network, features=random_clips(2, 30, 5))
    shapes = {"logits": (2, LABELS), "embedding": (2, 7)}
    if attention:
        shapes["attention"] = (2, 30)
    assert {name: tuple(part.shape) for name, part in found.items()} == shapes


@pytest.mark.parametrize("attention", [False, True])
def test_a_batch_is_judged_as_its_clips_alone(attention: bool) -> None:
    assert_batch_equals_single(_network(attention=attention), random_clips(3, 30, 5))


def test_attention_sums_to_one_and_counts() -> None:
    network, clips = _network(attention=True), random_clips(3, 30, 5)
    assert network.attend is not None
    nn.init.normal_(network.attend.score.weight, std=20.0)
    found = judge(network, features=clips)
    torch.testing.assert_close(found["attention"].sum(dim=1), torch.ones(3))
    assert float(found["attention"].max()) > 3 / 30
    # Even attention is none: the same network without it.
    plain = LstmCnn(SPEC, LABELS, LstmCnnOptions(**SMALL)).eval()
    plain.load_state_dict(network.state_dict(), strict=False)
    without = judge(plain, features=clips)["logits"]
    assert not torch.allclose(found["logits"], without, atol=1e-3)
    nn.init.zeros_(network.attend.score.weight)
    even = judge(network, features=clips)
    torch.testing.assert_close(even["attention"], torch.full((3, 30), 1 / 30))
    torch.testing.assert_close(even["logits"], without, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("frames", "units"), [(17, 26), (30, 17), (1, 26)])
def test_what_the_convolutions_leave_nothing_of_is_refused(frames: int, units: int) -> None:
    options = LstmCnnOptions(units=units)
    with pytest.raises(ArgumentInvalid, match="set more of either, or fewer") as caught:
        picture_size(frames, options)
    assert f"leave nothing of {frames} frames and {units} units" in caught.value.message
    assert picture_size(18, LstmCnnOptions(units=18)) == (1, 1)


@pytest.mark.parametrize(
    "change", [{"units": 0}, {"channels": ()}, {"channels": (4, 0)}, {"widths": (-1,)}]
)
def test_impossible_sizes_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ArgumentInvalid, match=next(iter(change))):
        LstmCnnOptions(**change)
