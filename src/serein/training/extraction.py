"""Features of many clips at once, taken from the store as far as they lie there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

from serein.audio import Limits, decode
from serein.audio.sources import Samples, boundary, open_bytes
from serein.corpora.scan import Progress
from serein.errors import SereinError
from serein.features import Features, FeatureSpec
from serein.training.non_speech import non_speech_sounds
from serein.training.processes import worker_count, worker_pool
from serein.training.sound import PLAIN, SoundChange, SoundChanges
from serein.training.store import FeatureStore, Place, ShardWriter, Shelf, key_of

_CHUNK = 32

_Found = Features | Place | SereinError
_Decoder = Callable[[Path, int], tuple[bytes, Samples]]


@dataclass(frozen=True, slots=True)
class Clip:
    """A sound that features are computed of.

    Attributes
    ----------
    path
        Its file.
    copy
        0 for the sound as it is, from 1 on for a changed copy.
    """

    path: Path
    copy: int = 0

    def change(self, content: bytes, changes: SoundChanges | None) -> SoundChange:
        """What is changed; ``content`` is the key of the file."""
        if self.copy == 0 or changes is None:
            return SoundChange(PLAIN)
        return changes.draw(content, self.copy)


def hear(
    clip: Clip, sampling_rate: int, changes: SoundChanges | None = None
) -> tuple[bytes, SoundChange, Samples]:
    """Read a clip and change it, as training hears it.

    Parameters
    ----------
    clip
        The clip.
    sampling_rate
        Hz of the samples.
    changes
        What draws the change of a copy.

    Returns
    -------
    tuple
        The key of the very bytes that were decoded and of the change, the change, and the
        samples, float32 (n,).

    Raises
    ------
    SereinError
        If the file cannot be read, or the change cannot be made.
    """
    return _changed(clip, sampling_rate, changes, _decoded)


class Extraction:
    """Features of many clips and of their changed copies.

    Parameters
    ----------
    paths
        The files of the clips.
    spec
        What the features are.
    store
        Where they are kept; None to keep none.
    changes
        Draws the changes of copies; None for none.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        spec: FeatureSpec,
        store: FeatureStore | None,
        changes: SoundChanges | None = None,
    ) -> None:
        self._each = 1 if changes is None else 1 + changes.options.copies
        self._clips = [Clip(path, copy) for path in paths for copy in range(self._each)]
        self._spec = spec
        self._changes = changes
        self._shelf = None if store is None else store.shelf(spec)
        self._found: dict[int, _Found] = {}
        self._troubles: set[str] = set()

    def run(self, workers: int | None, progress: Progress | None) -> None:
        """Look every clip up, and compute those that are missing."""
        for step in (self._look_up, self._compute):
            for index, found in step(workers):
                self._found[index] = found
                if progress is not None:
                    progress(len(self._found), len(self._clips))

    def results(self) -> Iterator[tuple[Features | SereinError, ...]]:
        """The features of each clip and those of its copies, or their errors, in order."""
        for first in range(0, len(self._clips), self._each):
            yield tuple(self._result(index) for index in range(first, first + self._each))

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
            return [_find(shelf, self._clips[index], self._changes) for index in chunk]

        # Threads do: reading, hashing and the checksum work without the interpreter's lock.
        chunks = _chunks(range(len(self._clips)))
        with ThreadPoolExecutor(worker_count(workers, len(chunks))) as pool:
            for chunk, places in zip(chunks, pool.map(find, chunks), strict=True):
                for index, place in zip(chunk, places, strict=True):
                    if place is not None:
                        yield index, place

    def _compute(self, workers: int | None) -> Iterator[tuple[int, _Found]]:
        chunks = _chunks([index for index in range(len(self._clips)) if index not in self._found])
        if not chunks:
            return
        if self._shelf is not None:
            self._shelf.sweep()
        folder = None if self._shelf is None else self._shelf.folder
        with worker_pool(
            worker_count(workers, len(chunks)),
            begin=_Worker.begin,
            arguments=(self._spec, self._changes, folder),
        ) as pool:
            tasks = ([self._clips[index] for index in chunk] for chunk in chunks)
            for chunk, (found, trouble) in zip(chunks, pool.map(_work, tasks), strict=True):
                self._troubles |= trouble
                yield from zip(chunk, found, strict=True)

    def _result(self, index: int) -> Features | SereinError:
        found = self._found[index]
        if not isinstance(found, Place):
            return found
        with suppress(OSError, ValueError):  # somebody may have emptied the store meanwhile
            if self._shelf is not None:
                return self._shelf.features(found)
        try:
            return _extract(self._clips[index], self._spec, self._changes, _decoded)[1]
        except SereinError as error:
            return error


