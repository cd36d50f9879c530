"""A random forest: many trees, each grown on a draw of the clips, their shares averaged.

Source: Breiman, "Random Forests", Machine Learning 45, 2001.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from serein.errors import ArgumentInvalid
from serein.features.spectral import FloatArray
from serein.training.classifiers.graphs import Tree, graph_of, logarithm, tree_sum
from serein.training.classifiers.kind import ClassifierKind, log_probabilities

if TYPE_CHECKING:
    from onnx import ModelProto
    from sklearn.ensemble import RandomForestClassifier


@dataclass(frozen=True, kw_only=True)
class RandomForestOptions:
    """Options of the forest.

    Attributes
    ----------
    minimum_leaf
        Values to choose from: the fewest clips in a leaf.
    trees
        Number of trees.
    leaves
        The most leaves of a tree, which bounds the size of the graph.
    feature_share
        Share of the features that each split is the best of.
    """

    minimum_leaf: tuple[int, ...]
    trees: int = 300
    leaves: int = 256
    feature_share: float = 0.03

    def __post_init__(self) -> None:
        if not self.minimum_leaf or min(self.minimum_leaf) < 1:
            raise ArgumentInvalid("minimum_leaf needs one or more numbers of at least 1")
        if self.trees < 1 or self.leaves < 2:
            raise ArgumentInvalid("trees must be at least 1, leaves at least 2")
        if not 0 < self.feature_share <= 1:
            raise ArgumentInvalid("feature_share must be above 0 and at most 1")


def _fit(
    options: RandomForestOptions, minimum_leaf: float, rows: FloatArray, targets: Any, seed: int
) -> RandomForestClassifier:
    from sklearn.ensemble import RandomForestClassifier

    model = RandomForestClassifier(
        options.trees,
        min_samples_leaf=int(minimum_leaf),
        max_leaf_nodes=options.leaves,
        max_features=options.feature_share,
        class_weight="balanced",
        random_state=seed,
        n_jobs=os.cpu_count(),  # each tree has a seed of its own, whoever grows it
    )
    model.fit(rows, targets)
    # Threads would add up the trees' shares in an order that changes from run to run.
    return model.set_params(n_jobs=1)


def _graph(model: RandomForestClassifier, dimensions: int) -> ModelProto:
    count = len(model.estimators_)
    trees = [
        Tree(
            left=one.children_left,
            right=one.children_right,
            leaf=one.children_left == one.children_right,
            feature=one.feature,
            threshold=one.threshold,
            values=one.value[:, 0, :] / count,
        )
        for one in (estimator.tree_ for estimator in model.estimators_)
    ]
    classes = len(model.classes_)
    parts = [tree_sum(trees, np.zeros(classes)), logarithm()]
    return graph_of(parts, dimensions=dimensions, classes=classes)


def _parameters(model: RandomForestClassifier) -> int:
    """A feature and a threshold for each split, the shares of the classes for each leaf."""
    leaves = sum(estimator.tree_.n_leaves for estimator in model.estimators_)
    splits = leaves - len(model.estimators_)
    return int(2 * splits + leaves * len(model.classes_))


RANDOM_FOREST = ClassifierKind(
    options=RandomForestOptions,
    chosen="minimum_leaf",
    fit=_fit,
    logits=log_probabilities,
    graph=_graph,
    parameters=_parameters,
    quick={"trees": 20, "minimum_leaf": [2]},
)
