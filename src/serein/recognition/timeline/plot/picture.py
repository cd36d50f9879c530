"""The picture of a timeline: waveform, speakers and probabilities below each other on one axis."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from serein.colours import colours_of, contrast, mixed
from serein.drawing import readable, shortened
from serein.recognition.timeline.formats.text import name_of
from serein.recognition.timeline.plot.canvas import (
    Canvas,
    Description,
    fitted,
    rectangle,
    text_width,
)
from serein.recognition.timeline.plot.columns import (
    Numbers,
    Part,
    bands_of,
    condensed,
    gaps_between,
    outline_of,
    parts_of,
    runs_of,
)
from serein.recognition.timeline.plot.shapes import stacked, waveform
from serein.recognition.timeline.plot.words import clock, length, ticks
from serein.recognition.timeline.results import Timeline
from serein.recognition.timeline.summary import summarize

WIDTH = 1200.0
MOST_SPEAKERS = 10
"""Speakers with a row of their own; those who speak least share one."""

_MARGIN = 24.0
_HEAD = 84.0  # title and what stands below it
_NAMES = 22.0  # room for names over the waveform
_WAVEFORM = 120.0
_ROW = 26.0  # of a speaker
_GAP = 16.0
_BANDS = 190.0
_FOOT = 44.0  # times, and room below them
_LEGEND_ROW = 22.0

_NAME = 160.0  # that a name is wide at most

_TITLE, _TEXT, _SMALL = 18.0, 12.5, 11.5  # sizes of text


@dataclass(frozen=True)
class Theme:
    """The colours that are no emotion's."""

    paper: str
    ink: str
    muted: str
    line: str
    silence: str


LIGHT = Theme("#ffffff", "#17212c", "#55616f", "#e3e7eb", "#c6cdd5")
DARK = Theme("#11161c", "#e6ebf0", "#a4afbb", "#28303a", "#46515d")


