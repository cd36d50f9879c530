"""What ``serein live`` hears: a microphone, or a file at the pace at which it would be heard."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from serein.audio.microphone import BLOCK, listen
from serein.errors import EmptyFile

if TYPE_CHECKING:
    from serein.audio import Limits, Source
    from serein.audio.decode import Sound
    from serein.audio.microphone import Listening
    from serein.audio.sources import Samples

_LATEST = 0.2  # seconds; who is later has no hurry any more, and goes on from there


@dataclass(frozen=True)
class Clock:
    """Tells the time in seconds, and lets some pass."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class Heard(Protocol):
    """A sound that comes block by block.

    Attributes
    ----------
    name
        What it comes from.
    sampling_rate
        Hz.
    gaps
        How often something was left out of it: while it paused, or because it came too fast.
    lost
        Seconds of it that came too fast.
    """

    name: str
    sampling_rate: int
    gaps: int
    lost: float

    def take(self, *, paused: bool) -> Samples | None:
        """Wait for the next block, about 0.1 s; none of it while it pauses, None at its end."""
        ...


@contextmanager
def from_microphone(device: int) -> Iterator[Heard]:
    """Hear a microphone for as long as the block runs."""
    with listen(device) as listening:
        yield _Microphone(listening)


@contextmanager
def from_file(
    source: Source, name: str, *, limits: Limits, clock: Clock | None = None
) -> Iterator[HeardFile]:
    """Read a file for as long as the block runs, in memory that does not grow with it."""
    from serein.audio.decode import open_sound

    with open_sound(source, limits=limits) as sound:
        yield HeardFile(sound, name, clock or Clock())


class _Microphone:
    """While it pauses the device is still heard, so that nothing piles up, and nothing is kept."""

    def __init__(self, listening: Listening) -> None:
        self.name = listening.device.name
        self.sampling_rate = listening.sampling_rate
        self.gaps = 0
        self.lost = 0.0
        self._listening = listening
        self._blocks = iter(listening)

    def take(self, *, paused: bool) -> Samples | None:
        block = next(self._blocks)
        if paused or self._listening.lost > self.lost:
            self.gaps += 1
        self.lost = self._listening.lost
        return block[:0] if paused else block


class HeardFile:
    """A file; while it pauses it is not read, so that it has no gaps."""

    def __init__(self, sound: Sound, name: str, clock: Clock) -> None:
        self.name = name
        self.sampling_rate = sound.sampling_rate
        self.gaps = 0
        self.lost = 0.0
        self._sound = sound
        self._clock = clock
        self._due = clock.now()
        self._blocks = _cut(sound)

    def take(self, *, paused: bool) -> Samples | None:
        """Read the next block and let its time pass; see :class:`Heard`."""
        if paused:
            self._clock.sleep(BLOCK)
            self._due = self._clock.now()
            return np.zeros(0, dtype=np.float32)
        block = next(self._blocks, None)
        if block is not None:
            self._wait(len(block) / self.sampling_rate)
        return block

    def doubts(self) -> Iterator[str]:
        """What is doubtful about the file, as far as it was read."""
        read = self._sound.recording(np.zeros(0, dtype=np.float32), self.sampling_rate)
        if read.truncated:
            yield "the file is cut short; what is there was judged"
        if read.out_of_phase:
            yield (
                "its channels cancel each other, and were averaged nevertheless; 'serein timeline'"
                " takes the louder one"
            )

    def _wait(self, seconds: float) -> None:
        """Let a block have passed before it is heard, as a microphone does."""
        self._due += seconds
        early = self._due - self._clock.now()
        if early > 0:
            self._clock.sleep(early)
        elif early < -_LATEST:
            self._due = self._clock.now()


def _cut(sound: Sound) -> Iterator[Samples]:
    """Blocks of one length, whatever the decoder gives; the last has what is left.

    Raises
    ------
    AudioError
    """
    length = max(1, round(BLOCK * sound.sampling_rate))
    rest = np.zeros(0, dtype=np.float32)
    for block in sound.mono():
        joined = np.concatenate([rest, block])
        whole = len(joined) // length * length
        for begin in range(0, whole, length):
            yield joined[begin : begin + length]
        rest = joined[whole:]
    if len(rest):
        yield rest
    if not sound.duration:
        raise EmptyFile("The file holds no samples.")
