"""Training of a network: a plain torch loop, one speaker-disjoint validation, two modes."""

from __future__ import annotations

import copy
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from serein.bundle import MODES, Mode, Normalization
from serein.features import Features
from serein.features.spectral import FloatArray
from serein.metrics import unweighted_average_recall
from serein.recognition import Reference
from serein.training.augment import Change, mask
from serein.training.data import Dataset, speaker_references
from serein.training.networks import NETWORKS
from serein.training.recipe import NetworkRecipe, TrainingOptions, network_options

EVALUATION_BATCH = 64
WARM_UP = 0.1  # share of the steps
LARGEST_GRADIENT = 5.0  # norm over all parameters
SMALL_PROFILES = 0.5
"""Share of the enrolled clips whose profile is of fewer clips than there are, down to one."""

ABSENT = -1e4  # logit of a label that the clip's corpus does not hold


@dataclass(frozen=True)
class EpochReport:
    """What an epoch came to: its loss, and UAR on the validation speakers by mode (0 to 1)."""

    epoch: int
    epochs: int
    loss: float
    validation: dict[Mode, float]


Report = Callable[[EpochReport], None]


class ClipSource:
    """Normalised features of a dataset's clips, in either mode, for training or for scoring."""

    def __init__(self, dataset: Dataset, normalization: Normalization) -> None:
        self.dataset = dataset
        self.normalization = normalization
        self.response = dataset.spec.gain_response
        self._unknown = Reference.of(normalization, None)

    def whole(self, indexes: Sequence[int], mode: Mode) -> list[FloatArray]:
        """Clips as they are judged; in mode E each by all clips of its speaker in ``indexes``.

        Returns
        -------
        list
            A clip's features, and the same relative to its speaker, or zeros: shape (2, frames,
            dimensions).
        """
        references: dict[int, Reference] = {}
        if mode == "enrolled":
            references = speaker_references(self.dataset, indexes, self.normalization)
        clips = self.dataset.features
        return [self._pair(clips[index], references.get(index)) for index in indexes]

    def drawn(
        self,
        index: int,
        peers: Sequence[int],
        recipe: NetworkRecipe,
        generator: np.random.Generator,
    ) -> FloatArray:
        """A clip for training, cut and changed, in either mode; as :meth:`whole` gives it."""
        clip = self.dataset.features[index]
        longest = int(recipe.training.longest / self.dataset.spec.hop)
        begin = generator.integers(0, max(1, len(clip.values) - longest + 1))
        cut = clip.values[begin : begin + longest]
        change = Change.draw(recipe.augment, cut.shape[1], generator)
        changed = replace(clip, values=change.of_clip(cut, generator))
        reference = None
        if peers and generator.random() < recipe.training.enrolled_share:
            count = len(peers)
            if generator.random() < SMALL_PROFILES:
                count = round(math.exp(generator.uniform(0, math.log(count))))
            chosen = generator.choice(peers, count, replace=False).tolist()
            profile = change.of_profile(self.dataset.profile(chosen, model=""))
            reference = Reference.of(self.normalization, profile)
        return mask(self._pair(changed, reference), recipe.augment, generator)

    def _pair(self, clip: Features, enrolled: Reference | None) -> FloatArray:
        plain = self._unknown.normalize(clip, self.response)
        if enrolled is None:
            return np.stack([plain, np.zeros_like(plain)])
        return np.stack([plain, enrolled.normalize(clip, self.response)])


def pad(clips: Sequence[FloatArray]) -> tuple[Tensor, Tensor, Tensor]:
    """The network's input from pairs of different lengths, padded with zeros.

    Returns
    -------
    tuple
        Features and features relative to the speaker, (clips, frames, dimensions) each, and
        the lengths, (clips,).
    """
    lengths = torch.tensor([clip.shape[1] for clip in clips], dtype=torch.int64)
    padded = torch.zeros(len(clips), 2, int(lengths.max()), clips[0].shape[2])
    for row, clip in zip(padded, clips, strict=True):
        row[:, : clip.shape[1]] = torch.from_numpy(clip)
    return padded[:, 0], padded[:, 1], lengths


