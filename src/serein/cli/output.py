"""What every command prints with, without any library: lines for people, and JSON."""

from __future__ import annotations

import io
import json
import os
import sys
from typing import Any, TextIO


def prepare_streams() -> None:
    """Let no character of a file name or a message break the printing, nor a closed stream."""
    # A process may be started without either, as a service or by pythonw on Windows.
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    for stream in (sys.stdout, sys.stderr):
        _reconfigure(stream, errors="backslashreplace")


def printable(text: str) -> str:
    r"""Text with what a terminal would not show, or would obey, written as an escape.

    >>> print(printable("clip\x1b[2J.wav"))
    clip\x1b[2J.wav
    """
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def stamp(seconds: float) -> str:
    """A time for people, to a tenth of a second.

    >>> stamp(3725.26)
    '1:02:05.3'
    """
    minutes, tenths = divmod(round(seconds * 10), 600)
    hours, minutes = divmod(minutes, 60)
    clock = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{clock}:{tenths / 10:04.1f}"


def complain(kind: str, message: str = "", *, file: str | None = None) -> None:
    """Print ``serein: kind: file: message`` on standard error."""
    message = printable(" ".join(message.splitlines()))
    parts = ("serein", kind, None if file is None else printable(file), message)
    print(": ".join(part for part in parts if part), file=sys.stderr, flush=True)


def print_json(value: Any) -> None:
    """Print one JSON object as one line of UTF-8, whatever the locale.

    The name of a file that is not valid Unicode comes out as the JSON escape of its surrogates,
    which Python's own reader turns back into the same name.
    """
    _reconfigure(sys.stdout, encoding="utf-8", errors="backslashreplace")
    print(json.dumps(value, ensure_ascii=False), flush=True)


def _reconfigure(stream: TextIO, *, errors: str, encoding: str | None = None) -> None:
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(encoding=encoding or stream.encoding, errors=errors)
