"""Models and sounds made in code: tiny, valid, and different enough to tell apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from serein.bundle import CARD_FILE, Graph, Manifest, Mode, Normalization, sha256_of
from serein.corpora.recordings import Half, half_of
from serein.features import FeatureSpec

FloatArray = npt.NDArray[np.float32]
Shapes = dict[str, list[str | int]]

LABELS = ("angry", "happy", "neutral", "sad")
EMBEDDING = 8
TEMPERATURES: dict[Mode, float] = {"unknown": 0.6, "enrolled": 0.5}
PRIOR_CLIPS = 3.0


def tone(
    frequency: float,
    seconds: float = 1.0,
    sampling_rate: int = 16_000,
    *,
    level: float = 0.3,
    tilt: float = 1.0,
) -> FloatArray:
    """A harmonic sound of constant pitch, with partials to 95 % of Nyquist falling as 1/k^tilt."""
    time = np.arange(round(seconds * sampling_rate)) / sampling_rate
    phase = 2 * np.pi * frequency * time
    return _peak(_harmonics(phase, frequency, sampling_rate, tilt=tilt), level)


def speech_like(
    seconds: float = 2.0, sampling_rate: int = 16_000, seed: int = 0, *, level: float = 0.3
) -> FloatArray:
    """Something like speech: a gliding voice and hiss in syllables, with gaps between them.

    Every seed is another voice: pitch, tempo, tilt and loudness of the syllables differ. It
    begins with sound, and raises no warning from half a second on.
    """
    generator = np.random.default_rng(seed)
    time = np.arange(round(seconds * sampling_rate)) / sampling_rate
    pitch = generator.uniform(90, 280)
    glide = generator.uniform(0.05, 0.3) * np.sin(
        2 * np.pi * generator.uniform(0.3, 1.5) * time + generator.uniform(0, 6)
    )
    phase = 2 * np.pi * np.cumsum(pitch * 2**glide) / sampling_rate
    tilt = generator.uniform(0.6, 1.6)
    voice = _harmonics(phase, pitch * 2**0.3, sampling_rate, tilt=tilt)
    hiss = generator.standard_normal(time.size)
    syllable = time * generator.uniform(2.5, 5.0)
    number = np.floor(syllable).astype(int)
    loud = generator.uniform(0.4, 1.0, size=int(number.max(initial=0)) + 1)
    # 80 % of a syllable sound, the rest is a gap with the noise of a quiet room.
    shape = np.sin(np.pi * np.clip((syllable - number) / 0.8, 0.0, 1.0)) ** 2 * loud[number]
    sound = (voice / (np.abs(voice).max(initial=0.0) + 1e-9) + 0.15 * hiss) * shape
    return _peak(sound + 1e-3 * generator.standard_normal(time.size), level)


def recording_names(half: Half, number: int) -> list[str]:
    """So many names of recordings, without an ending, that fall into one half."""
    names = (str(one) for one in count(1))
    return list(islice((name for name in names if half_of(Path(name)) == half), number))


def build_bundle(
    folder: Path,
    *,
    name: str = "tiny",
    labels: Sequence[str] = LABELS,
    seed: int = 0,
    sex: bool = True,
    embedding: bool = True,
    speech: bool = False,
    described: bool = True,
    features: FeatureSpec | None = None,
    minimum_confidence: float = 0.3,
    label_set: str | None = None,
) -> Path:
    """Make a bundle whose graph pools mean and deviation over time, and is linear from there.

    The one graph serves both modes, as that of a trained network does: ``described`` says whether
    it knows a speaker by descriptions of clips, which are the pooled values in deviations. It gives
    the weights of an attention over the frames beside the rest. With ``speech`` it takes what
    varies over time for speech.
    """
    spec = features or FeatureSpec(kind="log_mel", bands=24)
    folder.mkdir(parents=True, exist_ok=True)
    graph = _pooling_graph(
        spec,
        len(labels),
        seed=seed,
        sex=sex,
        embedding=embedding,
        speech=speech,
        described=described,
    )
    onnx.save(graph, folder / "model.onnx")
    files: dict[Mode, str] = {"unknown": "model.onnx", "enrolled": "model.onnx"}
    return _write(folder, name, labels, spec, files, graph, minimum_confidence, label_set)


def build_classical_bundle(
    folder: Path,
    *,
    name: str = "tiny-classical",
    labels: Sequence[str] = LABELS,
    seed: int = 0,
    minimum_confidence: float = 0.3,
) -> Path:
    """Make a bundle of functionals: one row a clip, and another graph for each mode."""
    spec = FeatureSpec(kind="functionals")
    folder.mkdir(parents=True, exist_ok=True)
    files: dict[Mode, str] = {"unknown": "unknown.onnx", "enrolled": "enrolled.onnx"}
    for offset, file in enumerate(files.values()):
        graph = _row_graph(spec, len(labels), seed=seed + 1000 * offset)
        onnx.save(graph, folder / file)
    return _write(folder, name, labels, spec, files, graph, minimum_confidence)


def _write(
    folder: Path,
    name: str,
    labels: Sequence[str],
    spec: FeatureSpec,
    files: dict[Mode, str],
    graph: onnx.ModelProto,
    minimum_confidence: float,
    label_set: str | None = None,
) -> Path:
    mean, std = _statistics(spec)
    Manifest(
        name=name,
        labels=tuple(labels),
        features=spec,
        normalization=Normalization(mean, std, PRIOR_CLIPS),
        graphs={
            mode: Graph(file, sha256_of(folder / file), TEMPERATURES[mode])
            for mode, file in files.items()
        },
        minimum_confidence=minimum_confidence,
        licence="CC0-1.0",
        parameters=sum(int(np.prod(part.dims)) for part in graph.graph.initializer),
        corpora={"made-up": {"clips": 6, "speakers": 2, "licence": "CC0-1.0"}},
        scores={
            "protocol": "speakers:2",
            "seeds": 1,
            "corpora": {"made-up": {"uar": 0.5, "uar_enrolled": 0.625}},
        },
        recipe={"name": name, "seed": 0} | ({} if label_set is None else {"labels": label_set}),
    ).write(folder)
    card = f"# {name}\n\nRandom weights for tests. It must not be used to judge anybody.\n"
    (folder / CARD_FILE).write_text(card, encoding="utf-8")
    return folder


@lru_cache(maxsize=8)
def _examples(spec: FeatureSpec) -> tuple[FloatArray, ...]:
    """Features of a few sounds: what the made-up models were "trained" on."""
    rate = spec.sampling_rate
    sounds = [speech_like(1.5, rate, seed) for seed in range(100, 110)]
    return tuple(spec.extract(sound).values for sound in sounds)


def _statistics(spec: FeatureSpec) -> tuple[FloatArray, FloatArray]:
    """Mean and deviation of the features, so that the graph's inputs are of order 1."""
    values = np.concatenate(_examples(spec))
    mean = values.mean(axis=0)
    std = np.maximum(values.std(axis=0), 0.05 + 0.1 * np.abs(mean))
    return mean.astype(np.float32), std.astype(np.float32)


