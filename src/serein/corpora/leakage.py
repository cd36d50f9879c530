"""What must not happen: test clips known from training, or training on clips that mislead."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from serein.corpora.table import Utterance
from serein.errors import DataInvalid

if TYPE_CHECKING:
    from serein.corpora.splits import Fold


@dataclass(frozen=True)
class TrainingChoice:
    """The clips of use in training, and why the others are not.

    Parameters
    ----------
    kept
        Ascending indexes of the clips of use.
    left_out
        Indexes of the others by reason; together with ``kept`` every clip stands once.
    """

    kept: tuple[int, ...]
    left_out: Mapping[str, tuple[int, ...]]


def for_training(utterances: Sequence[Utterance]) -> TrainingChoice:
    """Leave out what would mislead a training; scores still count every clip with a label.

    Left out are clips without a canonical label, digital silence, and clips whose very samples
    stand elsewhere with another label.
    """
    labels: defaultdict[str, set[str | None]] = defaultdict(set)
    for item in utterances:
        if item.emotion is not None:
            labels[item.sha256].add(item.emotion)
    kept = []
    left_out: defaultdict[str, list[int]] = defaultdict(list)
    for index, item in enumerate(utterances):
        if item.emotion is None:
            left_out["no canonical label"].append(index)
        elif item.silent:
            left_out["digital silence"].append(index)
        elif len(labels[item.sha256]) > 1:
            left_out["the same sound with different labels"].append(index)
        else:
            kept.append(index)
    return TrainingChoice(tuple(kept), {why: tuple(found) for why, found in left_out.items()})


def check_leakage(
    utterances: Sequence[Utterance],
    fold: Fold,
    *,
    speakers: bool = True,
    sentences: bool = False,
) -> None:
    """Refuse a fold in which a speaker or a sound stands on two sides.

    Training and validation together are held against the test, and training against validation.
    Between these two the one speaker of a corpus may stand on both sides if the sentences differ.

    Parameters
    ----------
    utterances
        Those that the fold counts into.
    fold
        The fold in question.
    speakers
        Refuse a speaker on two sides; without it, only clips and sounds, as a random split asks.
    sentences
        Also refuse a sentence of a corpus that is both trained on and tested.

    Raises
    ------
    DataInvalid
        Names the fold, the two sides, and the speaker, sentence or clips that stand on both.
    """
    sides = {"train": fold.train, "validation": fold.validation, "test": fold.test}
    numbers = range(len(utterances))
    for side, indexes in sides.items():
        if outside := set(indexes).difference(numbers):
            raise DataInvalid(
                f"fold {fold.name}: {side} names clip {min(outside)}, but there are only "
                f"{len(utterances)}; give the utterances that the fold was made of"
            )
    keys: dict[str, Callable[[Utterance], str | None]] = {
        "clip": lambda item: f"{item.path} of {item.corpus}",
        "sound": lambda item: None if item.silent else item.sha256,
    }
    if speakers:
        keys["speaker"] = lambda item: item.speaker
    if sentences:
        keys["sentence"] = lambda item: item.sentence and f"{item.sentence!r} of {item.corpus}"
    for side in ("train", "validation"):
        for what, key in keys.items():
            _refuse_shared(utterances, fold.name, {side: sides[side], "test": fold.test}, what, key)
    within = {"train": fold.train, "validation": fold.validation}
    if not speakers:
        keys.pop("sentence", None)  # validation is by chance too
        for what, key in keys.items():
            _refuse_shared(utterances, fold.name, within, what, key)
        return
    alone = _lone_speakers(utterances, (*fold.train, *fold.validation))
    keys["speaker"] = lambda item: None if item.speaker in alone else item.speaker
    keys["sentence"] = lambda item: (
        f"{item.sentence!r} of {item.speaker}"
        if alone.get(item.speaker) and item.sentence
        else None
    )
    for what, key in keys.items():
        _refuse_shared(utterances, fold.name, within, what, key)


_WAY_OUT = {
    "clip": "let every clip stand on one side",
    "speaker": "make folds with the protocol speakers:K or loso",
    "sentence": "part the corpus by sentence, or do not ask for sentences to be kept apart",
    "sound": "leave one of the two out, or make folds with the protocol speakers:K or loso",
}


MARK_LENGTH = 10
"""Letters of a mark: enough that two of a million things hardly ever share one by chance."""


def marks(utterances: Iterable[Utterance]) -> frozenset[str]:
    """What a bundle keeps of what it was trained on: hashes, never names.

    One for every known speaker and one for every sound, so that a recording is known again under
    another name, and another recording of the same speaker too.
    """
    heard: set[str] = set()
    for item in utterances:
        if item.speaker is not None:
            heard.add(item.speaker)
        if not item.silent:  # one silence is like another
            heard.add(f"sound {item.sha256}")
    return frozenset(hashlib.sha256(name.encode()).hexdigest()[:MARK_LENGTH] for name in heard)


def _refuse_shared(
    utterances: Sequence[Utterance],
    name: str,
    sides: Mapping[str, Iterable[int]],
    what: str,
    key: Callable[[Utterance], str | None],
) -> None:
    (left, first), (right, second) = sides.items()
    places = {found: item for index in first if (found := key(item := utterances[index]))}
    for index in second:
        item = utterances[index]
        found = key(item)
        if found in places:
            other = places[found]
            thing = f"the same sound ({other.path}, {item.path})" if what == "sound" else found
            raise DataInvalid(
                f"fold {name}: {what if what != 'sound' else 'audio'} {thing} stands in both "
                f"{left} and {right}, so the score would flatter; {_WAY_OUT[what]}"
            )


def home_corpora(utterances: Iterable[Utterance]) -> dict[str | None, str]:
    """The corpus that each known speaker is counted with: of several the first by name."""
    homes: dict[str | None, str] = {}
    for item in utterances:
        if item.speaker is not None:
            homes[item.speaker] = min(item.corpus, homes.get(item.speaker, item.corpus))
    return homes


def _lone_speakers(
    utterances: Sequence[Utterance], indexes: Iterable[int]
) -> dict[str | None, bool]:
    """The speakers who are the only one of their corpus, and whether sentences can part them.

    Where no two sentences are known, validation can only be by clip, as the fold's warning says.
    """
    corpora: defaultdict[str, defaultdict[str | None, set[str | None]]]
    corpora = defaultdict(lambda: defaultdict(set))
    homes = home_corpora(utterances)
    for item in (utterances[index] for index in indexes):
        home = homes.get(item.speaker, item.corpus)
        corpora[home][item.speaker].add(item.sentence)
    return {
        speaker: len(sentences - {None}) > 1
        for speakers in corpora.values()
        if len(speakers) == 1
        for speaker, sentences in speakers.items()
        if speaker is not None
    }
