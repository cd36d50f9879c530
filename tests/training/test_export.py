"""Every packaged recipe's network through its bundle: ONNX judges as PyTorch does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
import torch
from torch import Tensor, nn

from serein.bundle import Bundle, Graph, Manifest, Normalization, Output, Voice, sha256_of
from serein.features import FeatureSpec
from serein.recognition import Recognizer
from serein.training.clips import network_inputs
from serein.training.export import OUTPUTS, export_network
from serein.training.network_recipe import network_options
from serein.training.networks import NETWORKS
from serein.training.recipe import Recipe, available_recipes, load_recipe
from tests.builders import speech_like

FloatArray = npt.NDArray[np.float32]

LABELS = ("angry", "happy", "neutral", "sad")
VECTORS = ("logits", "sex", "speech", "embedding", "description")
NETWORK_RECIPES = sorted(
    name for name in available_recipes() if load_recipe(name).network is not None
)


@dataclass(frozen=True)
class _Exported:
    """A network as it was trained, and its bundle."""

    recipe: Recipe
    network: nn.Module
    bundle: Bundle

    @property
    def spec(self) -> FeatureSpec:
        return self.recipe.features

    @property
    def described(self) -> bool:
        assert self.recipe.network is not None
        return NETWORKS[self.recipe.network.name].described

    def clips(self, lengths: list[int], seed: int = 0) -> list[FloatArray]:
        """Random clips, (frames, dimensions), each about a mean of its own."""
        generator = np.random.default_rng(seed)
        means = generator.normal(size=(len(lengths), 1, self.spec.dimensions))
        noises = (generator.normal(size=(length, self.spec.dimensions)) for length in lengths)
        return [
            (mean + noise).astype(np.float32) for mean, noise in zip(means, noises, strict=True)
        ]

    def voice(self, clips: int) -> Voice | None:
        """A speaker, for a network that is told of one beside the features."""
        if not self.described:
            return None
        generator = np.random.default_rng(20)
        size = self.bundle.profile_size
        return Voice(
            generator.normal(0, 0.5, size).astype(np.float32),
            generator.uniform(0.8, 1.5, size).astype(np.float32),
            generator.uniform(-6, 6, clips).astype(np.float32),
        )

    def by_torch(self, clips: list[FloatArray], voice: Voice | None = None) -> dict[str, Tensor]:
        told = {}
        if voice is not None:
            rows = {"center": voice.center, "scale": voice.scale}
            told = {
                name: torch.from_numpy(np.tile(row, (len(clips), 1))) for name, row in rows.items()
            }
            told["level"] = torch.from_numpy(voice.levels)
        with torch.inference_mode():
            found: dict[str, Tensor] = self.network(**network_inputs(clips, self.spec), **told)
        return found

    def by_bundle(self, clips: list[FloatArray], voice: Voice | None = None) -> Output:
        return self.bundle.run(clips, speaker=voice)


def _train(network: nn.Module, exported: _Exported) -> None:
    """A few steps on random clips, so that nothing is as it was made."""
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05)
    network.train()
    longest = exported.spec.frames or 60
    for step in range(3):
        clips = exported.clips([longest, longest // 2, longest // 3], seed=step)
        found = network(**network_inputs(clips, exported.spec))
        loss = nn.functional.cross_entropy(found["logits"], torch.arange(3))
        if "sex" in found:
            loss = loss + nn.functional.cross_entropy(found["sex"], torch.tensor([0, 1, 0]))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    network.eval()


def _bundle(folder: Path, network: nn.Module, spec: FeatureSpec) -> Bundle:
    folder.mkdir(parents=True)
    path = folder / "model.onnx"
    export_network(network, spec, path)
    graph = Graph(path.name, sha256_of(path), 1.0)
    Manifest(
        name="made-up",
        labels=LABELS,
        features=spec,
        normalization=Normalization(
            np.zeros(spec.dimensions, np.float32), np.full(spec.dimensions, 20.0, np.float32), 2.0
        ),
        graphs={"unknown": graph, "enrolled": graph},
        minimum_confidence=0.3,
        licence="CC0-1.0",
        parameters=sum(part.numel() for part in network.parameters()),
    ).write(folder)
    return Bundle.load(folder)


@pytest.fixture(scope="module", params=NETWORK_RECIPES)
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> _Exported:
    recipe = load_recipe(request.param)
    assert recipe.network is not None
    torch.manual_seed(0)
    kind = NETWORKS[recipe.network.name]
    options = network_options(recipe.network, recipe.features, recipe.name)
    network = kind.build(recipe.features, len(LABELS), options)
    unfinished: Any = None
    _train(network, _Exported(recipe, network, unfinished))
    folder = tmp_path_factory.mktemp("bundles") / recipe.name
    bundle = _bundle(folder, network, recipe.features)
    return _Exported(recipe, network, bundle)


def _assert_alike(found: Output, expected: Output, rows: list[int]) -> None:
    """The output has what the other one has in these rows."""
    for name in VECTORS:
        one, other = getattr(found, name), getattr(expected, name)
        assert (one is None) == (other is None)
        if one is not None:
            np.testing.assert_allclose(one, other[rows], atol=1e-5, rtol=1e-5)
    assert (found.attention is None) == (expected.attention is None)
    if found.attention is not None and expected.attention is not None:
        for weights, row in zip(found.attention, rows, strict=True):
            np.testing.assert_allclose(weights, expected.attention[row], atol=1e-6)


def test_the_graph_judges_as_torch_does(exported: _Exported) -> None:
    longest = exported.spec.frames or 90
    clips = exported.clips([longest, longest // 2, 7], seed=10)
    for voice in (None, exported.voice(len(clips)))[: 1 + exported.described]:
        expected, found = exported.by_torch(clips, voice), exported.by_bundle(clips, voice)
        assert float(expected["logits"].std(dim=0).max()) > 0.01  # the clips are told apart
        for name in VECTORS:
            value = getattr(found, name)
            assert (value is None) == (name not in expected)
            if value is not None:
                np.testing.assert_allclose(value, expected[name].numpy(), atol=1e-4)
        assert (found.attention is None) == ("attention" not in expected)
        for row, weights in enumerate(found.attention or ()):
            own = expected["attention"][row].numpy()
            np.testing.assert_allclose(weights, own[: len(weights)], atol=1e-4)
            assert not own[len(weights) :].any()
            assert weights.sum() == pytest.approx(1.0, abs=1e-5)


def test_a_batch_is_judged_as_its_clips_alone(exported: _Exported) -> None:
    longest = exported.spec.frames or 90
    clips = exported.clips([7, longest, 30, longest], seed=11)
    together = exported.by_bundle(clips)
    for row, clip in enumerate(clips):
        _assert_alike(exported.by_bundle([clip]), together, [row])


def test_a_padded_clip_is_judged_as_an_unpadded_one(exported: _Exported) -> None:
    short, other = exported.clips([20, exported.spec.frames or 90], seed=12)
    alone = exported.by_bundle([short])
    if exported.spec.padded_frames:
        missing = exported.spec.padded_frames - 20
        padded = [np.pad(short, ((0, missing), (0, 0)))]
    else:
        padded = [short, other]  # beside a longer one, behind which it is padded if any is
    _assert_alike(alone, exported.by_bundle(padded), [0])


def test_the_bundle_judges_sound_of_any_length(exported: _Exported) -> None:
    recognizer = Recognizer(exported.bundle)
    rate = exported.spec.sampling_rate
    for seconds in (0.6, 2.5, 12.0):
        found = recognizer.predict((speech_like(seconds, rate), rate))
        assert tuple(found.probabilities) == LABELS
        assert sum(found.probabilities.values()) == pytest.approx(1.0)


def test_graphs_have_their_names_and_free_sizes(exported: _Exported) -> None:
    graph = onnx.load(exported.bundle.folder / "model.onnx").graph
    sizes: dict[str, list[str | int]] = {
        node.name: [size.dim_param or size.dim_value for size in node.type.tensor_type.shape.dim]
        for node in (*graph.input, *graph.output)
    }
    spec = exported.spec
    frames = spec.padded_frames or "frames"
    given = {"features": ["clips", frames, spec.dimensions]}
    if spec.masked:
        given["lengths"] = ["clips"]
    if exported.described:
        size = exported.bundle.profile_size
        given |= {"center": ["clips", size], "scale": ["clips", size], "level": ["clips"]}
    assert [node.name for node in graph.input] == list(given)
    assert {name: sizes[name] for name in given} == given
    gives = [node.name for node in graph.output]
    assert gives == [name for name in OUTPUTS if name in exported.by_torch(exported.clips([30]))]
    assert sizes["logits"] == ["clips", len(LABELS)]


class _Leaky(nn.Module):
    """Has a dropout, and says what only training wants to know."""

    def __init__(self) -> None:
        super().__init__()
        self.dropout = nn.Dropout(0.5)
        self.emotion = nn.Linear(5, len(LABELS))

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        logits = self.emotion(self.dropout(features.mean(dim=1)))
        return {"penalty": logits.sum(), "branches": logits.unsqueeze(1), "logits": logits}


def test_what_serves_training_alone_is_not_exported(tmp_path: Path) -> None:
    torch.manual_seed(0)
    spec = FeatureSpec(kind="mfcc", coefficients=5)
    bundle = _bundle(tmp_path / "bundle", _Leaky().train(), spec)
    clip = np.ones((4, 5), np.float32)
    first, second = (bundle.run([clip]) for _ in range(2))
    np.testing.assert_array_equal(first.logits, second.logits)
    assert (first.sex, first.embedding, first.attention) == (None, None, None)
    graph = onnx.load(bundle.folder / "model.onnx").graph
    assert [node.name for node in graph.output] == ["logits"]


def test_attention_before_the_picture_is_an_output_too(tmp_path: Path) -> None:
    """That of ``lstm-cnn`` is off in its recipe; on, the graph gives it for every frame."""
    recipe = load_recipe("lstm-cnn")
    assert recipe.network is not None
    small = {"units": 20, "channels": [3, 4], "widths": [6], "attention": True}
    spec = replace(recipe.features, frames=40)
    options = network_options(replace(recipe.network, options=small), spec, "mine")
    torch.manual_seed(0)
    network = NETWORKS["lstm-cnn"].build(spec, len(LABELS), options).eval()
    bundle = _bundle(tmp_path / "bundle", network, spec)
    clips = [np.random.default_rng(k).normal(size=(40, 13)).astype(np.float32) for k in range(3)]
    found = bundle.run(clips)
    assert found.attention is not None
    with torch.inference_mode():
        expected = network(torch.from_numpy(np.stack(clips)))
    np.testing.assert_allclose(found.attention, expected["attention"].numpy(), atol=1e-5)
    np.testing.assert_allclose(found.logits, expected["logits"].numpy(), atol=1e-4)
