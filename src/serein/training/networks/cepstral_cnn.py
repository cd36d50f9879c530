"""Two convolutions over time with the cepstral coefficients as channels.

The one-dimensional branch of system E of the five, which also judges the speaker's sex. Source:
Kim, "Convolutional Neural Networks for Sentence Classification", EMNLP 2014, for convolutions over
a sequence of vectors.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from serein.errors import ArgumentInvalid
from serein.features import FeatureSpec
from serein.training.networks.sizes import require_shares, require_sizes


@dataclass(frozen=True, kw_only=True)
class CepstralCnnOptions:
    """Sizes of the network.

    Attributes
    ----------
    channels
        Of the convolutions.
    kernel
        Frames that a convolution sees, odd; its ends are padded.
    pools
        Frames of which the maximum is taken after each convolution.
    dropouts
        Share dropped after each maximum.
    width
        Of the linear layer.
    """

    channels: tuple[int, ...] = (256, 128)
    kernel: int = 5
    pools: tuple[int, ...] = (8, 4)
    dropouts: tuple[float, ...] = (0.2, 0.1)
    width: int = 64

    def __post_init__(self) -> None:
        require_sizes(
            channels=self.channels, kernel=self.kernel, pools=self.pools, width=self.width
        )
        require_shares(**{f"dropouts[{k}]": share for k, share in enumerate(self.dropouts)})
        if not len(self.channels) == len(self.pools) == len(self.dropouts):
            raise ArgumentInvalid("channels, pools and dropouts need one number each a convolution")
        if not self.kernel % 2:
            raise ArgumentInvalid("kernel must be odd")


class CepstralCnn(nn.Module):
    """See the module's description; takes clips of ``features.padded_frames`` frames."""

    def __init__(
        self,
        features: FeatureSpec,
        labels: int,
        options: CepstralCnnOptions,
        *,
        coefficients: int | None = None,
    ) -> None:
        super().__init__()
        before, frames = coefficients or features.dimensions, features.padded_frames
        blocks: list[nn.Module] = []
        for after, pool, dropout in zip(
            options.channels, options.pools, options.dropouts, strict=True
        ):
            blocks += [
                nn.Conv1d(before, after, options.kernel, padding=options.kernel // 2),
                nn.ReLU(),
                nn.MaxPool1d(pool),
                nn.Dropout(dropout),
            ]
            before, frames = after, frames // pool
        if frames < 1:
            raise ArgumentInvalid(
                f"pools of {', '.join(map(str, options.pools))} leave nothing of "
                f"{features.padded_frames} frames; set more frames, or smaller pools"
            )
        self.embed = nn.Sequential(
            *blocks, nn.Flatten(), nn.Linear(before * frames, options.width), nn.ReLU()
        )
        self.emotion = nn.Linear(options.width, labels)
        self.sex = nn.Linear(options.width, 2)

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        """Judge a batch of shape (clips, frames, dimensions); see ``NetworkKind``."""
        embedding = self.embed(features.transpose(1, 2))
        return {
            "logits": self.emotion(embedding),
            "sex": self.sex(embedding),
            "embedding": embedding,
        }
