"""What a picture shows, before it is drawn."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serein.errors import ArgumentInvalid
from serein.recognition.timeline.plot.columns import (
    COLUMNS,
    MOMENTS,
    MOST_PARTS,
    Part,
    bands_of,
    condensed,
    gaps_between,
    outline_of,
    parts_of,
    runs_of,
)
from serein.recognition.timeline.plot.shapes import Shape, stacked, waveform
from serein.recognition.timeline.plot.words import clock, length, ticks
from serein.recognition.timeline.results import Window
from tests.recognition.timeline.timelines import LABELS, segment, silence, timeline_of

spans = st.lists(
    st.tuples(st.floats(0, 90), st.floats(0.01, 10)).map(lambda span: (span[0], sum(span))),
    max_size=30,
)


def parts_at(*spans: tuple[float, float]) -> list[Part]:
    return [Part(start, end, "sad", True) for start, end in spans]


def test_a_segment_is_a_part_in_the_view() -> None:
    timeline = timeline_of([segment(1, 2, "sad", speaker="Anna", decided=False), silence(2, 3)])
    assert parts_of(timeline, None) == [Part(1, 2, "sad", False, 0.7, "Anna")]
    (found,) = parts_of(timeline, "three")
    assert found.label == "negative"
    assert found.confidence == pytest.approx(0.1 + 0.7 / 2)  # angry, and half of sad


def test_few_parts_stay_as_they_are() -> None:
    parts = parts_at((3, 4), (1, 2))
    assert condensed(parts, 10) == parts


def test_many_parts_become_what_is_most_of_each_column() -> None:
    generator = np.random.default_rng(1)
    starts = np.sort(generator.uniform(0, 990, MOST_PARTS + 200))
    parts = [
        Part(start, start + float(generator.uniform(0.01, 3)), label, decided)
        for start, label, decided in zip(
            starts.tolist(),
            generator.choice(LABELS, len(starts)).tolist(),
            (generator.random(len(starts)) < 0.5).tolist(),
            strict=True,
        )
    ]
    found = condensed(parts, 1000.0)
    assert len(found) <= COLUMNS
    assert all(one.end <= other.start for one, other in pairwise(found))
    width = 1000.0 / COLUMNS
    for column in range(COLUMNS):
        seconds: dict[tuple[str, bool], float] = {}
        for part in parts:
            inside = min(part.end, (column + 1) * width) - max(part.start, column * width)
            kind = part.label, part.decided
            seconds[kind] = seconds.get(kind, 0.0) + max(0.0, inside)
        middle = (column + 0.5) * width
        here = [(one.label, one.decided) for one in found if one.start < middle < one.end]
        if max(seconds.values()) > 1e-6:
            assert seconds[here[0]] == pytest.approx(max(seconds.values()))
        else:
            assert here == []


@given(spans)
def test_runs_and_gaps_share_the_time(spans: list[tuple[float, float]]) -> None:
    runs = runs_of(parts_at(*spans), 100.0)
    gaps = gaps_between(runs, 100.0)
    together = sorted([*runs, *gaps])
    unseen = 100.0 / MOMENTS
    assert all(
        -1e-9 <= after[0] - before[1] <= unseen + 1e-9 for before, after in pairwise(together)
    )
    assert together[0][0] <= unseen
    assert together[-1][1] >= 100.0 - unseen
    for start, end in spans:
        assert any(first <= start and end <= last for first, last in runs)


@given(st.integers(1, 5000), st.floats(0.1, 40_000))
def test_a_waveform_keeps_its_peaks_and_its_place(count: int, duration: float) -> None:
    samples = np.random.default_rng(count).uniform(-1, 1, (count, 2)).astype(np.float32)
    found = outline_of(replace(timeline_of([], duration=duration), waveform=np.sort(samples)))
    assert len(found.times) <= MOMENTS
    assert found.low.min() == samples.min()
    assert found.high.max() == samples.max()
    assert (np.diff(found.times) > 0).all()
    assert 0 < found.times[0] <= found.times[-1] < duration
    shape = waveform(found, 10.0, 100.0)
    assert shape.upper.min() >= 10.0 - 1e-9
    assert shape.lower.max() <= 110.0 + 1e-9
    assert (shape.upper < shape.lower).all()


def test_no_waveform_is_a_line_and_hiss_is_low() -> None:
    nothing = replace(timeline_of([]), waveform=np.zeros((0, 2), dtype=np.float32))
    (height,) = waveform(outline_of(nothing), 0.0, 100.0).upper
    assert 49 < height < 50
    hiss = replace(nothing, waveform=np.full((5, 2), 0.001, dtype=np.float32))
    assert waveform(outline_of(hiss), 0.0, 100.0).upper.min() > 48


def test_bands_are_what_the_windows_say() -> None:
    windows = [segment(float(start), start + 3.0, "happy") for start in range(4)]
    found = bands_of(timeline_of([], windows=windows, duration=6.0), None)
    assert found.classes == LABELS
    assert found.shares[:, LABELS.index("happy")] == pytest.approx(0.7, abs=1e-6)
    assert found.shares.sum(axis=1) == pytest.approx(1.0, abs=1e-6)
    assert (np.diff(found.times) > 0).all()


def test_bands_change_where_the_windows_do() -> None:
    windows = [
        segment(float(start), start + 3.0, "happy" if start < 30 else "sad") for start in range(58)
    ]
    found = bands_of(timeline_of([], windows=windows), None)
    happy = found.shares[:, LABELS.index("happy")]
    assert happy[found.times < 28] == pytest.approx(0.7, abs=1e-6)
    assert happy[found.times > 35] == pytest.approx(0.1, abs=1e-6)
    assert (np.diff(happy[(found.times > 28) & (found.times < 35)]) < 1e-6).all()


def test_bands_of_a_long_recording_are_no_more() -> None:
    windows = [segment(float(start), start + 3.0, "sad") for start in range(5000)]
    found = bands_of(timeline_of([], windows=windows, duration=5003.0), None)
    assert COLUMNS / 2 < len(found.times) <= COLUMNS
    assert found.shares[:, LABELS.index("sad")] == pytest.approx(0.7, abs=1e-6)


def test_bands_have_the_classes_of_a_view() -> None:
    windows = [segment(0, 3, "sad")]
    found = bands_of(timeline_of([], windows=windows), "sex-emotion")
    assert set(found.classes) == {
        f"{sex}_{name}"
        for sex in ("female", "male")
        for name in ("dislike", "happy", "sad", "surprised")
    }
    shares = dict(zip(found.classes, found.shares[0].tolist(), strict=True))
    assert shares["female_sad"] == pytest.approx(0.7 * 0.75, abs=1e-6)


@pytest.mark.parametrize("windows", [[], [silence(0, 3)]])
def test_where_nobody_speaks_there_are_classes_without_a_band(windows: list[Window]) -> None:
    timeline = timeline_of([], windows=windows)
    assert bands_of(timeline, None).shares.shape == (0, len(LABELS))
    assert bands_of(timeline, "three").classes == ("negative", "neutral", "positive")
    with pytest.raises(ArgumentInvalid, match="unknown label view"):
        bands_of(timeline, "moods")


def test_bands_stand_upon_each_other() -> None:
    windows = [segment(0, 3, "sad"), segment(1, 4, "happy")]
    shapes = stacked(bands_of(timeline_of([], windows=windows), None), 10.0, 200.0)
    assert shapes[0].upper == pytest.approx(10.0)
    assert shapes[-1].lower == pytest.approx(210.0, abs=1e-3)
    for above, below in pairwise(shapes):
        assert (above.lower == below.upper).all()


def test_a_piece_of_a_shape_ends_where_it_should() -> None:
    shape = Shape(np.array([1.0, 2.0, 3.0]), np.array([0.0, 10, 0]), np.array([20.0, 30, 20]))
    piece = shape.between(1.5, 2.5)
    assert piece.tolist() == [[1.5, 5], [2, 10], [2.5, 5], [2.5, 25], [2, 30], [1.5, 25]]
    assert len(shape.between(5.0, 6.0)) == 4


@pytest.mark.parametrize(
    ("seconds", "duration", "step", "text"),
    [
        (0, 60, 10, "0:00"),
        (605, 700, 5, "10:05"),
        (3599.6, 3599.9, 1, "60:00"),
        (5, 3600, 5, "0:00:05"),
        (36000, 36000, 3600, "10:00:00"),
        (1.25, 3, 0.5, "0:01.2"),
        (59.96, 61, 0.1, "1:00.0"),
    ],
)
def test_clock(seconds: float, duration: float, step: float, text: str) -> None:
    assert clock(seconds, duration, step) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (59.94, "59.9 s"),
        (59.96, "1:00 min"),
        (632, "10:32 min"),
        (3599.7, "1:00:00 h"),
        (36_000, "10:00:00 h"),
    ],
)
def test_length(seconds: float, text: str) -> None:
    assert length(seconds) == text


@given(st.floats(0.01, 10_000_000))
def test_ticks_have_room_and_lie_within(duration: float) -> None:
    step, times = ticks(duration, 10.0)
    assert duration / step <= 10
    assert times[0] == 0
    assert times[-1] <= duration * (1 + 1e-9)
    assert duration - times[-1] < step * (1 + 1e-9)
    assert len(times) >= min(4, duration / 0.1)
