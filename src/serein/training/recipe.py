"""Recipes: everything that a training is made of, in one TOML file."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any

from serein.errors import ArgumentInvalid, RecipeInvalid
from serein.features import FeatureSpec
from serein.features.spec import ROWS
from serein.labels import LABEL_SETS, LABELS
from serein.options import from_mapping
from serein.training.classifier_recipe import ClassifierRecipe, classifier_options
from serein.training.network_recipe import NetworkRecipe, check_settings, network_options
from serein.training.sound import SoundOptions


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
        What to tell apart: the name of a label set, or a list of emotions; empty for those that
        the data hold.
    prior_clips
        See :class:`serein.bundle.Normalization`.
    minimum_confidence
        Expected accuracy below which a judgement is not decided.
    sound
        In which changed copies training hears every clip.
    network, classifier
        What is trained: one of the two.
    """

    name: str
    title: str
    features: FeatureSpec
    labels: str | tuple[str, ...] = ()
    prior_clips: float = 2.0
    minimum_confidence: float = 0.5
    sound: SoundOptions = field(default_factory=SoundOptions)
    network: NetworkRecipe | None = None
    classifier: ClassifierRecipe | None = None

    def __post_init__(self) -> None:
        where = f"recipe {self.name!r}"
        if (self.network is None) == (self.classifier is None):
            raise RecipeInvalid(f"{where} needs either [network] or [classifier], and not both")
        _check_labels(self.labels, where)
        if not 0 <= self.prior_clips < math.inf or not 0 <= self.minimum_confidence <= 1:
            raise RecipeInvalid(
                f"{where}: prior_clips must be 0 or more and minimum_confidence from 0 to 1"
            )
        _check_sound(self, where)
        _check_parts(self, where)

    @property
    def label_set(self) -> str | None:
        """The name of the label set, or None where canonical labels are told apart."""
        return self.labels if isinstance(self.labels, str) else None

    @property
    def classes(self) -> tuple[str, ...]:
        """All that may be told apart, as far as the data hold it."""
        if isinstance(self.labels, str):
            return LABEL_SETS[self.labels].classes
        return self.labels or LABELS

    def as_dict(self) -> dict[str, Any]:
        """The recipe as plain values, for a manifest."""
        values = asdict(self) | {"sound": self.sound.as_dict()}
        # Where its files lie is nobody else's business.
        if self.network is not None and (weights := self.network.options.get("weights")):
            values["network"]["options"]["weights"] = Path(str(weights)).name
        return values


def _check_labels(labels: str | tuple[str, ...], where: str) -> None:
    if isinstance(labels, str):
        if labels not in LABEL_SETS:
            raise RecipeInvalid(
                f"{where}: unknown label set {labels!r}; label sets are {', '.join(LABEL_SETS)}, "
                "or give a list of emotions"
            )
    elif unknown := sorted(set(labels) - set(LABELS)):
        raise RecipeInvalid(
            f"{where}: unknown label {', '.join(unknown)}; labels are {', '.join(LABELS)}"
        )
    elif labels and len(set(labels)) < 2:
        raise RecipeInvalid(f"{where}: labels must be two or more, or none for all in the data")


def _check_sound(recipe: Recipe, where: str) -> None:
    if (recipe.sound.copies or recipe.sound.non_speech) and recipe.classifier is not None:
        raise RecipeInvalid(
            f"{where}: [sound] is for networks, which hear a clip many times; take it out of a "
            "recipe with a [classifier]"
        )
    half = recipe.features.sampling_rate / 2
    if recipe.sound.band and recipe.sound.band[0] >= half:
        raise RecipeInvalid(
            f"{where}: the band of [sound] lies above {half:g} Hz, where sounds of the features' "
            "sampling_rate have nothing; give it a lower edge below"
        )


def _check_parts(recipe: Recipe, where: str) -> None:
    if recipe.classifier is not None:
        classifier_options(recipe.classifier, where)
        if recipe.features.kind not in ROWS:
            raise RecipeInvalid(
                f"{where}: a classifier takes one row a clip; set [features] kind to one of: "
                f"{', '.join(ROWS)}"
            )
    if recipe.network is not None:
        check_settings(recipe.network, recipe.features, where)


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
    found = recipe_from_dict(values, where=f"recipe {path.name}")
    return replace(found, sound=found.sound.beside(path.parent))


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
        network_options(recipe.network, recipe.features, where)
    return recipe


def with_epochs(recipe: Recipe, epochs: int | None, clips_per_epoch: int | None) -> Recipe:
    """The recipe with a longer or shorter training; None keeps what it says.

    Raises
    ------
    RecipeInvalid
        If it trains no network, which has no epochs.
    """
    wanted = {"epochs": epochs, "clips_per_epoch": clips_per_epoch}
    changes: dict[str, Any] = {key: value for key, value in wanted.items() if value is not None}
    if not changes:
        return recipe
    if recipe.network is None:
        raise RecipeInvalid(
            f"the recipe {recipe.name!r} trains no network and has no epochs; leave out "
            f"--{' and --'.join(changes).replace('_', '-')}"
        )
    training = replace(recipe.network.training, **changes)
    return replace(recipe, network=replace(recipe.network, training=training))


def with_recordings(recipe: Recipe, folder: Path | None) -> Recipe:
    """The recipe with recordings of noises and rooms to hear as well; None keeps what it says.

    Raises
    ------
    RecipeInvalid
        If it hears neither noises nor rooms.
    """
    if folder is None:
        return recipe
    sound = recipe.sound
    if not (sound.background or sound.rooms or sound.non_speech):
        raise RecipeInvalid(
            f"the recipe {recipe.name!r} hears neither noises nor rooms; leave out --recordings, "
            "or set background, rooms or non_speech in its [sound]"
        )
    return replace(recipe, sound=replace(sound, recordings=str(folder.resolve())))
