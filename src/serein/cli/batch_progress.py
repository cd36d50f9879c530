"""How far a batch is, in a line for people."""

from __future__ import annotations

import time
from collections.abc import Sequence
from threading import Thread
from typing import Self

from rich.text import Text

from serein.cli.console import StatusLine
from serein.recognition.batch import Tally, find_files
from serein.recognition.batch.entries import is_address, without_file_scheme
from serein.recognition.batch.inputs import STANDARD_INPUT

_REDRAW = 0.2  # seconds


class Meter(StatusLine):
    """A line on standard error, if a person is there to see it.

    Parameters
    ----------
    inputs
        What the batch was given: the files in it are counted beside, as far as that can be done
        without a network.
    """

    def __init__(self, inputs: Sequence[str]) -> None:
        super().__init__()
        self._inputs = tuple(inputs)
        self._total: int | None = None
        self._begin = time.monotonic()
        self._first: Tally | None = None
        self._last = 0.0

    def __enter__(self) -> Self:
        if self._console.is_terminal and not any(map(_is_far, self._inputs)):
            Thread(target=self._count, daemon=True).start()
        return self

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self._begin

    def show(self, tally: Tally) -> None:
        """Draw the line anew, a few times a second at most.

        Parameters
        ----------
        tally
            What was done, in this run and before.
        """
        if self._first is None:
            self._first = tally
        if not self._console.is_terminal or self.seconds - self._last < _REDRAW:
            return
        self._last = self.seconds
        self.draw(Text(progress_line(tally, self._first, self.seconds, self._total)))

    def _count(self) -> None:
        try:
            self._total = sum(1 for _ in find_files(self._inputs))
        except Exception:  # whatever it is, the batch meets it too and says so
            self._total = None


def _is_far(name: str) -> bool:
    return name == STANDARD_INPUT or is_address(without_file_scheme(name))


def progress_line(tally: Tally, first: Tally, seconds: float, total: int | None) -> str:
    """How far a batch is, how fast, and for how long it goes on.

    Parameters
    ----------
    tally
        What was done, in this run and before.
    first
        What was done when the run began.
    seconds
        Since then.
    total
        How many files there are, or None where nobody knows.
    """
    files = tally.files - first.files
    rate = files / seconds if seconds > 0 else 0.0
    parts = [f"{tally.files:,}" + ("" if total is None else f" of {total:,}") + " files"]
    if rate > 0:
        parts += [f"{rate:,.0f} files/s", f"{(tally.seconds / seconds):,.0f} times real time"]
        if total is not None and total > tally.files:
            parts.append(f"{duration((total - tally.files) / rate)} left")
    if tally.failed:
        parts.append(f"{tally.failed:,} failed")
    return ", ".join(parts)


def described(before: Tally, done: Tally, seconds: float) -> str:
    """What a batch did, in a line.

    >>> described(Tally(), Tally(1200, 3, 7200.0), 4.0)
    '1,200 files, 2.0 h of audio in 4 s (1,800 times real time), 3 failed'
    """
    known = done.seconds > 0 and seconds > 0
    speed = f" ({done.seconds / seconds:,.0f} times real time)" if known else ""
    files = f"{done.files:,} file{'' if done.files == 1 else 's'}"
    audio = f"{duration(done.seconds)} of audio in {duration(seconds)}{speed}"
    return f"{files}, {audio}, {before.failed + done.failed:,} failed"


def duration(seconds: float) -> str:
    """A duration for people.

    >>> duration(41.2), duration(200), duration(43_560)
    ('41 s', '3.3 min', '12.1 h')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"
