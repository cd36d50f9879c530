"""A cluster judges as one process does, whatever of it is killed: two nodes on this machine."""

from __future__ import annotations

import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest

from serein.errors import BundleInvalid, DependencyMissing, WorkerDied
from serein.recognition import Recognizer, load
from serein.recognition.batch import (
    Block,
    BlockJudge,
    Tally,
    Task,
    TimelineOptions,
    cores,
    find_files,
    ray_engine,
    run_batch,
)
from serein.recognition.batch.entries import Entry
from serein.recognition.batch.ray_engine import RayJudge, Witness, judge_on_ray, ray_cluster
from tests.recognition.batch.conftest import Clips, Rows, read

ray = pytest.importorskip("ray", reason="ray is missing")
cluster_utils = pytest.importorskip("ray.cluster_utils", reason="ray is missing")

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="Ray has no clusters on Windows"),
    # Ray Data warns of settings that it sets itself.
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray"),
]

ROOT = Path(__file__).resolve().parents[3]
MEBIBYTES = 2**20
FINE = 32 * MEBIBYTES
"""Size of an entry that makes a block of its own."""


def judged_in_this_process(task: Task, files: Iterable[str]) -> Rows:
    task.output.mkdir()
    BlockJudge(task).judge(Block(0, tuple(files)))
    return read(task.output)


@dataclass
class Machines:
    """A cluster of a head, which judges nothing, and two nodes of a processor each."""

    cluster: Any
    nodes: list[Any] = field(default_factory=list)

    def complete(self) -> None:
        """Begin what is missing of the two nodes."""
        while len(self.nodes) < 2:
            store = 80 * MEBIBYTES
            self.nodes.append(
                self.cluster.add_node(num_cpus=1, object_store_memory=store, wait=False)
            )
        self.cluster.wait_for_nodes()

    def kill(self) -> None:
        """End a node with everything on it, at once."""
        self.cluster.remove_node(self.nodes.pop(), allow_graceful=False)


@pytest.fixture(scope="module")
def started() -> Iterator[Machines]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))  # for the faults
        cluster = cluster_utils.Cluster(
            initialize_head=True,
            head_node_args={
                "num_cpus": 0,
                "object_store_memory": 80 * MEBIBYTES,
                "include_dashboard": False,
                # A lost node is known as such after three seconds rather than twenty.
                "_system_config": {
                    "health_check_initial_delay_ms": 0,
                    "health_check_period_ms": 500,
                    "health_check_failure_threshold": 6,
                },
            },
        )
        patch.setenv("RAY_ADDRESS", cluster.address)
        try:
            yield Machines(cluster)
        finally:
            cluster.shutdown()


@pytest.fixture
def machines(started: Machines) -> Machines:
    started.complete()
    return started


def test_node_killed_in_the_middle_loses_nothing(
    machines: Machines, recognizer: Recognizer, clips: Clips, make_clips: Any, tmp_path: Path
) -> None:
    files = [*make_clips(36), *clips.good, *clips.bad, str(clips.folder / "missing.wav")]
    model = load(recognizer.bundle.export(tmp_path / "model"))
    (tmp_path / "model" / "notes").mkdir()
    task = Task.of(model, tmp_path / "out.parquet", view="three")
    reported: list[Tally] = []

    def kill(tally: Tally) -> None:
        reported.append(tally)
        if tally.files >= 12 and len(machines.nodes) == 2:
            shutil.rmtree(task.model)  # the nodes were given it
            machines.kill()

    entries = (Entry(file, FINE) for file in files)
    _, done = run_batch(entries, task, workers=2, report=kill, engine=judge_on_ray)
    assert len(machines.nodes) == 1
    assert [tally.files for tally in reported] == list(range(len(files) + 1))
    assert (done.files, done.failed) == (len(files), 1 + len(clips.bad))
    undisturbed = Task.of(recognizer, tmp_path / "undisturbed.parquet", view="three")
    assert read(task.output) == judged_in_this_process(undisturbed, files)
    assert len(list(task.output.iterdir())) == len(files)
    assert not ray.is_initialized()


def test_file_that_ends_its_processes_is_a_row(
    machines: Machines,
    recognizer: Recognizer,
    clips: Clips,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ray_engine, "_BLOCKS", 1)  # so that there is a second wave
    monkeypatch.setattr(ray_engine, "_BLOCKS_OF_A_WORKER", 0)
    deadly = tmp_path / "deadly.wav"
    shutil.copyfile(clips.good[0], deadly)
    files = [clips.good[0], str(deadly), *clips.good[1:]]
    task = Task.of(recognizer, tmp_path / "out.parquet")
    blocks = [Block(0, tuple(files[:3])), Block(1, tuple(files[3:]))]
    task.output.mkdir()
    hook = "tests.recognition.batch.faults.begin"
    ray.init(
        address=machines.cluster.address,
        runtime_env={"worker_process_setup_hook": hook},
        log_to_driver=False,
    )
    try:
        done = judge_on_ray(iter(blocks), task, workers=2)
        assert ray.is_initialized()  # as it was before
    finally:
        ray.shutdown()
    assert (done.files, done.failed) == (len(files), 1)
    assert done.failures[0][0] == str(deadly)
    rows = {row["file"]: row for row in read(task.output)}
    assert rows.pop(str(deadly))["error_code"] == "worker_died"
    assert sorted(rows) == sorted(clips.good)
    assert all(row["error_code"] is None for row in rows.values())


