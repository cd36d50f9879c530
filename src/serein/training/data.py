"""Clips ready for training: labelled features of the utterances of one or more corpora."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from serein.bundle import Normalization
from serein.corpora import Utterance, UtteranceTable
from serein.corpora.scan import Progress
from serein.errors import ArgumentInvalid, DataInvalid, SereinError
from serein.features import Features, FeatureSpec
from serein.features.spectral import FloatArray
from serein.labels import SEXES, ordered
from serein.recognition import ClipStatistics, Reference, SpeakerProfile
from serein.training.extraction import Extraction, non_speech_features
from serein.training.regrouping import regroup_utterances, what_is_lost
from serein.training.sound import SoundChanges, SoundOptions
from serein.training.store import FeatureStore

FEWEST_LABELS = 2


@dataclass(frozen=True)
class Dataset:
    """Utterances with their features, side by side.

    Attributes
    ----------
    utterances
        All of a labelled emotion; regrouped, those that the label set leaves out have none.
    features
        The features of each.
    spec
        What the features are.
    failures
        Clips that could not be read, and were left out.
    warnings
        What else went wrong on the way, in words.
    non_speech
        The features of sounds that are not speech, for training alone.
    copies
        The features of each clip's changed copies, which are for training alone; by default of
        none.
    label_set
        Name of the label set whose classes the emotions are; None for canonical labels.
    """

    utterances: tuple[Utterance, ...]
    features: tuple[Features, ...]
    spec: FeatureSpec
    failures: tuple[SereinError, ...] = field(default=())
    warnings: tuple[str, ...] = field(default=())
    copies: tuple[tuple[Features, ...], ...] = field(default=())
    non_speech: tuple[Features, ...] = field(default=())
    label_set: str | None = None

    def __post_init__(self) -> None:
        if not self.copies:
            object.__setattr__(self, "copies", ((),) * len(self.utterances))

    def __len__(self) -> int:
        return len(self.utterances)

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The labels that the data hold, in their order."""
        return ordered(utterance.emotion for utterance in self.utterances)

    def regrouped(self, label_set: str | None) -> Dataset:
        """The same clips in the same order, in the classes of a label set.

        A clip that the set leaves out keeps its place, so that folds of the one count into the
        other; its emotion is None, which no fold trains on or tests. What is lost is told in the
        warnings.

        Raises
        ------
        ArgumentInvalid
            There is no such label set, or the clips are already in the classes of another one.
        """
        if label_set == self.label_set:
            return self
        if label_set is None or self.label_set is not None:
            raise ArgumentInvalid(
                f"the data are already regrouped into the label set {self.label_set!r}; regroup "
                "them as they were loaded"
            )
        utterances = regroup_utterances(self.utterances, label_set)
        return replace(
            self,
            utterances=utterances,
            label_set=label_set,
            warnings=(*self.warnings, *what_is_lost(self.utterances, utterances, label_set)),
        )

    @cached_property
    def corpora(self) -> tuple[str, ...]:
        """Names of the corpora, sorted."""
        return tuple(sorted({utterance.corpus for utterance in self.utterances}))

    def corpus_labels(self, corpus: str) -> tuple[str, ...]:
        """The labels that one corpus holds, in their order."""
        return ordered(one.emotion for one in self.utterances if one.corpus == corpus)

    def targets(self, labels: Sequence[str]) -> npt.NDArray[np.int64]:
        """Index of each clip's emotion among ``labels``, -1 for another one, shape (clips,)."""
        index = {label: position for position, label in enumerate(labels)}
        return np.array(
            [index.get(str(one.emotion), -1) for one in self.utterances], dtype=np.int64
        )

    def sexes(self) -> npt.NDArray[np.int64]:
        """0 for female, 1 for male, -1 for unknown, shape (clips,)."""
        index = {sex: position for position, sex in enumerate(SEXES)}
        known = [-1 if one.sex is None else index[one.sex] for one in self.utterances]
        return np.array(known, dtype=np.int64)

    def votes(self, labels: Sequence[str]) -> npt.NDArray[np.float32]:
        """Share of the listeners' votes that each label got, shape (clips, labels).

        Votes for other labels, or for those that the clip's corpus does not hold, do not count;
        zeros where there is none.
        """
        rows = np.array(
            [[(one.votes or {}).get(label, 0.0) for label in labels] for one in self.utterances],
            dtype=np.float32,
        )
        rows *= self.label_mask(labels)
        total = rows.sum(axis=1, keepdims=True)
        shares: npt.NDArray[np.float32] = np.divide(
            rows, total, out=np.zeros_like(rows), where=total > 0
        )
        return shares

    def label_mask(self, labels: Sequence[str]) -> npt.NDArray[np.bool_]:
        """True where a clip's corpus holds the label, shape (clips, labels).

        The other labels take no part in the clip's loss and score: that a corpus never says
        ``calm`` does not mean that its voices never are.
        """
        rows = {
            corpus: [label in self.corpus_labels(corpus) for label in labels]
            for corpus in self.corpora
        }
        return np.array([rows[one.corpus] for one in self.utterances], dtype=bool)

    @cached_property
    def statistics(self) -> tuple[ClipStatistics, ...]:
        """What a speaker profile takes from each clip."""
        return tuple(ClipStatistics.of(clip) for clip in self.features)

    def by_speaker(self, indexes: Sequence[int]) -> dict[str, list[int]]:
        """Indexes grouped by speaker; clips of unknown speakers are left out."""
        groups: dict[str, list[int]] = {}
        for index in indexes:
            if (speaker := self.utterances[index].speaker) is not None:
                groups.setdefault(speaker, []).append(index)
        return groups

    def profile(self, indexes: Sequence[int], *, model: str) -> SpeakerProfile:
        """The profile of a speaker from the clips at ``indexes``."""
        return SpeakerProfile.of(
            [self.statistics[index] for index in indexes],
            model=model,
            gain_response=self.spec.gain_response,
        )