def masked_loss(logits: Tensor, targets: Tensor, allowed: Tensor, smoothing: float) -> Tensor:
    """Cross-entropy over the labels of each clip's own corpus.

    Parameters
    ----------
    allowed
        True where the corpus holds the label, shape (clips, labels).
    smoothing
        Share of the target spread over the allowed labels.
    """
    log_probabilities = torch.log_softmax(logits.masked_fill(~allowed, ABSENT), dim=1)
    chosen = log_probabilities.gather(1, targets[:, None])[:, 0]
    spread = (log_probabilities * allowed).sum(dim=1) / allowed.sum(dim=1)
    return -((1 - smoothing) * chosen + smoothing * spread).mean()


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
    corpora and over both modes.
    """
    torch.manual_seed(seed)
    kind = NETWORKS[recipe.name]
    options = network_options(recipe, dataset.spec.kind, "recipe")
    network = kind.build(dataset.spec.dimensions, len(labels), options)
    training = recipe.training
    drawer = _Drawer(dataset, train, labels, recipe, normalization, seed)
    trainer = _Trainer(network, training, training.epochs * drawer.batches)
    best, best_score = trainer.state(), -1.0
    for epoch in range(1, training.epochs + 1):
        loss = trainer.epoch(drawer.epoch())
        scores = {
            mode: validation_score(
                trainer.average, dataset, validation, labels, normalization, mode
            )
            for mode in MODES
        }
        score = sum(scores.values()) / len(scores)
        if score > best_score:
            best, best_score = trainer.state(), score
        if report is not None:
            report(EpochReport(epoch, training.epochs, loss, scores))
    trainer.average.load_state_dict(best)
    trained: nn.Module = trainer.average.cpu().eval()
    return trained


class _Trainer:
    """A network under training, and beside it the average of its weights, which is kept."""

    def __init__(self, network: nn.Module, training: TrainingOptions, steps: int) -> None:
        self.training = training
        self.accelerator = Accelerator()
        optimizer = torch.optim.AdamW(
            network.parameters(), lr=training.learning_rate, weight_decay=training.weight_decay
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: _share_of_rate(step / steps)
        )
        self.network, self.optimizer, self.schedule = self.accelerator.prepare(
            network, optimizer, schedule
        )
        self.average = copy.deepcopy(self.accelerator.unwrap_model(self.network)).eval()
        self.done = 0

    def state(self) -> dict[str, Tensor]:
        """A copy of the averaged weights."""
        return copy.deepcopy(self.average.state_dict())

    def epoch(self, batches: Iterable[Sequence[Tensor]]) -> float:
        """Train on batches and return their mean loss."""
        self.network.train()
        losses = []
        for batch in batches:
            moved = [part.to(self.accelerator.device) for part in batch]
            loss = _loss(self.network, moved, self.training)
            self.optimizer.zero_grad()
            self.accelerator.backward(loss)
            self.accelerator.clip_grad_norm_(self.network.parameters(), LARGEST_GRADIENT)
            self.optimizer.step()
            self.schedule.step()
            self.done += 1
            # Early on the average must follow quickly, or it would be of the start's weights.
            decay = min(self.training.averaging, (1 + self.done) / (10 + self.done))
            _average(self.average, self.accelerator.unwrap_model(self.network), decay)
            losses.append(float(loss.detach()))
        return float(np.mean(losses))


def validation_score(
    network: nn.Module,
    dataset: Dataset,
    indexes: Sequence[int],
    labels: Sequence[str],
    normalization: Normalization,
    mode: Mode,
) -> float:
    """UAR over each corpus's own labels, as a mean over corpora, 0 to 1."""
    logits = network_logits(network, dataset, indexes, normalization, mode)
    allowed = dataset.label_mask(labels)[list(indexes)]
    predicted = np.where(allowed, logits, -np.inf).argmax(axis=1)
    targets = dataset.targets(labels)[list(indexes)]
    corpora = np.array([dataset.utterances[index].corpus for index in indexes])
    scores = [
        unweighted_average_recall(targets[corpora == name], predicted[corpora == name], len(labels))
        for name in np.unique(corpora)
    ]
    return float(np.mean(scores))


def network_logits(
    network: nn.Module,
    dataset: Dataset,
    indexes: Sequence[int],
    normalization: Normalization,
    mode: Mode,
) -> FloatArray:
    """Logits of clips as they are judged, shape (clips, labels), in the order of ``indexes``."""
    device = next(network.parameters()).device
    clips = ClipSource(dataset, normalization).whole(indexes, mode)
    # Clips of like length together: less padding to compute.
    order = sorted(range(len(clips)), key=lambda position: clips[position].shape[1])
    parts: list[FloatArray] = []
    with torch.inference_mode():
        for begin in range(0, len(order), EVALUATION_BATCH):
            rows = order[begin : begin + EVALUATION_BATCH]
            batch = pad([clips[row] for row in rows])
            logits = network(*(part.to(device) for part in batch))[0]
            parts.append(logits.cpu().numpy())
    found = np.concatenate(parts)
    logits = np.empty_like(found)
    logits[order] = found
    return logits


