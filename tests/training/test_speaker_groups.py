"""Batches of speakers: who stands together, who is compared with whom, and by how much."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from serein.bundle import Normalization
from serein.features import Features
from serein.training.clips import Batch, ClipSource
from serein.training.data import Dataset
from serein.training.network_recipe import AugmentOptions, NetworkRecipe
from serein.training.speaker_groups import UNCHANGED, SpeakerDrawer
from tests.training.synthetic import LABELS, LOG_MEL, made_up, network_recipe, utterance

PRIOR = 2.0
PLAIN = Normalization(np.zeros(24, np.float32), np.ones(24, np.float32), PRIOR)
SPEAKERS, EACH, UNKNOWN = 5, 6, 4
"""Clips by speaker, and last those of nobody knows whom."""


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    """Every frame of a clip is its number, in a hundredth, and its level is the number squared."""
    known = [
        utterance(LABELS[clip % 4], speaker=f"ravdess-{speaker}")
        for speaker in range(SPEAKERS)
        for clip in range(EACH)
    ]
    unknown = [utterance(LABELS[clip % 4], speaker=None) for clip in range(UNKNOWN)]
    features = tuple(
        Features(np.full((10, 24), number / 100, np.float32), -60 + number**2 / 20, 0.0)
        for number in range(len(known) + len(unknown))
    )
    return replace(made_up([*known, *unknown], LOG_MEL), features=features)


def _recipe(augment: AugmentOptions | None = None, **training: Any) -> NetworkRecipe:
    recipe = network_recipe().network
    assert recipe is not None
    changed = replace(recipe.training, **training)
    return replace(recipe, augment=augment or AugmentOptions(), training=changed)


def _drawer(dataset: Dataset, recipe: NetworkRecipe, seed: int = 0) -> SpeakerDrawer:
    source = ClipSource(dataset, PLAIN, described=True)
    return SpeakerDrawer(source, range(len(dataset)), LABELS, recipe, seed)


def _numbers(batch: Batch) -> list[int]:
    """Which clip stands in each row."""
    return [round(100 * float(features[0, 0])) for features in batch.inputs["features"]]


def _groups(batch: Batch, dataset: Dataset) -> list[list[int]]:
    """Rows that are compared with each other, and each row of an unknown speaker by itself."""
    rows = range(len(batch.targets))
    keys = [
        tuple(peers.nonzero()[:, 0].tolist()) or (row,)
        for row, peers in zip(rows, batch.inputs["peers"], strict=True)
    ]
    return [list(group) for _, group in itertools.groupby(rows, key=lambda row: keys[row])]


@pytest.mark.parametrize(("size", "count", "clips"), [(16, 64, 4), (7, 51, 3), (16, 5, 8)])
def test_batches_are_full_and_of_groups(
    dataset: Dataset, size: int, count: int, clips: int
) -> None:
    recipe = _recipe(batch_size=size, clips_per_epoch=count, speaker_clips=clips)
    drawer = _drawer(dataset, recipe)
    batches = list(drawer.epoch())
    assert len(batches) == drawer.batches == -(-count // size)
    for batch in batches:
        numbers = _numbers(batch)
        assert len(numbers) == size
        for group in _groups(batch, dataset):
            chosen = [numbers[row] for row in group]
            # Nobody is compared with a clip twice; no group is larger than was asked for.
            assert len(set(chosen)) == len(chosen) <= clips
            assert len({dataset.utterances[one].speaker for one in chosen}) == 1


def test_a_batch_tells_of_its_own_clips(dataset: Dataset) -> None:
    seen = set()
    for batch in _drawer(dataset, _recipe(clips_per_epoch=400)).epoch():
        for row, number in enumerate(_numbers(batch)):
            one = dataset.utterances[number]
            assert batch.targets[row].tolist() == [float(label == one.emotion) for label in LABELS]
            seen.add(number)
    assert seen == set(range(len(dataset)))


def test_a_clip_is_compared_with_its_own_speaker_alone(dataset: Dataset) -> None:
    sizes = set()
    for batch in _drawer(dataset, _recipe(clips_per_epoch=400, speaker_clips=5)).epoch():
        numbers, peers = _numbers(batch), batch.inputs["peers"]
        speakers = np.array([str(dataset.utterances[one].speaker) for one in numbers])
        assert peers.shape == (len(numbers), len(numbers))
        assert not peers[torch.from_numpy(speakers[:, None] != speakers)].any()
        for row, weights in enumerate(peers):
            given = weights[weights > 0]
            if dataset.utterances[numbers[row]].speaker is None:
                assert len(given) == 0
                continue
            # As in a profile of so many clips, every one weighing the same.
            count = len(given)
            torch.testing.assert_close(given, torch.full((count,), 1 / (count + PRIOR)))
            assert float(weights.sum()) == pytest.approx(count / (count + PRIOR))
            sizes.add(count)
    assert sizes == {1, 2, 3, 4, 5}


def test_a_group_shares_its_profile_and_each_clip_its_level(dataset: Dataset) -> None:
    levels = np.array([clip.level for clip in dataset.features])
    louder = []
    for batch in _drawer(dataset, _recipe(clips_per_epoch=400, speaker_clips=5)).epoch():
        own = levels[_numbers(batch)]
        for row, weights in enumerate(batch.inputs["peers"].numpy()):
            expected = weights.sum() * own[row] - weights @ own
            found = float(batch.inputs["level"][row])
            assert found == pytest.approx(expected, abs=1e-3)
            louder.append(found)
    assert np.ptp(louder) > 10


def test_clips_of_unknown_speakers_have_neither(dataset: Dataset) -> None:
    nobody = tuple(replace(one, speaker=None) for one in dataset.utterances)
    for batch in _drawer(replace(dataset, utterances=nobody), _recipe()).epoch():
        assert not batch.inputs["peers"].any()
        assert not batch.inputs["level"].any()


def test_sounds_that_are_not_speech_are_compared_with_nothing(dataset: Dataset) -> None:
    sound = Features(np.full((4, 24), 9.0, np.float32), -3.0, 0.0)
    batches = list(_drawer(replace(dataset, non_speech=(sound,)), _recipe(batch_size=20)).epoch())
    for batch in batches:
        assert batch.speech.tolist() == [1.0] * 20 + [0.0] * 2
        assert batch.inputs["peers"].shape == (22, 20)
        assert not batch.inputs["peers"][20:].any()
        assert not batch.inputs["level"][20:].any()
        assert batch.inputs["lengths"].tolist() == [10] * 20 + [4] * 2


def test_a_group_undergoes_one_change(dataset: Dataset) -> None:
    """One microphone and one room for all clips of a speaker, another one for the next group."""
    recipe = _recipe(AugmentOptions(tilt=3.0, stretch=0.2), batch_size=12, speaker_clips=4)
    changes = set()
    for batch in itertools.islice(_drawer(dataset, recipe).epoch(), 4):
        lengths = batch.inputs["lengths"].tolist()
        for group in _groups(batch, dataset):
            tilts = [batch.inputs["features"][row, 0] for row in group]
            for row, tilt in zip(group, tilts, strict=True):
                assert lengths[row] == lengths[group[0]]
                # What a clip's number adds to its bands is the same for all of them.
                slope = tilt - tilt.mean()
                torch.testing.assert_close(slope, tilts[0] - tilts[0].mean(), atol=1e-4, rtol=0)
            changes.add(round(float(tilts[0][0] - tilts[0].mean()), 3))
    assert len(changes) > 8


def test_most_groups_are_heard_unchanged() -> None:
    """Every clip's copy is in another room, so a profile of one room would never be met."""
    dataset = made_up(
        [utterance(speaker=f"ravdess-{number // 4}") for number in range(40)], LOG_MEL
    )
    clean = Features(np.zeros((5, 24), np.float32), -20.0, 0.0)
    copy = replace(clean, values=clean.values + 1)
    dataset = replace(dataset, features=(clean,) * 40, copies=((copy,) * 99,) * 40)
    source = ClipSource(dataset, PLAIN, described=True)
    recipe = _recipe(clips_per_epoch=2400, speaker_clips=4, batch_size=40)
    drawer = SpeakerDrawer(source, range(40), ("happy", "sad"), recipe, 0)
    heard: Counter[int] = Counter()
    for batch in drawer.epoch():
        for group in batch.inputs["features"][:, 0, 0].reshape(-1, 4):
            # Of a hundred versions one is the clip itself.
            heard[int(group.sum() >= 3)] += 1
            assert set(group.tolist()) <= {0.0, 1.0}
            assert len(set(group.tolist())) == 1 or group.sum() >= 3
    assert heard[0] / heard.total() == pytest.approx(UNCHANGED, abs=0.08)  # 600 groups


