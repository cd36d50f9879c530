"""Time lines told in the classes of a label view."""

from __future__ import annotations

import pytest

from serein.errors import ArgumentInvalid
from serein.recognition.timeline.results import Window
from serein.recognition.timeline.views import in_view
from tests.recognition.timeline.timelines import timeline_of


def piece(start: float, end: float, *, decided: bool = True, **shares: float) -> Window:
    label = max(shares, key=lambda name: shares[name])
    return Window(start, end, 0.9, label, shares[label], shares, decided=decided)


CUT = timeline_of(
    [
        piece(0.0, 1.0, angry=0.6, fearful=0.3, happy=0.1),
        piece(1.0, 4.0, decided=False, angry=0.2, fearful=0.6, happy=0.2),
        piece(5.0, 6.0, angry=0.6, fearful=0.3, happy=0.1),
        piece(6.0, 7.0, angry=0.1, fearful=0.1, happy=0.8),
    ],
    duration=8.0,
)


def test_neighbours_of_one_class_are_one_segment() -> None:
    told = in_view(CUT, "three").segments
    assert [(one.start, one.end) for one in told] == [(0.0, 4.0), (5.0, 6.0), (6.0, 7.0)]
    views = [one.view("three") for one in told]
    assert [view and view.label for view in views] == ["negative", "negative", "positive"]
    # One second of the first and three of the second: 0.9 and 0.8 of negative.
    assert views[0] is not None
    assert views[0].confidence == pytest.approx((0.9 + 3 * 0.8) / 4)
    assert [one.decided for one in told] == [False, True, True]


def test_time_line_without_a_view_stays() -> None:
    assert in_view(CUT, None) is CUT


def test_voices_are_not_merged_with_each_other() -> None:
    segments = [
        Window(0, 2, 0.9, "angry", 1.0, {"angry": 1.0, "happy": 0.0}, speaker="anna"),
        Window(1, 3, 0.9, "angry", 1.0, {"angry": 1.0, "happy": 0.0}, speaker="bert"),
        Window(2, 4, 0.9, "angry", 1.0, {"angry": 1.0, "happy": 0.0}, speaker="anna"),
    ]
    told = in_view(timeline_of(segments, duration=4.0), "three").segments
    assert [(one.start, one.end, one.speaker) for one in told] == [(0, 4, "anna"), (1, 3, "bert")]


def test_unknown_view_is_refused() -> None:
    with pytest.raises(ArgumentInvalid, match="unknown"):
        in_view(CUT, "moods")
