"""A batch is what the recogniser says of every file, whoever judges and however it is disturbed."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import active_children
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from serein.audio import Limits
from serein.errors import ArgumentInvalid, BundleInvalid, DataInvalid, SereinError, WorkerDied
from serein.recognition import Recognizer
from serein.recognition.batch import (
    Block,
    BlockJudge,
    Tally,
    Task,
    TimelineOptions,
    find_files,
    judging,
    local,
    lock,
    run_batch,
)
from serein.recognition.batch.lock import locked
from serein.recognition.recognizer import UNLIMITED
from serein.results import Prediction
from tests.builders import build_bundle
from tests.recognition.batch.conftest import Clips, Rows, read

Make = Callable[[int], list[str]]


def judged_in_this_process(task: Task, files: list[str]) -> Rows:
    """The table as one block without any process gives it."""
    task.output.mkdir()
    BlockJudge(task).judge(Block(0, tuple(files)))
    return read(task.output)


def test_rows_are_the_predictions(recognizer: Recognizer, clips: Clips, tmp_path: Path) -> None:
    task = Task.of(recognizer, tmp_path / "out.parquet", view="three")
    missing = str(clips.folder / "missing.wav")
    inputs = [str(clips.folder), clips.good[0], missing]
    before, done = run_batch(find_files(inputs), task, workers=2)
    assert before == Tally()
    rows = {row["file"]: row for row in read(task.output)}
    files = sorted([*clips.good, *clips.bad, missing])
    assert sorted(rows) == files
    assert (done.files, done.failed) == (len(files), len(clips.bad) + 1)
    for file, outcome in zip(files, recognizer.predict_many(files), strict=True):
        row = rows[file]
        if isinstance(outcome, SereinError):
            assert row["error_code"] == outcome.code == clips.bad.get(file, "not_found")
            assert row["error_message"] == outcome.message
            assert row["label"] is row["decided"] is row["duration"] is None
            continue
        assert_is(row, outcome)
    good = [row["duration"] for row in rows.values() if row["error_code"] is None]
    assert done.seconds == pytest.approx(sum(good))
    assert sorted(path.suffix for path in task.output.iterdir()) == [".parquet"] * len(
        list(task.output.iterdir())
    )


def assert_is(row: dict[str, object], prediction: Prediction) -> None:
    assert row["label"] == prediction.label
    assert row["decided"] == prediction.decided
    assert row["confidence"] == pytest.approx(prediction.confidence, abs=1e-5)
    assert row["speech"] == pytest.approx(prediction.speech, abs=1e-5)
    for label, probability in prediction.probabilities.items():
        assert row[f"probability_{label}"] == pytest.approx(probability, abs=1e-5)
    assert prediction.sex is not None
    assert row["female"] == pytest.approx(prediction.sex["female"], abs=1e-5)
    assert row["warnings"] == [warning.code for warning in prediction.warnings]
    assert row["duration"] == prediction.duration
    view = prediction.view("three")
    assert (row["view_label"], row["view_dropped"]) == (view.label, view.dropped)
    assert row["view_probability_negative"] == pytest.approx(
        view.probabilities["negative"], abs=1e-5
    )


def test_with_a_profile(recognizer: Recognizer, clips: Clips, tmp_path: Path) -> None:
    profile = recognizer.enroll(clips.good[:2])
    task = Task.of(recognizer, tmp_path / "out.parquet", speaker=profile)
    for row in judged_in_this_process(task, list(clips.good)):
        expected = recognizer.predict(row["file"], speaker=profile)
        assert row["confidence"] == pytest.approx(expected.confidence, abs=1e-5)


def test_segments_of_the_time_line(recognizer: Recognizer, clips: Clips, tmp_path: Path) -> None:
    options = TimelineOptions(window=2.0, hop=0.5)
    task = Task.of(recognizer, tmp_path / "out.parquet", view="three", timeline=options)
    silent, bad = clips.good[-1], next(iter(clips.bad))
    spoken = next(name for name in clips.good if "long" in name)
    rows = judged_in_this_process(task, [spoken, silent, bad])
    segments = recognizer.timeline(spoken, window=2.0, hop=0.5).segments
    assert segments
    found = [row for row in rows if row["file"] == spoken]
    assert [(row["start"], row["end"], row["label"]) for row in found] == [
        (segment.start, segment.end, segment.label) for segment in segments
    ]
    (quiet,) = [row for row in rows if row["file"] == silent]
    assert quiet["start"] is quiet["label"] is quiet["error_code"] is None
    assert (quiet["duration"], quiet["decided"]) == (1.0, False)
    (failed,) = [row for row in rows if row["file"] == bad]
    assert failed["error_code"] == clips.bad[bad]


def test_resume_does_the_rest_and_nothing_twice(
    recognizer: Recognizer, clips: Clips, tmp_path: Path
) -> None:
    task = Task.of(recognizer, tmp_path / "out.parquet")
    first, rest = list(clips.good[:2]), list(clips.good)
    run_batch(find_files([*first, *clips.bad]), task, workers=1)
    before = {path.name: path.read_bytes() for path in task.output.iterdir()}
    (task.output / ".part-00007.parquet.tmp").write_bytes(b"half a part")
    for name in ("_SUCCESS", ".DS_Store"):  # what others leave in any folder
        (task.output / name).touch()
        before[name] = b""
    with pytest.raises(ArgumentInvalid, match="--resume"):
        run_batch(find_files(rest), task, workers=1)
    reported: list[Tally] = []
    earlier, done = run_batch(
        find_files([*first, *rest]), task, workers=1, resume=True, report=reported.append
    )
    assert (earlier.files, earlier.failed) == (2 + len(clips.bad), len(clips.bad))
    assert done.files == len(rest) - 2
    assert reported[0] == earlier
    assert [row["file"] for row in read(task.output)] == sorted([*rest, *clips.bad])
    after = {path.name: path.read_bytes() for path in task.output.iterdir()}
    assert after.items() >= before.items()
    assert not [name for name in after if "part-" in name and name.startswith(".")]
    assert run_batch(find_files(rest), task, workers=1, resume=True)[1] == Tally()


def test_resume_goes_on_only_as_it_was_begun(
    recognizer: Recognizer, clips: Clips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(clips.folder)
    out = tmp_path / "out.parquet"
    run_batch(find_files(["a.wav"]), Task.of(recognizer, out), workers=1)
    other = Recognizer(recognizer.bundle.load(build_bundle(tmp_path / "other", seed=3)))
    profile = recognizer.enroll(clips.good[:1])
    refused = {
        "the model": Task.of(other, out),
        "this run has --labels three;": Task.of(recognizer, out, view="three"),
        "this run has --speaker [0-9a-f]+;": Task.of(recognizer, out, speaker=profile),
        "this run has --timeline, --window 3.0, --hop 1.0, no --adapt;": Task.of(
            recognizer, out, timeline=TimelineOptions()
        ),
    }
    for name, task in refused.items():
        with pytest.raises(ArgumentInvalid, match=name):
            run_batch(find_files(["b.flac"]), task, resume=True)
    monkeypatch.chdir(tmp_path)  # where a.wav would be another file
    with pytest.raises(ArgumentInvalid, match="go on from there"):
        run_batch(find_files([clips.good[1]]), Task.of(recognizer, out), resume=True)
    assert len(read(out)) == 1


def test_output_that_cannot_be_taken(recognizer: Recognizer, clips: Clips, tmp_path: Path) -> None:
    file, foreign, taken = (tmp_path / name for name in ("file", "foreign", "taken"))
    file.write_text("", encoding="utf-8")
    (foreign / "thesis").mkdir(parents=True)
    taken.mkdir()
    for output, told in ((file, "is a file"), (foreign, "'thesis', which no batch wrote")):
        with pytest.raises(ArgumentInvalid, match=told):
            run_batch(find_files(clips.good), Task.of(recognizer, output), resume=True)
    with locked(taken), pytest.raises(ArgumentInvalid, match="another run is writing"):
        run_batch(find_files(clips.good), Task.of(recognizer, taken))
    with pytest.raises(DataInvalid, match="cannot be made"):
        run_batch(find_files(clips.good), Task.of(recognizer, file / "below"))
    assert not list(taken.iterdir())
    assert [path.name for path in foreign.iterdir()] == ["thesis"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("s3://bucket/out.parquet", "a folder of this machine"),
        ("out.csv", "end its name in .parquet"),
    ],
)
def test_output_that_is_no_folder_here(recognizer: Recognizer, name: str, told: str) -> None:
    with pytest.raises(ArgumentInvalid, match=told):
        Task.of(recognizer, name)


def test_output_may_be_an_address_of_this_machine(recognizer: Recognizer, tmp_path: Path) -> None:
    place = tmp_path / "a b.parquet"
    assert Task.of(recognizer, place.as_uri()).output == place


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOSYS])
def test_file_system_without_locks_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(descriptor: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(lock, "_lock", refuse)
    with locked(tmp_path):
        assert (tmp_path / ".lock").exists()
    assert not list(tmp_path.iterdir())


def test_processes_that_the_system_refuses(
    recognizer: Recognizer, clips: Clips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Context:
        def Pipe(self) -> None:  # noqa: N802 (as multiprocessing names it)
            raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(local, "get_context", lambda method: Context())
    task = Task.of(recognizer, tmp_path / "out.parquet")
    with pytest.raises(WorkerDied, match=r"no 1 processes can be begun \(Too many open files\)"):
        run_batch(find_files(clips.good), task, workers=4)
    assert not task.output.exists()


@pytest.mark.parametrize("over_time", [False, True])
def test_remote_sounds_have_the_limits_of_those_here(
    recognizer: Recognizer,
    clips: Clips,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    over_time: bool,
) -> None:
    asked: list[Limits] = []

    @contextmanager
    def fetched(address: str, limits: Limits) -> Iterator[bytes]:
        asked.append(limits)
        yield Path(clips.good[0]).read_bytes()

    monkeypatch.setattr(judging, "fetched", fetched)
    timeline = TimelineOptions() if over_time else None
    task = Task.of(recognizer, tmp_path / "out.parquet", timeline=timeline)
    (row, *_) = judged_in_this_process(task, ["s3://bucket/a.wav"])
    assert row["error_code"] is None
    assert asked == [UNLIMITED if over_time else Limits()]


def test_damaged_part_is_named(recognizer: Recognizer, clips: Clips, tmp_path: Path) -> None:
    task = Task.of(recognizer, tmp_path / "out.parquet")
    run_batch(find_files(clips.good[:1]), task, workers=1)
    part = task.output / "part-00000.parquet"
    part.write_bytes(part.read_bytes()[:-20])
    with pytest.raises(DataInvalid, match=r"part-00000\.parquet: cannot be read"):
        run_batch(find_files(clips.good), task, resume=True)
    pq.write_table(pq.read_table(_written(clips)), part)
    with pytest.raises(ArgumentInvalid, match="no part of a batch"):
        run_batch(find_files(clips.good), task, resume=True)


def _written(clips: Clips) -> Path:
    import pyarrow as pa

    path = clips.folder.parent / "foreign.parquet"
    pq.write_table(pa.table({"file": ["a.wav"]}), path)
    return path


def test_nothing_found_and_no_workers(recognizer: Recognizer, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    task = Task.of(recognizer, tmp_path / "out.parquet")
    with pytest.raises(ArgumentInvalid, match="no file was found"):
        run_batch(find_files([str(tmp_path / "none")]), task)
    with pytest.raises(ArgumentInvalid, match="at least 1"):
        run_batch(find_files(["a.wav"]), task, workers=0)
    assert not task.output.exists()


def test_model_that_changes_ends_the_batch(
    recognizer: Recognizer, clips: Clips, tmp_path: Path
) -> None:
    other = Recognizer(recognizer.bundle.load(build_bundle(tmp_path / "model")))
    task = Task.of(other, tmp_path / "out.parquet")
    build_bundle(tmp_path / "model", seed=1)
    with pytest.raises(BundleInvalid, match="has changed since"):
        run_batch(find_files(clips.good), task, workers=1)
    assert not task.output.exists()


@pytest.mark.skipif(os.name == "nt", reason="there are no such signals")
def test_killed_workers_lose_nothing(
    recognizer: Recognizer, make_clips: Make, tmp_path: Path
) -> None:
    files = make_clips(400)
    task = Task.of(recognizer, tmp_path / "out.parquet")
    killed: list[int] = []

    def kill(tally: Tally) -> None:
        # The oldest: three in a row that have not yet loaded the model would end the batch.
        if tally.files > 20 + 100 * len(killed) and len(killed) < 3:
            pid = min(child.pid or 0 for child in active_children())
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)

    _, done = run_batch(find_files(files), task, workers=2, report=kill)
    assert len(killed) == 3
    assert (done.files, done.failed) == (400, 0)
    assert [row["file"] for row in read(task.output)] == files
    undisturbed = Task.of(recognizer, tmp_path / "undisturbed.parquet")
    assert read(task.output) == judged_in_this_process(undisturbed, files)


def test_processes_need_no_pandas(tmp_path: Path) -> None:
    """Which pyarrow would import where it is installed."""
    code = """
import sys
import pyarrow
from pathlib import Path
from serein.recognition.batch import local, parts
local._spare_pandas()
content = parts.encode_part([{"a": "b"}], pyarrow.schema([("a", pyarrow.string())]))
parts.write_part(Path(sys.argv[1]), "x", content)
assert "pandas" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    assert pq.read_table(tmp_path / "x").to_pylist() == [{"a": "b"}]


def test_processes_that_cannot_begin_end_the_batch(
    bundle: Path, clips: Clips, tmp_path: Path
) -> None:
    """As in a script of one's own that has no guard, which every process runs again."""
    script = tmp_path / "own.py"
    script.write_text(
        f"""
import serein
from serein.errors import WorkerDied
from serein.recognition.batch import Task, find_files, run_batch
task = Task.of(serein.load({str(bundle)!r}), {str(tmp_path / "out")!r})
try:
    run_batch(find_files({list(clips.good)!r}), task, workers=1)
except WorkerDied as error:
    print(error)
""",
        encoding="utf-8",
    )
    run = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
    assert 'if __name__ == "__main__"' in run.stdout
    assert not (tmp_path / "out").exists()
