from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from serein.bundle import MODES, Normalization
from serein.errors import RecipeInvalid
from serein.features import Features, FeatureSpec
from serein.metrics import unweighted_average_recall
from serein.training import network as network_module
from serein.training.clips import Batch, ClipSource, network_inputs
from serein.training.data import Dataset, population
from serein.training.network import (
    EpochReport,
    _combine,
    _loss,
    _optimizer,
    _share_of_rate,
    _too_early,
    _Trainer,
    masked_loss,
    network_outputs,
    train_network,
    validation_scores,
)
from serein.training.network_recipe import (
    AugmentOptions,
    NetworkRecipe,
    TrainingOptions,
    network_options,
)
from serein.training.networks.log_mel_cnn import LogMelCnn
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


def _plain_loss(logits: np.ndarray, targets: np.ndarray, allowed: np.ndarray, s: float) -> float:
    """The formula of label smoothing clip by clip, over the labels of the clip's corpus."""
    losses = []
    for row, target, labels in zip(logits, targets, allowed, strict=True):
        total = sum(math.exp(value) for value, held in zip(row, labels, strict=True) if held)
        loss = 0.0
        for own, value, held in zip(target, row, labels, strict=True):
            if held:
                share = (1 - s) * own + s / labels.sum()
                loss -= share * math.log(math.exp(value) / total)
        losses.append(loss)
    return sum(losses) / len(losses)


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_masked_loss_is_the_plain_formula(smoothing: float, shared: bool) -> None:
    generator = np.random.default_rng(1)
    logits = generator.normal(0, 2, (6, 5))
    labels = [0, 1, 2, 3, 4, 0]
    allowed = generator.random((6, 5)) < 0.6
    allowed[np.arange(6), labels] = True
    targets = np.eye(5)[labels]
    if shared:
        targets = generator.random((6, 5)) * allowed
        targets /= targets.sum(axis=1, keepdims=True)
    found = masked_loss(
        torch.tensor(logits), torch.tensor(targets), torch.tensor(allowed), smoothing
    )
    assert float(found) == pytest.approx(_plain_loss(logits, targets, allowed, smoothing), rel=1e-6)


