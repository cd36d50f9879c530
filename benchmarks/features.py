"""Measure how fast the clips of real corpora become features, against decoding them alone.

    python -m benchmarks.features [--recipe R] [--workers N] [--every K] [--json]

The corpora are looked for where SEREIN_CORPORA says, by default in ../shared/corpora beside the
checkout. Every step is a process of its own with its workers, on as many of them as the others,
and all of the files have been read once before. Memory is the largest sum of what these processes
hold at one time; pages that they share are counted for each. The exit status is 0 whether the
targets are met or not.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks import host
from benchmarks.recordings import CORPORA, sounds

CHUNK = 32  # clips that a worker of the peer is given at once
INTERVAL = 0.05  # seconds from one look at the memory to the next
LEAST_SPEED = 1000.0  # times real time
MOST_MEGABYTES = 1000.0
TARGET = f"at least {LEAST_SPEED:,.0f} times real time, under {MOST_MEGABYTES:,.0f} MB"


@dataclass(frozen=True)
class Measurement:
    """One step.

    Attributes
    ----------
    name
        What was done.
    seconds
        That it took, without the start of the interpreter.
    speed
        Times real time: seconds of sound in a second.
    processor_seconds
        Spent by all of its processes. It hardly depends on what else the machine does.
    megabytes
        Largest resident memory of all of the step's processes together; None without psutil.
    ratio
        How many times as many processor seconds it took as decoding alone.
    target
        What is aimed for, in words.
    met
        None where it could not be measured.
    """

    name: str
    seconds: float
    speed: float
    processor_seconds: float
    megabytes: float | None
    ratio: float
    target: str = ""
    met: bool | None = None


def main() -> None:
    """Measure, and print a table or JSON; or, as one of the measured processes, do one step."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--recipe", default="bundled", help="whose features are computed")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--every", type=int, default=1, help="take each K-th clip only")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    parser.add_argument("--store", help=argparse.SUPPRESS)
    options = parser.parse_args()
    paths = sounds()[:: options.every]
    if options.step:
        print(json.dumps(STEPS[options.step](paths, options)))
        return
    if not paths:
        print(f"not measured: there are no sounds in {CORPORA} (set SEREIN_CORPORA)")
        return
    for path in paths:
        path.read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        measurements = list(measure(options, folder))
        stored = sum(file.stat().st_size for file in Path(folder).rglob("*.values")) / 1e6
    facts = machine(options, len(paths)) | {"stored_megabytes": round(stored, 1)}
    if options.json:
        values = [asdict(measurement) for measurement in measurements]
        print(json.dumps({"machine": facts, "measurements": values}, ensure_ascii=False))
    else:
        print_report(measurements, facts)


def measure(options: argparse.Namespace, folder: str) -> Iterator[Measurement]:
    """Every step, in the order of the report."""
    duration = alone = 0.0
    names = {
        "decode": "decoding alone, soundfile",
        "memory": "without a store",
        "store": "into an empty store",
        "again": "from the store",
    }
    for step, name in names.items():
        found, megabytes = run(step, options, folder)
        seconds, spent = found["seconds"], found["processor_seconds"]
        duration, alone = found.get("duration", duration), alone or spent
        speed = duration / seconds
        measured = Measurement(name, seconds, speed, spent, megabytes, spent / alone)
        if step == "store" and megabytes is not None:
            met = speed >= LEAST_SPEED and megabytes < MOST_MEGABYTES
            measured = replace(measured, target=TARGET, met=met)
        yield measured


def run(step: str, options: argparse.Namespace, folder: str) -> tuple[Any, float | None]:
    """What a step prints, and the most memory in MB that it and its children held."""
    command = [sys.executable, "-m", "benchmarks.features", "--step", step, "--store", folder]
    for name in ("recipe", "workers", "every"):
        command += [f"--{name}", str(getattr(options, name))]
    with subprocess.Popen(command, cwd=host.ROOT, stdout=subprocess.PIPE, text=True) as process:
        most = 0.0
        while process.poll() is None:
            most = max(most, resident(process.pid))
            time.sleep(INTERVAL)
        printed = process.stdout.read() if process.stdout else ""
    if process.returncode:
        raise SystemExit(f"the step {step!r} ended with status {process.returncode}")
    return json.loads(printed), most or None


def resident(pid: int) -> float:
    """Resident memory in MB of a process and all below it; 0 where psutil is missing."""
    try:
        import psutil
    except ImportError:
        return 0.0
    total = 0
    try:
        parent = psutil.Process(pid)
        for process in (parent, *parent.children(recursive=True)):
            total += process.memory_info().rss
    except psutil.NoSuchProcess:
        return 0.0  # it has just ended; the next look is a whole one
    return total / 1e6


