"""Clips on their way into a network: normalised as in recognition, drawn alike, mixed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
import torch

from serein.bundle import Normalization
from serein.features import Features, FeatureSpec
from serein.recognition import Reference
from serein.training.augment import Change
from serein.training.clips import (
    NON_SPEECH,
    SMALL_PROFILES,
    Batch,
    ClipDrawer,
    ClipSource,
    clip_weights,
    network_inputs,
    soft_targets,
)
from serein.training.data import Dataset, population
from serein.training.network_recipe import AugmentOptions, NetworkRecipe
from tests.training.synthetic import LABELS, LOG_MEL, made_up, network_recipe, utterance

FloatArray = npt.NDArray[np.float32]

PLAIN = Normalization(np.zeros(24, np.float32), np.ones(24, np.float32), 2.0)


def _recipe(*, clips_per_epoch: int = 0, longest: float = 5.0) -> NetworkRecipe:
    """Eight epochs of a tiny network, without any change of the clips."""
    recipe = network_recipe().network
    assert recipe is not None
    training = replace(recipe.training, clips_per_epoch=clips_per_epoch, longest=longest)
    return replace(recipe, augment=AugmentOptions(), training=training)


@pytest.fixture
def normalization(log_mel: Dataset) -> Normalization:
    return Normalization(*population(log_mel, range(len(log_mel))), 2.0)


def _clips(frames: list[int], dimensions: int = 3) -> list[FloatArray]:
    generator = np.random.default_rng(0)
    return [generator.normal(size=(count, dimensions)).astype(np.float32) for count in frames]


def test_clips_of_unlike_length_are_put_on_zeros() -> None:
    clips = _clips([4, 1, 6])
    inputs = network_inputs(clips, FeatureSpec(kind="mfcc", coefficients=3))
    assert list(inputs) == ["features", "lengths"]
    assert inputs["lengths"].dtype == torch.int64
    assert inputs["lengths"].tolist() == [4, 1, 6]
    assert inputs["features"].shape == (3, 6, 3)
    for row, clip in zip(inputs["features"].numpy(), clips, strict=True):
        np.testing.assert_array_equal(row[: len(clip)], clip)
        assert not row[len(clip) :].any()


def test_clips_of_a_fixed_length_are_filled_up_and_have_no_lengths() -> None:
    clips = _clips([4, 1, 6])
    inputs = network_inputs(clips, FeatureSpec(kind="mfcc", coefficients=3, frames=9))
    assert list(inputs) == ["features"]
    assert inputs["features"].shape == (3, 9, 3)
    for row, clip in zip(inputs["features"].numpy(), clips, strict=True):
        np.testing.assert_array_equal(row[: len(clip)], clip)
        assert not row[len(clip) :].any()
    masked = FeatureSpec(kind="mfcc", coefficients=3, frames=9, masked=True)
    assert network_inputs(clips, masked)["features"].shape == (3, 6, 3)


@pytest.mark.parametrize("described", [True, False])
def test_whole_clips_are_as_recognition_normalises_them(
    log_mel: Dataset, normalization: Normalization, described: bool
) -> None:
    indexes = [0, 9, 1, 33]
    source = ClipSource(log_mel, normalization, described=described)
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
        np.testing.assert_array_equal(unknown, plain)
        # Where descriptions tell of the speaker, the features need not.
        np.testing.assert_array_equal(enrolled, plain if described else own)


def _unchanged(source: ClipSource) -> Change:
    return source.change(_recipe(), np.random.default_rng(0))


@pytest.mark.parametrize("peers", [(), (4, 5, 6)])
def test_a_clip_without_any_change_is_the_whole_clip(
    log_mel: Dataset, normalization: Normalization, peers: tuple[int, ...]
) -> None:
    source = ClipSource(log_mel, normalization, described=False)
    generator = np.random.default_rng(0)
    clip = log_mel.features[5]
    found = source.changed(clip, _unchanged(source), _recipe(), generator, peers=peers)
    profile = log_mel.profile(peers, model="") if peers else None
    reference = Reference.of(normalization, profile)
    np.testing.assert_array_equal(found, reference.normalize(clip, LOG_MEL.gain_response))


def test_a_changed_clip_is_normalised_by_its_changed_speaker(
    log_mel: Dataset, normalization: Normalization
) -> None:
    """Another microphone is heard in the profile's clips as well, so of it nothing is left."""
    source = ClipSource(log_mel, replace(normalization, prior_clips=0.0), described=False)
    change = replace(_unchanged(source), tilt=np.linspace(-6, 6, 24, dtype=np.float32))
    plain, tilted = (
        source.changed(
            log_mel.features[5], one, _recipe(), np.random.default_rng(0), peers=range(4, 8)
        )
        for one in (_unchanged(source), change)
    )
    np.testing.assert_allclose(tilted, plain, atol=1e-3)
    unknown = source.changed(log_mel.features[5], change, _recipe(), np.random.default_rng(0))
    expected = source.whole([5], "unknown")[0] + change.tilt / normalization.std
    np.testing.assert_allclose(unknown, expected, atol=1e-3)


