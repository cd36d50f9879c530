"""Where windows lie."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serein.errors import ArgumentInvalid
from serein.recognition.timeline.layout import Layout, Span
from serein.recognition.timeline.turns import Turn

RATES = st.sampled_from([8_000, 16_000, 22_050])
WINDOW_LENGTHS = st.floats(0.5, 30.0)


@st.composite
def layouts(draw: st.DrawFn) -> Layout:
    window = draw(WINDOW_LENGTHS)
    return Layout(window, draw(st.floats(0.05, 1.0)) * (window - 0.05) + 0.05, draw(RATES))


def naive(total: int, layout: Layout) -> list[tuple[int, int]]:
    """The rule of the interfaces, once more in the simplest words."""
    length = round(layout.window * layout.sampling_rate)
    found: list[tuple[int, int]] = []
    heard = number = 0
    while True:
        begin = round(number * layout.hop * layout.sampling_rate)
        if begin >= total:
            return found
        end = min(begin + length, total)
        is_whole, is_new = end - begin == length, end > heard
        if is_whole or not found or (is_new and end - begin >= length / 2):
            found.append((begin, end))
            heard = end
        number += 1


@given(layouts(), st.integers(0, 40 * 22_050))
def test_windows_are_those_of_the_rule(layout: Layout, total: int) -> None:
    found = [(span.begin, span.end) for span in layout.within(0, total)]
    assert found == naive(total, layout)


@given(layouts(), st.integers(1, 40 * 22_050))
def test_nothing_but_the_end_is_left_out(layout: Layout, total: int) -> None:
    spans = list(layout.within(0, total))
    assert spans[0].begin == 0
    # Rounding may leave out a single sample where windows do not overlap.
    assert all(after.begin <= before.end + 1 for before, after in pairwise(spans))
    assert total - spans[-1].end < layout.length / 2 + 1
    assert all(before.end < after.end for before, after in pairwise(spans))


def seconds(spans: list[Span], rate: int = 1_000) -> list[tuple[float, float]]:
    return [(span.begin / rate, span.end / rate) for span in spans]


@pytest.mark.parametrize(
    ("total", "last"),
    [
        (0.001, (0, 0.001)),
        (2.999, (0, 2.999)),
        (3.0, (0, 3)),
        (3.001, (1, 3.001)),  # new: the last millisecond
        (4.0, (1, 4)),
        (4.499, (2, 4.499)),
    ],
)
def test_end_of_a_recording(total: float, last: tuple[float, float]) -> None:
    layout = Layout(3.0, 1.0, 1_000)
    assert seconds(list(layout.within(0, round(1_000 * total))))[-1] == last


def test_what_is_left_is_kept_from_half_a_window_on() -> None:
    layout = Layout(3.0, 3.0, 1_000)
    assert seconds(list(layout.within(0, 4_499))) == [(0, 3)]
    assert seconds(list(layout.within(0, 4_500))) == [(0, 3), (3, 4.5)]


@pytest.mark.parametrize(("hop", "rate"), [(0.1, 16_000), (0.31, 22_050), (1 / 3, 8_000)])
def test_windows_do_not_drift_over_months(hop: float, rate: int) -> None:
    layout = Layout(1.0, hop, rate)
    for number in (10**7, 10**7 + 1):
        assert abs(layout.offset(number) - number * Fraction(hop) * rate) <= 0.501  # samples
    spans = list(islice(layout.whole(), 1_000))
    assert [span.begin for span in spans] == [layout.offset(number) for number in range(1_000)]
    assert {span.end - span.begin for span in spans} == {rate}


TURNS = st.lists(
    st.tuples(st.integers(0, 60_000), st.integers(1, 20_000), st.sampled_from(["A", "B", None])),
    max_size=8,
)


@given(layouts(), TURNS)
def test_windows_lie_within_turns(layout: Layout, told: list[tuple[int, int, str | None]]) -> None:
    turns = [Turn(begin / 1000, (begin + length) / 1000, who) for begin, length, who in told]
    spans = list(layout.turns(turns))
    assert [span.begin for span in spans] == sorted(span.begin for span in spans)
    expected = []
    for turn in turns:
        first = round(turn.start * layout.sampling_rate)
        length = round(turn.end * layout.sampling_rate) - first
        lie = naive(length, layout)
        expected += [(first + begin, first + end, turn.speaker) for begin, end in lie]
    found = [(span.begin, span.end, span.speaker) for span in spans]
    assert sorted(found, key=str) == sorted(expected, key=str)


def test_turns_are_begun_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[int] = []
    within = Layout.within

    def counted(self: Layout, begin: int, end: int, speaker: str | None) -> Iterator[Span]:
        begun.append(begin)
        return within(self, begin, end, speaker)

    monkeypatch.setattr(Layout, "within", counted)
    turns = [Turn(float(second), second + 1.5, "A") for second in range(1_000)]
    spans = Layout(3.0, 1.0, 1_000).turns(turns)
    assert next(spans) == Span(0, 1_500, "A")
    assert len(begun) <= 2
    assert len(list(spans)) == 999


@pytest.mark.parametrize("window", [0.0, 0.49, 30.1, -3.0, math.nan, math.inf])
def test_window_out_of_range_is_refused(window: float) -> None:
    with pytest.raises(ArgumentInvalid, match=r"a window has 0.5 to 30 s, not"):
        Layout(window, 1.0, 16_000)


@pytest.mark.parametrize("hop", [0.0, 0.04, 3.1, -1.0, math.nan, math.inf])
def test_hop_out_of_range_is_refused(hop: float) -> None:
    with pytest.raises(ArgumentInvalid, match=r"a hop has 0.05 s up to the window's 3 s"):
        Layout(3.0, hop, 16_000)


@pytest.mark.parametrize(
    ("start", "end"), [(-1, 2), (2, 2), (3, 1), (math.nan, 1), (0, math.nan), (0, math.inf)]
)
def test_turn_that_is_no_stretch_of_time_is_refused(start: float, end: float) -> None:
    with pytest.raises(ArgumentInvalid, match="a turn ends after it starts"):
        Turn(start, end)