def _normalized(spec: FeatureSpec) -> list[FloatArray]:
    mean, std = _statistics(spec)
    return [(values - mean) / std for values in _examples(spec)]


def _head(
    centred: FloatArray, width: int, generator: np.random.Generator, *, scale: float = 1.0
) -> FloatArray:
    """Random weights that give the example clips outputs of order ``scale``."""
    # In the directions in which the clips differ, small weights do: with large ones, rounding
    # would show in the outputs. Whitened, so that no one direction decides everything.
    _, sizes, directions = np.linalg.svd(centred, full_matrices=False)
    chosen = generator.standard_normal((width, len(sizes))) / (sizes + 0.2 * sizes.max())
    weights = np.asarray(chosen @ directions, dtype=np.float64).T
    outputs = centred @ weights
    return np.asarray(weights * scale / outputs.std(axis=0), dtype=np.float32)


def _pooling_graph(
    spec: FeatureSpec,
    labels: int,
    *,
    seed: int,
    sex: bool,
    embedding: bool,
    speech: bool,
    described: bool,
) -> onnx.ModelProto:
    generator = np.random.default_rng(seed)
    heads = {"logits": labels}
    if sex:
        heads["sex"] = 2
    if embedding:
        heads["embedding"] = EMBEDDING
    clips = _normalized(spec)
    pooled = np.stack([np.r_[clip.mean(axis=0), clip.std(axis=0)] for clip in clips])
    centre = pooled.mean(axis=0)
    # As in a trained network a description is of unit variance, but for what hardly varies.
    spread = np.maximum(pooled.std(axis=0), 0.1)
    judged = (pooled - centre) / spread
    if described:  # of which nothing is to come where the speaker is unknown, and it is zero
        judged = np.concatenate([judged, judged, np.linspace(-1, 1, len(clips))[:, None]], axis=1)
    constants: dict[str, npt.NDArray[Any] | np.generic] = {
        "tiny": np.float32(1e-6),
        "centre": centre.astype(np.float32),
        "spread": spread.astype(np.float32),
    }
    for head, width in heads.items():
        constants[f"{head}_weights"] = _head(judged, width, generator)
    node = helper.make_node
    nodes = [
        node("ReduceMean", ["features"], ["mean_row"], axes=[1], keepdims=1),
        node("Squeeze", ["mean_row", "time_axis"], ["mean"]),
        node("Sub", ["features", "mean_row"], ["offset"]),
        node("Mul", ["offset", "offset"], ["squares"]),
        node("ReduceMean", ["squares"], ["variance"], axes=[1], keepdims=0),
        node("Add", ["variance", "tiny"], ["variance_floored"]),
        node("Sqrt", ["variance_floored"], ["deviation"]),
        # Attention: softmax over the frames of how loud they are.
        node("ReduceSum", ["features", "last_axis"], ["loudness"], keepdims=0),
        node("Softmax", ["loudness"], ["attention"], axis=1),
    ]
    constants |= {"time_axis": np.array([1]), "last_axis": np.array([2])}
    nodes += [
        node("Concat", ["mean", "deviation"], ["pooled"], axis=1),
        node("Sub", ["pooled", "centre"], ["centred"]),
        node("Div", ["centred", "spread"], ["description"]),
    ]
    inputs: Shapes = {"features": ["clips", "frames", spec.dimensions]}
    outputs: Shapes = {head: ["clips", size] for head, size in heads.items()}
    outputs["attention"] = ["clips", "frames"]
    if described:
        size: list[str | int] = ["clips", 2 * spec.dimensions]
        inputs |= {"center": size, "scale": size, "level": ["clips"]}
        outputs["description"] = size
        constants["unit"] = np.float32(6.0)
        nodes += _comparison()
    told = "judged" if described else "description"
    nodes += [node("MatMul", [told, f"{head}_weights"], [head]) for head in heads]
    if speech:
        constants |= {"half": np.float32(0.5), "steepness": np.float32(20.0)}
        nodes += [
            node("ReduceMean", ["deviation"], ["variation"], axes=[1], keepdims=0),
            node("Sub", ["variation", "half"], ["beyond_half"]),
            node("Mul", ["beyond_half", "steepness"], ["speech"]),
        ]
        outputs["speech"] = ["clips"]
    return _model(nodes, inputs, outputs, constants)


