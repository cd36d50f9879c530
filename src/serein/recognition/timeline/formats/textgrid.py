"""Time lines as Praat's TextGrid."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TextIO

from serein.recognition.timeline.formats.entries import Tier, milliseconds, tiers_of
from serein.recognition.timeline.formats.text import one_line, seconds
from serein.recognition.timeline.results import Timeline

_Interval = tuple[int, int, str]
"""Start and end in milliseconds, and the text."""


def write_textgrid(timeline: Timeline, out: TextIO, view: str | None) -> None:
    """Write a TextGrid in Praat's long text format.

    Its tiers consist of intervals that cover the whole recording, each beginning where the one
    before it ends; those in which nobody speaks are empty.
    """
    tiers = tiers_of(timeline, view)
    # Praat knows no time of no length.
    last = max(1, milliseconds(timeline.duration), *(_end(tier) for tier in tiers))
    out.write('File type = "ooTextFile"\nObject class = "TextGrid"\n\n')
    out.write(f"xmin = 0\nxmax = {seconds(last)}\ntiers? <exists>\nsize = {len(tiers)}\nitem []:\n")
    for number, tier in enumerate(tiers, start=1):
        intervals = list(_intervals(tier, last))
        out.write(
            f'    item [{number}]:\n        class = "IntervalTier"\n'
            f"        name = {_quoted(tier.name)}\n        xmin = 0\n"
            f"        xmax = {seconds(last)}\n        intervals: size = {len(intervals)}\n"
        )
        for place, (start, end, text) in enumerate(intervals, start=1):
            out.write(
                f"        intervals [{place}]:\n            xmin = {seconds(start)}\n"
                f"            xmax = {seconds(end)}\n            text = {_quoted(text)}\n"
            )


def _end(tier: Tier) -> int:
    return tier.entries[-1].end if tier.entries else 0


def _intervals(tier: Tier, last: int) -> Iterator[_Interval]:
    reached = 0
    for entry in tier.entries:
        if reached < entry.start:
            yield reached, entry.start, ""
        yield entry.start, entry.end, entry.label
        reached = entry.end
    if reached < last:
        yield reached, last, ""


def _quoted(text: str) -> str:
    return '"' + one_line(text).replace('"', '""') + '"'
