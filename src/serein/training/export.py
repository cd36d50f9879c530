"""From a trained model to ONNX."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serein.features import FeatureSpec

if TYPE_CHECKING:
    from torch import nn

    from serein.training.classifiers import ClassifierKind

OPSET = 17
OUTPUTS: tuple[str, ...] = (
    *("logits", "sex", "speech"),
    *("embedding", "attention", "description"),
)
"""What a graph may give, in this order; what else a network gives serves its training."""
_TRACED_FRAMES = 100


def export_network(network: nn.Module, features: FeatureSpec, path: Path) -> None:
    """Write a network as a graph that takes batches of clips.

    The clips of a batch have one length: that of the specification, or whichever it is. Where the
    features are ``masked`` there is an input ``lengths``, and what lies beyond is padding.

    Parameters
    ----------
    features
        What the network was built for.
    """
    import torch

    frames = features.padded_frames or _TRACED_FRAMES
    inputs = {"features": torch.zeros(2, frames, features.dimensions)}
    if features.masked:
        inputs["lengths"] = torch.tensor([frames, frames // 2])
    with torch.no_grad():
        given = network.eval()(**inputs)
        if "description" in given:  # the speaker is known by it
            inputs["center"] = torch.zeros_like(given["description"])
            inputs["scale"] = inputs["center"].clone()
            inputs["level"] = torch.zeros(2)
    outputs = [name for name in OUTPUTS if name in given]
    axes = {name: {0: "clips"} for name in (*inputs, *outputs)}
    if not features.padded_frames:
        axes["features"][1] = "frames"
    if "attention" in outputs:
        axes["attention"][1] = "steps"
    with warnings.catch_warnings():
        # The exporter that traces: it needs no further package, and its graphs are plain.
        warnings.simplefilter("ignore", DeprecationWarning)
        # It fears for the recurrent layers' checks of sizes, which hold for every batch, and for
        # their first states, whose size here follows the batch.
        warnings.filterwarnings("ignore", message="Converting a tensor to a Python boolean")
        warnings.filterwarnings("ignore", message="Exporting a model to ONNX with a batch_size")
        torch.onnx.export(
            _graph(network, list(inputs), outputs),
            tuple(inputs.values()),
            str(path),
            input_names=list(inputs),
            output_names=outputs,
            dynamic_axes={name: axes[name] for name in (*inputs, *outputs)},
            opset_version=OPSET,
            dynamo=False,
        )


def _graph(network: nn.Module, inputs: Sequence[str], outputs: Sequence[str]) -> nn.Module:
    """The network with its inputs and outputs in this order, as a graph has them."""
    from torch import Tensor, nn

    class Ordered(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, *values: Tensor) -> tuple[Tensor, ...]:
            found = self.network(**dict(zip(inputs, values, strict=True)))
            return tuple(found[name] for name in outputs)

    return Ordered().eval()


def export_classifier(kind: ClassifierKind, model: Any, dimensions: int, path: Path) -> None:
    """Write a fitted classical model as a graph from ``features`` to ``logits``."""
    path.write_bytes(kind.graph(model, dimensions).SerializeToString())
