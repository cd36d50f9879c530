"""Measure ``serein batch``: speed on one and two cores, memory over many files, and kill -9.

All ratios are taken in one run, in turns, beside what two processes that share nothing reach on
the same machine: a machine whose second core is a hyperthread or is busy cannot give twice.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from serein.recognition import load
from serein.recognition.batch import Tally, Task, find_files, run_batch

SECONDS = 3.0
SAMPLING_RATE = 16_000
VOICES = 50
SHARES = (0.1, 0.25, 0.5, 0.75, 1.0)
COMMAND = [sys.executable, "-m", "serein", "batch"]


def main() -> None:
    """Measure what is asked for, and print it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--files", type=int, default=3000, help="WAV clips of 3 s that are made")
    parser.add_argument("--rounds", type=int, default=3, help="of every speed")
    parser.add_argument(
        "--folder", nargs="+", help="measure the memory on the sounds of these folders instead"
    )
    parser.add_argument(
        "--kill", type=int, default=0, metavar="N", help="kill a worker and the run N times each"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the moments of killing")
    parser.add_argument("--no-speed", action="store_true", help="leave out the speeds")
    parser.add_argument("--no-memory", action="store_true", help="leave out the memory")
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(prefix="serein-") as folder:
        place = Path(folder)
        clips = place / "clips"
        make_clips(clips, options.files)
        if not options.no_speed:
            measure_speed(clips, place, options.rounds)
        if not options.no_memory:
            measure_memory(options.folder or [str(clips)], place)
        if options.kill:
            measure_killing(clips, place, options.kill, random.Random(options.seed))


def make_clips(folder: Path, number: int) -> None:
    """So many files with different voices of 3 s in them."""
    folder.mkdir()
    for index in range(number):
        path = folder / f"{index:06d}.wav"
        if index < VOICES:
            soundfile.write(path, voice(index), SAMPLING_RATE)
        else:
            shutil.copyfile(folder / f"{index % VOICES:06d}.wav", path)


def voice(seed: int) -> Any:
    """Something voiced, with pauses, float32."""
    generator = np.random.default_rng(seed)
    moment = np.arange(int(SECONDS * SAMPLING_RATE)) / SAMPLING_RATE
    pitch = generator.uniform(90, 250)
    phase = 2 * np.pi * np.cumsum(pitch * (1 + 0.3 * np.sin(4 * moment))) / SAMPLING_RATE
    sound = sum(np.sin(order * phase) / order for order in range(1, 30))
    syllables = np.clip(np.sin(2 * np.pi * generator.uniform(2, 4) * moment), 0.01, None)
    noise = generator.standard_normal(moment.size)
    return (0.15 * sound * syllables + 1e-3 * noise).astype(np.float32)


def measure_speed(clips: Path, place: Path, rounds: int) -> None:
    """One process and two, in turns; and as many loops that share nothing."""
    files = [str(path) for path in sorted(clips.iterdir())]
    alone, together, one, two = [], [], [], []
    for _ in range(rounds):
        alone.append(loops(1, files[:600]))
        together.append(loops(2, files[:600]))
        one.append(batch_rate(clips, place, 1))
        two.append(batch_rate(clips, place, 2))
    ceiling = statistics.median(together) / statistics.median(alone)
    gain = statistics.median(two) / statistics.median(one)
    speed = SECONDS * statistics.median(two)
    print(f"\n{len(files):,} WAV clips of {SECONDS:g} s, median of {rounds} rounds in turns")
    show("plain loops, one and two processes", alone, together)
    print(f"  the machine gives two of them {ceiling:.2f} times the rate of one")
    show("serein batch, one and two workers, start apart", one, two)
    print(f"  two workers {gain:.2f} times one (at least 1.8: {said(gain >= 1.8)})")
    print(f"  of what the machine gives: {gain / ceiling:.0%}")
    print(f"  {speed:,.0f} times real time with two (at least 1,000: {said(speed >= 1000)})")


def show(what: str, one: Sequence[float], two: Sequence[float]) -> None:
    rates = (f"{rate:.0f}" for rate in (*one, *two))
    print(f"  {what}: {', '.join(rates)} files/s")


def said(met: bool) -> str:
    return "yes" if met else "no"


def loops(count: int, files: list[str]) -> float:
    """Files a second that so many processes judge which know nothing of each other."""
    os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(count)
    with context.Pool(count, initializer=begin_loop, initargs=(barrier,)) as pool:
        return sum(pool.map(loop, [files] * count, chunksize=1))


def begin_loop(barrier: Any) -> None:
    globals()["BARRIER"] = barrier
    globals()["RECOGNIZER"] = load()


def loop(files: list[str]) -> float:
    recognizer = globals()["RECOGNIZER"]
    for file in files[:20]:
        recognizer.predict(file)
    globals()["BARRIER"].wait()
    begin = time.perf_counter()
    for file in files:
        recognizer.predict(file)
    return len(files) / (time.perf_counter() - begin)


def batch_rate(clips: Path, place: Path, workers: int) -> float:
    """Files a second from the first that is judged to the last part that is written."""
    marks: list[tuple[float, int]] = []

    def report(tally: Tally) -> None:
        # Once every process is at work: a spawned one takes a second to load the model.
        if tally.files >= 50 * workers and not marks:
            marks.append((time.perf_counter(), tally.files))

    out = place / "speed.parquet"
    shutil.rmtree(out, ignore_errors=True)
    task = Task.of(load(), out)
    _, done = run_batch(find_files([str(clips)]), task, workers=workers, report=report)
    begin, files = marks[0]
    return (done.files - files) / (time.perf_counter() - begin)


def measure_memory(folders: Sequence[str], place: Path) -> None:
    """Memory of all processes together, while many files are judged."""
    try:
        import psutil
    except ImportError:
        print("\nmemory: not measured, psutil is missing")
        return
    total = sum(1 for _ in find_files(folders))
    ahead = iter(SHARES)
    share = next(ahead)
    own = psutil.Process()
    found: list[tuple[float, int, float]] = []

    def report(tally: Tally) -> None:
        nonlocal share
        if tally.files >= share * total - 1e-9 or (share == 1.0 and tally.files > 0.995 * total):
            workers = own.children()
            if workers:
                found.append((share, tally.files, used([own, *workers])))
                share = next(ahead, 2.0)

    begin = time.perf_counter()
    out = place / "memory.parquet"
    task = Task.of(load(), out)
    _, done = run_batch(find_files(folders), task, workers=2, report=report)
    seconds = time.perf_counter() - begin
    print(
        f"\n{done.files:,} files, {done.seconds / 3600:.1f} h of sound, {done.failed} failed: "
        f"{seconds:.0f} s, {done.seconds / seconds:,.0f} times real time with two workers"
    )
    for part, files, memory in found:
        print(f"  after {part:.0%} ({files:,} files): {memory:.0f} MiB in all processes")


def used(processes: Sequence[Any]) -> float:
    """MiB that belong to these processes, what they share counted once for each."""
    total = 0
    for process in processes:
        with suppress(Exception):  # it may have ended
            total += process.memory_info().rss
    return total / 2**20


def measure_killing(clips: Path, place: Path, number: int, generator: random.Random) -> None:
    """Kill a worker, and the whole run, at random moments; go on, and compare."""
    whole = place / "undisturbed.parquet"
    begin = time.perf_counter()
    subprocess.run([*COMMAND, str(clips), "-o", str(whole)], check=True, stderr=subprocess.DEVNULL)
    lasting = time.perf_counter() - begin
    expected = rows(whole)
    print(f"\nkill -9 at random moments of {lasting:.1f} s, {len(expected):,} files")
    for what in ("a worker", "the whole run"):
        good = killed = 0
        for _ in range(number):
            out = place / "disturbed.parquet"
            shutil.rmtree(out, ignore_errors=True)
            moment = generator.uniform(0.1, 0.9) * lasting
            killed += disturb(clips, out, moment, what == "a worker")
            resumed = [*COMMAND, str(clips), "-o", str(out), "--resume"]
            subprocess.run(resumed, check=True, stderr=subprocess.DEVNULL)
            good += rows(out) == expected and names(out) == ["parquet"]
        print(f"  {what}: {killed} of {number} killed in time, {good} results as undisturbed")


def disturb(clips: Path, out: Path, moment: float, worker: bool) -> bool:
    """Begin a run and kill; whether there was still something to kill."""
    import psutil

    running = subprocess.Popen(
        [*COMMAND, str(clips), "-o", str(out), "--workers", "2"],
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    time.sleep(moment)
    if not worker:
        with suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
        return running.wait() == -signal.SIGKILL
    while running.poll() is None:
        for process in spawned(psutil.Process(running.pid)):
            process.kill()
            running.wait()
            return True
    return False


def spawned(process: Any) -> Iterator[Any]:
    """The processes of a run that judge, not the one of Python that keeps account of them."""
    with suppress(Exception):  # it may have ended
        for child in process.children():
            with suppress(Exception):
                if "spawn_main" in " ".join(child.cmdline()):
                    yield child


def rows(folder: Path) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    found: list[dict[str, Any]] = pq.read_table(folder).to_pylist()
    return sorted(found, key=lambda row: str(row["file"]))


def names(folder: Path) -> list[str]:
    """The endings of what is in a folder."""
    return sorted({path.name.rpartition(".")[2] for path in folder.iterdir()})


if __name__ == "__main__":
    main()
