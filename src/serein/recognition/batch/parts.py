"""The result on disk: a folder of Parquet files that together are one table.

A part appears whole or not at all: it is written beside under a hidden name, and renamed. So after
a run was killed the parts that are there say what is done, and nothing else has to be kept.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib import metadata
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serein.errors import ArgumentInvalid, DataInvalid
from serein.recognition.batch.entries import Seen, is_address
from serein.recognition.batch.lock import LOCK, locked
from serein.recognition.batch.rows import Row, columns_of
from serein.recognition.batch.tables import BATCH_KEY, load_pyarrow
from serein.recognition.batch.task import Task

if TYPE_CHECKING:
    import pyarrow

FORMAT_VERSION = 1
"""Of the columns and metadata of a part; raised whenever they change."""

_PART = re.compile(r"part-(\d{5,})\.parquet")
_UNFINISHED = re.compile(r"\.part-\d{5,}\.parquet\.tmp")


@dataclass
class Written:
    """What a result already holds.

    Attributes
    ----------
    seen
        Its files, to which a run adds those that it takes on.
    files, failed
        How many they are, and how many of them could not be judged.
    following
        Number of the next part.
    """

    seen: Seen = field(default_factory=Seen)
    files: int = 0
    failed: int = 0
    following: int = 0


def schema_of(task: Task) -> pyarrow.Schema:
    """The columns of a task, with what made them as metadata."""
    about = {
        "format": FORMAT_VERSION,
        "serein": _version(),
        "model": task.fingerprint,
        "options": task.options,
        "folder": str(task.folder),
    }
    return columns_of(task).with_metadata({BATCH_KEY: json.dumps(about).encode()})


def encode_part(rows: Sequence[Row], schema: pyarrow.Schema) -> bytes:
    """What stands in the file of a part."""
    arrow, parquet = load_pyarrow()
    content = BytesIO()
    parquet.write_table(arrow.Table.from_pylist(rows, schema=schema), content, compression="zstd")
    return content.getvalue()


def write_part(folder: Path, name: str, content: bytes) -> None:
    """Write a part, in the place of one that has this name already.

    Raises
    ------
    DataInvalid
        If it cannot be written.
    """
    try:
        _write_whole(folder, name, content)
    except OSError as error:
        raise DataInvalid(
            f"{folder} cannot be written ({error.strerror or error}); what is written is whole: "
            "make room, and go on with --resume",
            file=str(folder),
        ) from error


def _write_whole(folder: Path, name: str, content: bytes) -> None:
    unfinished = folder / f".{name}.tmp"
    with unfinished.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())  # or a power cut might leave the name without the content
    unfinished.replace(folder / name)


@contextmanager
def opened(task: Task, *, resume: bool) -> Iterator[Written]:
    """Take hold of the folder that a task writes into; no second run can meanwhile.

    Parameters
    ----------
    resume
        Go on with what is there, rather than refuse to.

    Raises
    ------
    ArgumentInvalid
        Another run writes there, there is something already, or it was made in another way.
    DataInvalid
        The folder or a part cannot be read or written.
    """
    folder = task.output
    if folder.exists() and not folder.is_dir():
        raise ArgumentInvalid(
            f"{folder} is a file; a batch writes a folder of Parquet files, so name another one"
        )
    made = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataInvalid(f"{folder}: cannot be made: {error.strerror}", file=str(folder)) from None
    try:
        with locked(folder):
            names = _examine(folder, resume)
            _remove_unfinished(folder)
            try:
                yield _read(folder, names, task)
            finally:
                with suppress(OSError):  # or it would hide why the run ends
                    _remove_unfinished(folder)
    finally:
        if made:
            with suppress(OSError):  # as it holds parts
                folder.rmdir()


def _examine(folder: Path, resume: bool) -> list[str]:
    """Names of the parts that are there."""
    found = sorted(path.name for path in folder.iterdir() if path.name != LOCK)
    others = [name for name in found if not _PART.fullmatch(name)]
    # Readers of Parquet overlook such names too: file managers and Spark leave some anywhere.
    foreign = [name for name in others if not name.startswith((".", "_"))]
    if foreign:
        raise ArgumentInvalid(
            f"{folder} holds {foreign[0]!r}, which no batch wrote; name a new folder"
        )
    parts = [name for name in found if name not in others]
    if parts and not resume:
        raise ArgumentInvalid(
            f"{folder} holds the result of an earlier run; go on with it by --resume, or name "
            "another one"
        )
    return sorted(parts, key=_number)


def _number(name: str) -> int:
    match = _PART.fullmatch(name)
    return int(match[1]) if match else -1


def _remove_unfinished(folder: Path) -> None:
    for path in folder.iterdir():
        if _UNFINISHED.fullmatch(path.name):
            path.unlink(missing_ok=True)


def _read(folder: Path, names: Sequence[str], task: Task) -> Written:
    """What the parts hold, once they were made as this task would make them."""
    arrow, parquet = load_pyarrow()
    written = Written(following=1 + max(map(_number, names), default=-1))
    for name in names:
        path = folder / name
        try:
            with parquet.ParquetFile(path) as part:
                about = _about(path, part.schema_arrow)
                _require_same(path, about, task)
                read = part.read(columns=["file", "error_code"])
        except (arrow.ArrowException, OSError) as error:
            raise DataInvalid(
                f"{path}: cannot be read ({error}); remove it and go on with --resume, and its "
                "files are judged again",
                file=str(path),
            ) from error
        files, codes = (column.to_pylist() for column in read.columns)
        _require_same_folder(path, files, about, task)
        for file, code in zip(files, codes, strict=True):
            if written.seen.add(file):
                written.files += 1
                written.failed += code is not None
    return written


def _about(path: Path, schema: pyarrow.Schema) -> Mapping[str, Any]:
    try:
        about: Mapping[str, Any] = json.loads((schema.metadata or {})[BATCH_KEY])
    except (KeyError, ValueError):
        raise ArgumentInvalid(
            f"{path} is no part of a batch of Serein; name a new folder"
        ) from None
    return about


def _require_same(path: Path, about: Mapping[str, Any], task: Task) -> None:
    pairs = [
        ("the format", about.get("format"), FORMAT_VERSION),
        ("the model", about.get("model"), task.fingerprint),
        *(
            (f"--{name}", (about.get("options") or {}).get(name), value)
            for name, value in task.options.items()
        ),
    ]
    for what, there, here in pairs:
        if there != here:
            raise ArgumentInvalid(
                f"{path.parent} was made with {_said(what, there)}, this run has "
                f"{_said(what, here)}; go on as it was begun, or name a new folder"
            )


def _said(what: str, value: Any) -> str:
    """An option and its value as a person would write them."""
    if value is None or value is False:
        return f"no {what}"
    if value is True:
        return what
    if isinstance(value, Mapping):
        return ", ".join([what, *(_said(f"--{name}", one) for name, one in value.items())])
    return f"{what} {value}"


def _require_same_folder(
    path: Path, files: Sequence[str], about: Mapping[str, Any], task: Task
) -> None:
    """Relative paths of an earlier run mean other files in another folder."""
    begun = Path(str(about.get("folder")))
    # Where the folder is gone it was moved, with the files and the result in it.
    if begun == task.folder or not begun.is_dir() or begun.samefile(task.folder):
        return
    if not all(is_address(file) or Path(file).is_absolute() for file in files):
        raise ArgumentInvalid(
            f"{path.parent} names files relative to {begun}, where it was begun; go on from there"
        )


def _version() -> str:
    try:
        return metadata.version("serein")
    except metadata.PackageNotFoundError:  # it runs without having been installed
        return "unknown"
