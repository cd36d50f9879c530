"""Read a corpus's folder into an utterance table."""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from serein.corpora.readers import Clip, Corpus, LeftOut, Reading, find_corpus
from serein.corpora.report import (
    Blemish,
    BlemishKind,
    ScanReport,
    describe_sexes,
    describe_unmapped,
    find_missing,
    find_twins,
)
from serein.corpora.table import Utterance, UtteranceTable
from serein.errors import DataInvalid, SereinError, Truncated
from serein.filenames import AUDIO_EXTENSIONS, is_audio

if TYPE_CHECKING:
    from serein.audio.sources import Samples

SILENCE_PEAK = 1e-4
"""Full-scale fraction (-80 dB) that no sample of a silent clip reaches."""

_MOST_MISNAMED = 5
"""So many files against the rule are named one by one; of more the first stands for all."""

Progress = Callable[[int, int], None]
"""Called with the number of clips done and the number of all."""


@dataclass(frozen=True)
class _Sound:
    duration: float
    sampling_rate: int
    sha256: str
    silent: bool


@dataclass(frozen=True)
class _Files:
    """The files of a folder, told apart by what the reader makes of their names."""

    clips: list[tuple[PurePosixPath, Clip]]
    blemishes: list[Blemish]


def scan(
    name: str,
    root: str | Path,
    *,
    workers: int | None = None,
    progress: Progress | None = None,
) -> ScanReport:
    """Find, read and check the clips of a corpus.

    Files that cannot be read are listed and left out; an incomplete corpus is reported and no
    error.

    Parameters
    ----------
    name
        A known corpus, such as ``ravdess``.
    root
        The folder that holds it, in the corpus's own layout; for ``csv`` also the table itself.
    workers
        Number of threads that decode; by default one for each processor.
    progress
        Called after every clip, from the calling thread.

    Raises
    ------
    ArgumentInvalid
        No corpus has that name.
    DataInvalid
        There is no such folder, no clip of the corpus in it, or a table beside them is damaged.
    """
    corpus = find_corpus(name)
    place = Path(root)
    folder = place.parent if corpus.table and place.is_file() else place
    if not folder.is_dir():
        wanted = "table and no folder" if corpus.table else "folder"
        raise DataInvalid(
            f"{root}: is no {wanted}; give the one that holds {corpus.title}", file=str(root)
        )
    paths = _list_files(folder)
    reading = corpus.open(place, paths)
    files = _sort_files(paths, reading)
    if not files.clips:
        raise _nothing_found(corpus, folder, paths)

    utterances, found, unreadable = _read_clips(corpus, folder, files.clips, workers, progress)
    return ScanReport(
        table=UtteranceTable(folder.resolve(), corpus.name, tuple(utterances)),
        corpus=corpus,
        missing=find_missing(corpus, utterances, found=found, expected=reading.expected),
        blemishes=(*find_twins(utterances), *unreadable, *files.blemishes),
        notes=(*reading.notes, *describe_unmapped(utterances), *describe_sexes(utterances)),
    )


def _read_clips(
    corpus: Corpus,
    root: Path,
    clips: Sequence[tuple[PurePosixPath, Clip]],
    workers: int | None,
    progress: Progress | None,
) -> tuple[list[Utterance], list[str], list[Blemish]]:
    """The utterances with their clips' names, and the files that cannot be read."""
    utterances: list[Utterance] = []
    names: list[str] = []
    unreadable: list[Blemish] = []
    sounds = _decode_all([root / path for path, _ in clips], workers)
    for done, ((path, clip), sound) in enumerate(zip(clips, sounds, strict=True), start=1):
        if isinstance(sound, str):
            unreadable.append(Blemish("unreadable", (str(path),), sound))
        else:
            utterances.append(_utterance(corpus, path, clip, sound))
            names.append(clip.name)
        if progress is not None:
            progress(done, len(clips))
    return utterances, names, unreadable


def _list_files(root: Path) -> list[PurePosixPath]:
    """Every file below the folder, sorted, without hidden ones and what macOS adds to archives."""
    paths = []
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = [sub for sub in subfolders if not sub.startswith((".", "__MACOSX"))]
        relative = PurePosixPath(Path(folder).relative_to(root).as_posix())
        paths += [relative / name for name in names if not name.startswith(".")]
    return sorted(paths)


def _sort_files(paths: Iterable[PurePosixPath], reading: Reading) -> _Files:
    clips: list[tuple[PurePosixPath, Clip]] = []
    left_out: defaultdict[str, list[str]] = defaultdict(list)
    unknown: list[str] = []
    found: Iterable[tuple[PurePosixPath, Clip | LeftOut | None]] = (
        ((path, reading.parse(path)) for path in filter(is_audio, paths))
        if reading.clips is None
        else reading.clips
    )
    for path, clip in found:
        if clip is None:
            unknown.append(str(path))
        elif isinstance(clip, LeftOut):
            left_out[clip.reason].append(str(path))
        else:
            clips.append((path, clip))
    blemishes = [Blemish("left_out", tuple(files), why) for why, files in left_out.items()]
    further: list[str] = []
    if reading.clips is None:
        clips, further = _choose_copies(clips)
        blemishes += _find_misnamed(clips)
    kinds: list[tuple[BlemishKind, list[str]]] = [("copy", further), ("unknown_name", unknown)]
    blemishes += [Blemish(kind, tuple(files)) for kind, files in kinds if files]
    return _Files(sorted(clips, key=lambda item: item[0]), blemishes)


