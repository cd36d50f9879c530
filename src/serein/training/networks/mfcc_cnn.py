"""Three convolutions over a picture of cepstra.

System D of the five: frames by coefficients are taken for a picture of one channel. Source of the
layers: LeCun et al., "Gradient-Based Learning Applied to Document Recognition", Proceedings of the
IEEE 86(11), 1998; of the normalisation: Ioffe & Szegedy, "Batch Normalization", ICML 2015.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from serein.errors import ArgumentInvalid
from serein.features import FeatureSpec
from serein.training.networks.sizes import require_shares, require_sizes


@dataclass(frozen=True, kw_only=True)
class MfccCnnOptions:
    """Sizes of the network.

    Attributes
    ----------
    channels
        Of the convolutions.
    kernels
        Side of what each convolution sees, odd; its borders are padded.
    dropout
        Share dropped after each maximum over 2 by 2.
    """

    channels: tuple[int, ...] = (128, 64, 64)
    kernels: tuple[int, ...] = (7, 5, 3)
    dropout: float = 0.4

    def __post_init__(self) -> None:
        require_sizes(channels=self.channels, kernels=self.kernels)
        require_shares(dropout=self.dropout)
        if len(self.channels) != len(self.kernels) or not all(side % 2 for side in self.kernels):
            raise ArgumentInvalid("kernels needs an odd number for each of the channels")


class MfccCnn(nn.Module):
    """See the module's description; takes clips of ``features.padded_frames`` frames."""

    def __init__(self, features: FeatureSpec, labels: int, options: MfccCnnOptions) -> None:
        super().__init__()
        blocks: list[nn.Module] = [nn.BatchNorm2d(1)]
        before, height, width = 1, features.padded_frames, features.dimensions
        for after, side in zip(options.channels, options.kernels, strict=True):
            blocks += [
                nn.Conv2d(before, after, side, padding=side // 2),
                nn.Tanh(),
                nn.MaxPool2d(2),
                nn.Dropout(options.dropout),
            ]
            before, height, width = after, height // 2, width // 2
        if min(height, width) < 1:
            raise ArgumentInvalid(
                f"{len(options.channels)} halvings leave nothing of {features.padded_frames} "
                f"frames of {features.dimensions} features; set more of either, or fewer channels"
            )
        self.convolutions = nn.Sequential(*blocks, nn.Flatten())
        self.emotion = nn.Linear(before * height * width, labels)

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        """Judge a batch of shape (clips, frames, dimensions); see ``NetworkKind``."""
        embedding = self.convolutions(features.unsqueeze(1))
        return {"logits": self.emotion(embedding), "embedding": embedding}
