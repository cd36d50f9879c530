"""What the tests of all networks need: the packaged recipes' networks, random clips, judgements."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from serein.features import FeatureSpec
from serein.training.network_recipe import network_options
from serein.training.networks import NETWORKS
from serein.training.recipe import load_recipe


def packaged(name: str, labels: int, *, device: str = "meta", **options: Any) -> Any:
    """The network of a packaged recipe; on ``meta`` it has shapes and no numbers."""
    recipe = load_recipe(name)
    assert recipe.network is not None
    chosen = network_options(recipe.network, recipe.features, name)
    with torch.device(device):
        kind = NETWORKS[recipe.network.name]
        return kind.build(recipe.features, labels, type(chosen)(**(vars(chosen) | options)))


def random_clips(clips: int, frames: int, dimensions: int, seed: int = 0) -> Tensor:
    """Normalised features, shape (clips, frames, dimensions)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(clips, frames, dimensions, generator=generator)


def seasoned(network: Any, spec: FeatureSpec, frames: int | None = None) -> Any:
    """The network in evaluation mode, its normalisations having seen some clips."""
    network.train()
    with torch.no_grad():
        for seed in range(10):
            network(random_clips(4, frames or spec.padded_frames, spec.dimensions, 100 + seed))
    return network.eval()


def judge(network: nn.Module, **inputs: Tensor) -> dict[str, Tensor]:
    """The network's outputs by name."""
    with torch.inference_mode():
        found: dict[str, Tensor] = network(**inputs)
    return found


def parameters(network: nn.Module) -> int:
    """How many numbers are trained."""
    return sum(part.numel() for part in network.parameters())


def assert_batch_equals_single(network: nn.Module, features: Tensor) -> None:
    """Every clip of a batch is judged as it is alone."""
    together = judge(network, features=features)
    for row in range(len(features)):
        alone = judge(network, features=features[row : row + 1])
        assert alone.keys() == together.keys()
        for name, part in alone.items():
            torch.testing.assert_close(together[name][row], part[0], atol=1e-5, rtol=1e-5)


# Counts by hand, as the textbooks have the layers.


def linear(before: int, after: int) -> int:
    """A linear layer with its bias."""
    return before * after + after


def recurrent(before: int, units: int) -> int:
    """A recurrent layer in one direction: four gates, each with PyTorch's two biases."""
    return 4 * (before * units + units * units + 2 * units)