def _choose_copies(
    clips: Iterable[tuple[PurePosixPath, Clip]],
) -> tuple[list[tuple[PurePosixPath, Clip]], list[str]]:
    """The best file of each clip, and the others: the lossless one, the one lying higher."""
    copies: defaultdict[str, list[tuple[PurePosixPath, Clip]]] = defaultdict(list)
    for path, clip in clips:
        copies[clip.name].append((path, clip))
    for same in copies.values():
        same.sort(key=lambda item: _preference(item[0]))
    further = [str(path) for same in copies.values() for path, _ in same[1:]]
    return [same[0] for same in copies.values()], further


def _preference(path: PurePosixPath) -> tuple[int, int, PurePosixPath]:
    return AUDIO_EXTENSIONS.index(path.suffix.lower()), len(path.parts), path


def _find_misnamed(clips: Iterable[tuple[PurePosixPath, Clip]]) -> list[Blemish]:
    """Files whose name is not the clip's, nor its end where folders hold the beginning."""
    found = [
        Blemish("misnamed", (str(path),), f"read as {clip.name}")
        for path, clip in clips
        if not clip.name.casefold().endswith(path.stem.casefold())
    ]
    if len(found) <= _MOST_MISNAMED:
        return found
    paths = tuple(path for blemish in found for path in blemish.paths)
    return [Blemish("misnamed", paths, f"the first {found[0].detail}")]


def _nothing_found(corpus: Corpus, root: Path, paths: Sequence[PurePosixPath]) -> DataInvalid:
    sounds = sum(map(is_audio, paths))
    source = f"; the corpus is to be had at {corpus.url}" if corpus.url else ""
    return DataInvalid(
        f"{root}: no clip of {corpus.name} among {len(paths)} files ({sounds} of them sounds); "
        f"looked for names such as {' or '.join(corpus.layout)}, in any sound format{source}",
        file=str(root),
    )


def _decode_all(paths: Sequence[Path], workers: int | None) -> Iterator[_Sound | str]:
    # Threads do: libsndfile and hashlib both work without the interpreter's lock.
    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        yield from pool.map(_decode, paths)


def _decode(path: Path) -> _Sound | str:
    """Read one file whole; the reason as text where that fails."""
    import numpy as np
    import soundfile

    try:
        samples, sampling_rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (OSError, RuntimeError) as first:  # soundfile's own error is a RuntimeError
        try:
            samples, sampling_rate = _decode_media(path)
        except SereinError as second:
            return f"{first} {second.message}"
    if not len(samples):
        return "holds no samples"
    if not np.isfinite(samples).all():
        return "holds samples that are not finite"
    return _Sound(
        duration=len(samples) / sampling_rate,
        sampling_rate=sampling_rate,
        sha256=hashlib.sha256(samples.astype("<f4", copy=False).tobytes()).hexdigest(),
        silent=bool(np.abs(samples).max() < SILENCE_PEAK),
    )


def _decode_media(path: Path) -> tuple[Samples, int]:
    """What soundfile does not know, such as the M4A and WebM of phones and browsers.

    Returns
    -------
    tuple
        Samples of shape (n, channels), and their rate in Hz.

    Raises
    ------
    SereinError
        It is no sound, or not a whole one.
    """
    import numpy as np

    from serein.audio.decode import Limits
    from serein.audio.readers import open_reader
    from serein.audio.sources import boundary

    with boundary(str(path)), open_reader(path, max_bytes=Limits().max_bytes) as reader:
        silence = np.zeros((0, reader.channels), dtype=np.float32)
        samples = np.concatenate([silence, *reader.blocks()])
        if reader.cut_short:
            raise Truncated("It is damaged, or its end is missing.")
        return samples, reader.sampling_rate


def _utterance(corpus: Corpus, path: PurePosixPath, clip: Clip, sound: _Sound) -> Utterance:
    return Utterance(
        path=str(path),
        corpus=corpus.name,
        speaker=corpus.speaker(clip.speaker),
        sex=clip.sex,
        language=clip.language or next(iter(corpus.languages), None),
        emotion=corpus.canonical(clip.original_emotion),
        original_emotion=clip.original_emotion,
        intensity=clip.intensity,
        sentence=clip.sentence,
        split=clip.split,
        duration=sound.duration,
        sampling_rate=sound.sampling_rate,
        sha256=sound.sha256,
        silent=sound.silent,
        votes=clip.votes,
    )