def _share_of_rate(progress: float) -> float:
    """Share of the learning rate: rises for a tenth of the training, then falls as a cosine."""
    if progress < WARM_UP:
        return 0.02 + 0.98 * progress / WARM_UP
    return 0.5 * (1.0 + math.cos(math.pi * min(1.0, (progress - WARM_UP) / (1.0 - WARM_UP))))


def _loss(network: nn.Module, batch: Sequence[Tensor], training: TrainingOptions) -> Tensor:
    features, relative, lengths, targets, allowed, sexes = batch
    logits, sex_logits, *_ = network(features, relative, lengths)
    loss = masked_loss(logits, targets, allowed, training.label_smoothing)
    if training.sex_weight and bool((sexes >= 0).any()):
        sex_loss = nn.functional.cross_entropy(sex_logits, sexes, ignore_index=-1)
        loss = loss + training.sex_weight * sex_loss
    return loss


def _average(average: nn.Module, network: nn.Module, decay: float) -> None:
    with torch.no_grad():
        for kept, new in zip(
            average.state_dict().values(), network.state_dict().values(), strict=True
        ):
            if kept.dtype.is_floating_point:
                kept.lerp_(new, 1 - decay)
            else:
                kept.copy_(new)


class _Drawer:
    """Draws an epoch's batches, balanced by corpus and emotion, of clips of like length."""

    def __init__(
        self,
        dataset: Dataset,
        train: Sequence[int],
        labels: Sequence[str],
        recipe: NetworkRecipe,
        normalization: Normalization,
        seed: int,
    ) -> None:
        self.indexes = np.asarray(train)
        self.recipe = recipe
        self.source = ClipSource(dataset, normalization)
        self.targets = dataset.targets(labels)
        self.allowed = dataset.label_mask(labels)
        self.sexes = dataset.sexes()
        self.generator = np.random.default_rng(seed)
        count = recipe.training.clips_per_epoch or len(train)
        # A batch of one clip has no spread to normalise by: such a last one is left out.
        self.count = count - (count % recipe.training.batch_size == 1)
        self.weights = _weights(dataset, train, recipe.training.corpus_power)
        self.lengths = np.array([len(dataset.features[index].values) for index in train])
        groups = dataset.by_speaker(train).values()
        self.peers = {index: group for group in groups for index in group}

    @property
    def batches(self) -> int:
        return math.ceil(self.count / self.recipe.training.batch_size)

    def epoch(self) -> Iterator[list[Tensor]]:
        drawn = self.generator.choice(len(self.indexes), self.count, p=self.weights)
        # Lengths are blurred, so that an epoch's batches differ from the last one's.
        blurred = self.lengths[drawn] * self.generator.uniform(0.85, 1.15, self.count)
        ordered = self.indexes[drawn[np.argsort(blurred)]]
        size = self.recipe.training.batch_size
        batches = [ordered[begin : begin + size] for begin in range(0, self.count, size)]
        for number in self.generator.permutation(len(batches)):
            yield self._batch(batches[number])

    def _batch(self, indexes: npt.NDArray[np.int64]) -> list[Tensor]:
        clips = [
            self.source.drawn(index, self.peers.get(index, ()), self.recipe, self.generator)
            for index in indexes.tolist()
        ]
        labels: list[Any] = [self.targets, self.allowed, self.sexes]
        return [*pad(clips), *(torch.from_numpy(part[indexes]) for part in labels)]


def _weights(dataset: Dataset, train: Sequence[int], power: float) -> npt.NDArray[np.float64]:
    """Chance of each clip: emotions alike within a corpus, corpora by their speakers to a power.

    Speakers rather than clips, since what a corpus teaches about unknown voices grows with the
    voices in it: TESS has 2,800 clips of two.
    """
    clips = [dataset.utterances[index] for index in train]
    speakers: dict[str, set[str | None]] = {}
    for one in clips:
        speakers.setdefault(one.corpus, set()).add(one.speaker)
    cells = Counter((one.corpus, one.emotion) for one in clips)
    emotions = Counter(corpus for corpus, _ in cells)
    weights = np.array(
        [
            len(speakers[one.corpus]) ** power
            / emotions[one.corpus]
            / cells[one.corpus, one.emotion]
            for one in clips
        ]
    )
    shares: npt.NDArray[np.float64] = weights / weights.sum()
    return shares