def test_a_long_clip_is_cut(log_mel: Dataset, normalization: Normalization) -> None:
    recipe = _recipe(longest=0.2)
    source = ClipSource(log_mel, normalization, described=True)
    whole = source.whole([5], "unknown")[0]
    begins = set()
    for seed in range(60):
        generator = np.random.default_rng(seed)
        cut = source.changed(log_mel.features[5], _unchanged(source), recipe, generator)
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
    source = ClipSource(dataset, PLAIN, described=False)
    drawer = ClipDrawer(source, range(2), ("happy", "sad"), _recipe(), 0)

    def hear(index: int) -> float:
        return float(drawer.drawn_copy(index).values[0, 0])

    heard = Counter(hear(0) for _ in range(900))
    assert sorted(heard) == [0.0, 1.0, 2.0]
    for count in heard.values():
        assert count / 900 == pytest.approx(1 / 3, abs=0.07)  # four standard errors
    # One without copies is heard as it is; and no clip is ever judged by a copy.
    assert hear(1) == 5.0
    assert {float(clip[0, 0]) for clip in source.whole([0] * 20, "unknown")} == {0.0}


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
    source = ClipSource(log_mel, normalization, described=False)
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
    source = ClipSource(log_mel, normalization, described=False)
    recipe = _recipe(clips_per_epoch=800)
    drawer = ClipDrawer(source, [*others, *sad[:2]], LABELS, recipe, 0)
    counts = sum(batch.targets.sum(dim=0) for batch in drawer.epoch())
    np.testing.assert_allclose(counts / 800, 0.25, atol=0.07)  # four standard errors


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
    source = ClipSource(dataset, PLAIN, described=False)
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
            assert batch.targets[row].tolist() == [float(label == one.emotion) for label in labels]
            held = (False, True, True) if one.corpus == "ravdess" else (True, False, True)
            assert tuple(batch.allowed[row].tolist()) == held
            assert int(batch.sexes[row]) == {"female": 0, "male": 1, None: -1}[one.sex]
            assert float(batch.speech[row]) == 1
    assert seen == {0, 1, 2, 3}


def _with_sounds(dataset: Dataset, frames: tuple[int, ...] = (3, 30, 300)) -> Dataset:
    """A dataset, and beside it sounds of so many frames that are all 50."""
    sounds = (np.full((count, dataset.spec.dimensions), 50, np.float32) for count in frames)
    return replace(dataset, non_speech=tuple(Features(values, -30.0, 0.0) for values in sounds))


@pytest.mark.parametrize(("size", "others"), [(16, 2), (24, 2), (40, 4), (2, 1), (5, 1)])
def test_a_batch_holds_sounds_that_are_not_speech(log_mel: Dataset, size: int, others: int) -> None:
    assert NON_SPEECH == 0.1
    source = ClipSource(_with_sounds(log_mel), PLAIN, described=False)
    recipe = _recipe(clips_per_epoch=3 * size)
    recipe = replace(recipe, training=replace(recipe.training, batch_size=size))
    for batch in ClipDrawer(source, range(64), LABELS, recipe, 0).epoch():
        assert batch.speech.tolist() == [1.0] * size + [0.0] * others
        speech, sounds = (batch.speech == kind for kind in (1, 0))
        assert bool((batch.targets[speech].sum(dim=1) == 1).all())
        assert not batch.targets[sounds].any()
        # Of their corpus and sex nothing is known; a loss over no label would be no number.
        assert bool(batch.allowed[sounds].all())
        assert set(batch.sexes[sounds].tolist()) == {-1}
        assert batch.targets.dtype == batch.speech.dtype == torch.float32
        assert {part.dtype for part in (batch.sexes, batch.inputs["lengths"])} == {torch.int64}
        lengths = batch.inputs["lengths"]
        assert int(lengths[sounds].max()) <= int(lengths[speech].max())
        for row in torch.nonzero(sounds)[:, 0].tolist():
            values = batch.inputs["features"][row]
            assert bool((values[: lengths[row]] == 8).all())  # 50 is cut at eight deviations
            assert not values[lengths[row] :].any()


def test_without_sounds_a_batch_is_of_speech_alone(log_mel: Dataset) -> None:
    source = ClipSource(log_mel, PLAIN, described=False)
    for batch in ClipDrawer(source, range(64), LABELS, _recipe(), 0).epoch():
        assert batch.speech.tolist() == [1.0] * 16


