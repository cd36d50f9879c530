"""The unit of a batch: some files that one process judges in a row and writes as one part."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count, islice

from serein.recognition.batch.entries import Entry

MOST_FILES = 256
"""In a block: what a killed process loses at most, about a second of short clips."""

FATAL = 2
"""So many processes that a file ended are enough: it is not tried again."""

_SHARES = 2
"""A block takes so small a part of what is ahead that every process gets so many like it."""
_LEAST_COST, _MOST_COST = 1 << 20, 32 << 20  # bytes
_SMALLEST = 32 << 10
"""Bytes; a smaller file costs as much as one of these."""


@dataclass(frozen=True)
class Block:
    """Some files, and the part of the result that they become.

    Attributes
    ----------
    number
        Of the part: to do a block again is to write the same part again.
    files
        Their paths or addresses.
    hopeless
        Indexes of files that are not judged, as they ended the processes that tried to.
    """

    number: int
    files: tuple[str, ...]
    hopeless: frozenset[int] = frozenset()

    @property
    def part(self) -> str:
        """Name of the file that the block is written to."""
        return f"part-{self.number:05d}.parquet"


def cut_into_blocks(entries: Iterable[Entry], *, workers: int, first: int = 0) -> Iterator[Block]:
    """Cut a long list of files into blocks, lazily.

    A block has up to 256 files and 32 MiB. Towards the end blocks get smaller, so that all
    processes end at about the same time, and few files are spread over all of them.

    Parameters
    ----------
    entries
        The files with their sizes.
    workers
        How many processes will judge.
    first
        Number of the first block.
    """
    ahead: deque[Entry] = deque()
    source = iter(entries)
    cost = 0
    for number in count(first):
        for entry in islice(source, _SHARES * workers * MOST_FILES - len(ahead)):
            ahead.append(entry)
            cost += _cost(entry)
        if not ahead:
            return
        budget = min(max(cost / (_SHARES * workers), _LEAST_COST), _MOST_COST)
        files: list[str] = []
        spent = 0
        while ahead and len(files) < MOST_FILES:
            if files and spent + _cost(ahead[0]) > budget:
                break
            entry = ahead.popleft()
            files.append(entry.file)
            spent += _cost(entry)
        cost -= spent
        yield Block(number, tuple(files))


def _cost(entry: Entry) -> int:
    return max(entry.size, _SMALLEST)
