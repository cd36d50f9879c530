"""Names and times as other programs' readers take them."""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePath

UNNAMED = "unnamed"
"""Stands for a name of which nothing can be written."""

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def one_line(text: str) -> str:
    r"""Text in one line of valid Unicode, so that it can be encoded and no reader breaks at it.

    Control characters count as spaces, and several spaces as one; see :func:`valid`.

    >>> one_line(" a\tb\r\n\x00c ")
    'a b c'
    """
    return " ".join(valid(text).split())


def valid(text: str) -> str:
    """Text that UTF-8 and XML can hold, of the same length.

    Control characters become spaces, half a surrogate pair (as in a file name that is not valid
    Unicode) and what is no character (U+FFFE) become the replacement character.
    """
    return "".join(map(_harmless, text))


def _harmless(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Cc":
        return " "
    noncharacter = ord(character) & 0xFFFE == 0xFFFE or "\ufdd0" <= character <= "\ufdef"
    return _REPLACEMENT if category == "Cs" or noncharacter else character


def one_token(text: str) -> str:
    """Text as one field of a line that is parted at spaces, and that knows quotation marks.

    >>> one_token('the "big" meeting')
    "the_'big'_meeting"
    """
    return one_line(text).replace(" ", "_").replace('"', "'") or UNNAMED


def without_arrow(text: str) -> str:
    """Text that no reader of subtitles takes for a line of times.

    >>> without_arrow("a --> b")
    'a -> b'
    """
    return re.sub("--+>", "->", text)


def name_of(file: str | None) -> str:
    """A recording's name without folders; empty for bytes, an array and standard input.

    >>> name_of("calls/monday.mp3"), name_of("-")
    ('monday.mp3', '')
    """
    return "" if file in (None, "-") else PurePath(file).name


def stem_of(file: str | None) -> str:
    """A recording's name without folders and suffix."""
    return PurePath(name_of(file) or UNNAMED).stem


def seconds(milliseconds: int) -> str:
    """Seconds with three decimals.

    >>> seconds(61_005)
    '61.005'
    """
    return f"{milliseconds // 1000}.{milliseconds % 1000:03}"


def clock(milliseconds: int, point: str) -> str:
    """Hours, minutes and seconds of subtitles; hours have two digits or more.

    >>> clock(3_661_005, ",")
    '01:01:01,005'
    """
    whole, rest = divmod(milliseconds, 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}{point}{rest:03}"
