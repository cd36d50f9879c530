"""From overlapping windows to segments."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import pairwise, product
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serein.recognition.timeline.layout import Layout
from serein.recognition.timeline.results import Window, Windows
from serein.recognition.timeline.segments import (
    CELL,
    SHORTEST,
    blend,
    merged,
    most_likely_path,
    segments_of,
)
from serein.recognition.timeline.turns import Turn
from serein.results import most_probable

LABELS = ("angry", "happy", "sad")
Shares = Sequence[float]
Spans = Sequence[tuple[float, float]]


def window(
    start: float,
    end: float,
    shares: Shares | None,
    *,
    speech: float | None = None,
    speaker: str | None = None,
) -> Window:
    """A window judged so; one in which nobody speaks where there are no shares."""
    if shares is None:
        return Window(start, end, 0.1 if speech is None else speech, speaker=speaker)
    probabilities = MappingProxyType(dict(zip(LABELS, shares, strict=True)))
    label, confidence = most_probable(probabilities)
    told = 0.9 if speech is None else speech
    return Window(
        start=start,
        end=end,
        speech=told,
        label=label,
        confidence=confidence,
        probabilities=probabilities,
        sex=MappingProxyType({"female": 0.5, "male": 0.5}),
        speaker=speaker,
    )


def held(windows: Sequence[Window]) -> Windows:
    numbers = Windows(LABELS)
    for one in windows:
        numbers.append(one)
    return numbers


def recording(
    judge: Sequence[Shares | None] | Shares | None,
    *,
    duration: float,
    length: float = 3.0,
    hop: float = 1.0,
    speech: float | None = None,
) -> Windows:
    """A recording whose windows are judged alike, or one by one."""
    spans = list(Layout(length, hop, 1_000).within(0, round(1_000 * duration)))
    judged = [judge] * len(spans) if judge is None or isinstance(judge[0], float) else judge
    return held(
        [
            window(span.begin / 1_000, span.end / 1_000, one, speech=speech)  # type: ignore[arg-type]
            for span, one in zip(spans, judged, strict=True)
        ]
    )


def segments(
    windows: Windows, spoken: Spans = ((0.0, 1e9),), *, duration: float | None = None
) -> list[Window]:
    """The segments of windows that name no speaker."""
    return segments_of(
        windows,
        {None: spoken},
        duration=float(windows.ends.max(initial=0.0)) if duration is None else duration,
        minimum_confidence=0.4,
        shortest=0.5,
    )


# --- blending ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("length", "hop"), [(3.0, 1.0), (0.7, 0.31), (30.0, 30.0), (0.5, 0.05)])
@pytest.mark.parametrize("duration", [0.1, 0.4, 2.0, 61.3])
def test_blend_of_windows_that_agree_is_what_they_say(
    duration: float, length: float, hop: float
) -> None:
    windows = recording((0.2, 0.5, 0.3), duration=duration, length=length, hop=hop, speech=0.8)
    found = blend(windows)
    assert len(found.speech) == np.ceil(windows.ends.max() / CELL)
    np.testing.assert_allclose(found.speech, 0.8, atol=1e-5)
    expected = np.tile([0.2, 0.5, 0.3, 0.5, 0.5], (len(found.shares), 1))
    np.testing.assert_allclose(found.shares, expected, atol=1e-5)


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=20), st.sampled_from([0.5, 1.0, 3.0]))
def test_blend_is_the_weighted_mean_in_each_moment(shares: list[float], hop: float) -> None:
    told = [(share, 1.0 - share, 0.0) for share in shares]
    windows = held([window(n * hop, n * hop + 3.0, one) for n, one in enumerate(told)])
    found = blend(windows)
    for cell, row in enumerate(found.shares):
        moment = (cell + 0.5) * CELL
        apart = np.abs(np.arange(len(shares)) * hop + 1.5 - moment) / 3.0
        weights = np.where(apart < 1, 0.5 + 0.5 * np.cos(np.pi * apart), 0.0)
        assert row[0] == pytest.approx(np.average(shares, weights=weights), abs=1e-5)


def test_where_no_window_lies_nobody_speaks() -> None:
    windows = held([window(2.0, 5.0, (1.0, 0.0, 0.0)), window(8.0, 9.0, (1.0, 0.0, 0.0))])
    found = blend(windows)
    assert np.flatnonzero(found.speech).tolist() == [*range(8, 20), *range(32, 36)]


def test_windows_without_speech_have_no_say_in_the_emotion() -> None:
    windows = held([window(0, 3, (0.0, 0.9, 0.1)), window(1, 4, None), window(2, 5, None)])
    found = blend(windows)
    np.testing.assert_allclose(found.shares[:12, :3], [[0.0, 0.9, 0.1]] * 12, atol=1e-6)
    assert found.speech[0] > 0.5 > found.speech[12]


# --- the path ---------------------------------------------------------------------------------


def worth(shares: npt.NDArray[np.float64], path: Sequence[int], change: float) -> float:
    gained = sum(row[label] for row, label in zip(shares, path, strict=True))
    return float(gained) - change * sum(one != other for one, other in pairwise(path))


@given(st.integers(1, 7), st.integers(1, 3), st.floats(0.0, 3.0), st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_path_is_the_best_of_all(count: int, labels: int, change: float, seed: int) -> None:
    shares = np.random.default_rng(seed).dirichlet(np.ones(labels), size=count)
    best = max(worth(shares, path, change) for path in product(range(labels), repeat=count))
    found = most_likely_path(shares.astype(np.float32), change)
    assert found.shape == (count,)
    assert worth(shares, found.tolist(), change) == pytest.approx(best, abs=1e-5)


def test_path_of_ten_hours_is_still_exact() -> None:
    # In single precision the small advantages of the last hour would be lost beside the sum.
    rows = np.full((10 * 3_600, 2), 0.25, dtype=np.float32)
    rows[:-3_600, 0] += np.float32(0.001)
    rows[-3_600:, 1] += np.float32(0.0004)
    assert most_likely_path(rows, 0.5).tolist() == [0] * (9 * 3_600) + [1] * 3_600


# --- segments ---------------------------------------------------------------------------------


def test_one_voice_in_one_mood_is_one_segment() -> None:
    (found,) = segments(recording((0.1, 0.7, 0.2), duration=20.0))
    assert (found.start, found.end) == (0.0, 20.0)
    assert (found.label, found.decided) == ("happy", True)
    assert found.probabilities == pytest.approx({"angry": 0.1, "happy": 0.7, "sad": 0.2}, abs=1e-5)
    assert found.speech == pytest.approx(0.9, abs=1e-5)
    assert found.sex == pytest.approx({"female": 0.5, "male": 0.5})


@pytest.mark.parametrize(("length", "hop"), [(3.0, 1.0), (3.0, 0.5), (2.0, 2.0), (0.7, 0.31)])
@pytest.mark.parametrize("border", [8.0, 10.5, 13.3])
def test_two_halves_are_two_segments(border: float, length: float, hop: float) -> None:
    """A window tells of what it holds: of each half as much as is in it."""
    duration = 20.0
    told = []
    for span in Layout(length, hop, 1_000).within(0, round(1_000 * duration)):
        start, end = span.begin / 1_000, span.end / 1_000
        before = (min(max(border, start), end) - start) / (end - start)
        told.append((0.8 * before + 0.1 * (1 - before), 0.8 * (1 - before) + 0.1 * before, 0.1))
    windows = recording(told, duration=duration, length=length, hop=hop)
    first, second = segments(windows, duration=duration)
    assert (first.label, second.label) == ("angry", "happy")
    assert first.end == second.start
    # It is found on the grid, and no nearer.
    assert first.end == pytest.approx(border, abs=max(hop / 2, CELL / 2 + 0.001))
    assert (first.start, second.end) == (0.0, duration)


@pytest.mark.parametrize("hop", [0.25, 0.5, 1.0])
def test_window_that_flickers_is_no_segment(hop: float) -> None:
    told = [(0.6, 0.3, 0.1)] * len(recording(None, duration=20.0, hop=hop))
    told[len(told) // 2] = (0.0, 1.0, 0.0)
    (found,) = segments(recording(told, duration=20.0, hop=hop))
    assert found.label == "angry"


def test_pause_that_is_known_parts_segments() -> None:
    spoken = [(0.3, 4.12), (6.0, 9.5)]
    found = segments(recording((0.1, 0.7, 0.2), duration=12.0), spoken)
    assert [(one.start, one.end) for one in found] == spoken
    assert {one.label for one in found} == {"happy"}


def test_pause_in_the_windows_parts_segments() -> None:
    spoken: list[Shares | None] = [(0.7, 0.2, 0.1)] * 5
    told = [*spoken, *[None] * 5, *spoken]
    first, second = segments(recording(told, duration=17.0))
    # Windows 5 to 9 begin at 5 to 9 s and are silent: nobody speaks around their middles.
    assert first.end == pytest.approx(6.0, abs=0.5)
    assert second.start == pytest.approx(11.0, abs=0.5)


def test_what_only_the_model_takes_for_speech_is_told() -> None:
    (found,) = segments(recording((0.1, 0.7, 0.2), duration=12.0), [(30.0, 40.0)])
    assert (found.start, found.end) == (0.0, 12.0)


def test_where_nobody_speaks_there_is_no_segment() -> None:
    assert segments(recording(None, duration=12.0)) == []
    assert segments(held([])) == []


def test_segment_that_is_short_or_unsure_is_not_decided() -> None:
    (short,) = segments(recording((0.1, 0.7, 0.2), duration=9.0), [(4.0, 4.4)])
    (unsure,) = segments(recording((0.3, 0.38, 0.32), duration=9.0))
    assert (short.decided, unsure.decided) == (False, False)
    assert short.duration == pytest.approx(0.4)
    assert unsure.label == "happy"


@pytest.mark.parametrize("left", [1e-9, 0.02])
def test_sliver_of_a_phrase_is_no_segment(left: float) -> None:
    told: list[Shares | None] = [None] * 5 + [(0.7, 0.2, 0.1)] * 5
    windows = recording(told, duration=12.0)
    (whole,) = segments(windows)
    # A phrase that ends just after the windows begin to tell of speech, and another one.
    found = segments(windows, [(0.0, whole.start + left), (10.0, 11.0)])
    assert [(one.start, one.end) for one in found] == [(10.0, 11.0)]


@pytest.mark.parametrize("duration", [0.1, 0.2, 0.6, 2.0])
def test_short_recording_has_its_segment(duration: float) -> None:
    (found,) = segments(recording((0.1, 0.7, 0.2), duration=duration))
    assert (found.start, found.end, found.label) == (0.0, duration, "happy")


def test_segment_ends_with_the_recording_and_not_after_it() -> None:
    duration = 2.00067  # rounded to milliseconds it would be longer
    windows = held([window(0.0, 2.0007, (0.1, 0.7, 0.2))])
    (found,) = segments(windows, duration=duration)
    assert found.end == 2.0
    (found,) = segments(held([window(0.0, 2.0006, (0.1, 0.7, 0.2))]), duration=2.0006)
    assert found.end == 2.0


# --- speakers ---------------------------------------------------------------------------------


def told_by(turns: Sequence[Turn], judge: dict[str, Shares]) -> list[Window]:
    spans = Layout(3.0, 1.0, 1_000).turns(turns)
    return segments_of(
        held(
            [
                window(
                    span.begin / 1_000,
                    span.end / 1_000,
                    judge[span.speaker or ""],
                    speaker=span.speaker,
                )
                for span in spans
            ]
        ),
        {
            name: merged([(one.start, one.end) for one in turns if one.speaker == name])
            for name in {turn.speaker for turn in turns}
        },
        duration=100.0,
        minimum_confidence=0.3,
        shortest=0.5,
    )


def test_speakers_have_segments_of_their_own() -> None:
    turns = [Turn(0, 6.2, "Anna"), Turn(5, 9, "Bob"), Turn(9.5, 11, "Anna")]
    found = told_by(turns, {"Anna": (0.8, 0.1, 0.1), "Bob": (0.1, 0.1, 0.8)})
    assert [(one.start, one.end, one.speaker, one.label) for one in found] == [
        (0, 6.2, "Anna", "angry"),
        (5, 9, "Bob", "sad"),
        (9.5, 11, "Anna", "angry"),
    ]


@pytest.mark.parametrize(("start", "end"), [(1.2, 1.26), (1.1, 1.17), (1.3, 1.4), (7.24, 7.5)])
def test_turn_shorter_than_the_grid_is_not_lost(start: float, end: float) -> None:
    (found,) = told_by([Turn(start, end, "Anna")], {"Anna": (0.8, 0.1, 0.1)})
    assert (found.start, found.end, found.speaker) == (start, end, "Anna")


def test_gap_between_turns_is_not_spoken_in() -> None:
    """The last window of a turn reaches beyond it when it is blended."""
    windows = [window(float(n), n + 3.0, None, speaker="Anna") for n in range(7)]
    windows.append(window(7.0, 10.0, (0.8, 0.1, 0.1), speech=0.55, speaker="Anna"))
    windows.append(window(20.0, 23.0, None, speaker="Anna"))
    found = segments_of(
        held(windows),
        {"Anna": [(0.0, 10.0), (20.0, 23.0)]},
        duration=30.0,
        minimum_confidence=0.3,
        shortest=0.5,
    )
    assert all(one.end <= 10.0 for one in found)


# --- whatever comes ---------------------------------------------------------------------------


@given(
    seed=st.integers(0, 10**6),
    duration=st.floats(0.1, 60.0),
    length=st.floats(0.5, 6.0),
    overlap=st.floats(0.1, 1.0),
)
@settings(max_examples=60, deadline=None)
def test_segments_are_sound(seed: int, duration: float, length: float, overlap: float) -> None:
    generator = np.random.default_rng(seed)
    layout = Layout(length, max(0.05, overlap * length), 16_000)
    windows = []
    for span in layout.within(0, round(16_000 * duration) or 1):
        speech = float(generator.uniform())
        shares = generator.dirichlet(np.full(3, 0.5)).tolist() if speech >= 0.5 else None
        start, end = span.begin / 16_000, span.end / 16_000
        windows.append(window(start, end, shares, speech=speech))
    edges = np.sort(generator.uniform(0, duration, size=2 * int(generator.integers(8)))).tolist()
    spoken = list(zip(edges[::2], edges[1::2], strict=True))
    found = segments(held(windows), spoken, duration=duration)
    for one in found:
        assert 0 <= one.start < one.end <= duration
        assert one.duration >= SHORTEST - 0.001 or one.duration >= CELL
        assert one.probabilities is not None
        assert sum(one.probabilities.values()) == pytest.approx(1.0, abs=1e-5)
        assert (one.label, one.confidence) == most_probable(one.probabilities)
        assert one.speech >= 0.5
    for before, after in pairwise(found):
        assert before.end <= after.start
        # Cut without a pause between them, two neighbours differ.
        parted = any(edge == pytest.approx(after.start, abs=0.002) for edge in edges)
        if before.end == after.start and not parted:
            assert before.label != after.label


def test_ten_hours_take_seconds() -> None:
    generator = np.random.default_rng(0)
    rows = generator.dirichlet(np.ones(3), size=36_000)
    windows = held([window(float(n), n + 3.0, row.tolist()) for n, row in enumerate(rows)])
    begin = time.perf_counter()
    found = segments(windows, [(60.0 * n, 60.0 * n + 50) for n in range(600)])
    assert time.perf_counter() - begin < 15  # about 1 s on an idle core
    assert len(found) >= 600
    assert [one.start for one in found] == sorted(one.start for one in found)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 10)), max_size=10))
def test_merged_spans_are_the_union(told: list[tuple[int, int]]) -> None:
    spans = [(float(start), float(start + length)) for start, length in told]
    found = merged(spans)
    assert all(before[1] < after[0] for before, after in pairwise(found))
    moments = np.arange(0.5, 61)
    for moment in moments.tolist():
        inside = any(start < moment < end for start, end in spans)
        assert inside == any(start < moment < end for start, end in found)
