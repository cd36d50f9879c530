"""A small convolutional network over log-mel frames with attentive statistics pooling.

Convolutions over time and frequency, a few over time alone, then the mean and the standard
deviation over time, weighted by learned attention. Source of the pooling: Okabe, Koshinaka &
Shinoda, "Attentive Statistics Pooling for Deep Speaker Embedding", Interspeech 2018.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from serein.errors import ArgumentInvalid
from serein.training.networks.attention import EXCLUDED, padding
from serein.training.networks.sizes import require_shares, require_sizes


@dataclass(frozen=True, kw_only=True)
class LogMelCnnOptions:
    """Sizes of the network.

    Attributes
    ----------
    channels
        Of the convolutions over time and frequency; the first two halve both, the others halve
        frequency alone.
    width
        Channels of the convolutions over time.
    depth
        Number of residual convolutions over time.
    attention
        Hidden units of the attention.
    embedding
        Dimensions of the clip's embedding.
    dropout
        Share of the pooled statistics and of the embedding that is dropped in training.
    """

    channels: tuple[int, ...] = (24, 48, 64, 96)
    width: int = 160
    depth: int = 2
    attention: int = 64
    embedding: int = 128
    dropout: float = 0.3

    def __post_init__(self) -> None:
        require_sizes(
            channels=self.channels,
            width=self.width,
            attention=self.attention,
            embedding=self.embedding,
        )
        require_shares(dropout=self.dropout)
        if self.depth < 0:
            raise ArgumentInvalid("depth must be at least 0")


class LogMelCnn(nn.Module):
    """See the module's description.

    Parameters
    ----------
    dimensions
        Mel bands of the input.
    labels
        Number of emotions.
    """

    def __init__(self, dimensions: int, labels: int, options: LogMelCnnOptions) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        before, bands = 2, dimensions
        for position, after in enumerate(options.channels):
            kernel, stride = (5, 2) if position == 0 else (3, 2 if position == 1 else 1)
            blocks.append(_Convolution(before, after, kernel=kernel, time_stride=stride))
            before, bands = after, -(-bands // 2)
        self.convolutions = nn.ModuleList(blocks)
        self.narrow = _TimeConvolution(before * bands, options.width, kernel=1)
        self.residual = nn.ModuleList(
            _TimeConvolution(options.width, options.width, kernel=3, dilation=2**layer)
            for layer in range(options.depth)
        )
        self.attend = nn.Sequential(
            nn.Conv1d(options.width, options.attention, 1),
            nn.Tanh(),
            nn.Conv1d(options.attention, 1, 1),
        )
        self.embed = nn.Sequential(
            nn.BatchNorm1d(2 * options.width),
            nn.Dropout(options.dropout),
            nn.Linear(2 * options.width, options.embedding),
            nn.ReLU(),
        )
        self.dropout = nn.Dropout(options.dropout)
        self.emotion = nn.Linear(options.embedding, labels)
        self.sex = nn.Linear(options.embedding, 2)

    def forward(
        self, features: Tensor, relative: Tensor, lengths: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Judge a batch; see ``NetworkKind``.

        Parameters
        ----------
        features
            Shape (clips, frames, dimensions), normalised by the training speakers.
        relative
            The same, normalised by the clip's own speaker; zeros where the speaker is unknown.
        lengths
            Frames of each clip, int64, shape (clips,), where shorter ones are padded; None where
            all are of one length.
        """
        x = torch.stack([features, relative], dim=1)
        for block in self.convolutions:
            x, lengths = block(x, lengths)
        x = x.permute(0, 1, 3, 2).flatten(1, 2)  # (clips, channels * bands, steps)
        x = _blank(self.narrow(x), lengths)
        for layer in self.residual:
            x = _blank(x + layer(x), lengths)
        scores = self.attend(x)
        if lengths is not None:
            scores = scores.masked_fill(padding(lengths, x.shape[2]).unsqueeze(1), EXCLUDED)
        weights = torch.softmax(scores, dim=2)
        mean = (weights * x).sum(dim=2)
        variance = (weights * (x - mean.unsqueeze(2)).square()).sum(dim=2)
        embedding = self.embed(torch.cat([mean, (variance + 1e-5).sqrt()], dim=1))
        dropped = self.dropout(embedding)
        return {
            "logits": self.emotion(dropped),
            "sex": self.sex(dropped),
            "embedding": embedding,
            "attention": weights.squeeze(1),
        }


class _Convolution(nn.Module):
    """Convolution over time and frequency; padding stays zero, so that it never tells."""

    def __init__(self, before: int, after: int, *, kernel: int, time_stride: int) -> None:
        super().__init__()
        self.time_stride = time_stride
        self.convolve = nn.Sequential(
            nn.Conv2d(
                before, after, kernel, stride=(time_stride, 2), padding=kernel // 2, bias=False
            ),
            nn.BatchNorm2d(after),
            nn.ReLU(),
        )

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        x = self.convolve(x)
        if lengths is not None:
            lengths = torch.div(lengths - 1, self.time_stride, rounding_mode="floor") + 1
        return _blank(x, lengths), lengths


class _TimeConvolution(nn.Sequential):
    def __init__(self, before: int, after: int, *, kernel: int, dilation: int = 1) -> None:
        super().__init__(
            nn.Conv1d(
                before,
                after,
                kernel,
                padding=dilation * (kernel // 2),
                dilation=dilation,
                bias=False,
            ),
            nn.BatchNorm1d(after),
            nn.ReLU(),
        )


def _blank(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Zeros on padding, as if nothing were there; steps are the third axis."""
    if lengths is None:
        return x
    beyond = padding(lengths, x.shape[2])
    return x.masked_fill(beyond.view(len(x), 1, -1, *[1] * (x.dim() - 3)), 0.0)
