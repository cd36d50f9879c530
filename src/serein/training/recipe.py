"""Recipes: everything that a training is made of, in one TOML file."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from serein.errors import ArgumentInvalid, RecipeInvalid
from serein.features import FeatureSpec
from serein.labels import LABELS
from serein.options import from_mapping
from serein.training.dependencies import require_training


@dataclass(frozen=True, kw_only=True)
class AugmentOptions:
    """Changes of log-mel features in training, each drawn anew for every clip.

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
    """

    stretch: float = 0.0
    shift: float = 0.0
    tilt: float = 0.0
    noise: float = 0.0
    noise_snr: tuple[float, ...] = (5.0, 40.0)
    masks: int = 0
    mask_share: float = 0.15


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """How a network is trained.

    Attributes
    ----------
    epochs
        Passes; the epoch is chosen on the validation speakers.
    clips_per_epoch
        Clips drawn an epoch, balanced by corpus and emotion; 0 for as many as there are.
    corpus_power
        A corpus is drawn in proportion to its speakers to this power: 0 draws all alike.
    batch_size
        Clips in a batch.
    learning_rate, weight_decay
        Of AdamW; the rate rises for a tenth of the steps, then falls along a cosine.
    label_smoothing
        Share of the target spread over the other labels of the clip's corpus.
    sex_weight
        Weight of the loss of the head for the speaker's sex.
    enrolled_share
        Share of the clips that are normalised with a speaker profile.
    averaging
        Decay a step of the weight average that is kept (Polyak averaging).
    longest
        Seconds of a clip that are used; a longer one is cut at random.
    """

    epochs: int
    clips_per_epoch: int = 0
    corpus_power: float = 0.5
    batch_size: int = 64
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    label_smoothing: float = 0.1
    sex_weight: float = 0.2
    enrolled_share: float = 0.5
    averaging: float = 0.995
    longest: float = 5.0


@dataclass(frozen=True, kw_only=True)
class NetworkRecipe:
    """A network by its name, the sizes that differ from its defaults, and its training."""

    name: str
    training: TrainingOptions
    options: dict[str, Any] = field(default_factory=dict)
    augment: AugmentOptions = field(default_factory=AugmentOptions)


@dataclass(frozen=True, kw_only=True)
class ClassifierRecipe:
    """A linear support vector machine.

    Attributes
    ----------
    name
        ``linear-svm``.
    regularization
        Values of C to choose from, by training speakers held out in turn.
    """

    name: str
    regularization: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A recipe.

    Attributes
    ----------
    name, title
        Its name, and what it is in a line.
    features
        What is computed from the sound.
    labels
        Emotions to tell apart; empty for those that the data hold.
    prior_clips
        See :class:`serein.bundle.Normalization`.
    minimum_confidence
        Expected accuracy below which a judgement is not decided.
    network, classifier
        What is trained: one of the two.
    """

    name: str
    title: str
    features: FeatureSpec
    labels: tuple[str, ...] = ()
    prior_clips: float = 2.0
    minimum_confidence: float = 0.5
    network: NetworkRecipe | None = None
    classifier: ClassifierRecipe | None = None

    def __post_init__(self) -> None:
        where = f"recipe {self.name!r}"
        if (self.network is None) == (self.classifier is None):
            raise RecipeInvalid(f"{where} needs either [network] or [classifier], and not both")
        if unknown := sorted(set(self.labels) - set(LABELS)):
            raise RecipeInvalid(
                f"{where}: unknown label {', '.join(unknown)}; labels are {', '.join(LABELS)}"
            )
        if not 0 <= self.prior_clips < math.inf or not 0 <= self.minimum_confidence <= 1:
            raise RecipeInvalid(
                f"{where}: prior_clips must be 0 or more and minimum_confidence from 0 to 1"
            )
        _check_parts(self, where)

    def as_dict(self) -> dict[str, Any]:
        """The recipe as plain values, for a manifest."""
        return asdict(self)


