"""What is to be said of a whole recording in a few numbers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from types import MappingProxyType

from serein.recognition.timeline.results import Summary, Window


def summarize(segments: Sequence[Window], view: str | None = None) -> Summary:
    """Sum segments up.

    Parameters
    ----------
    segments
        In the order of time; those without a label count for nothing.
    view
        A label view in which they are told; the model's own labels if None.
    """
    spoken = [segment for segment in segments if segment.label is not None]
    if view is not None:
        spoken = [_told(segment, view) for segment in spoken]
    seconds: dict[str, float] = defaultdict(float)
    strongest: dict[str, Window] = {}
    for segment in spoken:
        label = segment.label or ""
        seconds[label] += segment.duration
        if label not in strongest or _surer(segment, strongest[label]):
            strongest[label] = segment
    total = sum(seconds.values())
    ranked = sorted(seconds, key=lambda label: -seconds[label])
    return Summary(
        speech=total,
        shares=MappingProxyType({label: seconds[label] / total for label in ranked}),
        changes=sum(one.label != other.label for one, other in pairwise(spoken)),
        strongest=tuple(sorted(strongest.values(), key=lambda one: -(one.confidence or 0.0))),
    )


def _told(segment: Window, name: str) -> Window:
    view = segment.view(name)
    if view is None:
        return segment
    return replace(
        segment,
        label=view.label,
        confidence=view.confidence,
        probabilities=view.probabilities,
    )


def _surer(one: Window, other: Window) -> bool:
    return (one.confidence or 0.0) > (other.confidence or 0.0)
