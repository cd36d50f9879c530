"""How scores differ between women and men, corpora and languages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from serein.evaluation.judging import Judged, restricted
from serein.evaluation.scores import FEWEST_CLASSES, SUFFIX, Strata, by_corpus
from serein.features.spectral import FloatArray
from serein.labels import SEXES
from serein.metrics import interval

Key = Callable[[Judged], str | None]
Groups = Mapping[str, Sequence[Judged]]


def fairness(judged: Sequence[Judged]) -> dict[str, Any]:
    """UAR by sex, corpus and language, and how far each group lies from the others.

    Sexes are compared within the corpora that hold both, over the classes that both say; corpora
    and languages over the classes that all of them hold. Judgements of the first seed are taken.

    Returns
    -------
    dict
        For each of ``sex``, ``corpus`` and ``language``, where there are two groups or more,
        ``classes`` and ``groups``: for each group ``clips``, ``speakers``, ``uar``, its 95 %
        interval over speakers, and the ``difference`` from the mean of the other groups with
        its own; on leaderboard E with ``_enrolled``.
    """
    first = min(one.seed for one in judged)
    judged = [one for one in judged if one.seed == first]
    found: dict[str, Any] = {}
    if groups := _by_sex(judged):
        classes = sorted(
            {name for group in groups.values() for one in group for name in one.classes}
        )
        found["sex"] = {"classes": classes, "groups": _compare(groups)}
    shared = _over_shared_classes(judged)
    for name, key in (
        ("corpus", lambda one: one.utterance.corpus),
        ("language", lambda one: one.utterance.language),
    ):
        groups = _grouped(shared, key)
        if len(groups) > 1:
            found[name] = {"classes": list(shared[0].classes), "groups": _compare(groups)}
    return found


def _by_sex(judged: Sequence[Judged]) -> Groups:
    kept: list[Judged] = []
    for found in by_corpus(judged).values():
        said = [
            {one.utterance.emotion for one in found if one.utterance.sex == sex} for sex in SEXES
        ]
        shared = tuple(name for name in found[0].classes if all(name in names for names in said))
        kept += _over_classes(found, shared)
    return _grouped(kept, lambda one: one.utterance.sex)


def _over_shared_classes(judged: Sequence[Judged]) -> list[Judged]:
    """Judgements over the classes that all corpora hold; none if those are fewer than two."""
    held = {one.classes for one in judged}
    shared = tuple(name for name in judged[0].classes if all(name in classes for classes in held))
    return _over_classes(judged, shared)


def _over_classes(judged: Sequence[Judged], shared: tuple[str, ...]) -> list[Judged]:
    """Judgements of the clips of some classes, over just these; none if they are too few."""
    if len(shared) < FEWEST_CLASSES:
        return []
    return [
        replace(
            one,
            classes=shared,
            unknown=restricted(one.unknown, one.classes, shared),
            enrolled=restricted(one.enrolled, one.classes, shared),
        )
        for one in judged
        if one.utterance.emotion in shared
    ]


def _grouped(judged: Sequence[Judged], key: Key) -> Groups:
    groups: dict[str, list[Judged]] = {}
    for one in judged:
        if (name := key(one)) is not None:
            groups.setdefault(name, []).append(one)
    return dict(sorted(groups.items()))


def _compare(groups: Groups) -> dict[str, dict[str, Any]]:
    held = {name: Strata.of(judged) for name, judged in groups.items()}
    found: dict[str, dict[str, Any]] = {
        name: {"clips": group.clips, "speakers": group.speakers} for name, group in held.items()
    }
    for mode, suffix in SUFFIX.items():
        scores = {name: group.uar(mode) for name, group in held.items()}
        # Other people speak in another group, so each is drawn by a seed of its own.
        draws = {
            name: group.draws(mode, seed=1000 * number)
            for number, (name, group) in enumerate(held.items())
        }
        for name, line in found.items():
            others = [other for other in held if other != name]
            own = draws[name]
            line["uar" + suffix] = scores[name]
            line[f"uar{suffix}_interval"] = None if own is None else list(interval(own))
            mean = float(np.mean([scores[other] for other in others]))
            line["difference" + suffix] = scores[name] - mean
            line[f"difference{suffix}_interval"] = _difference_interval(
                own, [draws[other] for other in others]
            )
    return found


def _difference_interval(
    own: FloatArray | None, others: Sequence[FloatArray | None]
) -> list[float] | None:
    known = [draws for draws in others if draws is not None]
    if own is None or len(known) < len(others):
        return None
    return list(interval(own - np.mean(known, axis=0)))
