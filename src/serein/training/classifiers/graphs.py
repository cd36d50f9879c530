"""Parts of ONNX graphs that classical models are written with.

Trees are written here and not by skl2onnx: its classifier gives the smaller of two probabilities as
one minus the larger, in float32, so that its logarithm is wrong, and it cannot convert histogram
gradient boosting as of version 1.20.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from serein.features.spectral import FloatArray
from serein.training.classifiers.kind import LEAST_PROBABILITY
from serein.training.export import OPSET

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto

_TREE_OPSET = 3
_FORMAT = 8
"""Version of the file format that goes with these sets of operators."""
SCORES = "scores"
"""What a model's own part gives, before it is made logits."""


@dataclass(frozen=True)
class Part:
    """Nodes of a graph in their order, and the constants that they use."""

    nodes: tuple[NodeProto, ...]
    constants: tuple[TensorProto, ...] = ()


@dataclass(frozen=True)
class Tree:
    """A tree in arrays with an entry a node; the first one is the root.

    Attributes
    ----------
    left, right
        Where a clip goes whose feature is at most the threshold, and any other one.
    leaf
        True for a leaf: it has neither sides nor a feature.
    feature, threshold
        What a split asks for.
    values
        What a leaf adds to each output, shape (nodes, outputs).
    """

    left: npt.NDArray[Any]
    right: npt.NDArray[Any]
    leaf: npt.NDArray[np.bool_]
    feature: npt.NDArray[Any]
    threshold: npt.NDArray[np.float64]
    values: npt.NDArray[np.float64]


def tree_sum(trees: Sequence[Tree], base: npt.NDArray[Any]) -> Part:
    """The sum of all trees' leaves and of ``base``, shape (clips, outputs), as ``scores``."""
    from onnx import helper

    sizes = [len(tree.leaf) for tree in trees]
    tree_of = np.repeat(np.arange(len(trees)), sizes)
    node_of = np.concatenate([np.arange(size) for size in sizes])
    leaf = np.concatenate([tree.leaf for tree in trees])
    values = np.concatenate([tree.values for tree in trees])
    # An output to which a leaf adds nothing is left out, but no leaf is without any.
    adds = leaf[:, None] & ((values != 0) | ~(values != 0).any(axis=1, keepdims=True))
    rows, targets = np.nonzero(adds)

    def of_splits(name: str) -> npt.NDArray[Any]:
        joined = np.concatenate([getattr(tree, name) for tree in trees])
        return np.where(leaf, 0, joined)

    node = helper.make_node(
        "TreeEnsembleRegressor",
        ["features"],
        [SCORES],
        domain="ai.onnx.ml",
        n_targets=len(base),
        aggregate_function="SUM",
        post_transform="NONE",
        base_values=_floats(base),
        nodes_treeids=tree_of.tolist(),
        nodes_nodeids=node_of.tolist(),
        nodes_modes=np.where(leaf, "LEAF", "BRANCH_LEQ").tolist(),
        nodes_featureids=of_splits("feature").tolist(),
        nodes_values=_floats(_below(of_splits("threshold"))),
        nodes_truenodeids=of_splits("left").tolist(),
        nodes_falsenodeids=of_splits("right").tolist(),
        target_treeids=tree_of[rows].tolist(),
        target_nodeids=node_of[rows].tolist(),
        target_ids=targets.tolist(),
        target_weights=_floats(values[rows, targets]),
    )
    return Part((node,))


def _below(thresholds: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """The largest float32 at most as high: a float32 is at most it where it was at most the other.

    The nearest one may lie above the threshold, and a feature that equals it would change sides.
    """
    nearest = thresholds.astype(np.float32)
    lower = np.nextafter(nearest, np.float32(-np.inf))
    return np.where(nearest > thresholds, lower, nearest)


def dense_layers(weights: Sequence[FloatArray], biases: Sequence[FloatArray]) -> Part:
    """Affine layers with a rectifier between any two of them, as ``scores``."""
    from onnx import helper, numpy_helper

    nodes, constants = [], []
    value = "features"
    for layer, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        names = (f"weight_{layer}", f"bias_{layer}")
        constants += [
            numpy_helper.from_array(array.astype(np.float32), name)
            for array, name in zip((weight, bias), names, strict=True)
        ]
        last = layer == len(weights) - 1
        affine = SCORES if last else f"affine_{layer}"
        nodes.append(helper.make_node("Gemm", [value, *names], [affine]))
        if not last:
            value = f"rectified_{layer}"
            nodes.append(helper.make_node("Relu", [affine], [value]))
    return Part(tuple(nodes), tuple(constants))


def logarithm() -> Part:
    """``logits`` from ``scores`` that are probabilities."""
    from onnx import helper

    return Part(
        (
            helper.make_node("Max", [SCORES, "least"], ["raised"]),
            helper.make_node("Log", ["raised"], ["logits"]),
        ),
        (_constant("least", LEAST_PROBABILITY),),
    )


def log_softmax(outputs: int) -> Part:
    """``logits`` from ``scores`` that are log-odds: of each class, or one, of the second of two."""
    from onnx import helper

    nodes = [
        helper.make_node("LogSoftmax", [SCORES], ["logarithms"], axis=1),
        helper.make_node("Max", ["logarithms", "least"], ["logits"]),
    ]
    constants = [_constant("least", np.log(LEAST_PROBABILITY))]
    if outputs == 1:
        nodes[0].input[0] = "both"
        nodes.insert(0, helper.make_node("Mul", [SCORES, "sides"], ["both"]))
        constants.append(_constant("sides", [[-0.5, 0.5]]))
    return Part(tuple(nodes), tuple(constants))


def graph_of(parts: Sequence[Part], *, dimensions: int, classes: int) -> ModelProto:
    """A graph from ``features`` of shape (clips, dimensions) to ``logits`` over the classes."""
    from onnx import TensorProto, helper

    shapes = {"features": dimensions, "logits": classes}
    given, found = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["clips", size])
        for name, size in shapes.items()
    )
    graph = helper.make_graph(
        [node for part in parts for node in part.nodes],
        "classifier",
        [given],
        [found],
        [constant for part in parts for constant in part.constants],
    )
    operators = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", _TREE_OPSET)]
    return helper.make_model(
        graph, opset_imports=operators, ir_version=_FORMAT, producer_name="serein"
    )


def _constant(name: str, value: Any) -> TensorProto:
    from onnx import numpy_helper

    return numpy_helper.from_array(np.asarray(value, dtype=np.float32), name)


def _floats(values: npt.NDArray[Any]) -> list[float]:
    return [float(value) for value in np.asarray(values, dtype=np.float32)]