def speaker_references(
    dataset: Dataset, indexes: Sequence[int], normalization: Normalization
) -> dict[int, Reference]:
    """What each clip is normalised by on leaderboard E: all of its speaker's clips at ``indexes``.

    Clips of unknown speakers have none.
    """
    references: dict[int, Reference] = {}
    for group in dataset.by_speaker(indexes).values():
        profile = dataset.profile(group, model="")
        references |= dict.fromkeys(group, Reference.of(normalization, profile))
    return references


def load_dataset(
    tables: Sequence[UtteranceTable],
    spec: FeatureSpec,
    *,
    sound: SoundOptions | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
    store: FeatureStore | None = None,
) -> Dataset:
    """Decode the labelled clips of the tables and compute their features.

    Parameters
    ----------
    sound
        In which changed copies each clip is also heard, and what is heard that is not speech; by
        default neither. A copy that cannot be made is left out, and told of in the warnings.
    workers
        Number of processes; by default one a core.
    store
        Where features are kept from run to run. What lies there is not computed again; the result
        is the same to the last bit. By default everything is computed, and held in memory.

    Raises
    ------
    DataInvalid
        If nothing can be read, fewer than two labels are left, or the recordings that ``sound``
        names are not there.
    """
    wanted = [
        (table.audio_path(utterance), utterance)
        for table in tables
        for utterance in table.utterances
        if utterance.emotion is not None
    ]
    if not wanted:
        raise DataInvalid("the data hold no clip with a canonical emotion; there is nothing to do")
    _require_distinct(tables)
    changes = SoundChanges.of(sound or SoundOptions())
    extraction = Extraction([path for path, _ in wanted], spec, store, changes)
    extraction.run(workers, progress)
    kept: list[tuple[Utterance, Features, tuple[Features, ...]]] = []
    failures: list[SereinError] = []
    lost: list[SereinError] = []
    for (_, utterance), (result, *copies) in zip(wanted, extraction.results(), strict=True):
        if isinstance(result, SereinError):
            failures.append(result)
        else:
            made = tuple(copy for copy in copies if isinstance(copy, Features))
            kept.append((utterance, result, made))
            lost += (copy for copy in copies if isinstance(copy, SereinError))
    dataset = Dataset(
        tuple(utterance for utterance, _, _ in kept),
        tuple(features for _, features, _ in kept),
        spec,
        tuple(failures),
        _made_alone(changes) + extraction.warnings + _lost_copies(lost),
        tuple(copies for _, _, copies in kept),
        non_speech_features(changes, spec, workers),
    )
    if len(dataset.labels) < FEWEST_LABELS:
        raise DataInvalid(
            f"the data hold {len(dataset.labels)} readable emotion(s) "
            f"({', '.join(dataset.labels) or 'none'}); a model needs at least {FEWEST_LABELS}"
        )
    return dataset


def _made_alone(changes: SoundChanges) -> tuple[str, ...]:
    """What was looked for among the recordings in vain."""
    sound = changes.options
    lacking = {
        "noises": (sound.background or sound.non_speech) and not changes.noises,
        "rooms": sound.rooms and not changes.rooms,
    }
    return tuple(
        f"no {things} in {sound.recordings} are for training (half of all recordings, by a hash "
        f"of their names, are kept for tests of robustness), so all {things} that are heard are "
        "made"
        for things, lack in lacking.items()
        if sound.recordings and lack
    )


def _lost_copies(lost: Sequence[SereinError]) -> tuple[str, ...]:
    if not lost:
        return ()
    return (
        f"{len(lost)} changed copies of clips could not be made and are left out, the first of "
        f"them for this reason: {lost[0].file}: {lost[0].message}",
    )


def _require_distinct(tables: Sequence[UtteranceTable]) -> None:
    """Clips are told apart by corpus and path, in folds and predictions too."""
    seen: set[tuple[str, str]] = set()
    for table in tables:
        for one in table.utterances:
            if (one.corpus, one.path) in seen:
                raise DataInvalid(
                    f"{one.path} of {one.corpus} stands twice in the data; give every table once, "
                    "and scan folders of your own together, as one",
                    file=one.path,
                )
            seen.add((one.corpus, one.path))


def population(
    dataset: Dataset, indexes: Sequence[int], *, floor: float = 1e-3
) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation of the features over the clips at ``indexes``.

    Corpora weigh the same, and within one the clips do, so that a large corpus does not set the
    scale for the others. Where a feature hardly varies its deviation is floored.

    Returns
    -------
    tuple
        Two arrays of shape (dimensions,), float32.
    """
    corpora: dict[str, list[int]] = {}
    for index in indexes:
        corpora.setdefault(dataset.utterances[index].corpus, []).append(index)
    statistics = dataset.statistics
    means = [np.mean([statistics[i].mean for i in group], axis=0) for group in corpora.values()]
    squares = [np.mean([statistics[i].square for i in group], axis=0) for group in corpora.values()]
    mean = np.mean(means, axis=0)
    variance = np.mean(squares, axis=0) - mean**2
    std = np.sqrt(np.maximum(variance, floor**2))
    return mean.astype(np.float32), std.astype(np.float32)
