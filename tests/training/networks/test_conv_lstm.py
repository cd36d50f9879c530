from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from serein.errors import ArgumentInvalid
from serein.features import FeatureSpec
from serein.training.networks.conv_lstm import ConvLstm, ConvLstmOptions
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

LABELS = 4
SPEC = FeatureSpec(kind="mfcc", coefficients=9, frames=24)
SMALL = ConvLstmOptions(
    first=6, channels=(7, 8), kernel=4, second=5, third=9, widths=(11, 10), sparsity=0.01
)


@pytest.fixture
def network() -> ConvLstm:
    torch.manual_seed(0)
    made: ConvLstm = seasoned(ConvLstm(SPEC, LABELS, SMALL), SPEC)
    return made


def _parameters(dimensions: int, labels: int, options: ConvLstmOptions) -> int:
    inner, outer = options.channels
    wide, narrow = options.widths
    return sum(
        (
            recurrent(dimensions, options.first),
            options.first * inner * options.kernel + inner + 2 * inner,
            inner * outer * options.kernel + outer,
            recurrent(outer, options.second) + 2 * options.second,
            recurrent(options.second, options.third),
            linear(options.third, wide) + 2 * wide,
            linear(wide, narrow),
            linear(narrow, labels),
        )
    )


def test_the_packaged_network_is_that_of_system_b() -> None:
    network = packaged("conv-lstm", 12)
    assert parameters(network) == _parameters(221, 12, ConvLstmOptions())
    said: list[str] = []

    def listen(layer: nn.Module, *_: Any) -> None:
        said.append(f"{type(layer).__name__} {_size(layer)}".strip())

    for layer in network.modules():
        if not any(True for _ in layer.children()):
            layer.register_forward_hook(listen)
    network.train()(torch.zeros(2, 20, 221, device="meta"))
    assert said == [
        "LSTM 256",
        *("Conv1d 512 (10,)", "ReLU", "BatchNorm1d"),
        *("Conv1d 1024 (10,)", "LeakyReLU"),
        *("LSTM 128", "Dropout 0.3", "BatchNorm1d"),
        "LSTM 256",
        *("Linear 2048", "ReLU", "BatchNorm1d", "Dropout 0.2"),
        *("Linear 512", "ReLU"),
        "Linear 12",
    ]


def _size(layer: nn.Module) -> str:
    if isinstance(layer, nn.LSTM):
        return str(layer.hidden_size)
    if isinstance(layer, nn.Conv1d):
        return f"{layer.out_channels} {layer.kernel_size}"
    if isinstance(layer, nn.Linear):
        return str(layer.out_features)
    return str(layer.p) if isinstance(layer, nn.Dropout) else ""


def test_parameters_and_shapes(network: ConvLstm) -> None:
    assert parameters(network) == _parameters(9, LABELS, SMALL)
    found = judge(network, features=random_clips(2, 24, 9))
    assert {name: tuple(part.shape) for name, part in found.items()} == {
        "logits": (2, LABELS),
        "embedding": (2, 10),
    }


def test_a_batch_is_judged_as_its_clips_alone(network: ConvLstm) -> None:
    assert_batch_equals_single(network, random_clips(3, 24, 9))


def test_wide_weights_are_penalised_in_training_alone(network: ConvLstm) -> None:
    clips = random_clips(2, 24, 9)
    assert "penalty" not in judge(network, features=clips)
    penalty = network.train()(clips)["penalty"]
    expected = 0.01 * sum(abs(weight) for weight in network.wide.weight.flatten().tolist())
    assert float(penalty.detach()) == pytest.approx(expected, rel=1e-5)
    penalty.backward()
    trained = [name for name, part in network.named_parameters() if part.grad is not None]
    assert trained == ["wide.weight"]
    free = ConvLstm(SPEC, LABELS, ConvLstmOptions(sparsity=0.0)).train()
    assert "penalty" not in free(clips)


@pytest.mark.parametrize("frames", [1, 6, 7])
def test_clips_must_be_as_long_as_both_convolutions(frames: int) -> None:
    spec = FeatureSpec(kind="mfcc", coefficients=9, frames=frames)
    if frames == 7:  # 4 frames, of which the second convolution takes all
        found = judge(ConvLstm(spec, LABELS, SMALL).eval(), features=random_clips(2, 7, 9))
        assert found["logits"].shape == (2, LABELS)
    else:
        says = rf"need clips of at least 7, and \[features\] frames is {frames}"
        with pytest.raises(ArgumentInvalid, match=says):
            ConvLstm(spec, LABELS, SMALL)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"first": 0}, "first"),
        ({"kernel": 0}, "kernel"),
        ({"channels": (4,)}, "two numbers"),
        ({"widths": (4, 4, 4)}, "two numbers"),
        ({"dropout": 1.0}, "dropout"),
        ({"recurrent_dropout": -0.1}, "recurrent_dropout"),
        ({"sparsity": -1.0}, "sparsity"),
        ({"sparsity": float("nan")}, "sparsity"),
    ],
)
def test_impossible_sizes_are_refused(change: dict[str, Any], says: str) -> None:
    with pytest.raises(ArgumentInvalid, match=says):
        ConvLstmOptions(**change)
