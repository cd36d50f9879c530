"""Measure cold start, prediction and features against named peers, in one run, on one thread.

    python -m benchmarks.predict [--model M] [--repeats N] [--json]

Times are medians over rounds in which both sides take turns, so that a busy machine slows both;
what counts is the ratio. The exit status is 0 whether the targets are met or not.
"""

# ruff: noqa: E402
from __future__ import annotations

import os

from benchmarks import host

# Before numpy, torch and numba are imported, which read these only once.
for setting in host.THREAD_SETTINGS:
    os.environ[setting] = "1"

import argparse
import inspect
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from benchmarks.recordings import SAMPLING_RATE, SECONDS, voice
from serein.features import FeatureSpec
from serein.recognition import Recognizer, load

LIBRARIES = ("serein", "numpy", "soundfile", "onnxruntime", "typer", "librosa", "torch")
PROCESS_SHARE = 0.1  # rounds of a whole process, as a share of those of a call
BARE_IMPORTS = "import numpy, soundfile, onnxruntime"


@dataclass(frozen=True)
class Measurement:
    """One figure beside its peer.

    Attributes
    ----------
    name
        What was measured.
    milliseconds, peer_milliseconds
        Medians; the peer's is None where the target is a time, or the peer is missing.
    peer
        What it is compared with.
    ratio
        How many times as long the peer takes (or Serein, where `target` says "at most").
    target
        What is aimed for, in words.
    met
        None where it could not be measured.
    """

    name: str
    milliseconds: float
    peer: str
    peer_milliseconds: float | None
    ratio: float | None
    target: str
    met: bool | None


class PeerMissing(Exception):
    """A library that the comparison needs is not installed."""


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", help="name or folder of a bundle; the bundled one by default")
    parser.add_argument("--repeats", type=int, default=200, help="rounds of every call")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    options = parser.parse_args()
    recognizer = load() if options.model is None else load(options.model)
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.wav"
        soundfile.write(clip, voice(), SAMPLING_RATE)
        measurements = list(measure(recognizer, clip, options.model, max(3, options.repeats)))
    facts = machine(recognizer)
    if options.json:
        values = [asdict(measurement) for measurement in measurements]
        print(json.dumps({"machine": facts, "measurements": values}, ensure_ascii=False))
    else:
        print_report(measurements, facts)


def measure(
    recognizer: Recognizer, clip: Path, model: str | None, repeats: int
) -> Iterator[Measurement]:
    """Everything, in the order of the report."""
    yield from file_to_label(recognizer, clip, repeats)
    yield from processes(clip, model, max(5, round(PROCESS_SHARE * repeats)))
    samples = soundfile.read(clip, dtype="float32")[0]
    spec = recognizer.bundle.manifest.features
    for kind in ("log_mel", "mfcc"):
        yield features(replace(spec, kind=kind), samples, repeats)


def file_to_label(recognizer: Recognizer, clip: Path, repeats: int) -> Iterator[Measurement]:
    """From a file to a label, warm: the ratio to librosa with torch, and the time itself."""
    name = f"file to label, {SECONDS:g} s WAV, warm"
    target = "peer takes at least 2.5 times as long"

    def ours() -> object:
        return recognizer.predict(clip)

    try:
        theirs, peer = peer_pipeline(recognizer, clip)
    except PeerMissing as missing:
        mine = turns(repeats, ours)[0]
        yield Measurement(name, mine, str(missing), None, None, target, None)
    else:
        mine, other = turns(repeats, ours, theirs)
        yield Measurement(name, mine, peer, other, other / mine, target, other / mine >= 2.5)
    yield Measurement(name, mine, "none", None, None, "at most 4 ms", mine <= 4.0)


def processes(clip: Path, model: str | None, repeats: int) -> Iterator[Measurement]:
    """Whole processes, from the start of the interpreter to its end."""
    chosen = [] if model is None else ["--model", model]
    predict = [sys.executable, "-m", "serein.cli.main", "predict", str(clip), "--json", *chosen]
    bare = [sys.executable, "-c", BARE_IMPORTS]
    mine, other = turns(repeats, lambda: run(predict), lambda: run(bare))
    yield Measurement(
        "serein predict clip.wav --json, cold",
        mine,
        f'python -c "{BARE_IMPORTS}"',
        other,
        mine / other,
        "at most 2.5 times as long as the peer",
        mine / other <= 2.5,
    )
    package = [sys.executable, "-c", "import serein"]
    nothing = [sys.executable, "-c", "pass"]
    with_package, without = turns(repeats, lambda: run(package), lambda: run(nothing))
    mine = max(0.0, with_package - without)
    yield Measurement("import serein", mine, "none", None, None, "at most 100 ms", mine <= 100.0)


def features(spec: FeatureSpec, samples: Any, repeats: int) -> Measurement:
    """Features of samples that are already loaded, with librosa warm."""
    name = f"{spec.kind}, {SECONDS:g} s"
    target = "peer takes at least 2 times as long"

    def ours() -> Any:
        return spec._describe(samples)  # without trimming and level, which the peer has not

    try:
        theirs = librosa_features(spec)
    except PeerMissing as missing:
        mine = turns(repeats, ours)[0]
        return Measurement(name, mine, str(missing), None, None, target, None)
    # librosa puts the window into the middle of the transform's longer frame.
    lead = 0 if spec.centered else (spec.fft_length - spec.frame_length) // 2
    difference = float(np.abs(theirs(np.pad(samples, lead)) - ours()).max())
    mine, other = turns(repeats, ours, lambda: theirs(samples))
    peer = f"librosa {metadata.version('librosa')}, warm (differs by {difference:.1g} dB)"
    return Measurement(name, mine, peer, other, other / mine, target, other / mine >= 2.0)


