"""DenseNet-121 by the paper's table, and torchvision's checkpoints written by these tests."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from serein.errors import ArgumentInvalid
from serein.training.networks.densenet import DenseNet121
from tests.training.networks.judging import parameters

Weights = dict[str, Tensor]


def _shapes(labels: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Names and shapes as torchvision's checkpoint has them, from table 1 of the paper."""

    def normalization(name: str, channels: int) -> Iterator[tuple[str, tuple[int, ...]]]:
        for part in ("weight", "bias", "running_mean", "running_var"):
            yield f"features.{name}.{part}", (channels,)
        yield f"features.{name}.num_batches_tracked", ()

    yield "features.conv0.weight", (64, 3, 7, 7)
    yield from normalization("norm0", 64)
    channels = 64
    for block, layers in enumerate((6, 12, 24, 16), start=1):
        for layer in range(1, layers + 1):
            name = f"denseblock{block}.denselayer{layer}"
            yield from normalization(f"{name}.norm1", channels)
            yield f"features.{name}.conv1.weight", (128, channels, 1, 1)
            yield from normalization(f"{name}.norm2", 128)
            yield f"features.{name}.conv2.weight", (32, 128, 3, 3)
            channels += 32
        if block < 4:
            yield from normalization(f"transition{block}.norm", channels)
            channels //= 2
            yield f"features.transition{block}.conv.weight", (channels, 2 * channels, 1, 1)
    yield from normalization("norm5", channels)
    yield "classifier.weight", (labels, channels)
    yield "classifier.bias", (labels,)


def _weights(labels: int = 10) -> Weights:
    """Random weights of all parts, so that no part can be mistaken for another."""
    torch.manual_seed(1)
    found = {}
    for name, shape in _shapes(labels):
        if name.endswith("num_batches_tracked"):
            found[name] = torch.tensor(7)
        elif name.endswith("running_var") or "norm" in name:
            found[name] = torch.rand(shape) + 0.5
        else:
            fan = shape[1] * shape[-1] ** 2 if len(shape) == 4 else 1024
            found[name] = torch.randn(shape) * (2 / fan) ** 0.5
    return found


def _by_the_paper(pictures: Tensor, weights: Weights) -> Tensor:
    """What the classifier is given, written out in functions."""

    def normalized(x: Tensor, name: str) -> Tensor:
        mean, variance, scale, shift = (
            weights[f"features.{name}.{part}"][:, None, None]
            for part in ("running_mean", "running_var", "weight", "bias")
        )
        return torch.relu((x - mean) / torch.sqrt(variance + 1e-5) * scale + shift)

    def convolved(x: Tensor, name: str, stride: int = 1, padding: int = 0) -> Tensor:
        weight = weights[f"features.{name}.weight"]
        return torch.conv2d(x, weight, stride=stride, padding=padding)

    x = normalized(convolved(pictures, "conv0", stride=2, padding=3), "norm0")
    x = functional.max_pool2d(x, 3, stride=2, padding=1)
    for block, layers in enumerate((6, 12, 24, 16), start=1):
        for layer in range(1, layers + 1):
            name = f"denseblock{block}.denselayer{layer}"
            inner = convolved(normalized(x, f"{name}.norm1"), f"{name}.conv1")
            new = convolved(normalized(inner, f"{name}.norm2"), f"{name}.conv2", padding=1)
            x = torch.cat([x, new], dim=1)
        if block < 4:
            x = convolved(normalized(x, f"transition{block}.norm"), f"transition{block}.conv")
            x = functional.avg_pool2d(x, 2)
    return normalized(x, "norm5").flatten(2).mean(dim=2)


def _old(weights: Weights) -> Weights:
    """As the file that torchvision still gives out: dots within names, and no counts."""
    pattern = re.compile(r"(denselayer\d+\.(?:norm|conv))([12])")
    return {
        pattern.sub(r"\1.\2", name): part
        for name, part in weights.items()
        if not name.endswith("num_batches_tracked")
    }


@pytest.fixture(scope="module")
def weights() -> Weights:
    return _weights()


def test_parameters_are_those_of_the_paper() -> None:
    with torch.device("meta"):
        network = DenseNet121(1000)
    # As torchvision counts them; ten labels have 990 rows of 1,024 and a bias fewer.
    assert parameters(network) == 7_978_856
    with torch.device("meta"):
        assert parameters(DenseNet121(10)) == 7_978_856 - 990 * 1025