@pytest.mark.parametrize("shared", [False, True])
def test_masked_loss_with_all_labels_is_that_of_torch(shared: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(8, 4, generator=generator)
    targets = nn.functional.one_hot(torch.arange(8) % 4).float()
    if shared:
        targets = torch.softmax(torch.randn(8, 4, generator=generator), dim=1)
    found = masked_loss(logits, targets, torch.ones(8, 4, dtype=torch.bool), 0.1)
    torch.testing.assert_close(
        found, nn.functional.cross_entropy(logits, targets, label_smoothing=0.1)
    )


def test_what_carries_no_emotion_takes_no_part_in_its_loss() -> None:
    logits = torch.randn(6, 3, generator=torch.Generator().manual_seed(0), requires_grad=True)
    targets = nn.functional.one_hot(torch.arange(6) % 3).float()
    targets[4:] = 0
    allowed = torch.ones(6, 3, dtype=torch.bool)
    found = masked_loss(logits, targets, allowed, 0.1)
    torch.testing.assert_close(found, masked_loss(logits[:4], targets[:4], allowed[:4], 0.1))
    found.backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert bool((logits.grad[:4] != 0).all())
    assert not logits.grad[4:].any()
    # And a batch without any emotion is no division by nothing.
    assert float(masked_loss(logits.detach(), torch.zeros(6, 3), allowed, 0.1)) == 0.0


def test_a_label_masked_away_gets_no_gradient() -> None:
    logits = torch.zeros(2, 3, requires_grad=True)
    allowed = torch.tensor([[True, True, False], [True, True, True]])
    targets = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    masked_loss(logits, targets, allowed, 0.1).backward()  # type: ignore[no-untyped-call]
    gradient = logits.grad
    assert gradient is not None
    assert float(gradient[0, 2]) == 0.0
    assert bool((gradient[1] != 0).all())
    assert bool((gradient[0, :2] != 0).all())


def _trained(
    dataset: Dataset, normalization: Normalization, recipe: NetworkRecipe | None = None
) -> nn.Module:
    split, _ = split_by_actor(dataset)
    return train_network(
        dataset,
        split.train,
        split.validation,
        LABELS,
        recipe or _recipe(epochs=1),
        normalization,
        seed=0,
    )


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

    def say(network: nn.Module, *others: Any) -> dict[str, float]:
        weights.append({name: part.clone() for name, part in network.state_dict().items()})
        return {mode: values[len(weights) - 1] for mode, values in planned.items()}

    monkeypatch.setattr(network_module, "validation_scores", say)
    reports: list[EpochReport] = []
    network = train_network(
        log_mel,
        split.train,
        split.validation,
        LABELS,
        _recipe(epochs=8),
        normalization,
        seed=1,
        report=reports.append,
    )
    # The rate falls as a cosine, so the first half of the epochs is too early.
    assert [report.epoch for report in reports] == list(range(1, 9))
    assert [report.validation for report in reports[:4]] == [{}] * 4
    assert [report.validation["enrolled"] for report in reports[4:]] == planned["enrolled"]
    assert not network.training
    found = network.state_dict()
    assert all(torch.equal(found[name], part) for name, part in weights[1].items())
    assert not all(torch.equal(found[name], part) for name, part in weights[3].items())


@pytest.mark.parametrize(("patience", "epochs"), [(0, 7), (1, 3), (3, 5)])
def test_training_ends_once_nothing_gets_better(
    log_mel: Dataset,
    normalization: Normalization,
    monkeypatch: pytest.MonkeyPatch,
    patience: int,
    epochs: int,
) -> None:
    split, _ = split_by_actor(log_mel)
    planned = [0.5, 0.6, 0.6, 0.4, 0.55, 0.3, 0.9]  # the same again is no better
    weights: list[dict[str, Tensor]] = []

    def say(network: nn.Module, *others: Any) -> dict[str, float]:
        weights.append({name: part.clone() for name, part in network.state_dict().items()})
        return dict.fromkeys(MODES, planned[len(weights) - 1])

    monkeypatch.setattr(network_module, "validation_scores", say)
    reports: list[EpochReport] = []
    recipe = _recipe(epochs=7)
    network = train_network(
        log_mel,
        split.train,
        split.validation,
        LABELS,
        replace(recipe, training=replace(recipe.training, patience=patience, schedule="constant")),
        normalization,
        seed=1,
        report=reports.append,
    )
    assert [report.epoch for report in reports] == list(range(1, epochs + 1))
    assert all(report.validation for report in reports)
    best = weights[planned.index(max(planned[:epochs]))]
    assert all(torch.equal(part, best[name]) for name, part in network.state_dict().items())


@pytest.mark.parametrize(
    ("schedule", "patience", "first"),
    [("cosine", 0, 6), ("cosine", 2, 1), ("constant", 0, 1), ("plateau", 0, 1)],
)
def test_epochs_are_judged_once_one_of_them_can_be_the_best(
    schedule: str, patience: int, first: int
) -> None:
    training = TrainingOptions(epochs=10, schedule=schedule, patience=patience)
    judged = [epoch for epoch in range(1, 11) if not _too_early(epoch, training)]
    assert judged == list(range(first, 11))
    # The last one always is.
    assert not _too_early(1, replace(training, epochs=1))


def test_outputs_come_in_the_order_asked_for(
    log_mel: Dataset, normalization: Normalization
) -> None:
    network = _trained(log_mel, normalization)
    # Clips of unlike length, which are sorted by it on the way.
    features = tuple(
        replace(clip, values=clip.values[: 39 - (7 * index) % 30])
        for index, clip in enumerate(log_mel.features)
    )
    dataset = replace(log_mel, features=features)
    indexes = list(range(0, 60, 3))
    source = ClipSource(dataset, normalization, described=True)
    together = network_outputs(network, source, indexes)
    assert list(together) == list(MODES)
    assert [set(outputs) for outputs in together.values()] == [{"logits"}] * 2
    alone = [network_outputs(network, source, [i])["unknown"]["logits"][0] for i in indexes]
    np.testing.assert_allclose(together["unknown"]["logits"], alone, atol=1e-4)
    # With profiles the others of a speaker count, yet neither their order nor other speakers.
    enrolled = dict(zip(indexes, together["enrolled"]["logits"], strict=True))
    for group in dataset.by_speaker(indexes).values():
        turned = network_outputs(network, source, group[::-1])["enrolled"]["logits"]
        np.testing.assert_allclose(turned, [enrolled[i] for i in group[::-1]], atol=1e-4)
        single = network_outputs(network, source, group[:1])["enrolled"]["logits"]
        assert (np.abs(single[0] - enrolled[group[0]]).max() > 1e-3) == (len(group) > 1)


def test_clips_of_unknown_speakers_are_judged_alike_in_both_modes(
    log_mel: Dataset, normalization: Normalization
) -> None:
    network = _trained(log_mel, normalization)
    utterances = [
        replace(one, speaker=None) if index % 2 else one
        for index, one in enumerate(log_mel.utterances)
    ]
    dataset = replace(log_mel, utterances=tuple(utterances))
    source = ClipSource(dataset, normalization, described=True)
    found = network_outputs(network, source, range(10))
    apart = np.abs(found["enrolled"]["logits"] - found["unknown"]["logits"]).max(axis=1)
    assert (apart[1::2] < 1e-5).all()
    assert (apart[::2] > 1e-3).all()


def test_clips_are_compared_as_the_network_compares_them(
    log_mel: Dataset, normalization: Normalization
) -> None:
    """In validation with all clips of a speaker, in training with some: by one formula."""
    network = _trained(log_mel, normalization)
    indexes = list(range(0, 64, 3))
    source = ClipSource(log_mel, normalization, described=True)
    found = network_outputs(network, source, indexes)["enrolled"]["logits"]
    peers = torch.zeros(len(indexes), len(indexes))
    levels = torch.zeros(len(indexes))
    own = np.array([log_mel.features[index].level for index in indexes])
    for group in log_mel.by_speaker(indexes).values():
        rows = [indexes.index(index) for index in group]
        for row in rows:
            peers[row, rows] = 1 / (len(rows) + 2.0)
            levels[row] = len(rows) / (len(rows) + 2.0) * (own[row] - own[rows].mean())
    inputs = network_inputs(source.whole(indexes, "enrolled"), log_mel.spec)
    with torch.inference_mode():
        expected = network(**inputs, level=levels, peers=peers)["logits"]
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-4)


