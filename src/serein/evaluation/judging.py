"""Judgements of clips through recognition, so that what is scored is what is shipped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from serein.bundle import Bundle
from serein.corpora import Utterance
from serein.features.spectral import FloatArray
from serein.training.data import Dataset
from serein.training.leaderboards import judge_on_both


@dataclass(frozen=True)
class Judged:
    """A clip and what a model that never heard its speaker said of it.

    Attributes
    ----------
    utterance
        The clip.
    fold
        Name of the fold that tested it.
    seed
        Seed of the training.
    classes
        The labels it is scored over: those of its corpus.
    unknown, enrolled
        Probabilities over ``classes`` on leaderboards U and E, each summing to 1, shape
        (classes,).
    """

    utterance: Utterance
    fold: str
    seed: int
    classes: tuple[str, ...]
    unknown: FloatArray
    enrolled: FloatArray


def scored_classes(dataset: Dataset, labels: Sequence[str] | None, corpus: str) -> tuple[str, ...]:
    """The labels a corpus is scored over: those it holds and, unless None, the recipe knows."""
    held = dataset.corpus_labels(corpus)
    return held if labels is None else tuple(label for label in held if label in labels)


def judge_clips(
    bundle: Bundle,
    dataset: Dataset,
    indexes: Sequence[int],
    *,
    labels: Sequence[str] | None = None,
    fold: str = "",
    seed: int = 0,
) -> list[Judged]:
    """Judge the clips that can be scored, see :func:`judge_on_both`."""
    judged = judge_on_both(bundle, dataset, indexes)
    classes = {corpus: scored_classes(dataset, labels, corpus) for corpus in dataset.corpora}
    known = bundle.manifest.labels
    return [
        Judged(
            utterance := dataset.utterances[index],
            fold,
            seed,
            own := classes[utterance.corpus],
            restricted(unknown.probabilities, known, own),
            restricted(enrolled.probabilities, known, own),
        )
        for index, unknown, enrolled in zip(
            indexes, judged["unknown"], judged["enrolled"], strict=True
        )
        if dataset.utterances[index].emotion in classes[dataset.utterances[index].corpus]
    ]


def restricted(
    probabilities: FloatArray, known: Sequence[Any], classes: Sequence[Any]
) -> FloatArray:
    """Probabilities over some classes alone, renormalised; a class unknown to the model has 0."""
    kept = np.array([probabilities[known.index(c)] if c in known else 0.0 for c in classes])
    total = kept.sum()
    shares: FloatArray = kept / total if total > 0 else np.full(len(kept), 1.0 / len(kept))
    return shares
