"""Attention over frames, with padding left out."""

from __future__ import annotations

import torch
from torch import Tensor, nn

EXCLUDED = -1e4  # score of padding: its weight is exactly zero in float32


def padding(lengths: Tensor, steps: int) -> Tensor:
    """True on padding, shape (clips, steps)."""
    return torch.arange(steps, device=lengths.device) >= lengths[:, None]


class FrameAttention(nn.Module):
    """A softmax over frames of the product with a learned vector.

    Source: Mirsamadi, Barsoum & Zhang, "Automatic Speech Emotion Recognition Using Recurrent
    Neural Networks with Local Attention", ICASSP 2017, equation 4.
    """

    def __init__(self, dimensions: int) -> None:
        super().__init__()
        self.score = nn.Linear(dimensions, 1, bias=False)

    def forward(self, frames: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Weight frames.

        Parameters
        ----------
        frames
            Shape (clips, frames, dimensions).
        lengths
            Frames of each clip where shorter ones are padded, int64, shape (clips,).

        Returns
        -------
        Tensor
            Shape (clips, frames): of each clip summing to 1, and zero on padding.
        """
        scores = self.score(frames).squeeze(2)
        if lengths is not None:
            scores = scores.masked_fill(padding(lengths, frames.shape[1]), EXCLUDED)
        return torch.softmax(scores, dim=1)
