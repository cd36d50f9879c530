"""How well a model stands noise, rooms, codecs and the like.

After the robustness tests of Derington et al., "Testing correctness, fairness, and robustness of
speech emotion recognition models", IEEE Transactions on Affective Computing, 2025: besides the
score it is counted how many clips keep their label, whether right or wrong.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from serein.audio import decode
from serein.bundle import Bundle
from serein.corpora import Utterance, UtteranceTable
from serein.corpora.scan import Progress
from serein.errors import ArgumentInvalid, DataInvalid
from serein.evaluation.conditions import Condition, conditions
from serein.evaluation.judging import restricted, scored_classes
from serein.features import Features, FeatureSpec
from serein.metrics import unweighted_average_recall
from serein.recognition import judge
from serein.training.data import Dataset
from serein.training.processes import worker_count, worker_pool

__all__ = ["MOST_CLIPS", "Condition", "choose_clips", "conditions", "measure_robustness"]

MOST_CLIPS = 500
"""Clips of each corpus that are changed and judged, unless told otherwise."""

# Clips that are worked on ahead of the judging, for each process: bounds the memory.
_AHEAD = 2


def measure_robustness(
    jobs: Sequence[tuple[Bundle, Sequence[int]]],
    dataset: Dataset,
    tables: Sequence[UtteranceTable],
    conditions: Sequence[Condition],
    *,
    labels: Sequence[str] | None = None,
    most_clips: int = MOST_CLIPS,
    workers: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Judge clips as they are and under every condition, on leaderboard U.

    The numbers do not depend on the number of processes: what is drawn for a clip depends on the
    clip and the condition alone.

    Parameters
    ----------
    jobs
        Bundles, each with the indexes of the clips that it judges; those of a fold are its test.
        A clip that several judge counts once for each.
    dataset
        The clips, and their features as they are.
    tables
        Where the clips lie; those that the dataset was made of.
    conditions
        As :func:`serein.evaluation.conditions.conditions` gives them.
    labels
        Those that the recipe knows; a corpus is scored over those of them that it holds.
    most_clips
        At most so many clips of each corpus, see :func:`choose_clips`.
    workers
        Number of processes; by default one a core. One alone is this process.
    progress
        Called with the number of clips done and of all.

    Returns
    -------
    dict
        For JSON: ``clips`` (number of all), ``corpora`` (names), ``clean`` with ``uar``, the mean
        over the corpora, and of each of the ``corpora`` ``uar``, ``clips`` and ``of`` (how many
        there are to choose from); ``conditions``, each with ``family``, ``name``, ``value``,
        ``uar``, ``loss`` (UAR less than clean), ``same_label`` (share of the clips whose label
        stays the same) and, of each of the ``corpora``, ``uar`` and ``same_label``.

    Raises
    ------
    ArgumentInvalid
        If ``most_clips`` is not positive.
    DataInvalid
        If no clip can be scored, or the tables lack one.
    AudioError
        If a clip cannot be read any more.
    """
    if most_clips < 1:
        raise ArgumentInvalid(f"at least one clip of each corpus is needed, not {most_clips}")
    classes = {corpus: scored_classes(dataset, labels, corpus) for corpus in dataset.corpora}
    judges = _judges(jobs, dataset, classes)
    chosen = choose_clips(dataset.utterances, list(judges), most_clips)
    clips = _locate([dataset.utterances[index] for index in chosen], tables)
    tallies: dict[str, _Tally] = {}
    changed = _change(clips, conditions, dataset.spec, workers)
    for done, (index, features) in enumerate(zip(chosen, changed, strict=True), start=1):
        utterance = dataset.utterances[index]
        own = classes[utterance.corpus]
        tally = tallies.setdefault(utterance.corpus, _Tally(own))
        for bundle in judges[index]:
            tally.add(utterance, bundle, [dataset.features[index], *features])
        if progress is not None:
            progress(done, len(chosen))
    counts = _counts(dataset.utterances, chosen), _counts(dataset.utterances, judges)
    return _summary(tallies, conditions, *counts)


def choose_clips(
    utterances: Sequence[Utterance], indexes: Iterable[int], most: int = MOST_CLIPS
) -> list[int]:
    """Choose clips of each corpus, evenly over its emotions, and within each over its speakers.

    Emotions take turns, in them the speakers, and the clips of a speaker come in the order of
    their hashes: the choice depends on no order of the table, and on no chance.

    Parameters
    ----------
    indexes
        Of the utterances to choose from.
    most
        At most so many of each corpus.

    Returns
    -------
    list
        Ascending indexes.
    """
    corpora: dict[str, dict[str, dict[str, list[int]]]] = {}
    for index in sorted(indexes, key=lambda i: (utterances[i].sha256, utterances[i].path)):
        one = utterances[index]
        emotions = corpora.setdefault(one.corpus, {})
        speakers = emotions.setdefault(str(one.emotion), {})
        # The clips of unknown speakers take turns as those of one.
        speakers.setdefault(str(one.speaker), []).append(index)
    chosen: list[int] = []
    for emotions in corpora.values():
        queues = [_in_turns(list(emotions[name].values())) for name in sorted(emotions)]
        chosen += _in_turns(queues)[:most]
    return sorted(chosen)


