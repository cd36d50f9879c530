"""Protocols: the ways to make folds, by the names that a person asks for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from serein.corpora.leakage import check_leakage, for_training
from serein.corpora.readers.words import PARTS
from serein.corpora.speakers import (
    NO_LABELS,
    leave_one_speaker_out,
    speaker_folds,
    stratified_folds,
)
from serein.corpora.splits import Fold, deal_clips, make_fold
from serein.corpora.table import Utterance
from serein.errors import ArgumentInvalid, DataInvalid

RANDOM_FOLDS = 5
"""Folds of ``random`` where no number is given: four fifths to train on, as is usual."""

PROTOCOLS: Mapping[str, str] = {
    "speakers:K": "speakers dealt into K folds, women and men apart",
    "stratified:K": "speakers dealt into K folds that are even in emotion",
    "loso": "leave one speaker out",
    "corpus": "leave one corpus out",
    "official": "the corpus's own parts",
    "random": "clips dealt by chance, random:K into K folds; speakers leak",
}
"""The protocols of :func:`parse_protocol` and what they are."""


@dataclass(frozen=True)
class Protocol:
    """Folds, and what may be said of a score over them.

    Parameters
    ----------
    name
        As a person asks for it, such as ``speakers:6``.
    title
        As it is printed beside every score: the name, unless more has to be said.
    folds
        One or more.
    speakers_apart
        Whether no known speaker may be both trained on and tested.
    known
        Whether the tested speakers are known where that matters.
    """

    name: str
    title: str
    folds: tuple[Fold, ...]
    speakers_apart: bool = True
    known: bool = True

    @property
    def honest(self) -> bool:
        """Whether a score over the folds is of voices that the training surely never heard."""
        return self.speakers_apart and self.known

    def check(self, utterances: Sequence[Utterance], *, sentences: bool = False) -> None:
        """Refuse every fold that leaks more than the title says.

        Raises
        ------
        DataInvalid
            See :func:`serein.corpora.check_leakage`.
        """
        for fold in self.folds:
            check_leakage(utterances, fold, speakers=self.speakers_apart, sentences=sentences)


def parse_protocol(protocol: str, utterances: Sequence[Utterance], *, seed: int = 0) -> Protocol:
    """The folds of a protocol by its name, one of :data:`PROTOCOLS`.

    Parameters
    ----------
    protocol
        ``speakers:K`` (:func:`speaker_folds`), ``stratified:K`` (:func:`stratified_folds`),
        ``loso`` (:func:`leave_one_speaker_out`), ``corpus`` (:func:`leave_one_corpus_out`),
        ``official`` (:func:`official_folds`), ``random`` or ``random:K`` (:func:`random_folds`).
    utterances
        Those of all tables, one after the other.
    seed
        Decides which training speakers validate, and how ``stratified`` and ``random`` deal.

    Raises
    ------
    ArgumentInvalid
        No protocol has that name, or K is not possible.
    DataInvalid
        The data do not allow it, such as unknown speakers where speakers are to be kept apart.
    DependencyMissing
        ``stratified`` needs scikit-learn, which is not installed.
    """
    kind, colon, number = protocol.partition(":")
    count = int(number) if number.isascii() and number.isdigit() else None
    if kind == "random" and (count is not None or not colon):
        folds = random_folds(utterances, RANDOM_FOLDS if count is None else count, seed=seed)
        return Protocol(protocol, random_title(utterances), tuple(folds), speakers_apart=False)
    dealers = {"speakers": speaker_folds, "stratified": stratified_folds}
    if kind in dealers and count is not None:
        return Protocol(protocol, protocol, tuple(dealers[kind](utterances, count, seed=seed)))
    makers = {
        "loso": leave_one_speaker_out,
        "corpus": leave_one_corpus_out,
        "official": official_folds,
    }
    if protocol not in makers:
        raise ArgumentInvalid(
            f"{protocol!r} is no known protocol; allowed are {', '.join(PROTOCOLS)}, "
            "where K is a number of folds, such as speakers:6"
        )
    folds = makers[protocol](utterances, seed=seed)
    if protocol == "official" and any(
        utterances[index].speaker is None for fold in folds for index in fold.test
    ):
        # Whoever is not named may be on both sides.
        return Protocol(protocol, "official (speakers unknown)", tuple(folds), known=False)
    return Protocol(protocol, protocol, tuple(folds))


def random_title(utterances: Sequence[Utterance]) -> str:
    """What a random split is called wherever its score is printed."""
    known = any(item.speaker is not None for item in utterances if item.emotion is not None)
    return f"random (speakers {'leak' if known else 'unknown'})"


def leave_one_corpus_out(utterances: Sequence[Utterance], *, seed: int = 0) -> list[Fold]:
    """One fold for every corpus, trained on all the others.

    A speaker who was recorded for two corpora is trained on for neither's test.

    Raises
    ------
    DataInvalid
        There is only one corpus.
    """
    corpora = sorted({item.corpus for item in utterances if item.emotion is not None})
    if len(corpora) < 2:
        raise DataInvalid(
            "to leave one corpus out takes two or more with labelled clips, and there "
            f"{'is ' + corpora[0] + ' alone' if corpora else 'are none'}; add a corpus, or keep "
            "speakers apart with speakers:K or loso"
        )
    return [
        make_fold(
            utterances,
            corpus,
            [index for index, item in enumerate(utterances) if item.corpus == corpus],
            seed=seed,
        )
        for corpus in corpora
    ]


def official_folds(utterances: Sequence[Utterance], *, seed: int = 0) -> list[Fold]:
    """Folds of the parts that a corpus's makers have fixed, the column ``split`` of the table.

    Where the parts are named for training and test there is one fold; the part named for
    validation validates, or training speakers do. Parts of other names, such as the sessions of
    IEMOCAP, are tested in turn.

    Raises
    ------
    DataInvalid
        A corpus has no parts, or only one.
    """
    parts: defaultdict[str, defaultdict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for index, item in enumerate(utterances):
        if item.emotion is not None and item.split is not None:
            parts[item.corpus][item.split].append(index)
    for corpus in sorted({item.corpus for item in utterances if item.emotion is not None}):
        if len(parts[corpus]) < 2:
            alone = f"only {next(iter(parts[corpus]))!r}" if parts[corpus] else "nothing"
            raise DataInvalid(
                f"{corpus} has no official parts: its table has {alone} in the column split, and "
                "two parts are needed, one to train on and one to test; choose speakers:K or loso"
            )
    uses = [_by_use(corpus, own) for corpus, own in sorted(parts.items())]
    if all(train and test for train, _, test in uses):
        train, validation, test = (
            [index for use in uses for index in use[side]] for side in range(3)
        )
        return [_official_fold(utterances, train, validation, test, seed)]
    return [
        make_fold(utterances, f"{corpus}-{part}", own[part], seed=seed)
        for corpus, own in sorted(parts.items())
        for part in sorted(own)
    ]


def random_folds(utterances: Sequence[Utterance], count: int, *, seed: int = 0) -> list[Fold]:
    """Clips dealt by chance: the voices that are tested are also trained on.

    Emotions and corpora are dealt evenly. It is here to show what such a split is worth, and for
    data whose speakers nobody knows.

    Raises
    ------
    ArgumentInvalid
        Fewer than two folds, or more than there are clips.
    DataInvalid
        No clip has a label.
    """
    labelled = [index for index, item in enumerate(utterances) if item.emotion is not None]
    if not labelled:
        raise DataInvalid(NO_LABELS)
    if not 2 <= count <= len(labelled):
        raise ArgumentInvalid(
            f"random:{count} is not possible; allowed are 2 to {len(labelled)} folds, the number "
            "of clips"
        )
    return [
        make_fold(utterances, str(number), test, seed=seed, speakers_apart=False)
        for number, test in enumerate(
            deal_clips(utterances, labelled, count, f"{seed}/random"), start=1
        )
    ]


def _by_use(corpus: str, parts: Mapping[str, list[int]]) -> tuple[list[int], list[int], list[int]]:
    """Clips of the parts named for training, validation and test; all empty for other names."""
    found: defaultdict[str, list[int]] = defaultdict(list)
    for name, indexes in parts.items():
        word = name.casefold()
        found[PARTS.get(word, "test" if word.startswith("test") else "")] += indexes
    evaluation = found.pop("evaluation", [])
    # Where no part is named for the test, the one for evaluation is; else it decides.
    found["validation" if found["test"] else "test"] += evaluation
    if bool(found["train"]) != bool(found["test"]):
        lacking = "test" if found["train"] else "train"
        raise DataInvalid(
            f"{corpus}: of its parts ({', '.join(sorted(parts))}) none is named {lacking!r}; name "
            "one so in the column split, or choose speakers:K or loso"
        )
    return found["train"], found["validation"], found["test"]


def _official_fold(
    utterances: Sequence[Utterance],
    train: Sequence[int],
    validation: Sequence[int],
    test: Sequence[int],
    seed: int,
) -> Fold:
    if validation:
        usable = set(for_training(utterances).kept)
        # What leaks between the parts is for the guard to refuse, not for us to mend.
        labelled = [index for index in sorted(test) if utterances[index].emotion is not None]
        return Fold(
            "official",
            tuple(sorted(usable.intersection(train))),
            tuple(sorted(usable.intersection(validation))),
            tuple(labelled),
        )
    voices, known = (
        {utterances[index].speaker for index in part} - {None} for part in (test, train)
    )
    return make_fold(
        utterances,
        "official",
        test,
        seed=seed,
        train=train,
        speakers_apart=not voices & known,
    )
