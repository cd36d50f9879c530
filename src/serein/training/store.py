"""The feature store: what was computed from a clip is kept by its bytes and its specification.

A store is a folder with a shelf, again a folder, for every specification. A shelf holds shards of
two files each, to which one process alone appends:

``NAME.values``
    float32 rows of many clips on end, little-endian; readers map it into memory.
``NAME.index``
    A record of 64 bytes for each clip, written once its rows are.

A record seals itself and its rows with a checksum, which is compared before the clip is served.
So whatever a killed process, a full disk or a power cut leaves behind is either whole or not
there; and since nothing that was written is ever changed, no process has to wait for another. At
worst two of them compute the same clip, with the same result.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import time
import uuid
import zlib
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import BinaryIO

import numpy as np

from serein.errors import DependencyMissing
from serein.features import Features, FeatureSpec
from serein.features.spectral import FloatArray

VARIABLE = "SEREIN_CACHE"
"""Environment variable that names a folder for what Serein keeps, in place of the user's cache."""

FORMAT_VERSION = 1
"""Raised whenever a shelf is written otherwise; shelves of another version are left alone."""

_RECORD = struct.Struct("<32sqiIdd")  # key, first row, rows, checksum, level, duration
_VALUE = np.dtype("<f4")
_ABANDONED = 24 * 3600.0
"""Seconds after which nobody is writing any more."""
_SMALLEST_MAPPED = 1 << 22
"""Bytes; what is mapped holds a descriptor, of which a process may be allowed 256 at most."""


@dataclass(frozen=True)
class FeatureStore:
    """Features of clips on disk.

    Attributes
    ----------
    folder
        Where they lie; it is made when the first are written.
    """

    folder: Path

    def shelf(self, spec: FeatureSpec) -> Shelf:
        """What the store holds of one specification."""
        digest = hashlib.sha256(_description(spec).encode()).hexdigest()
        return Shelf(self.folder / f"{spec.kind}-{digest[:20]}", spec)

    def size(self) -> int:
        """Bytes of all files in the store."""
        size = 0
        for folder, _, names in os.walk(self.folder):
            for name in names:
                with suppress(OSError):  # another process may be sweeping
                    size += (Path(folder) / name).stat().st_size
        return size


def user_store() -> FeatureStore:
    """The user's own store: in the folder that ``SEREIN_CACHE`` names, or in the user's cache.

    Raises
    ------
    DependencyMissing
        If the variable is not set and platformdirs, which knows the cache, is not installed.
    """
    if named := os.environ.get(VARIABLE):
        return FeatureStore(Path(named) / "features")
    try:
        import platformdirs
    except ImportError as error:
        raise DependencyMissing(
            "the user's cache is found by platformdirs, which is not installed: "
            f'pip install "serein[train]", or name a folder by the variable {VARIABLE}'
        ) from error
    return FeatureStore(Path(platformdirs.user_cache_dir("serein", appauthor=False)) / "features")


def key_of(content: bytes) -> bytes:
    """The key of a clip: the SHA-256 of its file."""
    return hashlib.sha256(content).digest()


@dataclass(frozen=True, slots=True)
class Place:
    """Where on a shelf the features of a clip lie, and what belongs to them."""

    shard: str
    first: int
    rows: int
    level: float
    duration: float
    checksum: int = 0

    def record(self, key: bytes) -> bytes:
        """The record of the clip in the index."""
        return _RECORD.pack(key, self.first, self.rows, self.checksum, self.level, self.duration)

    def sealed(self, key: bytes, content: bytes) -> Place:
        """The same place with the checksum of its record and of the rows that lie there."""
        start = zlib.crc32(replace(self, checksum=0).record(key))
        return replace(self, checksum=zlib.crc32(content, start))