def librosa_features(spec: FeatureSpec) -> Callable[[Any], Any]:
    """The same features by librosa, shape (frames, dimensions)."""
    try:
        import librosa
    except ImportError as error:
        raise PeerMissing('librosa is missing: pip install "serein[test]"') from error

    def compute(samples: Any) -> Any:
        mel = librosa.feature.melspectrogram(
            y=samples,
            sr=spec.sampling_rate,
            n_fft=spec.fft_length,
            win_length=spec.frame_length,
            hop_length=spec.hop_length,
            center=spec.centered,
            n_mels=spec.bands,
            fmin=spec.low,
            fmax=spec.high,
        )
        log_mel = librosa.power_to_db(mel, top_db=spec.dynamic_range)
        if spec.kind == "log_mel":
            return log_mel.T
        return librosa.feature.mfcc(S=log_mel, n_mfcc=spec.coefficients).T

    compute(voice())  # numba compiles; windows and filters are cached
    return compute


def peer_pipeline(recognizer: Recognizer, clip: Path) -> tuple[Callable[[], str], str]:
    """librosa for the sound and its features, PyTorch for a network of the same sizes.

    The weights are random, which does not change the speed. No trimming, no level, no checks of
    the input: the peer does less than what it is compared with.
    """
    manifest = recognizer.bundle.manifest
    spec = manifest.features
    if spec.kind != "log_mel":
        raise PeerMissing("none: the peer is there for networks on log-mel features")
    describe = librosa_features(spec)
    network, told = torch_network(recognizer)
    inputs = tuple(inspect.signature(network.forward).parameters)
    import librosa
    import torch

    mean, std = manifest.normalization.mean, manifest.normalization.std

    def predict() -> str:
        samples, _ = librosa.load(clip, sr=spec.sampling_rate)
        normalized = spec.pad((describe(samples)[: spec.frames or None] - mean) / std)
        with torch.inference_mode():
            batch = torch.from_numpy(normalized[None].astype(np.float32, copy=False))
            known = {
                "features": batch,
                "relative": torch.zeros_like(batch),  # of an unknown speaker
                "lengths": torch.tensor([batch.shape[1]]),
            }
            # What else a network takes tells of an enrolled speaker.
            given = {name: known[name] for name in inputs if name in known}
            logits = network(**given)["logits"]
            best = int(torch.softmax(logits[0], 0).argmax())
        return manifest.labels[best]

    return predict, told


def torch_network(recognizer: Recognizer) -> tuple[Any, str]:
    """The bundle's network in PyTorch, with random weights, and what to call it."""
    try:
        import torch

        from serein.training.network_recipe import network_options
        from serein.training.networks import NETWORKS
        from serein.training.recipe import load_recipe
    except ImportError as error:
        raise PeerMissing('PyTorch is missing: pip install "serein[train]"') from error
    torch.set_num_threads(1)
    manifest = recognizer.bundle.manifest
    described: Mapping[str, Any] | None = manifest.recipe.get("network")
    recipe = load_recipe("bundled").network
    told = f"librosa {metadata.version('librosa')} and PyTorch {torch.__version__}"
    if described is not None and recipe is not None:
        values = {"name": described["name"], "options": dict(described["options"])}
        recipe = type(recipe)(training=recipe.training, **values)
    else:
        told += " (network of the recipe 'bundled': this bundle names none)"
    if recipe is None:
        raise PeerMissing("none: the recipe 'bundled' has no network")
    sizes = network_options(recipe, manifest.features, "benchmark")
    network = NETWORKS[recipe.name].build(manifest.features, len(manifest.labels), sizes)
    return network.eval(), told


def turns(repeats: int, *calls: Callable[[], object]) -> list[float]:
    """Median milliseconds of each call, taken in turns after a few rounds to get warm."""
    times: list[list[float]] = [[] for _ in calls]
    warm_up = min(3, repeats)
    for turn in range(repeats + warm_up):
        for call, taken in zip(calls, times, strict=True):
            begin = time.perf_counter()
            call()
            if turn >= warm_up:
                taken.append(1000.0 * (time.perf_counter() - begin))
    return [statistics.median(taken) for taken in times]


def run(command: Sequence[str]) -> None:
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)


def machine(recognizer: Recognizer) -> dict[str, Any]:
    """What the figures depend on."""
    manifest = recognizer.bundle.manifest
    return host.facts(LIBRARIES) | {
        "threads": 1,
        "model": manifest.name,
        "parameters": manifest.parameters,
    }


def print_report(measurements: Sequence[Measurement], facts: Mapping[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    out = Console(width=None if sys.stdout.isatty() else 200, highlight=False)
    out.print(host.told(facts))
    out.print(f"one thread, model {facts['model']}, {facts['parameters']:,} parameters\n")
    table = Table("what", box=None)
    table.add_column("figure", justify="right")
    table.add_column("peer", overflow="fold")
    table.add_column("peer's", justify="right")
    table.add_column("ratio", justify="right")
    table.add_column("target")
    table.add_column("met")
    words = {True: "[green]yes[/]", False: "[red]no[/]", None: "[yellow]not measured[/]"}
    for one in measurements:
        table.add_row(
            one.name,
            f"{one.milliseconds:.2f} ms",
            one.peer,
            "" if one.peer_milliseconds is None else f"{one.peer_milliseconds:.2f} ms",
            "" if one.ratio is None else f"{one.ratio:.2f}",
            one.target,
            words[one.met],
        )
    out.print(table)


if __name__ == "__main__":
    main()
