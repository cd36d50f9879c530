"""One run at a time in a folder: a lock that the system takes back when its process ends."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from serein.errors import ArgumentInvalid, DataInvalid

LOCK = ".lock"
"""Name of the file that is locked; it is there only while a run is."""

_HELD = {errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK, errno.EDEADLK}
"""What the systems say where another process holds a lock."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder, if its file system has locks: not all of clusters have.

    Raises
    ------
    ArgumentInvalid
        Another process holds it.
    DataInvalid
        Nothing can be written into the folder.
    """
    path = folder / LOCK
    descriptor = _taken(path)
    try:
        yield
    finally:
        if os.name == "nt":  # Windows removes nothing that is open
            os.close(descriptor)
            with suppress(OSError):
                path.unlink()
        else:
            path.unlink(missing_ok=True)
            os.close(descriptor)


def _taken(path: Path) -> int:
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise DataInvalid(
                f"{path.parent}: nothing can be written there: {error.strerror}",
                file=str(path.parent),
            ) from error
        try:
            _lock(descriptor)
        except OSError as error:
            if error.errno not in _HELD:
                return descriptor
            os.close(descriptor)
            raise ArgumentInvalid(
                f"another run is writing into {path.parent}; wait for its end, or name another "
                "folder"
            ) from error
        if _is_at(descriptor, path):
            return descriptor
        os.close(descriptor)


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether the file is still there: the run that held the lock before removes it."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _lock(descriptor: int) -> None:
    if os.name == "nt":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
