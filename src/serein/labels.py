"""The nine canonical emotions, and the views that regroup a judgement without retraining."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from serein.errors import ArgumentInvalid

LABELS: tuple[str, ...] = (
    "angry",
    "bored",
    "calm",
    "disgusted",
    "fearful",
    "happy",
    "neutral",
    "sad",
    "surprised",
)
"""Canonical labels, in this spelling and order everywhere."""

SEXES: tuple[str, ...] = ("female", "male")

_CALM_NEUTRAL = {"neutral": 1.0, "calm": 1.0, "bored": 1.0}
_SIX = {
    "angry": {"angry": 1.0},
    "disgusted": {"disgusted": 1.0},
    "fearful": {"fearful": 1.0},
    "happy": {"happy": 1.0},
    "neutral": _CALM_NEUTRAL,
    "sad": {"sad": 1.0},
}

# A view is {class: {canonical label: weight}}. A label that no class names is dropped.
_VIEWS: dict[str, dict[str, dict[str, float]]] = {
    "three": {
        "positive": {"happy": 1.0, "surprised": 0.5},
        "neutral": {**_CALM_NEUTRAL, "surprised": 0.5, "sad": 0.5},
        "negative": {"angry": 1.0, "fearful": 1.0, "disgusted": 1.0, "sad": 0.5},
    },
    "five": {name: _SIX[name] for name in ("angry", "happy", "neutral", "sad", "fearful")},
    "six": _SIX,
    "seven": {**_SIX, "surprised": {"surprised": 1.0}},
    "esd": {
        **{name: _SIX[name] for name in ("angry", "happy", "neutral", "sad")},
        "surprised": {"surprised": 1.0},
    },
}

# The six emotions of the twelve-class view, each then split by sex.
_SEX_EMOTION: dict[str, dict[str, float]] = {
    "calm": _CALM_NEUTRAL,
    "happy": {"happy": 1.0},
    "sad": {"sad": 1.0},
    "dislike": {"angry": 1.0, "disgusted": 1.0},
    "fearful": {"fearful": 1.0},
    "surprised": {"surprised": 1.0},
}

VIEWS: tuple[str, ...] = ("all", *_VIEWS, "sex-emotion")
"""Names of the label views."""


def regroup(
    probabilities: Mapping[str, float],
    view: str,
    *,
    sex: Mapping[str, float] | None = None,
) -> tuple[Mapping[str, float], float]:
    """Regroup a distribution over canonical labels into a label view.

    Parameters
    ----------
    probabilities
        Probability of each label that the model knows; sums to 1.
    view
        One of :data:`VIEWS`.
    sex
        Probability of ``female`` and ``male``, which the view ``sex-emotion`` needs. Sex and
        emotion are taken as independent.

    Returns
    -------
    tuple
        The distribution over the view's classes, summing to 1, and the probability mass that
        was dropped before it was renormalised (0 to 1).

    Raises
    ------
    ArgumentInvalid
        If the view is unknown, needs a sex that the model does not judge, or names nothing
        that the model knows.
    """
    if view == "all":
        return MappingProxyType(dict(probabilities)), 0.0
    if view == "sex-emotion":
        if sex is None:
            raise ArgumentInvalid(
                "the view 'sex-emotion' needs a model that also judges the speaker's sex, and "
                "this one does not; choose another view or model"
            )
        emotions, dropped = _weigh(probabilities, _SEX_EMOTION, view)
        pairs = {
            f"{which}_{emotion}": sex[which] * probability
            for which in SEXES
            for emotion, probability in emotions.items()
        }
        return MappingProxyType(pairs), dropped
    if view not in _VIEWS:
        raise ArgumentInvalid(f"unknown label view {view!r}; the views are {', '.join(VIEWS)}")
    return _weigh(probabilities, _VIEWS[view], view)


def _weigh(
    probabilities: Mapping[str, float], classes: Mapping[str, Mapping[str, float]], view: str
) -> tuple[Mapping[str, float], float]:
    mass = {
        name: sum(weight * probabilities.get(label, 0.0) for label, weight in weights.items())
        for name, weights in classes.items()
        if any(label in probabilities for label in weights)
    }
    kept = sum(mass.values())
    if kept <= 0.0:
        raise ArgumentInvalid(
            f"the view {view!r} has none of this model's labels ({', '.join(probabilities)}); "
            "choose the view 'all'"
        )
    named = {label for weights in classes.values() for label in weights}
    dropped = sum(share for label, share in probabilities.items() if label not in named)
    return MappingProxyType({name: value / kept for name, value in mass.items()}), dropped
