"""A time line for people: a strip of its emotions, the segments, and what they come to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from string import ascii_uppercase
from typing import TYPE_CHECKING

import numpy as np
from rich.text import Text

from serein.cli.console import bar, can_print, console, has_colours, print_line
from serein.cli.judgements import NO_SPEECH, SHORT_BAR, colour_of
from serein.cli.output import printable, stamp

if TYPE_CHECKING:
    from serein.recognition.timeline.results import Timeline, Window
    from serein.results import LabelView

STRIP = 64  # columns
MOMENTS = 3
"""So many of the strongest moments are named."""


def print_timeline(timeline: Timeline, view: str | None) -> None:
    """Print a time line.

    Parameters
    ----------
    view
        The label view, or None for the model's own labels.
    """
    from serein.recognition.timeline.views import in_view

    timeline = in_view(timeline, view)
    out = console()
    blocks = can_print(out, "█▏▎▍▌▋▊▉·–")
    printer = _Printer(timeline, view or "all", blocks, coloured=has_colours(out))
    for line in printer.lines():
        print_line(out, line)


class _Printer:
    def __init__(self, timeline: Timeline, view: str, blocks: bool, *, coloured: bool) -> None:
        self._timeline = timeline
        self._view = view
        self._blocks = blocks
        self._coloured = coloured and blocks

    def lines(self) -> Iterator[Text]:
        yield self._head()
        spoken = [(segment, segment.view(self._view)) for segment in self._timeline.segments]
        shown = [(segment, view) for segment, view in spoken if view is not None]
        if not shown:
            yield Text(NO_SPEECH, "bold yellow")
            return
        yield self._strip(shown)
        if not self._coloured:
            letters = letters_of(shown[0][1].probabilities)
            names = ", ".join(f"{letter} {label}" for label, letter in letters.items())
            yield Text(names, "dim")
        yield Text()
        yield from self._segments(shown)
        yield Text()
        yield from self._summary()

    def _head(self) -> Text:
        facts = [stamp(self._timeline.duration), f"model {self._timeline.model}"]
        if self._timeline.enrolled:
            facts.append("compared with a profile")
        dot = "·" if self._blocks else "-"
        return Text.assemble(
            (printable(self._timeline.file or ""), "bold"),
            *((f"  {dot}  {fact}", "dim") for fact in facts),
        )

    def _strip(self, shown: list[tuple[Window, LabelView]]) -> Text:
        """The recording from left to right; where nobody speaks it is empty."""
        edges = np.linspace(0.0, self._timeline.duration, STRIP + 1)
        longest = np.zeros(STRIP)
        labels: list[str | None] = [None] * STRIP
        for segment, view in shown:
            first = max(0, int(np.searchsorted(edges, segment.start, side="right")) - 1)
            last = min(STRIP, int(np.searchsorted(edges, segment.end)))
            for column in range(first, last):
                held = min(segment.end, edges[column + 1]) - max(segment.start, edges[column])
                if held > longest[column]:
                    longest[column], labels[column] = held, view.label
        text = Text()
        classes = shown[0][1].probabilities
        letters = letters_of(classes)
        for label in labels:
            if label is None:
                text.append(" ")
            else:
                # Without colours blocks would all be alike.
                mark = "█" if self._coloured else letters[label]
                text.append(mark, colour_of(label, classes))
        return text

    def _segments(self, shown: list[tuple[Window, LabelView]]) -> Iterator[Text]:
        names = [printable(segment.speaker or "") for segment, _ in shown]
        clock = max(len(stamp(segment.end)) for segment, _ in shown)
        label_width = max(len(view.label) for _, view in shown)
        name_width = max(map(len, names))
        dash = "–" if self._blocks else "-"
        for (segment, view), name in zip(shown, names, strict=True):
            style = colour_of(view.label, view.probabilities) if segment.decided else "dim"
            text = Text(f"{stamp(segment.start):>{clock}} {dash} {stamp(segment.end):>{clock}}  ")
            if name_width:
                text.append(f"{name:{name_width}}  ", "bold")
            text.append(f"{view.label:{label_width}}", style)
            text.append(f" {view.confidence:4.0%} ")
            text.append(bar(view.confidence, SHORT_BAR, blocks=self._blocks), style)
            if not segment.decided:
                text.append("  (not sure)", "yellow")
            yield text

    def _summary(self) -> Iterator[Text]:
        from serein.recognition.timeline.segments import merged
        from serein.recognition.timeline.summary import summarize

        timeline = self._timeline
        everybody = [("", None), *((f"{printable(name)}: ", name) for name in timeline.speakers)]
        for prefix, speaker in everybody:
            own = [one for one in timeline.segments if speaker in (None, one.speaker)]
            summary = summarize(own, self._view)
            if not summary.speech:
                continue
            shares = ", ".join(f"{label} {share:.0%}" for label, share in summary.shares.items())
            # Where two speak at once the time passes once.
            spans = merged([(one.start, one.end) for one in own])
            share = sum(end - start for start, end in spans) / timeline.duration
            yield Text(
                f"{prefix}speech {stamp(summary.speech)} ({share:.0%}): {shares}; "
                f"{_counted(summary.changes)}"
            )
            if speaker is None:
                moments = ", ".join(
                    f"{moment.label}{'' if moment.decided else '?'} {moment.confidence:.0%} at "
                    f"{stamp(moment.start)}"
                    for moment in summary.strongest[:MOMENTS]
                )
                yield Text(f"strongest moments: {moments}", "dim")


def letters_of(classes: Iterable[str]) -> dict[str, str]:
    """A letter for each class, its own where that is free.

    >>> letters_of(["sad", "surprised"])
    {'sad': 's', 'surprised': 'u'}
    """
    letters: dict[str, str] = {}
    for name in classes:
        wanted = (letter for letter in name + ascii_uppercase if letter not in letters.values())
        letters[name] = next(wanted, "?")
    return letters


def _counted(changes: int) -> str:
    return "1 change" if changes == 1 else f"{changes} changes"