def _counts(utterances: Sequence[Utterance], indexes: Iterable[int]) -> Counter[str]:
    return Counter(utterances[index].corpus for index in indexes)


def _in_turns(queues: Sequence[Sequence[int]]) -> list[int]:
    return [one for turn in zip_longest(*queues) for one in turn if one is not None]


def _judges(
    jobs: Sequence[tuple[Bundle, Sequence[int]]],
    dataset: Dataset,
    classes: dict[str, tuple[str, ...]],
) -> dict[int, list[Bundle]]:
    """The bundles that judge each clip, for clips of an emotion that is scored."""
    judges: dict[int, list[Bundle]] = {}
    for bundle, indexes in jobs:
        for index in indexes:
            utterance = dataset.utterances[index]
            if utterance.emotion in classes[utterance.corpus]:
                judges.setdefault(index, []).append(bundle)
    if not judges:
        raise DataInvalid("no clip has an emotion that is scored; give data with such labels")
    return judges


@dataclass(frozen=True)
class _Clip:
    path: Path
    sha256: str


def _locate(utterances: Sequence[Utterance], tables: Sequence[UtteranceTable]) -> list[_Clip]:
    paths = {
        (one.corpus, one.path, one.sha256): table.audio_path(one)
        for table in tables
        for one in table.utterances
    }
    clips = []
    for one in utterances:
        path = paths.get((one.corpus, one.path, one.sha256))
        if path is None:
            raise DataInvalid(
                f"{one.path} of {one.corpus} is in none of the tables; give those that the data "
                "were loaded from",
                file=one.path,
            )
        clips.append(_Clip(path, one.sha256))
    return clips


def _change(
    clips: Sequence[_Clip],
    conditions: Sequence[Condition],
    spec: FeatureSpec,
    workers: int | None,
) -> Iterator[list[Features]]:
    """Features of each clip under every condition, in order."""
    count = worker_count(workers, len(clips))
    if count == 1:
        yield from (_change_clip(clip, conditions, spec) for clip in clips)
        return
    with worker_pool(count) as pool:
        pending: deque[Future[list[Features]]] = deque()
        for clip in clips:
            pending.append(pool.submit(_change_clip, clip, conditions, spec))
            if len(pending) > _AHEAD * count:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def _change_clip(clip: _Clip, conditions: Sequence[Condition], spec: FeatureSpec) -> list[Features]:
    samples = decode(clip.path, sampling_rate=spec.sampling_rate).samples
    return [
        spec.extract(condition.apply(samples, spec.sampling_rate, clip=clip.sha256))
        for condition in conditions
    ]


class _Tally:
    """What was judged of one corpus: a row a judgement, clean first and then every condition."""

    def __init__(self, classes: tuple[str, ...]) -> None:
        self._classes = classes
        self._truth: list[int] = []
        self._predicted: list[list[int]] = []

    def add(self, utterance: Utterance, bundle: Bundle, features: Sequence[Features]) -> None:
        """Judge a clip as it is and under every condition."""
        known = bundle.manifest.labels
        shares = [
            restricted(one.probabilities, known, self._classes) for one in judge(bundle, features)
        ]
        self._truth.append(self._classes.index(str(utterance.emotion)))
        self._predicted.append([int(one.argmax()) for one in shares])

    def uars(self) -> list[float]:
        """The UAR as it is and under every condition."""
        truth, predicted = np.array(self._truth), np.array(self._predicted)
        return [unweighted_average_recall(truth, row, len(self._classes)) for row in predicted.T]

    def same_labels(self) -> list[float]:
        """Share of the judgements that are those of the clean clips."""
        predicted: npt.NDArray[np.int64] = np.array(self._predicted)
        return [float(share) for share in (predicted == predicted[:, :1]).mean(axis=0)]


def _summary(
    tallies: dict[str, _Tally],
    conditions: Sequence[Condition],
    clips: Counter[str],
    available: Counter[str],
) -> dict[str, Any]:
    names = sorted(tallies)
    uars = {name: tallies[name].uars() for name in names}
    same = {name: tallies[name].same_labels() for name in names}

    def mean(values: dict[str, list[float]], place: int) -> float:
        return float(np.mean([values[name][place] for name in names]))

    return {
        "clips": sum(clips.values()),
        "corpora": names,
        "clean": {
            "uar": mean(uars, 0),
            "corpora": {
                name: {"uar": uars[name][0], "clips": clips[name], "of": available[name]}
                for name in names
            },
        },
        "conditions": [
            {
                "family": condition.family,
                "name": condition.name,
                "value": condition.value,
                "uar": mean(uars, place),
                "loss": mean(uars, 0) - mean(uars, place),
                "same_label": mean(same, place),
                "corpora": {
                    name: {"uar": uars[name][place], "same_label": same[name][place]}
                    for name in names
                },
            }
            for place, condition in enumerate(conditions, start=1)
        ],
    }
