"""What a recipe says of a classical model: which one, and its options."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from serein.errors import ArgumentInvalid, RecipeInvalid
from serein.options import from_mapping
from serein.training.classifiers import CLASSIFIERS


@dataclass(frozen=True, kw_only=True)
class ClassifierRecipe:
    """A classical model by its name, and its options.

    Attributes
    ----------
    name
        One of :data:`serein.training.classifiers.CLASSIFIERS`.
    options
        Of which one is a list of values to choose from, by training speakers held out in turn.
    """

    name: str
    options: dict[str, Any] = field(default_factory=dict)

    def quick(self) -> ClassifierRecipe:
        """The same model made small: enough to prove the way, not to score."""
        return replace(self, options={**self.options, **CLASSIFIERS[self.name].quick})


def classifier_options(classifier: ClassifierRecipe, where: str) -> Any:
    """The options of a recipe's classifier, checked against what it knows.

    Raises
    ------
    RecipeInvalid
        If the classifier or an option is unknown, or a value is out of range.
    """
    kind = CLASSIFIERS.get(classifier.name)
    if kind is None:
        raise RecipeInvalid(
            f"{where}: unknown classifier {classifier.name!r}; known are {', '.join(CLASSIFIERS)}"
        )
    place = f"{where}, [classifier.options]"
    try:
        return from_mapping(kind.options, classifier.options, where=place, error=RecipeInvalid)
    except ArgumentInvalid as error:
        raise RecipeInvalid(f"{place}: {error.message}") from error