@pytest.mark.parametrize(
    ("sounds", "weight", "kept"), [(4, 0.2, True), (0, 0.2, False), (4, 0, True)]
)
def test_a_head_for_speech_is_kept_if_it_is_taught(
    log_mel: Dataset, normalization: Normalization, sounds: int, weight: float, kept: bool
) -> None:
    """What was never taught must never be asked."""
    recipe = _recipe(epochs=1)
    recipe = replace(recipe, training=replace(recipe.training, speech_weight=weight))
    dataset = replace(log_mel, non_speech=log_mel.features[:sounds])
    network = _trained(dataset, normalization, recipe)
    clips = ClipSource(dataset, normalization, described=True).whole([0, 1], "unknown")
    assert ("speech" in network(**network_inputs(clips, dataset.spec))) == kept


def test_speech_is_learned(log_mel: Dataset, normalization: Normalization) -> None:
    """Hum, as loud as the voices and without their changes, is told from them."""
    hum = np.linspace(-20, -80, LOG_MEL.dimensions, dtype=np.float32)
    generator = np.random.default_rng(0)
    sounds = tuple(
        Features((hum + generator.normal(0, 1, (30, len(hum)))).astype(np.float32), -26.0, 0.0)
        for _ in range(12)
    )
    dataset = replace(log_mel, non_speech=sounds[:8])
    recipe = _recipe(epochs=3)
    training = replace(recipe.training, clips_per_epoch=320, speech_weight=1.0)
    network = _trained(dataset, normalization, replace(recipe, training=training))
    heard = replace(log_mel, features=(*log_mel.features[:8], *sounds[8:], *log_mel.features[12:]))
    clips = ClipSource(heard, normalization, described=True).whole(range(12), "unknown")
    with torch.inference_mode():
        said = network(**network_inputs(clips, dataset.spec))["speech"] > 0
    assert said.tolist() == [True] * 8 + [False] * 4


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

    def forward(self, features: torch.Tensor, **others: torch.Tensor) -> dict[str, torch.Tensor]:
        said = features[:, 0, 0].round().long()
        logits = nn.functional.one_hot(said, 4).float()
        logits[:, 3] = 5.0
        return {"logits": logits}


