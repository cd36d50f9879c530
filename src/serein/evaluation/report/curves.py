"""Figures of certainty and of robustness."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from serein.bundle import Mode
from serein.drawing import shortened
from serein.evaluation.report.marks import (
    COLOUR,
    FIFTHS,
    LETTER,
    MARKER,
    SIZE,
    SOFT_COLOUR,
    STROKE,
    WIDTH,
    add_axes,
    keep_sides,
    rows_axis,
    square_axes,
)
from serein.evaluation.report.numbers import MINUS, per_cent, whole
from serein.evaluation.report.svg import (
    CARD,
    INK,
    MUTED,
    SOFT,
    UNKNOWN,
    draw,
    tip,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Condition = Mapping[str, Any]
Curve = Mapping[str, Sequence[float]]

_DASHES = (0, (3, 2.2))
_PLACE = 36.0  # height of a row
_LETTER = 14.0
_RISK = 268.0  # height of the axes of a risk


def reliability(bins: Sequence[Mapping[str, Any]], mode: Mode, *, name: str, label: str) -> str:
    """How often a judgement of some certainty is right, the gap to it, and how many there are."""

    def paint(figure: Figure) -> None:
        axes = add_axes(figure, 46, 14, 8, 92)
        counts = add_axes(figure, 46, 14, 234, 40)
        for one in bins:
            _add_bin(axes, counts, one, mode)
        axes.set_ylim(0, 1)
        axes.set_yticks(FIFTHS)
        square_axes(axes, "right, of 100")
        axes.set_xticklabels([])
        axes.plot([0, 1], [0, 1], color=INK, linestyle=_DASHES, linewidth=1.2)
        counts.set_ylim(0, max(one["clips"] for one in bins))
        square_axes(counts, "clips")
        counts.set_yticks([])
        counts.set_xlabel("how sure it says it is", labelpad=3)

    spoken = ", ".join(f"{whole(one['confidence'])}: {whole(one['accuracy'])}" for one in bins)
    clips = sum(one["clips"] for one in bins)
    return draw(
        paint,
        width=WIDTH,
        height=316,
        name=name,
        label=f"{label}. {clips} clips; sure in per cent: right in per cent: {spoken}",
    )


def _add_bin(axes: Axes, counts: Axes, one: Mapping[str, Any], mode: Mode) -> None:
    sure, right = one["confidence"], one["accuracy"]
    center, width = (one["low"] + one["high"]) / 2, 0.86 * (one["high"] - one["low"])
    axes.bar(center, right, width, color=SOFT_COLOUR[mode])
    axes.plot(
        [center - width / 2, center + width / 2], [right] * 2, color=COLOUR[mode], linewidth=2.6
    )
    (gap,) = axes.bar(
        center,
        abs(sure - right),
        width,
        bottom=min(sure, right),
        facecolor="none",
        edgecolor=COLOUR[mode],
        hatch="////",
        linewidth=0.8,
    )
    (clips,) = counts.bar(center, one["clips"], width, color=MUTED)
    for bar in (gap, clips):
        tip(bar, f"{one['clips']} clips: {per_cent(sure)} % sure, {per_cent(right)} % right")


def risk(curves: Mapping[Mode, Curve], *, name: str, label: str) -> str:
    """Wrong judgements against the share of clips that are judged, the surest first."""
    most = max(value for curve in curves.values() for value in curve["risk"])

    def paint(figure: Figure) -> None:
        axes = add_axes(figure, 46, 24, 8, 40)
        axes.set_ylim(0, min(1.0, max(0.1, 1.06 * most)))
        square_axes(axes, "wrong, of 100")
        axes.set_xlabel("clips that it answers, the surest first", labelpad=3)
        for mode, curve in curves.items():
            _add_curve(axes, curve, mode)
        _name_curves(axes, curves)

    spoken = "; ".join(
        f"{LETTER[mode]}: {whole(at(curve, 0.5))} of 100 wrong for half of the clips, "
        f"{whole(at(curve, 1.0))} for all"
        for mode, curve in curves.items()
    )
    return draw(paint, width=WIDTH, height=_RISK + 48, name=name, label=f"{label}. {spoken}")


def _add_curve(axes: Axes, curve: Curve, mode: Mode) -> None:
    colour = COLOUR[mode]
    axes.plot(
        curve["coverage"], curve["risk"], STROKE[mode], color=colour, linewidth=2.2, clip_on=False
    )
    for coverage, value in zip(curve["coverage"], curve["risk"], strict=True):
        large = round(100 * coverage) in {50, 100}
        (mark,) = axes.plot(
            coverage,
            value,
            MARKER[mode],
            markersize=SIZE[mode] if large else 4,
            color=colour,
            markeredgecolor=CARD,
            markeredgewidth=1.0 if large else 0.0,
            clip_on=False,
            zorder=3,
        )
        tip(mark, f"{LETTER[mode]}, surest {whole(coverage)} %: {per_cent(value)} % wrong")


def _name_curves(axes: Axes, curves: Mapping[Mode, Curve]) -> None:
    """Letters at the ends of the curves, from the top down, one below the other."""
    least = _LETTER * axes.get_ylim()[1] / _RISK  # the height of a letter on this axis
    above = float("inf")
    for mode in sorted(curves, key=lambda mode: -curves[mode]["risk"][-1]):
        above = min(curves[mode]["risk"][-1], above - least)
        axes.annotate(
            LETTER[mode],
            (1, above),
            xytext=(9, 0),
            textcoords="offset points",
            verticalalignment="center_baseline",
            color=COLOUR[mode],
            fontweight="bold",
        )


def at(curve: Curve, coverage: float) -> float:
    """The risk at the coverage nearest to one."""
    distances = [abs(one - coverage) for one in curve["coverage"]]
    return curve["risk"][distances.index(min(distances))]


def degrees(conditions: Sequence[Condition]) -> tuple[list[str], str]:
    """What tells a family's conditions apart, and the unit that they share.

    >>> degrees([{"name": "20 dB"}, {"name": "-5 dB"}])
    (['20', '−5'], 'dB')
    """
    names = [str(one["name"]) for one in conditions]
    heads, units = zip(*(name.partition(" ")[::2] for name in names), strict=True)
    try:
        numbers = [float(head) for head in heads]
    except ValueError:
        return names, ""
    if len(set(units)) > 1:
        return names, ""
    sign = "+" if any(head.startswith("+") for head in heads) else ""
    return [f"{number:{sign}g}".replace("-", MINUS) for number in numbers], units[0]


def by_degree(conditions: Sequence[Condition], clean: float, *, name: str, label: str) -> str:
    """UAR against the degree, before bars of the clips that keep their label."""

    def paint(figure: Figure) -> None:
        axes = add_axes(figure, 26, 4, 8, 20)
        axes.set(xlim=(-0.6, len(conditions) - 0.4), ylim=(0, 1))
        axes.set_yticks([0, 0.5, 1], ["0", "50", "100"])
        axes.set_xticks(
            range(len(conditions)), [shortened(one, 9) for one in degrees(conditions)[0]]
        )
        axes.grid(axis="y")
        keep_sides(axes, "bottom")
        axes.axhline(clean, color=INK, linestyle=_DASHES, linewidth=1.2)
        axes.plot([one["uar"] for one in conditions], color=UNKNOWN, linewidth=2)
        for place, one in enumerate(conditions):
            (bar,) = axes.bar(place, one["same_label"], 0.62, color=SOFT, zorder=0.9)
            _mark(axes, place, one["uar"], one)
            tip(bar, said(one))

    return draw(paint, width=160, height=128, name=name, label=_label(label, conditions))


def by_name(conditions: Sequence[Condition], clean: float, *, name: str, label: str) -> str:
    """The same for conditions that are no degrees of one thing, such as rooms, in rows."""
    height = _PLACE * len(conditions)

    def paint(figure: Figure) -> None:
        axes = add_axes(figure, 8, 16, 2, 24)
        rows_axis(axes, height)
        for place, one in enumerate(conditions):
            middle = _PLACE * place + 25
            axes.text(0, middle - 11, shortened(one["name"], 36))
            axes.text(1, middle - 11, per_cent(one["uar"]), horizontalalignment="right")
            (bar,) = axes.barh(middle, one["same_label"], 13, color=SOFT, zorder=0.9)
            tip(bar, said(one))
            ends = [middle - 9, middle + 9]
            axes.plot([clean] * 2, ends, color=INK, linestyle=_DASHES, linewidth=1.2)
            _mark(axes, one["uar"], middle, one)

    return draw(paint, width=WIDTH, height=height + 26, name=name, label=_label(label, conditions))


def _mark(axes: Axes, x: float, y: float, one: Condition) -> None:
    (mark,) = axes.plot(
        x, y, "o", markersize=8, color=UNKNOWN, markeredgecolor=CARD, zorder=3, clip_on=False
    )
    tip(mark, said(one))


def said(one: Condition) -> str:
    """A condition in numbers."""
    kept = f"{whole(one['same_label'])} % of the labels kept"
    return f"{one['name']}: UAR {per_cent(one['uar'])}, {kept}"


def _label(label: str, conditions: Sequence[Condition]) -> str:
    return f"{label}. {'; '.join(said(one) for one in conditions)}"
