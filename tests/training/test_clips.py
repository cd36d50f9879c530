"""Clips on their way into a network: normalised as in recognition, drawn alike, mixed."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
import torch

from serein.bundle import Normalization
from serein.features import Features, FeatureSpec
from serein.recognition import Reference
from serein.training.clips import Batch, ClipDrawer, ClipSource, clip_weights, network_inputs
from serein.training.data import Dataset, population
from serein.training.network_recipe import AugmentOptions, NetworkRecipe
from tests.training.synthetic import LABELS, LOG_MEL, made_up, network_recipe, utterance

FloatArray = npt.NDArray[np.float32]


def _recipe(*, clips_per_epoch: int = 0, longest: float = 5.0) -> NetworkRecipe:
    """Eight epochs of a tiny network, without any change of the clips."""
    recipe = network_recipe().network
    assert recipe is not None
    training = replace(recipe.training, clips_per_epoch=clips_per_epoch, longest=longest)
    return replace(recipe, augment=AugmentOptions(), training=training)


@pytest.fixture
def normalization(log_mel: Dataset) -> Normalization:
    return Normalization(*population(log_mel, range(len(log_mel))), 2.0)


def _views(frames: list[int], views: int, dimensions: int = 3) -> list[FloatArray]:
    generator = np.random.default_rng(0)
    return [
        generator.normal(size=(views, count, dimensions)).astype(np.float32) for count in frames
    ]


@pytest.mark.parametrize("views", [1, 2])
def test_clips_of_unlike_length_are_put_on_zeros(views: int) -> None:
    clips = _views([4, 1, 6], views)
    inputs = network_inputs(clips, FeatureSpec(kind="mfcc", coefficients=3))
    assert list(inputs) == [*("features", "relative")[:views], "lengths"]
    assert inputs["lengths"].dtype == torch.int64
    assert inputs["lengths"].tolist() == [4, 1, 6]
    for view in range(views):
        part = inputs[("features", "relative")[view]]
        assert part.shape == (3, 6, 3)
        for row, clip in zip(part.numpy(), clips, strict=True):
            np.testing.assert_array_equal(row[: clip.shape[1]], clip[view])
            assert not row[clip.shape[1] :].any()


def test_clips_of_a_fixed_length_are_filled_up_and_have_no_lengths() -> None:
    clips = _views([4, 1, 6], 1)
    inputs = network_inputs(clips, FeatureSpec(kind="mfcc", coefficients=3, frames=9))
    assert list(inputs) == ["features"]
    assert inputs["features"].shape == (3, 9, 3)
    for row, clip in zip(inputs["features"].numpy(), clips, strict=True):
        np.testing.assert_array_equal(row[: clip.shape[1]], clip[0])
        assert not row[clip.shape[1] :].any()
    masked = FeatureSpec(kind="mfcc", coefficients=3, frames=9, masked=True)
    assert network_inputs(clips, masked)["features"].shape == (3, 6, 3)


@pytest.mark.parametrize("relative", [True, False])
def test_whole_clips_are_as_recognition_normalises_them(
    log_mel: Dataset, normalization: Normalization, relative: bool
) -> None:
    indexes = [0, 9, 1, 33]
    source = ClipSource(log_mel, normalization, relative=relative)
    response = LOG_MEL.gain_response
    population_reference = Reference.of(normalization, None)
    for index, unknown, enrolled in zip(
        indexes, source.whole(indexes, "unknown"), source.whole(indexes, "enrolled"), strict=True
    ):
        speaker = log_mel.utterances[index].speaker
        group = [i for i in indexes if log_mel.utterances[i].speaker == speaker]
        reference = Reference.of(normalization, log_mel.profile(group, model=""))
        clip = log_mel.features[index]
        plain = population_reference.normalize(clip, response)
        own = reference.normalize(clip, response)
        zeros = np.zeros_like(plain)
        np.testing.assert_array_equal(unknown, [plain, zeros] if relative else [plain])
        np.testing.assert_array_equal(enrolled, [plain, own] if relative else [own])


@pytest.mark.parametrize("relative", [True, False])
def test_a_drawn_clip_without_any_change_is_the_whole_clip(
    log_mel: Dataset, normalization: Normalization, relative: bool
) -> None:
    source = ClipSource(log_mel, normalization, relative=relative)
    drawn = source.drawn(5, (), _recipe(), np.random.default_rng(0))
    np.testing.assert_array_equal(drawn, source.whole([5], "unknown")[0])


def test_a_long_clip_is_cut(log_mel: Dataset, normalization: Normalization) -> None:
    recipe = _recipe(longest=0.2)
    source = ClipSource(log_mel, normalization, relative=True)
    whole = source.whole([5], "unknown")[0][0]
    begins = set()
    for seed in range(60):
        cut = source.drawn(5, (), recipe, np.random.default_rng(seed))[0]
        assert len(cut) == 10  # 0.2 s at 20 ms a frame
        begins.add(
            next(k for k in range(len(whole)) if np.array_equal(whole[k : k + len(cut)], cut))
        )
    assert min(begins) == 0
    assert max(begins) == len(whole) - 10


def _constant(value: float) -> Features:
    values = np.full((10, LOG_MEL.dimensions), value, dtype=np.float32)
    return Features(values, -26.0, 0.2)


def test_a_clip_is_heard_in_all_its_copies_alike() -> None:
    dataset = made_up([utterance(), utterance("sad")], LOG_MEL)
    dataset = replace(
        dataset,
        features=(_constant(0.0), _constant(5.0)),
        copies=((_constant(1.0), _constant(2.0)), ()),
    )
    plain = Normalization(np.zeros(24, np.float32), np.ones(24, np.float32), 2.0)
    source = ClipSource(dataset, plain, relative=False)
    recipe, generator = _recipe(), np.random.default_rng(0)

    def hear(index: int) -> float:
        return float(source.drawn(index, (), recipe, generator)[0, 0, 0])

    heard = Counter(hear(0) for _ in range(900))
    assert sorted(heard) == [0.0, 1.0, 2.0]
    for count in heard.values():
        assert count / 900 == pytest.approx(1 / 3, abs=0.07)  # four standard errors
    # One without copies is heard as it is; and no clip is ever judged by a copy.
    assert hear(1) == 5.0
    assert {float(clip[0, 0, 0]) for clip in source.whole([0] * 20, "unknown")} == {0.0}


def test_corpora_and_emotions_are_drawn_alike() -> None:
    utterances = [
        *(utterance("happy", corpus="tess", speaker="tess-1") for _ in range(6)),
        *(utterance("sad", corpus="tess", speaker="tess-1") for _ in range(2)),
        *(utterance("sad", speaker=f"ravdess-0{k}") for k in range(4)),
    ]
    dataset = made_up(utterances, LOG_MEL)
    shares = clip_weights(dataset, range(12), 0.5)
    assert shares.sum() == pytest.approx(1.0)
    # By hand: one speaker against four, to the power of a half; emotions alike within.
    np.testing.assert_allclose(shares[:6], (1 / 3) / 2 / 6)
    np.testing.assert_allclose(shares[6:8], (1 / 3) / 2 / 2)
    np.testing.assert_allclose(shares[8:], (2 / 3) / 4)


@pytest.mark.parametrize("count", [16, 17, 31, 33, 48])
def test_an_epoch_draws_its_clips_in_batches(
    log_mel: Dataset, normalization: Normalization, count: int
) -> None:
    source = ClipSource(log_mel, normalization, relative=True)
    recipe = _recipe(clips_per_epoch=count)
    drawer = ClipDrawer(source, list(range(20, 50)), LABELS, recipe, 0)
    batches = list(drawer.epoch())
    assert len(batches) == drawer.batches
    sizes = [len(batch.targets) for batch in batches]
    # A batch of one clip would have no spread to normalise by.
    assert min(sizes) >= 2
    assert max(sizes) <= 16
    assert count - sum(sizes) in (0, 1)


def test_one_emotion_is_drawn_as_often_as_another(
    log_mel: Dataset, normalization: Normalization
) -> None:
    everything = range(len(log_mel))
    sad = [index for index in everything if log_mel.utterances[index].emotion == "sad"]
    others = [index for index in everything if index not in sad]
    source = ClipSource(log_mel, normalization, relative=True)
    recipe = _recipe(clips_per_epoch=800)
    drawer = ClipDrawer(source, [*others, *sad[:2]], LABELS, recipe, 0)
    counts = Counter(int(target) for batch in drawer.epoch() for target in batch.targets)
    for label in range(4):
        assert counts[label] / 800 == pytest.approx(0.25, abs=0.07)  # four standard errors


def test_a_batch_tells_of_its_own_clips() -> None:
    """Every clip holds its own number, so that what stands beside it can be looked up."""
    utterances = [
        utterance("happy", sex="female"),
        utterance("sad", sex="male"),
        utterance("sad", corpus="tess", speaker=None),
        utterance("angry", corpus="tess", speaker=None, sex="female"),
    ]
    dataset = replace(
        made_up(utterances, LOG_MEL), features=tuple(_constant(float(k)) for k in range(4))
    )
    plain = Normalization(np.zeros(24, np.float32), np.ones(24, np.float32), 2.0)
    source = ClipSource(dataset, plain, relative=False)
    recipe = _recipe(clips_per_epoch=60)
    recipe = replace(recipe, training=replace(recipe.training, enrolled_share=0.0))
    labels = ("angry", "happy", "sad")
    drawer = ClipDrawer(source, range(4), labels, recipe, 0)
    seen = set()
    for batch in drawer.epoch():
        for row, features in enumerate(batch.inputs["features"]):
            number = int(features[0, 0])
            seen.add(number)
            one = utterances[number]
            assert labels[int(batch.targets[row])] == one.emotion
            held = (False, True, True) if one.corpus == "ravdess" else (True, False, True)
            assert tuple(batch.allowed[row].tolist()) == held
            assert int(batch.sexes[row]) == {"female": 0, "male": 1, None: -1}[one.sex]
    assert seen == {0, 1, 2, 3}


@pytest.fixture
def batch() -> Batch:
    generator = torch.Generator().manual_seed(0)
    return Batch(
        {
            "features": torch.randn(3, 5, 2, generator=generator),
            "lengths": torch.tensor([5, 2, 3]),
        },
        torch.tensor([0, 1, 2]),
        torch.tensor([[True, False], [False, True], [True, True]]),
        torch.tensor([-1, 0, 1]),
    )


def test_mixed_clips_are_shares_of_both_and_as_long_as_the_longer(batch: Batch) -> None:
    order = torch.tensor([1, 2, 0])
    mixed = batch.mixed(0.3, order)
    features = batch.inputs["features"]
    for row, other in enumerate(order.tolist()):
        expected = 0.3 * features[row] + 0.7 * features[other]
        torch.testing.assert_close(mixed.inputs["features"][row], expected)
    assert mixed.inputs["lengths"].tolist() == [5, 3, 5]
    assert mixed.inputs["lengths"].dtype == torch.int64
    assert torch.equal(mixed.targets, batch.targets)
    torch.testing.assert_close(batch.mixed(1.0, order).inputs["features"], features)


def test_of_others_are_the_targets_alone(batch: Batch) -> None:
    others = batch.of_others(torch.tensor([1, 2, 0]))
    assert others.targets.tolist() == [1, 2, 0]
    assert others.allowed.tolist() == [[False, True], [True, True], [True, False]]
    assert others.sexes.tolist() == [0, 1, -1]
    assert others.inputs is batch.inputs


def test_a_batch_moves_whole(batch: Batch) -> None:
    moved = batch.to(torch.device("meta"))
    parts = [*moved.inputs.values(), moved.targets, moved.allowed, moved.sexes]
    assert len(parts) == 5
    assert all(part.device.type == "meta" for part in parts)