def test_validation_is_scored_over_the_labels_of_each_corpus() -> None:
    labels = ("angry", "happy", "neutral", "sad")
    utterances = [
        *(utterance(label, speaker=None) for label in ("angry", "happy", "happy", "happy")),
        *(utterance(label, speaker=None, corpus="tess") for label in ("happy", *["neutral"] * 2)),
    ]
    said = [0, 1, 1, 0, 1, 2, 1]
    dataset = made_up(utterances, LOG_MEL)
    features = tuple(
        replace(clip, values=np.full_like(clip.values, value))
        for clip, value in zip(dataset.features, said, strict=True)
    )
    dataset = replace(dataset, features=features)
    plain = Normalization(np.zeros(24, np.float32), np.ones(24, np.float32), 2.0)
    source = ClipSource(dataset, plain, described=False)
    found = validation_scores(_Oracle(), source, range(7), labels)
    truth = np.array([labels.index(str(one.emotion)) for one in utterances])
    judged = np.array(said)
    expected = [
        unweighted_average_recall(truth[part], judged[part], 4)
        for part in (slice(0, 4), slice(4, 7))
    ]
    # By hand: (1 + 2/3) / 2 and (1 + 1/2) / 2.
    assert expected == pytest.approx([5 / 6, 3 / 4])
    assert found["unknown"] == pytest.approx(np.mean(expected))
    # Of unknown speakers the clips say the same in both modes.
    assert found["enrolled"] == pytest.approx(np.mean(expected))


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("adam", torch.optim.Adam),
        ("adamw", torch.optim.AdamW),
        ("rmsprop", torch.optim.RMSprop),
    ],
)
def test_the_optimizer_is_the_one_named(word: str, kind: type[torch.optim.Optimizer]) -> None:
    network = nn.Linear(3, 2)
    made = _optimizer(
        network, TrainingOptions(epochs=1, optimizer=word, learning_rate=0.25, weight_decay=0.125)
    )
    assert type(made) is kind
    (group,) = made.param_groups
    assert (group["lr"], group["weight_decay"]) == (0.25, 0.125)
    assert {id(part) for part in group["params"]} == {id(part) for part in network.parameters()}


