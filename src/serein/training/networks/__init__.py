"""Networks, one file each, by the name that recipes use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from serein.training.networks.blstm_attention import BlstmAttention, BlstmAttentionOptions
from serein.training.networks.cepstral_cnn import CepstralCnn, CepstralCnnOptions
from serein.training.networks.conv_lstm import ConvLstm, ConvLstmOptions
from serein.training.networks.log_mel_cnn import LogMelCnn, LogMelCnnOptions
from serein.training.networks.lstm_cnn import LstmCnn, LstmCnnOptions
from serein.training.networks.mel_mfcc_ensemble import MelMfccEnsemble, MelMfccEnsembleOptions
from serein.training.networks.mfcc_cnn import MfccCnn, MfccCnnOptions

if TYPE_CHECKING:
    from torch import nn

    from serein.features import FeatureSpec


@dataclass(frozen=True)
class NetworkKind:
    """A network that recipes can name.

    A network is called with ``features``, (clips, frames, dimensions), and as far as its kind says
    so with ``lengths``. It gives a dictionary with ``logits``, (clips, labels), and perhaps ``sex``
    (clips, 2), ``speech`` (clips,), ``embedding`` (clips, dimensions) and ``attention`` (clips,
    steps). In training it may add ``branches``, logits of its parts that are trained each by
    itself, (clips, parts, labels), and ``penalty``, a number that is added to the loss.

    Attributes
    ----------
    build
        Called with the features, the number of labels and the options.
    options
        Dataclass of its options.
    features
        Kinds of features that it takes.
    fixed
        Whether it takes clips of one length only, and is told of no padding.
    described
        Whether it knows a speaker by descriptions of clips: it gives ``description`` (clips,
        description) too, takes ``center``, ``scale`` and ``level`` (see
        :class:`serein.bundle.Bundle`), has a method ``judge`` from these to ``logits``, and in
        training takes ``peers``, the weight of each clip in the profile of each, instead. Others
        take features normalised by the speaker where that one is known.
    """

    build: Callable[[FeatureSpec, int, Any], nn.Module]
    options: type
    features: tuple[str, ...]
    fixed: bool = False
    described: bool = False


_OVER_TIME = ("log_mel", "mfcc", "log_spectrogram", "short_term")

NETWORKS = {
    "log-mel-cnn": NetworkKind(
        lambda spec, labels, options: LogMelCnn(spec.dimensions, labels, options),
        LogMelCnnOptions,
        ("log_mel",),
        described=True,
    ),
    "lstm-cnn": NetworkKind(LstmCnn, LstmCnnOptions, _OVER_TIME, fixed=True),
    "conv-lstm": NetworkKind(ConvLstm, ConvLstmOptions, _OVER_TIME, fixed=True),
    "blstm-attention": NetworkKind(BlstmAttention, BlstmAttentionOptions, _OVER_TIME),
    "mfcc-cnn": NetworkKind(MfccCnn, MfccCnnOptions, _OVER_TIME, fixed=True),
    "cepstral-cnn": NetworkKind(CepstralCnn, CepstralCnnOptions, _OVER_TIME, fixed=True),
    "mel-mfcc-ensemble": NetworkKind(
        MelMfccEnsemble, MelMfccEnsembleOptions, ("log_mel",), fixed=True
    ),
}

__all__ = ["NETWORKS", "NetworkKind"]
