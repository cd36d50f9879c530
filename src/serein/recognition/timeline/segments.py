"""From overlapping windows to what a person reads: blended, smoothed, merged, without silence."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from serein.audio import Thresholds
from serein.labels import SEXES
from serein.recognition.timeline.engine import named
from serein.recognition.timeline.results import Window, Windows
from serein.results import most_probable

CELL = 0.25  # seconds: grid on which windows are blended
CHANGE = 0.5
"""Seconds that a change of label must make more of a segment right, by the probabilities."""
SPEECH = Thresholds().speech_probability
"""Probability under which nobody speaks."""
SHORTEST = 0.05
"""Seconds; what the windows leave of a phrase that is known otherwise is a segment from here on."""

Numbers = npt.NDArray[np.float32]
Spans = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Blend:
    """What the windows say of each moment.

    Attributes
    ----------
    speech
        Probability of speech in each cell, (cells,); 0 where no window lies.
    shares
        Probabilities of the labels, then of the sexes, (cells, labels + 2); nan where there are
        none.
    """

    speech: Numbers
    shares: Numbers


def blend(windows: Windows, chosen: npt.NDArray[np.bool_] | None = None) -> Blend:
    """Average the windows around each moment, the nearer the more.

    A window weighs by a raised cosine (Hann) of the distance of its centre from the moment, which
    falls to zero a whole window away. So a moment is told by the windows that hold it, and a
    little by those beside it, which smooths what is left of their differences.

    Parameters
    ----------
    windows
        In the order of time.
    chosen
        Which of them count, bool (n,); all by default.
    """
    kept = np.ones(len(windows), dtype=bool) if chosen is None else chosen
    starts, ends = windows.starts[kept], windows.ends[kept]
    labels = len(windows.labels)
    # What is averaged over all windows, and what over those in which somebody speaks.
    rows = np.ones((len(starts), 3 + labels + len(SEXES)), dtype=np.float32)
    rows[:, 1] = windows.speech[kept]
    rows[:, 3 : 3 + labels] = windows.probabilities[kept]
    rows[:, 3 + labels :] = windows.sex[kept]
    rows[np.isnan(rows[:, 3]), 2:] = 0.0
    cells = int(np.ceil(ends.max() / CELL)) if len(ends) else 0
    sums = np.zeros((cells, rows.shape[1]), dtype=np.float32)
    # No window is too short to be seen on the grid.
    centres, widths = (starts + ends) / 2, np.maximum(ends - starts, CELL)
    first = np.floor((centres - widths) / CELL).astype(int)
    for offset in range(int(np.ceil(2 * widths.max(initial=0.0) / CELL)) + 1):
        cell = first + offset
        distance = np.abs((cell + 0.5) * CELL - centres) / widths
        near = (distance < 1) & (cell >= 0) & (cell < cells)
        weight = (0.5 + 0.5 * np.cos(np.pi * distance[near])).astype(np.float32)
        np.add.at(sums, cell[near], weight[:, np.newaxis] * rows[near])
    with np.errstate(invalid="ignore"):
        speech = np.where(_covered(starts, ends, cells), sums[:, 1] / sums[:, 0], 0.0)
        sums[:, 3:] /= sums[:, 2:3]  # in place, as it is most of what a long recording takes
        return Blend(speech.astype(np.float32), sums[:, 3:])


def _covered(
    starts: npt.NDArray[np.float64], ends: npt.NDArray[np.float64], cells: int
) -> npt.NDArray[np.bool_]:
    """In which cells a window lies, (cells,)."""
    edges = np.zeros(cells + 1, dtype=int)
    np.add.at(edges, np.floor(starts / CELL).astype(int), 1)
    np.add.at(edges, np.ceil(ends / CELL).astype(int), -1)
    covered: npt.NDArray[np.bool_] = np.cumsum(edges[:cells]) > 0
    return covered


def segments_of(
    windows: Windows,
    spoken: Mapping[str | None, Spans],
    *,
    duration: float,
    minimum_confidence: float,
    shortest: float,
) -> list[Window]:
    """Put windows together to segments.

    Parameters
    ----------
    windows
        In the order of time.
    spoken
        For each speaker the seconds in which somebody speaks, as far as is known beside the
        windows; in the order of time and apart from each other.
    duration
        Seconds of the whole recording.
    minimum_confidence
        What a segment's label needs to be decided.
    shortest
        Seconds that it needs for that.
    """
    last = math.floor(1000 * duration) / 1000  # as times are rounded to milliseconds
    found: list[Window] = []
    for name in sorted(set(windows.speakers.tolist())):
        speaker = None if name < 0 else windows.names[name]
        blended = blend(windows, windows.speakers == name)
        for start, end in _heard(blended, spoken[speaker], last):
            for segment in _run(windows, blended, start, end):
                sure = (segment.confidence or 0.0) >= minimum_confidence
                decided = sure and segment.duration >= shortest
                found.append(replace(segment, decided=decided, speaker=speaker))
    return sorted(found, key=lambda segment: (segment.start, segment.end))


def merged(spans: Spans) -> list[tuple[float, float]]:
    """Spans in the order of time, those that touch or overlap as one."""
    found: list[tuple[float, float]] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def _heard(blended: Blend, spoken: Spans, last: float) -> Iterator[tuple[float, float]]:
    """Where somebody speaks by the windows and by what else is known."""
    speaks = (blended.speech >= SPEECH) & ~np.isnan(blended.shares[:, 0])
    edges = np.flatnonzero(np.diff(speaks, prepend=False, append=False)) * CELL
    starts, ends = [start for start, _ in spoken], [end for _, end in spoken]
    for begin, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        first, behind = bisect_right(ends, begin), bisect_left(starts, end)
        # What only the model takes for speech, a whisper for example, is not silence.
        for start, stop in spoken[first:behind] or [(begin, end)]:
            heard = max(begin, start), min(end, stop, last)
            if heard[1] - heard[0] >= SHORTEST:
                yield heard


def most_likely_path(shares: Numbers, change: float) -> npt.NDArray[np.intp]:
    """The labels that are right for the longest time, where each change of label costs something.

    Of all paths it is the one with the largest sum of probabilities less `change` for every
    change (dynamic programming, A. Viterbi, IEEE Trans. Information Theory 13(2), 1967, with
    gains instead of logarithms).

    Parameters
    ----------
    shares
        Probabilities, (cells, labels), cells > 0, times the seconds for which they hold.
    change
        Cost of a change in seconds.

    Returns
    -------
    labels
        Index of the label of each cell, (cells,).
    """
    count = len(shares)
    came_from = np.empty(shares.shape, dtype=np.int16)
    stay = np.arange(shares.shape[1])
    gains = shares[0].astype(np.float64)
    for cell in range(1, count):
        best = int(gains.argmax())
        changed = gains[best] - change > gains
        came_from[cell] = np.where(changed, best, stay)
        gains = np.where(changed, gains[best] - change, gains) + shares[cell]
    path = np.empty(count, dtype=np.intp)
    path[-1] = gains.argmax()
    for cell in range(count - 1, 0, -1):
        path[cell - 1] = came_from[cell, path[cell]]
    return path


def _run(windows: Windows, blended: Blend, start: float, end: float) -> Iterator[Window]:
    """The segments of a stretch in which somebody speaks all the time."""
    cells, seconds = _cells(start, end)
    shares = blended.shares[cells, : len(windows.labels)] * seconds[:, np.newaxis]
    edges = (cells.start + 1 + np.flatnonzero(np.diff(most_likely_path(shares, CHANGE)))) * CELL
    for begin, stop in pairwise([start, *edges.tolist(), end]):
        yield _segment(windows, blended, begin, stop)


def _cells(start: float, end: float) -> tuple[slice, Numbers]:
    """The cells in which a stretch lies, and the seconds of each that are in it."""
    first, last = int(start / CELL), int(np.ceil(end / CELL))
    seconds = np.diff(np.clip(np.arange(first, last + 1) * CELL, start, end))
    return slice(first, last), seconds.astype(np.float32)


def _segment(windows: Windows, blended: Blend, start: float, end: float) -> Window:
    cells, seconds = _cells(start, end)
    shares = np.average(blended.shares[cells], axis=0, weights=seconds)
    sex = shares[len(windows.labels) :]
    probabilities = named(windows.labels, shares[: len(windows.labels)])
    label, confidence = most_probable(probabilities)
    return Window(
        start=round(start, 3),
        end=round(end, 3),
        speech=float(np.average(blended.speech[cells], weights=seconds)),
        label=label,
        confidence=confidence,
        probabilities=probabilities,
        sex=None if np.isnan(sex).any() else named(SEXES, sex),
        label_set=windows.label_set,
    )
