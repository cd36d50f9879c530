"""Classical models over one row of features a clip, one file each, by the name that recipes use."""

from __future__ import annotations

from serein.training.classifiers.gradient_boosting import GRADIENT_BOOSTING
from serein.training.classifiers.kind import ClassifierKind
from serein.training.classifiers.linear_svm import LINEAR_SVM
from serein.training.classifiers.mlp import MLP
from serein.training.classifiers.random_forest import RANDOM_FOREST

CLASSIFIERS: dict[str, ClassifierKind] = {
    "linear-svm": LINEAR_SVM,
    "random-forest": RANDOM_FOREST,
    "gradient-boosting": GRADIENT_BOOSTING,
    "mlp": MLP,
}

__all__ = ["CLASSIFIERS", "ClassifierKind"]
