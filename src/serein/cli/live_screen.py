"""The screen of ``serein live``: bars that move. Imports rich, so import it late."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import TYPE_CHECKING

from rich.console import Group
from rich.live import Live
from rich.text import Text

from serein.cli.console import bar, can_print, console, has_colours, print_line
from serein.cli.live_lines import NOBODY, NOT_SURE, summary_lines
from serein.cli.output import printable, stamp
from serein.colours import colours_of

if TYPE_CHECKING:
    from rich.console import Console

    from serein.cli.live_session import Moment, Told
    from serein.recognition.timeline.results import Window
    from serein.results import LabelView

BLOCKS = "█▏▎▍▌▋▊▉"
"""What bars are drawn with where the terminal has it."""

_METER_RANGE = 60.0  # dB below full scale where the level meter begins
_MEMORY = 60.0  # seconds that the strip of the last emotions shows
_LONGEST_BAR = 40  # columns
_EASE = 0.4  # of the way that is left to it a bar moves with each block: calm, and there in 0.5 s
_BLINK = 0.5  # seconds
_NARROWEST = 20  # columns


def meter(level: float, width: int, *, blocks: bool) -> str:
    """A bar for a level in dBFS, from 60 dB below full scale."""
    share = min(1.0, max(0.0, 1.0 + level / _METER_RANGE))
    return bar(share, width, blocks=blocks)


def last_minute(
    past: Iterable[tuple[float, float, str]], elapsed: float, columns: int
) -> list[str]:
    """The label in each column of a strip that ends now, a blank where there was none.

    Parameters
    ----------
    past
        From when, until when, and what, in seconds and in the order of time.
    elapsed
        When it is now.
    """
    found = [" "] * columns
    for begin, end, label in past:
        first, last = (columns - columns * (elapsed - at) / _MEMORY for at in (begin, end))
        for column in range(max(0, math.floor(first)), min(math.ceil(last), columns)):
            found[column] = label
    return found


class Screen:
    """Bars for the labels, the level, the time and the last minute, in place in the terminal.

    Parameters
    ----------
    name
        What is heard.
    doing
        How it is heard: recording or reading.
    labels
        The model's labels in the label view.
    view
        The label view.
    top
        How many labels are shown, the most probable; all in their own order if None.
    """

    def __init__(
        self, name: str, doing: str, labels: Iterable[str], *, view: str, top: int | None
    ) -> None:
        self._out = console()
        self._live = Live(console=self._out, auto_refresh=False, transient=True)
        self._name = printable(name)
        self._doing = doing
        self._view = view
        self._top = top
        self._symbols = _Symbols(self._out)
        self._shown = dict.fromkeys(labels, 0.0)
        self._colours = colours_of(self._shown)
        self._window: Window | None = None
        self._judged: LabelView | None = None
        self._past: deque[tuple[float, float, str]] = deque()  # from, to, label

    def window(self, window: Window) -> None:
        """Take a judgement; it is drawn with the next block."""
        self._window, self._judged = window, window.view(self._view)
        label = "" if self._judged is None or not window.decided else self._judged.label
        begin = max(window.start, self._past[-1][1]) if self._past else window.start
        self._past.append((begin, window.end, label))
        while self._past[0][1] < window.end - _MEMORY:
            self._past.popleft()

    def moment(self, moment: Moment) -> None:
        """Draw everything anew."""
        targets: Mapping[str, float] = self._judged.probabilities if self._judged else {}
        for label, shown in self._shown.items():
            self._shown[label] = shown + _EASE * (targets.get(label, 0.0) - shown)
        self._live.update(Group(*self._lines(moment)))
        self._live.start()  # the first time, and after it was hidden
        self._live.refresh()

    def hide(self) -> None:
        """Take everything away, until the next block."""
        self._live.stop()

    def end(self, told: Told) -> None:
        """Print a summary where the bars were."""
        self._live.stop()
        for line in summary_lines(told):
            print_line(self._out, Text(line))

    def _lines(self, moment: Moment) -> Iterator[Text]:
        width = max(_NARROWEST, self._out.width - 1)
        lines = [
            self._state(moment),
            self._meter(moment.level, width),
            self._verdict(),
            *self._bars(width),
            self._strip(moment.elapsed, width),
            Text.assemble(("space ", "bold"), "go on" if moment.paused else "pause")
            .append("   q ", "bold")
            .append("quit"),
        ]
        # What does not fit below is left out from the middle, so that the keys are always seen.
        height = max(3, self._out.height - 1)
        if len(lines) > height:
            lines = [*lines[: height - 1], lines[-1]]
        for line in lines:
            line.truncate(width)
            line.no_wrap = True
            yield line

    def _state(self, moment: Moment) -> Text:
        if moment.paused:
            dot, state = (self._symbols.pause, "yellow"), "paused"
        else:
            lit = int(moment.elapsed / _BLINK) % 2 == 0
            dot, state = (self._symbols.dot if lit else " ", "bold red"), self._doing
        text = Text.assemble(dot, " ", (f"{state:9}", "bold"), f"  {stamp(moment.elapsed)}")
        if moment.lost:
            text.append(f"  {moment.lost:.1f} s lost", "yellow")
        return text.append(f"  {self._name}", "dim")

    def _meter(self, level: float, width: int) -> Text:
        told = f"{level:5.0f} dBFS" if math.isfinite(level) else "          "
        drawn = meter(level, min(_LONGEST_BAR, width - 16), blocks=self._symbols.blocks)
        return Text.assemble(("level ", "dim"), (drawn, "cyan"), (told, "dim"))

    def _verdict(self) -> Text:
        if self._window is None:
            return Text("listening", "dim")
        if self._judged is None:
            return Text(NOBODY, "bold yellow")
        view = self._judged
        if not self._window.decided:
            likely = f"; most likely {view.label} ({view.confidence:.0%})"
            return Text.assemble((NOT_SURE, "bold yellow"), likely)
        return Text.assemble(
            (view.label, f"bold {self._colours[view.label]}"), f", {view.confidence:.0%} sure"
        )

    def _bars(self, width: int) -> Iterator[Text]:
        named = max(map(len, self._shown))
        length = max(1, min(_LONGEST_BAR, width - named - 8))
        for label, share in self._ranked():
            drawn = bar(share, length, blocks=self._symbols.blocks)
            colour = self._colours[label]
            yield Text.assemble(f"  {label:{named}} ", (drawn, colour), f" {share:4.0%}")

    def _ranked(self) -> list[tuple[str, float]]:
        if self._top is None:
            return list(self._shown.items())
        return sorted(self._shown.items(), key=lambda one: -one[1])[: self._top]

    def _strip(self, elapsed: float, width: int) -> Text:
        """The last minute, now at the right: a colour each moment, or a letter without colours."""
        begins = "last minute "
        columns = last_minute(self._past, elapsed, min(_LONGEST_BAR, width - len(begins)))
        text = Text.assemble((begins, "dim"))
        for label, same in groupby(columns):
            style = self._colours.get(label, "dim")
            text.append(self._symbols.past(label) * len(list(same)), style)
        return text


class _Symbols:
    """What the terminal can show."""

    def __init__(self, out: Console) -> None:
        self.blocks = can_print(out, BLOCKS)
        self.dot = "●" if can_print(out, "●") else "*"
        self.pause = "‖" if can_print(out, "‖") else "="
        self._coloured = self.blocks and has_colours(out)
        self._none = "·" if can_print(out, "·") else "."

    def past(self, label: str) -> str:
        """A column of the strip; no label is no emotion."""
        if not label.strip():
            return label or self._none
        return "█" if self._coloured else label[0]
