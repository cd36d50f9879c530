"""A small convolutional network over log-mel frames that knows a speaker by descriptions.

Convolutions over time and frequency, a few over time alone, then the mean and the standard
deviation over time, weighted by learned attention; beside them statistics of the mel bands
themselves. All this describes a clip. The description of an unknown speaker's clip is judged as it
is; that of an enrolled speaker's clip is first compared with the descriptions of that speaker's
other clips, whatever is said in them and however.

Source of the pooling: Okabe, Koshinaka & Shinoda, "Attentive Statistics Pooling for Deep Speaker
Embedding", Interspeech 2018. To normalise the inner values of a network by those of its target is
the idea of Li et al., "Revisiting Batch Normalization for Practical Domain Adaptation", 2016.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from serein.errors import ArgumentInvalid
from serein.recognition.speaker import LEAST_VARIANCE, LIMIT
from serein.training.networks.attention import EXCLUDED, padding
from serein.training.networks.sizes import require_shares, require_sizes

LEVEL_UNIT = 6.0  # dB, about the deviation of a speaker's level


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
        before, bands = 1, dimensions
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
        self.description = 2 * options.width + 3 * dimensions
        # Without weights of its own: zero mean and unit variance are what a description promises.
        self.standardize = nn.BatchNorm1d(self.description, affine=False)
        self.unknown = _Judge(self.description, labels, options)
        self.enrolled = _Judge(self.description + 1, labels, options)
        self.sex = nn.Linear(options.embedding, 2)
        self.speech: nn.Module | None = nn.Linear(self.description, 1)

    def forward(
        self,
        features: Tensor,
        center: Tensor | None = None,
        scale: Tensor | None = None,
        level: Tensor | None = None,
        lengths: Tensor | None = None,
        peers: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Judge a batch; see ``NetworkKind``.

        Parameters
        ----------
        features
            Shape (clips, frames, dimensions), normalised by the training speakers.
        center, scale
            What the speaker's descriptions lie around, and one by their spread, shape (clips,
            description); zeros where the speaker is unknown, None if all are.
        level
            Of the clip against the speaker's usual one, in dB, shape (clips,).
        lengths
            Frames of each clip, int64, shape (clips,), where shorter ones are padded; None where
            all are of one length.
        peers
            Weight of each clip in the profile by which each is compared, shape (clips, others),
            for the others that come first; in the place of ``center`` and ``scale``.
        """
        found = self.describe(features, lengths)
        description = found["description"]
        # Whatever the network before is computed in, vectors cost nothing.
        with torch.autocast(description.device.type, enabled=False):
            if peers is not None:
                center, scale = profiles(description, peers)
            if center is None or scale is None or level is None:
                center = scale = torch.zeros_like(description)
                level = description.new_zeros(len(description))
            return found | self.judge(description, center, scale, level)

    def describe(self, features: Tensor, lengths: Tensor | None = None) -> dict[str, Tensor]:
        """Describe each clip by a vector that has zero mean and unit variance over clips."""
        x, steps = features.unsqueeze(1), lengths
        for block in self.convolutions:
            x, steps = block(x, steps)
        x = x.permute(0, 1, 3, 2).flatten(1, 2)  # (clips, channels * bands, steps)
        x = _blank(self.narrow(x), steps)
        for layer in self.residual:
            x = _blank(x + layer(x), steps)
        scores = self.attend(x)
        if steps is not None:
            scores = scores.masked_fill(padding(steps, x.shape[2]).unsqueeze(1), EXCLUDED)
        weights = torch.softmax(scores.float(), dim=2)
        pooled = [*_moments(x.float(), weights), _statistics(features, lengths)]
        with torch.autocast(x.device.type, enabled=False):
            description = self.standardize(torch.cat(pooled, dim=1))
        return {"description": description, "attention": weights.squeeze(1)}

    def judge(
        self, description: Tensor, center: Tensor, scale: Tensor, level: Tensor
    ) -> dict[str, Tensor]:
        """Judge clips by their descriptions, as :meth:`forward` does."""
        known = scale.any(dim=1, keepdim=True)
        logits, embedding = self.unknown(description)
        relative = ((description - center) * scale).clamp(-LIMIT, LIMIT)
        louder = (level / LEVEL_UNIT).clamp(-LIMIT, LIMIT).unsqueeze(1)
        own_logits, own_embedding = self.enrolled(torch.cat([relative, louder], dim=1))
        outputs = {
            "logits": torch.where(known, own_logits, logits),
            "embedding": torch.where(known, own_embedding, embedding),
            # Whose voice it is, and whether it is one, is lost where it is compared with itself.
            "sex": self.sex(embedding),
            "branches": torch.stack([logits, torch.where(known, own_logits, logits)], dim=1),
        }
        if self.speech is not None:
            outputs["speech"] = self.speech(description).squeeze(1)
        return outputs


def profiles(description: Tensor, peers: Tensor) -> tuple[Tensor, Tensor]:
    """Center and scale for each clip, from the descriptions of its peers.

    As :class:`serein.recognition.Reference` has them, with zero mean and unit variance for all
    speakers: the weights of ``n`` peers sum to ``n / (n + prior_clips)``.

    Parameters
    ----------
    description
        Shape (clips, description).
    peers
        Weights, shape (clips, others), of the clips that come first; zeros for an unknown speaker.

    Returns
    -------
    tuple
        Shape (clips, description) each; zeros for an unknown speaker.
    """
    others = description[: peers.shape[1]]
    weight = peers.sum(dim=1, keepdim=True)
    center = peers @ others
    variance = peers @ others.square() - center.square() / weight.clamp(min=1e-6) + 1 - weight
    scale = variance.clamp(min=LEAST_VARIANCE).rsqrt()
    return center, torch.where(weight > 0, scale, 0.0)


class _Judge(nn.Module):
    """Emotions from a description, by way of an embedding."""

    def __init__(self, description: int, labels: int, options: LogMelCnnOptions) -> None:
        super().__init__()
        self.embed = nn.Sequential(
            nn.Dropout(options.dropout),
            nn.Linear(description, options.embedding),
            nn.BatchNorm1d(options.embedding),
            nn.ReLU(),
            nn.Dropout(options.dropout),
        )
        self.emotion = nn.Linear(options.embedding, labels)

    def forward(self, description: Tensor) -> tuple[Tensor, Tensor]:
        embedding = self.embed(description)
        return self.emotion(embedding), embedding


def _moments(x: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Weighted mean and standard deviation over time, shape (clips, channels) each.

    Parameters
    ----------
    x
        Shape (clips, channels, steps).
    weights
        Shape (clips, 1, steps), summing to 1.
    """
    mean = (weights * x).sum(dim=2)
    variance = (weights * (x - mean.unsqueeze(2)).square()).sum(dim=2)
    return mean, (variance + 1e-4).sqrt()


def _statistics(features: Tensor, lengths: Tensor | None) -> Tensor:
    """Mean, standard deviation and mean change of each band, shape (clips, 3 * bands)."""
    x = features.float().transpose(1, 2)
    inside = torch.ones_like(x[:, :1])
    if lengths is not None:
        inside = inside.masked_fill(padding(lengths, x.shape[2]).unsqueeze(1), 0.0)
    mean, deviation = _moments(x, inside / inside.sum(dim=2, keepdim=True))
    steps = (x[:, :, 1:] - x[:, :, :-1]).abs() * inside[:, :, 1:]
    # A clip of one frame does not change.
    change = steps.sum(dim=2) / inside[:, :, 1:].sum(dim=2).clamp(min=1.0)
    return torch.cat([mean, deviation, change], dim=1)


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