def test_killed_runs_go_on_with_either_engine(
    machines: Machines, recognizer: Recognizer, clips: Clips, tmp_path: Path
) -> None:
    spoken = next(name for name in clips.good if "long" in name)
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    for number in range(14):  # of a MiB each, so each is a block
        shutil.copyfile(spoken, sounds / f"{number:02d}.wav")
    # Many windows, so that a sound takes a moment.
    options = TimelineOptions(window=1.0, hop=0.1)
    task = Task.of(recognizer, tmp_path / "out.parquet", timeline=options)
    command = [
        *(sys.executable, "-m", "serein", "batch", str(sounds), "-o", str(task.output)),
        *("--engine", "ray", "--model", str(recognizer.bundle.folder), "--resume"),
        *("--timeline", "--window", "1", "--hop", "0.1"),
    ]
    told = interrupted(command, task.output, parts=1, by=signal.SIGINT)
    assert told.returncode == 130, told.stderr
    assert "--resume goes on" in told.stderr
    first = {path.name: path.read_bytes() for path in parts_of(task.output)}
    told = interrupted(command, task.output, parts=len(first) + 1, by=signal.SIGKILL)
    assert told.returncode == -signal.SIGKILL, told.stderr
    done = {path.name for path in parts_of(task.output)}
    assert set(first) < done
    assert len(done) < 14
    run_batch(find_files([str(sounds)]), task, workers=2, resume=True)
    assert {path.name: path.read_bytes() for path in parts_of(task.output)}.items() >= first.items()
    undisturbed = replace(task, output=tmp_path / "undisturbed.parquet")
    files = [str(path) for path in sorted(sounds.iterdir())]
    assert read(task.output) == judged_in_this_process(undisturbed, files)


def parts_of(folder: Path) -> list[Path]:
    return sorted(folder.glob("part-*.parquet"))


def interrupted(
    command: list[str], output: Path, *, parts: int, by: signal.Signals
) -> subprocess.CompletedProcess[str]:
    """Run a command, and end it when it has written so many parts."""
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, encoding="utf-8", start_new_session=True
    ) as running:
        limit = time.monotonic() + 120
        while len(parts_of(output)) < parts and time.monotonic() < limit:
            if running.poll() is not None:
                break
            time.sleep(0.005)
        os.killpg(running.pid, by)
        _, errors = running.communicate()
    return subprocess.CompletedProcess(command, running.returncode, "", errors)


def test_model_that_changed_ends_the_batch(
    machines: Machines, recognizer: Recognizer, clips: Clips, tmp_path: Path
) -> None:
    task = replace(Task.of(recognizer, tmp_path / "out.parquet"), fingerprint="tiny:another")
    with pytest.raises(BundleInvalid, match="has changed since"):
        run_batch(find_files(clips.good), task, workers=1, engine=judge_on_ray)
    assert not task.output.exists()
    assert not ray.is_initialized()


def test_cluster_of_this_machine_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "local")
    with ray_cluster() as processors:
        assert processors == cores()
        with ray_cluster() as same:
            assert same == processors
        assert ray.is_initialized()
    assert not ray.is_initialized()


def test_cluster_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:9")
    with pytest.raises(WorkerDied, match="RAY_ADDRESS"), ray_cluster():
        pass


def test_ray_that_is_missing(
    recognizer: Recognizer, clips: Clips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    task = Task.of(recognizer, tmp_path / "out.parquet")
    with pytest.raises(DependencyMissing, match=r"serein\[ray\]"):
        run_batch(find_files(clips.good), task, workers=1, engine=judge_on_ray)
    assert not task.output.exists()


def test_witness_counts_what_ended_in_a_file() -> None:
    witness = Witness()
    assert witness.begin(3) == (False, frozenset())  # as most blocks are: nothing is told of it
    assert witness.begin(3) == (True, frozenset())
    witness.at(3, 0)
    witness.at(3, 1)
    assert witness.begin(3) == (True, frozenset())
    witness.at(3, 0)
    assert witness.begin(3) == (True, frozenset())  # each of two files once
    witness.at(3, 1)
    assert witness.begin(3) == (True, frozenset({1}))
    assert witness.begin(4) == (False, frozenset())
    witness.end(3)
    assert witness.begin(3) == (True, frozenset())


def test_error_of_the_witness_is_told_as_itself(
    recognizer: Recognizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def get(reference: object) -> None:
        # Its class is made by Ray, and no other process knows it.
        raise ray.exceptions.RayTaskError("begin", "", WorkerDied("enough")).as_instanceof_cause()

    monkeypatch.setattr(ray, "get", get)
    judge = RayJudge(Task.of(recognizer, tmp_path / "out.parquet"), {}, MagicMock())
    outcome = pickle.loads(judge({"block": pickle.dumps(Block(0, ("a.wav",)))})["outcome"])
    assert (type(outcome), outcome.message) == (WorkerDied, "enough")


def test_witness_has_enough_of_a_block() -> None:
    witness = Witness()
    for _ in range(10):
        witness.begin(0)
    with pytest.raises(WorkerDied, match=r"part-00000\.parquet were killed 10 times"):
        witness.begin(0)