class _Judge(nn.Module):
    """A linear layer on the mean over frames."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(4)
        self.emotion = nn.Linear(6, 3)

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        return {"logits": self.emotion(features.mean(dim=1))}


def _batches(count: int, clips: int = 4, *, seed: int = 0) -> list[Batch]:
    generator = torch.Generator().manual_seed(seed)
    return [
        Batch(
            {"features": torch.randn(clips, 5, 6, generator=generator)},
            nn.functional.one_hot(torch.randint(3, (clips,), generator=generator), 3).float(),
            torch.ones(clips, 3, dtype=torch.bool),
            torch.full((clips,), -1),
            torch.ones(clips),
        )
        for _ in range(count)
    ]


def _trainer(*, steps: int = 100, mixup: float = 0.0, **training: Any) -> _Trainer:
    values: Any = {"label_smoothing": 0.0, "schedule": "constant"} | training
    options = TrainingOptions(epochs=1, **values)
    augment = AugmentOptions(mixup=mixup)
    recipe = NetworkRecipe(name="made-up", training=options, augment=augment)
    return _Trainer(_Judge(), recipe, steps, 9)


def _rate(trainer: _Trainer) -> float:
    return float(trainer.optimizer.param_groups[0]["lr"])


def test_a_constant_rate_stays() -> None:
    trainer = _trainer(learning_rate=0.25)
    for epoch in range(6):
        trainer.epoch(_batches(2))
        trainer.judged(-epoch)
        assert _rate(trainer) == 0.25


def test_the_rate_halves_on_a_plateau() -> None:
    trainer = _trainer(schedule="plateau", learning_rate=0.25)
    rates = []
    # Three epochs without a better score are waited for; a better one begins anew.
    for score in (0.5, 0.4, 0.5, 0.5, 0.6, 0.5, 0.6, 0.6, 0.6, 0.1, 0.1, 0.1, 0.1):
        trainer.epoch(_batches(1))
        trainer.judged(score)
        rates.append(_rate(trainer))
    assert rates == [*[0.25] * 8, *[0.125] * 4, 0.0625]


def test_the_rate_follows_its_cosine_step_by_step() -> None:
    trainer = _trainer(schedule="cosine", learning_rate=0.25, steps=20)
    rates = []
    for batch in _batches(20):
        rates.append(_rate(trainer))
        trainer.epoch([batch])
    assert rates == pytest.approx([0.25 * _share_of_rate(step / 20) for step in range(20)])


@pytest.mark.parametrize("averaging", [0.0, 0.15, 0.995])
def test_what_is_kept_is_the_average_of_the_weights(averaging: float) -> None:
    trainer = _trainer(averaging=averaging, learning_rate=0.1)
    average: Any = trainer.average
    kept = average.emotion.weight.clone()
    for step, batch in enumerate(_batches(5), start=1):
        trainer.epoch([batch])
        decay = min(averaging, (1 + step) / (10 + step))
        new = trainer.network.emotion.weight.detach()
        kept = decay * kept + (1 - decay) * new
        torch.testing.assert_close(average.emotion.weight, kept)
        if not averaging:
            assert torch.equal(average.emotion.weight, new)
    assert not average.training


def _cross_entropy(logits: Tensor, targets: Tensor) -> float:
    return float(nn.functional.cross_entropy(logits.detach(), targets))


def test_mixed_clips_have_both_targets_by_their_share() -> None:
    trainer = _trainer(mixup=0.7, sex_weight=0.0)
    (batch,) = _batches(1, clips=8)
    found = trainer._loss(batch)
    same = np.random.default_rng([9, 1])
    share = same.beta(0.7, 0.7)
    order = same.permutation(8)
    assert 0.01 < share < 0.99
    features = batch.inputs["features"]
    logits = trainer.network(share * features + (1 - share) * features[order])["logits"]
    expected = share * _cross_entropy(logits, batch.targets)
    expected += (1 - share) * _cross_entropy(logits, batch.targets[order])
    assert float(found.detach()) == pytest.approx(expected, rel=1e-5)
    # Without it, the clips are themselves.
    plain = trainer.network(features)["logits"]
    found = _trainer(sex_weight=0.0)._loss(batch)
    assert float(found.detach()) == pytest.approx(_cross_entropy(plain, batch.targets), rel=1e-5)


def test_branches_are_trained_each_by_itself_and_the_rest_is_added() -> None:
    (batch,) = _batches(1)
    training = TrainingOptions(epochs=1, label_smoothing=0.0, sex_weight=0.25)
    generator = torch.Generator().manual_seed(1)
    first, second, sex = (torch.randn(4, size, generator=generator) for size in (3, 3, 2))
    one, other = (_cross_entropy(logits, batch.targets) for logits in (first, second))
    outputs = {"logits": first, "branches": torch.stack([first, second], dim=1)}
    assert float(_loss(outputs, batch, training)) == pytest.approx((one + other) / 2, rel=1e-5)
    assert float(_loss({"logits": second}, batch, training)) == pytest.approx(other, rel=1e-5)
    outputs = {"logits": first, "penalty": torch.tensor(7.0)}
    assert float(_loss(outputs, batch, training)) == pytest.approx(one + 7, rel=1e-5)
    # A head for the sex counts for the clips whose speaker's is known, if there are any.
    outputs = {"logits": first, "sex": sex}
    assert float(_loss(outputs, batch, training)) == pytest.approx(one, rel=1e-5)
    known = replace(batch, sexes=torch.tensor([1, -1, 0, -1]))
    told = _cross_entropy(sex[[0, 2]], torch.tensor([1, 0]))
    assert float(_loss(outputs, known, training)) == pytest.approx(one + 0.25 * told, rel=1e-5)
    assert float(_loss({"logits": first}, known, training)) == pytest.approx(one, rel=1e-5)
    free = replace(training, sex_weight=0.0)
    assert float(_loss(outputs, known, free)) == pytest.approx(one, rel=1e-5)


def test_a_head_for_speech_hears_everything() -> None:
    """What is not speech carries no emotion and is of no sex, and is heard for what it is."""
    (batch,) = _batches(1)
    targets = batch.targets.clone()
    targets[3] = 0
    batch = replace(batch, targets=targets, speech=torch.tensor([1.0, 1.0, 1.0, 0.0]))
    training = TrainingOptions(epochs=1, label_smoothing=0.0, speech_weight=0.5)
    generator = torch.Generator().manual_seed(1)
    logits, speech = torch.randn(4, 3, generator=generator), torch.randn(4, generator=generator)
    emotion = _cross_entropy(logits[:3], targets[:3])
    said = torch.sigmoid(speech)
    hearing = -float(torch.log(torch.cat([said[:3], 1 - said[3:]])).mean())
    outputs = {"logits": logits, "speech": speech}
    assert float(_loss(outputs, batch, training)) == pytest.approx(emotion + 0.5 * hearing)
    assert float(_loss({"logits": logits}, batch, training)) == pytest.approx(emotion)
    deaf = replace(training, speech_weight=0.0)
    assert float(_loss(outputs, batch, deaf)) == pytest.approx(emotion)


def test_descriptions_are_compared_in_full_precision(normalization: Normalization) -> None:
    """A variance is a small difference of large numbers; narrow ones would lose it."""
    recipe = _recipe(epochs=1)
    torch.manual_seed(0)
    network = LogMelCnn(24, 4, network_options(recipe, LOG_MEL, "tiny")).eval()
    generator = torch.Generator().manual_seed(0)
    description = 5 + 0.05 * torch.randn(8, network.description, generator=generator)
    network.describe = lambda *_: {"description": description}  # type: ignore[method-assign]
    inputs = {
        "features": torch.zeros(8, 9, 24),
        "peers": torch.full((8, 8), 1 / (8 + 0.001)),
        "level": torch.zeros(8),
    }
    wide = network(**inputs)["logits"]
    with torch.autocast("cpu", torch.bfloat16):
        narrow = network(**inputs)["logits"]
    torch.testing.assert_close(narrow, wide, atol=1e-5, rtol=0)


def test_narrow_numbers_are_close_and_come_back_wide() -> None:
    narrow, wide = (_trainer(precision=word) for word in ("bfloat16", "float32"))
    (batch,) = _batches(1, clips=16)
    found, expected = (trainer._forward(batch.inputs)["logits"] for trainer in (narrow, wide))
    assert found.dtype == torch.float32
    assert not torch.equal(found, expected)
    torch.testing.assert_close(found, expected, atol=0.02, rtol=0.02)
    for trainer in (narrow, wide):
        loss = trainer.epoch(_batches(3))
        assert math.isfinite(loss)
        for network in (trainer.network, trainer.average):
            assert {part.dtype for part in network.parameters()} == {torch.float32}
    one, other = (list(trainer.average.parameters()) for trainer in (narrow, wide))
    torch.testing.assert_close(one, other, atol=0.02, rtol=0.02)
    # What is judged is judged in full precision.
    average: Any = narrow.average
    judged = average(**batch.inputs)["logits"]
    by_hand = average.emotion(batch.inputs["features"].mean(dim=1))
    assert torch.equal(judged, by_hand)


class _Branches(nn.Module):
    """Of two branches one reads the label off the clip's first values, the other off the next."""

    def __init__(self) -> None:
        super().__init__()
        self.share = nn.Parameter(torch.tensor(0.5), requires_grad=False)

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        branches = features[:, 0, :6].reshape(-1, 2, 3)
        logits = self.share * branches[:, 0] + (1 - self.share) * branches[:, 1]
        return {"logits": logits, "branches": branches}

    def combine(self, share: float) -> None:
        self.share.fill_(share)


