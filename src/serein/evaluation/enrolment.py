"""What a speaker's profile gains, by the number of clips that it is made of."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from serein.bundle import Bundle
from serein.corpora.scan import Progress
from serein.errors import ArgumentInvalid, DataInvalid
from serein.evaluation.judging import Judged, restricted, scored_classes
from serein.evaluation.robustness import choose_clips
from serein.evaluation.scores import Answers, Strata, by_corpus
from serein.features.spectral import FloatArray
from serein.metrics import expected_calibration_error, interval
from serein.recognition import ClipStatistics, clip_statistics, judge, make_profile
from serein.training.data import Dataset

COUNTS = (1, 2, 5, 10, 20)
"""Numbers of clips that profiles are made of."""

DRAWS = 3
"""Profiles of each number that are drawn for a clip."""

MOST_CLIPS = 1500
"""Clips of each corpus that are judged, unless told otherwise."""

_ALL = None  # in place of a number: a profile of all clips
_Points = dict[int | None, list[Judged]]


def measure_enrolment(
    jobs: Sequence[tuple[Bundle, Sequence[int]]],
    dataset: Dataset,
    *,
    labels: Sequence[str] | None = None,
    counts: Sequence[int] = COUNTS,
    draws: int = DRAWS,
    most_clips: int = MOST_CLIPS,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Judge clips with profiles of few, more and all clips of their speakers.

    A clip is judged with profiles of other clips of the same speaker, whatever is said in them:
    drawn for each clip anew, the same ones in every run, and those of a small profile are among
    those of a larger one. A speaker with fewer other clips gives all of them. With ``all`` it is
    leaderboard E, where the clip itself is part of the profile, too.

    Parameters
    ----------
    jobs
        Bundles, each with the indexes of the clips that it judges and takes profiles from; those
        of a fold are its test. Clips of unknown speakers are left out.
    dataset
        The clips with their features.
    labels
        Those that the recipe knows; a corpus is scored over those of them that it holds.
    counts
        Numbers of clips, each 1 or more. Those that no speaker has are left out.
    draws
        Profiles of each number for each clip; scores are means over them.
    most_clips
        At most so many clips of each corpus are judged, see
        :func:`serein.evaluation.robustness.choose_clips`.
    progress
        Called with the number of clips done and of all.

    Returns
    -------
    dict
        For JSON: ``clips``, ``draws``, ``corpora`` (names), ``unknown`` with ``uar``, the mean
        over the corpora on leaderboard U, and of each of the ``corpora`` ``uar``, ``clips``,
        ``of`` (how many there are to choose from) and ``speakers``; ``points``, each with
        ``clips`` (None for all), ``uar``, ``gain`` (UAR less that on U) and ``gain_interval``
        (95 % over speakers, paired; None where they are too few), ``ece``, ``mended`` and
        ``spoilt`` (shares of the clips that are judged right only with and only without the
        profile) and, of each of the ``corpora``, the same.

    Raises
    ------
    ArgumentInvalid
        If a number of clips, the draws or ``most_clips`` is not positive.
    DataInvalid
        If no clip of a known speaker can be scored.
    """
    if min((*counts, draws, most_clips)) < 1:
        raise ArgumentInvalid("numbers of clips and draws must be 1 or more")
    classes = {corpus: scored_classes(dataset, labels, corpus) for corpus in dataset.corpora}
    scored = [
        index
        for index in sorted({index for _, indexes in jobs for index in indexes})
        if _is_scored(dataset, index, classes)
    ]
    if not scored:
        raise DataInvalid(
            "no clip of a known speaker has an emotion that is scored; give data with speakers"
        )
    chosen = choose_clips(dataset.utterances, scored, most_clips)
    points: _Points = {count: [] for count in (*sorted(set(counts)), _ALL)}
    tick = _counter(jobs, chosen, progress)
    for number, (bundle, indexes) in enumerate(jobs):
        task = _Task(bundle, dataset, classes, str(number), draws, tick)
        for group in dataset.by_speaker(indexes).values():
            task.judge_voice(group, frozenset(chosen), points)
    largest = max(_others(dataset, indexes) for _, indexes in jobs)
    told = {n: found for n, found in points.items() if n is _ALL or n <= largest}
    available = Counter(dataset.utterances[index].corpus for index in scored)
    return {"draws": draws, **_summary(told, available)}


def _is_scored(dataset: Dataset, index: int, classes: Mapping[str, Sequence[str]]) -> bool:
    one = dataset.utterances[index]
    return one.speaker is not None and one.emotion in classes[one.corpus]


def _counter(
    jobs: Sequence[tuple[Bundle, Sequence[int]]], chosen: Sequence[int], progress: Progress | None
) -> Callable[[], None]:
    total = sum(len(set(chosen).intersection(indexes)) for _, indexes in jobs)
    done = 0

    def tick() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, total)

    return tick


def _sounding(dataset: Dataset, group: Sequence[int]) -> list[int]:
    """Clips that tell something of a voice, in an order that is that of no table."""
    utterances = dataset.utterances
    kept = [index for index in group if not utterances[index].silent]
    return sorted(kept, key=lambda index: (utterances[index].sha256, utterances[index].path))


