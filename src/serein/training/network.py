"""Training of a network: a plain torch loop, one speaker-disjoint validation, two modes."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from serein.bundle import MODES, Mode, Normalization
from serein.errors import RecipeInvalid
from serein.features.spectral import FloatArray
from serein.metrics import unweighted_average_recall
from serein.training.calibration import fit_temperature, negative_log_likelihood
from serein.training.clips import Batch, ClipDrawer, ClipSource, network_inputs
from serein.training.data import Dataset
from serein.training.network_recipe import NetworkRecipe, TrainingOptions, network_options
from serein.training.networks import NETWORKS
from serein.training.networks.log_mel_cnn import profiles
from serein.training.speaker_groups import SpeakerDrawer
from serein.training.speech_head import fit_speech_head

EVALUATION_BATCH = 64
WARM_UP = 0.1  # share of the steps
LARGEST_GRADIENT = 5.0  # norm over all parameters
JUDGED_FROM = 0.5  # share of the epochs, where the rate falls to the last
ABSENT = -1e4  # logit of a label that the clip's corpus does not hold
PLATEAU_PATIENCE = 3
"""Epochs without a better score after which the schedule ``plateau`` halves the rate."""
COMBINATION_STEPS = 20
"""Steps from one branch alone to the other in which their combination is looked for."""


@dataclass(frozen=True)
class EpochReport:
    """What an epoch came to: its loss, and UAR on the validation speakers by mode (0 to 1).

    Where the learning rate falls as a cosine, early epochs are not judged.
    """

    epoch: int
    epochs: int
    loss: float
    validation: dict[Mode, float]


Report = Callable[[EpochReport], None]


def masked_loss(logits: Tensor, targets: Tensor, allowed: Tensor, smoothing: float) -> Tensor:
    """Cross-entropy over the labels of each clip's own corpus.

    Parameters
    ----------
    targets
        Share of each label, shape (clips, labels); clips with none take no part.
    allowed
        True where the corpus holds the label, shape (clips, labels).
    smoothing
        Share of the target spread over the allowed labels.
    """
    log_probabilities = torch.log_softmax(logits.masked_fill(~allowed, ABSENT), dim=1)
    chosen = (log_probabilities * targets).sum(dim=1)
    spread = (log_probabilities * allowed).sum(dim=1) / allowed.sum(dim=1)
    labelled = targets.sum(dim=1)
    losses = (1 - smoothing) * chosen + smoothing * spread * labelled
    return -losses.sum() / labelled.sum().clamp(min=1.0)


def train_network(
    dataset: Dataset,
    train: Sequence[int],
    validation: Sequence[int],
    labels: Sequence[str],
    recipe: NetworkRecipe,
    normalization: Normalization,
    *,
    seed: int,
    report: Report | None = None,
) -> nn.Module:
    """Train a network and return it as it was in its best epoch, in evaluation mode.

    The best epoch is the one with the highest UAR on the validation speakers, as a mean over
    corpora and over both modes. What a network of several branches makes of them is learned last,
    on the validation speakers too.

    Raises
    ------
    RecipeInvalid
        If the loss becomes infinite or no number.
    """
    torch.manual_seed(seed)
    kind = NETWORKS[recipe.name]
    options = network_options(recipe, dataset.spec, "recipe")
    network: Any = kind.build(dataset.spec, len(labels), options)
    training = recipe.training
    if not dataset.non_speech and hasattr(network, "speech"):
        network.speech = None  # nothing teaches it, so it must not be asked
    source = ClipSource(dataset, normalization, described=kind.described)
    draw = SpeakerDrawer if kind.described else ClipDrawer
    drawer = draw(source, train, labels, recipe, seed)
    trainer = _Trainer(network, recipe, training.epochs * drawer.batches, seed)
    best, best_score, best_epoch = trainer.state(), -1.0, 0
    for epoch in range(1, training.epochs + 1):
        loss = trainer.epoch(drawer.epoch())
        if not math.isfinite(loss):
            raise RecipeInvalid(
                f"the training diverged in epoch {epoch}: its loss is no number any more; set a "
                f"lower learning_rate than {training.learning_rate:g}"
            )
        scores: dict[Mode, float] = {}
        if not _too_early(epoch, training):
            scores = validation_scores(trainer.average, source, validation, labels)
            score = sum(scores.values()) / len(scores)
            if score > best_score:
                best, best_score, best_epoch = trainer.state(), score, epoch
            trainer.judged(score)
        if report is not None:
            report(EpochReport(epoch, training.epochs, loss, scores))
        if training.patience and epoch - best_epoch >= training.patience:
            break
    trainer.average.load_state_dict(best)
    trained: nn.Module = trainer.average.cpu().eval()
    _combine(trained, source, validation, labels)
    if kind.described and dataset.non_speech:
        fit_speech_head(trained, source, train, seed=seed)
    return trained


def _too_early(epoch: int, training: TrainingOptions) -> bool:
    """Whether the rate is still so high that no epoch can be the best one yet.

    Where a training may end early, or the rate depends on the score, every epoch is judged.
    """
    ends_low = training.schedule == "cosine" and not training.patience
    return ends_low and epoch <= JUDGED_FROM * training.epochs


class _Trainer:
    """A network under training, and beside it the average of its weights, which is kept."""

    def __init__(self, network: nn.Module, recipe: NetworkRecipe, steps: int, seed: int) -> None:
        self.training = recipe.training
        self.mixup = recipe.augment.mixup
        self.generator = np.random.default_rng([seed, 1])
        self.accelerator = Accelerator()
        self.average = copy.deepcopy(network).eval().to(self.accelerator.device)
        optimizer = _optimizer(network, self.training)
        self.plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
            optimizer, mode="max", factor=0.5, patience=PLATEAU_PATIENCE
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer,
            lambda step: _share_of_rate(step / steps) if self.training.schedule == "cosine" else 1,
        )
        self.network, self.optimizer, self.schedule = self.accelerator.prepare(
            network, optimizer, schedule
        )
        self.done = 0

    def state(self) -> dict[str, Tensor]:
        """A copy of the averaged weights."""
        return copy.deepcopy(self.average.state_dict())

    def judged(self, score: float) -> None:
        """Hear how an epoch did."""
        if self.training.schedule == "plateau":
            self.plateau.step(score)

    def epoch(self, batches: Iterable[Batch]) -> float:
        """Train on batches and return their mean loss."""
        self.network.train()
        losses = []
        for batch in batches:
            loss = self._loss(batch.to(self.accelerator.device))
            self.optimizer.zero_grad()
            self.accelerator.backward(loss)
            self.accelerator.clip_grad_norm_(self.network.parameters(), LARGEST_GRADIENT)
            self.optimizer.step()
            if self.training.schedule == "cosine":
                self.schedule.step()
            self.done += 1
            # Early on the average must follow quickly, or it would be of the start's weights.
            decay = min(self.training.averaging, (1 + self.done) / (10 + self.done))
            _average(self.average, self.accelerator.unwrap_model(self.network), decay)
            losses.append(float(loss.detach()))
        return float(np.mean(losses))

    def _forward(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        # Not left to accelerate, which keeps one precision for all trainings of a process.
        narrow = self.training.precision == "bfloat16"
        with torch.autocast(self.accelerator.device.type, torch.bfloat16, enabled=narrow):
            outputs = self.network(**inputs)
        return {name: part.float() for name, part in outputs.items()}

    def _loss(self, batch: Batch) -> Tensor:
        if not self.mixup:
            return _loss(self._forward(batch.inputs), batch, self.training)
        share = float(self.generator.beta(self.mixup, self.mixup))
        order = torch.from_numpy(self.generator.permutation(len(batch.targets)))
        order = order.to(batch.targets.device)
        outputs = self._forward(batch.mixed(share, order).inputs)
        own = _loss(outputs, batch, self.training)
        return share * own + (1 - share) * _loss(outputs, batch.of_others(order), self.training)


def validation_scores(
    network: nn.Module, source: ClipSource, indexes: Sequence[int], labels: Sequence[str]
) -> dict[Mode, float]:
    """UAR over each corpus's own labels, as a mean over corpora, 0 to 1, in both modes."""
    dataset = source.dataset
    allowed = dataset.label_mask(labels)[list(indexes)]
    targets = dataset.targets(labels)[list(indexes)]
    corpora = np.array([dataset.utterances[index].corpus for index in indexes])
    scores: dict[Mode, float] = {}
    for mode, outputs in network_outputs(network, source, indexes).items():
        predicted = np.where(allowed, outputs["logits"], -np.inf).argmax(axis=1)
        by_corpus = [
            unweighted_average_recall(
                targets[corpora == name], predicted[corpora == name], len(labels)
            )
            for name in np.unique(corpora)
        ]
        scores[mode] = float(np.mean(by_corpus))
    return scores


