"""Opening what a caller calls a sound: a path, bytes, a file object or an array."""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import soundfile

from serein.errors import (
    ArgumentInvalid,
    EmptyFile,
    NotAFile,
    NotAudio,
    NotFound,
    SereinError,
    TooLarge,
)

Samples = npt.NDArray[np.float32]
"""float32 samples; full scale is ±1."""

Array = tuple[npt.NDArray[Any], int]
"""(samples, sampling_rate) as the caller holds them."""

Source = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | Array
"""Whatever can be judged: a path, the bytes of a file, a file object, (samples, sampling_rate)."""

# Of what can be read only once; what is more of it goes to a file, not into the memory.
_HELD_BYTES = 16 * 1024**2

_NOTHING_THERE = {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP}


def source_name(source: Source) -> str | None:
    """Return the path as given, or None where the source is no path."""
    if isinstance(source, str | os.PathLike):
        return os.fsdecode(source)
    return None


@contextmanager
def boundary(name: str | None) -> Iterator[None]:
    """Let nothing but the tree of errors through, and write the file's name on what passes.

    Parameters
    ----------
    name
        The path as given, or None.
    """
    try:
        yield
    except SereinError as error:
        error.file = error.file or name
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno in _NOTHING_THERE:
            raise NotFound(f"There is no file at {name!r} ({reason}).", file=name) from error
        raise NotAFile(
            f"The sound could not be read: {reason}. A readable, regular file is needed.", file=name
        ) from error
    except (soundfile.SoundFileError, RuntimeError, ValueError) as error:
        raise NotAudio(f"The sound could not be decoded: {error}", file=name) from error


@contextmanager
def open_bytes(source: Source, *, max_bytes: int) -> Iterator[BinaryIO]:
    """Open a source that is no array as a seekable binary file that has no name.

    The name is withheld because libsndfile and FFmpeg would let a path's extension decide what
    the bytes are. A file object is read from its beginning and stays open. One that cannot be read
    twice, such as a pipe, is read to its end first, into a temporary file where it is long.

    Raises
    ------
    NotFound, NotAFile, EmptyFile, TooLarge, ArgumentInvalid
    """
    if isinstance(source, str | os.PathLike):
        with _open_path(source) as file:
            yield _measured(file, max_bytes)
    elif isinstance(source, bytes | bytearray | memoryview):
        yield _measured(io.BytesIO(source), max_bytes)
    elif _is_seekable(source):
        yield _measured(_nameless(source), max_bytes)
    else:
        from tempfile import SpooledTemporaryFile

        with SpooledTemporaryFile(_HELD_BYTES) as held:
            _copy(source, held, max_bytes)
            yield _measured(_nameless(held), max_bytes)


def _open_path(path: str | os.PathLike[str]) -> BinaryIO:
    if "\0" in os.fsdecode(path):
        raise NotFound(f"No path can hold a null character: {os.fsdecode(path)!r}.")
    # Windows refuses to open a directory, with an error that does not say why.
    if os.name == "nt" and Path(path).is_dir():
        raise NotAFile(f"{os.fsdecode(path)!r} is a directory; name a sound file in it.")
    # Without O_NONBLOCK the opening of a FIFO would wait for its writer, perhaps for ever.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags)
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    kind = "directory" if stat.S_ISDIR(mode) else "pipe or a device"
    raise NotAFile(f"{os.fsdecode(path)!r} is a {kind}; name a regular sound file.")


def _is_seekable(file: Any) -> bool:
    """Whether a file object can be read again; refuses what is no file object."""
    try:
        readable = isinstance(file.read(0), bytes)
        seekable = readable and file.seekable()
    except AttributeError:
        readable = False
    except ValueError as error:
        raise NotAFile(f"The file object cannot be read: {error}.") from error
    if not readable:
        raise ArgumentInvalid(
            "A sound is a path, bytes, a file object opened for reading in binary mode, or"
            f" (samples, sampling_rate); this is {type(file).__name__}."
        )
    return bool(seekable)


def _copy(file: Any, held: Any, max_bytes: int) -> None:
    """Read a file object to its end, or until it is seen to be too large."""
    left = max_bytes + 1
    while left > 0 and (piece := file.read(min(1 << 20, left))):
        held.write(piece)
        left -= len(piece)


def _nameless(file: Any) -> BinaryIO:
    return _Nameless(file)  # type: ignore[return-value]


def _measured(file: BinaryIO, max_bytes: int) -> BinaryIO:
    size = file.seek(0, os.SEEK_END)
    if size == 0:
        raise EmptyFile("The file is empty: it has no bytes.")
    if size > max_bytes:
        raise TooLarge(
            f"The file has more than the {max_bytes} bytes that are allowed; cut it, or raise"
            " Limits.max_bytes."
        )
    file.seek(0)
    return file


class _Nameless:
    """A seekable file object without its name, see `open_bytes`."""

    def __init__(self, file: BinaryIO) -> None:
        self.read = file.read
        self.tell = file.tell
        self._file = file

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        # Some file-like objects (tempfile.SpooledTemporaryFile before 3.11) return nothing.
        self._file.seek(offset, whence)
        return self._file.tell()
