"""Time lines as subtitles, to be shown while the recording is played."""

from __future__ import annotations

from typing import TextIO
from xml.sax.saxutils import escape

from serein.recognition.timeline.formats.entries import entries_of
from serein.recognition.timeline.formats.text import clock, name_of, one_line, without_arrow
from serein.recognition.timeline.results import Timeline


def write_srt(timeline: Timeline, out: TextIO, view: str | None) -> None:
    """Write SubRip subtitles, such as ``Anna: angry 81%``."""
    for number, entry in enumerate(entries_of(timeline, view), start=1):
        times = f"{clock(entry.start, ',')} --> {clock(entry.end, ',')}"
        out.write(f"{number}\n{times}\n{without_arrow(entry.sentence)}\n\n")


def write_vtt(timeline: Timeline, out: TextIO, view: str | None) -> None:
    """Write WebVTT subtitles (W3C), the speaker as a voice: ``<v Anna>angry 81%``."""
    recording = name_of(timeline.file)
    subject = f"Emotion in {recording}" if recording else "Emotion"
    note = f"{subject}, as the model {timeline.model} judges it; ? says that it is not sure."
    out.write(f"WEBVTT\n\nNOTE {without_arrow(one_line(note))}\n")
    for entry in entries_of(timeline, view):
        voice = "" if entry.speaker is None else f"<v {escape(entry.speaker)}>"
        times = f"{clock(entry.start, '.')} --> {clock(entry.end, '.')}"
        out.write(f"\n{times}\n{voice}{escape(entry.verdict)}\n")
