"""Measure how long models take to judge the same clip, each against the bundled one.

    python -m benchmarks.models [MODEL ...] [--repeats N] [--json]

MODEL is a name or a bundle's folder; by default all that are part of the package. Times are medians
from a file to a label on one thread, over rounds in which all models take turns.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # read once, when numpy is imported

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import soundfile

from benchmarks.recordings import SAMPLING_RATE, voice
from serein.bundle import DEFAULT_BUNDLE, available_bundles
from serein.recognition import Recognizer, load

WARM_UP = 3  # rounds


@dataclass(frozen=True)
class Measured:
    """A model's size and speed.

    Attributes
    ----------
    name
        As it was asked for.
    parameters, size
        Trained numbers, and bytes of all files.
    milliseconds
        Median from a file of three seconds to a label.
    ratio
        How many times as long as the bundled model.
    """

    name: str
    parameters: int
    size: int
    milliseconds: float
    ratio: float


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("models", nargs="*", metavar="MODEL", help="names or folders of bundles")
    parser.add_argument("--repeats", type=int, default=50, help="rounds")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    options = parser.parse_args()
    names = [DEFAULT_BUNDLE, *(options.models or available_bundles())]
    found = measure(list(dict.fromkeys(names)), max(1, options.repeats))
    if options.json:
        for one in found:
            print(json.dumps(asdict(one)))
        return
    print(f"{'model':<32}{'parameters':>12}{'size':>10}{'time':>10}{'ratio':>8}")
    for one in found:
        print(
            f"{one.name:<32}{one.parameters:>12,}{one.size / 1e6:>7.1f} MB"
            f"{one.milliseconds:>7.2f} ms{one.ratio:>8.2f}"
        )


def measure(names: Sequence[str], repeats: int) -> list[Measured]:
    """Judge one clip by every model in turn, again and again."""
    models = [load(name) for name in names]
    times: list[list[float]] = [[] for _ in models]
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.wav"
        soundfile.write(clip, voice(), SAMPLING_RATE)
        for turn in range(repeats + WARM_UP):
            for model, taken in zip(models, times, strict=True):
                begin = time.perf_counter()
                model.predict(clip)
                if turn >= WARM_UP:
                    taken.append(1000.0 * (time.perf_counter() - begin))
    medians = [statistics.median(taken) for taken in times]
    return [
        Measured(
            name, model.bundle.manifest.parameters, size_of(model), median, median / medians[0]
        )
        for name, model, median in zip(names, models, medians, strict=True)
    ]


def size_of(model: Recognizer) -> int:
    """Bytes of a bundle's files."""
    return sum(path.stat().st_size for path in model.bundle.folder.iterdir() if path.is_file())


if __name__ == "__main__":
    main()
