"""What all classical models have in common, whichever library fits them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from serein.features.spectral import FloatArray

if TYPE_CHECKING:
    from onnx import ModelProto

LEAST_PROBABILITY = 1e-6
"""Probabilities are raised to it before their logarithm is taken."""


@dataclass(frozen=True, kw_only=True)
class ClassifierKind:
    """A classical model that recipes can name.

    Attributes
    ----------
    options
        Dataclass of its options.
    chosen
        The option that is a list of values to choose from, by training speakers held out in turn.
    fit
        Called with the options, one of those values, rows of shape (clips, dimensions), float32,
        targets of shape (clips,) and a seed; gives the fitted model. Emotions weigh the same.
    logits
        Called with a model and rows; gives its margins, or its logarithms of probabilities, of
        shape (clips, classes), or (clips,) where two classes share one margin.
    graph
        Called with a model and the number of dimensions; gives the graph from ``features`` to
        ``logits``.
    parameters
        Number of fitted numbers of a model.
    quick
        Options that make it small, to prove the way.
    shortened
        Called with a model and a smaller value of the chosen option, gives the model as it would
        have been fitted with that; None where it has to be fitted anew.
    """

    options: type
    chosen: str
    fit: Callable[[Any, float, FloatArray, Any, int], Any]
    logits: Callable[[Any, FloatArray], FloatArray]
    graph: Callable[[Any, int], ModelProto]
    parameters: Callable[[Any], int]
    quick: Mapping[str, Any]
    shortened: Callable[[Any, float], Any] | None = None

    def models(
        self, options: Any, values: Sequence[float], rows: FloatArray, targets: Any, *, seed: int
    ) -> list[Any]:
        """A fitted model for each of the values, which rise, of the chosen option."""
        if self.shortened is None:
            return [self.fit(options, value, rows, targets, seed) for value in values]
        longest = self.fit(options, values[-1], rows, targets, seed)
        return [self.shortened(longest, value) for value in values]


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep the libraries below scikit-learn to one thread.

    How many there are would show in the last digits, and where other work is waiting for the same
    cores, threads that wait for each other at every split of a tree take forty times as long.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    with threadpool_limits(1):
        yield


def log_probabilities(model: Any, rows: FloatArray) -> FloatArray:
    """Logarithms of a model's probabilities, shape (clips, classes), from ``log(1e-6)`` to 0."""
    # In float32 the smaller of two probabilities, 1 - p, would be lost in rounding.
    with one_thread():
        shares = model.predict_proba(rows.astype(np.float64))
    logarithms: FloatArray = np.log(np.maximum(shares, LEAST_PROBABILITY))
    return logarithms
