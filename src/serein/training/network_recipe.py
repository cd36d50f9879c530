"""What a recipe says of a network: its sizes, how it is trained, and what its clips go through."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from serein.errors import ArgumentInvalid, RecipeInvalid
from serein.features import FeatureSpec
from serein.options import from_mapping
from serein.training.dependencies import require_training

OPTIMIZERS: tuple[str, ...] = ("adamw", "adam", "rmsprop")
SCHEDULES: tuple[str, ...] = ("cosine", "constant", "plateau")
PRECISIONS: tuple[str, ...] = ("float32", "bfloat16")


@dataclass(frozen=True, kw_only=True)
class AugmentOptions:
    """Changes of features in training, each drawn anew for every clip.

    Attributes
    ----------
    stretch
        Largest change of tempo, as a share: 0.1 is from 0.9 to 1.1 times as fast.
    shift
        Largest shift of all bands up or down, in bands: a shorter or longer vocal tract.
    tilt
        Largest change of the balance between low and high bands in dB, as another microphone's.
    noise
        Share of the clips that get a stationary noise floor.
    noise_snr
        Range of its level below the speech in dB.
    masks
        Number of bands of time and of frequency that are blanked out (SpecAugment).
    mask_share
        Largest width of each, as a share of the clip or of the bands.
    mixup
        Parameter of the beta distribution that two clips are mixed by; 0 mixes none.
    """

    stretch: float = 0.0
    shift: float = 0.0
    tilt: float = 0.0
    noise: float = 0.0
    noise_snr: tuple[float, ...] = (5.0, 40.0)
    masks: int = 0
    mask_share: float = 0.15
    mixup: float = 0.0


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """How a network is trained.

    Attributes
    ----------
    epochs
        Passes; the epoch is chosen on the validation speakers.
    patience
        Epochs without a better score after which training ends early; 0 never ends it.
    clips_per_epoch
        Clips drawn an epoch, balanced by corpus and emotion; 0 for as many as there are.
    corpus_power
        A corpus is drawn in proportion to its speakers to this power: 0 draws all alike.
    batch_size
        Clips in a batch.
    optimizer
        ``adamw``, ``adam`` or ``rmsprop``.
    learning_rate, weight_decay
        Of the optimizer.
    schedule
        Of the learning rate: ``cosine`` rises for a tenth of the steps, then falls; ``constant``
        stays; ``plateau`` is halved after epochs without a better score.
    precision
        ``float32``, or ``bfloat16`` where it is exact enough, which some processors do faster.
    label_smoothing
        Share of the target spread over the other labels of the clip's corpus.
    soft_labels
        Share of the target that follows the listeners' votes, for clips that have some.
    sex_weight
        Weight of the loss of the head for the speaker's sex, in a network that has one.
    speech_weight
        Weight of the loss of the head for speech against all else, in a network that has one and
        where the data hold sounds that are none.
    enrolled_share
        Share of the clips that are normalised with a speaker profile, for a network that does not
        compare descriptions.
    speaker_clips
        Clips of one speaker that are drawn together, for a network that compares descriptions of
        them; then every clip is judged with its speaker's profile and without.
    averaging
        Decay a step of the weight average that is kept (Polyak averaging); 0 keeps the
        last weights.
    longest
        Seconds of a clip that are used; a longer one is cut at random.
    """

    epochs: int
    patience: int = 0
    clips_per_epoch: int = 0
    corpus_power: float = 0.5
    batch_size: int = 64
    optimizer: str = "adamw"
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    schedule: str = "cosine"
    precision: str = "float32"
    label_smoothing: float = 0.1
    soft_labels: float = 0.0
    sex_weight: float = 0.2
    speech_weight: float = 0.2
    enrolled_share: float = 0.5
    speaker_clips: int = 8
    averaging: float = 0.995
    longest: float = 5.0


@dataclass(frozen=True, kw_only=True)
class NetworkRecipe:
    """A network by its name, the sizes that differ from its defaults, and its training."""

    name: str
    training: TrainingOptions
    options: dict[str, Any] = field(default_factory=dict)
    augment: AugmentOptions = field(default_factory=AugmentOptions)


def check_settings(network: NetworkRecipe, features: FeatureSpec, where: str) -> None:
    """Refuse numbers out of range, and augmentations that such features cannot have.

    Raises
    ------
    RecipeInvalid
        Names the key and what is allowed.
    """
    training, changes = network.training, network.augment
    place = f"{where}, [network.training]"
    _check_ranges(training, _TRAINING_RANGES, place)
    for name, allowed in _TRAINING_WORDS.items():
        if (word := getattr(training, name)) not in allowed:
            raise RecipeInvalid(
                f"{place}: {name} must be one of {', '.join(allowed)}, not {word!r}"
            )
    _check_ranges(changes, _AUGMENT_RANGES, f"{where}, [network.augment]")
    if training.clips_per_epoch == 1:
        raise RecipeInvalid(f"{where}: clips_per_epoch must be 0, or at least 2")
    if training.longest < features.hop:
        raise RecipeInvalid(
            f"{where}: longest must be at least one hop of the features, {features.hop:g} seconds"
        )
    snr = changes.noise_snr
    if len(snr) != 2 or not -math.inf < snr[0] <= snr[1] < math.inf:
        raise RecipeInvalid(f"{where}: noise_snr must be the lower and the upper end of a range")
    banded = [name for name in ("shift", "tilt", "noise") if getattr(changes, name)]
    if banded and (features.kind != "log_mel" or features.deltas or features.standardized):
        raise RecipeInvalid(
            f"{where}, [network.augment]: {', '.join(banded)} change mel bands in decibels; leave "
            "them out, or set [features] kind = 'log_mel' without deltas and standardized"
        )


def network_options(network: NetworkRecipe, features: FeatureSpec, where: str) -> Any:
    """The options of a recipe's network, checked against what the network knows and takes.

    Raises
    ------
    RecipeInvalid
        If the network or an option is unknown, or it cannot take such features.
    """
    require_training()
    import torch

    from serein.training.networks import NETWORKS

    kind = NETWORKS.get(network.name)
    if kind is None:
        raise RecipeInvalid(
            f"{where}: unknown network {network.name!r}; known are {', '.join(NETWORKS)}"
        )
    if features.kind not in kind.features:
        raise RecipeInvalid(
            f"{where}: the network {network.name!r} cannot take {features.kind!r} features; set "
            f"[features] kind to one of: {', '.join(kind.features)}"
        )
    if kind.described and network.augment.mixup:
        raise RecipeInvalid(
            f"{where}, [network.augment]: the network {network.name!r} compares a speaker's clips, "
            "which mixup would mix with others; leave mixup out"
        )
    if kind.fixed and not features.padded_frames:
        raise RecipeInvalid(
            f"{where}: the network {network.name!r} takes clips of one length; set [features] "
            "frames to it, with masked = false"
        )
    if not kind.fixed and features.padded_frames:
        raise RecipeInvalid(
            f"{where}: the network {network.name!r} takes clips of any length and must know what "
            "is padding; set [features] masked = true, or frames = 0"
        )
    place = f"{where}, [network.options]"
    try:
        options: Any = from_mapping(kind.options, network.options, where=place, error=RecipeInvalid)
        with torch.device("meta"):  # shapes alone: no memory, no time
            kind.build(features, 2, options)
    except ArgumentInvalid as error:
        raise RecipeInvalid(f"{place}: {error.message}") from error
    except (RuntimeError, TypeError) as error:  # how torch says that there is no such shape
        raise RecipeInvalid(
            f"{place}: the network is too large to build; set smaller sizes"
        ) from error
    return options


@dataclass(frozen=True)
class _Range:
    """Numbers from ``lowest`` on; the ends belong to it unless they are said to be open."""

    lowest: float
    highest: float = math.inf
    above: bool = False
    below: bool = False

    def holds(self, value: float) -> bool:
        """Whether a number lies inside; NaN and infinity never do."""
        low = value > self.lowest if self.above else value >= self.lowest
        high = value < self.highest if self.below else value <= self.highest
        return low and high and math.isfinite(value)

    def __str__(self) -> str:
        low = f"{'above' if self.above else 'at least'} {self.lowest:g}"
        if self.highest == math.inf:
            return low
        return f"{low} and {'below' if self.below else 'at most'} {self.highest:g}"


_SHARE = _Range(0, 1)
_NOT_ALL = _Range(0, 1, below=True)
_TRAINING_RANGES = {
    "epochs": _Range(1),
    "patience": _Range(0),
    "clips_per_epoch": _Range(0),
    "corpus_power": _Range(0),
    "batch_size": _Range(2),  # a batch of one clip has no spread to normalise by
    "learning_rate": _Range(0, 1, above=True),
    "weight_decay": _Range(0),
    "label_smoothing": _NOT_ALL,
    "soft_labels": _SHARE,
    "sex_weight": _Range(0),
    "speech_weight": _Range(0),
    "enrolled_share": _SHARE,
    "speaker_clips": _Range(1),
    "averaging": _NOT_ALL,
    "longest": _Range(0, above=True),
}
_TRAINING_WORDS = {"optimizer": OPTIMIZERS, "schedule": SCHEDULES, "precision": PRECISIONS}
_AUGMENT_RANGES = {
    "stretch": _NOT_ALL,
    "shift": _Range(0),
    "tilt": _Range(0),
    "noise": _SHARE,
    "masks": _Range(0),
    "mask_share": _SHARE,
    "mixup": _Range(0),
}


def _check_ranges(options: Any, ranges: Mapping[str, _Range], where: str) -> None:
    for name, allowed in ranges.items():
        value = getattr(options, name)
        if not allowed.holds(value):
            raise RecipeInvalid(f"{where}: {name} must be {allowed}, not {value:g}")