def non_speech_features(
    changes: SoundChanges, spec: FeatureSpec, workers: int | None
) -> tuple[Features, ...]:
    """Features of the sounds that are not speech; they are not stored."""
    count = changes.options.non_speech
    if not count:
        return ()
    recordings = [path for source in changes.noises for path in source]
    seeds = range(-(-count // _CHUNK))
    make = partial(_non_speech, spec, recordings)
    with worker_pool(worker_count(workers, len(seeds))) as pool:
        found = [features for chunk in pool.map(make, seeds) for features in chunk]
    return tuple(found[:count])


def _non_speech(spec: FeatureSpec, recordings: Sequence[Path], seed: int) -> list[Features]:
    sounds = non_speech_sounds(
        _CHUNK, seed=seed, sampling_rate=spec.sampling_rate, recordings=recordings
    )
    return [spec.extract(samples) for samples in sounds]


class _Worker:
    """What a process that computes features holds from task to task."""

    current: _Worker

    def __init__(
        self, spec: FeatureSpec, changes: SoundChanges | None, folder: Path | None
    ) -> None:
        self.spec = spec
        self.changes = changes
        self.writer = None if folder is None else ShardWriter(folder, spec)

    @classmethod
    def begin(cls, spec: FeatureSpec, changes: SoundChanges | None, folder: Path | None) -> None:
        """Prepare this process."""
        cls.current = cls(spec, changes, folder)

    def work(self, clips: Sequence[Clip]) -> tuple[list[_Found], set[str]]:
        """Compute the features of some clips; they are sent back where they cannot be stored."""
        found: list[_Found] = []
        computed: dict[int, tuple[bytes, Features]] = {}
        # The copies of a clip come one after the other, and decoding takes most of the time.
        decoded = lru_cache(maxsize=1)(_decoded)
        for index, clip in enumerate(clips):
            try:
                computed[index] = result = _extract(clip, self.spec, self.changes, decoded)
                found.append(result[1])
            except SereinError as error:
                found.append(error)
        if self.writer is None or not computed:
            return found, set()
        try:
            places = self.writer.add(list(computed.values()))
        except OSError as error:
            self.writer.close()
            self.writer = None
            return found, {error.strerror or str(error)}
        for index, place in zip(computed, places, strict=True):
            found[index] = place
        return found, set()


def _work(clips: Sequence[Clip]) -> tuple[list[_Found], set[str]]:
    return _Worker.current.work(clips)


def _find(shelf: Shelf, clip: Clip, changes: SoundChanges | None) -> Place | None:
    try:
        content = key_of(_read(clip.path))
        return shelf.find(clip.change(content, changes).key(content))
    except SereinError:
        return None  # it will be met again where it is reported


def _extract(
    clip: Clip, spec: FeatureSpec, changes: SoundChanges | None, decoded: _Decoder
) -> tuple[bytes, Features]:
    """Key and features of a clip."""
    key, _, samples = _changed(clip, spec.sampling_rate, changes, decoded)
    return key, spec.extract(samples)


def _changed(
    clip: Clip, sampling_rate: int, changes: SoundChanges | None, decoded: _Decoder
) -> tuple[bytes, SoundChange, Samples]:
    content, samples = decoded(clip.path, sampling_rate)
    change = clip.change(content, changes)
    with boundary(str(clip.path)):
        return change.key(content), change, change.apply(samples, sampling_rate)


def _decoded(path: Path, sampling_rate: int) -> tuple[bytes, Samples]:
    """Key and samples of a file; the key is of the very bytes that were decoded."""
    content = _read(path)
    with boundary(str(path)):
        return key_of(content), decode(content, sampling_rate=sampling_rate).samples


def _read(path: Path) -> bytes:
    with boundary(str(path)), open_bytes(path, max_bytes=Limits().max_bytes) as file:
        return file.read()


def _chunks(indexes: Sequence[int]) -> list[Sequence[int]]:
    return [indexes[begin : begin + _CHUNK] for begin in range(0, len(indexes), _CHUNK)]
