"""Folds that keep speakers apart: dealt in turn, dealt evenly in emotion, or one a fold."""

from __future__ import annotations

import warnings
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING

from serein.corpora.leakage import home_corpora
from serein.corpora.splits import Fold, make_fold
from serein.corpora.table import Utterance
from serein.errors import ArgumentInvalid, DataInvalid, DependencyMissing

if TYPE_CHECKING:
    from sklearn.model_selection import StratifiedGroupKFold

NO_LABELS = "no clip has a label, so there is nothing to split"

# Folds that the literature agrees upon, which stand above the dealing.
_CONVENTIONS: dict[tuple[str, int], dict[str, int]] = {
    ("ravdess", 6): {f"ravdess-{actor:02d}": (actor - 1) // 4 for actor in range(1, 25)},
}


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
    tests: list[list[int]] = [[] for _ in range(count)]
    for index, item in enumerate(utterances):
        if item.speaker in fold_of:
            tests[fold_of[item.speaker]].append(index)
    return [
        make_fold(utterances, str(number), test, seed=seed)
        for number, test in enumerate(tests, start=1)
    ]


def stratified_folds(utterances: Sequence[Utterance], count: int, *, seed: int = 0) -> list[Fold]:
    """Deal all speakers into folds whose emotions are as even as whole speakers allow.

    As :class:`sklearn.model_selection.StratifiedGroupKFold` deals them: speakers are the groups,
    the emotions of each corpus the strata, so that every fold holds of every corpus what it can.
    Where all speakers say the same number of clips of each emotion, chance alone decides.

    Parameters
    ----------
    utterances
        Those of all tables, one after the other.
    count
        Number of folds, from 2 to the number of speakers.
    seed
        Decides how they are dealt, and which training speakers validate.

    Raises
    ------
    ArgumentInvalid
        Fewer than two folds, or more than the speakers and their clips allow.
    DataInvalid
        The speakers are not known.
    DependencyMissing
        scikit-learn is not installed.
    """
    number = len(list(chain.from_iterable(_speakers_by_corpus(utterances).values())))
    labelled = [index for index, item in enumerate(utterances) if item.emotion is not None]
    strata = [f"{utterances[index].corpus}/{utterances[index].emotion}" for index in labelled]
    most = min(number, max(Counter(strata).values()))
    if not 2 <= count <= most:
        raise ArgumentInvalid(
            f"stratified:{count} is not possible; allowed are 2 to {most} folds, by the number of "
            "speakers and of the clips of an emotion"
        )
    speakers = [utterances[index].speaker for index in labelled]
    dealer = _stratified_dealer(count, seed)
    with warnings.catch_warnings():
        # An emotion with fewer clips than folds is missing from some of them, which is no fault.
        warnings.filterwarnings("ignore", message="The least populated class in y")
        tests = [test.tolist() for _, test in dealer.split(labelled, strata, speakers)]
    return [
        make_fold(utterances, str(name), [labelled[place] for place in test], seed=seed)
        for name, test in enumerate(tests, start=1)
    ]


def _stratified_dealer(count: int, seed: int) -> StratifiedGroupKFold:
    try:
        from sklearn.model_selection import StratifiedGroupKFold
    except ImportError as error:
        raise DependencyMissing(
            "the protocol stratified needs scikit-learn, which is not installed: "
            'pip install "serein[train]"'
        ) from error
    return StratifiedGroupKFold(count, shuffle=True, random_state=seed)


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
    said: defaultdict[str | None, list[int]] = defaultdict(list)
    for index, item in enumerate(utterances):
        said[item.speaker].append(index)
    return [make_fold(utterances, speaker, said[speaker], seed=seed) for speaker in speakers]


def _speakers_by_corpus(utterances: Sequence[Utterance]) -> dict[str, dict[str, str | None]]:
    """The sex of every speaker with a labelled clip, by corpus; sorted, women first, then men.

    A speaker of two corpora stands with the first of them alone, and so in one fold.
    """
    found: defaultdict[str, dict[str, str | None]] = defaultdict(dict)
    homes = home_corpora(utterances)
    for item in utterances:
        if item.emotion is None:
            continue
        if item.speaker is None:
            raise DataInvalid(
                f"{item.path}: the speakers of {item.corpus} are not known, so they cannot be kept "
                "apart; name the speakers in the table, or deal the clips by chance with the "
                "protocol random, whose score flatters",
                file=item.path,
            )
        found[homes[item.speaker]].setdefault(item.speaker, item.sex)
    if not found:
        raise DataInvalid(NO_LABELS)
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
