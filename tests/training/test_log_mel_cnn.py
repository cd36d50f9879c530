from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest
import torch
from torch import Tensor

from serein.bundle import Bundle, Graph, Manifest, Normalization, sha256_of
from serein.features import Features, FeatureSpec
from serein.recognition import (
    ClipStatistics,
    Reference,
    SpeakerProfile,
    clip_statistics,
    judge,
    make_profile,
)
from serein.recognition.speaker import LEAST_VARIANCE
from serein.training.clips import network_inputs
from serein.training.export import export_network
from serein.training.network_recipe import network_options
from serein.training.networks.log_mel_cnn import LogMelCnn, LogMelCnnOptions, profiles
from serein.training.recipe import load_recipe

BANDS = 20
LABELS = 5
SPEC = FeatureSpec(kind="log_mel", bands=BANDS)
SMALL = LogMelCnnOptions(channels=(4, 6, 8), width=10, depth=2, attention=5, embedding=7)
DESCRIPTION = 2 * 10 + 3 * BANDS

FloatArray = npt.NDArray[np.float32]


@pytest.fixture
def network() -> LogMelCnn:
    """A network whose batch normalisations have seen some clips, as after training."""
    torch.manual_seed(0)
    made = LogMelCnn(BANDS, LABELS, SMALL)
    for seed in range(20):
        made(**_inputs([_clip(frames, 10 * seed + frames) for frames in (5, 30, 60)]))
    return made.eval()


def _clip(frames: int, seed: int = 0) -> FloatArray:
    """A clip about a mean of its own, shape (frames, bands)."""
    generator = np.random.default_rng(seed)
    means = generator.normal(size=BANDS)
    return (means + generator.normal(size=(frames, BANDS))).astype(np.float32)


def _inputs(clips: list[FloatArray]) -> dict[str, Tensor]:
    return network_inputs(clips, SPEC)


def _speaker(clips: int, seed: int = 0) -> dict[str, Tensor]:
    """Something about the speaker of each clip."""
    generator = torch.Generator().manual_seed(seed)
    return {
        "center": 0.5 * torch.randn(clips, DESCRIPTION, generator=generator),
        "scale": 0.8 + torch.rand(clips, DESCRIPTION, generator=generator),
        "level": 6 * torch.randn(clips, generator=generator),
    }


def _judge(network: LogMelCnn, **inputs: Tensor) -> dict[str, Tensor]:
    with torch.inference_mode():
        outputs: dict[str, Tensor] = network(**inputs)
    return outputs


