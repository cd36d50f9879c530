"""Time lines as CSV: a row for each segment, for pandas, R and spreadsheets.

The columns are `start` and `end` (seconds), `speaker` (empty where it was not told), `speech` (its
probability), `label` and `confidence`, `decided` (True or False: whether the label is to be relied
upon), and one for the probability of each label. The windows are in the JSON.
"""

from __future__ import annotations

import csv
from typing import TextIO

from serein.recognition.timeline.formats.entries import classes_of
from serein.recognition.timeline.formats.text import one_line
from serein.recognition.timeline.results import Timeline

COLUMNS = ("start", "end", "speaker", "speech", "label", "confidence", "decided")


def write_csv(timeline: Timeline, out: TextIO, view: str | None) -> None:
    """Write a line of names, then a row for each segment; a label view takes the labels' place."""
    classes = classes_of(timeline, view)
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow((*COLUMNS, *classes))
    for segment in timeline.segments:
        judged = segment if view is None else segment.view(view)
        label, confidence, probabilities = None, None, None
        if judged is not None:
            label, confidence = judged.label, judged.confidence
            probabilities = judged.probabilities
        writer.writerow(
            (
                segment.start,
                segment.end,
                one_line(segment.speaker or ""),
                segment.speech,
                label,
                confidence,
                segment.decided,
                *((probabilities or {}).get(name) for name in classes),
            )
        )
