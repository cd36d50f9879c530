"""Names of files in a table: Parquet, CSV or TSV, here or at an address."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import BinaryIO

from serein.errors import DataInvalid, DependencyMissing
from serein.recognition.batch.entries import extension_of, is_address
from serein.recognition.batch.remote import open_remote

TABLE_EXTENSIONS = (".parquet", ".csv", ".tsv")
COLUMNS = ("path", "file", "filename")
"""Columns that name the files; the first of them that a table has counts."""

BATCH_KEY = b"serein.batch"
"""Of the metadata of a batch's own result, in which is the folder where it was begun."""

# The utterance table of `serein corpora scan` says which folder its paths are relative to.
_ROOT_KEY = b"serein.root"
_DELIMITERS = ",;\t"


def read_names(table: str) -> Iterator[str]:
    """The files that a table names, in its order; empty cells are left out.

    A path is relative to the folder that the table lies in; in an utterance table to the scanned
    folder, and in the result of a batch to the folder in which that was begun.

    Parameters
    ----------
    table
        Path or address of the table.

    Raises
    ------
    DataInvalid
        It cannot be read, or has none of the :data:`COLUMNS`.
    DependencyMissing
        pyarrow, or what reads such an address, is not installed.
    """
    read = _parquet if extension_of(table) == ".parquet" else _text
    with _opened(table) as file:
        yield from read(table, file)


def load_pyarrow() -> tuple[ModuleType, ModuleType]:
    """The modules ``pyarrow`` and ``pyarrow.parquet``.

    Raises
    ------
    DependencyMissing
        They are not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise DependencyMissing(
            'Parquet tables need pyarrow, which is not installed: pip install "serein[batch]"'
        ) from error
    return pyarrow, pyarrow.parquet


@contextmanager
def _opened(table: str) -> Iterator[BinaryIO]:
    if is_address(table):
        with open_remote(table) as file:
            yield file
        return
    try:
        with Path(table).open("rb") as file:
            yield file
    except OSError as error:
        raise DataInvalid(
            f"{table}: the table cannot be read ({error.strerror}); give one that is there",
            file=table,
        ) from error


def _parquet(table: str, file: BinaryIO) -> Iterator[str]:
    arrow, parquet = load_pyarrow()
    try:
        source = parquet.ParquetFile(file)
        names = source.schema_arrow.names
        header = [name.casefold() for name in names]
        column = names[header.index(_column(table, header))]
        folder = _folder_by(source.schema_arrow.metadata or {}) or _folder_of(table)
        for batch in source.iter_batches(columns=[column]):
            for name in batch.column(0).to_pylist():
                if name:
                    yield _absolute(folder, str(name))
    except arrow.ArrowException as error:
        raise DataInvalid(
            f"{table}: cannot be read as Parquet ({error}); write the table again", file=table
        ) from error


def _folder_by(metadata: Mapping[bytes, bytes]) -> str | None:
    """The folder that the table itself says its paths are relative to."""
    if BATCH_KEY in metadata:
        return str(json.loads(metadata[BATCH_KEY])["folder"])
    return metadata[_ROOT_KEY].decode() if _ROOT_KEY in metadata else None


def _text(table: str, file: BinaryIO) -> Iterator[str]:
    folder = _folder_of(table)
    try:
        with io.TextIOWrapper(file, encoding="utf-8-sig", newline="") as text:
            first = text.readline()
            header, delimiter = _header(table, first)
            place = header.index(_column(table, header))
            for cells in csv.reader(text, delimiter=delimiter):
                if len(cells) > place and (name := cells[place].strip()):
                    yield _absolute(folder, name)
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataInvalid(
            f"{table}: cannot be read as a table of text ({error}); save it as CSV in UTF-8",
            file=table,
        ) from error


def _header(table: str, first: str) -> tuple[list[str], str]:
    """The columns' names in small letters, and what stands between them."""
    headers = {
        sign: [cell.strip().casefold() for cell in next(csv.reader([first], delimiter=sign), [])]
        for sign in _DELIMITERS
    }
    for sign, header in headers.items():
        if set(COLUMNS) & set(header):
            return header, sign
    return max(headers.values(), key=len), ","


def _column(table: str, names: Sequence[str]) -> str:
    for wanted in COLUMNS:
        if wanted in names:
            return wanted
    raise DataInvalid(
        f"{table}: has no column {' or '.join(COLUMNS[:2])}, only "
        f"{', '.join(name for name in names if name) or 'nothing'}; name the column of the files "
        "so",
        file=table,
    )


def _folder_of(table: str) -> str:
    return table.rpartition("/")[0] if is_address(table) else os.path.dirname(table)  # noqa: PTH120


def _absolute(folder: str, name: str) -> str:
    if is_address(name):
        return name
    if is_address(folder):
        return f"{folder}/{name}"
    return os.path.join(folder, name)  # noqa: PTH118 (a relative table keeps its names short)
