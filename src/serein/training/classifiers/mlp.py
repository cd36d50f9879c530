"""A multilayer perceptron: affine layers with rectifiers between them.

Source: Rumelhart, Hinton & Williams, "Learning representations by back-propagating errors", Nature
323, 1986; trained by Adam (Kingma & Ba, ICLR 2015).
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from serein.errors import ArgumentInvalid
from serein.features.spectral import FloatArray
from serein.training.classifiers.graphs import dense_layers, graph_of, log_softmax
from serein.training.classifiers.kind import ClassifierKind, log_probabilities, one_thread

if TYPE_CHECKING:
    from onnx import ModelProto
    from sklearn.neural_network import MLPClassifier


@dataclass(frozen=True, kw_only=True)
class MlpOptions:
    """Options of the perceptron.

    Attributes
    ----------
    weight_decay
        Values to choose from: weight of the squared weights in the loss.
    hidden
        Units of each hidden layer.
    epochs
        Passes over the clips; there is no early end.
    batch_size
        Clips in a batch.
    learning_rate
        Of Adam.
    """

    weight_decay: tuple[float, ...]
    hidden: tuple[int, ...] = (256,)
    epochs: int = 20
    batch_size: int = 64
    learning_rate: float = 1e-3

    def __post_init__(self) -> None:
        if not self.weight_decay or not all(0 <= value < math.inf for value in self.weight_decay):
            raise ArgumentInvalid("weight_decay needs one or more numbers of at least 0")
        if not self.hidden or min(self.hidden) < 1:
            raise ArgumentInvalid("hidden needs one or more numbers of at least 1")
        if self.epochs < 1 or self.batch_size < 1:
            raise ArgumentInvalid("epochs and batch_size must be at least 1")
        if not 0 < self.learning_rate < math.inf:
            raise ArgumentInvalid("learning_rate must be above 0")


def _fit(
    options: MlpOptions, weight_decay: float, rows: FloatArray, targets: Any, seed: int
) -> MLPClassifier:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier
    from sklearn.utils.class_weight import compute_sample_weight

    model = MLPClassifier(
        options.hidden,
        alpha=weight_decay,
        batch_size=min(options.batch_size, len(rows)),
        learning_rate_init=options.learning_rate,
        max_iter=options.epochs,
        # Every epoch is run: its own early end would look at clips of speakers it is trained on.
        early_stopping=False,
        n_iter_no_change=options.epochs,
        tol=0.0,
        random_state=seed,
    )
    with one_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it is stopped after its epochs
        return model.fit(rows, targets, compute_sample_weight("balanced", targets))


def _graph(model: MLPClassifier, dimensions: int) -> ModelProto:
    layers = dense_layers(model.coefs_, model.intercepts_)
    parts = [layers, log_softmax(model.n_outputs_)]
    return graph_of(parts, dimensions=dimensions, classes=len(model.classes_))


def _parameters(model: MLPClassifier) -> int:
    return sum(array.size for array in (*model.coefs_, *model.intercepts_))


MLP = ClassifierKind(
    options=MlpOptions,
    chosen="weight_decay",
    fit=_fit,
    logits=log_probabilities,
    graph=_graph,
    parameters=_parameters,
    quick={"epochs": 5, "weight_decay": [1.0]},
)