def _comparison() -> list[onnx.NodeProto]:
    """From a description, and beside it that of the speaker, to what is judged."""
    node = helper.make_node
    return [
        node("Sub", ["description", "center"], ["apart"]),
        node("Mul", ["apart", "scale"], ["relative"]),
        node("Unsqueeze", ["level", "time_axis"], ["level_row"]),
        node("Div", ["level_row", "unit"], ["louder"]),
        node("Concat", ["description", "relative", "louder"], ["judged"], axis=1),
    ]


def _row_graph(spec: FeatureSpec, labels: int, *, seed: int) -> onnx.ModelProto:
    rows = np.tanh(np.concatenate(_normalized(spec)))
    centre = rows.mean(axis=0)
    weights = _head(rows - centre, labels, np.random.default_rng(seed))
    nodes = [
        helper.make_node("Tanh", ["features"], ["bounded"]),
        helper.make_node("Sub", ["bounded", "centre"], ["centred"]),
        helper.make_node("MatMul", ["centred", "weights"], ["logits"]),
    ]
    inputs: Shapes = {"features": ["clips", spec.dimensions]}
    outputs: Shapes = {"logits": ["clips", labels]}
    return _model(nodes, inputs, outputs, {"weights": weights, "centre": centre})


def _model(
    nodes: list[onnx.NodeProto],
    inputs: Shapes,
    outputs: Shapes,
    constants: Mapping[str, npt.NDArray[Any] | np.generic],
) -> onnx.ModelProto:
    initializers = [
        numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()
    ]
    given, found = (
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, size)
            for name, size in part.items()
        ]
        for part in (inputs, outputs)
    )
    graph = helper.make_graph(nodes, "tiny", given, found, initializers)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9, producer_name="tests"
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def _harmonics(
    phase: npt.NDArray[np.float64], highest: float, sampling_rate: int, *, tilt: float = 1.0
) -> npt.NDArray[np.float64]:
    orders = range(1, int(0.475 * sampling_rate / highest) + 1)
    total = np.zeros_like(phase)
    for order in orders:
        total += np.sin(order * phase) / order**tilt
    return total


def _peak(sound: npt.NDArray[np.float64], level: float) -> FloatArray:
    peak = np.abs(sound).max(initial=0.0) + 1e-12
    scaled: FloatArray = (level / peak * sound).astype(np.float32)
    return scaled
