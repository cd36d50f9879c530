from __future__ import annotations

import errno
import json
import os
import pickle
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest
import soundfile

from serein.corpora import UtteranceTable
from serein.errors import DependencyMissing
from serein.features import Features, FeatureSpec
from serein.training import extraction, processes, store
from serein.training.data import Dataset, load_dataset
from serein.training.store import FeatureStore, ShardWriter, Shelf, key_of, user_store
from tests.training.synthetic import RATE, utterance

SPEC = FeatureSpec(kind="log_mel", bands=8, coefficients=5, minimum_duration=0.0)
CLIPS = 6
RECORD = 64  # bytes, as the module's docstring says


def write_clips(folder: Path, count: int = CLIPS, *, seed: int = 0) -> UtteranceTable:
    """Clips of noise, each of its own, 0.1 s and a little more."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        write_clip(folder / f"{number}.wav", seed + number)
    emotions = ("happy", "sad")
    clips = [utterance(emotions[n % 2], path=f"{n}.wav") for n in range(count)]
    return UtteranceTable(folder, "ravdess", tuple(clips))


def write_clip(path: Path, seed: int) -> None:
    generator = np.random.default_rng(seed)
    soundfile.write(path, 0.1 * generator.standard_normal(1600 + 16 * seed), RATE)


def same(first: Dataset, second: Dataset) -> bool:
    """Whether two datasets are the same to the last bit, in the same order."""

    def numbers(clip: Features) -> tuple[object, ...]:
        return (
            clip.values.tobytes(),
            clip.values.dtype,
            clip.values.shape,
            clip.level,
            clip.duration,
        )

    return (first.utterances, list(map(numbers, first.features))) == (
        second.utterances,
        list(map(numbers, second.features)),
    )


class InThisProcess:
    """Stands in for the pool of processes."""

    def __init__(self, *_: Any, initializer: Callable[..., None], initargs: Any, **__: Any) -> None:
        initializer(*initargs)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if (writer := extraction._Worker.current.writer) is not None:
            writer.close()

    map = staticmethod(map)


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the clips that are computed from now on, all of them in this process."""
    names: list[str] = []
    extract = extraction._extract

    def count(clip: extraction.Clip, *how: Any) -> tuple[bytes, Features]:
        names.append(clip.path.name)
        return extract(clip, *how)

    monkeypatch.setattr(processes, "ProcessPoolExecutor", InThisProcess)
    monkeypatch.setattr(processes, "_use_one_thread", lambda: None)
    monkeypatch.setattr(extraction, "_extract", count)
    return names


@pytest.fixture
def table(tmp_path: Path) -> UtteranceTable:
    return write_clips(tmp_path / "clips")


@pytest.fixture
def kept(tmp_path: Path) -> FeatureStore:
    return FeatureStore(tmp_path / "store")


def names_of(table: UtteranceTable) -> list[str]:
    return [one.path for one in table.utterances]


def files(kept: FeatureStore, suffix: str) -> list[Path]:
    return sorted(kept.folder.glob(f"*/*{suffix}"))


