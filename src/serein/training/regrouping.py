"""Clips regrouped into the classes of a label set, to train on and to score."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace

from serein.corpora import OwnUtterance, RegroupedUtterance, Utterance, UtteranceTable
from serein.labels import LabelSet, find_label_set


def regroup_utterances(
    utterances: Iterable[Utterance], label_set: str | None
) -> tuple[Utterance, ...]:
    """The clips in their order, each with its class of the label set for its emotion.

    The emotion is None where the set leaves the clip out: because of its label, because that is
    divided between classes, or because the set asks for a sex that is unknown.

    Parameters
    ----------
    label_set
        Name of the label set; None for the canonical labels, which changes nothing.

    Raises
    ------
    ArgumentInvalid
        There is no such label set.
    """
    if label_set is None:
        return tuple(utterances)
    chosen = find_label_set(label_set)
    return tuple(_regrouped(one, chosen) for one in utterances)


def with_own_labels(table: UtteranceTable) -> UtteranceTable:
    """The table with every clip called what its corpus calls it, canonical or not.

    In small letters, so that ``Furious`` and ``furious`` are one label. Votes are left out: they
    are for canonical labels.
    """
    return replace(table, utterances=tuple(_own(one) for one in table.utterances))


def _own(utterance: Utterance) -> Utterance:
    values = {field.name: getattr(utterance, field.name) for field in fields(Utterance)}
    values["emotion"] = utterance.original_emotion.strip().lower() or None
    return OwnUtterance(**(values | {"votes": None}))


def what_is_lost(
    before: Sequence[Utterance], after: Sequence[Utterance], label_set: str
) -> tuple[str, ...]:
    """What a label set loses of the labels, and how many clips it leaves out, in sentences."""
    chosen = find_label_set(label_set)
    told = [f"labels {label_set!r}: {loss}" for loss in chosen.losses]
    counts = Counter(
        left_out_as(old, label_set)
        for old, new in zip(before, after, strict=True)
        if old.emotion is not None and new.emotion is None
    )
    if counts:
        named = ", ".join(f"{count} {label}" for label, count in sorted(counts.items()))
        total = counts.total()
        clips = f"{total} clip{'s are' if total > 1 else ' is'}"
        told.append(f"labels {label_set!r}: {clips} left out: {named}")
    return tuple(told)


def left_out_as(utterance: Utterance, label_set: str | None) -> str:
    """What a clip without a class counts as: its emotion, and that the sex is unknown if it is."""
    by_sex = label_set is not None and find_label_set(label_set).by_sex
    unknown = " of unknown sex" if by_sex and utterance.sex is None else ""
    return f"{utterance.emotion}{unknown}"


def _regrouped(utterance: Utterance, label_set: LabelSet) -> Utterance:
    values = {field.name: getattr(utterance, field.name) for field in fields(Utterance)}
    if utterance.emotion is not None:
        values["emotion"] = label_set.class_of(utterance.emotion, utterance.sex)
    if utterance.votes is not None:
        values["votes"] = _regrouped_votes(utterance.votes, utterance.sex, label_set)
    return RegroupedUtterance(**values)


def _regrouped_votes(
    votes: Mapping[str, float], sex: str | None, label_set: LabelSet
) -> dict[str, float] | None:
    """Votes for classes; those for a label that is left out stay, as they were heard as well."""
    if not label_set.emotions or (label_set.by_sex and sex is None):
        return None
    found: dict[str, float] = defaultdict(float)
    for label, count in votes.items():
        shares = label_set.shares(label) or {label: 1.0}
        for emotion, share in shares.items():
            known = label_set.by_sex and emotion in label_set.emotions
            found[f"{sex}_{emotion}" if known else emotion] += share * count
    return dict(found)
