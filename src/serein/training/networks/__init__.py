"""Networks, one file each, by the name that recipes use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from serein.training.networks.log_mel_cnn import LogMelCnn, LogMelCnnOptions

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class NetworkKind:
    """A network that recipes can name.

    Attributes
    ----------
    build
        Called with the input's dimensions, the number of labels and the options.
    options
        Dataclass of its options.
    features
        Kinds of features that it takes.
    """

    build: Callable[[int, int, Any], nn.Module]
    options: type
    features: tuple[str, ...]


NETWORKS = {"log-mel-cnn": NetworkKind(LogMelCnn, LogMelCnnOptions, ("log_mel",))}

__all__ = ["NETWORKS", "LogMelCnn", "LogMelCnnOptions", "NetworkKind"]
