"""Time lines as lines of plain text, one for each segment: Audacity's labels, and RTTM."""

from __future__ import annotations

from typing import TextIO

from serein.recognition.timeline.formats.entries import entries_of
from serein.recognition.timeline.formats.text import one_token, seconds, stem_of
from serein.recognition.timeline.results import Timeline


def write_audacity(timeline: Timeline, out: TextIO, view: str | None) -> None:
    """Write a label track: start, end and text, parted by tabs (Audacity manual, Label Tracks)."""
    for entry in entries_of(timeline, view):
        out.write(f"{seconds(entry.start)}\t{seconds(entry.end)}\t{entry.sentence}\n")


def write_rttm(timeline: Timeline, out: TextIO, view: str | None) -> None:
    """Write RTTM, the Rich Transcription Time Marked file.

    A SPEAKER line has ten fields (NIST, The 2009 Rich Transcription Evaluation Plan, appendix A).
    The eighth, the name, is what its readers compare: here the label, or ``speaker:label`` where
    the speaker is known. The ninth is the confidence, 0 to 1. A field holds no space, so that
    spaces in the names of the recording and the speaker become underlines.
    """
    recording = one_token(stem_of(timeline.file))
    for entry in entries_of(timeline, view):
        name = entry.label if entry.speaker is None else f"{entry.speaker}:{entry.label}"
        times = f"{seconds(entry.start)} {seconds(entry.end - entry.start)}"
        out.write(
            f"SPEAKER {recording} 1 {times} <NA> <NA> {one_token(name)}"
            f" {entry.confidence:.3f} <NA>\n"
        )
