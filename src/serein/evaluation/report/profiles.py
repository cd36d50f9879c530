"""What a profile gains by the number of its clips: the section, its sentences and its figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from serein.evaluation.report.marks import WIDTH, add_axes, keep_sides
from serein.evaluation.report.numbers import points, points_between, some
from serein.evaluation.report.svg import CARD, ENROLLED, ENROLLED_SOFT, UNKNOWN, draw, tip

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Point = Mapping[str, Any]

_STEP = 0.05  # between the lines of the grid
_ROOM = 0.01  # above and below the curves


def section(outcome: Mapping[str, Any]) -> dict[str, Any]:
    """All that the template shows of a measuring of enrolment."""
    curves = _curves(outcome)
    ends = _ends([point for _, curve in curves for point in curve])
    return {
        "said": said(outcome),
        "draws": outcome["draws"],
        "clips": outcome["clips"],
        "charts": [
            {"name": name, "chart": _chart(curve, ends, name=f"profile-{number}", of=name)}
            for number, (name, curve) in enumerate(curves)
        ],
        "curves": curves,
        "names": [_clips(point) for point in outcome["points"]],
    }


def said(outcome: Mapping[str, Any]) -> list[str]:
    """What a profile gains, and whether it ever harms."""
    curves = _curves(outcome)
    name, mean = curves[-1]
    gains = [f"with {_said_clips(point)} {points(point['gain'])}" for point in (mean[0], mean[-1])]
    found = [f"{name}: {' points of UAR, '.join(gains)} points."]
    below = {
        f"{name} with {_said_clips(point)} ({points(point['gain'])})": _is_harm(point)
        for name, curve in curves
        for point in curve
        if point["gain"] < 0
    }
    if harms := [told for told, surely in below.items() if surely]:
        found.append(f"It harms by more than chance explains: {', '.join(harms)}.")
    else:
        found.append("With no number of clips does it harm by more than chance explains.")
    if perhaps := [told for told, surely in below.items() if not surely]:
        found.append(f"Under U, which may be chance: {', '.join(perhaps)}.")
    return found


def _is_harm(point: Point) -> bool:
    """Whether the whole interval of the gain lies under nought."""
    interval = point["gain_interval"]
    return interval is not None and interval[1] < 0


def _curves(outcome: Mapping[str, Any]) -> list[tuple[str, list[Point]]]:
    """The points of each corpus, and last of their mean where there are several."""
    shared = outcome["points"]
    curves: list[tuple[str, list[Point]]] = [
        (name, [{"clips": point["clips"], **point["corpora"][name]} for point in shared])
        for name in outcome["corpora"]
    ]
    return curves if len(curves) == 1 else [*curves, ("Mean over the corpora", list(shared))]


def _ends(found: Sequence[Point]) -> tuple[float, float]:
    """The lowest and the highest value of all curves, so that they can be laid side by side."""
    values = [0.0, *(end for point in found for end in _reach(point))]
    return min(values) - _ROOM, max(values) + _ROOM


def _reach(point: Point) -> Sequence[float]:
    return point["gain_interval"] or (point["gain"], point["gain"])


def _clips(point: Point) -> str:
    return "all" if point["clips"] is None else str(point["clips"])


def _said_clips(point: Point) -> str:
    return "all clips" if point["clips"] is None else some(point["clips"], "clip", "clips")


def _said_point(point: Point) -> str:
    found = f"{_said_clips(point)}: {points(point['gain'])} points"
    between = point["gain_interval"]
    return f"{found} ({points_between(between)})" if between else found


def _chart(curve: Sequence[Point], ends: tuple[float, float], *, name: str, of: str) -> str:
    """Gain against the number of clips, around the line of leaderboard U."""

    def paint(figure: Figure) -> None:
        axes = add_axes(figure, 36, 14, 8, 36)
        axes.set(xlim=(-0.4, len(curve) - 0.6), ylim=ends)
        axes.set_xticks(range(len(curve)), [_clips(point) for point in curve])
        axes.set_xlabel("clips of the voice", labelpad=3)
        ticks = list(_ticks(ends))
        axes.set_yticks(ticks, [points(tick, 0) for tick in ticks])
        axes.grid(axis="y")
        keep_sides(axes)
        axes.axhline(0, color=UNKNOWN, linewidth=1.6)
        axes.annotate(
            "U",
            (1, 0),
            xycoords=("axes fraction", "data"),
            xytext=(4, 0),
            textcoords="offset points",
            verticalalignment="center_baseline",
            color=UNKNOWN,
            fontweight="bold",
        )
        axes.plot([point["gain"] for point in curve], "--", color=ENROLLED, linewidth=2)
        for place, point in enumerate(curve):
            _add_point(axes, place, point)

    spoken = "; ".join(_said_point(point) for point in curve)
    label = f"{of}: points of UAR that a profile gains over U. {spoken}"
    return draw(paint, width=WIDTH, height=190, name=name, label=label)


def _ticks(ends: tuple[float, float]) -> Iterator[float]:
    step = _STEP * max(1, round((ends[1] - ends[0]) / (5 * _STEP)))
    number = int(ends[0] / step)
    while number * step <= ends[1]:
        yield number * step
        number += 1


def _add_point(axes: Axes, place: int, point: Point) -> None:
    axes.plot([place, place], _reach(point), color=ENROLLED_SOFT, linewidth=6, zorder=1.5)
    (mark,) = axes.plot(
        place,
        point["gain"],
        "D",
        markersize=8.5,
        color=ENROLLED,
        markeredgecolor=CARD,
        markeredgewidth=1.2,
        clip_on=False,
        zorder=3,
    )
    tip(mark, _said_point(point))
