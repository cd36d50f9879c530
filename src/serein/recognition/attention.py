"""Attention over a whole recording, from that over its pieces, and the moments it rests on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from serein.explanation import Attention, Moment
from serein.features.spectral import FloatArray

HOP = 0.05
"""Seconds from one weight to the next: less than a sound of speech takes."""
MOST_WEIGHTS = 2000
"""A longer recording has a longer hop, in multiples of the shortest."""
SMOOTHED = 0.25
"""Seconds over which attention is averaged before moments are sought, about a syllable."""
PROMINENT = 1.5
"""A moment weighs, all over, at least so many times what it would if all weighed the same."""
LEAST_LENGTH = 0.1  # seconds
LEAST_SHARE = 0.05
MOST_MOMENTS = 3

_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Stretch:
    """What the model attended to in one piece of a recording.

    Attributes
    ----------
    begin, end
        Seconds between which the steps of the weights lie, each as long as the others.
    heard
        Seconds at which the sound ends; steps beyond are padding.
    weights
        Shape (steps,), summing to 1.
    share
        What the piece counts by in the judgement.
    """

    begin: float
    end: float
    heard: float
    weights: FloatArray
    share: float

    @property
    def length(self) -> float:
        """Seconds of sound that it extends over."""
        return min(self.end, self.heard) - self.begin

    def until(self, times: _Floats) -> _Floats:
        """Share of this stretch's attention that lies before each time, from 0 to 1."""
        borders = np.linspace(self.begin, self.end, len(self.weights) + 1)
        summed = np.concatenate([[0.0], np.cumsum(self.weights, dtype=np.float64)])
        total = float(np.interp(self.heard, borders, summed))
        if total <= 0.0:  # all on padding: then nothing in the sound stands out
            borders, summed = np.array([self.begin, self.heard]), np.array([0.0, 1.0])
            total = 1.0
        reached: _Floats = np.interp(np.minimum(times, self.heard), borders, summed) / total
        return reached


def join_attention(stretches: Sequence[Stretch], *, duration: float) -> Attention:
    """Lay the attention over the pieces of a recording on one even grid of time.

    What is between the pieces, and silence that they leave out, has weight zero.

    Parameters
    ----------
    stretches
        At least one.
    duration
        Of the recording, in seconds.
    """
    hop = HOP * max(1, math.ceil(duration / (HOP * MOST_WEIGHTS)))
    count = max(1, math.ceil(round(duration / hop, 6)))
    borders = hop * np.arange(count + 1, dtype=np.float64)
    shares = np.array([stretch.share for stretch in stretches], dtype=np.float64)
    shares = shares / shares.sum() if shares.sum() > 0 else np.full(len(shares), 1 / len(shares))
    weights = np.zeros(count)
    for stretch, share in zip(stretches, shares, strict=True):
        weights += share * np.diff(stretch.until(borders))
    return Attention(hop, tuple((weights / weights.sum()).tolist()))


def find_moments(attention: Attention, *, heard: float, duration: float) -> tuple[Moment, ...]:
    """The stretches of a recording that weigh most, the heaviest first.

    Attention is smoothed over 0.25 s; a moment is where it stays over 1.5 times what it would be
    if all that was heard weighed the same.

    Parameters
    ----------
    heard
        Seconds of the recording that the model heard.
    duration
        Of the recording, in seconds.

    Returns
    -------
    tuple
        Up to three, each of 0.1 s and 5 % of the attention at least.
    """
    weights = np.array(attention.weights)
    width = max(1, round(SMOOTHED / attention.hop))
    even = attention.hop / max(heard, attention.hop)
    prominent = _smoothed(weights, width) >= PROMINENT * even
    edges = np.flatnonzero(np.diff(prominent.astype(np.int8), prepend=0, append=0))
    moments = [
        Moment(
            round(begin * attention.hop, 6),
            round(min(end * attention.hop, duration), 6),
            float(weights[begin:end].sum()),
        )
        for begin, end in list(pairwise(edges.tolist()))[::2]
    ]
    heavy = [
        moment
        for moment in moments
        if moment.share >= LEAST_SHARE and moment.end - moment.start >= LEAST_LENGTH - 1e-6
    ]
    return tuple(sorted(heavy, key=lambda moment: -moment.share)[:MOST_MOMENTS])


def _smoothed(values: _Floats, width: int) -> _Floats:
    """Mean over the neighbours, of which there are fewer at the ends; shape kept."""
    kernel = np.ones(min(width, len(values)))
    total = np.convolve(values, kernel, mode="same")
    counted = np.convolve(np.ones(len(values)), kernel, mode="same")
    mean: _Floats = total / counted
    return mean