def test_profiles_are_of_all_clips_or_of_fewer(log_mel: Dataset) -> None:
    source = ClipSource(log_mel, PLAIN, described=False)
    drawer = ClipDrawer(source, range(64), LABELS, _recipe(), 0)
    drawn = [drawer.profile_clips([3, 5, 7, 11, 13, 17, 19, 23]) for _ in range(2000)]
    for chosen in drawn:
        assert len(set(chosen)) == len(chosen)
        assert set(chosen) <= {3, 5, 7, 11, 13, 17, 19, 23}
    sizes = Counter(map(len, drawn))
    assert set(sizes) == set(range(1, 9))
    # The logarithm of the number is uniform, and rounded: from 1 to 1.5 of 8, from 7.5 to 8.
    one = np.log(1.5) / np.log(8)
    most = np.log(8 / 7.5) / np.log(8)
    assert SMALL_PROFILES == 0.5
    assert sizes[1] / 2000 == pytest.approx(0.5 * one, abs=0.03)
    assert sizes[8] / 2000 == pytest.approx(0.5 + 0.5 * most, abs=0.05)
    assert drawer.profile_clips([9]) == [9]


VOTES: dict[str, Mapping[str, float] | None] = {
    "0": {"angry": 0.6, "sad": 0.4},
    "1": {"sad": 3.0, "happy": 1.0},
    "2": None,
    "3": {},
    "4": {"bored": 0.5, "surprised": 0.5},
}


def _listened() -> Dataset:
    """Clips with votes and without; of ``bored`` and ``surprised`` the corpus holds nothing."""
    emotions = ("angry", "sad", "happy", "sad", "happy")
    listened = [
        utterance(emotion, path=path, votes=votes)
        for emotion, (path, votes) in zip(emotions, VOTES.items(), strict=True)
    ]
    return made_up([*listened, utterance("surprised", corpus="tess")], LOG_MEL)


def test_votes_count_by_their_share() -> None:
    dataset = _listened()
    labels = ("angry", "happy", "sad", "surprised")
    hard = np.array([[1, 0, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0], [0] * 4])
    hard[5, 3] = 1
    np.testing.assert_array_equal(soft_targets(dataset, labels, 0.0), hard)
    heard = hard.astype(float)
    heard[0] = (0.6, 0, 0.4, 0)
    heard[1] = (0, 0.25, 0.75, 0)
    for share in (0.25, 1.0):
        found = soft_targets(dataset, labels, share)
        np.testing.assert_allclose(found, (1 - share) * hard + share * heard, atol=1e-6)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found.sum(axis=1), 1.0, rtol=1e-6)
        # A label that the corpus does not hold would be an endless loss.
        assert not found[~dataset.label_mask(labels)].any()


def test_clips_of_other_labels_carry_none() -> None:
    for share in (0.0, 0.5):
        found = soft_targets(_listened(), ("happy", "surprised"), share)
        np.testing.assert_array_equal(found[0], 0)
        np.testing.assert_array_equal(found[[2, 5]], [[1, 0], [0, 1]])


def test_a_recipe_says_how_much_votes_count() -> None:
    dataset = _listened()
    recipe = _recipe(clips_per_epoch=40)
    recipe = replace(recipe, training=replace(recipe.training, soft_labels=1.0))
    source = ClipSource(dataset, PLAIN, described=False)
    batches = list(ClipDrawer(source, [0], ("angry", "sad"), recipe, 0).epoch())
    for batch in batches:
        torch.testing.assert_close(batch.targets, torch.tensor([[0.6, 0.4]] * len(batch.targets)))


@pytest.fixture
def batch() -> Batch:
    generator = torch.Generator().manual_seed(0)
    return Batch(
        {
            "features": torch.randn(3, 5, 2, generator=generator),
            "lengths": torch.tensor([5, 2, 3]),
        },
        torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.25, 0.75]]),
        torch.tensor([[True, False], [False, True], [True, True]]),
        torch.tensor([-1, 0, 1]),
        torch.tensor([1.0, 1.0, 0.0]),
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
    assert others.targets.tolist() == [[0.0, 1.0], [0.25, 0.75], [1.0, 0.0]]
    assert others.allowed.tolist() == [[False, True], [True, True], [True, False]]
    assert others.sexes.tolist() == [0, 1, -1]
    assert others.speech.tolist() == [1.0, 0.0, 1.0]
    assert others.inputs is batch.inputs


def test_a_batch_moves_whole(batch: Batch) -> None:
    moved = batch.to(torch.device("meta"))
    parts = [*moved.inputs.values(), moved.targets, moved.allowed, moved.sexes, moved.speech]
    assert len(parts) == 6
    assert all(part.device.type == "meta" for part in parts)
