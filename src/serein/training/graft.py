"""A new head in the place of a graph's old one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from serein.training.logistic import Affine

if TYPE_CHECKING:
    from onnx import ModelProto

LOGITS = "logits"
EMBEDDING = "embedding"


def graft(source: Path, head: Affine, target: Path) -> None:
    """Write a graph whose logits come from its embedding and its own former logits.

    All other outputs stay as they are.

    Parameters
    ----------
    source
        A graph with the outputs ``logits`` and ``embedding``.
    head
        Takes the embedding and the former logits, one behind the other.
    target
        File of the new graph.
    """
    import onnx

    model = onnx.load(str(source))
    _graft(model, head)
    onnx.checker.check_model(model)
    target.write_bytes(model.SerializeToString(deterministic=True))


def _graft(model: ModelProto, head: Affine) -> None:
    from onnx import helper, numpy_helper

    graph = model.graph
    former, joined, weights, bias = _new_names(
        model, "former_logits", "head_inputs", "head_weights", "head_bias"
    )
    for node in graph.node:
        node.output[:] = [former if name == LOGITS else name for name in node.output]
        node.input[:] = [former if name == LOGITS else name for name in node.input]
    graph.initializer.extend(
        numpy_helper.from_array(values.astype(np.float32), name)
        for values, name in ((head.weights, weights), (head.bias, bias))
    )
    graph.node.extend(
        [
            helper.make_node("Concat", [EMBEDDING, former], [joined], axis=1),
            helper.make_node("Gemm", [joined, weights, bias], [LOGITS]),
        ]
    )
    (output,) = (one for one in graph.output if one.name == LOGITS)
    output.type.tensor_type.shape.dim[1].dim_value = len(head.bias)


def _new_names(model: ModelProto, *wanted: str) -> list[str]:
    """Names that the graph does not use yet: it may have been grafted before."""
    graph: Any = model.graph
    taken = {one.name for one in (*graph.initializer, *graph.input, *graph.output)}
    taken.update(name for node in graph.node for name in (*node.input, *node.output))
    number = 1
    while any(f"{name}_{number}" in taken for name in wanted):
        number += 1
    return [f"{name}_{number}" for name in wanted]
