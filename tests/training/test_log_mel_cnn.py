from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest
import torch
from torch import Tensor

from serein.features import FeatureSpec
from serein.training.clips import network_inputs
from serein.training.export import export_network
from serein.training.network_recipe import network_options
from serein.training.networks.log_mel_cnn import LogMelCnn, LogMelCnnOptions
from serein.training.recipe import load_recipe

BANDS = 20
LABELS = 5
SPEC = FeatureSpec(kind="log_mel", bands=BANDS)
SMALL = LogMelCnnOptions(channels=(4, 6, 8), width=10, depth=2, attention=5, embedding=7)

Pair = npt.NDArray[np.float32]


@pytest.fixture
def network() -> LogMelCnn:
    """A network whose batch normalisations have seen some clips, as after training."""
    torch.manual_seed(0)
    made = LogMelCnn(BANDS, LABELS, SMALL)
    for seed in range(20):
        made(**_inputs([_clip(frames, 10 * seed + frames) for frames in (5, 30, 60)]))
    return made.eval()


def _clip(frames: int, seed: int = 0) -> Pair:
    """A clip, and the same relative to its speaker: shape (2, frames, bands)."""
    return np.random.default_rng(seed).normal(size=(2, frames, BANDS)).astype(np.float32)


def _inputs(clips: list[Pair]) -> dict[str, Tensor]:
    return network_inputs(clips, SPEC)


def _judge(network: LogMelCnn, **inputs: Tensor) -> dict[str, Tensor]:
    with torch.inference_mode():
        outputs: dict[str, Tensor] = network(**inputs)
    return outputs


def _parameters(bands: int, labels: int, options: LogMelCnnOptions) -> int:
    """The count by hand: convolutions without a bias, each with the two of a normalisation."""
    total, before = 0, 2  # plain features, and those relative to the speaker
    for position, after in enumerate(options.channels):
        total += before * after * (25 if position == 0 else 9) + 2 * after
        before, bands = after, (bands + 1) // 2
    width, hidden, embedding = options.width, options.attention, options.embedding
    total += before * bands * width + 2 * width
    total += options.depth * (3 * width * width + 2 * width)
    total += (width * hidden + hidden) + (hidden + 1)
    total += 2 * (2 * width) + 2 * width * embedding + embedding
    return total + (embedding + 1) * (labels + 2)


def _count(network: LogMelCnn) -> int:
    return sum(part.numel() for part in network.parameters())


@pytest.mark.parametrize(
    ("bands", "labels", "options"),
    [(20, 5, SMALL), (33, 2, LogMelCnnOptions(channels=(3,), depth=0)), (64, 9, None)],
)
def test_number_of_parameters(bands: int, labels: int, options: LogMelCnnOptions | None) -> None:
    chosen = options or LogMelCnnOptions()
    assert _count(LogMelCnn(bands, labels, chosen)) == _parameters(bands, labels, chosen)


def test_the_packaged_recipe_is_small() -> None:
    recipe = load_recipe("bundled")
    assert recipe.network is not None
    options = network_options(recipe.network, recipe.features, "bundled")
    count = _count(LogMelCnn(recipe.features.dimensions, 8, options))
    assert count == _parameters(recipe.features.dimensions, 8, options)
    assert count < 1_000_000


@pytest.mark.parametrize("frames", [1, 2, 3, 4, 5, 7, 50, 101])
def test_shapes(network: LogMelCnn, frames: int) -> None:
    found = _judge(network, **_inputs([_clip(frames), _clip(frames, 1)]))
    assert {name: tuple(part.shape) for name, part in found.items()} == {
        "logits": (2, LABELS),
        "sex": (2, 2),
        "embedding": (2, SMALL.embedding),
        "attention": (2, -(-frames // 4)),  # two convolutions halve the time
    }
    assert all(bool(torch.isfinite(part).all()) for part in found.values())


def test_a_batch_is_judged_as_its_clips_alone(network: LogMelCnn) -> None:
    clips = [_clip(frames, seed) for seed, frames in enumerate((1, 2, 13, 40, 77, 100))]
    together = _judge(network, **_inputs(clips))
    for row, clip in enumerate(clips):
        for name, one in _judge(network, **_inputs([clip])).items():
            found = together[name][row, : one.shape[1]]
            torch.testing.assert_close(found, one[0], atol=1e-5, rtol=0)


def test_what_stands_in_the_padding_does_not_matter(network: LogMelCnn) -> None:
    inputs = _inputs([_clip(31)])
    longer = {
        name: torch.nn.functional.pad(part, (0, 0, 0, 90)) if part.dim() == 3 else part
        for name, part in inputs.items()
    }
    padded = _judge(network, **longer)
    for name, one in _judge(network, **inputs).items():
        torch.testing.assert_close(padded[name][:, : one.shape[1]], one, atol=1e-5, rtol=0)


def test_attention_sums_to_one_and_is_zero_on_padding(network: LogMelCnn) -> None:
    frames = (1, 9, 40, 64)
    attention = _judge(network, **_inputs([_clip(count, count) for count in frames]))["attention"]
    torch.testing.assert_close(attention.sum(dim=1), torch.ones(len(frames)))
    assert bool((attention >= 0).all())
    for row, count in enumerate(frames):
        assert bool((attention[row, : -(-count // 4)] > 0).all())
        assert bool((attention[row, -(-count // 4) :] == 0).all())


def test_both_views_of_a_clip_are_heard(network: LogMelCnn) -> None:
    clip = _clip(30)
    changed = clip.copy()
    changed[1] = 0
    one, other = (_judge(network, **_inputs([pair]))["logits"] for pair in (clip, changed))
    assert not torch.allclose(one, other, atol=1e-3)


def _session(path: Path) -> Any:
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def _feed(clips: list[Pair]) -> dict[str, Any]:
    """The graph's inputs: clips of one length, so there is nothing to pad."""
    inputs = _inputs(clips)
    return {name: inputs[name].numpy() for name in ("features", "relative")}


@pytest.mark.parametrize("clips", [1, 2, 5])
def test_the_exported_graph_agrees(network: LogMelCnn, clips: int, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    export_network(network, SPEC, path, relative=True)
    session = _session(path)
    generator = np.random.default_rng(clips)
    for frames in (1, 2, 3, *generator.integers(4, 300, 5)):
        batch = [_clip(int(frames), seed) for seed in range(clips)]
        for name, own in _judge(network, **_inputs(batch)).items():
            (found,) = session.run([name], _feed(batch))
            np.testing.assert_allclose(found, own.numpy(), atol=1e-4)


def test_lengths_of_whole_clips_change_nothing(network: LogMelCnn) -> None:
    inputs = _inputs([_clip(37), _clip(37, 1)])
    with_lengths = _judge(network, **inputs)
    del inputs["lengths"]
    for name, without in _judge(network, **inputs).items():
        torch.testing.assert_close(with_lengths[name], without, atol=1e-6, rtol=0)


def test_exporting_leaves_no_training_mode(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = LogMelCnn(BANDS, LABELS, SMALL).train()
    path = tmp_path / "model.onnx"
    export_network(network, SPEC, path, relative=True)
    clips = [_clip(20), _clip(20, 1)]
    first, second = (_session(path).run(["logits"], _feed(clips))[0] for _ in range(2))
    np.testing.assert_array_equal(first, second)  # no dropout
    alone = _session(path).run(["logits"], _feed(clips[:1]))[0]
    np.testing.assert_allclose(alone, first[:1], atol=1e-5)  # no statistics of the batch
