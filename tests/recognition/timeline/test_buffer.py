"""The end of an endless row of numbers."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serein.recognition.timeline.buffer import Buffer

STEPS = st.lists(st.tuples(st.integers(0, 3_000), st.integers(-10, 4_000)), max_size=30)


@given(STEPS)
def test_buffer_is_the_end_of_the_whole_row(steps: list[tuple[int, int]]) -> None:
    buffer = Buffer(np.int64)
    whole = np.zeros(0, dtype=np.int64)
    begin = 0
    for added, forgotten in steps:
        more = np.arange(len(whole), len(whole) + added)
        buffer.append(more)
        whole = np.concatenate([whole, more])
        before = begin + forgotten
        buffer.forget(before)
        begin = min(max(begin, before), len(whole))
        assert (buffer.begin, buffer.end) == (begin, len(whole))
        for first, last in ((begin, len(whole)), (begin + 3, len(whole) - 3), (0, len(whole) + 9)):
            held = range(max(first, begin), min(last, len(whole)))
            assert buffer.part(first, last).tolist() == list(held)


@pytest.mark.parametrize(("begin", "end"), [(0, 5), (3, 3), (9, 4), (150, 160), (120, 60)])
def test_part_that_is_not_held_is_empty(begin: int, end: int) -> None:
    buffer = Buffer(np.float32)
    buffer.append(np.arange(100, dtype=np.float32))
    buffer.forget(50)
    assert buffer.part(begin, end).size == 0


def test_part_is_a_copy() -> None:
    buffer = Buffer(np.float32)
    given = np.ones(4, dtype=np.float32)
    buffer.append(given)
    given[:] = 2
    part = buffer.part(0, 4)
    part[:] = 3
    assert buffer.part(0, 4).tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize("held", [100, 5_000])
def test_room_does_not_grow(held: int) -> None:
    buffer = Buffer(np.float32)
    generator = np.random.default_rng(0)
    sizes = generator.integers(0, 2_000, size=20_000).tolist()
    values = np.zeros(2_000, dtype=np.float32)
    tracemalloc.start()
    try:
        for size in sizes:
            buffer.append(values[:size])
            buffer.forget(buffer.end - held)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert buffer.end == sum(sizes)
    # Twice what is held at most, and its copy when it is moved.
    assert peak < 4 * 4 * (held + 2_000) + 20_000