class Shelf:
    """The features of one specification, as they were when they were first asked for.

    Parameters
    ----------
    folder
        Where the shards lie; it need not be there.
    spec
        What the features are.
    """

    def __init__(self, folder: Path, spec: FeatureSpec) -> None:
        self.folder = folder
        self.spec = spec
        self._row = _VALUE.itemsize * spec.dimensions
        self._mapped: dict[str, FloatArray] = {}

    def __len__(self) -> int:
        return len(self._places)

    def find(self, key: bytes) -> Place | None:
        """Where the features of a clip lie; None where they do not, or are damaged."""
        if (place := self._places.get(key)) is None:
            return None
        try:
            with self._path(place.shard).open("rb") as file:
                file.seek(place.first * self._row)
                content = file.read(place.rows * self._row)
        except OSError:
            return None
        return place if place == place.sealed(key, content) else None

    def features(self, place: Place) -> Features:
        """The features that lie at a place, read-only; those of large shards are mapped.

        Raises
        ------
        OSError
            If they do not lie there any more.
        """
        if place.shard not in self._mapped:
            self._mapped[place.shard] = self._map(self._path(place.shard))
        values = self._mapped[place.shard][place.first : place.first + place.rows]
        if len(values) < place.rows:
            raise OSError(f"{self._path(place.shard)} has become shorter")
        return Features(values, place.level, place.duration)

    def sweep(self) -> None:
        """Remove shards in which no clip was ever finished, and that nobody is writing now."""
        shards: dict[str, list[Path]] = defaultdict(list)
        for file in self._files(".values", ".index"):
            shards[file.stem].append(file)
        for files in shards.values():
            with suppress(OSError):
                states = {file: file.stat() for file in files}
                finished = any(
                    file.suffix == ".index" and state.st_size >= _RECORD.size
                    for file, state in states.items()
                )
                touched = max(state.st_mtime for state in states.values())
                if not finished and time.time() - touched > _ABANDONED:
                    for file in files:
                        file.unlink()

    @cached_property
    def _places(self) -> dict[bytes, Place]:
        places: dict[bytes, Place] = {}
        # The newest last: there lies anew what was found to be damaged.
        for index in sorted(self._files(".index"), key=_modified):
            with suppress(OSError):
                places |= self._read_index(index)
        return places

    def _read_index(self, index: Path) -> dict[bytes, Place]:
        rows_there = self._path(index.stem).stat().st_size // self._row
        content = index.read_bytes()
        whole = len(content) - len(content) % _RECORD.size
        return {
            key: Place(index.stem, first, rows, level, duration, checksum)
            for key, first, rows, checksum, level, duration in _RECORD.iter_unpack(content[:whole])
            if rows > 0 and 0 <= first <= rows_there - rows
        }

    def _files(self, *suffixes: str) -> list[Path]:
        try:
            return [file for file in self.folder.iterdir() if file.suffix in suffixes]
        except OSError:
            return []

    def _path(self, shard: str) -> Path:
        return self.folder / f"{shard}.values"

    def _map(self, path: Path) -> FloatArray:
        size = path.stat().st_size
        shape = (size // self._row, self.spec.dimensions)
        if size >= _SMALLEST_MAPPED:
            return np.asarray(np.memmap(path, _VALUE, "r", shape=shape))
        values: FloatArray = np.fromfile(path, _VALUE, shape[0] * shape[1]).reshape(shape)
        values.flags.writeable = False
        return values


class ShardWriter:
    """Puts clips on a shelf, into a shard of its own that begins with the first of them.

    Parameters
    ----------
    folder, spec
        Those of the shelf.
    """

    def __init__(self, folder: Path, spec: FeatureSpec) -> None:
        self.folder = folder
        self.spec = spec
        self._name = uuid.uuid4().hex
        self._files: tuple[BinaryIO, BinaryIO] | None = None
        self._rows = 0

    def add(self, clips: Sequence[tuple[bytes, Features]]) -> list[Place]:
        """Write clips, each with its key, and say where they lie.

        Raises
        ------
        OSError
            If they cannot be written; then no others are to be added.
        """
        self._files = values, index = self._files or self._begin()
        places, records = [], []
        for key, clip in clips:
            content = np.ascontiguousarray(clip.values, _VALUE).tobytes()
            place = Place(self._name, self._rows, len(clip.values), clip.level, clip.duration)
            places.append(place.sealed(key, content))
            records.append(places[-1].record(key))
            values.write(content)
            self._rows += len(clip.values)
        values.flush()
        index.write(b"".join(records))
        index.flush()
        return places

    def close(self) -> None:
        """Give the files back."""
        for file in self._files or ():
            with suppress(OSError):  # the disk is still full
                file.close()

    def _begin(self) -> tuple[BinaryIO, BinaryIO]:
        self.folder.mkdir(parents=True, exist_ok=True)
        about = self.folder / "spec.json"
        with suppress(FileExistsError), about.open("x", encoding="utf-8") as file:
            file.write(_description(self.spec))
        values = (self.folder / f"{self._name}.values").open("xb")
        return values, (self.folder / f"{self._name}.index").open("xb")


def _modified(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0


def _description(spec: FeatureSpec) -> str:
    """Everything that the numbers depend on, as JSON.

    The versions of Serein and of what it computes with are in it, because another decoder may
    give other last digits, and what comes out of a store must be what would be computed.
    """
    names = ("serein", "numpy", "soundfile", "av", "soxr")
    software = {name: _version(name) for name in names}
    described = {"format": FORMAT_VERSION, "features": spec.as_dict(), "software": software}
    return json.dumps(described, indent=1, sort_keys=True) + "\n"


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "unknown"
