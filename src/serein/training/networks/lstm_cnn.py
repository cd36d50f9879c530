"""A recurrent layer over frames whose outputs a convolutional network sees as a picture.

System A of the five: an LSTM reads the cepstra, its outputs at all frames are taken for a picture
of frames by units, and two-dimensional convolutions and three linear layers judge that picture.
Its authors speak of attention in the middle that their code lacks; here it is an option.
Sources: Hochreiter & Schmidhuber, "Long Short-Term Memory", Neural Computation 9(8), 1997; for the
attention Mirsamadi, Barsoum & Zhang, "Automatic Speech Emotion Recognition Using Recurrent Neural
Networks with Local Attention", ICASSP 2017.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from serein.errors import ArgumentInvalid
from serein.features import FeatureSpec
from serein.training.networks.attention import FrameAttention
from serein.training.networks.sizes import require_sizes


@dataclass(frozen=True, kw_only=True)
class LstmCnnOptions:
    """Sizes of the network.

    Attributes
    ----------
    units
        Of the recurrent layer.
    channels
        Of the convolutions, 3 by 3 without padding; all but the last are followed by a maximum
        over 2 by 2.
    widths
        Of the linear layers before the last.
    attention
        Whether the recurrent layer's outputs are weighted by learned attention over frames.
    """

    units: int = 64
    channels: tuple[int, ...] = (32, 64, 128)
    widths: tuple[int, ...] = (256, 128)
    attention: bool = False

    def __post_init__(self) -> None:
        require_sizes(units=self.units, channels=self.channels, widths=self.widths)


class LstmCnn(nn.Module):
    """See the module's description; takes clips of ``features.padded_frames`` frames."""

    def __init__(self, features: FeatureSpec, labels: int, options: LstmCnnOptions) -> None:
        super().__init__()
        self.recurrent = nn.LSTM(features.dimensions, options.units, batch_first=True)
        self.attend = FrameAttention(options.units) if options.attention else None
        height, width = picture_size(features.padded_frames, options)
        blocks: list[nn.Module] = []
        before = 1
        for number, after in enumerate(options.channels, start=1):
            blocks += [nn.Conv2d(before, after, 3), nn.BatchNorm2d(after), nn.ReLU()]
            if number < len(options.channels):
                blocks.append(nn.MaxPool2d(2))
            before = after
        self.convolutions = nn.Sequential(*blocks, nn.Flatten())
        layers: list[nn.Module] = []
        size = before * height * width
        for wider in options.widths:
            layers += [nn.Linear(size, wider), nn.ReLU()]
            size = wider
        self.embed = nn.Sequential(*layers)
        self.emotion = nn.Linear(size, labels)

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        """Judge a batch of shape (clips, frames, dimensions); see ``NetworkKind``."""
        outputs, _ = self.recurrent(features)
        found: dict[str, Tensor] = {}
        if self.attend is not None:
            weights = self.attend(outputs)
            # Times the number of frames: even attention leaves the outputs as they are.
            outputs = outputs * (weights * outputs.shape[1]).unsqueeze(2)
            found["attention"] = weights
        embedding = self.embed(self.convolutions(outputs.unsqueeze(1)))
        return {"logits": self.emotion(embedding), "embedding": embedding, **found}


def picture_size(frames: int, options: LstmCnnOptions) -> tuple[int, int]:
    """Height and width of what the convolutions leave of a picture of frames by units.

    Raises
    ------
    ArgumentInvalid
        If nothing is left.
    """
    sides = [frames, options.units]
    for number in range(1, len(options.channels) + 1):
        sides = [side - 2 for side in sides]
        if number < len(options.channels):
            sides = [side // 2 for side in sides]
        if min(sides) < 1:
            raise ArgumentInvalid(
                f"{len(options.channels)} convolutions leave nothing of {frames} frames and "
                f"{options.units} units; set more of either, or fewer channels"
            )
    return sides[0], sides[1]