def decode_alone(paths: Sequence[Path], options: argparse.Namespace) -> dict[str, float]:
    """The peer: nothing but soundfile, in as many processes."""
    chunks = [paths[begin : begin + CHUNK] for begin in range(0, len(paths), CHUNK)]
    watch = Stopwatch()
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        duration = sum(pool.map(seconds_of, chunks))
    return watch.read() | {"duration": duration}


def seconds_of(paths: Sequence[Path]) -> float:
    """Decode some files; how long they sound."""
    import soundfile

    total = 0.0
    for path in paths:
        samples, sampling_rate = soundfile.read(path, dtype="float32")
        total += len(samples) / sampling_rate
    return total


def extract_only(paths: Sequence[Path], options: argparse.Namespace) -> dict[str, float]:
    """Features, held in memory."""
    return load(paths, options, None)


def extract_stored(paths: Sequence[Path], options: argparse.Namespace) -> dict[str, float]:
    """Features that go into the store, or come from it."""
    from serein.training.store import FeatureStore

    return load(paths, options, FeatureStore(Path(options.store)))


def load(paths: Sequence[Path], options: argparse.Namespace, store: Any) -> dict[str, float]:
    """What training does with the clips before it begins."""
    from serein.corpora import Utterance, UtteranceTable
    from serein.training.data import load_dataset
    from serein.training.recipe import load_recipe

    labels = ("happy", "sad")  # which they are does not change the speed
    utterances = [
        Utterance(
            path=path.relative_to(CORPORA).as_posix(),
            corpus="benchmark",
            speaker=None,
            sex=None,
            language=None,
            emotion=labels[number % 2],
            original_emotion="unknown",
            intensity=None,
            sentence=None,
            split=None,
            duration=0.0,
            sampling_rate=0,
            sha256="",
        )
        for number, path in enumerate(paths)
    ]
    table = UtteranceTable(CORPORA, "benchmark", tuple(utterances))
    spec = load_recipe(options.recipe).features
    watch = Stopwatch()
    dataset = load_dataset([table], spec, workers=options.workers, store=store)
    spent = watch.read()
    if dataset.failures or dataset.warnings:
        raise SystemExit(f"not all went well: {dataset.failures[:3]} {dataset.warnings}")
    return spent


@dataclass(frozen=True)
class Stopwatch:
    """Times since it was made: by the clock, and of processors for this process and its workers."""

    clock: float = field(default_factory=time.perf_counter)
    processor: float = field(default_factory=lambda: sum(os.times()[:4]))

    def read(self) -> dict[str, float]:
        now = Stopwatch()
        return {
            "seconds": now.clock - self.clock,
            "processor_seconds": now.processor - self.processor,
        }


STEPS: dict[str, Callable[[Sequence[Path], argparse.Namespace], dict[str, float]]] = {
    "decode": decode_alone,
    "memory": extract_only,
    "store": extract_stored,
    "again": extract_stored,
}


def machine(options: argparse.Namespace, clips: int) -> dict[str, Any]:
    """What the figures depend on."""
    return host.facts(("serein", "numpy", "soundfile", "soxr")) | {
        "recipe": options.recipe,
        "workers": options.workers,
        "clips": clips,
    }


def print_report(measurements: Sequence[Measurement], facts: Mapping[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    out = Console(width=None if sys.stdout.isatty() else 200, highlight=False)
    out.print(host.told(facts))
    hours = measurements[0].seconds * measurements[0].speed / 3600
    out.print(
        f"{facts['clips']:,} clips, {hours:.1f} h, features of {facts['recipe']!r} "
        f"({facts['stored_megabytes']:,.0f} MB stored), {facts['workers']} processes\n"
    )
    table = Table("what", box=None)
    for name in ("seconds", "times real time", "memory", "processor", "decoding = 1"):
        table.add_column(name, justify="right")
    table.add_column("target")
    table.add_column("met")
    words = {True: "[green]yes[/]", False: "[red]no[/]", None: ""}
    for one in measurements:
        table.add_row(
            one.name,
            f"{one.seconds:.2f}",
            f"{one.speed:,.0f}",
            "not measured" if one.megabytes is None else f"{one.megabytes:,.0f} MB",
            f"{one.processor_seconds:.1f} s",
            f"{one.ratio:.2f}",
            one.target,
            words[one.met] if one.target else "",
        )
    out.print(table)


if __name__ == "__main__":
    main()
