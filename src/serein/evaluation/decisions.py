"""What "not sure" is worth: how many clips are decided, and how often that is right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from serein.evaluation.judging import Judged
from serein.evaluation.scores import SUFFIX, Answers, by_corpus


def decisions(judged: Sequence[Judged], minimum_confidence: float) -> dict[str, Any]:
    """Share of the clips that are decided, and accuracy of these.

    A clip is decided where the top probability is at least ``minimum_confidence``; as in all
    scores it is that over the labels of the clip's corpus. Of several seeds all judgements count.

    Returns
    -------
    dict
        ``minimum_confidence``; for each of ``corpora`` ``share`` and ``accuracy`` (None where
        nothing is decided) on leaderboard U, and the same with ``_enrolled`` on E; and at the top
        the means over the corpora.
    """
    corpora = {
        name: _decided(found, minimum_confidence) for name, found in by_corpus(judged).items()
    }
    means: dict[str, float | None] = {}
    for key in next(iter(corpora.values())):
        known = [value for line in corpora.values() if (value := line[key]) is not None]
        means[key] = float(np.mean(known)) if known else None
    return {"minimum_confidence": minimum_confidence, **means, "corpora": corpora}


def _decided(judged: Sequence[Judged], minimum_confidence: float) -> dict[str, float | None]:
    answers = Answers.of(judged)
    found: dict[str, float | None] = {}
    for mode, suffix in SUFFIX.items():
        decided = answers.probabilities[mode].max(axis=1) >= minimum_confidence
        right = (answers.predicted(mode) == answers.truth)[decided]
        found["share" + suffix] = float(decided.mean())
        found["accuracy" + suffix] = float(right.mean()) if right.size else None
    return found
