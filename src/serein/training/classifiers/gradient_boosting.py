"""Gradient boosting: each round of trees mends what those before it got wrong.

Source: Friedman, "Greedy Function Approximation: A Gradient Boosting Machine", Annals of Statistics
29, 2001; over histograms, as Ke et al., "LightGBM", NeurIPS 2017.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from serein.errors import ArgumentInvalid
from serein.features.spectral import FloatArray
from serein.training.classifiers.graphs import Tree, graph_of, log_softmax, tree_sum
from serein.training.classifiers.kind import ClassifierKind, log_probabilities, one_thread

if TYPE_CHECKING:
    from onnx import ModelProto
    from sklearn.ensemble import HistGradientBoostingClassifier

MOST_BINS = 255


@dataclass(frozen=True, kw_only=True)
class GradientBoostingOptions:
    """Options of the boosting.

    Attributes
    ----------
    rounds
        Values to choose from: the number of rounds, each of a tree for every emotion.
    learning_rate
        Share of each round's correction that is taken.
    leaves
        The most leaves of a tree.
    minimum_leaf
        The fewest clips in a leaf.
    feature_share
        Share of the features that each split is the best of.
    bins
        Number of values that a feature is rounded to.
    """

    rounds: tuple[int, ...]
    learning_rate: float = 0.1
    leaves: int = 4
    minimum_leaf: int = 10
    feature_share: float = 0.05
    bins: int = 32

    def __post_init__(self) -> None:
        if not self.rounds or min(self.rounds) < 1:
            raise ArgumentInvalid("rounds needs one or more numbers of at least 1")
        if not 0 < self.learning_rate < math.inf:
            raise ArgumentInvalid("learning_rate must be above 0")
        if self.leaves < 2 or self.minimum_leaf < 1:
            raise ArgumentInvalid("leaves must be at least 2, minimum_leaf at least 1")
        if not 0 < self.feature_share <= 1:
            raise ArgumentInvalid("feature_share must be above 0 and at most 1")
        if not 2 <= self.bins <= MOST_BINS:
            raise ArgumentInvalid(f"bins must be from 2 to {MOST_BINS}")


def _fit(
    options: GradientBoostingOptions, rounds: float, rows: FloatArray, targets: Any, seed: int
) -> HistGradientBoostingClassifier:
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(
        max_iter=int(rounds),
        learning_rate=options.learning_rate,
        max_leaf_nodes=options.leaves,
        min_samples_leaf=options.minimum_leaf,
        max_features=options.feature_share,
        max_bins=options.bins,
        early_stopping=False,  # its own validation clips would be of speakers it is trained on
        class_weight="balanced",
        random_state=seed,
    )
    with one_thread():
        return model.fit(_rounded(rows, options.bins), targets)


def _rounded(rows: FloatArray, bins: int) -> FloatArray:
    """Each feature rounded to the nearest of so many quantiles, shape (clips, dimensions).

    A tree parts the rounded values half way between two of them, and so parts the others alike.
    Left to itself, scikit-learn takes quantiles by the weights of the clips, one by one, which
    takes longer than all its trees.
    """
    centres = np.quantile(rows, (np.arange(bins) + 0.5) / bins, axis=0).astype(np.float32)
    edges = (centres[1:] + centres[:-1]) / 2
    columns = [
        centre[np.searchsorted(edge, column)]
        for column, centre, edge in zip(rows.T, centres.T, edges.T, strict=True)
    ]
    return np.stack(columns, axis=1)


def _shortened(
    model: HistGradientBoostingClassifier, rounds: float
) -> HistGradientBoostingClassifier:
    shorter = copy.copy(model)
    shorter._predictors = model._predictors[: int(rounds)]
    return shorter


def _graph(model: HistGradientBoostingClassifier, dimensions: int) -> ModelProto:
    outputs = model.n_trees_per_iteration_  # of two classes, only the log-odds of the second
    trees = [
        _tree(predictor.nodes, np.arange(outputs) == output)
        for round_ in model._predictors
        for output, predictor in enumerate(round_)
    ]
    parts = [tree_sum(trees, model._baseline_prediction.ravel()), log_softmax(outputs)]
    return graph_of(parts, dimensions=dimensions, classes=len(model.classes_))


def _tree(nodes: Any, output: npt.NDArray[np.bool_]) -> Tree:
    return Tree(
        left=nodes["left"],
        right=nodes["right"],
        leaf=nodes["is_leaf"] != 0,
        feature=nodes["feature_idx"],
        threshold=nodes["num_threshold"],
        values=nodes["value"][:, None] * output,
    )


def _parameters(model: HistGradientBoostingClassifier) -> int:
    """A feature and a threshold for each split, a value for each leaf, and what they begin with."""
    found = int(model._baseline_prediction.size)
    for round_ in model._predictors:
        for predictor in round_:
            leaves = int(predictor.nodes["is_leaf"].sum())
            found += 2 * (leaves - 1) + leaves
    return found


GRADIENT_BOOSTING = ClassifierKind(
    options=GradientBoostingOptions,
    chosen="rounds",
    fit=_fit,
    logits=log_probabilities,
    graph=_graph,
    parameters=_parameters,
    quick={"rounds": [5]},
    shortened=_shortened,
)
