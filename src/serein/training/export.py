"""From a trained model to ONNX."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sklearn.svm import LinearSVC
    from torch import nn

OPSET = 17


def export_network(network: nn.Module, dimensions: int, path: Path) -> None:
    """Write a network as a graph that takes batches of clips of one length, whichever it is."""
    import torch

    features = torch.zeros(2, 100, dimensions)
    with warnings.catch_warnings():
        # The exporter that traces: it needs no further package, and its graphs are plain.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            network.eval(),
            (features, features.clone()),
            str(path),
            input_names=["features", "relative"],
            output_names=["logits", "sex", "embedding", "attention"],
            dynamic_axes={
                "features": {0: "clips", 1: "frames"},
                "relative": {0: "clips", 1: "frames"},
                "logits": {0: "clips"},
                "sex": {0: "clips"},
                "embedding": {0: "clips"},
                "attention": {0: "clips", 1: "steps"},
            },
            opset_version=OPSET,
            dynamo=False,
        )


def export_classifier(model: LinearSVC, dimensions: int, path: Path) -> None:
    """Write a scikit-learn classifier as a graph from ``features`` to margins, ``logits``."""
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
    path.write_bytes(converted.SerializeToString())


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
