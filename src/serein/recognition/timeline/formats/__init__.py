"""Time lines as files: one door to every format that they are written in.

Every format but JSON holds the segments, as a person reads them, in the order of time. Where a
segment is not to be relied upon its label has a question mark; in CSV it is the column `decided`
that says so. All but JSON and CSV give times in milliseconds; a stretch that rounds to nothing is
left out there. Names of files and speakers are written in one line of valid Unicode.

========  =========  ===============================================================================
json      .json      everything: :meth:`~serein.recognition.timeline.results.Timeline.as_dict`
csv       .csv       a row for each segment, see :mod:`.table`
audacity  .txt       a label track
textgrid  .TextGrid  Praat: an interval tier, or one for each speaker
elan      .eaf       ELAN: a tier, or one for each speaker
vtt       .vtt       WebVTT subtitles, with voices where the speakers are known
srt       .srt       SubRip subtitles
rttm      .rttm      NIST's RTTM: the label as the name, or `speaker:label`
========  =========  ===============================================================================
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from types import MappingProxyType
from typing import TextIO

from serein.errors import ArgumentInvalid
from serein.recognition.timeline.formats.document import write_json
from serein.recognition.timeline.formats.elan import write_elan
from serein.recognition.timeline.formats.entries import classes_of
from serein.recognition.timeline.formats.subtitles import write_srt, write_vtt
from serein.recognition.timeline.formats.table import write_csv
from serein.recognition.timeline.formats.textgrid import write_textgrid
from serein.recognition.timeline.formats.tracks import write_audacity, write_rttm
from serein.recognition.timeline.results import Timeline
from serein.recognition.timeline.views import in_view

__all__ = ["FORMATS", "Format", "format_of", "write_timeline"]


@dataclass(frozen=True)
class Format:
    """A kind of file that a time line is written as.

    Attributes
    ----------
    name
        As ``--format`` names it.
    suffix
        What the names of such files end with.
    write
        Writes a time line, in a label view or None, to a text stream.
    """

    name: str
    suffix: str
    write: Callable[[Timeline, TextIO, str | None], None]


_FORMATS = (
    Format("json", ".json", write_json),
    Format("csv", ".csv", write_csv),
    Format("audacity", ".txt", write_audacity),
    Format("textgrid", ".TextGrid", write_textgrid),
    Format("elan", ".eaf", write_elan),
    Format("vtt", ".vtt", write_vtt),
    Format("srt", ".srt", write_srt),
    Format("rttm", ".rttm", write_rttm),
)

FORMATS: Mapping[str, Format] = MappingProxyType({one.name: one for one in _FORMATS})
"""The formats by name."""


def format_of(path: str | os.PathLike[str]) -> str | None:
    """Name of the format that a path's suffix stands for, in any case; None if for none."""
    suffix = PurePath(os.fsdecode(path)).suffix.lower()
    return next((one.name for one in _FORMATS if one.suffix.lower() == suffix), None)


def write_timeline(
    timeline: Timeline, out: TextIO, format: str, *, view: str | None = None
) -> None:
    """Write a time line as a file of another program.

    Parameters
    ----------
    timeline
        What is written, piece by piece: no text of the whole is made.
    out
        A text stream, opened with ``encoding="utf-8"`` and ``newline=""``. It stays open.
    format
        One of :data:`FORMATS`.
    view
        A label view: in JSON it is added to every window and segment, elsewhere its labels stand
        in the place of the model's, and neighbours of one class are one segment.

    Raises
    ------
    ArgumentInvalid
        If the format or the view is unknown, or the view does not fit the model. Nothing is
        written then.
    """
    if format not in FORMATS:
        raise ArgumentInvalid(f"unknown format {format!r}; the formats are {', '.join(FORMATS)}")
    classes_of(timeline, view)
    told = timeline if format == "json" else in_view(timeline, view)
    FORMATS[format].write(told, out, view)