def _check_parts(recipe: Recipe, where: str) -> None:
    if recipe.classifier is not None:
        values = recipe.classifier.regularization
        if recipe.classifier.name != "linear-svm":
            raise RecipeInvalid(f"{where}: [classifier] name must be 'linear-svm'")
        if not values or not all(0 < value < math.inf for value in values):
            raise RecipeInvalid(f"{where}: regularization needs one or more positive numbers")
        if recipe.features.kind != "functionals":
            raise RecipeInvalid(
                f"{where}: a classifier takes one row a clip; set [features] kind = 'functionals'"
            )
        return
    if recipe.network is None:
        return
    training, changes = recipe.network.training, recipe.network.augment
    _check_ranges(training, _TRAINING_RANGES, f"{where}, [network.training]")
    _check_ranges(changes, _AUGMENT_RANGES, f"{where}, [network.augment]")
    if training.clips_per_epoch == 1:
        raise RecipeInvalid(f"{where}: clips_per_epoch must be 0, or at least 2")
    if training.longest < recipe.features.hop:
        raise RecipeInvalid(
            f"{where}: longest must be at least one hop of the features, "
            f"{recipe.features.hop:g} seconds"
        )
    snr = changes.noise_snr
    if len(snr) != 2 or not -math.inf < snr[0] <= snr[1] < math.inf:
        raise RecipeInvalid(f"{where}: noise_snr must be the lower and the upper end of a range")


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
    "clips_per_epoch": _Range(0),
    "corpus_power": _Range(0),
    "batch_size": _Range(2),  # a batch of one clip has no spread to normalise by
    "learning_rate": _Range(0, above=True),
    "weight_decay": _Range(0),
    "label_smoothing": _NOT_ALL,
    "sex_weight": _Range(0),
    "enrolled_share": _SHARE,
    "averaging": _NOT_ALL,
    "longest": _Range(0, above=True),
}
_AUGMENT_RANGES = {
    "stretch": _NOT_ALL,
    "shift": _Range(0),
    "tilt": _Range(0),
    "noise": _SHARE,
    "masks": _Range(0),
    "mask_share": _SHARE,
}


def _check_ranges(options: Any, ranges: Mapping[str, _Range], where: str) -> None:
    for name, allowed in ranges.items():
        value = getattr(options, name)
        if not allowed.holds(value):
            raise RecipeInvalid(f"{where}: {name} must be {allowed}, not {value:g}")


def available_recipes() -> dict[str, Path]:
    """Names and files of the recipes that are part of the package."""
    folder = Path(str(resources.files("serein"))) / "recipes"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def load_recipe(recipe: str | Path) -> Recipe:
    """Read a recipe given by name or path.

    Raises
    ------
    RecipeInvalid
        If there is none, it is not TOML, or a key or value in it is wrong.
    """
    known = available_recipes()
    path = known.get(str(recipe), Path(recipe))
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeInvalid(
            f"there is no recipe {str(recipe)!r}: give a TOML file or one of these names: "
            f"{', '.join(known)}",
            file=str(recipe),
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeInvalid(f"{path} is not valid TOML: {error}", file=str(recipe)) from error
    return recipe_from_dict(values, where=f"recipe {path.name}")


def recipe_from_dict(values: Mapping[str, Any], *, where: str) -> Recipe:
    """Build a recipe from plain values, as read from TOML.

    Raises
    ------
    RecipeInvalid
        If a key or value is wrong.
    """
    try:
        recipe = from_mapping(Recipe, values, where=where, error=RecipeInvalid)
    except ArgumentInvalid as error:
        raise RecipeInvalid(f"{where}: {error.message}") from error
    if recipe.network is not None:
        network_options(recipe.network, recipe.features.kind, where)
    return recipe


def network_options(network: NetworkRecipe, features: str, where: str) -> Any:
    """The options of a recipe's network, checked against what the network knows.

    Raises
    ------
    RecipeInvalid
        If the network or an option is unknown, or it cannot take such features.
    """
    require_training()
    from serein.training.networks import NETWORKS

    kind = NETWORKS.get(network.name)
    if kind is None:
        raise RecipeInvalid(
            f"{where}: unknown network {network.name!r}; known are {', '.join(NETWORKS)}"
        )
    if features not in kind.features:
        raise RecipeInvalid(
            f"{where}: the network {network.name!r} cannot take {features!r} features; set "
            f"[features] kind to one of: {', '.join(kind.features)}"
        )
    place = f"{where}, [network.options]"
    try:
        return from_mapping(kind.options, network.options, where=place, error=RecipeInvalid)
    except ArgumentInvalid as error:
        raise RecipeInvalid(f"{place}: {error.message}") from error
