"""Time lines as annotation documents of ELAN."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import PurePath
from typing import TextIO
from xml.sax.saxutils import escape, quoteattr

from serein.recognition.timeline.formats.entries import Tier, tiers_of
from serein.recognition.timeline.formats.text import name_of, one_line, valid
from serein.recognition.timeline.results import Timeline

_SCHEMA = (
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    'xsi:noNamespaceSchemaLocation="http://www.mpi.nl/tools/elan/EAFv3.0.xsd"'
)
_MEDIA_TYPES = {".wav": "audio/x-wav"}
"""What ELAN calls a kind of recording by another name than :mod:`mimetypes`."""


def write_elan(timeline: Timeline, out: TextIO, view: str | None) -> None:
    """Write EAF 3.0 (Max Planck Institute for Psycholinguistics), a tier for each speaker."""
    tiers = tiers_of(timeline, view)
    date = datetime.now(UTC).isoformat(timespec="seconds")
    out.write('<?xml version="1.0" encoding="UTF-8"?>\n')
    out.write(
        f'<ANNOTATION_DOCUMENT AUTHOR="Serein" DATE="{date}" FORMAT="3.0" VERSION="3.0" '
        f'{_SCHEMA}>\n<HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">\n'
    )
    out.writelines(_medium(timeline.file))
    out.write(f'<PROPERTY NAME="model">{escape(one_line(timeline.model))}</PROPERTY>\n</HEADER>\n')
    slots = _slots(tiers)
    out.write("<TIME_ORDER>\n")
    for (time, _, _, _), slot in slots.items():
        out.write(f'<TIME_SLOT TIME_SLOT_ID="{slot}" TIME_VALUE="{time}"/>\n')
    out.write("</TIME_ORDER>\n")
    numbers = count(1)
    for row, tier in enumerate(tiers):
        out.writelines(_tier(row, tier, slots, numbers))
    out.write(
        '<LINGUISTIC_TYPE GRAPHIC_REFERENCES="false" LINGUISTIC_TYPE_ID="emotion" '
        'TIME_ALIGNABLE="true"/>\n</ANNOTATION_DOCUMENT>\n'
    )


_Slots = dict[tuple[int, int, int, bool], str]
"""The name of each time slot, by its time, tier and entry, and whether it is the entry's start."""


def _slots(tiers: list[Tier]) -> _Slots:
    """Every entry has two time slots of its own, and all of them are in the order of time."""
    times = [
        place
        for row, tier in enumerate(tiers)
        for column, entry in enumerate(tier.entries)
        for place in ((entry.start, row, column, True), (entry.end, row, column, False))
    ]
    return {place: f"ts{number}" for number, place in enumerate(sorted(times), start=1)}


def _tier(row: int, tier: Tier, slots: _Slots, numbers: Iterator[int]) -> Iterator[str]:
    person = "" if tier.speaker is None else f" PARTICIPANT={quoteattr(tier.speaker)}"
    yield f'<TIER LINGUISTIC_TYPE_REF="emotion"{person} TIER_ID={quoteattr(tier.name)}>\n'
    for column, entry in enumerate(tier.entries):
        start = slots[entry.start, row, column, True]
        end = slots[entry.end, row, column, False]
        yield (
            f'<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a{next(numbers)}" '
            f'TIME_SLOT_REF1="{start}" TIME_SLOT_REF2="{end}"><ANNOTATION_VALUE>'
            f"{escape(entry.label)}</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>\n"
        )
    yield "</TIER>\n"


def _medium(file: str | None) -> Iterator[str]:
    """Where the recording is, written as ELAN does it: spaces and the like stay what they are.

    A relative path stays one, so that the document says nothing of the machine it was made on.
    """
    if file is None or not name_of(file):
        return
    path = PurePath(file)
    kind = _MEDIA_TYPES.get(path.suffix.lower()) or mimetypes.guess_type(path.name)[0] or "unknown"
    relative = f"./{path.name if path.is_absolute() else path.as_posix()}"
    address = f"file:///{path.as_posix().lstrip('/')}" if path.is_absolute() else relative
    yield (
        f'<MEDIA_DESCRIPTOR MEDIA_URL={quoteattr(valid(address))} MIME_TYPE="{kind}" '
        f"RELATIVE_MEDIA_URL={quoteattr(valid(relative))}/>\n"
    )