def _heard_by_branches(first: float, second: float) -> ClipSource:
    """Clips in which each branch finds the truth so loudly in noise."""
    labels = ("angry", "happy", "sad")
    spec = FeatureSpec(kind="mfcc", coefficients=6, frames=1)
    dataset = made_up([utterance(labels[k % 3]) for k in range(90)], spec, seed=2)
    truth = np.eye(3, dtype=np.float32)[np.arange(90) % 3]
    features = tuple(
        replace(clip, values=clip.values + np.concatenate([first * row, second * row])[None])
        for clip, row in zip(dataset.features, truth, strict=True)
    )
    plain = Normalization(np.zeros(6, np.float32), np.ones(6, np.float32), 1e9)
    return ClipSource(replace(dataset, features=features), plain, described=False)


@pytest.mark.parametrize(
    ("first", "second", "least", "most"),
    [(4.0, 0.0, 0.8, 1.0), (0.0, 4.0, 0.0, 0.2), (2.0, 2.0, 0.3, 0.7)],
)
def test_the_branch_that_knows_more_counts_more(
    first: float, second: float, least: float, most: float
) -> None:
    network = _Branches()
    source = _heard_by_branches(first, second)
    _combine(network, source, range(90), ("angry", "happy", "sad"))
    assert least <= float(network.share) <= most


