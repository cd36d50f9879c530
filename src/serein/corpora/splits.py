"""Who is trained on, who decides, who is tested: how one fold is made, kept and read."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any

from serein.corpora.leakage import for_training, home_corpora
from serein.corpora.table import Utterance
from serein.errors import DataInvalid

VALIDATION_SHARE = 6
"""One in so many training speakers, of each corpus, is held out for validation."""

_FORMAT = 1


@dataclass(frozen=True)
class Fold:
    """One training and its test, as indexes into the utterances that the folds were made of.

    Parameters
    ----------
    name
        Such as ``1`` of ``speakers:K``, the speaker of ``loso``, the corpus of ``corpus``.
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
    homes = home_corpora(utterances)
    for index in sorted(chosen):
        item = utterances[index]
        corpora[homes.get(item.speaker, item.corpus)].append(index)
    validation: set[int] = set()
    warnings = []
    for corpus, clips in corpora.items():
        held, warning = _hold_out(utterances, clips, f"{seed}/{name}/{corpus}")
        validation |= held
        if warning:
            warnings.append(warning)
    return _parted(utterances, chosen, validation, warnings)


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


def make_fold(
    utterances: Sequence[Utterance],
    name: str,
    test: Iterable[int],
    *,
    seed: int = 0,
    train: Iterable[int] | None = None,
    speakers_apart: bool = True,
) -> Fold:
    """The fold that tests the given clips and trains on the others, without what would leak.

    Parameters
    ----------
    utterances
        Those of all tables, one after the other.
    name
        Name of the fold.
    test
        Indexes of the tested clips; those without a label are left out.
    seed
        Together with the name decides who validates.
    train
        The clips to train and validate on; by default all that are not tested.
    speakers_apart
        Leave out of training what the tested speakers say elsewhere, and validate by speaker.
        Without it clips validate by chance.
    """
    tested = [index for index in sorted(test) if utterances[index].emotion is not None]
    rest = set(range(len(utterances)) if train is None else train).difference(tested)
    others = [index for index in sorted(rest) if utterances[index].emotion is not None]
    warnings: list[str] = []
    voices = {utterances[index].speaker for index in tested} - {None}
    if speakers_apart:
        apart = [index for index in others if utterances[index].speaker not in voices]
        if lost := len(others) - len(apart):
            warnings.append(f"{lost} clips left out of training: their speakers are tested")
        others = apart
    sounds = {utterances[index].sha256 for index in tested if not utterances[index].silent}
    clean = [index for index in others if utterances[index].sha256 not in sounds]
    if lost := len(others) - len(clean):
        warnings.append(f"{lost} clips left out of training: their very sound is tested")
    if speakers_apart:
        split = split_validation(utterances, clean, seed=seed, name=name)
    else:
        split = _split_by_clip(utterances, clean, f"{seed}/{name}")
    return Fold(name, split.train, split.validation, tuple(tested), (*warnings, *split.warnings))


def deal_clips(
    utterances: Sequence[Utterance], indexes: Iterable[int], count: int, seed: str
) -> list[list[int]]:
    """Clips dealt by chance into so many parts, even in corpus and emotion; parts are ascending."""
    groups: defaultdict[tuple[str, str | None], dict[str, int]] = defaultdict(dict)
    for index in indexes:
        item = utterances[index]
        groups[item.corpus, item.emotion][f"{item.corpus}/{item.path}"] = index
    parts: list[list[int]] = [[] for _ in range(count)]
    turn = 0
    for _, clips in sorted(groups.items(), key=lambda group: str(group[0])):
        for name in _draw(clips, seed):
            parts[turn % count].append(clips[name])
            turn += 1
    return [sorted(part) for part in parts]


def _split_by_clip(
    utterances: Sequence[Utterance], indexes: Iterable[int], seed: str
) -> ValidationSplit:
    usable = sorted(set(for_training(utterances).kept).intersection(indexes))
    validation, *others = deal_clips(utterances, usable, VALIDATION_SHARE, seed)
    if not any(others):  # too few to hold any out
        validation, others = [], [validation]
    return _parted(utterances, set(usable), set(validation), ())


def _parted(
    utterances: Sequence[Utterance],
    chosen: set[int],
    validation: set[int],
    warnings: Sequence[str],
) -> ValidationSplit:
    """Both sides, without the training clips whose very sound validates."""
    sounds = {utterances[index].sha256 for index in validation}
    train = {i for i in chosen - validation if utterances[i].sha256 not in sounds}
    if lost := len(chosen - validation) - len(train):
        warnings = (
            *warnings,
            f"{lost} clips left out of training: their very sound is in validation",
        )
    return ValidationSplit(tuple(sorted(train)), tuple(sorted(validation)), tuple(warnings))


def _hold_out(
    utterances: Sequence[Utterance], clips: Sequence[int], seed: str
) -> tuple[set[int], str | None]:
    """The clips of one corpus that validate, and a warning where they are not well apart."""
    items = [utterances[index] for index in clips]
    corpus = items[0].corpus
    sexes = {item.speaker: item.sex for item in items if item.speaker is not None}
    nameless = sum(item.speaker is None for item in items)
    if len(sexes) > 1:
        held = set(_choose_speakers(sexes, seed))
        warning = (
            f"{corpus}: the speakers of {nameless} clips are unknown; they are trained on, and may "
            "validate too"
        )
        chosen = {i for i in clips if utterances[i].speaker in held}
        return chosen, warning if nameless else None
    if nameless:
        keys: list[str | None] = [item.sha256 for item in items]
        warning = f"{corpus}: speakers are unknown, so validation is by random clip"
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
