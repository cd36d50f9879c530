"""What people see in a terminal: colours, bars and progress. Imports rich, so import it late."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.control import Control
from rich.segment import ControlType
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from rich.progress import ProgressColumn

UNLIMITED = 10_000  # columns: what is piped is never cut or wrapped
_REDRAW = 0.1  # seconds
_PARTS = " ▏▎▍▌▋▊▉"
_BLOCK = "█"


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Let `main` decide how a command ends whose reader has gone."""
        raise BrokenPipeError


def console(*, stderr: bool = False) -> Console:
    """A console as wide as the terminal, or unlimited where the output is piped."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else UNLIMITED
    return _Console(stderr=stderr, width=width, highlight=False, emoji=False, markup=False)


def print_line(out: Console, text: Text) -> None:
    """Print a line as it is, however long."""
    text.rstrip()
    out.print(text, soft_wrap=True)


def print_table(out: Console, table: Table) -> None:
    """Print a table; what is piped has no spaces at the ends of its lines."""
    if out.is_terminal:
        out.print(table)
        return
    with out.capture() as capture:
        out.print(table)
    for line in capture.get().splitlines():
        out.out(line.rstrip())


def can_print(out: Console, characters: str) -> bool:
    """Whether the encoding of the output has these characters."""
    try:
        characters.encode(out.encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def has_colours(out: Console) -> bool:
    """Whether colours tell anything where this is printed."""
    return out.color_system is not None and not out.no_color


def bar(share: float, width: int, *, blocks: bool) -> str:
    """A bar of up to `width` columns, padded to them, for a share from 0 to 1.

    >>> bar(0.5, 4, blocks=False)
    '##  '
    """
    if not blocks:
        return ("#" * round(share * width)).ljust(width)
    eighths = round(share * width * 8)
    whole, rest = divmod(eighths, 8)
    return (_BLOCK * whole + (_PARTS[rest] if rest else "")).ljust(width)


class StatusLine:
    """A line on standard error that is drawn anew in its place, and gone at the end."""

    def __init__(self) -> None:
        self._console = console(stderr=True)
        self._drawn = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.clear()

    def clear(self) -> None:
        """Take the line away, so that something else can be printed."""
        if self._drawn:
            erase = Control(ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 2))
            self._console.control(erase)
            self._drawn = False

    def draw(self, text: Text) -> None:
        """Put another text in the place of the one that is there."""
        self.clear()
        self._console.print(text, end="", no_wrap=True, crop=True)
        self._drawn = True


class Progress(StatusLine):
    """A line on standard error that says how far a long list is, if a person is there to see it.

    Parameters
    ----------
    total
        Number of items.
    """

    def __init__(self, total: int) -> None:
        super().__init__()
        self._active = total > 1 and self._console.is_terminal
        self._shared = sys.stdout.isatty()
        self._total = total
        self._begin = self._last = time.monotonic()

    def __enter__(self) -> Self:
        self.show(0)
        return self

    def show(self, done: int) -> None:
        """Draw the line; where nothing else is on this terminal, ten times a second at most."""
        now = time.monotonic()
        if not self._active or (self._drawn and not self._shared and now - self._last < _REDRAW):
            return
        self._last = now
        left = (now - self._begin) / done * (self._total - done) if done else 0.0
        filled = round(20 * done / self._total)
        rule = "━" if can_print(self._console, "━") else "="
        text = Text.assemble(
            (rule * filled, "cyan"),
            (rule * (20 - filled), "bright_black"),
            f" {done} of {self._total}",
            (f"  {left:.0f} s left" if done and left >= 1 else "", "dim"),
        )
        self.draw(text)


@contextmanager
def counted(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error for one long step; what it gives takes the items done and all.

    Where nobody would see it, nothing is drawn.
    """
    from rich.progress import MofNCompleteColumn

    with _drawn(what, MofNCompleteColumn()) as update:
        yield update


@contextmanager
def weighed(what: str) -> Iterator[Callable[[int, int | None], None]]:
    """A bar like that of :func:`counted`, for bytes; None where nobody knows how many they are."""
    from rich.progress import DownloadColumn, TransferSpeedColumn

    with _drawn(what, DownloadColumn(), TransferSpeedColumn()) as update:
        yield update


@contextmanager
def listened(what: str) -> Iterator[Callable[[float, float | None], None]]:
    """A bar like that of :func:`counted`, for seconds of sound."""
    with _drawn(what) as update:
        yield update


@contextmanager
def _drawn(what: str, *amounts: ProgressColumn) -> Iterator[Callable[[float, float | None], None]]:
    from rich import progress

    out = console(stderr=True)
    columns = (
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        *amounts,
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(
        *columns, console=out, transient=True, disable=not out.is_terminal
    ) as drawn:
        task = drawn.add_task(what, total=None)
        yield lambda done, total: drawn.update(task, completed=done, total=total)