def test_seeds_decide(dataset: Dataset) -> None:
    recipe = _recipe(AugmentOptions(tilt=6.0))
    first, again, other = (list(_drawer(dataset, recipe, seed).epoch()) for seed in (3, 3, 4))
    for one, two in zip(first, again, strict=True):
        for name, part in one.inputs.items():
            assert torch.equal(part, two.inputs[name])
        assert torch.equal(one.targets, two.targets)
    assert not all(
        torch.equal(one.targets, two.targets) for one, two in zip(first, other, strict=True)
    )


def test_rare_emotions_are_drawn_more_often_than_they_are() -> None:
    """Within a group, too, clips are drawn by their chances."""
    utterances = [
        utterance("sad" if clip == 0 else "happy", speaker=f"ravdess-{speaker}")
        for speaker in range(8)
        for clip in range(9)
    ]
    dataset = made_up(utterances, LOG_MEL)
    source = ClipSource(dataset, PLAIN, described=True)
    recipe = _recipe(clips_per_epoch=1600, speaker_clips=2)
    drawer = SpeakerDrawer(source, range(72), ("happy", "sad"), recipe, 0)
    shares = torch.cat([batch.targets for batch in drawer.epoch()]).mean(dim=0)
    # One of nine clips is sad, and half of the chances are its own; yet none is drawn twice into
    # a group: half of the first clips are sad, and of the second ones only those after a happy one.
    second = 0.5 * 0.5 / (1 - 0.5 / 8)
    assert float(shares[1]) == pytest.approx((0.5 + second) / 2, abs=0.05)
