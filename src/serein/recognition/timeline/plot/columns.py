"""What a picture of a timeline shows, in so many numbers as it has room for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from serein.labels import SEXES, regroup
from serein.recognition.timeline.formats.entries import classes_of
from serein.recognition.timeline.results import Timeline
from serein.recognition.timeline.segments import CELL, blend

MOMENTS = 1500
"""Moments of a waveform that a picture tells apart, whatever the duration."""
COLUMNS = 320
"""Moments whose colours it tells apart: of the segments, if there are many, and of the bands."""
MOST_PARTS = 500
"""Segments that are drawn one by one; more of them would be too narrow to be seen."""

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Part:
    """A stretch of a recording that is drawn in one colour: a segment, or what many are mostly.

    Attributes
    ----------
    start, end
        Seconds.
    label
        The emotion, or the class of a view.
    decided
        Whether the label can be relied upon.
    confidence
        Its probability; None for what stands for several segments.
    speaker
        Who speaks, or None.
    """

    start: float
    end: float
    label: str
    decided: bool
    confidence: float | None = None
    speaker: str | None = None


@dataclass(frozen=True)
class Outline:
    """The waveform: lowest and highest sample around each moment; all three (moments,)."""

    times: Numbers
    low: Numbers
    high: Numbers


@dataclass(frozen=True)
class Bands:
    """Probabilities over time.

    Attributes
    ----------
    classes
        The model's labels, or the classes of a view.
    times
        Seconds, ascending, (moments,).
    shares
        Probability of each class at each time, (moments, classes).
    """

    classes: tuple[str, ...]
    times: Numbers
    shares: Numbers


def parts_of(timeline: Timeline, view: str | None) -> list[Part]:
    """The segments in which somebody speaks, judged in a view."""
    found = []
    for one in timeline.segments:
        judged = one.view(view or "all")
        if judged is None or one.end <= one.start:
            continue
        label, confidence = judged.label, judged.confidence
        found.append(Part(one.start, one.end, label, one.decided, confidence, one.speaker))
    return found


def condensed(parts: Sequence[Part], duration: float) -> list[Part]:
    """The same parts, or where there are too many to be seen, what most of each column is.

    Parameters
    ----------
    parts
        In any order; they may overlap.
    duration
        Seconds of the recording, over 0.
    """
    if len(parts) <= MOST_PARTS:
        return list(parts)
    edges = np.linspace(0, duration, COLUMNS + 1)
    kinds = sorted({(part.label, part.decided) for part in parts})
    seconds = np.array(
        [
            _held([part for part in parts if (part.label, part.decided) == kind], edges)
            for kind in kinds
        ]
    )
    best = np.where(seconds.max(axis=0) > 1e-6, seconds.argmax(axis=0), -1)
    bounds = [0, *(np.flatnonzero(np.diff(best)) + 1).tolist(), COLUMNS]
    return [
        Part(float(edges[first]), float(edges[last]), *kinds[best[first]])
        for first, last in pairwise(bounds)
        if best[first] >= 0
    ]


def _held(parts: Sequence[Part], edges: Numbers) -> Numbers:
    """Seconds of the parts in each column."""
    sums = np.zeros(len(edges))
    for sign, times in ((1, [part.start for part in parts]), (-1, [part.end for part in parts])):
        ordered = np.sort(times)
        before = np.searchsorted(ordered, edges)
        sums += sign * (before * edges - np.concatenate([[0.0], np.cumsum(ordered)])[before])
    return np.diff(sums)


def runs_of(parts: Sequence[Part], duration: float) -> list[tuple[float, float]]:
    """Where somebody speaks: stretches apart from each other by what can be seen."""
    found: list[tuple[float, float]] = []
    for part in sorted(parts, key=lambda part: part.start):
        if found and part.start <= found[-1][1] + duration / MOMENTS:
            found[-1] = found[-1][0], max(found[-1][1], part.end)
        else:
            found.append((part.start, part.end))
    return found


def gaps_between(runs: Sequence[tuple[float, float]], duration: float) -> list[tuple[float, float]]:
    """Where nobody speaks, as far as it can be seen."""
    starts = [0.0, *(end for _, end in runs)]
    ends = [*(start for start, _ in runs), duration]
    return [
        (start, end)
        for start, end in zip(starts, ends, strict=True)
        if end - start > duration / MOMENTS
    ]


def outline_of(timeline: Timeline) -> Outline:
    """The waveform in as many stretches as there is room for."""
    waveform = np.nan_to_num(timeline.waveform.astype(np.float64).reshape(-1, 2))
    if not len(waveform):
        waveform = np.zeros((1, 2))
    count = len(waveform)
    firsts = np.arange(0, count, -(-count // MOMENTS))
    middles = (firsts + np.append(firsts[1:], count)) / 2
    low = np.minimum.reduceat(waveform[:, 0], firsts)
    high = np.maximum.reduceat(waveform[:, 1], firsts)
    return Outline(middles / count * timeline.duration, low, high)


def bands_of(timeline: Timeline, view: str | None) -> Bands:
    """The probabilities as the segments were made from them: of all windows blended.

    Raises
    ------
    ArgumentInvalid
        See :func:`serein.labels.regroup`.
    """
    blended = blend(timeline.windows).shares.astype(np.float64)
    times = (np.arange(len(blended), dtype=np.float64) + 0.5) * CELL
    judged = ~np.isnan(blended[:, : len(timeline.labels)]).any(axis=1)
    times, blended = _pooled(times[judged], blended[judged])
    rows = [_in_view(timeline, row, view) for row in blended]
    classes = classes_of(timeline, view)
    shares = np.array([list(row.values()) for row in rows]).reshape(-1, len(classes))
    return Bands(classes, times, shares)


def _pooled(times: Numbers, rows: Numbers) -> tuple[Numbers, Numbers]:
    """Means of so many neighbours that no more are left than there is room for."""
    if not len(times):
        return times, rows
    firsts = np.arange(0, len(times), -(-len(times) // COLUMNS))
    counts = np.diff(np.append(firsts, len(times)))
    return (
        np.add.reduceat(times, firsts) / counts,
        np.add.reduceat(rows, firsts) / counts[:, np.newaxis],
    )


def _in_view(timeline: Timeline, row: Numbers, view: str | None) -> dict[str, float]:
    shares = dict(zip(timeline.labels, row[: len(timeline.labels)].tolist(), strict=True))
    sexes = row[len(timeline.labels) :]
    sex = (
        None
        if np.isnan(sexes).any()
        else dict(zip(SEXES, (sexes / sexes.sum()).tolist(), strict=True))
    )
    label_set = timeline.windows.label_set
    return dict(regroup(shares, view or "all", sex=sex, trained_on=label_set)[0])
