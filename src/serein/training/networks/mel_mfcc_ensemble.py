"""A DenseNet on pictures of mel bands beside a one-dimensional network on their cepstra.

System E of the five. Both branches are trained at once and each by itself; how much either counts
is learned afterwards, on the validation speakers. The cepstra are computed inside, from the same
mel bands. Sources of the branches: see :mod:`densenet` and :mod:`cepstral_cnn`; of the weighted
product of experts: Hinton, "Products of Experts", ICANN 1999.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from serein.errors import ArgumentInvalid
from serein.features import FeatureSpec
from serein.features.spectral import cosine_basis
from serein.training.networks.cepstral_cnn import CepstralCnn, CepstralCnnOptions
from serein.training.networks.densenet import IMAGE_CHANNELS, SMALLEST_SIDE, DenseNet121
from serein.training.networks.sizes import require_shares


@dataclass(frozen=True, kw_only=True)
class MelMfccEnsembleOptions:
    """Sizes of the network.

    Attributes
    ----------
    coefficients
        Number of cepstral coefficients of the one-dimensional branch.
    cepstral
        Sizes of that branch.
    dropout
        Share of the picture branch's embedding that is dropped.
    weights
        A file of torchvision's DenseNet-121 trained on ImageNet to start from, as a path from the
        current folder; none by default.
    """

    coefficients: int = 40
    cepstral: CepstralCnnOptions = field(default_factory=CepstralCnnOptions)
    dropout: float = 0.2
    weights: str = ""

    def __post_init__(self) -> None:
        require_shares(dropout=self.dropout)


class MelMfccEnsemble(nn.Module):
    """See the module's description; takes mel bands of ``features.padded_frames`` frames."""

    basis: Tensor
    share: Tensor

    def __init__(self, features: FeatureSpec, labels: int, options: MelMfccEnsembleOptions) -> None:
        super().__init__()
        bands, coefficients = features.dimensions, options.coefficients
        if not 1 <= coefficients <= bands:
            raise ArgumentInvalid(f"coefficients must lie between 1 and the {bands} mel bands")
        if min(features.padded_frames, bands) < SMALLEST_SIDE:
            raise ArgumentInvalid(
                f"a picture of {features.padded_frames} frames and {bands} bands is too small; "
                f"both must be at least {SMALLEST_SIDE}"
            )
        self.register_buffer("basis", torch.tensor(cosine_basis(bands, coefficients)))
        self.register_buffer("share", torch.tensor(0.5))
        self.scale = nn.BatchNorm1d(coefficients)
        self.cepstral = CepstralCnn(features, labels, options.cepstral, coefficients=coefficients)
        self.pictures = DenseNet121(labels)
        if options.weights:
            self.pictures.load_pretrained(Path(options.weights))
        self.dropout = nn.Dropout(options.dropout)

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        """Judge a batch of shape (clips, frames, bands); see ``NetworkKind``."""
        pictures = features.transpose(1, 2).unsqueeze(1).expand(-1, IMAGE_CHANNELS, -1, -1)
        seen = self.pictures.embed(pictures)
        cepstra = self.scale((features @ self.basis).transpose(1, 2)).transpose(1, 2)
        heard = self.cepstral(cepstra)
        branches = torch.stack(
            [self.pictures.classifier(self.dropout(seen)), heard["logits"]], dim=1
        )
        found = {
            "logits": self.share * branches[:, 0] + (1 - self.share) * branches[:, 1],
            "sex": heard["sex"],
            "embedding": torch.cat([seen, heard["embedding"]], dim=1),
            "branches": branches,
        }
        return found

    def combine(self, share: float) -> None:
        """Set how much the picture branch counts, 0 to 1, in the sum of both branches' logits."""
        self.share.fill_(share)
