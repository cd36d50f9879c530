"""A bidirectional LSTM over frames, pooled by attention so that silent frames weigh little.

System C of the five: two linear layers a frame, a recurrent layer in both directions, and a mean
over frames weighted by a softmax. Source: Mirsamadi, Barsoum & Zhang, "Automatic Speech Emotion
Recognition Using Recurrent Neural Networks with Local Attention", ICASSP 2017.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from serein.features import FeatureSpec
from serein.training.networks.attention import FrameAttention
from serein.training.networks.sizes import require_shares, require_sizes


@dataclass(frozen=True, kw_only=True)
class BlstmAttentionOptions:
    """Sizes of the network.

    Attributes
    ----------
    widths
        Of the linear layers that every frame goes through.
    units
        Of the recurrent layer in each direction.
    dropout
        Share dropped after each linear layer.
    """

    widths: tuple[int, ...] = (512, 512)
    units: int = 128
    dropout: float = 0.5

    def __post_init__(self) -> None:
        require_sizes(widths=self.widths, units=self.units)
        require_shares(dropout=self.dropout)


class BlstmAttention(nn.Module):
    """See the module's description; takes clips of any length."""

    def __init__(self, features: FeatureSpec, labels: int, options: BlstmAttentionOptions) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        size = features.dimensions
        for width in options.widths:
            layers += [nn.Linear(size, width), nn.ReLU(), nn.Dropout(options.dropout)]
            size = width
        self.frames = nn.Sequential(*layers)
        self.forwards = nn.LSTM(size, options.units, batch_first=True)
        self.backwards = nn.LSTM(size, options.units, batch_first=True)
        self.attend = FrameAttention(2 * options.units)
        self.emotion = nn.Linear(2 * options.units, labels)

    def forward(self, features: Tensor, lengths: Tensor | None = None) -> dict[str, Tensor]:
        """Judge a batch of shape (clips, frames, dimensions); see ``NetworkKind``.

        ``lengths`` says how many frames of each clip are no padding, int64, shape (clips,).
        """
        x = self.frames(features)
        ahead, _ = self.forwards(x)
        back, _ = self.backwards(_reversed(x, lengths))
        both = torch.cat([ahead, _reversed(back, lengths)], dim=2)
        weights = self.attend(both, lengths)
        embedding = (weights.unsqueeze(2) * both).sum(dim=1)
        return {"logits": self.emotion(embedding), "embedding": embedding, "attention": weights}


def _reversed(frames: Tensor, lengths: Tensor | None) -> Tensor:
    """Each clip's frames from its own last one to its first; padding stays where it is."""
    if lengths is None:
        return frames.flip(1)
    steps = torch.arange(frames.shape[1], device=frames.device)[None, :]
    ahead = lengths[:, None] - 1 - steps
    order = torch.where(ahead >= 0, ahead, steps)
    return frames.gather(1, order.unsqueeze(2).expand(-1, -1, frames.shape[2]))
