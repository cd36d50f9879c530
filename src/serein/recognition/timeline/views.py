"""A time line told in the classes of a label view."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from serein.recognition.timeline.results import Timeline, Window
from serein.results import most_probable

Shares = Mapping[str, float]


def in_view(timeline: Timeline, view: str | None) -> Timeline:
    """The same time line with neighbours merged that are one class in a label view.

    The segments keep the probabilities of the model's own labels, so that they can be told in the
    view: of those that are merged the mean, each counting by its duration. A segment of several is
    decided where the most of its time is.

    Parameters
    ----------
    timeline
        With segments by the model's own labels.
    view
        The view, or None for a time line as it is.

    Raises
    ------
    ArgumentInvalid
        If the view is unknown or does not fit the model.
    """
    if view is None:
        return timeline
    merged: list[Window] = []
    sure: list[float] = []  # seconds of each in which it is decided
    last: dict[str | None, int] = {}
    for segment in timeline.segments:
        decided = segment.duration if segment.decided else 0.0
        index = last.get(segment.speaker)
        if index is not None and _goes_on(merged[index], segment, view):
            merged[index] = _together(merged[index], segment)
            sure[index] += decided
        else:
            last[segment.speaker] = len(merged)
            merged.append(segment)
            sure.append(decided)
    segments = (
        replace(segment, decided=2 * seconds > segment.duration)
        for segment, seconds in zip(merged, sure, strict=True)
    )
    return replace(timeline, segments=tuple(segments))


def _goes_on(before: Window, after: Window, view: str) -> bool:
    one, other = before.view(view), after.view(view)
    same = one is not None and other is not None and one.label == other.label
    return same and before.end == after.start


def _together(before: Window, after: Window) -> Window:
    """Two segments, one right after the other, as one."""

    def mean(first: Shares | None, second: Shares | None) -> Shares | None:
        if first is None or second is None:
            return None
        return MappingProxyType({name: mixed(first[name], second[name]) for name in first})

    def mixed(first: float, second: float) -> float:
        whole = before.duration + after.duration
        return (first * before.duration + second * after.duration) / whole

    probabilities = mean(before.probabilities, after.probabilities) or {}
    label, confidence = most_probable(probabilities)
    return replace(
        before,
        end=after.end,
        speech=mixed(before.speech, after.speech),
        label=label,
        confidence=confidence,
        probabilities=probabilities,
        sex=mean(before.sex, after.sex),
    )