@pytest.mark.parametrize("kind", ["log_mel", "mfcc", "functionals"])
def test_the_same_to_the_last_bit(
    kind: str, table: UtteranceTable, kept: FeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In processes of their own, as it really goes: without a store, into it and from it."""
    spec = FeatureSpec(kind=kind)
    plain = load_dataset([table], spec, workers=1)
    first = load_dataset([table], spec, workers=1, store=kept)
    monkeypatch.setattr(extraction, "decode", None)
    monkeypatch.setattr(processes, "ProcessPoolExecutor", None)
    second = load_dataset([table], spec, workers=1, store=kept)
    assert len(plain) == CLIPS
    assert same(plain, first)
    assert same(plain, second)
    assert [one.warnings for one in (plain, first, second)] == [(), (), ()]
    for dataset in (first, second):
        assert not any(clip.values.flags.writeable for clip in dataset.features)
        assert same(pickle.loads(pickle.dumps(dataset)), plain)


def test_large_shards_are_mapped(
    table: UtteranceTable,
    kept: FeatureStore,
    computed: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain = load_dataset([table], SPEC)
    monkeypatch.setattr(store, "_SMALLEST_MAPPED", 0)
    mapped = load_dataset([table], SPEC, store=kept)
    assert same(mapped, plain)
    for clip in mapped.features:
        assert type(clip.values) is np.ndarray
        assert not clip.values.flags.writeable
        base: Any = clip.values
        while isinstance(base, np.ndarray) and not isinstance(base, np.memmap):
            base = base.base
        assert isinstance(base, np.memmap)
    assert same(pickle.loads(pickle.dumps(mapped)), plain)


def test_progress_counts_every_clip_once(
    table: UtteranceTable, kept: FeatureStore, computed: list[str]
) -> None:
    load_dataset([replace(table, utterances=table.utterances[1:4])], SPEC, store=kept)
    seen: list[tuple[int, int]] = []
    load_dataset([table], SPEC, store=kept, progress=lambda *counts: seen.append(counts))
    assert seen == [(done, CLIPS) for done in range(1, CLIPS + 1)]


def test_only_what_has_changed_is_computed_again(
    table: UtteranceTable, kept: FeatureStore, computed: list[str]
) -> None:
    before = load_dataset([table], SPEC, store=kept)
    assert computed == names_of(table)
    computed.clear()
    times = (table.root / "3.wav").stat()
    write_clip(table.root / "3.wav", 103)
    with (table.root / "2.wav").open("r+b") as file:  # neither size nor time tells of it
        file.seek(-2, os.SEEK_END)
        file.write(b"\x01\x02")
    os.utime(table.root / "2.wav", ns=(times.st_atime_ns, times.st_mtime_ns))
    after = load_dataset([table], SPEC, store=kept)
    assert computed == ["2.wav", "3.wav"]
    assert same(after, load_dataset([table], SPEC))
    assert not np.array_equal(before.features[3].values, after.features[3].values)


def test_the_content_counts_and_not_the_path(
    table: UtteranceTable, kept: FeatureStore, computed: list[str], tmp_path: Path
) -> None:
    plain = load_dataset([table], SPEC, store=kept)
    computed.clear()
    # Moved, renamed, and in another order.
    moved = tmp_path / "elsewhere"
    table.root.rename(moved)
    for number in range(CLIPS):
        (moved / f"{number}.wav").rename(moved / f"clip-{CLIPS - number}.wav")
    clips = [
        replace(table.utterances[CLIPS - n], path=f"clip-{n}.wav") for n in range(1, CLIPS + 1)
    ]
    found = load_dataset([UtteranceTable(moved, "ravdess", tuple(clips))], SPEC, store=kept)
    assert computed == []
    for one, other in zip(found.features, reversed(plain.features), strict=True):
        np.testing.assert_array_equal(one.values, other.values)


@pytest.mark.parametrize("change", [{"bands": 9}, {"low": 61.0}, {"kind": "mfcc"}])
def test_another_specification_is_computed(
    change: dict[str, Any], table: UtteranceTable, kept: FeatureStore, computed: list[str]
) -> None:
    load_dataset([table], SPEC, store=kept)
    other = replace(SPEC, **change)
    computed.clear()
    found = load_dataset([table], other, store=kept)
    assert computed == names_of(table)
    assert same(found, load_dataset([table], other))
    computed.clear()
    for spec in (SPEC, other):
        load_dataset([table], spec, store=kept)
    assert computed == []


def test_other_libraries_have_a_shelf_of_their_own(
    kept: FeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = kept.shelf(SPEC).folder
    assert mine == kept.shelf(replace(SPEC)).folder
    version = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: version(name) + "+1" * (name == "soxr"))
    assert kept.shelf(SPEC).folder != mine


def test_people_can_read_what_a_shelf_holds(
    table: UtteranceTable, kept: FeatureStore, computed: list[str]
) -> None:
    load_dataset([table], SPEC, store=kept)
    (about,) = files(kept, "spec.json")
    described = json.loads(about.read_text(encoding="utf-8"))
    assert FeatureSpec.from_dict(described["features"]) == SPEC
    assert described["software"]["numpy"] == np.__version__
    assert kept.size() == sum(file.stat().st_size for file in files(kept, ""))


def cut(path: Path, size: int) -> None:
    with path.open("r+b") as file:
        file.truncate(size)


def spoil(path: Path, position: int) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 0x10
    path.write_bytes(content)


def replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


# What may have happened to the two files, and the clips that are not there any more.
DAMAGES: dict[str, tuple[Callable[[Path, Path], object], Sequence[int]]] = {
    "values cut": (lambda values, index: cut(values, values.stat().st_size - 5), [5]),
    "values empty": (lambda values, index: cut(values, 0), range(6)),
    "values gone": (lambda values, index: values.unlink(), range(6)),
    "values spoilt": (lambda values, index: spoil(values, 7), [0]),
    "values zeroed": (
        lambda values, index: values.write_bytes(bytes(values.stat().st_size)),
        range(6),
    ),
    "index cut within a record": (lambda values, index: cut(index, 3 * RECORD - 9), [2, 3, 4, 5]),
    "index empty": (lambda values, index: cut(index, 0), range(6)),
    "index gone": (lambda values, index: index.unlink(), range(6)),
    "key spoilt": (lambda values, index: spoil(index, RECORD), [1]),
    "first row spoilt": (lambda values, index: spoil(index, 4 * RECORD + 39), [4]),
    "rows spoilt": (lambda values, index: spoil(index, 4 * RECORD + 43), [4]),
    "level spoilt": (lambda values, index: spoil(index, 2 * RECORD + 50), [2]),
    "duration spoilt": (lambda values, index: spoil(index, 3 * RECORD + 60), [3]),
    "index of noise": (lambda values, index: index.write_bytes(os.urandom(999)), range(6)),
    "index a folder": (lambda values, index: replace_by_folder(index), range(6)),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_damaged_is_computed_again(
    damage: str, table: UtteranceTable, kept: FeatureStore, computed: list[str]
) -> None:
    plain = load_dataset([table], SPEC, store=kept)
    (values,), (index,) = files(kept, ".values"), files(kept, ".index")
    harm, lost = DAMAGES[damage]
    harm(values, index)
    computed.clear()
    assert same(load_dataset([table], SPEC, store=kept), plain)
    assert computed == [f"{number}.wav" for number in lost]
    computed.clear()
    again = load_dataset([table], SPEC, store=kept)
    assert same(again, plain)
    assert not again.warnings
    assert computed == []


def test_a_store_that_is_emptied_on_the_way(
    table: UtteranceTable, kept: FeatureStore, computed: list[str]
) -> None:
    plain = load_dataset([table], SPEC, store=kept)

    def empty(done: int, total: int) -> None:
        if done == total:
            shutil.rmtree(kept.folder)

    assert same(load_dataset([table], SPEC, store=kept, progress=empty), plain)


def test_errors_are_those_without_a_store_and_are_not_kept(
    table: UtteranceTable, kept: FeatureStore, computed: list[str]
) -> None:
    (table.root / "0.wav").write_bytes(b"this is no sound" * 100)
    (table.root / "1.wav").unlink()
    (table.root / "2.wav").write_bytes(b"")

    def told(dataset: Dataset) -> list[tuple[object, ...]]:
        return [(type(error), error.message, error.file) for error in dataset.failures]

    plain = load_dataset([table], SPEC)
    assert len(plain.failures) == 3
    for _ in range(2):
        computed.clear()
        found = load_dataset([table], SPEC, store=kept)
        assert told(found) == told(plain)
        assert same(found, plain)
    assert computed == ["0.wav", "1.wav", "2.wav"]
    write_clips(table.root)
    assert not load_dataset([table], SPEC, store=kept).failures


def test_a_folder_that_cannot_be_made(table: UtteranceTable, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file", encoding="utf-8")
    found = load_dataset([table], SPEC, workers=1, store=FeatureStore(tmp_path / "taken" / "store"))
    assert same(found, load_dataset([table], SPEC, workers=1))
    (warning,) = found.warnings
    assert str(tmp_path / "taken") in warning
    assert "cannot be written" in warning


def test_a_disk_that_gets_full(
    table: UtteranceTable,
    kept: FeatureStore,
    computed: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The third chunk is the first that does not fit; a part of it is written all the same."""
    plain = load_dataset([table], SPEC)
    add, calls = ShardWriter.add, iter(range(CLIPS))

    def full(self: ShardWriter, clips: Any) -> Any:
        if next(calls) >= 2:
            assert self._files is not None
            self._files[0].write(b"half a clip")
            raise OSError(errno.ENOSPC, "No space left on device")
        return add(self, clips)

    monkeypatch.setattr(extraction, "_CHUNK", 1)
    monkeypatch.setattr(ShardWriter, "add", full)
    found = load_dataset([table], SPEC, store=kept)
    assert same(found, plain)
    (warning,) = found.warnings
    assert "No space left on device" in warning
    monkeypatch.setattr(ShardWriter, "add", add)
    computed.clear()
    assert same(load_dataset([table], SPEC, store=kept), plain)
    assert computed == names_of(table)[2:]


def test_what_was_never_finished_is_swept_away_when_old(
    table: UtteranceTable, kept: FeatureStore, computed: list[str]
) -> None:
    load_dataset([table], SPEC, store=kept)
    finished = {*files(kept, ".values"), *files(kept, ".index")}
    folder = kept.shelf(SPEC).folder
    for name, age in (("young", 3600), ("old", 48 * 3600)):
        (folder / f"{name}.values").write_bytes(b"12")
        (folder / f"{name}.index").write_bytes(b"half a record")
        (folder / f"{name}-alone.values").write_bytes(b"")
        for file in folder.glob(f"{name}*"):
            os.utime(file, (time.time() - age,) * 2)
    for file in finished:
        os.utime(file, (time.time() - 48 * 3600,) * 2)
    write_clip(table.root / "0.wav", 200)
    load_dataset([table], SPEC, store=kept)
    there = {file.name for file in folder.iterdir()}
    assert {"young.values", "young.index", "young-alone.values"} <= there
    assert not [name for name in there if name.startswith("old")]
    assert {file.name for file in finished} <= there


# Workers import the script as well, so that what it puts in place of the decoder holds for them.
SCRIPT = """
import os, pickle, signal, sys, time
from pathlib import Path
from serein.errors import SereinError
from serein.training import extraction
from serein.training.data import load_dataset

task, evil, clip = sys.argv[1:]
extraction._CHUNK = 4
decode, bad = extraction.decode, Path(clip).read_bytes()

def decode_or_not(content, **options):
    if content == bad and evil in ("hang", "die"):
        time.sleep(1)  # the clips before this one are stored
        os.kill(os.getpid(), signal.SIGKILL) if evil == "die" else time.sleep(60)
    return decode(content, **options)

extraction.decode = decode_or_not
if __name__ == "__main__":
    table, spec, store, workers = pickle.loads(Path(task).read_bytes())
    if evil == "full":
        import resource
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1200, limits[1]))
    try:
        found = load_dataset([table], spec, workers=workers, store=store)
    except SereinError as error:
        found = str(error)
    if evil == "full":
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    sys.stdout.buffer.write(pickle.dumps(found))
"""
Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start(table: UtteranceTable, kept: FeatureStore, tmp_path: Path) -> Iterator[Start]:
    """Begin a process that loads the clips into the store; ``evil`` befalls it at the fifth."""
    (tmp_path / "loads.py").write_text(SCRIPT, encoding="utf-8")
    begun: list[subprocess.Popen[bytes]] = []

    def call(evil: str = "none", *, workers: int = 1) -> subprocess.Popen[bytes]:
        task = tmp_path / "task.pickle"
        task.write_bytes(pickle.dumps((table, SPEC, kept, workers)))
        command = [sys.executable, "loads.py", str(task), evil, str(table.root / "4.wav")]
        begun.append(subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE))
        return begun[-1]

    yield call
    for process in begun:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def result(process: subprocess.Popen[bytes]) -> Any:
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return pickle.loads(printed)


