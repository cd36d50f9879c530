"""The command as a user meets it, also when it is killed."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import psutil
import pyarrow.parquet as pq
import pytest

import serein
from serein.cli.batch_progress import duration, progress_line
from serein.recognition.batch import Block, BlockJudge, Tally, Task
from tests.cli.conftest import Ended, Run, environment, process

ROOT = Path(__file__).resolve().parents[2]
FAULTS = [sys.executable, "-m", "tests.recognition.batch.faults"]
MANY = 200
POSIX = pytest.mark.skipif(os.name == "nt", reason="there are no such signals")


def read(folder: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(folder).to_pylist()
    return sorted(rows, key=lambda row: str(row["file"]))


def test_folder_to_table(run: Run, bundle: Path, clips: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    ended = run("batch", clips[0].parent, "-o", out, "--model", bundle, "--labels", "three")
    assert (ended.status, ended.out) == (0, "")
    assert ended.err.startswith("3 files, 6 s of audio in ")
    assert "0 failed" in ended.err
    judged = serein.load(bundle).predict_many(clips)
    for row, prediction in zip(read(out), judged, strict=True):
        assert isinstance(prediction, serein.Prediction)
        assert row["label"] == prediction.label
        assert row["confidence"] == pytest.approx(prediction.confidence, abs=1e-5)
        assert row["view_label"] == prediction.view("three").label
    again = run("batch", clips[0].parent, "-o", out, "--model", bundle, "--labels", "three")
    assert again.status == 2
    assert "--resume" in again.err
    words = ("batch", clips[0].parent, "-o", out, "--model", bundle, "--resume")
    assert "this run has no --labels" in run(*words).err
    assert "3 files were done before; 0 files" in run(*words, "--labels", "three").err


def test_files_that_fail_are_told(
    run: Run, bundle: Path, clips: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out.parquet"
    bad = [tmp_path / f"bad{number:02d}.wav" for number in range(12)]
    for path in bad[:11]:
        path.write_text("no sound", encoding="utf-8")
    ended = run("batch", *clips, *bad, "-o", out, "--model", bundle)
    assert ended.status == 1
    lines = ended.err.splitlines()
    assert lines[0].startswith(f"serein: error: {bad[0]}: The file is not a sound")
    assert len(lines) == 12
    assert lines[-2] == "serein: error: 2 more files failed; see the column error_code"
    assert lines[-1].endswith("12 failed")
    codes = [row["error_code"] for row in read(out) if row["error_code"]]
    assert codes == ["not_audio"] * 11 + ["not_found"]
    assert run("batch", *clips, "-o", out, "--model", bundle, "--resume").status == 1


def test_time_line_of_every_file(run: Run, bundle: Path, clips: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    words = ("batch", *clips, "-o", out, "--model", bundle, "--timeline", "--hop", "0.5")
    assert run(*words, "--window", "1").status == 0
    rows = read(out)
    assert {row["file"] for row in rows} == {str(path) for path in clips}
    assert all(row["start"] < row["end"] <= row["duration"] + 1e-6 for row in rows)


def test_list_on_standard_input(bundle: Path, clips: list[Path], tmp_path: Path) -> None:
    listed = "\n".join(path.name for path in clips).encode()
    words = ("batch", "-", "-o", str(tmp_path / "out"), "--model", str(bundle), "--workers", "1")
    ended = process(*words, stdin=listed, cwd=clips[0].parent)
    assert ended.status == 0, ended.err
    assert [row["file"] for row in read(tmp_path / "out")] == [path.name for path in clips]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--engine", "abacus"], "the engines are local"),
        (["--window", "2"], "add it"),
        (["--timeline", "--window", "100"], "a window has 0.5 to 30 s"),
        (["--labels", "none"], "the views are"),
        (["--workers", "0"], "'--workers'"),
    ],
)
def test_wrong_usage(
    run: Run, bundle: Path, clips: list[Path], tmp_path: Path, words: list[str], told: str
) -> None:
    ended = run("batch", *clips, "-o", tmp_path / "out", "--model", bundle, *words)
    assert (ended.status, ended.out) == (2, "")
    assert told in ended.err
    assert not (tmp_path / "out").exists()


def test_nothing_to_judge(run: Run, bundle: Path, tmp_path: Path) -> None:
    ended = run("batch", tmp_path, "-o", tmp_path / "out", "--model", bundle)
    assert ended.status == 2
    assert "no file was found" in ended.err


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def server(clips: list[Path]) -> Iterator[str]:
    """The address of a server of the clips."""
    handler = partial(_Quiet, directory=str(clips[0].parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        thread = Thread(target=httpd.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()
        thread.join()


def test_addresses(server: str, run: Run, bundle: Path, clips: list[Path], tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    rows = [f"{server}/{clips[0].name}", f"{server}/none.wav", clips[1].as_uri()]
    table.write_text("\n".join(["path", *rows]), encoding="utf-8")
    words = (table, f"{server}/{clips[2].name}", "-o", tmp_path / "out", "--model", bundle)
    assert run("batch", *words).status == 1
    found = {row["file"]: row for row in read(tmp_path / "out")}
    assert set(found) == {*rows[:2], str(clips[1]), f"{server}/{clips[2].name}"}
    assert found[rows[1]]["error_code"] == "not_found"
    local = serein.load(bundle).predict(clips[0])
    assert found[rows[0]]["confidence"] == pytest.approx(local.confidence, abs=1e-5)


def test_whole_folder_of_a_server(server: str, clips: list[Path], tmp_path: Path) -> None:
    # In a process of its own: the network library's thread ends with it.
    code = (
        "import sys; from serein.recognition.batch import find_files as f; print(*f(sys.argv[1:]))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, f"{server}/", f"{server}/*2.wav"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout.count(".wav") == len(clips) + 1


def test_line_of_progress() -> None:
    tally = Tally(3000, 2, 9000.0)
    line = progress_line(tally, Tally(1000, 1, 0.0), 10.0, 5000)
    assert line == "3,000 of 5,000 files, 200 files/s, 900 times real time, 10 s left, 2 failed"
    assert progress_line(Tally(), Tally(), 0.0, None) == "0 files"
    assert duration(12 * 3600.0) == "12.0 h"


# What is slow or deadly


@pytest.fixture
def many(clips: list[Path], tmp_path: Path) -> Path:
    """A folder of short clips."""
    folder = tmp_path / "many"
    folder.mkdir()
    for index in range(MANY):
        shutil.copyfile(clips[index % 3], folder / f"{index:03d}.wav")
    return folder


def begun(words: Sequence[str | Path]) -> subprocess.Popen[bytes]:
    """A slow batch, which leads a group of processes of its own."""
    return subprocess.Popen(
        [*FAULTS, "batch", *map(str, words)],
        cwd=ROOT,
        env=environment(),
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def ended(running: subprocess.Popen[bytes]) -> Ended:
    _, told = running.communicate(timeout=60)
    return Ended(running.returncode, "", told.decode())


def wait_for_part(out: Path) -> None:
    limit = time.monotonic() + 30
    while not list(out.glob("part-*.parquet")):
        assert time.monotonic() < limit
        time.sleep(0.01)


def wait_for_group(group: int) -> None:
    """Until no process of a group is left."""
    limit = time.monotonic() + 30
    while any(alive(group)):
        assert time.monotonic() < limit, "processes outlive the one that began them"
        time.sleep(0.01)


def alive(group: int) -> Iterator[int]:
    """The processes of a group, without those that have ended and are only not yet forgotten."""
    for one in psutil.process_iter(["status"]):
        with suppress(ProcessLookupError):
            if one.info["status"] != psutil.STATUS_ZOMBIE and os.getpgid(one.pid) == group:
                yield one.pid


def test_sound_that_ends_processes(bundle: Path, clips: list[Path], tmp_path: Path) -> None:
    folder = tmp_path / "sounds"
    folder.mkdir()
    for name in ("a", "deadly", "faulty", "z"):
        shutil.copyfile(clips[0], folder / f"{name}.wav")
    told = ended(begun([folder, "-o", tmp_path / "out", "--model", bundle]))
    assert told.status == 1
    assert "ended its process twice" in told.err
    rows = {Path(row["file"]).stem: row for row in read(tmp_path / "out")}
    assert rows["deadly"]["error_code"] == "worker_died"
    assert rows["faulty"]["error_code"] == "error"
    assert "ZeroDivisionError: a fault of ours" in rows["faulty"]["error_message"]
    assert rows["a"]["label"] == rows["z"]["label"] is not None


@POSIX
@pytest.mark.parametrize(("seed", "whole"), [(0, True), (1, False)], ids=["group", "leader"])
def test_killed_run_goes_on(
    run: Run, bundle: Path, many: Path, tmp_path: Path, seed: int, whole: bool
) -> None:
    out = tmp_path / "out"
    words: list[str | Path] = [many, "-o", out, "--model", bundle, "--workers", "2"]
    running = begun(words)
    wait_for_part(out)
    time.sleep(random.Random(seed).uniform(0.0, 0.5))
    (os.killpg if whole else os.kill)(running.pid, signal.SIGKILL)
    assert ended(running).status == -signal.SIGKILL
    wait_for_group(running.pid)
    rows = read(out)
    assert 0 < len(rows) < MANY
    assert run("batch", *words, "--resume").status == 0
    assert not [path for path in out.iterdir() if path.suffix != ".parquet"]
    undisturbed = Task.of(serein.load(bundle), tmp_path / "undisturbed")
    undisturbed.output.mkdir()
    BlockJudge(undisturbed).judge(Block(0, tuple(map(str, many.iterdir()))))
    assert read(out) == read(undisturbed.output)
    assert len(read(out)) == MANY


@POSIX
def test_interrupted_run_is_whole_and_goes_on(
    run: Run, bundle: Path, many: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    words: list[str | Path] = [many, "-o", out, "--model", bundle, "--workers", "2"]
    running = begun(words)
    wait_for_part(out)
    second = run("batch", *words, "--resume")
    assert second.status == 2
    assert "another run is writing" in second.err
    os.killpg(running.pid, signal.SIGINT)  # as a terminal does
    told = ended(running)
    assert told.status == 130
    assert "--resume goes on" in told.err
    assert "Traceback" not in told.err
    assert {path.suffix for path in out.iterdir()} == {".parquet"}
    rows = len(read(out))
    assert 0 < rows < MANY
    assert f"{rows} files were done before" in run("batch", *words, "--resume").err
    assert [row["file"] for row in read(out)] == sorted(map(str, many.iterdir()))


@POSIX
def test_full_disk_ends_the_run(bundle: Path, many: Path, tmp_path: Path) -> None:
    import resource

    out = tmp_path / "out"
    told = subprocess.run(
        [sys.executable, "-m", "serein", "batch", many, "-o", out, "--model", bundle],
        capture_output=True,
        env=environment(),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)),
        check=False,
        timeout=60,
    )
    assert told.returncode == 1
    assert b"cannot be written" in told.stderr
    assert b"Traceback" not in told.stderr
    assert not out.exists()