def network_outputs(
    network: nn.Module, source: ClipSource, indexes: Sequence[int]
) -> dict[Mode, dict[str, FloatArray]]:
    """Logits of clips as they are judged in both modes, and of the network's branches if any.

    In mode E a speaker's profile is made of all clips of that one in ``indexes``.

    Returns
    -------
    dict
        By mode ``logits``, shape (clips, labels), and perhaps ``branches``, (clips, branches,
        labels), in the order of ``indexes``.
    """
    unknown = _run(network, source, source.whole(indexes, "unknown"))
    if not source.described:
        enrolled = _run(network, source, source.whole(indexes, "enrolled"))
        return {"unknown": unknown, "enrolled": enrolled}
    logits = _compared(network, source, indexes, unknown["description"])
    return {"unknown": {"logits": unknown["logits"]}, "enrolled": {"logits": logits}}


def _run(
    network: nn.Module, source: ClipSource, clips: Sequence[FloatArray]
) -> dict[str, FloatArray]:
    device = next(network.parameters()).device
    # Clips of like length together: less padding to compute.
    order = sorted(range(len(clips)), key=lambda position: len(clips[position]))
    parts: dict[str, list[FloatArray]] = {}
    with torch.inference_mode():
        for begin in range(0, len(order), EVALUATION_BATCH):
            rows = order[begin : begin + EVALUATION_BATCH]
            inputs = network_inputs([clips[row] for row in rows], source.dataset.spec)
            outputs = network(**{name: part.to(device) for name, part in inputs.items()})
            for name in ("logits", "branches", "description"):
                if name in outputs:
                    parts.setdefault(name, []).append(outputs[name].cpu().numpy())
    found = {}
    for name, pieces in parts.items():
        joined = np.concatenate(pieces)
        found[name] = np.empty_like(joined)
        found[name][order] = joined
    return found


