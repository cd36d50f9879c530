"""Files at addresses: listed and fetched by fsspec, which is imported only for them."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import Any, BinaryIO, TypeVar

from serein.audio import Limits
from serein.errors import (
    ArgumentInvalid,
    DependencyMissing,
    DownloadFailed,
    NotFound,
    SereinError,
    TooLarge,
)
from serein.filenames import is_recording
from serein.recognition.batch.entries import UNKNOWN_SIZE, Entry, entry_of

HELD_IN_MEMORY = 64 * 2**20
"""Bytes; a larger remote file is fetched into a temporary one."""

_ATTEMPTS = 3
_PAUSE = 0.5  # seconds, doubled after every attempt
_AT_ONCE = 8 * 2**20  # bytes that are copied at once
_GONE = (404, 410)
_FORBIDDEN = (401, 403)
Value = TypeVar("Value")


def find_remote(address: str) -> Iterator[Entry]:
    """The files of a remote address: those of a pattern with ``*``, a folder's sounds, or itself.

    Over HTTP a folder is what ends with a slash.

    Raises
    ------
    ArgumentInvalid
        There is no such kind of address.
    DependencyMissing
        What speaks this protocol is not installed.
    DownloadFailed
        It cannot be listed.
    """
    system, path = _system(address)
    if "*" in address:
        found = _reached(address, lambda: system.glob(path, detail=True))
    elif address.endswith("/") or (
        not _is_http(address) and _reached(address, lambda: system.isdir(path))
    ):
        found = _reached(address, lambda: system.find(path, detail=True))
    else:
        yield entry_of(address)
        return
    every = "*" in address and "." in PurePosixPath(path).name
    for name, facts in sorted(found.items()):
        if facts.get("type") == "file" and (every or is_recording(PurePosixPath(name))):
            yield Entry(system.unstrip_protocol(name), facts.get("size") or UNKNOWN_SIZE)


@contextmanager
def open_remote(address: str) -> Iterator[BinaryIO]:
    """A remote file for reading from any place of it, without limits.

    Raises
    ------
    ArgumentInvalid, DependencyMissing, NotFound, DownloadFailed
        As :func:`fetched`.
    """
    system, path = _system(address)
    with _reached(address, lambda: system.open(path, "rb")) as file:
        yield file


@contextmanager
def fetched(address: str, limits: Limits) -> Iterator[bytes | BinaryIO]:
    """A remote file as bytes, or where it is large as a temporary file.

    That file has no name, so that it goes with the process, however that ends.

    Raises
    ------
    ArgumentInvalid
        There is no such kind of address.
    DependencyMissing
        What speaks this protocol is not installed.
    NotFound
        Nothing is there.
    TooLarge
        It has more bytes than the limit.
    DownloadFailed
        It could not be fetched, in three attempts.
    """
    system, path = _system(address)
    size = _reached(address, lambda: system.info(path)).get("size")
    _check_size(address, size or 0, limits)
    if size is not None and size <= HELD_IN_MEMORY:
        yield _reached(address, lambda: system.cat_file(path))
        return
    with tempfile.TemporaryFile(prefix="serein-") as copy:
        _reached(address, lambda: _copy(address, system.open(path, "rb"), copy, limits))
        yield copy


def _check_size(address: str, size: int, limits: Limits) -> None:
    if size > limits.max_bytes:
        raise TooLarge(
            f"The file has more than the {limits.max_bytes} bytes that are allowed; cut it, or "
            "judge it over time.",
            file=address,
        )


def _copy(address: str, remote: Any, copy: BinaryIO, limits: Limits) -> None:
    """Copy a remote file, of which nobody said how large it is, or a large one."""
    copy.seek(0)
    copy.truncate()  # of what came at an attempt before
    with remote:
        while block := remote.read(_AT_ONCE):
            copy.write(block)
            _check_size(address, copy.tell(), limits)


def _is_http(address: str) -> bool:
    return address.lower().startswith(("http://", "https://"))


def _system(address: str) -> tuple[Any, str]:
    """What reads the address, and the path in it."""
    try:
        import fsspec.core
    except ImportError as error:
        raise DependencyMissing(
            'addresses are read by fsspec, which is not installed: pip install "serein[batch]"',
            file=address,
        ) from error
    try:
        found: tuple[Any, str] = fsspec.core.url_to_fs(address)
    except ImportError as error:  # its message names the library and how to install it
        raise DependencyMissing(f"{address}: {error}", file=address) from error
    except ValueError as error:
        raise ArgumentInvalid(
            f"{address}: is no address that can be read ({error}); those of fsspec are, such as "
            "s3://, gs://, https:// and file://",
            file=address,
        ) from error
    return found


def _reached(address: str, call: Callable[[], Value]) -> Value:
    """What a call over the network gives, tried again where it fails."""
    for attempt in range(_ATTEMPTS):
        try:
            return call()
        except SereinError:
            raise
        except ImportError as error:
            raise DependencyMissing(f"{address}: {error}", file=address) from error
        except Exception as error:  # every protocol has errors of its own, without a common base
            problem = _problem(address, error)
            if isinstance(problem, FileNotFoundError):
                raise NotFound(f"There is no file at {address!r}.", file=address) from error
            if attempt + 1 == _ATTEMPTS or _is_forbidden(problem):
                raise DownloadFailed(
                    f"{address} could not be fetched ({type(problem).__name__}: {problem}); check "
                    "the address, the rights and the network",
                    file=address,
                ) from error
            time.sleep(_PAUSE * 2**attempt)
    raise AssertionError("unreachable: the last attempt returns or raises")


def _problem(address: str, error: Exception) -> BaseException:
    """What an error means: of all that fails over HTTP fsspec says that nothing is there."""
    cause = error.__cause__
    if not (_is_http(address) and isinstance(error, FileNotFoundError)) or cause is None:
        return error
    return error if getattr(cause, "status", None) in _GONE else cause


def _is_forbidden(problem: BaseException) -> bool:
    return isinstance(problem, PermissionError) or getattr(problem, "status", None) in _FORBIDDEN
