"""What all that draws with matplotlib shares: settings of its own, and text that can be written."""

from __future__ import annotations

import logging
import re
import threading
import unicodedata
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

LONGEST_NAME = 40
"""Letters of a name in a figure; a longer one loses its middle."""

_SETTINGS = {
    "font.family": "DejaVu Sans",  # comes with matplotlib
    "svg.fonttype": "none",
    "text.parse_math": False,
}
_LOCK = threading.Lock()


@contextmanager
def settings(own: Mapping[str, Any]) -> Iterator[None]:
    """Draw with these settings of matplotlib and its defaults, whatever the user's are.

    Text stays text, and a letter that the font does not have is no warning. The settings belong to
    the whole process, so one thread draws at a time.
    """
    from matplotlib import style

    with _LOCK, _silence(), style.context(["default", {**_SETTINGS, **own}]):
        yield


@contextmanager
def _silence() -> Iterator[None]:
    logger = logging.getLogger("matplotlib")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
            warnings.filterwarnings("ignore", "Matplotlib currently does not support", UserWarning)
            yield
    finally:
        logger.setLevel(level)


def readable(text: str) -> str:
    """A text without what cannot be written: control characters, halves of characters."""
    return "".join("\ufffd" if unicodedata.category(one)[0] == "C" else one for one in text)


def shortened(name: str, longest: int = LONGEST_NAME) -> str:
    """A name short enough for a figure."""
    name = readable(name)
    if len(name) <= longest:
        return name
    half = (longest - 1) // 2
    return f"{name[:half]}…{name[-half:]}"


def fontless(style: str) -> str:
    """The style of an SVG's text without the family of its font, which the figure's own then is."""
    style = re.sub(r"font-family:[^;]*;? ?", "", style)
    # Before matplotlib 3.10 size, weight and family stand in one.
    return re.sub(r"font: (?:(\d+) )?([\d.]+px)[^;]*", _weight_and_size, style)


def _weight_and_size(match: re.Match[str]) -> str:
    return f"font-weight: {match[1] or 400}; font-size: {match[2]}"


def rounded(value: str) -> str:
    """The numbers in an SVG's attribute to a hundredth of a pixel, and no line breaks."""
    value = re.sub(r"-?\d+\.\d+", lambda match: f"{round(float(match[0]), 2) + 0.0:g}", value)
    return " ".join(value.split())
