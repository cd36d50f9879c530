"""The part of an endless row of numbers that is still needed."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


class Buffer:
    """Holds the end of a row to which numbers are added, by their positions in the whole row.

    Adding a number costs the same however few come at once, and what is forgotten makes room.

    Parameters
    ----------
    dtype
        Of the numbers.
    """

    def __init__(self, dtype: npt.DTypeLike) -> None:
        self._room: npt.NDArray[Any] = np.empty(1024, dtype=dtype)
        self._first = 0  # where the held numbers begin in the room
        self._size = 0
        self.begin = 0
        """Position of the first number that is held."""

    @property
    def end(self) -> int:
        """Position after the last number that came."""
        return self.begin + self._size

    def append(self, values: npt.NDArray[Any]) -> None:
        """Add numbers, shape (n,)."""
        needed = self._size + len(values)
        if self._first + needed > len(self._room):
            held = self._room[self._first : self._first + self._size]
            # At least half of the room is free then, so that moving is rare.
            size = max(len(self._room), 2 * needed)
            self._room = np.empty(size, dtype=self._room.dtype)
            self._room[: self._size] = held
            self._first = 0
        self._room[self._first + self._size : self._first + needed] = values
        self._size = needed

    def forget(self, before: int) -> None:
        """Drop what lies before a position."""
        dropped = min(max(0, before - self.begin), self._size)
        self._first += dropped
        self._size -= dropped
        self.begin += dropped

    def part(self, begin: int, end: int) -> npt.NDArray[Any]:
        """A copy of what is held from one position to another."""
        first, last = (
            self._first + min(max(position, self.begin), self.end) - self.begin
            for position in (begin, end)
        )
        return self._room[first:last].copy()
