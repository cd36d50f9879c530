"""Features of many clips at once, taken from the store as far as they lie there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from serein.audio import Limits, decode
from serein.audio.sources import boundary, open_bytes
from serein.corpora.scan import Progress
from serein.errors import SereinError
from serein.features import Features, FeatureSpec
from serein.training.processes import worker_count, worker_pool
from serein.training.store import FeatureStore, Place, ShardWriter, Shelf, key_of

_CHUNK = 32

_Found = Features | Place | SereinError


class Extraction:
    """Features of many clips, taken from a store as far as they lie there."""

    def __init__(
        self, paths: Sequence[Path], spec: FeatureSpec, store: FeatureStore | None
    ) -> None:
        self._paths = paths
        self._spec = spec
        self._shelf = None if store is None else store.shelf(spec)
        self._found: dict[int, _Found] = {}
        self._troubles: set[str] = set()

    def run(self, workers: int | None, progress: Progress | None) -> None:
        """Look every clip up, and compute those that are missing."""
        for step in (self._look_up, self._compute):
            for index, found in step(workers):
                self._found[index] = found
                if progress is not None:
                    progress(len(self._found), len(self._paths))

    def results(self) -> Iterator[Features | SereinError]:
        """The features of each clip, or its error, in order."""
        for index, path in enumerate(self._paths):
            found = self._found[index]
            yield self._fetch(found, path) if isinstance(found, Place) else found

    @property
    def warnings(self) -> tuple[str, ...]:
        """Why features could not be stored."""
        folder = None if self._shelf is None else self._shelf.folder
        return tuple(
            f"the feature store {folder} cannot be written ({trouble}); what it lacks is held in "
            "memory, and computed again the next time"
            for trouble in sorted(self._troubles)
        )

    def _look_up(self, workers: int | None) -> Iterator[tuple[int, Place]]:
        shelf = self._shelf
        if shelf is None or not len(shelf):
            return

        def find(chunk: Sequence[int]) -> list[Place | None]:
            return [_find(shelf, self._paths[index]) for index in chunk]

        # Threads do: reading, hashing and the checksum work without the interpreter's lock.
        chunks = _chunks(range(len(self._paths)))
        with ThreadPoolExecutor(worker_count(workers, len(chunks))) as pool:
            for chunk, places in zip(chunks, pool.map(find, chunks), strict=True):
                for index, place in zip(chunk, places, strict=True):
                    if place is not None:
                        yield index, place

    def _compute(self, workers: int | None) -> Iterator[tuple[int, _Found]]:
        chunks = _chunks([index for index in range(len(self._paths)) if index not in self._found])
        if not chunks:
            return
        if self._shelf is not None:
            self._shelf.sweep()
        folder = None if self._shelf is None else self._shelf.folder
        with worker_pool(
            worker_count(workers, len(chunks)),
            begin=_Worker.begin,
            arguments=(self._spec, folder),
        ) as pool:
            tasks = ([self._paths[index] for index in chunk] for chunk in chunks)
            for chunk, (found, trouble) in zip(chunks, pool.map(_work, tasks), strict=True):
                self._troubles |= trouble
                yield from zip(chunk, found, strict=True)

    def _fetch(self, place: Place, path: Path) -> Features | SereinError:
        with suppress(OSError, ValueError):  # somebody may have emptied the store meanwhile
            if self._shelf is not None:
                return self._shelf.features(place)
        try:
            return _extract(path, self._spec)[1]
        except SereinError as error:
            return error


class _Worker:
    """What a process that computes features holds from task to task."""

    current: _Worker

    def __init__(self, spec: FeatureSpec, folder: Path | None) -> None:
        self.spec = spec
        self.writer = None if folder is None else ShardWriter(folder, spec)

    @classmethod
    def begin(cls, spec: FeatureSpec, folder: Path | None) -> None:
        """Prepare this process."""
        cls.current = cls(spec, folder)

    def work(self, paths: Sequence[Path]) -> tuple[list[_Found], set[str]]:
        """Compute the features of some clips; they are sent back where they cannot be stored."""
        found: list[_Found] = []
        clips: dict[int, tuple[bytes, Features]] = {}
        for index, path in enumerate(paths):
            try:
                clips[index] = clip = _extract(path, self.spec)
                found.append(clip[1])
            except SereinError as error:
                found.append(error)
        if self.writer is None or not clips:
            return found, set()
        try:
            places = self.writer.add(list(clips.values()))
        except OSError as error:
            self.writer.close()
            self.writer = None
            return found, {error.strerror or str(error)}
        for index, place in zip(clips, places, strict=True):
            found[index] = place
        return found, set()


def _work(paths: Sequence[Path]) -> tuple[list[_Found], set[str]]:
    return _Worker.current.work(paths)


def _find(shelf: Shelf, path: Path) -> Place | None:
    try:
        return shelf.find(key_of(_read(path)))
    except SereinError:
        return None  # it will be met again where it is reported


def _extract(path: Path, spec: FeatureSpec) -> tuple[bytes, Features]:
    """Key and features of a clip; the key is of the very bytes that were decoded."""
    content = _read(path)
    with boundary(str(path)):
        recording = decode(content, sampling_rate=spec.sampling_rate)
    return key_of(content), spec.extract(recording.samples)


def _read(path: Path) -> bytes:
    with boundary(str(path)), open_bytes(path, max_bytes=Limits().max_bytes) as file:
        return file.read()


def _chunks(indexes: Sequence[int]) -> list[Sequence[int]]:
    return [indexes[begin : begin + _CHUNK] for begin in range(0, len(indexes), _CHUNK)]
