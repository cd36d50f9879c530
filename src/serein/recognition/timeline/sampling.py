"""Bounded memory for a recording of any length: evenly chosen items, and the shape of its wave."""

from __future__ import annotations

from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from serein.audio.sources import Samples

Item = TypeVar("Item")


class EvenSample(Generic[Item]):
    """Keeps some of the items that come, evenly over all of them, however many they will be.

    Whenever there are too many, every second is dropped, and from then on every second of those
    that would have been taken is.

    Parameters
    ----------
    most
        Items that are kept at most; at least half as many are, once so many came.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._stride = 1
        self._came = 0
        self.items: list[Item] = []

    def add(self, item: Item) -> None:
        """Take an item, or leave it."""
        if self._came % self._stride == 0:
            self.items.append(item)
        self._came += 1
        if len(self.items) > self._most:
            self.items = self.items[::2]
            self._stride *= 2


class Waveform:
    """The lowest and the highest sample of equal stretches of a sound that still comes.

    Parameters
    ----------
    most
        Stretches at most, an even number; they become twice as long whenever they do not suffice.
    """

    def __init__(self, most: int = 4096) -> None:
        self._most = most
        self._length = 16  # samples in a stretch
        self._extremes = np.zeros((0, 2), dtype=np.float32)
        self._begun = np.zeros(0, dtype=np.float32)

    def add(self, samples: Samples) -> None:
        """Take samples, float32 (n,)."""
        samples = np.concatenate([self._begun, samples])
        whole = len(samples) // self._length
        stretches = samples[: whole * self._length].reshape(whole, self._length)
        self._begun = samples[whole * self._length :]
        found = np.column_stack([stretches.min(axis=1), stretches.max(axis=1)])
        self._extremes = np.concatenate([self._extremes, found])
        while len(self._extremes) + bool(len(self._begun)) > self._most:
            self._halve()

    def _halve(self) -> None:
        # One stretch may have no partner yet: it goes on growing with the samples that come. What
        # it held is told by its extremes as well, as they are all that is wanted of it.
        pairs = len(self._extremes) // 2
        rest = self._extremes[2 * pairs :]
        merged = self._extremes[: 2 * pairs].reshape(pairs, 2, 2)
        lowest, highest = merged[:, :, 0].min(axis=1), merged[:, :, 1].max(axis=1)
        if len(rest):
            filled = np.resize(rest[0], self._length)
            self._begun = np.concatenate([filled, self._begun])
        self._extremes = np.column_stack([lowest, highest])
        self._length *= 2

    def extremes(self) -> npt.NDArray[np.float32]:
        """float32 (stretches, 2); the last may stand for less sound than the others."""
        if not len(self._begun):
            return self._extremes
        last = [[self._begun.min(), self._begun.max()]]
        return np.concatenate([self._extremes, np.array(last, dtype=np.float32)])
