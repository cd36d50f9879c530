"""Who is trained on, who decides, who is tested: folds that keep speakers apart."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any

from serein.corpora.leakage import for_training
from serein.corpora.table import Utterance
from serein.errors import ArgumentInvalid, DataInvalid

VALIDATION_SHARE = 6
"""One in so many training speakers, of each corpus, is held out for validation."""

PROTOCOLS: tuple[str, ...] = ("speakers:K", "loso")
"""The protocols of :func:`parse_protocol`; K is a number of folds, at least 2."""

# Folds that the literature agrees upon, which stand above the dealing.
_CONVENTIONS: dict[tuple[str, int], dict[str, int]] = {
    ("ravdess", 6): {f"ravdess-{actor:02d}": (actor - 1) // 4 for actor in range(1, 25)},
}

_FORMAT = 1


@dataclass(frozen=True)
class Fold:
    """One training and its test, as indexes into the utterances that the folds were made of.

    Parameters
    ----------
    name
        Such as ``1`` of ``speakers:K``, or the speaker of ``loso``.
    train, validation, test
        Ascending indexes; no two of them share one. Clips that are of no use in training (see
        :func:`serein.corpora.for_training`) stand in ``test`` only.
    warnings
        What is not as it should be, such as a validation that is not apart by speaker.
    """

    name: str
    train: tuple[int, ...]
    validation: tuple[int, ...]
    test: tuple[int, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class ValidationSplit:
    """Training clips parted into those that teach and those that decide, as ascending indexes."""

    train: tuple[int, ...]
    validation: tuple[int, ...]
    warnings: tuple[str, ...] = ()


def parse_protocol(protocol: str, utterances: Sequence[Utterance], *, seed: int = 0) -> list[Fold]:
    """The folds of a protocol by its name.

    Parameters
    ----------
    protocol
        ``speakers:K`` (see :func:`speaker_folds`) or ``loso`` (:func:`leave_one_speaker_out`).
    utterances
        Those of all tables, one after the other.
    seed
        Decides which training speakers validate.

    Raises
    ------
    ArgumentInvalid
        No protocol has that name, or K is not possible.
    DataInvalid
        The speakers are not known.
    """
    kind, _, number = protocol.partition(":")
    if protocol == "loso":
        return leave_one_speaker_out(utterances, seed=seed)
    if kind == "speakers" and number.isascii() and number.isdigit():
        return speaker_folds(utterances, int(number), seed=seed)
    raise ArgumentInvalid(
        f"{protocol!r} is no known protocol; allowed are {' and '.join(PROTOCOLS)}, "
        "where K is a number of folds, such as speakers:6"
    )


def speaker_folds(utterances: Sequence[Utterance], count: int, *, seed: int = 0) -> list[Fold]:
    """Deal every corpus's speakers into folds; fold i of all corpora is held out together.

    Speakers are sorted, women first, then men, then the others, and dealt in turn, so that folds
    are even in number and sex. A corpus with fewer speakers than folds is trained on whole in
    the folds beyond.

    Parameters
    ----------
    utterances
        Those of all tables, one after the other.
    count
        Number of folds, from 2 to the number of speakers of the largest corpus.
    seed
        Decides which training speakers validate.

    Raises
    ------
    ArgumentInvalid
        Fewer than two folds, or more than any corpus has speakers.
    DataInvalid
        The speakers are not known.
    """
    speakers = _speakers_by_corpus(utterances)
    most = max(map(len, speakers.values()))
    if not 2 <= count <= most:
        raise ArgumentInvalid(
            f"speakers:{count} is not possible; allowed are 2 to {most} folds, as the largest "
            f"corpus here has {most} speakers"
        )
    fold_of: dict[str, int] = {}
    for corpus, sexes in speakers.items():
        fold_of |= _deal(corpus, sexes, count)
    held_out: list[set[str]] = [set() for _ in range(count)]
    for speaker, number in fold_of.items():
        held_out[number].add(speaker)
    return [
        _make_fold(utterances, str(number), held, seed)
        for number, held in enumerate(held_out, start=1)
    ]


def leave_one_speaker_out(utterances: Sequence[Utterance], *, seed: int = 0) -> list[Fold]:
    """One fold for every speaker of every corpus, trained on all the others.

    Raises
    ------
    DataInvalid
        The speakers are not known, or there is only one.
    """
    speakers = list(chain.from_iterable(_speakers_by_corpus(utterances).values()))
    if len(speakers) < 2:
        raise DataInvalid(
            f"{speakers[0]} is the only speaker, so none is left to train on; add a corpus"
        )
    return [_make_fold(utterances, speaker, {speaker}, seed) for speaker in speakers]


def split_validation(
    utterances: Sequence[Utterance],
    indexes: Iterable[int] | None = None,
    *,
    seed: int = 0,
    name: str = "",
) -> ValidationSplit:
    """Hold out some of the training clips to choose epoch, threshold and temperature by.

    Of each corpus one in six speakers validates, at least one, women and men in turn. Where one
    speaker is all there is, validation is apart by sentence; where speakers or sentences are
    unknown, by clip, with a warning.

    Parameters
    ----------
    utterances
        Those of all tables, one after the other.
    indexes
        The training clips; by default all that are of use in training.
    seed, name
        Together decide who validates. Folds give their own name, so that it is not always the same.
    """
    usable = set(for_training(utterances).kept)
    chosen = usable if indexes is None else usable & set(indexes)
    corpora: defaultdict[str, list[int]] = defaultdict(list)
    for index in sorted(chosen):
        corpora[utterances[index].corpus].append(index)
    validation: set[int] = set()
    warnings = []
    for corpus, clips in corpora.items():
        held, warning = _hold_out(utterances, clips, f"{seed}/{name}/{corpus}")
        validation |= held
        if warning:
            warnings.append(warning)
    sounds = {utterances[index].sha256 for index in validation}
    train = {i for i in chosen - validation if utterances[i].sha256 not in sounds}
    if lost := len(chosen - validation) - len(train):
        warnings.append(f"{lost} clips left out of training: their very sound is in validation")
    return ValidationSplit(tuple(sorted(train)), tuple(sorted(validation)), tuple(warnings))


def folds_as_dict(folds: Iterable[Fold], utterances: Sequence[Utterance]) -> dict[str, Any]:
    """The folds for JSON, independent of the order of any table.

    Every clip stands once, by corpus and path; the folds count into that list.
    """
    return {
        "format": _FORMAT,
        "utterances": [[item.corpus, item.path] for item in utterances],
        "folds": [
            {
                "name": fold.name,
                "train": list(fold.train),
                "validation": list(fold.validation),
                "test": list(fold.test),
                "warnings": list(fold.warnings),
            }
            for fold in folds
        ],
    }


def folds_from_dict(saved: Mapping[str, Any], utterances: Sequence[Utterance]) -> list[Fold]:
    """Folds that :func:`folds_as_dict` gave, for the utterances at hand in whatever order.

    Raises
    ------
    DataInvalid
        The folds are not of this format, or a clip that they name is not among the utterances.
    """
    index_of = {(item.corpus, item.path): index for index, item in enumerate(utterances)}
    try:
        if saved["format"] != _FORMAT:
            raise DataInvalid(f"folds of format {saved['format']} are not read, only {_FORMAT}")
        clips = [(str(corpus), str(path)) for corpus, path in saved["utterances"]]
        folds = []
        for fold in saved["folds"]:
            train, validation, test = (
                tuple(sorted(index_of[clips[number]] for number in fold[side]))
                for side in ("train", "validation", "test")
            )
            warnings = tuple(fold["warnings"])
            folds.append(Fold(str(fold["name"]), train, validation, test, warnings))
    except KeyError as error:
        if isinstance(error.args[0], tuple):
            corpus, path = error.args[0]
            raise DataInvalid(
                f"the folds name {path} of {corpus}, which the tables lack; scan the corpus that "
                "the folds were made of, or make them anew"
            ) from error
        raise DataInvalid(f"the folds lack {error}; make them anew") from error
    except (TypeError, ValueError, IndexError) as error:
        raise DataInvalid(f"the folds are damaged ({error}); make them anew") from error
    return folds


def _speakers_by_corpus(utterances: Sequence[Utterance]) -> dict[str, dict[str, str | None]]:
    """The sex of every speaker with a labelled clip, by corpus; sorted, women first, then men."""
    found: defaultdict[str, dict[str, str | None]] = defaultdict(dict)
    for item in utterances:
        if item.emotion is None:
            continue
        if item.speaker is None:
            raise DataInvalid(
                f"{item.path}: the speakers of {item.corpus} are not known, so they cannot be kept "
                "apart; name the speakers in the table, or leave the corpus out",
                file=item.path,
            )
        found[item.corpus].setdefault(item.speaker, item.sex)
    if not found:
        raise DataInvalid("no clip has a label, so there is nothing to split")
    order = {"female": 0, "male": 1, None: 2}
    return {
        corpus: dict(sorted(sexes.items(), key=lambda pair: (order[pair[1]], pair[0])))
        for corpus, sexes in sorted(found.items())
    }


def _deal(corpus: str, sexes: Mapping[str, str | None], count: int) -> dict[str, int]:
    convention = _CONVENTIONS.get((corpus, count), {})
    agreed = {speaker: convention[speaker] for speaker in sexes if speaker in convention}
    if len(agreed) == len(sexes) and len(set(agreed.values())) == count:
        return agreed
    return {speaker: number % count for number, speaker in enumerate(sexes)}


def _make_fold(utterances: Sequence[Utterance], name: str, held_out: set[str], seed: int) -> Fold:
    labelled = [index for index, item in enumerate(utterances) if item.emotion is not None]
    test = [index for index in labelled if utterances[index].speaker in held_out]
    sounds = {utterances[index].sha256 for index in test if not utterances[index].silent}
    others = [index for index in labelled if utterances[index].speaker not in held_out]
    clean = [index for index in others if utterances[index].sha256 not in sounds]
    split = split_validation(utterances, clean, seed=seed, name=name)
    warnings = split.warnings
    if lost := len(others) - len(clean):
        warnings = (f"{lost} clips left out of training: their very sound is tested", *warnings)
    return Fold(name, split.train, split.validation, tuple(test), warnings)


def _hold_out(
    utterances: Sequence[Utterance], clips: Sequence[int], seed: str
) -> tuple[set[int], str | None]:
    """The clips of one corpus that validate, and a warning where they are not well apart."""
    items = [utterances[index] for index in clips]
    corpus = items[0].corpus
    sexes = {item.speaker: item.sex for item in items if item.speaker is not None}
    if any(item.speaker is None for item in items):
        keys: list[str | None] = [item.sha256 for item in items]
        warning = f"{corpus}: speakers are unknown, so validation is by random clip"
    elif len(sexes) > 1:
        held = set(_choose_speakers(sexes, seed))
        return {i for i in clips if utterances[i].speaker in held}, None
    elif len({item.sentence for item in items} - {None}) > 1:
        keys, warning = [item.sentence for item in items], ""
    else:
        keys = [item.sha256 for item in items]
        warning = f"{corpus}: one speaker and no sentences, so validation is by random clip"
    known = {key for key in keys if key is not None}
    drawn = _draw(known, seed)[: _share(len(known))]
    return {i for i, key in zip(clips, keys, strict=True) if key in drawn}, warning or None


def _choose_speakers(sexes: Mapping[str, str | None], seed: str) -> list[str]:
    groups: defaultdict[str | None, list[str]] = defaultdict(list)
    for speaker in _draw(sexes, seed):
        groups[sexes[speaker]].append(speaker)
    turns = chain.from_iterable(zip_longest(*groups.values()))
    return [speaker for speaker in turns if speaker is not None][: _share(len(sexes))]


def _share(count: int) -> int:
    """How many of so many are held out; none of one, so that training keeps something."""
    return min(count - 1, max(1, round(count / VALIDATION_SHARE)))


def _draw(names: Iterable[str], seed: str) -> list[str]:
    """Shuffle by hash: the same on every machine, version of Python and order of the names."""
    return sorted(names, key=lambda name: hashlib.sha256(f"{seed}/{name}".encode()).digest())
