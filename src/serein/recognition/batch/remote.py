"""Files at addresses: listed and fetched by fsspec, which is imported only for them."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, TypeVar

from serein.audio import Limits
from serein.errors import ArgumentInvalid, DependencyMissing, DownloadFailed, NotFound, TooLarge
from serein.filenames import is_recording
from serein.recognition.batch.entries import UNKNOWN_SIZE, Entry, entry_of

HELD_IN_MEMORY = 64 * 2**20
"""Bytes; a larger remote file is fetched into a temporary one."""

_ATTEMPTS = 3
_PAUSE = 0.5  # seconds, doubled after every attempt
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
    over_http = address.lower().startswith(("http://", "https://"))
    if "*" in address:
        found = _reached(address, lambda: system.glob(path, detail=True))
    elif address.endswith("/") or (not over_http and _reached(address, lambda: system.isdir(path))):
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
def fetched(address: str, limits: Limits) -> Iterator[bytes | Path]:
    """A remote file as bytes, or where it is large as a temporary file.

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
    if size is not None and size > limits.max_bytes:
        raise TooLarge(
            f"The file has {size} bytes, more than the {limits.max_bytes} that are allowed; cut it,"
            " or raise Limits.max_bytes.",
            file=address,
        )
    if size is not None and size <= HELD_IN_MEMORY:
        yield _reached(address, lambda: system.cat_file(path))
        return
    with tempfile.TemporaryDirectory(prefix="serein-") as folder:
        copy = Path(folder) / "remote"
        _reached(address, lambda: system.get_file(path, str(copy)))
        yield copy


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
        except FileNotFoundError as error:
            raise NotFound(f"There is no file at {address!r}.", file=address) from error
        except ImportError as error:
            raise DependencyMissing(f"{address}: {error}", file=address) from error
        except Exception as error:  # every protocol has errors of its own, without a common base
            if attempt + 1 == _ATTEMPTS or isinstance(error, PermissionError):
                raise DownloadFailed(
                    f"{address} could not be fetched ({type(error).__name__}: {error}); check the "
                    "address, the rights and the network",
                    file=address,
                ) from error
            time.sleep(_PAUSE * 2**attempt)
    raise AssertionError("unreachable: the last attempt returns or raises")
