"""Time lines as JSON: everything that is known."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, TextIO

from serein.recognition.timeline.results import Timeline, Window, Windows


def write_json(timeline: Timeline, out: TextIO, view: str | None) -> None:
    """Write :meth:`Timeline.as_dict` as one line, window by window.

    A file name that is not valid Unicode comes out as the JSON escape of its surrogates, which
    Python's own reader turns back into the same name.
    """
    bare = replace(timeline, windows=Windows(timeline.labels), segments=())
    separator = "{"
    for name, value in bare.as_dict(view).items():
        out.write(f"{separator}{_encoded(name)}: ")
        separator = ", "
        if name in ("windows", "segments"):
            _write_list(getattr(timeline, name), out, view)
        else:
            out.write(_encoded(value))
    out.write("}\n")


def _write_list(windows: Iterable[Window], out: TextIO, view: str | None) -> None:
    separator = "["
    for window in windows:
        out.write(separator + _encoded(window.as_dict(view)))
        separator = ", "
    out.write("[]" if separator == "[" else "]")


def _encoded(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text.encode("utf-8", errors="backslashreplace").decode("utf-8")
