"""Judging what is heard for as long as it is heard: the loop, and what it tells a display."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from serein.cli.keys import SUSPEND, Keys

if TYPE_CHECKING:
    from serein.audio.sources import Samples
    from serein.cli.live_sound import Heard
    from serein.recognition.timeline.results import Window
    from serein.recognition.timeline.stream import Stream

PAUSE = " "
QUIT = "q"


@dataclass(frozen=True)
class Moment:
    """What a display is told with every block.

    Attributes
    ----------
    elapsed
        Seconds of sound that were judged, pauses left out.
    level
        Of the block, in dBFS; -inf in digital silence, and while it pauses.
    paused
        Whether nothing is judged.
    lost
        Seconds of sound that came faster than they were judged.
    """

    elapsed: float
    level: float
    paused: bool
    lost: float


@dataclass(frozen=True)
class Told:
    """What a whole session came to.

    Attributes
    ----------
    elapsed
        Seconds of sound that were judged.
    windows
        How many judgements there were.
    spoken
        In how many of them somebody spoke.
    labels
        How often each label was sure enough to be relied upon.
    lost
        Seconds of sound that came faster than they were judged.
    """

    elapsed: float
    windows: int
    spoken: int
    labels: Counter[str]
    lost: float

    @property
    def unsure(self) -> int:
        """How many judgements of a voice were not to be relied upon."""
        return self.spoken - self.labels.total()


class Display(Protocol):
    """Who is told of a session, for a person or a program."""

    def window(self, window: Window) -> None:
        """Show a judgement, when it is made."""
        ...

    def moment(self, moment: Moment) -> None:
        """Show what is heard now."""
        ...

    def hide(self) -> None:
        """Leave the terminal to others, until something is to be shown."""
        ...

    def end(self, told: Told) -> None:
        """Show what it all came to."""
        ...


class Session:
    """Judges a sound until it ends or a person quits.

    Parameters
    ----------
    heard
        The sound.
    stream
        Judges it; where something was left out of the sound it begins anew, so that no window
        spans a gap. The times of the windows go on over the gaps.
    display
        Is told of everything.
    keys
        Space pauses and goes on, q quits.
    view
        The label view in which is counted.
    """

    def __init__(
        self, heard: Heard, stream: Stream, display: Display, keys: Keys, *, view: str = "all"
    ) -> None:
        self._heard = heard
        self._stream = stream
        self._display = display
        self._keys = keys
        self._view = view
        self._paused = False
        self._gaps = heard.gaps
        self._begin = 0.0  # seconds where the stream began, the last time
        self._windows = self._spoken = 0
        self._labels: Counter[str] = Counter()

    @property
    def elapsed(self) -> float:
        """Seconds of sound that were judged."""
        return self._begin + self._stream.position

    def run(self) -> None:
        """Go on to the end, and show what it came to, whatever ended it."""
        try:
            while not self._obey() and self._next():
                pass
            self._break_off()
        finally:
            lost = self._heard.lost
            told = Told(self.elapsed, self._windows, self._spoken, self._labels, lost)
            self._display.end(told)

    def _next(self) -> bool:
        """Wait for a block and judge it; whether there was one."""
        block = self._heard.take(paused=self._paused)
        if block is None:
            return False
        if not self._paused:
            self._judge(block)
        level = _level(block, self._heard.sampling_rate)
        self._display.moment(Moment(self.elapsed, level, self._paused, self._heard.lost))
        return True

    def _obey(self) -> bool:
        """Do what the keys say; whether that is to quit."""
        for key in self._keys.pressed():
            if key.lower() == QUIT:
                return True
            if key == PAUSE:
                self._paused = not self._paused
            elif key == SUSPEND:
                self._display.hide()
                self._keys.suspend()
                self._break_off()  # nobody heard what was said meanwhile
        return False

    def _judge(self, block: Samples) -> None:
        if self._heard.gaps != self._gaps:
            self._gaps = self._heard.gaps
            self._break_off()
        self._show(self._stream.push(block))

    def _break_off(self) -> None:
        begin = self.elapsed
        self._show(self._stream.flush())
        self._begin = begin

    def _show(self, windows: Sequence[Window]) -> None:
        for window in windows:
            self._count(window)
            moved = replace(window, start=window.start + self._begin, end=window.end + self._begin)
            self._display.window(moved)

    def _count(self, window: Window) -> None:
        self._windows += 1
        view = window.view(self._view)
        if view is not None:
            self._spoken += 1
            if window.decided:
                self._labels[view.label] += 1


def _level(block: Samples, sampling_rate: int) -> float:
    from serein.audio import frame_levels

    return float(frame_levels(block, sampling_rate).max()) if len(block) else -math.inf