def test_parts_are_called_and_shaped_as_in_torchvisions_checkpoints() -> None:
    with torch.device("meta"):
        network = DenseNet121(1000)
    found = {name: tuple(part.shape) for name, part in network.state_dict().items()}
    assert found == dict(_shapes(1000))
    assert len(found) == 727  # 120 convolutions, five numbers for each of 121, a linear layer
    assert "features.denseblock1.denselayer1.norm1.weight" in found


def test_pictures_are_embedded_as_in_the_paper(weights: Weights) -> None:
    network = DenseNet121(10)
    network.load_state_dict(weights)
    pictures = torch.randn(2, 3, 47, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        found = network.eval().embed(pictures)
        expected = _by_the_paper(pictures, weights)
        logits = network(pictures)
    assert found.shape == (2, 1024)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    by_hand = expected @ weights["classifier.weight"].T + weights["classifier.bias"]
    torch.testing.assert_close(logits, by_hand, atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("form", ["new", "old"])
def test_a_checkpoint_of_torchvisions_is_read(form: str, weights: Weights, tmp_path: Path) -> None:
    path = tmp_path / "densenet121.pth"
    torch.save(_old(weights) if form == "old" else weights, path)
    if form == "old":
        assert "features.denseblock1.denselayer1.norm.1.weight" in _old(weights)
    network = DenseNet121(7)
    classifier = network.classifier.weight.clone()
    network.load_pretrained(path)
    found = network.state_dict()
    for name, part in weights.items():
        if name.startswith("features.") and not name.endswith("num_batches_tracked"):
            assert torch.equal(found[name], part), name
    # Its labels are those of photographs; ours are learned anew.
    assert torch.equal(found["classifier.weight"], classifier)


def _without_a_part(weights: Weights) -> Any:
    return {name: part for name, part in weights.items() if name != "features.norm5.bias"}


def _of_another_shape(weights: Weights) -> Any:
    return weights | {"features.conv0.weight": torch.zeros(64, 1, 7, 7)}


def _of_another_network(_: Weights) -> Any:
    return nn.Linear(3, 4).state_dict()


def _no_tensor(weights: Weights) -> Any:
    return weights | {"features.norm0.bias": "much"}


def _a_list(_: Weights) -> Any:
    return [1, 2, 3]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_without_a_part, "1 of 725 parts are missing or of another shape, such as features.norm5"),
        (_of_another_shape, "1 of 725 parts are missing .* such as features.conv0.weight"),
        (_of_another_network, "604 of 725 parts are missing"),  # the 121 counts are not needed
        (_no_tensor, "such as features.norm0.bias"),
        (_a_list, "holds no weights"),
    ],
)
def test_a_file_of_something_else_is_refused(
    change: Any, says: str, weights: Weights, tmp_path: Path
) -> None:
    path = tmp_path / "other.pth"
    torch.save(change(weights), path)
    _assert_refused(path, says)


def _assert_refused(path: Path, says: str) -> None:
    network = DenseNet121(7)
    before = {name: part.clone() for name, part in network.state_dict().items()}
    with pytest.raises(ArgumentInvalid, match=says) as caught:
        network.load_pretrained(path)
    message = caught.value.message
    assert message.startswith(str(path))
    assert message.endswith("give the file of torchvision's DenseNet-121, or leave weights out")
    assert "\n" not in message
    assert "weights_only" not in message  # torch's own advice would be to trust the file
    assert all(torch.equal(part, before[name]) for name, part in network.state_dict().items())


class _Anything:
    pass


def test_a_file_that_is_no_checkpoint_is_refused(weights: Weights, tmp_path: Path) -> None:
    text, cut, empty, code = (tmp_path / name for name in ("text", "cut", "empty", "code"))
    text.write_text("These are no weights.", encoding="utf-8")
    torch.save(weights, cut)
    cut.write_bytes(cut.read_bytes()[:100_000])
    empty.touch()
    torch.save({"features.conv0.weight": _Anything()}, code)
    for path in (text, cut, empty, code):
        _assert_refused(path, "holds no weights")
    _assert_refused(tmp_path / "nowhere.pth", r"cannot be read \(No such file or directory\)")
    _assert_refused(tmp_path, "cannot be read")