def test_two_processes_at_once(
    start: Start, table: UtteranceTable, kept: FeatureStore, computed: list[str]
) -> None:
    plain = load_dataset([table], SPEC)
    both = [start(workers=2), start(workers=2)]
    assert all(same(result(process), plain) for process in both)
    computed.clear()
    assert same(load_dataset([table], SPEC, store=kept), plain)
    assert computed == []


@pytest.mark.skipif(os.name == "nt", reason="Windows kills otherwise")
def test_a_process_that_is_killed(
    start: Start, table: UtteranceTable, kept: FeatureStore, computed: list[str]
) -> None:
    import psutil

    process = start("hang")
    deadline = time.monotonic() + 60
    while not (indexes := files(kept, ".index")) or indexes[0].stat().st_size < 4 * RECORD:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    workers = psutil.Process(process.pid).children(recursive=True)
    assert workers
    process.kill()
    _, left = psutil.wait_procs(workers, timeout=30)
    for worker in left:
        worker.kill()
    assert left == []  # who would wait for work for ever
    plain = load_dataset([table], SPEC)
    computed.clear()
    assert same(load_dataset([table], SPEC, store=kept), plain)
    assert computed == names_of(table)[4:]


@pytest.mark.skipif(os.name == "nt", reason="Windows kills otherwise")
def test_a_worker_that_is_killed(
    start: Start, table: UtteranceTable, kept: FeatureStore, computed: list[str]
) -> None:
    assert "was killed" in result(start("die"))
    plain = load_dataset([table], SPEC)
    computed.clear()
    assert same(load_dataset([table], SPEC, store=kept), plain)
    assert computed == names_of(table)[4:]


