"""From what a person names to files: folders, patterns, tables, lists and remote addresses.

Everything is found lazily and in a fixed order, so that of millions of files only the folder at
hand is held, or what an address lists.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import translate
from pathlib import PurePath
from typing import BinaryIO

from serein.errors import ArgumentInvalid
from serein.filenames import is_recording
from serein.recognition.batch.entries import (
    Entry,
    entry_of,
    extension_of,
    is_address,
    without_file_scheme,
)
from serein.recognition.batch.remote import find_remote
from serein.recognition.batch.tables import TABLE_EXTENSIONS, read_names

STANDARD_INPUT = "-"
_MAGIC = re.compile(r"[*?\[]")


def find_files(inputs: Sequence[str], *, listed: BinaryIO | None = None) -> Iterator[Entry]:
    """Find the files that some inputs stand for, in order.

    Parameters
    ----------
    inputs
        Each is one of: a file; a folder, with all sounds below it; a pattern with ``*``, ``?``,
        ``[...]`` or ``**``; a table (Parquet, CSV or TSV) with a column ``path`` or ``file``; an
        address that fsspec knows, also of a folder, a pattern or a table; ``-`` for `listed`.
    listed
        One path or address a line.

    Yields
    ------
    Entry
        Also for a file that is named and is not there, which is an error of that file alone.

    Raises
    ------
    ArgumentInvalid
        There is no folder of such a name, or the address cannot be understood.
    DataInvalid
        A table cannot be read, or has no column of paths.
    DependencyMissing
        What reads Parquet, or addresses of that kind, is not installed.
    """
    names = [without_file_scheme(name) for name in inputs]
    for name in names:
        _refuse_missing_folder(name)
    for name in names:
        if name == STANDARD_INPUT:
            yield from _listed(listed or ())
        else:
            yield from _find(name)


def _refuse_missing_folder(name: str) -> None:
    """A name without an ending that is not there was meant for a folder; files have their rows."""
    spoken = name == STANDARD_INPUT or is_address(name) or _MAGIC.search(name)
    if not spoken and not extension_of(name) and not os.path.lexists(name):
        raise ArgumentInvalid(f"{name}: there is no such folder or file; check how it is spelt")


def _listed(lines: Iterable[bytes]) -> Iterator[Entry]:
    for line in lines:
        if name := os.fsdecode(line.rstrip(b"\r\n")):
            yield entry_of(name)


def _find(name: str) -> Iterator[Entry]:
    extension = extension_of(name)
    if os.path.isdir(name):  # noqa: PTH112 (names stay as they were given)
        if extension == ".parquet":
            yield from _find_in_parts(name)
        else:
            yield from _walk(name, ())
    elif _MAGIC.search(name) and not is_address(name) and not os.path.lexists(name):
        yield from _find_matches(name)
    elif extension in TABLE_EXTENSIONS and "*" not in name:
        yield from map(entry_of, read_names(name))
    elif is_address(name):
        yield from find_remote(name)
    else:
        yield entry_of(name)


def _find_in_parts(folder: str) -> Iterator[Entry]:
    """The files that a table names which is a folder of Parquet files, such as a batch's own."""
    for entry in _sorted_folder(folder) or ():
        if extension_of(entry.name) == ".parquet":
            yield from map(entry_of, read_names(entry.path))


def _walk(folder: str, above: tuple[tuple[int, int], ...]) -> Iterator[Entry]:
    """All sounds below a folder, without hidden ones; `above` are the folders that led here."""
    found = _sorted_folder(folder)
    identity = _identity(folder)
    if found is None or identity is None:
        yield Entry(folder, 0)  # what cannot be read is told of in the result
        return
    if identity in above:  # a link to a folder that it lies in
        return
    found.reverse()
    while found:
        entry = found.pop()  # or it would stay, with what it knows of the file
        if entry.name.startswith((".", "__MACOSX")):
            continue
        if entry.is_dir():
            yield from _walk(entry.path, (*above, identity))
        elif is_recording(PurePath(entry.name)):
            yield _entry(entry)


def _identity(folder: str) -> tuple[int, int] | None:
    try:
        status = os.stat(folder)  # noqa: PTH116
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _sorted_folder(folder: str) -> list[os.DirEntry[str]] | None:
    """What is in a folder, by name; None where it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return None


def _entry(entry: os.DirEntry[str]) -> Entry:
    try:
        return Entry(entry.path, entry.stat().st_size)
    except OSError:
        return Entry(entry.path, 0)


def _find_matches(pattern: str) -> Iterator[Entry]:
    """The files of a pattern; where its last part names no ending, the sounds among them."""
    parts = re.split(r"[\\/]" if os.sep == "\\" else "/", pattern)
    plain = next(index for index, part in enumerate(parts) if _MAGIC.search(part))
    folder = os.sep.join(parts[:plain]) or (os.sep if plain else "")  # noqa: PTH118
    every = "." in parts[-1]
    for path in _match(folder, tuple(part for part in parts[plain:] if part)):
        if every or is_recording(PurePath(path)):
            yield entry_of(path)


def _match(folder: str, parts: tuple[str, ...]) -> Iterator[str]:
    part, rest = parts[0], parts[1:]
    if part == "**":
        # As in a shell: no folder or any number of them; at the end every file below.
        yield from _match(folder, rest or ("*",))
    matches = re.compile(translate("*" if part == "**" else part)).match
    for entry in _sorted_folder(folder or os.curdir) or ():
        if entry.name.startswith(".") and not part.startswith("."):
            continue
        if not matches(entry.name):
            continue
        path = os.path.join(folder, entry.name)  # noqa: PTH118 ("./" is not put before it)
        if part == "**":
            if entry.is_dir(follow_symlinks=False):
                yield from _match(path, parts)
        elif rest:
            if entry.is_dir():
                yield from _match(path, rest)
        elif not entry.is_dir():
            yield path
