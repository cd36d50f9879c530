"""DenseNet-121: every layer of a block sees the outputs of all layers before it.

Source: Huang, Liu, van der Maaten & Weinberger, "Densely Connected Convolutional Networks", CVPR
2017, table 1. Parts are called as in torchvision's checkpoints, so that weights trained on
ImageNet can be read from a file of theirs.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from pathlib import Path

import torch
from torch import Tensor, nn

from serein.errors import ArgumentInvalid

GROWTH = 32
"""Channels that every layer adds."""
LAYERS: tuple[int, ...] = (6, 12, 24, 16)
"""Layers of the four blocks."""
STEM = 64  # channels of the first convolution
BOTTLENECK = 4  # channels before a layer's second convolution, in units of the growth
IMAGE_CHANNELS = 3
SMALLEST_SIDE = 32
"""Pixels; five halvings leave one."""

# Checkpoints of before 2018 have dots within the names of a layer's parts.
_OLD_NAME = re.compile(r"^(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\..*)$")


class DenseNet121(nn.Module):
    """Judges pictures of three channels; 7,978,856 parameters with the 1,000 labels of ImageNet."""

    def __init__(self, labels: int) -> None:
        super().__init__()
        parts: OrderedDict[str, nn.Module] = OrderedDict(
            conv0=nn.Conv2d(IMAGE_CHANNELS, STEM, 7, stride=2, padding=3, bias=False),
            norm0=nn.BatchNorm2d(STEM),
            relu0=nn.ReLU(),
            pool0=nn.MaxPool2d(3, stride=2, padding=1),
        )
        channels = STEM
        for number, layers in enumerate(LAYERS, start=1):
            parts[f"denseblock{number}"] = _Block(channels, layers)
            channels += layers * GROWTH
            if number < len(LAYERS):
                parts[f"transition{number}"] = _transition(channels)
                channels //= 2
        parts["norm5"] = nn.BatchNorm2d(channels)
        self.features = nn.Sequential(parts)
        self.classifier = nn.Linear(channels, labels)

    def embed(self, pictures: Tensor) -> Tensor:
        """What the classifier is given, shape (pictures, 1024)."""
        return torch.relu(self.features(pictures)).mean(dim=(2, 3))

    def forward(self, pictures: Tensor) -> Tensor:
        """Logits of pictures (pictures, 3, height, width), shape (pictures, labels)."""
        logits: Tensor = self.classifier(self.embed(pictures))
        return logits

    def load_pretrained(self, path: Path) -> None:
        """Take over the weights of a checkpoint of torchvision's, all but the classifier's.

        Raises
        ------
        ArgumentInvalid
            If it cannot be read, or is no DenseNet-121.
        """
        advice = "give the file of torchvision's DenseNet-121, or leave weights out"
        try:
            # Tensors alone: a checkpoint may come from a stranger.
            saved = torch.load(path, map_location="cpu", weights_only=True)
            renamed = {_OLD_NAME.sub(r"\1\2", name): value for name, value in saved.items()}
        except OSError as error:
            raise ArgumentInvalid(f"{path} cannot be read ({error.strerror}); {advice}") from error
        except Exception as error:  # whatever a damaged file makes of the reader
            raise ArgumentInvalid(f"{path} holds no weights; {advice}") from error
        own = self.state_dict()
        body = {name: renamed.get(name) for name in own if name.startswith("features.")}
        wrong = [
            name
            for name, value in body.items()
            if not isinstance(value, Tensor) or value.shape != own[name].shape
        ]
        # Checkpoints from before batches were counted lack the counts, which serve nothing here.
        wrong = [name for name in wrong if not name.endswith("num_batches_tracked")]
        if wrong:
            raise ArgumentInvalid(
                f"{path} is no DenseNet-121: {len(wrong)} of {len(body)} parts are missing or of "
                f"another shape, such as {wrong[0]}; {advice}"
            )
        for name, value in body.items():
            if isinstance(value, Tensor):
                own[name].copy_(value)


class _Layer(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = BOTTLENECK * GROWTH
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, inner, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, GROWTH, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(torch.relu(self.norm1(x)))
        added: Tensor = self.conv2(torch.relu(self.norm2(x)))
        return added


class _Block(nn.ModuleDict):
    def __init__(self, channels: int, layers: int) -> None:
        super().__init__(
            {f"denselayer{k + 1}": _Layer(channels + k * GROWTH) for k in range(layers)}
        )

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.values():
            x = torch.cat([x, layer(x)], dim=1)
        return x


def _transition(channels: int) -> nn.Sequential:
    return nn.Sequential(
        OrderedDict(
            norm=nn.BatchNorm2d(channels),
            relu=nn.ReLU(),
            conv=nn.Conv2d(channels, channels // 2, 1, bias=False),
            pool=nn.AvgPool2d(2, stride=2),
        )
    )
