from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from serein.bundle import Normalization
from serein.metrics import unweighted_average_recall
from serein.recognition import Reference
from serein.training import network as network_module
from serein.training.data import Dataset, population
from serein.training.network import (
    ClipSource,
    EpochReport,
    _Drawer,
    _share_of_rate,
    _weights,
    masked_loss,
    network_logits,
    pad,
    train_network,
    validation_score,
)
from serein.training.recipe import AugmentOptions, NetworkRecipe
from tests.training.synthetic import (
    LABELS,
    LOG_MEL,
    made_up,
    network_recipe,
    split_by_actor,
    utterance,
)


def _recipe(**changes: int) -> NetworkRecipe:
    recipe = network_recipe(**changes).network
    assert recipe is not None
    return recipe


@pytest.fixture
def normalization(log_mel: Dataset) -> Normalization:
    return Normalization(*population(log_mel, range(len(log_mel))), 2.0)


def test_pad_puts_clips_on_zeros() -> None:
    generator = np.random.default_rng(0)
    clips = [generator.normal(size=(2, frames, 3)).astype(np.float32) for frames in (4, 1, 6)]
    features, relative, lengths = pad(clips)
    assert lengths.tolist() == [4, 1, 6]
    for part, view in ((features, 0), (relative, 1)):
        assert part.shape == (3, 6, 3)
        for row, clip in zip(part.numpy(), clips, strict=True):
            np.testing.assert_array_equal(row[: clip.shape[1]], clip[view])
            assert not row[clip.shape[1] :].any()


def _plain_loss(logits: np.ndarray, targets: list[int], allowed: np.ndarray, s: float) -> float:
    """The formula of label smoothing clip by clip, over the labels of the clip's corpus."""
    losses = []
    for row, target, labels in zip(logits, targets, allowed, strict=True):
        total = sum(math.exp(value) for value, held in zip(row, labels, strict=True) if held)
        loss = 0.0
        for label, (value, held) in enumerate(zip(row, labels, strict=True)):
            if held:
                share = (1 - s) * (label == target) + s / labels.sum()
                loss -= share * math.log(math.exp(value) / total)
        losses.append(loss)
    return sum(losses) / len(losses)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_masked_loss_is_the_plain_formula(smoothing: float) -> None:
    generator = np.random.default_rng(1)
    logits = generator.normal(0, 2, (6, 5))
    targets = [0, 1, 2, 3, 4, 0]
    allowed = generator.random((6, 5)) < 0.6
    allowed[np.arange(6), targets] = True
    found = masked_loss(
        torch.tensor(logits), torch.tensor(targets), torch.tensor(allowed), smoothing
    )
    assert float(found) == pytest.approx(_plain_loss(logits, targets, allowed, smoothing), rel=1e-6)


def test_masked_loss_with_all_labels_is_that_of_torch() -> None:
    logits = torch.randn(8, 4, generator=torch.Generator().manual_seed(0))
    targets = torch.arange(8) % 4
    found = masked_loss(logits, targets, torch.ones(8, 4, dtype=torch.bool), 0.1)
    torch.testing.assert_close(
        found, nn.functional.cross_entropy(logits, targets, label_smoothing=0.1)
    )


def test_a_label_masked_away_gets_no_gradient() -> None:
    logits = torch.zeros(2, 3, requires_grad=True)
    allowed = torch.tensor([[True, True, False], [True, True, True]])
    masked_loss(logits, torch.tensor([0, 2]), allowed, 0.1).backward()  # type: ignore[no-untyped-call]
    gradient = logits.grad
    assert gradient is not None
    assert float(gradient[0, 2]) == 0.0
    assert bool((gradient[1] != 0).all())
    assert bool((gradient[0, :2] != 0).all())


def test_whole_clips_are_as_recognition_normalises_them(
    log_mel: Dataset, normalization: Normalization
) -> None:
    indexes = [0, 9, 1, 33]
    source = ClipSource(log_mel, normalization)
    response = LOG_MEL.gain_response
    population_reference = Reference.of(normalization, None)
    for index, unknown, enrolled in zip(
        indexes, source.whole(indexes, "unknown"), source.whole(indexes, "enrolled"), strict=True
    ):
        speaker = log_mel.utterances[index].speaker
        group = [i for i in indexes if log_mel.utterances[i].speaker == speaker]
        own = Reference.of(normalization, log_mel.profile(group, model=""))
        clip = log_mel.features[index]
        plain = population_reference.normalize(clip, response)
        np.testing.assert_array_equal(unknown, [plain, np.zeros_like(plain)])
        np.testing.assert_array_equal(enrolled, [plain, own.normalize(clip, response)])


