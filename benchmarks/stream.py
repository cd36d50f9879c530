"""Measure live streams: what they cost, how late a result is out, and the memory of many of them.

    python -m benchmarks.stream [--rates HZ ...] [--seconds S] [--repeats N] [--model M] [--json]

The sound is of real clips and silence (SEREIN_CORPORA, by default ../shared/corpora beside the
checkout), in chunks of 100 ms, with windows of 3 s every second. Every figure comes from fresh
processes, each on one core with one thread, all of them in turn, beside the naive live loop: the
last 3 s are put together every second, resampled by librosa, and predicted.

The cost is processor time: of all chunks one after the other, and of some of them at their own
pace, where the caches are cold. How late a result is has two parts: the sound that has to come
after the window's end, as the resampler holds some back, found with chunks of 1 ms; and the time
that the push takes from which the window returns, the least of the repeats for every window, so
that only what the push itself does counts. Whoever pushes longer chunks waits for their end as
well. The exit status is 0 whether the targets are met or not.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.host import facts, load, memory, pin, run_step, told
from benchmarks.recordings import SAMPLING_RATE, Samples, conversation

if TYPE_CHECKING:
    from serein.recognition import Recognizer

MODULE = "benchmarks.stream"
RATES = (8_000, 16_000, 22_050, 44_100, 48_000)
WINDOW, HOP = 3.0, 1.0  # seconds
CHUNK = 0.1  # seconds
SHORTEST_CHUNK = 0.001
PACED = 10.0  # seconds at the sound's own pace
LISTENED = 30.0  # seconds in chunks of 1 ms
MANY = 100  # streams in one process
LONG = 3600.0  # seconds that one stream hears for its memory
MOST_SHARE = 0.03  # of a core
LATEST = {8_000: 150.0}  # milliseconds
LATEST_ELSE = 60.0
LIBRARIES = ("serein", "numpy", "soxr", "onnxruntime", "librosa")


@dataclass(frozen=True)
class Measured:
    """A live loop at one sampling rate.

    Attributes
    ----------
    name
        Which loop.
    rate
        Hz.
    share
        Of a core, 0 to 1: processor seconds in a second of sound, the least of the repeats.
    paced_share
        The same at the sound's own pace.
    held_back
        Milliseconds of sound after a window's end that its result waits for, the most of all.
    computing, slowest
        Milliseconds that the push takes from which a window returns, median and most of all.
    """

    name: str
    rate: int
    share: float
    paced_share: float
    held_back: float
    computing: float
    slowest: float

    @property
    def latest(self) -> float:
        """Milliseconds from a window's last sample to its result, at worst."""
        return self.held_back + self.slowest