def _parameters(bands: int, labels: int, options: LogMelCnnOptions) -> int:
    """The count by hand: convolutions without a bias, each with the two of a normalisation."""
    description = 2 * options.width + 3 * bands
    total, before = 0, 1
    for position, after in enumerate(options.channels):
        total += before * after * (25 if position == 0 else 9) + 2 * after
        before, bands = after, (bands + 1) // 2
    width, hidden, embedding = options.width, options.attention, options.embedding
    total += before * bands * width + 2 * width
    total += options.depth * (3 * width * width + 2 * width)
    total += (width * hidden + hidden) + (hidden + 1)
    # Two ways from a description to the labels, the second of which is told the level; sex, speech.
    for size in (description, description + 1):
        total += (size + 1) * embedding + 2 * embedding + (embedding + 1) * labels
    return total + (embedding + 1) * 2 + description + 1


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
        "speech": (2,),
        "embedding": (2, SMALL.embedding),
        "attention": (2, -(-frames // 4)),  # two convolutions halve the time
        "description": (2, DESCRIPTION),
        "branches": (2, 2, LABELS),
    }
    assert all(bool(torch.isfinite(part).all()) for part in found.values())


def test_a_batch_is_judged_as_its_clips_alone(network: LogMelCnn) -> None:
    clips = [_clip(frames, seed) for seed, frames in enumerate((1, 2, 13, 40, 77, 100))]
    speaker = _speaker(len(clips))
    for told in ({}, speaker):
        together = _judge(network, **_inputs(clips), **told)
        for row, clip in enumerate(clips):
            own = {name: part[row : row + 1] for name, part in told.items()}
            for name, one in _judge(network, **_inputs([clip]), **own).items():
                found = together[name][row]
                found = found[: one.shape[1]] if name == "attention" else found
                torch.testing.assert_close(found, one[0], atol=1e-5, rtol=0)


def test_what_stands_in_the_padding_does_not_matter(network: LogMelCnn) -> None:
    inputs = _inputs([_clip(31)])
    longer = {
        name: torch.nn.functional.pad(part, (0, 0, 0, 90)) if part.dim() == 3 else part
        for name, part in inputs.items()
    }
    padded = _judge(network, **longer)
    for name, one in _judge(network, **inputs).items():
        found = padded[name][:, : one.shape[1]] if name == "attention" else padded[name]
        torch.testing.assert_close(found, one, atol=1e-5, rtol=0)


def test_attention_sums_to_one_and_is_zero_on_padding(network: LogMelCnn) -> None:
    frames = (1, 9, 40, 64)
    attention = _judge(network, **_inputs([_clip(count, count) for count in frames]))["attention"]
    torch.testing.assert_close(attention.sum(dim=1), torch.ones(len(frames)))
    assert bool((attention >= 0).all())
    for row, count in enumerate(frames):
        assert bool((attention[row, : -(-count // 4)] > 0).all())
        assert bool((attention[row, -(-count // 4) :] == 0).all())


def test_a_description_tells_of_bands_and_of_nothing_but_the_clip(network: LogMelCnn) -> None:
    clip = _clip(30)
    described = _judge(network, **_inputs([clip]), **_speaker(1))["description"]
    torch.testing.assert_close(described, _judge(network, **_inputs([clip]))["description"])
    # Its last part are statistics of the bands, before they are given zero mean and unit variance.
    raw: list[Tensor] = []
    handle = network.standardize.register_forward_pre_hook(lambda _, inputs: raw.extend(inputs))
    _judge(network, **_inputs([clip, _clip(50)]))
    handle.remove()
    expected = [clip.mean(axis=0), clip.std(axis=0), np.abs(np.diff(clip, axis=0)).mean(axis=0)]
    np.testing.assert_allclose(raw[0][0, -3 * BANDS :], np.concatenate(expected), atol=1e-3)


def test_descriptions_have_zero_mean_and_unit_variance() -> None:
    """Over the clips of training; on this stands what a profile of few clips is drawn towards."""
    torch.manual_seed(0)
    network = LogMelCnn(BANDS, LABELS, SMALL)
    found = network(**_inputs([_clip(30, seed) for seed in range(40)]))["description"]
    torch.testing.assert_close(found.mean(dim=0), torch.zeros(DESCRIPTION), atol=1e-4, rtol=0)
    variance = found.var(dim=0, unbiased=False)
    alive = variance > 1e-3  # a channel may be silent
    assert int(alive.sum()) > DESCRIPTION * 0.8
    torch.testing.assert_close(variance[alive], torch.ones(int(alive.sum())), atol=0.1, rtol=0)


def test_an_unknown_speaker_is_one_with_zeros(network: LogMelCnn) -> None:
    inputs = _inputs([_clip(30), _clip(20)])
    nobody = {name: torch.zeros_like(part) for name, part in _speaker(2).items()}
    found = _judge(network, **inputs, **nobody)
    for name, expected in _judge(network, **inputs).items():
        assert torch.equal(found[name], expected)
    logits = found["logits"]
    assert torch.equal(found["branches"], torch.stack([logits, logits], dim=1))


def test_known_and_unknown_speakers_stand_in_one_batch(network: LogMelCnn) -> None:
    inputs = _inputs([_clip(30, seed) for seed in range(4)])
    known = torch.tensor([True, False, True, False])
    speaker = {
        name: part * known.reshape(-1, *[1] * (part.dim() - 1))
        for name, part in _speaker(4).items()
    }
    mixed = _judge(network, **inputs, **speaker)
    alone, enrolled = _judge(network, **inputs), _judge(network, **inputs, **_speaker(4))
    for name in ("logits", "embedding"):
        assert torch.equal(mixed[name][~known], alone[name][~known])
        assert torch.equal(mixed[name][known], enrolled[name][known])
        assert bool((alone[name] != enrolled[name]).any(dim=1).all())
    # Both ways are trained by each clip of a known speaker.
    assert torch.equal(enrolled["branches"][:, 0], alone["logits"])
    assert torch.equal(enrolled["branches"][:, 1], enrolled["logits"])
    # Whose voice it is and whether it is one does not depend on the profile.
    for name in ("sex", "speech", "description", "attention"):
        assert torch.equal(enrolled[name], alone[name])


@pytest.mark.parametrize("name", ["center", "scale", "level"])
def test_all_that_is_known_of_a_speaker_counts(network: LogMelCnn, name: str) -> None:
    inputs, speaker = _inputs([_clip(30), _clip(40)]), _speaker(2)
    before = _judge(network, **inputs, **speaker)["logits"]
    after = _judge(network, **inputs, **(speaker | {name: 1.5 * speaker[name]}))["logits"]
    assert bool(((after - before).abs() > 1e-4).any(dim=1).all())


def _reference(descriptions: FloatArray, prior_clips: float) -> Reference:
    """What a profile of such clips comes to in recognition."""
    size = descriptions.shape[1]
    statistics = [ClipStatistics.of_description(row, -26.0) for row in descriptions]
    profile = SpeakerProfile.of(statistics, model="", gain_response=np.zeros(size, np.float32))
    population = np.zeros(size, np.float32), np.ones(size, np.float32)
    return Reference.of(Normalization(*population, prior_clips), profile)


@pytest.mark.parametrize("count", [1, 2, 5, 30])
@pytest.mark.parametrize("prior_clips", [0.5, 2.0, 20.0])
def test_profiles_are_those_of_recognition(count: int, prior_clips: float) -> None:
    generator = np.random.default_rng(count)
    descriptions = generator.normal(0.5, 1.5, (count, 9)).astype(np.float32)
    expected = _reference(descriptions, prior_clips)
    peers = torch.full((3, count), 1 / (count + prior_clips))
    center, scale = profiles(torch.from_numpy(descriptions), peers)
    for row in range(3):
        np.testing.assert_allclose(center[row], expected.mean, atol=1e-5)
        np.testing.assert_allclose(scale[row], 1 / expected.std, atol=1e-4)


def test_clips_without_peers_have_nothing_to_be_compared_with() -> None:
    descriptions = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    peers = torch.zeros(6, 5)  # the last clip is nobody's peer
    peers[:2, :2] = 0.25
    center, scale = profiles(descriptions, peers)
    assert not center[2:].any()
    assert not scale[2:].any()
    assert bool((scale[:2] > 0).all())
    # Others of the batch do not count, be they what they may.
    changed = torch.cat([descriptions[:2], 100 * descriptions[2:]])
    for found, expected in zip(profiles(changed, peers), (center, scale), strict=True):
        assert torch.equal(found, expected)


def test_many_clips_alike_divide_by_no_zero() -> None:
    peers = torch.full((2, 1000), 1 / 1000.0)
    descriptions = torch.full((1000, 3), 4.0, requires_grad=True)
    center, scale = profiles(descriptions, peers)
    assert float(scale.detach().max()) <= LEAST_VARIANCE**-0.5 * 1.001
    (center.sum() + scale.sum()).backward()  # type: ignore[no-untyped-call]
    assert descriptions.grad is not None
    assert bool(torch.isfinite(descriptions.grad).all())


def test_clips_are_compared_with_their_peers(network: LogMelCnn) -> None:
    inputs = _inputs([_clip(frames, frames) for frames in (20, 30, 40, 50)])
    level = torch.tensor([1.0, -3.0, 2.0, 0.0])
    peers = torch.zeros(4, 4)
    peers[:3, :3] = 1 / (3 + 2.0)
    found = _judge(network, **inputs, level=level, peers=peers)
    descriptions = found["description"][:3].numpy()
    reference = _reference(descriptions, 2.0)
    speaker = {
        "center": torch.from_numpy(np.tile(reference.mean, (4, 1))),
        "scale": torch.from_numpy(np.tile(1 / reference.std, (4, 1))),
        "level": level,
    }
    for name in ("center", "scale"):
        speaker[name][3] = 0  # nobody knows whose the last one is
    expected = _judge(network, **inputs, **speaker)
    for name in ("logits", "embedding", "branches"):
        torch.testing.assert_close(found[name], expected[name], atol=1e-4, rtol=0)


def test_profiles_are_learned_through(network: LogMelCnn) -> None:
    """What describes a voice well is found by comparing, too."""
    inputs = _inputs([_clip(20, seed) for seed in range(3)])
    features = inputs["features"].requires_grad_()
    peers = torch.tensor([[0.0, 0.3, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    network(**inputs, level=torch.zeros(3), peers=peers)["logits"][0].sum().backward()
    gradient = features.grad
    assert gradient is not None
    assert [bool(one.any()) for one in gradient] == [True, True, False]


def test_far_off_values_are_limited(network: LogMelCnn) -> None:
    inputs, speaker = _inputs([_clip(20)]), _speaker(1)
    far = {"center": speaker["center"] - 1e4, "level": torch.tensor([1e4])}
    further = {"center": speaker["center"] - 1e6, "level": torch.tensor([1e6])}
    one, other = (_judge(network, **inputs, **(speaker | off))["logits"] for off in (far, further))
    assert torch.equal(one, other)


def test_what_cannot_hear_speech_says_nothing_of_it(network: LogMelCnn) -> None:
    before = _judge(network, **_inputs([_clip(20)]))
    network.speech = None
    after = _judge(network, **_inputs([_clip(20)]))
    assert set(before) - set(after) == {"speech"}


def _session(path: Path) -> Any:
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def _feed(clips: list[FloatArray], speaker: dict[str, Tensor] | None = None) -> dict[str, Any]:
    """The graph's inputs: clips of one length, so there is nothing to pad."""
    nobody = {name: torch.zeros_like(part) for name, part in _speaker(len(clips)).items()}
    inputs = {"features": _inputs(clips)["features"]} | (speaker or nobody)
    return {name: part.numpy() for name, part in inputs.items()}


@pytest.mark.parametrize("clips", [1, 2, 5])
def test_the_exported_graph_agrees(network: LogMelCnn, clips: int, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    export_network(network, SPEC, path)
    session = _session(path)
    generator = np.random.default_rng(clips)
    for frames in (1, 2, 3, *generator.integers(4, 300, 5)):
        batch = [_clip(int(frames), seed) for seed in range(clips)]
        speaker = _speaker(clips, int(frames))
        for told in ({}, speaker):
            feed = _feed(batch, told)
            own = _judge(network, **_inputs(batch), **told)
            del own["branches"]  # which training alone wants to know
            for name, expected in own.items():
                (found,) = session.run([name], feed)
                np.testing.assert_allclose(found, expected.numpy(), atol=1e-4)


@pytest.mark.parametrize("count", [1, 3, 12])
def test_a_bundle_compares_clips_as_the_network_does(
    network: LogMelCnn, count: int, tmp_path: Path
) -> None:
    """A profile made of features, through the graph: the arithmetic of the training."""
    path = tmp_path / "model.onnx"
    export_network(network, SPEC, path)
    graph = Graph(path.name, sha256_of(path), 1.0)
    unit = np.zeros(BANDS, np.float32), np.ones(BANDS, np.float32)
    Manifest(
        name="made-up",
        labels=("angry", "calm", "happy", "neutral", "sad"),
        features=SPEC,
        normalization=Normalization(*unit, 2.0),
        graphs={"unknown": graph, "enrolled": graph},
        minimum_confidence=0.3,
        licence="CC0-1.0",
        parameters=_count(network),
    ).write(tmp_path)
    bundle = Bundle.load(tmp_path)
    assert bundle.describes
    assert bundle.profile_size == DESCRIPTION
    clips = [Features(_clip(20 + 7 * k, k), -40.0 + 2 * k, 0.0) for k in range(count + 2)]
    profile = make_profile(bundle, clip_statistics(bundle, clips[:count]))
    judged = judge(bundle, clips, speaker=profile)
    own, weight = np.array([clip.level for clip in clips]), count / (count + 2.0)
    peers = torch.zeros(len(clips), len(clips))
    peers[:, :count] = weight / count
    expected = _judge(
        network,
        **_inputs([clip.values for clip in clips]),
        level=torch.from_numpy(weight * (own - own[:count].mean())).float(),
        peers=peers,
    )
    for row, found in enumerate(judged):
        wanted = torch.softmax(expected["logits"][row], dim=0)
        np.testing.assert_allclose(found.probabilities, wanted, atol=1e-4)
        for name in ("embedding", "description"):
            value: FloatArray = getattr(found, name)
            np.testing.assert_allclose(value, expected[name][row], atol=1e-4)
        assert found.speech == pytest.approx(float(expected["speech"][row].sigmoid()), abs=1e-4)
    (unknown,) = judge(bundle, clips[:1])
    assert np.abs(unknown.probabilities - judged[0].probabilities).max() > 1e-3


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
    export_network(network, SPEC, path)
    clips = [_clip(20), _clip(20, 1)]
    first, second = (_session(path).run(["logits"], _feed(clips))[0] for _ in range(2))
    np.testing.assert_array_equal(first, second)  # no dropout
    alone = _session(path).run(["logits"], _feed(clips[:1]))[0]
    np.testing.assert_allclose(alone, first[:1], atol=1e-5)  # no statistics of the batch