def _compared(
    network: Any, source: ClipSource, indexes: Sequence[int], descriptions: FloatArray
) -> FloatArray:
    """Logits of clips that are compared with all of their speakers' in ``indexes``."""
    device = next(network.parameters()).device
    prior = source.normalization.prior_clips
    levels = np.array([source.dataset.features[index].level for index in indexes])
    center, scale = np.zeros_like(descriptions), np.zeros_like(descriptions)
    louder = np.zeros(len(indexes), dtype=np.float32)
    places = {index: place for place, index in enumerate(indexes)}
    for group in source.dataset.by_speaker(indexes).values():
        rows = [places[index] for index in group]
        weight = len(rows) / (len(rows) + prior)
        own = torch.from_numpy(descriptions[rows])
        peers = torch.full((1, len(rows)), weight / len(rows))
        mean, inverse = profiles(own, peers)
        center[rows], scale[rows] = mean.numpy(), inverse.numpy()
        louder[rows] = weight * (levels[rows] - levels[rows].mean())
    with torch.inference_mode():
        given = (
            torch.from_numpy(part).to(device) for part in (descriptions, center, scale, louder)
        )
        logits: FloatArray = network.judge(*given)["logits"].cpu().numpy()
    return logits


def _combine(
    network: nn.Module, source: ClipSource, indexes: Sequence[int], labels: Sequence[str]
) -> None:
    """Let a network of two branches count each as is most likely on the validation clips.

    Both are weighed in the sum of their logits, and every sum is judged at its best temperature.
    """
    combine = getattr(network, "combine", None)
    if combine is None:
        return
    outputs = network_outputs(network, source, indexes)
    found = [outputs[mode]["branches"] for mode in MODES]
    first, second = np.moveaxis(np.concatenate(found), 1, 0)
    targets = np.tile(source.dataset.targets(labels)[list(indexes)], len(MODES))
    allowed = np.tile(source.dataset.label_mask(labels)[list(indexes)], (len(MODES), 1))

    def loss(share: float) -> float:
        logits = share * first + (1 - share) * second
        temperature = fit_temperature(logits, targets, allowed)
        return negative_log_likelihood(logits / temperature, targets, allowed)

    combine(min((step / COMBINATION_STEPS for step in range(COMBINATION_STEPS + 1)), key=loss))


def _optimizer(network: nn.Module, training: TrainingOptions) -> torch.optim.Optimizer:
    makers: dict[str, Callable[..., torch.optim.Optimizer]] = {
        "adamw": torch.optim.AdamW,
        "adam": torch.optim.Adam,
        "rmsprop": torch.optim.RMSprop,
    }
    return makers[training.optimizer](
        network.parameters(), lr=training.learning_rate, weight_decay=training.weight_decay
    )


def _share_of_rate(progress: float) -> float:
    """Share of the learning rate: rises for a tenth of the training, then falls as a cosine."""
    if progress < WARM_UP:
        return 0.02 + 0.98 * progress / WARM_UP
    return 0.5 * (1.0 + math.cos(math.pi * min(1.0, (progress - WARM_UP) / (1.0 - WARM_UP))))


def _loss(outputs: dict[str, Tensor], batch: Batch, training: TrainingOptions) -> Tensor:
    """The loss of the emotions (of each branch by itself) and of all else that is learned."""
    branches = outputs["branches"].unbind(1) if "branches" in outputs else [outputs["logits"]]
    losses = [
        masked_loss(logits, batch.targets, batch.allowed, training.label_smoothing)
        for logits in branches
    ]
    loss = torch.stack(losses).mean()
    if training.sex_weight and "sex" in outputs and bool((batch.sexes >= 0).any()):
        sex: Any = nn.functional.cross_entropy(outputs["sex"], batch.sexes, ignore_index=-1)
        loss = loss + training.sex_weight * sex
    if training.speech_weight and "speech" in outputs:
        speech: Any = nn.functional.binary_cross_entropy_with_logits(
            outputs["speech"], batch.speech
        )
        loss = loss + training.speech_weight * speech
    return loss + outputs["penalty"] if "penalty" in outputs else loss


def _average(average: nn.Module, network: nn.Module, decay: float) -> None:
    with torch.no_grad():
        for kept, new in zip(
            average.state_dict().values(), network.state_dict().values(), strict=True
        ):
            if kept.dtype.is_floating_point:
                kept.lerp_(new, 1 - decay)
            else:
                kept.copy_(new)
