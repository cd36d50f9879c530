"""Where the windows of a recording lie, whether its end is known yet or not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING

from serein.errors import ArgumentInvalid

if TYPE_CHECKING:
    from serein.recognition.timeline.turns import Turn

WINDOW = 3.0  # seconds
HOP = 1.0  # seconds
WINDOWS = (0.5, 30.0)
"""The shortest and the longest window in seconds."""
SHORTEST_HOP = 0.05  # seconds


@dataclass(frozen=True)
class Span:
    """A stretch of a recording that is judged as one.

    Attributes
    ----------
    begin, end
        Indexes of samples, at the model's rate.
    speaker
        Who speaks, or None.
    before
        Where the window before it in the same stretch ended; None if it is the first.
    """

    begin: int
    end: int
    speaker: str | None = None
    before: int | None = None


@dataclass(frozen=True)
class Layout:
    """Windows of one length, each a hop after the one before.

    The last window is whatever is left of it at the end, if that is at least half a window and
    something in it was in none before. A stretch shorter than a window is one window.

    Attributes
    ----------
    window, hop
        Seconds.
    sampling_rate
        Hz.
    """

    window: float
    hop: float
    sampling_rate: int

    def __post_init__(self) -> None:
        shortest, longest = WINDOWS
        if not shortest <= self.window <= longest:
            raise ArgumentInvalid(f"a window has {shortest:g} to {longest:g} s, not {self.window}")
        if not SHORTEST_HOP <= self.hop <= self.window:
            raise ArgumentInvalid(
                f"a hop has {SHORTEST_HOP:g} s up to the window's {self.window:g} s, so that "
                f"nothing is left out, not {self.hop}"
            )

    @property
    def length(self) -> int:
        """Samples in a window."""
        return round(self.window * self.sampling_rate)

    def offset(self, number: int) -> int:
        """Samples from the beginning of the first window to that of another, counted from 0."""
        return round(number * self.hop * self.sampling_rate)

    def whole(self, begin: int = 0, speaker: str | None = None) -> Iterator[Span]:
        """The windows from a sample on, without an end."""
        before = None
        for number in count():
            first = begin + self.offset(number)
            yield Span(first, first + self.length, speaker, before)
            before = first + self.length

    def within(self, begin: int, end: int, speaker: str | None = None) -> Iterator[Span]:
        """The windows of a stretch that ends."""
        for span in self.whole(begin, speaker):
            kept = self.cut(span, end)
            if kept is None:
                return
            yield kept

    def cut(self, span: Span, end: int) -> Span | None:
        """What is left of a window where the sound ends; None if it is not worth a judgement.

        Parameters
        ----------
        span
            A window of :meth:`whole`.
        end
            Where the sound ends.
        """
        if span.end <= end:
            return span
        left = end - span.begin
        if span.before is not None and (end <= span.before or 2 * left < self.length):
            return None
        return replace(span, end=end) if left > 0 else None

    def turns(self, turns: Sequence[Turn]) -> Iterator[Span]:
        """The windows within the turns of speakers, in the order in which they begin."""
        # Not heapq.merge, which begins with all turns at once: a long recording has 100,000.
        under_way: list[_Turning] = []
        rate = self.sampling_rate
        for number, turn in enumerate(sorted(turns, key=lambda turn: turn.start)):
            begin, end = round(turn.start * rate), round(turn.end * rate)
            while under_way and under_way[0][0] <= begin:
                yield _earliest(under_way)
            _go_on(under_way, number, self.within(begin, end, turn.speaker))
        while under_way:
            yield _earliest(under_way)


_Turning = tuple[int, int, Span, Iterator[Span]]
"""Beginning of a turn's next window, the turn's number, that window, and those after it."""


def _go_on(under_way: list[_Turning], number: int, spans: Iterator[Span]) -> None:
    if (span := next(spans, None)) is not None:
        heappush(under_way, (span.begin, number, span, spans))


def _earliest(under_way: list[_Turning]) -> Span:
    _, number, span, spans = heappop(under_way)
    _go_on(under_way, number, spans)
    return span
