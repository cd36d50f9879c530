"""Bounded memory: evenly chosen items, and the shape of a wave."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serein.recognition.timeline.sampling import EvenSample, Waveform

SIZES = st.lists(st.integers(0, 700), max_size=20)


def fed(
    samples: np.ndarray[tuple[int], np.dtype[np.float32]], sizes: list[int], most: int
) -> Waveform:
    waveform = Waveform(most)
    begin = 0
    for size in [*sizes, len(samples)]:
        waveform.add(samples[begin : begin + size])
        begin += size
    return waveform


@given(st.integers(0, 9_000), SIZES, st.sampled_from([2, 4, 10, 64]), st.integers(0, 9))
def test_extremes_are_those_of_equal_stretches(
    count: int, sizes: list[int], most: int, seed: int
) -> None:
    samples = np.random.default_rng(seed).standard_normal(count).astype(np.float32)
    found = fed(samples, sizes, most).extremes()
    length = 16
    while -(-count // length) > most:
        length *= 2
    stretches = [samples[begin : begin + length] for begin in range(0, count, length)]
    expected = [[one.min(), one.max()] for one in stretches]
    assert found.tolist() == expected
    assert found.dtype == np.float32
    assert found.shape == (len(expected), 2)


@pytest.mark.parametrize("count", [16 * 4096, 16 * 4096 + 1, 5_000_011])
def test_there_are_at_most_4096_stretches(count: int) -> None:
    waveform = Waveform()
    waveform.add(np.zeros(count, dtype=np.float32))
    assert 2_048 <= len(waveform.extremes()) <= 4_096


@given(st.integers(0, 3_000), st.integers(1, 40))
def test_items_are_kept_evenly(count: int, most: int) -> None:
    sample: EvenSample[int] = EvenSample(most)
    for number in range(count):
        sample.add(number)
    kept = sample.items
    assert min(count, (most + 1) // 2) <= len(kept) <= most
    steps = set(np.diff(kept).tolist())
    assert len(steps) <= 1  # one distance throughout
    if kept:
        step = steps.pop() if steps else count
        assert kept[0] == 0
        assert count - kept[-1] <= step  # up to the end
