"""Attention on the time of the recording: nothing is lost, nothing is added, peaks stay put."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serein.explanation import Attention, Moment
from serein.recognition.attention import (
    HOP,
    LEAST_SHARE,
    MOST_MOMENTS,
    MOST_WEIGHTS,
    Stretch,
    find_moments,
    join_attention,
)


def stretch(
    weights: list[float], *, begin: float = 0.0, step: float = 0.04, heard: float | None = None
) -> Stretch:
    values = np.array(weights, dtype=np.float32) / np.float32(sum(weights))
    end = begin + step * len(weights)
    return Stretch(begin, end, end if heard is None else heard, values, 1.0)


def moments(*stretches: Stretch, duration: float) -> tuple[Moment, ...]:
    heard = sum(one.length for one in stretches)
    return find_moments(
        join_attention(stretches, duration=duration), heard=heard, duration=duration
    )


def mass(attention: Attention, begin: float, end: float) -> float:
    first, last = round(begin / attention.hop), round(end / attention.hop)
    return sum(attention.weights[first:last])


@given(
    weights=st.lists(st.floats(0.0, 1.0), min_size=1, max_size=60).filter(lambda w: sum(w) > 1e-3),
    step=st.sampled_from([0.01, 0.04, 0.13]),
    begin=st.floats(0.0, 2.0),
    rest=st.floats(0.0, 2.0),
)
@settings(max_examples=60, deadline=None)
def test_weights_sum_to_one_over_the_whole_recording(
    weights: list[float], step: float, begin: float, rest: float
) -> None:
    duration = begin + step * len(weights) + rest
    found = join_attention([stretch(weights, begin=begin, step=step)], duration=duration)
    assert sum(found.weights) == pytest.approx(1.0)
    assert min(found.weights) >= 0.0
    assert found.hop * (len(found.weights) - 1) <= duration + 1e-6
    assert found.hop * len(found.weights) >= duration - 1e-6
    # The mean time is kept, but for the width of a cell.
    centres = begin + step * (np.arange(len(weights)) + 0.5)
    expected = np.average(centres, weights=weights)
    cells = found.hop * (np.arange(len(found.weights)) + 0.5)
    assert np.dot(cells, found.weights) == pytest.approx(expected, abs=found.hop)
    given_stretch = stretch(weights, begin=begin, step=step)
    for moment in moments(given_stretch, duration=duration):
        assert 0.0 <= moment.start < moment.end <= duration + 1e-6
        assert LEAST_SHARE <= moment.share <= 1.0 + 1e-9


def test_even_attention_is_even_and_has_no_moments() -> None:
    found = join_attention([stretch([1.0] * 50)], duration=2.0)
    assert found.hop == HOP
    assert found.weights == pytest.approx([1 / 40] * 40, rel=1e-4)
    assert moments(stretch([1.0] * 50), duration=2.0) == ()


def test_silence_that_was_trimmed_weighs_nothing_and_makes_nothing_stand_out() -> None:
    found = join_attention([stretch([1.0] * 50, begin=2.0)], duration=6.0)
    assert mass(found, 2.0, 4.0) == pytest.approx(1.0)
    assert moments(stretch([1.0] * 50, begin=2.0), duration=6.0) == ()


def test_padding_is_left_out() -> None:
    weights = [1.0] * 10 + [5.0] * 15  # 0.4 s of sound, then padding to a second
    found = join_attention([stretch(weights, heard=0.4)], duration=0.4)
    assert found.weights == pytest.approx([1 / 8] * 8, rel=1e-4)
    longer = join_attention([stretch(weights, heard=0.4)], duration=0.6)
    assert longer.weights == pytest.approx([1 / 8] * 8 + [0.0] * 4, rel=1e-4)
    nothing = join_attention([stretch([0.0] * 10 + [1.0] * 15, heard=0.4)], duration=0.4)
    assert nothing.weights == pytest.approx([1 / 8] * 8, rel=1e-4)


def test_pieces_weigh_as_they_are_said_to() -> None:
    pieces = [
        Stretch(0.0, 10.0, 10.0, np.full(5, 0.2, np.float32), 3.0),
        Stretch(20.0, 30.0, 30.0, np.full(7, 1 / 7, np.float32), 1.0),
    ]
    found = join_attention(pieces, duration=30.0)
    assert mass(found, 0.0, 10.0) == pytest.approx(0.75)
    assert mass(found, 10.0, 20.0) == 0.0
    assert mass(found, 20.0, 30.0) == pytest.approx(0.25)


def test_long_recording_has_a_longer_hop() -> None:
    count = 30 * MOST_WEIGHTS
    found = join_attention([stretch([1.0] * count)], duration=0.04 * count)
    assert len(found.weights) <= MOST_WEIGHTS
    assert found.hop / HOP == pytest.approx(round(found.hop / HOP))
    assert sum(found.weights) == pytest.approx(1.0)


def test_moments_are_where_the_weight_is_the_heaviest_first() -> None:
    weights = np.full(100, 0.1)
    weights[20:30] = 3.0  # 0.8 to 1.2 s
    weights[60:70] = 6.0  # 2.4 to 2.8 s
    first, second = moments(stretch(weights.tolist()), duration=4.0)
    assert (first.start, first.end) == pytest.approx((2.4, 2.8), abs=0.11)
    assert (second.start, second.end) == pytest.approx((0.8, 1.2), abs=0.11)
    assert first.share == pytest.approx(60 / 98, abs=0.02)
    assert second.share == pytest.approx(30 / 98, abs=0.02)


def test_there_are_few_moments() -> None:
    weights = np.tile([0.0] * 20 + [1.0] * 10, 6).tolist()
    assert len(moments(stretch(weights), duration=0.04 * len(weights))) == MOST_MOMENTS
