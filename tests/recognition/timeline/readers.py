"""The files of time lines as other people's programs read them."""

from __future__ import annotations

import csv
import html
import io
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import praatio.textgrid
import pympi
import srt
import webvtt
from pyannote.database.util import load_rttm

from serein.recognition.timeline.formats import FORMATS, write_timeline
from serein.recognition.timeline.results import Timeline


def written(timeline: Timeline, format: str, view: str | None = None) -> str:
    """The text of a file, which is valid UTF-8."""
    out = io.StringIO(newline="")
    write_timeline(timeline, out, format, view=view)
    text = out.getvalue()
    assert text.encode("utf-8").decode("utf-8") == text
    return text


@dataclass(frozen=True)
class Found:
    """What a reader found: milliseconds, the text, and who said it, where the format tells."""

    start: int
    end: int
    text: str
    speaker: str | None = None


Result = TypeVar("Result")


def in_a_file(
    read: Callable[[Path], Result], timeline: Timeline, format: str, view: str | None = None
) -> Result:
    """What a reader that knows nothing but paths makes of a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"file{FORMATS[format].suffix}")
        path.write_text(written(timeline, format, view), encoding="utf-8", newline="")
        return read(path)


def milliseconds(seconds: float) -> int:
    """Milliseconds of a time that has not more than three decimals."""
    whole = round(seconds * 1000)
    assert abs(seconds * 1000 - whole) < 1e-3
    return whole


def read_csv(timeline: Timeline, view: str | None = None) -> list[dict[str, str]]:
    """The rows by the names of the columns."""
    return list(csv.DictReader(io.StringIO(written(timeline, "csv", view), newline="")))


def read_audacity(timeline: Timeline, view: str | None = None) -> list[Found]:
    """Lines of three fields, as Audacity's manual has it."""
    found = []
    for line in written(timeline, "audacity", view).splitlines():
        start, end, text = line.split("\t")
        found.append(Found(milliseconds(float(start)), milliseconds(float(end)), text))
    return found


def read_srt(timeline: Timeline, view: str | None = None) -> list[Found]:
    """Subtitles as the library srt reads them, which also has to find them numbered."""
    parsed = list(srt.parse(written(timeline, "srt", view)))
    assert [one.index for one in parsed] == list(range(1, len(parsed) + 1))
    return [
        Found(
            milliseconds(one.start.total_seconds()),
            milliseconds(one.end.total_seconds()),
            one.content,
        )
        for one in parsed
    ]


def read_vtt(timeline: Timeline, view: str | None = None) -> list[Found]:
    """Captions as webvtt-py reads them, which does not undo the escapes."""
    document = webvtt.from_string(written(timeline, "vtt", view), strict=True)
    return [
        Found(
            one.start_time.in_milliseconds(),
            one.end_time.in_milliseconds(),
            html.unescape(one.text),
            None if one.voice is None else html.unescape(one.voice),
        )
        for one in document.captions
    ]


def read_rttm(timeline: Timeline, view: str | None = None) -> tuple[str, list[Found]]:
    """The one recording's name and its segments, as pyannote reads them."""
    ((recording, annotation),) = in_a_file(load_rttm, timeline, "rttm", view).items()
    return recording, [
        Found(milliseconds(turn.start), milliseconds(turn.end), name)
        for turn, _, name in annotation.itertracks(yield_label=True)
    ]


def read_elan(timeline: Timeline, view: str | None = None) -> Any:
    """The document as pympi reads it."""
    return in_a_file(pympi.Eaf, timeline, "elan", view)


def elan_tiers(document: Any) -> dict[str, list[Found]]:
    """The annotations of each tier."""
    return {
        name: [
            Found(start, end, text, document.get_parameters_for_tier(name).get("PARTICIPANT"))
            for start, end, text in document.get_annotation_data_for_tier(name)
        ]
        for name in document.get_tier_names()
    }


def textgrid_tiers(timeline: Timeline, view: str | None = None) -> dict[str, list[Found]]:
    """The intervals of each tier, empty ones too, as praatio and pympi read them alike."""

    def read(path: Path) -> dict[str, list[Found]]:
        grid = praatio.textgrid.openTextgrid(
            str(path), includeEmptyIntervals=True, reportingMode="error"
        )
        tiers = {
            name: [tuple(one) for one in grid.getTier(name).entries] for name in grid.tierNames
        }
        second = pympi.Praat.TextGrid(str(path))
        assert (second.xmin, second.xmax) == (grid.minTimestamp, grid.maxTimestamp)
        assert {tier.name: tier.intervals for tier in second.get_tiers()} == tiers
        return {
            name: [Found(milliseconds(start), milliseconds(end), text) for start, end, text in all]
            for name, all in tiers.items()
        }

    return in_a_file(read, timeline, "textgrid", view)