@pytest.mark.skipif(os.name == "nt", reason="Windows limits no file's size")
def test_files_that_cannot_grow(
    start: Start, table: UtteranceTable, kept: FeatureStore, computed: list[str]
) -> None:
    """The system writes a part of the second chunk and refuses the rest."""
    plain = load_dataset([table], SPEC)
    found = result(start("full"))
    assert same(found, plain)
    assert len(found.warnings) == 1
    computed.clear()
    assert same(load_dataset([table], SPEC, store=kept), plain)
    assert computed == names_of(table)[4:]


def test_a_writer_alone(kept: FeatureStore, table: UtteranceTable) -> None:
    """Places are those that are found, and nothing is made before there is something to keep."""
    shelf = kept.shelf(SPEC)
    writer = ShardWriter(shelf.folder, SPEC)
    assert len(shelf) == 0
    assert not kept.folder.exists()
    generator = np.random.default_rng(0)
    clips = [
        (key_of(bytes([rows])), Features(generator.random((rows, 8), np.float32), -1.5, rows / 7))
        for rows in (3, 1, 4)
    ]
    places = [*writer.add(clips[:2]), *writer.add(clips[2:])]
    writer.close()
    for reader in (Shelf(shelf.folder, SPEC), kept.shelf(SPEC)):
        assert len(reader) == 3
        assert [reader.find(key) for key, _ in clips] == places
        assert reader.find(key_of(b"another")) is None
        for place, (_, clip) in zip(places, clips, strict=True):
            found = reader.features(place)
            np.testing.assert_array_equal(found.values, clip.values)
            assert (found.level, found.duration) == (clip.level, clip.duration)


def test_the_users_store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import platformdirs

    monkeypatch.setenv("SEREIN_CACHE", str(tmp_path))
    assert user_store() == FeatureStore(tmp_path / "features")
    monkeypatch.delenv("SEREIN_CACHE")
    assert user_store().folder.parent == platformdirs.user_cache_path("serein", appauthor=False)
    monkeypatch.setitem(sys.modules, "platformdirs", None)
    with pytest.raises(DependencyMissing, match=r"serein\[train\].*SEREIN_CACHE"):
        user_store()
