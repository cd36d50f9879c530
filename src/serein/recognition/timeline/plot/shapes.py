"""Shapes along the time, in pixels: the waveform, and bands of probability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from serein.recognition.timeline.plot.columns import Bands, Numbers, Outline

_LEAST_PEAK = 0.05  # of full scale, so that hiss does not fill the picture
_LEAST_HEIGHT = 0.6  # pixels to each side, so that silence is a line


@dataclass(frozen=True)
class Shape:
    """Something between two lines; pieces are cut from it.

    Attributes
    ----------
    times
        Seconds, ascending, (moments,).
    upper, lower
        Height of its edges at each, in pixels from above, (moments,).
    """

    times: Numbers
    upper: Numbers
    lower: Numbers

    def between(self, start: float, end: float) -> Numbers:
        """The outline of a piece: seconds and pixels of each point, (points, 2)."""
        inside = self.times[np.searchsorted(self.times, start) : np.searchsorted(self.times, end)]
        times = np.concatenate([[start], inside, [end]])
        upper = np.interp(times, self.times, self.upper)
        lower = np.interp(times, self.times, self.lower)
        there, back = np.column_stack([times, upper]), np.column_stack([times, lower])
        return np.concatenate([there, back[::-1]])


def waveform(outline: Outline, top: float, height: float) -> Shape:
    """The waveform as high as the room for it."""
    peak = max(_LEAST_PEAK, float(np.abs([outline.low, outline.high]).max()))
    scale, middle = height / 2 / peak, top + height / 2
    return Shape(
        outline.times,
        np.minimum(middle - outline.high * scale, middle - _LEAST_HEIGHT),
        np.maximum(middle - outline.low * scale, middle + _LEAST_HEIGHT),
    )


def stacked(bands: Bands, top: float, height: float) -> list[Shape]:
    """The probabilities upon each other, the first class at the top."""
    sums = np.pad(np.cumsum(bands.shares, axis=1), ((0, 0), (1, 0)))
    edges = top + height * np.clip(sums, 0.0, 1.0)
    return [
        Shape(bands.times, edges[:, index], edges[:, index + 1])
        for index in range(len(bands.classes))
    ]