def test_a_drawn_clip_without_any_change_is_the_whole_clip(
    log_mel: Dataset, normalization: Normalization
) -> None:
    recipe = replace(_recipe(), augment=AugmentOptions())
    source = ClipSource(log_mel, normalization)
    generator = np.random.default_rng(0)
    drawn = source.drawn(5, (), recipe, generator)
    np.testing.assert_array_equal(drawn, source.whole([5], "unknown")[0])


def test_a_long_clip_is_cut(log_mel: Dataset, normalization: Normalization) -> None:
    recipe = replace(
        _recipe(), augment=AugmentOptions(), training=replace(_recipe().training, longest=0.2)
    )
    source = ClipSource(log_mel, normalization)
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


def test_corpora_and_emotions_are_drawn_alike() -> None:
    utterances = [
        *(utterance("happy", corpus="tess", speaker="tess-1") for _ in range(6)),
        *(utterance("sad", corpus="tess", speaker="tess-1") for _ in range(2)),
        *(utterance("sad", speaker=f"ravdess-0{k}") for k in range(4)),
    ]
    dataset = made_up(utterances, LOG_MEL)
    shares = _weights(dataset, range(12), 0.5)
    assert shares.sum() == pytest.approx(1.0)
    # By hand: one speaker against four, to the power of a half; emotions alike within.
    np.testing.assert_allclose(shares[:6], (1 / 3) / 2 / 6)
    np.testing.assert_allclose(shares[6:8], (1 / 3) / 2 / 2)
    np.testing.assert_allclose(shares[8:], (2 / 3) / 4)


@pytest.mark.parametrize("count", [16, 17, 31, 33, 48])
def test_an_epoch_draws_its_clips_in_batches(
    log_mel: Dataset, normalization: Normalization, count: int
) -> None:
    recipe = _recipe()
    recipe = replace(recipe, training=replace(recipe.training, clips_per_epoch=count))
    train = list(range(20, 50))
    drawer = _Drawer(log_mel, train, LABELS, recipe, normalization, 0)
    batches = list(drawer.epoch())
    assert len(batches) == drawer.batches
    sizes = [len(batch[0]) for batch in batches]
    # A batch of one clip would have no spread to normalise by.
    assert min(sizes) >= 2
    assert max(sizes) <= 16
    assert count - sum(sizes) in (0, 1)


def test_one_emotion_is_drawn_as_often_as_another(
    log_mel: Dataset, normalization: Normalization
) -> None:
    recipe = replace(_recipe(), augment=AugmentOptions())
    recipe = replace(recipe, training=replace(recipe.training, clips_per_epoch=800))
    everything = range(len(log_mel))
    sad = [index for index in everything if log_mel.utterances[index].emotion == "sad"]
    others = [index for index in everything if index not in sad]
    drawer = _Drawer(log_mel, [*others, *sad[:2]], LABELS, recipe, normalization, 0)
    counts = Counter(int(target) for batch in drawer.epoch() for target in batch[3])
    for label in range(4):
        assert counts[label] / 800 == pytest.approx(0.25, abs=0.07)  # four standard errors


@pytest.mark.parametrize(("epochs", "count"), [(2, 66), (5, 32), (1, 17)])
def test_any_number_of_steps_can_be_scheduled(
    log_mel: Dataset, normalization: Normalization, epochs: int, count: int
) -> None:
    recipe = _recipe(epochs=epochs)
    recipe = replace(recipe, training=replace(recipe.training, clips_per_epoch=count))
    split, _ = split_by_actor(log_mel)
    reports: list[EpochReport] = []
    train_network(
        log_mel,
        split.train,
        split.validation,
        LABELS,
        recipe,
        normalization,
        seed=0,
        report=reports.append,
    )
    assert [report.epoch for report in reports] == list(range(1, epochs + 1))
    for report in reports:
        assert math.isfinite(report.loss)
        assert report.epochs == epochs
        assert all(0 <= value <= 1 for value in report.validation.values())


