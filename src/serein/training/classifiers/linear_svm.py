"""A linear support vector machine, one against the rest.

Source: Fan et al., "LIBLINEAR: A Library for Large Linear Classification", JMLR 9, 2008.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from serein.errors import ArgumentInvalid
from serein.features.spectral import FloatArray
from serein.training.classifiers.kind import ClassifierKind
from serein.training.export import OPSET

if TYPE_CHECKING:
    from onnx import ModelProto
    from sklearn.svm import LinearSVC

TOLERANCE = 1e-3
MOST_ITERATIONS = 5000


@dataclass(frozen=True, kw_only=True)
class LinearSvmOptions:
    """Options of the machine.

    Attributes
    ----------
    regularization
        Values of C to choose from: the smaller, the wider the margin.
    """

    regularization: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.regularization or not all(0 < c < math.inf for c in self.regularization):
            raise ArgumentInvalid("regularization needs one or more numbers above 0")


def _fit(
    options: LinearSvmOptions, regularization: float, rows: FloatArray, targets: Any, seed: int
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


def _margins(model: LinearSVC, rows: FloatArray) -> FloatArray:
    margins: FloatArray = model.decision_function(rows)
    return margins


def _graph(model: LinearSVC, dimensions: int) -> ModelProto:
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType

    converted: Any = convert_sklearn(
        model,
        # A name of its own choice would be random, and with it the file's checksum.
        name="classifier",
        initial_types=[("features", FloatTensorType([None, dimensions]))],
        options={id(model): {"raw_scores": True}},
        target_opset=OPSET,
    )
    graph = converted.graph
    _, margins = (output.name for output in graph.output)
    for node in graph.node:
        node.output[:] = ["logits" if name == margins else name for name in node.output]
        node.input[:] = ["logits" if name == margins else name for name in node.input]
    kept = [output for output in graph.output if output.name == margins]
    kept[0].name = "logits"
    del graph.output[:]
    graph.output.extend(kept)
    _drop_unused(graph)
    model_with_margins: ModelProto = converted
    return model_with_margins


def _drop_unused(graph: Any) -> None:
    """Remove the nodes that only gave the label: it is chosen after calibration."""
    needed = {output.name for output in graph.output}
    kept = []
    for node in reversed(graph.node):
        if needed & set(node.output):
            needed |= set(node.input)
            kept.append(node)
    del graph.node[:]
    graph.node.extend(reversed(kept))
    used = [initializer for initializer in graph.initializer if initializer.name in needed]
    del graph.initializer[:]
    graph.initializer.extend(used)


def _parameters(model: LinearSVC) -> int:
    return int(model.coef_.size + model.intercept_.size)


LINEAR_SVM = ClassifierKind(
    options=LinearSvmOptions,
    chosen="regularization",
    fit=_fit,
    logits=_margins,
    graph=_graph,
    parameters=_parameters,
    quick={},
)
