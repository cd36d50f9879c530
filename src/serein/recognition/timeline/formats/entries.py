"""What of a segment goes into a file: times in milliseconds, the label, the speaker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import chain

from serein.labels import SEXES, regroup
from serein.recognition.timeline.formats.text import UNNAMED, one_line
from serein.recognition.timeline.results import Timeline, Window


@dataclass(frozen=True)
class Entry:
    """A segment in which somebody speaks, as a person reads it.

    Attributes
    ----------
    start, end
        Milliseconds from the recording's beginning; the end is later than the start.
    label
        The most probable class, with a question mark where it is not to be relied upon.
    confidence
        Its probability, 0 to 1.
    speaker
        Who speaks, in one line; None where it was not told.
    """

    start: int
    end: int
    label: str
    confidence: float
    speaker: str | None

    @property
    def verdict(self) -> str:
        """The label and how sure it is: ``angry 81%``."""
        return f"{self.label} {self.confidence:.0%}"

    @property
    def sentence(self) -> str:
        """The same after the speaker's name, where it is known: ``Anna: angry 81%``."""
        return self.verdict if self.speaker is None else f"{self.speaker}: {self.verdict}"


@dataclass(frozen=True)
class Tier:
    """Entries of one speaker, none of which overlaps another.

    Attributes
    ----------
    name
        ``emotion``, or ``emotion: NAME`` for a speaker.
    speaker
        The speaker's name, or None.
    entries
        In the order of time.
    """

    name: str
    speaker: str | None
    entries: tuple[Entry, ...]


def milliseconds(seconds: float) -> int:
    """The nearest whole number of milliseconds."""
    return round(seconds * 1000)


def classes_of(timeline: Timeline, view: str | None) -> tuple[str, ...]:
    """The classes that a time line's segments are told as.

    Raises
    ------
    ArgumentInvalid
        If the view is unknown or does not fit the model.
    """
    if view is None:
        return timeline.labels
    spoken: Iterable[Window] = chain(timeline.segments, timeline.windows)
    judged = next((one.view(view) for one in spoken if one.probabilities is not None), None)
    if judged is not None:
        return tuple(judged.probabilities)
    # Nobody speaks: which classes there are does not depend on how probable they are.
    even = dict.fromkeys(timeline.labels, 1 / len(timeline.labels))
    sexes = dict.fromkeys(SEXES, 1 / len(SEXES))
    return tuple(regroup(even, view, sex=sexes, trained_on=timeline.windows.label_set)[0])


def entries_of(timeline: Timeline, view: str | None) -> list[Entry]:
    """The segments in which somebody speaks, in the order of time.

    Rounding keeps the order of times, so that segments that do not overlap still do not.
    """
    names = _names_of(timeline)
    entries = []
    for segment in timeline.segments:
        start, end = milliseconds(segment.start), milliseconds(segment.end)
        judged = segment if view is None else segment.view(view)
        if start >= end or judged is None or judged.label is None or judged.confidence is None:
            continue
        label = judged.label if segment.decided else f"{judged.label}?"
        speaker = None if segment.speaker is None else names[segment.speaker]
        entries.append(Entry(start, end, label, judged.confidence, speaker))
    return sorted(entries, key=lambda entry: (entry.start, entry.end))


def tiers_of(timeline: Timeline, view: str | None) -> list[Tier]:
    """One tier, or one for each speaker; and one for what nobody was named for."""
    entries = entries_of(timeline, view)
    named = [_tier(speaker, entries) for speaker in _names_of(timeline).values()]
    unnamed = _tier(None, entries)
    return [unnamed, *named] if unnamed.entries or not named else named


def _tier(speaker: str | None, entries: Iterable[Entry]) -> Tier:
    """A speaker's entries; where two overlap, which no tier may, the later one begins later."""
    kept: list[Entry] = []
    for entry in entries:
        if entry.speaker != speaker:
            continue
        start = max(entry.start, kept[-1].end) if kept else entry.start
        if start < entry.end:
            kept.append(replace(entry, start=start))
    return Tier("emotion" if speaker is None else f"emotion: {speaker}", speaker, tuple(kept))


def _names_of(timeline: Timeline) -> Mapping[str, str]:
    """What each speaker is called in a file: in one line, and no two the same."""
    told = (segment.speaker for segment in timeline.segments)
    speakers = dict.fromkeys(one for one in (*timeline.speakers, *told) if one is not None)
    names: dict[str, str] = {}
    for speaker in speakers:
        plain = name = one_line(speaker) or UNNAMED
        number = 1
        while name in names.values():
            number += 1
            name = f"{plain} ({number})"
        names[speaker] = name
    return names