def test_a_network_without_branches_is_left_as_it_is() -> None:
    network = _Judge()
    before = network.emotion.weight.clone()
    _combine(network, _heard_by_branches(1.0, 1.0), range(90), ("angry", "happy", "sad"))
    assert torch.equal(network.emotion.weight, before)


def test_branches_come_in_the_order_asked_for() -> None:
    source = _heard_by_branches(1.0, 2.0)
    indexes = [70, 3, 88, 12]
    for mode, found in network_outputs(_Branches(), source, indexes).items():
        assert found["branches"].shape == (4, 2, 3)
        for row, clip in enumerate(source.whole(indexes, mode)):
            np.testing.assert_allclose(found["branches"][row].reshape(-1), clip[0])


@pytest.mark.parametrize("name", ["blstm-attention", "mfcc-cnn", "cepstral-cnn"])
def test_other_networks_are_trained_by_the_same_loop(name: str, log_mel: Dataset) -> None:
    """Of a fixed length or masked, with everything that a recipe can say."""
    masked = name == "blstm-attention"
    spec = replace(LOG_MEL, frames=32, masked=masked)
    cut = tuple(replace(clip, values=clip.values[:32]) for clip in log_mel.features)
    dataset = replace(log_mel, spec=spec, features=cut, copies=tuple((clip,) for clip in cut))
    recipe = _recipe(epochs=2)
    options: dict[str, dict[str, Any]] = {
        "blstm-attention": {"widths": [8], "units": 4},
        "mfcc-cnn": {"channels": [2, 3], "kernels": [3, 3]},
        "cepstral-cnn": {"channels": [4, 4], "width": 8},
    }
    training = replace(recipe.training, precision="bfloat16", schedule="plateau", patience=1)
    # Slower clips would be longer than the network takes.
    augment = replace(recipe.augment, stretch=0.5, mixup=0.4)
    split, _ = split_by_actor(dataset)
    network = train_network(
        dataset,
        split.train,
        split.validation,
        LABELS,
        NetworkRecipe(name=name, options=options[name], training=training, augment=augment),
        Normalization(*population(dataset, split.train), 2.0),
        seed=0,
    )
    assert not network.training
    assert all(bool(torch.isfinite(part).all()) for part in network.state_dict().values())


def test_a_training_that_diverges_is_refused(
    log_mel: Dataset, normalization: Normalization, monkeypatch: pytest.MonkeyPatch
) -> None:
    split, _ = split_by_actor(log_mel)
    monkeypatch.setattr(
        network_module, "masked_loss", lambda logits, *others: math.nan * logits.sum()
    )
    with pytest.raises(RecipeInvalid, match=r"diverged in epoch 1.*lower learning_rate than 0\.02"):
        train_network(
            log_mel,
            split.train,
            split.validation,
            LABELS,
            _recipe(epochs=2),
            normalization,
            seed=0,
        )
