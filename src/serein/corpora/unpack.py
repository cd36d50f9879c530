"""Unpack what was fetched, without trusting it, onto a disk that may be full."""

from __future__ import annotations

import errno
import lzma
import os
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, cast

from serein.corpora.readers import Archive
from serein.errors import DownloadFailed

Progress = Callable[[int, int | None], None]
"""Called with the number of bytes done and the number of all, None where nobody knows it."""

PIECE = 1 << 17
"""Bytes that are read and written at once."""

GOES_ON = "then run the same command again, it goes on where it stopped"


@contextmanager
def storing(folder: Path, needed: int | None = None) -> Iterator[None]:
    """Make the folder, with so many bytes free, and say what to do where the disk refuses."""
    from rich.filesize import decimal

    try:
        folder.mkdir(parents=True, exist_ok=True)
        if needed is not None and needed > shutil.disk_usage(folder).free:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        yield
    except OSError as error:
        if error.errno is None:  # not the system's, but a library's about what it reads
            raise
        reason = f"it cannot be written ({error}); change that, or name another folder"
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            wanted = "more than that is" if needed is None else f"{decimal(needed)} are"
            there = next(path for path in (folder, *folder.parents) if path.exists())
            free = decimal(shutil.disk_usage(there).free)
            reason = f"the disk is full: {wanted} needed and {free} are free; make room"
        raise DownloadFailed(f"{folder}: {reason}, {GOES_ON}", file=str(folder)) from error


class _Unusable(Exception):
    """An archive that must not be unpacked, and why."""


# What reading a damaged, encrypted or unknown archive raises in the standard library.
_DAMAGED = (
    *(_Unusable, zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError),
    *(OSError, RuntimeError, ValueError),
)


@dataclass(frozen=True)
class _Member:
    path: PurePosixPath
    size: int
    open: Callable[[], IO[bytes]]


def unpack(archive: Archive, path: Path, target: Path, progress: Progress) -> None:
    """Unpack a zip or tar archive into a folder; one that cannot be unpacked is removed.

    Raises
    ------
    DownloadFailed
        The archive is damaged, holds a link or a path that leads out of the folder, or the disk
        has no room for what it holds.
    """
    try:
        with _open_archive(path) as members:
            if not members:
                raise _Unusable("it holds no file")
            done, total = 0, sum(member.size for member in members)
            with storing(target, total):
                for member in members:
                    place = target / member.path
                    place.parent.mkdir(parents=True, exist_ok=True)
                    with member.open() as source, place.open("wb") as file:
                        shutil.copyfileobj(source, file, PIECE)
                    done += member.size
                    progress(done, total)
    except _DAMAGED as error:
        path.unlink()
        raise DownloadFailed(
            f"{archive.url}: what was fetched cannot be unpacked, and was removed ({error}); run "
            "the same command again to fetch it anew, and report it if it ends the same way"
        ) from error


@contextmanager
def _open_archive(path: Path) -> Iterator[list[_Member]]:
    """The files of an archive, if none of them leads out of the folder that it is unpacked into."""
    if tarfile.is_tarfile(path):
        with tarfile.open(path) as tar:
            items = tar.getmembers()
            while tar.fileobj is not None and tar.fileobj.read(PIECE):
                pass  # the checksum of what is compressed stands at the very end
            yield [
                _member(item.name, item.size, item.isfile(), partial(tar.extractfile, item))
                for item in items
                if not item.isdir()
            ]
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            yield [
                _member(
                    item.filename, item.file_size, not _is_link(item), partial(archive.open, item)
                )
                for item in archive.infolist()
                if not item.is_dir()
            ]
    else:
        raise _Unusable("it is neither a zip nor a tar archive")


def _is_link(item: zipfile.ZipInfo) -> bool:
    return stat.S_ISLNK(item.external_attr >> 16)


def _member(name: str, size: int, plain: bool, opener: Callable[[], IO[bytes] | None]) -> _Member:
    path = PureWindowsPath(name)  # knows the separators of every system, and drives
    if path.anchor or ".." in path.parts or not path.parts:
        raise _Unusable(f"{name!r} in it leads out of the folder")
    if not plain:
        raise _Unusable(f"{name!r} in it is a link or a device")
    return _Member(PurePosixPath(path.as_posix()), size, cast("Callable[[], IO[bytes]]", opener))
