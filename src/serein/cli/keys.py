"""Keys as they are pressed, without Enter, where a person sits at the terminal."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Protocol

SUSPEND = "\x1a"
"""Ctrl-Z, which is a key like any other here: see :meth:`Keys.suspend`."""


class Keys(Protocol):
    """What a person presses."""

    def pressed(self) -> str:
        """The keys since the last call, without waiting; empty where none was pressed."""
        ...

    def suspend(self) -> None:
        """Do what the terminal does at Ctrl-Z: stop, until the shell lets the program go on."""
        ...


@contextmanager
def reading_keys() -> Iterator[Keys]:
    """Read keys for as long as the block runs; however it ends, the terminal is as it was.

    There are none where standard input or output is no terminal: what reads the output may want
    the keys itself.
    """
    if sys.stdin is None or not (sys.stdin.isatty() and sys.stdout.isatty()):
        yield _NoKeys()
    elif sys.platform == "win32":
        yield _WindowsKeys()
    else:
        terminal = _Terminal(sys.stdin.fileno())
        before = signal.signal(signal.SIGTERM, _end)
        try:
            yield terminal
        finally:
            terminal.restore()
            signal.signal(signal.SIGTERM, before)


class _NoKeys:
    def pressed(self) -> str:
        return ""

    def suspend(self) -> None:
        """Without keys nobody asks for it."""


def _end(number: int, _: FrameType | None) -> None:
    """End as a shell reports the signal, by way of every ``finally``."""
    raise SystemExit(128 + number)


if sys.platform == "win32":
    import msvcrt

    class _WindowsKeys:
        def pressed(self) -> str:
            found = ""
            while msvcrt.kbhit():
                key = msvcrt.getwch()
                if key in "\x00\xe0":  # an arrow or a function key; what follows says which
                    msvcrt.getwch()
                else:
                    found += key
            return found

        def suspend(self) -> None:
            """Windows has no such thing."""

else:
    import select
    import termios

    class _Terminal:
        """A terminal that gives each key at once and does not show it.

        In the background it is left alone: whoever touches it there is stopped.
        """

        def __init__(self, descriptor: int) -> None:
            self._descriptor = descriptor
            self._before = termios.tcgetattr(descriptor)
            self._changed = False

        def pressed(self) -> str:
            if not self._in_foreground():
                return ""
            if not self._changed:
                self._change()
            with suppress(OSError):  # the terminal has gone; the system will say so
                if select.select([self._descriptor], [], [], 0)[0]:
                    return os.read(self._descriptor, 64).decode("ascii", "ignore")
            return ""

        def suspend(self) -> None:
            self.restore()
            os.kill(0, signal.SIGTSTP)  # as the terminal does: to all that runs in this job

        def restore(self) -> None:
            """Set the terminal as it was found."""
            if self._changed and self._in_foreground():
                termios.tcsetattr(self._descriptor, termios.TCSANOW, self._before)
            self._changed = False

        def _change(self) -> None:
            mode = termios.tcgetattr(self._descriptor)
            mode[3] &= ~(termios.ECHO | termios.ICANON)
            characters = list(mode[6])
            characters[termios.VMIN], characters[termios.VTIME] = b"\x01", b"\x00"
            # Ctrl-Z shall not stop the program before the terminal is as it was.
            characters[termios.VSUSP] = bytes([os.fpathconf(self._descriptor, "PC_VDISABLE")])
            mode[6] = characters
            termios.tcsetattr(self._descriptor, termios.TCSANOW, mode)
            self._changed = True

        def _in_foreground(self) -> bool:
            try:
                return os.tcgetpgrp(self._descriptor) == os.getpgrp()
            except OSError:  # no terminal controls this process
                return False
