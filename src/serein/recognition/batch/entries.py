"""What stands for one file of a batch, and which files were met already."""

from __future__ import annotations

import os
from array import array
from hashlib import blake2b
from pathlib import PurePosixPath
from typing import NamedTuple
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

UNKNOWN_SIZE = 1 << 20
"""Bytes that a remote file is taken to have where nobody said how many they are."""

_SLOTS = 1024
_BYTES = 8


class Entry(NamedTuple):
    """A file that is to be judged.

    Attributes
    ----------
    file
        Its path or address.
    size
        Bytes, known or assumed: what it costs beside others. 0 where it is not there.
    """

    file: str
    size: int


def is_address(name: str) -> bool:
    """Whether a name is an address such as ``s3://bucket/clip.wav`` rather than a path."""
    return "://" in name


def without_file_scheme(name: str) -> str:
    """A ``file://`` address as the path that it means; every other name as it is.

    >>> without_file_scheme("s3://bucket/a.wav")
    's3://bucket/a.wav'
    """
    if not name.lower().startswith("file://"):
        return name
    return url2pathname(urlsplit(name).path)


def extension_of(name: str) -> str:
    """The ending of a path's or an address's last part, in small letters.

    >>> extension_of("https://example.org/Calls.CSV?version=3")
    '.csv'
    """
    path = unquote(urlsplit(name).path) if is_address(name) else name
    return PurePosixPath(path.replace(os.sep, "/")).suffix.lower()


def entry_of(name: str) -> Entry:
    """The entry of a single path or address, whether it is there or not."""
    name = without_file_scheme(name)
    if is_address(name):
        return Entry(name, UNKNOWN_SIZE)
    try:
        return Entry(name, os.stat(name).st_size)  # noqa: PTH116 (a million of them)
    except (OSError, ValueError):
        return Entry(name, 0)


def as_text(name: str) -> str:
    r"""A name as a table can hold it: bytes that are no UTF-8 are written as escapes.

    >>> as_text("a\udcff.wav")
    'a\\xff.wav'
    """
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


class Seen:
    """The files that were met, by 64 bits of a hash each: 13 to 27 bytes for a file.

    A set of names would hold ten times as much, and a batch may be of millions. Two of ten million
    names have the same hash with a probability of three in a million.
    """

    def __init__(self) -> None:
        self._slots = array("Q", bytes(_BYTES * _SLOTS))
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, file: str) -> bool:
        """Take a file; whether it is a new one, under whatever spelling of its path."""
        text = as_text(file)
        key = text if is_address(text) else os.path.normcase(os.path.abspath(text))  # noqa: PTH100
        digest = blake2b(key.encode(), digest_size=_BYTES).digest()
        if 2 * self._count >= len(self._slots):
            self._grow()
        new = self._put(int.from_bytes(digest, "little") or 1)  # 0 is an empty slot
        self._count += new
        return new

    def _put(self, number: int) -> bool:
        # Open addressing with linear probing; the number of slots is a power of two.
        last = len(self._slots) - 1
        place = number & last
        while (found := self._slots[place]) != 0:
            if found == number:
                return False
            place = (place + 1) & last
        self._slots[place] = number
        return True

    def _grow(self) -> None:
        numbers = self._slots
        self._slots = array("Q", bytes(2 * _BYTES * len(numbers)))
        for number in numbers:
            if number:
                self._put(number)