def test_training_returns_the_best_epoch(
    log_mel: Dataset, normalization: Normalization, monkeypatch: pytest.MonkeyPatch
) -> None:
    split, _ = split_by_actor(log_mel)
    # Both modes count alike: means of 0.3, 0.6, 0.5 and 0.4, of which the second is the best.
    planned = {"unknown": [0.2, 0.9, 0.4, 0.1], "enrolled": [0.4, 0.3, 0.6, 0.7]}
    weights: list[dict[str, torch.Tensor]] = []

    def say(network: nn.Module, *others: Any) -> float:
        mode: str = others[-1]
        if mode == "unknown":
            weights.append({name: part.clone() for name, part in network.state_dict().items()})
        return planned[mode][len(weights) - 1]

    monkeypatch.setattr(network_module, "validation_score", say)
    reports: list[EpochReport] = []
    network = train_network(
        log_mel,
        split.train,
        split.validation,
        LABELS,
        _recipe(epochs=4),
        normalization,
        seed=1,
        report=reports.append,
    )
    assert [report.validation["enrolled"] for report in reports] == planned["enrolled"]
    assert not network.training
    found = network.state_dict()
    assert all(torch.equal(found[name], part) for name, part in weights[1].items())
    assert not all(torch.equal(found[name], part) for name, part in weights[3].items())


def test_logits_come_in_the_order_asked_for(log_mel: Dataset, normalization: Normalization) -> None:
    split, _ = split_by_actor(log_mel)
    network = train_network(
        log_mel,
        split.train,
        split.validation,
        LABELS,
        _recipe(epochs=1),
        normalization,
        seed=0,
    )
    # Clips of unlike length, which are sorted by it on the way.
    features = tuple(
        replace(clip, values=clip.values[: 39 - (7 * index) % 30])
        for index, clip in enumerate(log_mel.features)
    )
    dataset = replace(log_mel, features=features)
    indexes = list(range(0, 60, 3))
    together = network_logits(network, dataset, indexes, normalization, "unknown")
    alone = [network_logits(network, dataset, [i], normalization, "unknown")[0] for i in indexes]
    np.testing.assert_allclose(together, alone, atol=1e-4)


def test_learning_rate_rises_for_a_tenth_and_falls_to_nothing() -> None:
    shares = [_share_of_rate(step / 1000) for step in range(1001)]
    assert shares[0] == pytest.approx(0.02)
    assert shares.index(max(shares)) == 100
    assert max(shares) == pytest.approx(1.0)
    assert shares[550] == pytest.approx(0.5)  # half way down a cosine
    assert shares[1000] == pytest.approx(0.0)
    assert np.abs(np.diff(shares)).max() < 0.01


class _Oracle(nn.Module):
    """Says of every clip the label that its first value is, and of the impossible more so."""

    def __init__(self) -> None:
        super().__init__()
        self.anything = nn.Parameter(torch.zeros(1))

    def forward(self, features: torch.Tensor, *others: torch.Tensor) -> tuple[torch.Tensor, ...]:
        said = features[:, 0, 0].round().long()
        logits = nn.functional.one_hot(said, 4).float()
        logits[:, 3] = 5.0
        return (logits,)


def test_validation_is_scored_over_the_labels_of_each_corpus() -> None:
    labels = ("angry", "happy", "neutral", "sad")
    utterances = [
        *(utterance(label) for label in ("angry", "happy", "happy", "happy")),
        *(utterance(label, corpus="tess") for label in ("happy", "neutral", "neutral")),
    ]
    said = [0, 1, 1, 0, 1, 2, 1]
    dataset = made_up(utterances, LOG_MEL)
    features = tuple(
        replace(clip, values=np.full_like(clip.values, value))
        for clip, value in zip(dataset.features, said, strict=True)
    )
    dataset = replace(dataset, features=features)
    plain = Normalization(np.zeros(24, np.float32), np.ones(24, np.float32), 2.0)
    found = validation_score(_Oracle(), dataset, range(7), labels, plain, "unknown")
    truth = np.array([labels.index(str(one.emotion)) for one in utterances])
    judged = np.array(said)
    expected = [
        unweighted_average_recall(truth[part], judged[part], 4)
        for part in (slice(0, 4), slice(4, 7))
    ]
    # By hand: (1 + 2/3) / 2 and (1 + 1/2) / 2.
    assert expected == pytest.approx([5 / 6, 3 / 4])
    assert found == pytest.approx(np.mean(expected))
