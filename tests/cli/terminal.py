"""A terminal with a person at it: what is drawn on it, frame by frame, and keys to press."""

from __future__ import annotations

import fcntl
import os
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.cli.conftest import environment

_CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_ANEW = re.compile(r"\r?(?:\x1b\[1A)?\x1b\[2K(?:\x1b\[1A\x1b\[2K)+")
_PATIENCE = 30.0  # seconds


class Terminal:
    """Runs a command in a terminal of its own, 24 lines high.

    Parameters
    ----------
    command
        The program and its arguments.
    columns
        Of the terminal.
    variables
        Of the environment, besides the usual ones.
    """

    def __init__(self, *command: str | Path, columns: int = 80, **variables: str) -> None:
        self._ours, theirs = os.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.drawn = ""
        self._mode = termios.tcgetattr(theirs)
        self._theirs = theirs
        self.process = subprocess.Popen(
            [str(part) for part in command],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=_take_control,
            env=environment() | {"TERM": "xterm-256color", "PYTHONUTF8": "1"} | variables,
        )

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._ours)
        os.close(self._theirs)

    @property
    def frames(self) -> list[str]:
        """What stood on the terminal, one picture after the other, without colours."""
        pictures = _ANEW.split(self.drawn.replace("\r\n", "\n"))
        return [_CODES.sub("", picture) for picture in pictures]

    @property
    def restored(self) -> bool:
        """Whether the terminal takes lines and shows what is typed, as it did before."""
        return bool(termios.tcgetattr(self._theirs) == self._mode)

    def press(self, keys: str) -> None:
        """Press keys."""
        os.write(self._ours, keys.encode())

    def until(self, seen: Callable[[list[str]], Any]) -> None:
        """Wait until the frames are as they shall be."""
        end = time.monotonic() + _PATIENCE
        while not seen(self.frames):
            assert time.monotonic() < end, self.drawn
            assert self.process.poll() is None, self.drawn
            self._read(0.1)

    def end(self) -> int:
        """Wait for the end, and return the exit status."""
        end = time.monotonic() + _PATIENCE
        while self.process.poll() is None:
            assert time.monotonic() < end, self.drawn
            self._read(0.1)
        while self._read(0.0):
            pass
        return self.process.wait()

    def _read(self, patience: float) -> bool:
        if not select.select([self._ours], [], [], patience)[0]:
            return False
        self.drawn += os.read(self._ours, 1 << 16).decode(errors="replace")
        return True


def _take_control() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
