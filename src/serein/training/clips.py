"""Clips on their way into a network: normalised, drawn, changed, and put into batches."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from serein.bundle import Mode, Normalization
from serein.features import Features, FeatureSpec
from serein.features.spectral import FloatArray
from serein.recognition import Reference
from serein.training.augment import Change, mask
from serein.training.data import Dataset, speaker_references
from serein.training.network_recipe import NetworkRecipe

SMALL_PROFILES = 0.5
"""Share of the enrolled clips whose profile is of fewer clips than there are, down to one."""

NON_SPEECH = 0.1
"""Sounds that are not speech, for each clip of a batch."""


@dataclass(frozen=True)
class Batch:
    """Clips and what is known of them.

    Attributes
    ----------
    inputs
        What the network is called with, by name.
    targets
        Share of each label in what a clip carries, shape (clips, labels): one for its emotion,
        or less where listeners heard others too; all zeros for what is not speech.
    allowed
        True where the clip's corpus holds the label, shape (clips, labels).
    sexes
        0 for female, 1 for male, -1 for unknown, shape (clips,).
    speech
        1 for speech, 0 for other sounds, shape (clips,).
    """

    inputs: Mapping[str, Tensor]
    targets: Tensor
    allowed: Tensor
    sexes: Tensor
    speech: Tensor

    def to(self, device: torch.device) -> Batch:
        """The batch on a device."""
        inputs = {name: part.to(device) for name, part in self.inputs.items()}
        others = {name: part.to(device) for name, part in self._known().items()}
        return Batch(inputs, **others)

    def mixed(self, share: float, order: Tensor) -> Batch:
        """Every clip with that share of itself, and the rest of the clip that ``order`` names.

        The targets stay those of the clips themselves.

        Source: Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR 2018.
        """
        inputs = {
            name: torch.maximum(part, part[order])
            if name == "lengths"
            else share * part + (1 - share) * part[order]
            for name, part in self.inputs.items()
        }
        return replace(self, inputs=inputs)

    def of_others(self, order: Tensor) -> Batch:
        """The same inputs with the targets of the clips that ``order`` names."""
        return Batch(self.inputs, **{name: part[order] for name, part in self._known().items()})

    def _known(self) -> dict[str, Tensor]:
        return {part.name: getattr(self, part.name) for part in fields(self)[1:]}


class ClipSource:
    """Normalised features of a dataset's clips, in either mode, for training or for scoring.

    Parameters
    ----------
    described
        Whether a speaker is known by the network's descriptions of clips. Then the features are
        always normalised by the training speakers; otherwise by the clip's own speaker, where that
        one is known.
    """

    def __init__(self, dataset: Dataset, normalization: Normalization, *, described: bool) -> None:
        self.dataset = dataset
        self.normalization = normalization
        self.described = described
        self.response = dataset.spec.gain_response
        self._unknown = Reference.of(normalization, None)

    def whole(self, indexes: Sequence[int], mode: Mode) -> list[FloatArray]:
        """Clips as they are judged, shape (frames, dimensions) each.

        In mode E those of a speaker are normalised by all clips of that one in ``indexes``, unless
        speakers are known by descriptions.
        """
        references: dict[int, Reference] = {}
        if mode == "enrolled" and not self.described:
            references = speaker_references(self.dataset, indexes, self.normalization)
        clips = self.dataset.features
        return [
            references.get(index, self._unknown).normalize(clips[index], self.response)
            for index in indexes
        ]

    def normalized(self, clip: Features) -> FloatArray:
        """A clip of an unknown speaker, shape (frames, dimensions)."""
        return self._unknown.normalize(clip, self.response)

    def change(self, recipe: NetworkRecipe, generator: np.random.Generator) -> Change:
        """Draw a change for clips of these features."""
        return Change.draw(recipe.augment, self.dataset.spec.dimensions, generator)

    def changed(
        self,
        clip: Features,
        change: Change,
        recipe: NetworkRecipe,
        generator: np.random.Generator,
        *,
        peers: Sequence[int] = (),
    ) -> FloatArray:
        """A clip for training, cut, changed, and normalised, shape (frames, dimensions).

        Parameters
        ----------
        clip
            Its features.
        peers
            Indexes of the clips of whose profile it is normalised by; none for an unknown speaker.
        """
        longest = int(recipe.training.longest / self.dataset.spec.hop)
        begin = generator.integers(0, max(1, len(clip.values) - longest + 1))
        cut = change.of_clip(clip.values[begin : begin + longest], generator)
        reference = self._unknown
        if peers:
            profile = change.of_profile(self.dataset.profile(peers, model=""))
            reference = Reference.of(self.normalization, profile)
        heard = replace(clip, values=cut[: self.dataset.spec.frames or None])
        return mask(reference.normalize(heard, self.response), recipe.augment, generator)


def network_inputs(clips: Sequence[FloatArray], spec: FeatureSpec) -> dict[str, Tensor]:
    """What a network is called with, from clips of different lengths.

    Parameters
    ----------
    clips
        Shape (frames, dimensions) each.

    Returns
    -------
    dict
        ``features``, (clips, frames, dimensions), padded with zeros; ``lengths``, (clips,), unless
        all clips have the specification's fixed length.
    """
    clips = [spec.pad(clip) for clip in clips]
    lengths = torch.tensor([len(clip) for clip in clips], dtype=torch.int64)
    padded = torch.zeros(len(clips), int(lengths.max()), clips[0].shape[1])
    for row, clip in zip(padded, clips, strict=True):
        row[: len(clip)] = torch.from_numpy(clip)
    return {"features": padded} if spec.padded_frames else {"features": padded, "lengths": lengths}


class ClipDrawer:
    """Draws an epoch's batches, balanced by corpus and emotion, of clips of like length.

    Where the dataset holds sounds that are not speech, they are a part of every batch.
    """

    def __init__(
        self,
        source: ClipSource,
        train: Sequence[int],
        labels: Sequence[str],
        recipe: NetworkRecipe,
        seed: int,
    ) -> None:
        dataset = source.dataset
        self.source = source
        self.recipe = recipe
        self.indexes = np.asarray(train)
        self.targets = soft_targets(dataset, labels, recipe.training.soft_labels)
        self.allowed = dataset.label_mask(labels)
        self.sexes = dataset.sexes()
        self.generator = np.random.default_rng(seed)
        count = recipe.training.clips_per_epoch or len(train)
        # A batch of one clip has no spread to normalise by: such a last one is left out.
        self.count = count - (count % recipe.training.batch_size == 1)
        self.weights = clip_weights(dataset, train, recipe.training.corpus_power)
        self.lengths = np.array([len(dataset.features[index].values) for index in train])
        groups = dataset.by_speaker(train).values()
        self.peers = {index: group for group in groups for index in group}

    @property
    def batches(self) -> int:
        """Number of batches in an epoch."""
        return math.ceil(self.count / self.recipe.training.batch_size)

    def epoch(self) -> Iterator[Batch]:
        """Draw the batches of an epoch."""
        drawn = self.generator.choice(len(self.indexes), self.count, p=self.weights)
        # Lengths are blurred, so that an epoch's batches differ from the last one's.
        blurred = self.lengths[drawn] * self.generator.uniform(0.85, 1.15, self.count)
        ordered = self.indexes[drawn[np.argsort(blurred)]]
        size = self.recipe.training.batch_size
        batches = [ordered[begin : begin + size] for begin in range(0, self.count, size)]
        for number in self.generator.permutation(len(batches)):
            yield self._batch(batches[number])

    def _batch(self, indexes: npt.NDArray[np.int64]) -> Batch:
        clips = [self._drawn(index) for index in indexes.tolist()]
        return self.batch_of(indexes, clips, {})

    def batch_of(
        self,
        indexes: npt.NDArray[np.int64],
        clips: Sequence[FloatArray],
        inputs: Mapping[str, Tensor],
    ) -> Batch:
        """Clips, what is known of them, and among them some sounds that are not speech."""
        others = self._non_speech(len(clips), max(map(len, clips)))
        none = len(others)
        return Batch(
            inputs={
                **network_inputs([*clips, *others], self.source.dataset.spec),
                **{name: _extended(part.numpy(), none, 0.0) for name, part in inputs.items()},
            },
            targets=_extended(self.targets[indexes], none, 0.0),
            allowed=_extended(self.allowed[indexes], none, True),
            sexes=_extended(self.sexes[indexes], none, -1),
            speech=_extended(np.ones(len(indexes), dtype=np.float32), none, 0.0),
        )

    def drawn_copy(self, index: int) -> Features:
        """A clip, or one of its changed copies."""
        copies = self.source.dataset.copies[index]
        number = self.generator.integers(len(copies) + 1) if copies else 0
        return copies[number - 1] if number else self.source.dataset.features[index]

    def profile_clips(self, peers: Sequence[int]) -> list[int]:
        """Clips for a speaker's profile: all there are, or fewer, down to one."""
        count = len(peers)
        if self.generator.random() < SMALL_PROFILES:
            count = round(math.exp(self.generator.uniform(0, math.log(count))))
        chosen: list[int] = self.generator.choice(peers, count, replace=False).tolist()
        return chosen

    def _drawn(self, index: int) -> FloatArray:
        peers: Sequence[int] = self.peers.get(index, ())
        enrolled = self.generator.random() < self.recipe.training.enrolled_share
        chosen = self.profile_clips(peers) if peers and enrolled else ()
        return self.changed(
            self.drawn_copy(index), self.source.change(self.recipe, self.generator), chosen
        )

    def changed(self, clip: Features, change: Change, peers: Sequence[int] = ()) -> FloatArray:
        """A clip for training, see :meth:`ClipSource.changed`."""
        return self.source.changed(clip, change, self.recipe, self.generator, peers=peers)

    def _non_speech(self, clips: int, longest: int) -> list[FloatArray]:
        """Sounds that are not speech, no longer than the clips of their batch."""
        sounds = self.source.dataset.non_speech
        if not sounds:
            return []
        found = []
        for _ in range(max(1, round(NON_SPEECH * clips))):
            sound = sounds[self.generator.integers(len(sounds))]
            change = self.source.change(self.recipe, self.generator)
            found.append(self.changed(sound, change)[:longest])
        return found


def _extended(known: npt.NDArray[Any], count: int, value: float) -> Tensor:
    """What is known of a batch's clips, and the same value for so many more."""
    more = np.full((count, *known.shape[1:]), value, dtype=known.dtype)
    return torch.from_numpy(np.concatenate([known, more]))


def soft_targets(dataset: Dataset, labels: Sequence[str], share: float) -> npt.NDArray[np.float32]:
    """Share of each label in what a clip carries, shape (clips, labels).

    Parameters
    ----------
    share
        How much of it follows the listeners' votes, of clips that have some; the rest, and all of
        other clips, is the clip's emotion. Zeros for an emotion that is none of the labels.
    """
    index = dataset.targets(labels)
    targets = np.eye(len(labels), dtype=np.float32)[index] * (index >= 0)[:, None]
    if not share:
        return targets
    votes = dataset.votes(labels)
    heard = share * votes.sum(axis=1, keepdims=True)
    mixed: npt.NDArray[np.float32] = (1 - heard) * targets + share * votes
    return mixed.astype(np.float32)


def clip_weights(dataset: Dataset, train: Sequence[int], power: float) -> npt.NDArray[np.float64]:
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