def main() -> None:
    """Measure, and print a table or JSON; or, as one of the measured processes, do one step."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rates", type=int, nargs="+", default=RATES, help="Hz of the streams")
    parser.add_argument("--seconds", type=float, default=120.0, help="of sound")
    parser.add_argument("--repeats", type=int, default=3, help="fresh processes for every figure")
    parser.add_argument("--model", help="name or folder of a bundle; the bundled one by default")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        print(json.dumps(do_step(options)))
        return
    before = load()
    measured = measure(options)
    many = step_of("many", max(RATES), options)
    machine = facts(LIBRARIES) | {"load": before, "load_after": load()}
    if options.json:
        found = [asdict(one) for one in measured]
        values = {"machine": machine, "measured": found, "many": many}
        print(json.dumps(values, ensure_ascii=False))
    else:
        print_report(measured, many, machine)


def measure(options: argparse.Namespace) -> list[Measured]:
    """Both loops at every rate, in turn, again and again."""
    loops = [(name, rate) for rate in options.rates for name in ("stream", "naive")]
    taken: dict[tuple[str, int], list[dict[str, Any]]] = {loop: [] for loop in loops}
    for _ in range(options.repeats):
        for name, rate in loops:
            taken[name, rate].append(step_of(name, rate, options))
    return [summed_up(name, rate, found) for (name, rate), found in taken.items()]


def step_of(step: str, rate: int, options: argparse.Namespace) -> dict[str, Any]:
    chosen = [] if options.model is None else ["--model", options.model]
    given = ["--rates", rate, "--seconds", options.seconds]
    return run_step(MODULE, "--step", step, *given, *chosen)


def summed_up(name: str, rate: int, found: Sequence[Mapping[str, Any]]) -> Measured:
    """The least disturbed of what the repeats say."""
    pushes = [min(times) for times in zip(*(one["computing"] for one in found), strict=True)]
    return Measured(
        name=STEPS[name].__doc__ or name,
        rate=rate,
        share=min(one["share"] for one in found),
        paced_share=min(one["paced_share"] for one in found),
        held_back=1000.0 * max(one["held_back"] for one in found),
        computing=1000.0 * statistics.median(pushes),
        slowest=1000.0 * max(pushes),
    )


def do_step(options: argparse.Namespace) -> dict[str, Any]:
    """Measure a step in this process."""
    pin()
    from serein.recognition import load as load_model

    recognizer = load_model() if options.model is None else load_model(options.model)
    sound = sound_at(options.rates[0], options.seconds)
    found: dict[str, Any] = STEPS[options.step](recognizer, sound, options.rates[0])
    return found


def sound_at(rate: int, seconds: float) -> Samples:
    """The sound at a sampling rate, float32 (n,)."""
    import soxr

    whole = np.concatenate(list(conversation(max(1, -(-int(seconds) // 60)))))
    cut = whole[: round(seconds * SAMPLING_RATE)]
    samples: Samples = soxr.resample(cut, SAMPLING_RATE, rate)
    return samples


def stream(recognizer: Recognizer, sound: Samples, rate: int) -> dict[str, Any]:
    """recognizer.stream"""
    opened = recognizer.stream(sampling_rate=rate, window=WINDOW, hop=HOP)
    run(opened.push, sound[: 10 * rate], rate)  # warm
    opened.reset()
    share = run(opened.push, sound, rate)
    opened.reset()
    paced = run(opened.push, sound[: round(PACED * rate)], rate, paced=True)
    opened.reset()
    held_back, computing = [0.0], []
    length = max(1, round(SHORTEST_CHUNK * rate))
    for chunk in chunks(sound[: round(LISTENED * rate)], length):
        begin = time.perf_counter()
        windows = opened.push(chunk)
        taken = time.perf_counter() - begin
        if windows:
            held_back.append(opened.position - windows[-1].end)
            computing.append(taken)
    return {
        "share": share,
        "paced_share": paced,
        "held_back": max(held_back),
        "computing": computing,
    }


def naive(recognizer: Recognizer, sound: Samples, rate: int) -> dict[str, Any]:
    """naive: the last 3 s, librosa.resample, recognizer.predict"""
    import librosa

    wanted = recognizer.bundle.manifest.features.sampling_rate
    heard: deque[Samples] = deque(maxlen=round(WINDOW / CHUNK))
    came = 0
    computing: list[float] = []

    def push(chunk: Samples) -> None:
        nonlocal came
        heard.append(chunk)
        came += 1
        if len(heard) == heard.maxlen and came % round(HOP / CHUNK) == 0:
            begin = time.perf_counter()
            samples = np.concatenate(heard)
            resampled = librosa.resample(samples, orig_sr=rate, target_sr=wanted)
            recognizer.predict((resampled, wanted))
            computing.append(time.perf_counter() - begin)

    run(push, sound[: 10 * rate], rate)
    computing.clear()
    share = run(push, sound, rate)
    pushes = list(computing)
    paced = run(push, sound[: round(PACED * rate)], rate, paced=True)
    return {"share": share, "paced_share": paced, "held_back": 0.0, "computing": pushes}


def run(
    push: Callable[[Samples], object], sound: Samples, rate: int, *, paced: bool = False
) -> float:
    """Push a sound in chunks; processor seconds for each of its seconds."""
    length = round(CHUNK * rate)
    clock, processor = time.perf_counter(), time.process_time()
    for number, chunk in enumerate(chunks(sound, length), start=1):
        if paced:  # a chunk is there when its last sample was recorded
            time.sleep(max(0.0, clock + number * length / rate - time.perf_counter()))
        push(chunk)
    return (time.process_time() - processor) / (len(sound) / rate)


def chunks(sound: Samples, length: int) -> Iterator[Samples]:
    return (sound[begin : begin + length] for begin in range(0, len(sound), length))


def many(recognizer: Recognizer, sound: Samples, rate: int) -> dict[str, float]:
    """What one stream holds after an hour, and 100 on one model."""

    def opened() -> Any:
        return recognizer.stream(sampling_rate=rate, window=WINDOW, hop=HOP)

    long = opened()
    run(long.push, sound[: 60 * rate], rate)
    minute = memory()["now"]
    for _ in range(round(LONG * rate / len(sound))):
        run(long.push, sound, rate)
    hour = memory()["now"]
    streams = [opened() for _ in range(MANY)]

    def push(chunk: Samples) -> None:
        for one in streams:
            one.push(chunk)

    share = run(push, sound[: round(PACED * rate)], rate)
    return {
        "rate": rate,
        "streams": MANY,
        "share_a_stream": share / MANY,
        "megabytes_a_stream": (memory()["now"] - hour) / MANY,
        "megabytes": memory()["now"],
        "megabytes_after_a_minute": minute,
        "megabytes_after_an_hour": hour,
    }


STEPS: dict[str, Callable[[Recognizer, Samples, int], dict[str, Any]]] = {
    "stream": stream,
    "naive": naive,
    "many": many,
}


def print_report(
    measured: Sequence[Measured], many: Mapping[str, float], machine: Mapping[str, Any]
) -> None:
    from rich.console import Console
    from rich.table import Table

    out = Console(width=None if sys.stdout.isatty() else 200, highlight=False)
    out.print(told(machine))
    out.print(
        f"window {WINDOW:g} s, hop {HOP:g} s, chunks of {1000 * CHUNK:g} ms, one core; load "
        f"{machine['load_after']} after\n"
    )
    table = Table("loop", box=None)
    columns = ("Hz", "of a core", "paced", "peer / this", "held back", "computing", "at worst")
    for name in (*columns, "late at worst", "target", "met"):
        table.add_column(name, justify="right")
    peers = {one.rate: one.share for one in measured if one.name == naive.__doc__}
    for one in measured:
        latest = LATEST.get(one.rate, LATEST_ELSE)
        ours = one.name == stream.__doc__
        met = max(one.share, one.paced_share) <= MOST_SHARE and one.latest <= latest
        table.add_row(
            one.name,
            f"{one.rate:,}",
            f"{one.share:.2%}",
            f"{one.paced_share:.2%}",
            f"{peers[one.rate] / one.share:.2f}",
            f"{one.held_back:.0f} ms",
            f"{one.computing:.1f} ms",
            f"{one.slowest:.1f} ms",
            f"{one.latest:.1f} ms",
            f"{MOST_SHARE:.0%}, {latest:g} ms" if ours else "",
            ("[green]yes[/]" if met else "[red]no[/]") if ours else "",
        )
    out.print(table)
    out.print(
        f"\n{many['streams']:g} streams at {many['rate']:,} Hz on one model: "
        f"{many['megabytes_a_stream']:.2f} MB and {many['share_a_stream']:.2%} of a core each, "
        f"{many['megabytes']:.0f} MB in all\n"
        f"one stream: {many['megabytes_after_a_minute']:.0f} MB in the process after a minute, "
        f"{many['megabytes_after_an_hour']:.0f} MB after an hour"
    )


if __name__ == "__main__":
    main()
