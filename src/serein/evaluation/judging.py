"""Judgements of clips through recognition, so that what is scored is what is shipped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from serein.bundle import Bundle
from serein.corpora import Utterance
from serein.features.spectral import FloatArray
from serein.recognition import judge
from serein.training.data import Dataset


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
    """Judge clips on both leaderboards.

    On E a speaker's profile is made of all the speaker's clips among ``indexes``, without their
    labels and without silent ones; a clip of an unknown speaker is judged as on U.
    """
    clips = [dataset.features[index] for index in indexes]
    unknown = dict(zip(indexes, judge(bundle, clips), strict=True))
    enrolled = dict(unknown)
    for group in dataset.by_speaker(indexes).values():
        # As Recognizer.enroll does: a silent clip tells nothing of a voice.
        sounding = [index for index in group if not dataset.utterances[index].silent]
        if not sounding:
            continue
        profile = dataset.profile(sounding, model=bundle.fingerprint)
        found = judge(bundle, [dataset.features[index] for index in group], speaker=profile)
        enrolled |= dict(zip(group, found, strict=True))
    classes = {corpus: scored_classes(dataset, labels, corpus) for corpus in dataset.corpora}
    known = bundle.manifest.labels
    return [
        Judged(
            utterance := dataset.utterances[index],
            fold,
            seed,
            own := classes[utterance.corpus],
            restricted(unknown[index].probabilities, known, own),
            restricted(enrolled[index].probabilities, known, own),
        )
        for index in indexes
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