def _others(dataset: Dataset, indexes: Sequence[int]) -> int:
    """The most clips that a speaker has beside the one that is judged."""
    groups = dataset.by_speaker(indexes).values()
    return max((len(_sounding(dataset, group)) - 1 for group in groups), default=0)


@dataclass(frozen=True)
class _Task:
    """The judging of one bundle's clips."""

    bundle: Bundle
    dataset: Dataset
    classes: Mapping[str, tuple[str, ...]]
    fold: str
    draws: int
    tick: Callable[[], None]

    def judge_voice(self, group: Sequence[int], chosen: frozenset[int], points: _Points) -> None:
        """Judge the chosen clips of one speaker, and put what came of it to the points."""
        own = [index for index in group if index in chosen]
        sounding = _sounding(self.dataset, group)
        features = [self.dataset.features[index] for index in sounding]
        voices = dict(zip(sounding, clip_statistics(self.bundle, features), strict=True))
        for index, unknown, everything in zip(
            own, self._judge(own, ()), self._judge(own, list(voices.values())), strict=True
        ):
            points[_ALL].append(self._judged(index, 0, unknown, everything))
            numbers = [count for count in points if count is not _ALL]
            for draw in range(self.draws):
                drawn = self._drawn(index, sounding, draw)
                for count in numbers:
                    (enrolled,) = self._judge([index], [voices[one] for one in drawn[:count]])
                    points[count].append(self._judged(index, draw, unknown, enrolled))
            self.tick()

    def _judge(self, indexes: Sequence[int], voices: Sequence[ClipStatistics]) -> list[FloatArray]:
        """Probabilities with a profile of some clips; of none it is leaderboard U."""
        speaker = make_profile(self.bundle, voices) if voices else None
        clips = [self.dataset.features[index] for index in indexes]
        return [one.probabilities for one in judge(self.bundle, clips, speaker=speaker)]

    def _drawn(self, index: int, sounding: Sequence[int], draw: int) -> list[int]:
        """Other clips of the speaker, in an order that the clip and the draw decide."""
        utterances = self.dataset.utterances
        own = utterances[index]
        others = [one for one in sounding if one != index and utterances[one].sha256 != own.sha256]
        seed = hashlib.sha256(f"{own.speaker}/{own.sha256}/{draw}".encode()).digest()
        order = np.random.default_rng(list(seed)).permutation(len(others))
        return [others[place] for place in order]

    def _judged(self, index: int, draw: int, unknown: FloatArray, enrolled: FloatArray) -> Judged:
        utterance = self.dataset.utterances[index]
        known, own = self.bundle.manifest.labels, self.classes[utterance.corpus]
        both = (restricted(shares, known, own) for shares in (unknown, enrolled))
        return Judged(utterance, self.fold, draw, own, *both)


def _summary(points: _Points, available: Mapping[str, int]) -> dict[str, Any]:
    everything = points[_ALL]
    base = Strata.of(everything)
    names = list(by_corpus(everything))
    return {
        "clips": base.clips,
        "corpora": names,
        "unknown": {
            "uar": base.uar("unknown"),
            "corpora": {
                name: {
                    "uar": answers.uar("unknown"),
                    "clips": len(answers.truth),
                    "of": available[name],
                    "speakers": answers.known,
                }
                for name, answers in zip(names, base.answers, strict=True)
            },
        },
        "points": [{"clips": count, **_point(judged)} for count, judged in points.items()],
    }


def _point(judged: Sequence[Judged]) -> dict[str, Any]:
    return {
        **_line(judged),
        "corpora": {name: _line(found) for name, found in by_corpus(judged).items()},
    }


def _line(judged: Sequence[Judged]) -> dict[str, Any]:
    """What a profile is worth, as a mean over draws and corpora."""
    drawn = sorted({one.seed for one in judged})
    runs = [Strata.of([one for one in judged if one.seed == draw]) for draw in drawn]
    uar = float(np.mean([run.uar("enrolled") for run in runs]))
    changes = [[_changes(answers) for answers in run.answers] for run in runs]
    ece, mended, spoilt = np.mean(changes, axis=(0, 1)).tolist()
    return {
        "uar": uar,
        "gain": uar - float(np.mean([run.uar("unknown") for run in runs])),
        "gain_interval": _gain_interval(runs),
        "ece": ece,
        "mended": mended,
        "spoilt": spoilt,
    }


def _changes(answers: Answers) -> tuple[float, float, float]:
    """The calibration error with the profile, and the shares of clips it mends and spoils."""
    without, with_profile = (
        answers.predicted(mode) == answers.truth for mode in ("unknown", "enrolled")
    )
    return (
        expected_calibration_error(answers.truth, answers.probabilities["enrolled"]),
        float(np.mean(with_profile & ~without)),
        float(np.mean(without & ~with_profile)),
    )


def _gain_interval(runs: Sequence[Strata]) -> list[float] | None:
    """The same speakers are drawn with and without their profiles."""
    pairs = [(run.draws("enrolled"), run.draws("unknown")) for run in runs]
    gains = [after - before for after, before in pairs if after is not None and before is not None]
    return list(interval(np.mean(gains, axis=0))) if gains else None
