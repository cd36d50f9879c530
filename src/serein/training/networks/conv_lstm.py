"""Recurrent and one-dimensional convolutional layers in turn over a spectrogram.

System B of the five: an LSTM over the frames of a spectrogram, two long convolutions over time,
two more LSTMs, and two wide linear layers on the last one's final state. Sources: Hochreiter &
Schmidhuber, "Long Short-Term Memory", Neural Computation 9(8), 1997; for convolutions between
recurrent layers Sainath et al., "Convolutional, Long Short-Term Memory, Fully Connected Deep
Neural Networks", ICASSP 2015.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor, nn

from serein.errors import ArgumentInvalid
from serein.features import FeatureSpec
from serein.training.networks.sizes import require_shares, require_sizes


@dataclass(frozen=True, kw_only=True)
class ConvLstmOptions:
    """Sizes of the network.

    Attributes
    ----------
    first, second, third
        Units of the three recurrent layers.
    channels
        Of the two convolutions.
    kernel
        Frames that each convolution sees.
    widths
        Of the two linear layers.
    recurrent_dropout, dropout
        Share dropped after the second recurrent layer, and after the first linear one.
    sparsity
        Weight in the loss of the size of the first linear layer's weights (L1).
    """

    first: int = 256
    channels: tuple[int, ...] = (512, 1024)
    kernel: int = 10
    second: int = 128
    third: int = 256
    widths: tuple[int, ...] = (2048, 512)
    recurrent_dropout: float = 0.3
    dropout: float = 0.2
    sparsity: float = 5e-4

    def __post_init__(self) -> None:
        require_sizes(
            first=self.first,
            channels=self.channels,
            kernel=self.kernel,
            second=self.second,
            third=self.third,
            widths=self.widths,
        )
        require_shares(recurrent_dropout=self.recurrent_dropout, dropout=self.dropout)
        if len(self.channels) != 2 or len(self.widths) != 2:
            raise ArgumentInvalid("channels and widths need two numbers each")
        if not 0 <= self.sparsity < math.inf:
            raise ArgumentInvalid("sparsity must be a number of at least 0")


class ConvLstm(nn.Module):
    """See the module's description; takes clips of ``features.padded_frames`` frames."""

    def __init__(self, features: FeatureSpec, labels: int, options: ConvLstmOptions) -> None:
        super().__init__()
        if features.padded_frames < (least := 2 * options.kernel - 1):
            raise ArgumentInvalid(
                f"two convolutions over {options.kernel} frames need clips of at least {least}, "
                f"and [features] frames is {features.padded_frames}"
            )
        inner, outer = options.channels
        self.first = nn.LSTM(features.dimensions, options.first, batch_first=True)
        self.convolutions = nn.Sequential(
            nn.Conv1d(options.first, inner, options.kernel),
            nn.ReLU(),
            nn.BatchNorm1d(inner),
            nn.Conv1d(inner, outer, options.kernel),
            nn.LeakyReLU(),
        )
        self.second = nn.LSTM(outer, options.second, batch_first=True)
        self.between = nn.Sequential(
            nn.Dropout(options.recurrent_dropout), nn.BatchNorm1d(options.second)
        )
        self.third = nn.LSTM(options.second, options.third, batch_first=True)
        wide, narrow = options.widths
        self.wide = nn.Linear(options.third, wide)
        self.embed = nn.Sequential(
            nn.ReLU(),
            nn.BatchNorm1d(wide),
            nn.Dropout(options.dropout),
            nn.Linear(wide, narrow),
            nn.ReLU(),
        )
        self.emotion = nn.Linear(narrow, labels)
        self.sparsity = options.sparsity

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        """Judge a batch of shape (clips, frames, dimensions); see ``NetworkKind``."""
        x, _ = self.first(features)
        x = self.convolutions(x.transpose(1, 2)).transpose(1, 2)
        x, _ = self.second(x)
        x = self.between(x.transpose(1, 2)).transpose(1, 2)
        x, _ = self.third(x)
        embedding = self.embed(self.wide(x[:, -1]))
        found = {"logits": self.emotion(embedding), "embedding": embedding}
        if self.training and self.sparsity:
            found["penalty"] = self.sparsity * self.wide.weight.abs().sum()
        return found
