"""Classical models over one row of features a clip: a linear support vector machine."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from serein.bundle import Mode, Normalization
from serein.errors import DataInvalid
from serein.features.spectral import FloatArray
from serein.metrics import unweighted_average_recall
from serein.recognition import Reference
from serein.training.calibration import fit_temperature
from serein.training.data import Dataset, speaker_references
from serein.training.recipe import ClassifierRecipe

if TYPE_CHECKING:
    from sklearn.svm import LinearSVC

INNER_FOLDS = 3
TOLERANCE = 1e-3
MOST_ITERATIONS = 5000


@dataclass(frozen=True)
class FittedClassifier:
    """A fitted classifier of one mode.

    Attributes
    ----------
    model
        Fitted on all training clips; its classes are indexes into the labels.
    temperature
        Calibrates its margins.
    regularization
        The C that was chosen.
    """

    model: LinearSVC
    temperature: float
    regularization: float


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
    """Fit a linear support vector machine for one mode.

    The regularisation is that with the highest UAR on training speakers held out in turn, and
    the temperature is fitted to the margins of the same held-out clips; then the model is
    fitted again on all of them.
    """
    rows = normalized_rows(dataset, indexes, normalization, mode)
    targets = dataset.targets(labels)[list(indexes)]
    allowed = dataset.label_mask(labels)[list(indexes)]
    splits = [
        (train, test)
        for train, test in _inner_folds(dataset, indexes, targets, seed)
        if len(np.unique(targets[train])) > 1
    ]
    candidates = []
    for regularization in sorted(recipe.regularization):
        margins = np.full((len(rows), len(labels)), -np.inf)
        for train, test in splits:
            model = _fit(rows[train], targets[train], regularization, seed)
            margins[test] = decision(model, rows[test], len(labels))
        predicted = np.where(allowed, margins, -np.inf).argmax(axis=1)
        score = unweighted_average_recall(targets, predicted, len(labels))
        candidates.append((score, regularization, margins))
    _, regularization, margins = max(candidates, key=lambda candidate: candidate[0])
    # A class that an inner training lacked has no margin: such clips say nothing of calibration.
    known = np.isfinite(np.where(allowed, margins, 0.0)).all(axis=1)
    temperature = fit_temperature(margins[known], targets[known], allowed[known])
    model = _fit(rows, targets, regularization, seed)
    return FittedClassifier(model, temperature, regularization)


def decision(model: LinearSVC, rows: FloatArray, labels: int) -> FloatArray:
    """Margins of a fitted model in the order of all labels, shape (clips, labels).

    Two classes share one hyperplane: its two sides are their margins. A label that the model
    was not fitted on has minus infinity.
    """
    found = model.decision_function(rows)
    if found.ndim == 1:
        found = np.stack([-found, found], axis=1)
    margins = np.full((len(rows), labels), -np.inf)
    margins[:, model.classes_] = found
    return margins


def _fit(
    rows: FloatArray, targets: npt.NDArray[np.int64], regularization: float, seed: int
) -> LinearSVC:
    from sklearn.svm import LinearSVC

    model = LinearSVC(
        C=regularization,
        class_weight="balanced",
        dual=True,
        tol=TOLERANCE,
        max_iter=MOST_ITERATIONS,
        random_state=seed,
    )
    return model.fit(rows, targets)


def _inner_folds(
    dataset: Dataset, indexes: Sequence[int], targets: npt.NDArray[np.int64], seed: int
) -> list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Folds of the training clips that keep speakers apart, or sentences of a single one."""
    from sklearn.model_selection import StratifiedGroupKFold

    utterances = [dataset.utterances[index] for index in indexes]
    speakers = [one.speaker or f"{one.corpus}/{one.path}" for one in utterances]
    groups = speakers
    if len(set(groups)) < 2:
        groups = [one.sentence or one.path for one in utterances]
    if len(set(groups)) < 2:
        groups = [one.path for one in utterances]
    commonest = int(np.bincount(targets).max())
    count = min(INNER_FOLDS, len(set(groups)), commonest)
    if count < 2:
        raise DataInvalid(
            "the training clips cannot be split to choose by: at least one emotion needs two clips "
            "or more; add data"
        )
    folds = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # An emotion with fewer clips than folds is missing from some; its margins are left out.
        warnings.filterwarnings("ignore", message="The least populated class in y")
        return list(folds.split(np.zeros(len(targets)), targets, groups))
