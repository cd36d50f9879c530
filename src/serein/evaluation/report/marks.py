"""What the figures share: axes, grids, and the marks of the two leaderboards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from serein.bundle import Mode
from serein.evaluation.report.numbers import per_cent, points
from serein.evaluation.report.svg import (
    CARD,
    ENROLLED,
    ENROLLED_SOFT,
    INK,
    MUTED,
    UNKNOWN,
    UNKNOWN_SOFT,
    tip,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 360.0
"""Width of a figure: that of a phone."""

FIFTHS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)

# A leaderboard is told by colour, marker, line and letter, so that none of them is needed alone.
COLOUR: Mapping[Mode, str] = {"unknown": UNKNOWN, "enrolled": ENROLLED}
SOFT_COLOUR: Mapping[Mode, str] = {"unknown": UNKNOWN_SOFT, "enrolled": ENROLLED_SOFT}
MARKER: Mapping[Mode, str] = {"unknown": "o", "enrolled": "D"}
SIZE: Mapping[Mode, float] = {"unknown": 9.5, "enrolled": 8.5}
LETTER: Mapping[Mode, str] = {"unknown": "U", "enrolled": "E"}
STROKE: Mapping[Mode, str] = {"unknown": "-", "enrolled": "--"}


@dataclass(frozen=True)
class Dot:
    """A score, or a difference of two, and the interval around it."""

    value: float
    interval: Sequence[float] | None = None

    def said(self, *, signed: bool = False) -> str:
        """As a reader is told: ``47.8 (45.0 to 51.2)``."""
        number = points if signed else per_cent
        if self.interval is None:
            return number(self.value)
        low, high = self.interval
        return f"{number(self.value)} ({number(low)} to {number(high)})"


@dataclass(frozen=True)
class Row:
    """A name, its dots by leaderboard, and what guessing would get."""

    name: str
    dots: Mapping[Mode, Dot]
    chance: float | None = None

    def said(self, *, signed: bool = False) -> str:
        """As a reader is told who cannot see the figure."""
        parts = [f"{LETTER[mode]} {dot.said(signed=signed)}" for mode, dot in self.dots.items()]
        return f"{self.name}: {', '.join(parts)}"


def add_axes(figure: Figure, left: float, right: float, top: float, bottom: float) -> Axes:
    """Axes that keep these distances from the edges."""
    width, height = (72 * inches for inches in figure.get_size_inches())
    axes = figure.add_axes(
        (left / width, bottom / height, 1 - (left + right) / width, 1 - (top + bottom) / height)
    )
    axes.set_axisbelow(True)
    return axes


def keep_sides(axes: Axes, *kept: str) -> None:
    """Take away the frame but for these sides."""
    for side, spine in axes.spines.items():
        spine.set_visible(side in kept)


def rows_axis(axes: Axes, height: float) -> None:
    """Rows from the top down, on an axis from 0 to 100 %."""
    axes.set(xlim=(0, 1), ylim=(height, 0))
    axes.set_xticks(FIFTHS, [f"{100 * tick:g}" for tick in FIFTHS])
    axes.set_yticks([])
    axes.grid(axis="x")
    keep_sides(axes)


def square_axes(axes: Axes, upward: str) -> None:
    """An axis from 0 to 100 % to the right, and per cent upwards."""
    axes.set_xlim(0, 1)
    axes.set_xticks(FIFTHS, ["", "20", "40", "60", "80", "100 %"])
    highest = axes.get_ylim()[1]
    ticks = [tick for tick in axes.get_yticks() if 0 <= tick <= highest + 1e-9]
    axes.set_yticks(ticks, [f"{100 * tick:g}" for tick in ticks])
    # At a fixed place, whatever font the numbers beside it are shown in.
    axes.annotate(
        upward,
        (0, 0.5),
        xycoords="axes fraction",
        xytext=(-37, 0),
        textcoords="offset points",
        rotation=90,
        horizontalalignment="center",
        verticalalignment="center",
        color=MUTED,
    )
    axes.grid(axis="y")
    keep_sides(axes, "bottom")


def add_dot(
    axes: Axes, height: float, mode: Mode, dot: Dot, of: str, *, signed: bool = False
) -> None:
    """A mark with its interval, and its number on the side where there is room."""
    low, high = dot.interval or (dot.value, dot.value)
    axes.plot([low, high], [height] * 2, color=COLOUR[mode], linewidth=2.4, solid_capstyle="round")
    (mark,) = axes.plot(
        dot.value,
        height,
        MARKER[mode],
        markersize=SIZE[mode],
        color=COLOUR[mode],
        markeredgecolor=CARD,
        markeredgewidth=1.2,
        clip_on=False,
        zorder=3,
    )
    tip(mark, f"{of}, {LETTER[mode]}: {dot.said(signed=signed)}")
    left, right = axes.get_xlim()
    crowded = max(high, dot.value) + 0.2 * (right - left) > right
    leftwards = dot.value < 0 if signed else crowded  # a difference is told away from nought
    axes.annotate(
        f"{LETTER[mode]} {points(dot.value) if signed else per_cent(dot.value)}",
        (min(low, dot.value) if leftwards else max(high, dot.value), height),
        xytext=(-9 if leftwards else 9, 0),
        textcoords="offset points",
        horizontalalignment="right" if leftwards else "left",
        verticalalignment="center_baseline",
        color=INK,
    )
