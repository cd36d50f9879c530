"""A recording in a few numbers."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serein.recognition.timeline.results import Window
from serein.recognition.timeline.summary import summarize
from tests.recognition.timeline.timelines import LABELS, segment, silence

MEETING = [
    segment(0, 2, "sad", confidence=0.5),
    segment(2, 5, "happy", confidence=0.6),
    silence(5, 6),
    segment(7, 8, "happy", confidence=0.9),
    segment(8, 10, "sad", confidence=0.4),
]


def test_example_by_hand() -> None:
    summary = summarize(MEETING)
    assert summary.speech == 8
    assert list(summary.shares.items()) == [("sad", 0.5), ("happy", 0.5)]
    assert summary.changes == 2  # the silence is none, and the same label after it is not either
    assert summary.strongest == (MEETING[3], MEETING[0])
    assert summary.as_dict()["strongest"][0] == {
        "start": 7,
        "end": 8,
        "label": "happy",
        "confidence": 0.9,
    }


def test_example_in_another_view() -> None:
    both = [segment(0, 3, "angry", confidence=0.7), segment(3, 4, "sad", confidence=0.9)]
    summary = summarize(both, "three")
    # Half of what is sad is neutral, and half negative, to which what is angry is added.
    assert dict(summary.shares) == {"negative": 1.0}
    assert summary.changes == 0
    (strongest,) = summary.strongest
    assert strongest.label == "negative"
    assert strongest.confidence == pytest.approx(0.75)
    assert (strongest.start, strongest.end) == (0, 3)


@pytest.mark.parametrize("nothing", [[], [silence(0, 3)]])
def test_where_nobody_speaks_there_is_nothing(nothing: Sequence[Window]) -> None:
    for view in (None, "three"):
        summary = summarize(nothing, view)
        assert (summary.speech, dict(summary.shares), summary.changes) == (0, {}, 0)
        assert summary.strongest == ()


SEGMENTS = st.lists(
    st.tuples(st.floats(0.1, 9), st.sampled_from(LABELS), st.floats(0.3, 1.0)), max_size=12
)


@given(SEGMENTS)
def test_shares_are_of_the_time_of_speech(told: list[tuple[float, str, float]]) -> None:
    segments, time = [], 0.0
    for length, label, confidence in told:
        segments.append(segment(time, time + length, label, confidence=confidence))
        time += length
    summary = summarize(segments)
    assert summary.speech == pytest.approx(time)
    assert sum(summary.shares.values()) == pytest.approx(1.0 if told else 0.0)
    assert list(summary.shares.values()) == sorted(summary.shares.values(), reverse=True)
    assert set(summary.shares) == {label for _, label, _ in told}
    assert {one.label for one in summary.strongest} == set(summary.shares)
    for one in summary.strongest:
        alike = [confidence for _, label, confidence in told if label == one.label]
        assert one.confidence == max(alike)
