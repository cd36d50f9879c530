"""Clips on their way into a network: normalised, drawn, changed, and put into batches."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

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


@dataclass(frozen=True)
class Batch:
    """Clips and what is known of them.

    Attributes
    ----------
    inputs
        What the network is called with, by name.
    targets
        Index of each clip's label, shape (clips,).
    allowed
        True where the clip's corpus holds the label, shape (clips, labels).
    sexes
        0 for female, 1 for male, -1 for unknown, shape (clips,).
    """

    inputs: Mapping[str, Tensor]
    targets: Tensor
    allowed: Tensor
    sexes: Tensor

    def to(self, device: torch.device) -> Batch:
        """The batch on a device."""
        inputs = {name: part.to(device) for name, part in self.inputs.items()}
        others = (part.to(device) for part in (self.targets, self.allowed, self.sexes))
        return Batch(inputs, *others)

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
        return replace(
            self,
            targets=self.targets[order],
            allowed=self.allowed[order],
            sexes=self.sexes[order],
        )


class ClipSource:
    """Normalised features of a dataset's clips, in either mode, for training or for scoring.

    Parameters
    ----------
    relative
        Whether the features relative to the speaker stand beside the plain ones, as a second view.
        Otherwise there is one view: normalised by the speaker, where that one is known.
    """

    def __init__(self, dataset: Dataset, normalization: Normalization, *, relative: bool) -> None:
        self.dataset = dataset
        self.normalization = normalization
        self.relative = relative
        self.response = dataset.spec.gain_response
        self._unknown = Reference.of(normalization, None)

    def whole(self, indexes: Sequence[int], mode: Mode) -> list[FloatArray]:
        """Clips as they are judged; in mode E each by all clips of its speaker in ``indexes``.

        Returns
        -------
        list
            Of each clip the views, shape (views, frames, dimensions): two of them with
            ``relative``, the second zeros for an unknown speaker; else one.
        """
        references: dict[int, Reference] = {}
        if mode == "enrolled":
            references = speaker_references(self.dataset, indexes, self.normalization)
        clips = self.dataset.features
        return [self._views(clips[index], references.get(index)) for index in indexes]

    def drawn(
        self,
        index: int,
        peers: Sequence[int],
        recipe: NetworkRecipe,
        generator: np.random.Generator,
    ) -> FloatArray:
        """A clip for training, cut and changed, in either mode; as :meth:`whole` gives it."""
        clip = self._take(index, generator)
        longest = int(recipe.training.longest / self.dataset.spec.hop)
        begin = generator.integers(0, max(1, len(clip.values) - longest + 1))
        cut = clip.values[begin : begin + longest]
        change = Change.draw(recipe.augment, cut.shape[1], generator)
        slower = change.of_clip(cut, generator)
        changed = replace(clip, values=slower[: self.dataset.spec.frames or None])
        reference = None
        if peers and generator.random() < recipe.training.enrolled_share:
            count = len(peers)
            if generator.random() < SMALL_PROFILES:
                count = round(math.exp(generator.uniform(0, math.log(count))))
            chosen = generator.choice(peers, count, replace=False).tolist()
            profile = change.of_profile(self.dataset.profile(chosen, model=""))
            reference = Reference.of(self.normalization, profile)
        return mask(self._views(changed, reference), recipe.augment, generator)

    def _take(self, index: int, generator: np.random.Generator) -> Features:
        """The clip, or one of its changed copies."""
        copies = self.dataset.copies[index] if self.dataset.copies else ()
        if not copies:
            return self.dataset.features[index]
        return (self.dataset.features[index], *copies)[generator.integers(len(copies) + 1)]

    def _views(self, clip: Features, enrolled: Reference | None) -> FloatArray:
        if not self.relative:
            known = self._unknown if enrolled is None else enrolled
            return known.normalize(clip, self.response)[None]
        plain = self._unknown.normalize(clip, self.response)
        if enrolled is None:
            return np.stack([plain, np.zeros_like(plain)])
        return np.stack([plain, enrolled.normalize(clip, self.response)])


def network_inputs(clips: Sequence[FloatArray], spec: FeatureSpec) -> dict[str, Tensor]:
    """What a network is called with, from the views of clips of different lengths.

    Parameters
    ----------
    clips
        As :meth:`ClipSource.whole` gives them.

    Returns
    -------
    dict
        ``features`` and, from two views, ``relative``, (clips, frames, dimensions) each, padded
        with zeros; ``lengths``, (clips,), unless all clips have the specification's fixed length.
    """
    clips = [spec.pad(clip) for clip in clips]
    lengths = torch.tensor([clip.shape[1] for clip in clips], dtype=torch.int64)
    views = clips[0].shape[0]
    padded = torch.zeros(len(clips), views, int(lengths.max()), clips[0].shape[2])
    for row, clip in zip(padded, clips, strict=True):
        row[:, : clip.shape[1]] = torch.from_numpy(clip)
    inputs = dict(zip(("features", "relative"), padded.unbind(1), strict=False))
    return inputs if spec.padded_frames else inputs | {"lengths": lengths}


class ClipDrawer:
    """Draws an epoch's batches, balanced by corpus and emotion, of clips of like length."""

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
        self.targets = dataset.targets(labels)
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
        clips = [
            self.source.drawn(index, self.peers.get(index, ()), self.recipe, self.generator)
            for index in indexes.tolist()
        ]
        return Batch(
            network_inputs(clips, self.source.dataset.spec),
            torch.from_numpy(self.targets[indexes]),
            torch.from_numpy(self.allowed[indexes]),
            torch.from_numpy(self.sexes[indexes]),
        )


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
