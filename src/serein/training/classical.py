"""Training of classical models over one row of features a clip."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from serein.bundle import Mode, Normalization
from serein.errors import DataInvalid
from serein.features.spectral import FloatArray
from serein.metrics import unweighted_average_recall
from serein.recognition import Reference
from serein.training.calibration import fit_temperature
from serein.training.classifier_recipe import ClassifierRecipe, classifier_options
from serein.training.classifiers import CLASSIFIERS, ClassifierKind
from serein.training.data import Dataset, speaker_references

INNER_FOLDS = 3


@dataclass(frozen=True)
class FittedClassifier:
    """A fitted classifier of one mode.

    Attributes
    ----------
    kind
        What it is.
    model
        Fitted on all training clips; its classes are indexes into the labels.
    temperature
        Calibrates its logits.
    chosen
        The value that was chosen of the kind's option to choose by.
    """

    kind: ClassifierKind
    model: Any
    temperature: float
    chosen: float


def normalized_rows(
    dataset: Dataset, indexes: Sequence[int], normalization: Normalization, mode: Mode
) -> FloatArray:
    """Normalised features, shape (clips, dimensions); in mode E by all of a speaker's clips.

    The clips of a speaker are those at ``indexes``.
    """
    response = dataset.spec.gain_response
    references = dict.fromkeys(indexes, Reference.of(normalization, None))
    if mode == "enrolled":
        references |= speaker_references(dataset, indexes, normalization)
    return np.concatenate(
        [references[index].normalize(dataset.features[index], response) for index in indexes]
    )


def train_classifier(
    dataset: Dataset,
    indexes: Sequence[int],
    labels: Sequence[str],
    recipe: ClassifierRecipe,
    normalization: Normalization,
    mode: Mode,
    *,
    seed: int,
) -> FittedClassifier:
    """Fit a classical model for one mode.

    Of the values that the recipe gives for an option, that one is chosen which has the highest
    UAR on training speakers held out in turn, and the temperature is fitted to the logits of the
    same held-out clips; then the model is fitted again on all of them.
    """
    kind = CLASSIFIERS[recipe.name]
    options = classifier_options(recipe, "the recipe")
    rows = normalized_rows(dataset, indexes, normalization, mode)
    targets = dataset.targets(labels)[list(indexes)]
    allowed = dataset.label_mask(labels)[list(indexes)]
    values = sorted(set(getattr(options, kind.chosen)))
    logits = {value: np.full((len(rows), len(labels)), -np.inf) for value in values}
    for train, test in inner_folds(dataset, indexes, targets, seed):
        if len(np.unique(targets[train])) < 2:
            continue
        models = kind.models(options, values, rows[train], targets[train], seed=seed)
        for value, model in zip(values, models, strict=True):
            logits[value][test] = decision(kind, model, rows[test], len(labels))

    def score(value: float) -> float:
        predicted = np.where(allowed, logits[value], -np.inf).argmax(axis=1)
        return unweighted_average_recall(targets, predicted, len(labels))

    chosen = max(values, key=score)
    # A class that an inner training lacked has no logit: such clips say nothing of calibration.
    known = np.isfinite(np.where(allowed, logits[chosen], 0.0)).all(axis=1)
    temperature = fit_temperature(logits[chosen][known], targets[known], allowed[known])
    model = kind.fit(options, chosen, rows, targets, seed)
    return FittedClassifier(kind, model, temperature, chosen)


def decision(kind: ClassifierKind, model: Any, rows: FloatArray, labels: int) -> FloatArray:
    """Logits of a fitted model in the order of all labels, shape (clips, labels).

    Two classes may share one hyperplane: its two sides are their margins. A label that the model
    was not fitted on has minus infinity.
    """
    found = kind.logits(model, rows)
    if found.ndim == 1:
        found = np.stack([-found, found], axis=1)
    logits = np.full((len(rows), labels), -np.inf)
    logits[:, model.classes_] = found
    return logits


def inner_folds(
    dataset: Dataset,
    indexes: Sequence[int],
    targets: npt.NDArray[np.int64],
    seed: int,
    *,
    most: int = INNER_FOLDS,
) -> list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Folds of the training clips that keep speakers apart, or sentences of a single one.

    Parameters
    ----------
    targets
        Index of the label of each of the clips.
    most
        So many folds, or fewer where there are fewer groups or clips of every label.

    Raises
    ------
    DataInvalid
        If no label has two clips.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    utterances = [dataset.utterances[index] for index in indexes]
    speakers = [one.speaker or f"{one.corpus}/{one.path}" for one in utterances]
    groups = speakers
    if len(set(groups)) < 2:
        groups = [one.sentence or one.path for one in utterances]
    if len(set(groups)) < 2:
        groups = [one.path for one in utterances]
    commonest = int(np.bincount(targets).max())
    count = min(most, len(set(groups)), commonest)
    if count < 2:
        raise DataInvalid(
            "the training clips cannot be split to choose by: at least one emotion needs two clips "
            "or more; add data"
        )
    folds = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # An emotion with fewer clips than folds is missing from some; its logits are left out.
        warnings.filterwarnings("ignore", message="The least populated class in y")
        return list(folds.split(np.zeros(len(targets)), targets, groups))
