"""Measure time lines of long recordings: what an hour costs, and the memory, against a naive peer.

    python -m benchmarks.timeline [--hours H ...] [--naive H] [--repeats N] [--model M] [--json]

The recordings are written from real clips and silence (SEREIN_CORPORA, by default ../shared/corpora
beside the checkout) into a temporary folder, 115 MB an hour. Every figure comes from fresh
processes, each on one core with one thread, all of them in turn. The model is loaded and warm
before the clock starts. Times are the best of the repeats, memory is the most. The exit
status is 0 whether the targets are met or not.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.host import facts, load, memory, pin, run_step, told

if TYPE_CHECKING:
    from serein.recognition import Recognizer

MODULE = "benchmarks.timeline"
HOURS = (0.1, 1.0, 10.0)
WINDOW, HOP = 3.0, 1.0  # seconds
MOST_SECONDS = 20.0  # for an hour
MOST_MEGABYTES = 250.0
SPREAD = 0.10  # of what an hour costs, and of the memory, whatever the length
LIBRARIES = ("serein", "numpy", "soundfile", "onnxruntime", "librosa", "matplotlib")


@dataclass(frozen=True)
class Measured:
    """One way to judge one recording.

    Attributes
    ----------
    name
        Which way.
    hours
        Of sound.
    seconds, processor_seconds
        The best of the repeats: by the clock, and of the processor, which hardly depends on what
        else the machine does.
    megabytes
        Largest resident memory of the process, the most of the repeats.
    """

    name: str
    hours: float
    seconds: float
    processor_seconds: float
    megabytes: float


@dataclass(frozen=True)
class Target:
    """What is aimed for.

    Attributes
    ----------
    words
        The target.
    figure
        What was measured.
    met
        Whether it is met.
    """

    words: str
    figure: str
    met: bool


def main() -> None:
    """Measure, and print a table or JSON; or, as one of the measured processes, do one step."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--hours", type=float, nargs="+", default=HOURS, help="of the recordings")
    parser.add_argument("--naive", type=float, default=1.0, help="hours that the peer gets")
    parser.add_argument("--repeats", type=int, default=3, help="fresh processes for every figure")
    parser.add_argument("--model", help="name or folder of a bundle; the bundled one by default")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    parser.add_argument("--recording", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        print(json.dumps(do_step(STEPS[options.step], options)))
        return
    before = load()
    measured = measure(options)
    targets = list(compare(measured))
    machine = facts(LIBRARIES) | {"load": before, "load_after": load()}
    if options.json:
        values = {
            "machine": machine,
            "measured": [asdict(one) for one in measured],
            "targets": [asdict(one) for one in targets],
        }
        print(json.dumps(values, ensure_ascii=False))
    else:
        print_report(measured, targets, machine)


def measure(options: argparse.Namespace) -> list[Measured]:
    """Every step on every recording it is for, in turn, again and again."""
    lengths = sorted({*options.hours, options.naive})
    steps = [("timeline", hours) for hours in sorted(options.hours)]
    steps += [(step, options.naive) for step in ("adapt", "files", "naive")]
    taken: dict[tuple[str, float], list[Mapping[str, float]]] = {step: [] for step in steps}
    chosen = [] if options.model is None else ["--model", options.model]
    with tempfile.TemporaryDirectory() as folder:
        recordings = {hours: Path(folder) / f"{hours:g}.wav" for hours in lengths}
        for hours, path in recordings.items():
            run_step(MODULE, "--step", "write", "--hours", hours, "--recording", path)
        for turn in range(options.repeats):
            for step, hours in steps:
                say(f"round {turn + 1} of {options.repeats}: {step}, {hours:g} h")
                one = run_step(MODULE, "--step", step, "--recording", recordings[hours], *chosen)
                taken[step, hours].append(one)
    return [
        Measured(
            name=STEPS[step].__doc__ or step,
            hours=hours,
            seconds=min(one["seconds"] for one in found),
            processor_seconds=min(one["processor_seconds"] for one in found),
            megabytes=max(one["megabytes"] for one in found),
        )
        for (step, hours), found in taken.items()
    ]


def say(words: str) -> None:
    if sys.stderr.isatty():
        print(words, file=sys.stderr)


def do_step(step: Callable[..., Any], options: argparse.Namespace) -> dict[str, float]:
    """Measure a step in this process; what it says of its own comes along."""
    pin()
    if step is write:
        write(options.recording, options.hours[0])
        return {}
    from benchmarks.recordings import SAMPLING_RATE, voice
    from serein.recognition import load as load_model

    recognizer = load_model() if options.model is None else load_model(options.model)
    recognizer.timeline((voice(), SAMPLING_RATE))
    if step is naive:
        warm_up(recognizer)
    clock, processor = time.perf_counter(), time.process_time()
    step(recognizer, options.recording)
    return {
        "seconds": time.perf_counter() - clock,
        "processor_seconds": time.process_time() - processor,
        "megabytes": memory()["peak"],
    }


def write(path: Path, hours: float) -> None:
    from benchmarks.recordings import write_conversation

    write_conversation(path, round(60 * hours))


def timeline(recognizer: Recognizer, path: Path) -> None:
    """recognizer.timeline"""
    recognizer.timeline(path, window=WINDOW, hop=HOP)


def adapt(recognizer: Recognizer, path: Path) -> None:
    """recognizer.timeline(adapt=True)"""
    recognizer.timeline(path, window=WINDOW, hop=HOP, adapt=True)


def files(recognizer: Recognizer, path: Path) -> None:
    """recognizer.timeline, JSON and PNG"""
    from serein.recognition.timeline.formats import write_timeline
    from serein.recognition.timeline.plot import draw_timeline

    found = recognizer.timeline(path, window=WINDOW, hop=HOP)
    with path.with_suffix(".json").open("w", encoding="utf-8", newline="") as out:
        write_timeline(found, out, "json")
    draw_timeline(found, path.with_suffix(".png"))


def naive(recognizer: Recognizer, path: Path) -> None:
    """naive: librosa.load of all of it, recognizer.predict a window"""
    import librosa

    rate = recognizer.bundle.manifest.features.sampling_rate
    samples, _ = librosa.load(path, sr=rate)
    length, step = round(WINDOW * rate), round(HOP * rate)
    for begin in range(0, len(samples) - length + 1, step):
        recognizer.predict((samples[begin : begin + length], rate))


def warm_up(recognizer: Recognizer) -> None:
    """Import what the peer needs, and let it run once."""
    with tempfile.TemporaryDirectory() as folder:
        import soundfile

        from benchmarks.recordings import SAMPLING_RATE, voice

        clip = Path(folder) / "clip.wav"
        soundfile.write(clip, voice(), SAMPLING_RATE)
        naive(recognizer, clip)


STEPS: dict[str, Callable[..., None]] = {
    "write": write,
    "timeline": timeline,
    "adapt": adapt,
    "files": files,
    "naive": naive,
}


def compare(measured: Sequence[Measured]) -> Iterator[Target]:
    """What was measured beside what is aimed for."""
    plain = [one for one in measured if one.name == timeline.__doc__]
    hour = min(plain, key=lambda one: abs(one.hours - 1.0))
    spent = hour.seconds / hour.hours
    yield Target(
        f"an hour in at most {MOST_SECONDS:g} s on one core",
        f"{spent:.1f} s",
        spent <= MOST_SECONDS,
    )
    most = max(one.megabytes for one in plain)
    yield Target(f"at most {MOST_MEGABYTES:g} MB", f"{most:.0f} MB", most <= MOST_MEGABYTES)
    longest = max(plain, key=lambda one: one.hours)
    more = longest.megabytes / hour.megabytes - 1.0
    yield Target(
        f"{longest.hours:g} h with the memory of {hour.hours:g} h, within {SPREAD:.0%}",
        f"{more:+.1%} ({longest.megabytes - hour.megabytes:+.0f} MB)",
        abs(more) <= SPREAD,
    )
    costs = [one.processor_seconds / one.hours for one in plain]
    spread = max(costs) / min(costs) - 1.0
    yield Target(
        f"processor seconds an hour flat within {SPREAD:.0%} from {plain[0].hours:g} to "
        f"{longest.hours:g} h",
        f"{spread:.1%}",
        spread <= SPREAD,
    )


def print_report(
    measured: Sequence[Measured], targets: Sequence[Target], machine: Mapping[str, Any]
) -> None:
    from rich.console import Console
    from rich.table import Table

    out = Console(width=None if sys.stdout.isatty() else 200, highlight=False)
    out.print(told(machine))
    out.print(f"window {WINDOW:g} s, hop {HOP:g} s, one core; load {machine['load_after']} after\n")
    peer = next(one for one in measured if one.name == naive.__doc__)
    table = Table("what", box=None)
    for name in (
        "hours",
        "seconds",
        "processor",
        "an hour",
        "peer / this",
        "memory",
        "peer / this",
    ):
        table.add_column(name, justify="right")
    for one in measured:
        cost, peers = one.processor_seconds / one.hours, peer.processor_seconds / peer.hours
        table.add_row(
            one.name,
            f"{one.hours:g}",
            f"{one.seconds:.2f}",
            f"{one.processor_seconds:.2f} s",
            f"{cost:.2f} s",
            f"{peers / cost:.2f}",
            f"{one.megabytes:.0f} MB",
            f"{peer.megabytes / one.megabytes:.2f}",
        )
    out.print(table)
    aims = Table("\ntarget", "\nmeasured", "\nmet", box=None)
    for target in targets:
        met = "[green]yes[/]" if target.met else "[red]no[/]"
        aims.add_row(target.words, target.figure, met)
    out.print(aims)


if __name__ == "__main__":
    main()
