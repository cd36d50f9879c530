"""Figures of scores. Each is as wide as a phone and readable at that size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from serein.bundle import Mode
from serein.drawing import shortened
from serein.evaluation.report.marks import (
    COLOUR,
    LETTER,
    MARKER,
    SIZE,
    WIDTH,
    Row,
    add_axes,
    add_dot,
    keep_sides,
    rows_axis,
)
from serein.evaluation.report.numbers import per_cent, points, whole
from serein.evaluation.report.svg import CARD, ENROLLED, INK, MUTED, UNKNOWN, draw, tip

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_HEADING = 20.0  # the line that names a row
_DOT = 19.0
_GAP = 9.0
_AXIS = 24.0


def hundred(scores: Mapping[Mode, float], chance: float, *, name: str, label: str) -> str:
    """A hundred clips as marks: recognised, recognised where the voice is known, and not.

    A dashed line goes round as many as guessing would get.
    """
    unknown, enrolled = (int(whole(scores[mode])) for mode in ("unknown", "enrolled"))
    guessed = int(whole(chance))

    def paint(figure: Figure) -> None:
        axes = add_axes(figure, 4, 4, 4, 4)
        axes.set(xlim=(-0.6, 9.6), ylim=(9.6, -0.6))
        axes.axis("off")
        groups: tuple[tuple[range, dict[str, Any]], ...] = (
            (range(unknown), {"marker": "o", "markersize": 13.5, "color": UNKNOWN}),
            (range(unknown, enrolled), {"marker": "D", "markersize": 11, "color": ENROLLED}),
            (
                range(max(unknown, enrolled), 100),
                {"marker": "o", "markersize": 11, "color": "none", "markeredgecolor": MUTED},
            ),
        )
        for numbers, marks in groups:
            across, down = [one % 10 for one in numbers], [one // 10 for one in numbers]
            axes.plot(across, down, linestyle="none", **marks)
        axes.plot(*_outline(guessed), color=INK, linestyle=(0, (3, 2.5)), linewidth=1.4)

    return draw(paint, width=260, height=260, name=name, label=label)


def _outline(number: int) -> tuple[list[float], list[float]]:
    """The line round the first marks of a hundred, ten in a row: across and down."""
    full, rest = divmod(number, 10)
    right = 9.5 if full else rest - 0.5
    bottom = full + 0.5 if rest else full - 0.5
    across, down = [-0.5, right, right], [-0.5, -0.5, full - 0.5 if full else bottom]
    if full and rest:
        across += [rest - 0.5, rest - 0.5]
        down += [full - 0.5, bottom]
    return [*across, -0.5, -0.5], [*down, bottom, -0.5]


def dots(rows: Sequence[Row], *, name: str, label: str) -> str:
    """Scores with their intervals, row below row, on an axis from 0 to 100 %.

    A dashed line stands where guessing would be.
    """
    tops, height = _tops(rows)

    def paint(figure: Figure) -> None:
        axes = add_axes(figure, 8, 16, 2, _AXIS)
        rows_axis(axes, height)
        for top, row in zip(tops, rows, strict=True):
            axes.text(0, top + 13, shortened(row.name), fontweight="semibold")
            if row.chance is not None:
                ends = [top + _HEADING - 1, top + _HEADING + _DOT * len(row.dots)]
                dashes = (0, (2.5, 2))
                axes.plot([row.chance] * 2, ends, color=MUTED, linestyle=dashes, linewidth=1.5)
            for place, (mode, dot) in enumerate(row.dots.items()):
                add_dot(axes, top + _HEADING + _DOT * (place + 0.5), mode, dot, row.name)

    spoken = "; ".join(row.said() for row in rows)
    return draw(
        paint, width=WIDTH, height=height + _AXIS + 2, name=name, label=f"{label}. {spoken}"
    )


def differences(rows: Sequence[Row], *, name: str, label: str) -> str:
    """Differences with their intervals around a line at nought, in points."""
    tops, height = _tops(rows)
    held = [dot for row in rows for dot in row.dots.values()]
    farthest = max(abs(end) for dot in held for end in (dot.value, *(dot.interval or ())))
    step = 0.1 if farthest > 0.1 else 0.02
    most = step * (int(farthest * 1.7 / step) + 1)

    def paint(figure: Figure) -> None:
        axes = add_axes(figure, 18, 18, 2, _AXIS)
        axes.set(xlim=(-most, most), ylim=(height, 0), yticks=[])
        ticks = [-most, -most / 2, 0.0, most / 2, most]
        axes.set_xticks(ticks, [points(tick, 0) for tick in ticks])
        axes.grid(axis="x")
        keep_sides(axes)
        for top, row in zip(tops, rows, strict=True):
            axes.text(-most, top + 13, shortened(row.name), fontweight="semibold")
            ends = [top + _HEADING - 2, top + _HEADING + _DOT * len(row.dots) + 2]
            axes.plot([0, 0], ends, color=INK, linewidth=1.4)
            for place, (mode, dot) in enumerate(row.dots.items()):
                y = top + _HEADING + _DOT * (place + 0.5)
                add_dot(axes, y, mode, dot, row.name, signed=True)

    spoken = "; ".join(row.said(signed=True) for row in rows)
    return draw(
        paint, width=WIDTH, height=height + _AXIS + 2, name=name, label=f"{label}. {spoken}"
    )


def strip(scores: Mapping[Mode, Mapping[str, float]], *, name: str, label: str) -> str:
    """Every fold's score as a mark, on a line for each leaderboard."""

    def paint(figure: Figure) -> None:
        axes = add_axes(figure, 24, 16, 4, _AXIS)
        rows_axis(axes, 68)
        for place, (mode, folds) in enumerate(scores.items()):
            y = 18 + 32 * place
            axes.plot([0, 1], [y, y], color=MUTED, linewidth=0.6)
            axes.annotate(
                LETTER[mode],
                (0, y),
                xytext=(-14, 0),
                textcoords="offset points",
                color=COLOUR[mode],
                fontweight="bold",
                verticalalignment="center_baseline",
            )
            for fold, value in folds.items():
                (mark,) = axes.plot(
                    value,
                    y,
                    MARKER[mode],
                    markersize=SIZE[mode] + 1,
                    color=COLOUR[mode],
                    markeredgecolor=CARD,
                    markeredgewidth=1.0,
                    alpha=0.85,
                    clip_on=False,
                )
                tip(mark, f"fold {fold}, {LETTER[mode]}: {per_cent(value)}")

    spoken = "; ".join(
        f"{LETTER[mode]} from {per_cent(min(folds.values()))} to {per_cent(max(folds.values()))}"
        for mode, folds in scores.items()
    )
    return draw(paint, width=WIDTH, height=72 + _AXIS, name=name, label=f"{label}. {spoken}")


def _tops(rows: Sequence[Row]) -> tuple[list[float], float]:
    """Where each row begins, and where the last one ends."""
    tops = [0.0]
    for row in rows:
        tops.append(tops[-1] + _HEADING + _DOT * len(row.dots) + _GAP)
    return tops[:-1], tops[-1]
