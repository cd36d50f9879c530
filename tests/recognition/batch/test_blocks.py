from __future__ import annotations

from itertools import count, islice

from hypothesis import given
from hypothesis import strategies as st

from serein.recognition.batch import Entry, cut_into_blocks
from serein.recognition.batch.blocks import MOST_FILES

SIZES = st.one_of(st.integers(0, 10**5), st.integers(0, 10**9))


@given(st.lists(SIZES, max_size=2000), st.integers(1, 8), st.integers(0, 50))
def test_blocks_hold_every_file_once_and_in_order(
    sizes: list[int], workers: int, first: int
) -> None:
    entries = [Entry(f"{index}.wav", size) for index, size in enumerate(sizes)]
    blocks = list(cut_into_blocks(entries, workers=workers, first=first))
    assert [file for block in blocks for file in block.files] == [one.file for one in entries]
    assert [block.number for block in blocks] == list(range(first, first + len(blocks)))
    assert len({block.part for block in blocks}) == len(blocks)
    assert all(1 <= len(block.files) <= MOST_FILES for block in blocks)
    cost = dict(entries)
    for block in blocks:
        assert len(block.files) == 1 or sum(cost[file] for file in block.files) <= 32 * 2**20


def test_small_clips_fill_blocks_until_the_end_is_near() -> None:
    entries = [Entry(f"{index}.wav", 96_000) for index in range(20_000)]
    sizes = [len(block.files) for block in cut_into_blocks(entries, workers=2)]
    assert sizes[0] == MOST_FILES
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] < 16


def test_long_recordings_are_spread() -> None:
    entries = [Entry(f"{index}.mp3", 3_000_000) for index in range(8)]
    assert len(list(cut_into_blocks(entries, workers=4))) >= 4


def test_what_is_ahead_is_bounded() -> None:
    taken = []

    def endless() -> object:
        for index in count():
            taken.append(index)
            yield Entry(f"{index}.wav", 100_000)

    blocks = list(islice(cut_into_blocks(endless(), workers=2), 10))  # type: ignore[arg-type]
    assert len(blocks) == 10
    assert len(taken) <= 14 * MOST_FILES