class Picture:
    """What is drawn, and where.

    Parameters
    ----------
    timeline
        What to draw.
    view
        The label view to draw it in; None for the model's own labels.
    theme
        The colours.
    """

    def __init__(self, timeline: Timeline, view: str | None, theme: Theme) -> None:
        self._theme = theme
        self._timeline = timeline
        self._seconds = max(timeline.duration, 1e-3)
        self._bands = bands_of(timeline, view)
        self._parts = parts_of(timeline, view)
        self._runs = runs_of(self._parts, self._seconds)
        self._outline = outline_of(timeline)
        self._summary = summarize(timeline.segments, view)
        shares = self._summary.shares
        self._shares = {name: shares.get(name, 0.0) for name in self._bands.classes}
        self._colours = colours_of(self._bands.classes)
        self._classes = {name: _fit(name.replace("_", " "), _TEXT) for name in self._bands.classes}
        self._speakers = [(_fit(name, _SMALL), ones) for name, ones in _speakers(self._parts)]
        self._place()

    def _place(self) -> None:
        names = [*self._classes.values(), "nobody speaks"]
        legend = max(text_width(name, _TEXT) for name in names) + 88
        rows = [text_width(name, _SMALL) for name, _ in self._speakers]
        self._left = _MARGIN + max(36.0, *(width + 12 for width in rows), 0.0)
        self._right = WIDTH - _MARGIN - legend
        self._top = _HEAD
        self._rows_top = self._top + _NAMES + _WAVEFORM + _GAP
        rows_height = len(self._speakers) * _ROW + (_GAP - 4 if self._speakers else 0)
        self._bands_top = self._rows_top + rows_height
        self._bottom = self._bands_top + _BANDS
        listed = self._top + (len(self._bands.classes) + 4) * _LEGEND_ROW
        self._height = max(self._bottom + _FOOT, listed)

    def draw(self) -> Canvas:
        """Draw everything."""
        canvas = Canvas(WIDTH, round(self._height), self._theme.paper)
        self._draw_title(canvas)
        self._draw_axis(canvas)
        self._draw_waveform(canvas)
        for row, (name, parts) in enumerate(self._speakers):
            self._draw_speaker(canvas, row, name, parts)
        self._draw_bands(canvas)
        self._draw_legend(canvas)
        return canvas

    def describe(self) -> Description:
        """The same in words."""
        told = ", ".join(
            f"{share:.0%} {self._classes[name]}"
            for name, share in self._shares.items()
            if share >= 0.005
        )
        count = len(self._parts)
        segments = f"{count} segment{'s' * (count != 1)}"
        spoken = f"Of {length(self._summary.speech)} of speech in {segments}: {told}."
        sentences = [
            "Waveform in the colour of each segment's emotion, and below it the probability of "
            "each emotion over time.",
            spoken if self._parts else "Nobody speaks.",
        ]
        if self._speakers:
            sentences.append(f"Speakers: {', '.join(name for name, _ in self._speakers)}.")
        return Description(
            f"{self._name()}, {length(self._timeline.duration)}", " ".join(sentences)
        )

    def _name(self) -> str:
        return readable(name_of(self._timeline.file)) or "Emotion over time"

    def _x(self, seconds: Numbers | float) -> Numbers:
        share = np.clip(np.asarray(seconds) / self._seconds, 0, 1)
        return self._left + share * (self._right - self._left)

    def _span(self, start: float, end: float) -> tuple[float, float]:
        """Where a stretch lies; as wide as can be seen at least."""
        left, right = float(self._x(start)), float(self._x(end))
        return left, max(right, left + 1.0)

    def _fill(self, part: Part) -> str:
        """Its emotion's colour, paler where it is not decided."""
        colour = self._colours[part.label]
        return colour if part.decided else mixed(colour, self._theme.paper, 0.5)

    def _draw_title(self, canvas: Canvas) -> None:
        theme = self._theme
        name = fitted(self._name(), WIDTH - 2 * _MARGIN, _TITLE, bold=True)
        canvas.text((_MARGIN, 32), name, theme.ink, size=_TITLE, bold=True)
        speech = f"{length(self._summary.speech)} of speech" if self._parts else "no speech"
        model = f"model {readable(self._timeline.model)}"
        told = " · ".join((length(self._timeline.duration), speech, model))
        told = fitted(told, WIDTH - 2 * _MARGIN, _TEXT)
        canvas.text((_MARGIN, 57), told, theme.muted, size=_TEXT)

    def _draw_axis(self, canvas: Canvas) -> None:
        theme = self._theme
        step, times = ticks(self._seconds, (self._right - self._left) / 90)
        for time in times:
            x = float(self._x(time))
            canvas.line((x, self._top), (x, self._bottom + 5), theme.line)
            text = clock(time, self._seconds, step)
            canvas.text((x, self._bottom + 18), text, theme.muted, size=_SMALL, align="center")
        for share in (0.0, 0.5, 1.0):
            y = self._bottom - share * _BANDS
            canvas.line((self._left, y), (self._right, y), theme.line)
            place = (self._left - 8, y)
            canvas.text(place, f"{share:.0%}", theme.muted, size=_SMALL, align="right")

    def _draw_waveform(self, canvas: Canvas) -> None:
        shape = waveform(self._outline, self._top + _NAMES, _WAVEFORM)
        gaps = [shape.between(*gap) for gap in gaps_between(self._runs, self._seconds)]
        canvas.area((self._in_pixels(gap) for gap in gaps), self._theme.silence, name="silence")
        parts = condensed(self._parts, self._seconds)
        whole = parts == self._parts
        for label, ones in groupby(sorted(parts, key=lambda one: one.label), lambda one: one.label):
            tint = mixed(self._colours[label], self._theme.paper, 0.86)
            boxes = [self._span(one.start, one.end) for one in ones]
            outlines = [
                rectangle(left, self._top, right, self._rows_top - _GAP) for left, right in boxes
            ]
            canvas.area(outlines, tint, name=f"ground-{_slug(label)}")
        for number, part in enumerate(parts, start=1):
            canvas.area(
                [self._in_pixels(shape.between(part.start, part.end))],
                self._fill(part),
                edge=self._theme.paper if _hatched(part.label) else None,
                hatched=_hatched(part.label),
                name=f"{'segment' if whole else 'stretch'}-{number}",
                tip=self._tip(part),
            )
        if not self._speakers:
            self._name_parts(canvas, parts, self._top + _NAMES / 2 + 1, self._theme.ink)

    def _in_pixels(self, points: Numbers) -> list[tuple[float, float]]:
        """An outline in seconds and pixels as one in pixels, at least as wide as can be seen."""
        xs = self._x(points[:, 0])
        xs = np.where(points[:, 0] >= points[:, 0].max(), np.maximum(xs, xs.min() + 1.0), xs)
        return list(zip(xs.tolist(), points[:, 1].tolist(), strict=True))

    def _tip(self, part: Part) -> str:
        times = f"{clock(part.start, self._seconds, 0.1)} to {clock(part.end, self._seconds, 0.1)}"
        told = "mostly " if part.confidence is None else ""
        sure = "" if part.confidence is None else f" {part.confidence:.0%}"
        doubt = "" if part.decided else ", not sure"
        who = "" if part.speaker is None else f", {shortened(part.speaker)}"
        return f"{times}: {told}{self._classes[part.label]}{sure}{doubt}{who}"

    def _name_parts(
        self, canvas: Canvas, parts: Sequence[Part], y: float, colour: str | None = None
    ) -> None:
        """Write each label where it fits, and never over another; by default upon its colour."""
        taken = 0.0
        for part in sorted(parts, key=lambda one: one.start):
            left, right = self._span(part.start, part.end)
            left = max(left, taken)
            name = self._classes[part.label] + ("" if part.decided else "?")
            if right - left < 24 or text_width(name, _SMALL) + 10 > right - left:
                continue
            ink = colour or _ink_on(self._fill(part))
            canvas.text(((left + right) / 2, y), name, ink, size=_SMALL, align="center")
            taken = right

    def _draw_speaker(self, canvas: Canvas, row: int, name: str, parts: Sequence[Part]) -> None:
        middle = self._rows_top + (row + 0.5) * _ROW
        place = (self._left - 10, middle)
        canvas.text(place, name, self._theme.ink, size=_SMALL, align="right")
        canvas.line((self._left, middle), (self._right, middle), self._theme.line)
        drawn = condensed(parts, self._seconds)

        def kind(one: Part) -> tuple[str, bool]:
            return one.label, one.decided

        for (label, decided), group in groupby(sorted(drawn, key=kind), kind):
            ones = list(group)
            boxes = [self._span(one.start, one.end) for one in ones]
            canvas.area(
                [rectangle(left, middle - 9, right, middle + 9) for left, right in boxes],
                self._fill(ones[0]),
                edge=self._theme.paper,
                hatched=_hatched(label),
                name=f"speaker-{row + 1}-{_slug(label)}{'' if decided else '-not-sure'}",
            )
        self._name_parts(canvas, drawn, middle)

    def _draw_bands(self, canvas: Canvas) -> None:
        if not self._parts:
            middle, y = (self._left + self._right) / 2, self._bottom - _BANDS / 2
            words = "nobody speaks" if self._timeline.duration else "no sound"
            canvas.area([rectangle(middle - 60, y - 14, middle + 60, y + 14)], self._theme.paper)
            canvas.text((middle, y), words, self._theme.muted, size=_TEXT, align="center")
        if not len(self._bands.times):
            return
        shapes = stacked(self._bands, self._bands_top, _BANDS)
        for label, shape in zip(self._bands.classes, shapes, strict=True):
            canvas.area(
                [self._in_pixels(shape.between(*run)) for run in self._runs],
                self._colours[label],
                edge=self._theme.paper,
                hatched=_hatched(label),
                name=f"band-{_slug(label)}",
            )

    def _draw_legend(self, canvas: Canvas) -> None:
        theme = self._theme
        left, y = self._right + 28, self._top + 9
        far = WIDTH - _MARGIN
        canvas.text((far, y), "share of speech", theme.muted, size=_SMALL, align="right")
        entries = [(name, self._colours[name], share) for name, share in self._shares.items()]
        for name, colour, share in entries:
            y += _LEGEND_ROW
            edge = theme.paper if _hatched(name) else None
            box = rectangle(left, y - 6, left + 14, y + 6)
            canvas.area([box], colour, edge=edge, hatched=_hatched(name))
            ink = theme.ink if share else theme.muted
            canvas.text((left + 22, y), self._classes[name], ink, size=_TEXT)
            told = f"{share:.0%}" if share else "–"
            canvas.text((far, y), told, ink, size=_TEXT, align="right")
        y += _LEGEND_ROW + 6
        if gaps_between(self._runs, self._seconds):
            canvas.area([rectangle(left, y - 1.5, left + 14, y + 1.5)], theme.silence)
            canvas.text((left + 22, y), "nobody speaks", theme.muted, size=_SMALL)
            y += _LEGEND_ROW
        if not all(part.decided for part in self._parts):
            canvas.text((left + 22, y), "pale, with ?: not sure", theme.muted, size=_SMALL)


def _speakers(parts: Sequence[Part]) -> Iterator[tuple[str, list[Part]]]:
    """The parts of each speaker, as they come; nothing where it was not told who speaks."""
    found: dict[str | None, list[Part]] = {}
    for part in parts:
        found.setdefault(part.speaker, []).append(part)
    if set(found) <= {None}:
        return
    seconds = {name: sum(one.end - one.start for one in ones) for name, ones in found.items()}
    most = sorted(found, key=lambda name: -seconds[name])
    last = most[MOST_SPEAKERS - 1 :] if len(most) > MOST_SPEAKERS else []
    for name, ones in found.items():
        if name not in last:
            yield "unknown" if name is None else name, ones
    if last:
        yield f"{len(last)} others", [part for name in last for part in found[name]]


def _fit(name: str, size: float) -> str:
    return fitted(readable(name), _NAME, size)


def _hatched(label: str) -> bool:
    """Whether a class shares its colour with that of the other sex, and is told by hatching."""
    return label.startswith("male_")


def _slug(label: str) -> str:
    """A label as a part of an id."""
    return re.sub(r"\W+", "-", label)


def _ink_on(colour: str) -> str:
    return max("#ffffff", "#000000", key=lambda ink: contrast(ink, colour))
