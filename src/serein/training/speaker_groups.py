"""Batches of several clips of each speaker, for networks that compare a clip with the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from serein.training.clips import Batch, ClipDrawer, ClipSource
from serein.training.network_recipe import NetworkRecipe

UNCHANGED = 0.85
"""Share of the groups whose clips are heard as they are, where the data hold changed copies."""


class SpeakerDrawer(ClipDrawer):
    """Draws batches of groups: clips of one speaker, each compared with the others of its group.

    A group is recorded by one microphone in one room, as a speaker's clips are, so the features of
    all its clips undergo the same change: what they have in common can then be told from what is
    said in them. Where changed copies are heard, every clip is one by itself, as on bad lines.
    """

    def __init__(
        self,
        source: ClipSource,
        train: Sequence[int],
        labels: Sequence[str],
        recipe: NetworkRecipe,
        seed: int,
    ) -> None:
        super().__init__(source, train, labels, recipe, seed)
        self.chances = dict(zip(self.indexes.tolist(), self.weights.tolist(), strict=True))
        self.levels = np.array([clip.level for clip in source.dataset.features], dtype=np.float32)

    def epoch(self) -> Iterator[Batch]:
        """Draw the batches of an epoch."""
        size = self.recipe.training.batch_size
        for _ in range(self.batches):
            groups: list[list[int]] = []
            while (left := size - sum(map(len, groups))) > 0:
                groups.append(self._group(min(left, self.recipe.training.speaker_clips)))
            yield self._of_groups(groups)

    def _group(self, most: int) -> list[int]:
        """Clips of one speaker, all different, drawn by their chances; one of an unknown one."""
        first = int(self.generator.choice(self.indexes, p=self.weights))
        own = self.peers.get(first, [first])
        chances = np.array([self.chances[index] for index in own])
        count = min(most, len(own))
        group: list[int] = self.generator.choice(
            own, count, replace=False, p=chances / chances.sum()
        ).tolist()
        return group

    def _of_groups(self, groups: Sequence[Sequence[int]]) -> Batch:
        clips = []
        for group in groups:
            change = self.source.change(self.recipe, self.generator)
            altered = self.generator.random() >= UNCHANGED
            features = self.source.dataset.features
            clips += [
                self.changed(self.drawn_copy(index) if altered else features[index], change)
                for index in group
            ]
        peers, levels = self._compared(groups)
        inputs = {"peers": peers, "level": levels}
        return self.batch_of(np.concatenate(groups), clips, inputs)

    def _compared(self, groups: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
        """Weight of each clip in the profile of each, and how much louder each is than that.

        As in a profile of ``n`` clips, their weights sum to ``n / (n + prior_clips)``.

        Returns
        -------
        tuple
            Shape (clips, speech clips) and (clips,), the latter in dB.
        """
        prior = self.source.normalization.prior_clips
        count = sum(map(len, groups))
        peers = np.zeros((count, count), dtype=np.float32)
        levels = np.zeros(count, dtype=np.float32)
        begin = 0
        for group in groups:
            rows = slice(begin, begin + len(group))
            if group[0] in self.peers:
                chosen = np.array(self.profile_clips(range(len(group))))
                peers[rows, begin + chosen] = 1.0 / (len(chosen) + prior)
                own: npt.NDArray[Any] = self.levels[list(group)]
                weight = len(chosen) / (len(chosen) + prior)
                levels[rows] = weight * (own - own[chosen].mean())
            begin += len(group)
        return torch.from_numpy(peers), torch.from_numpy(levels)
