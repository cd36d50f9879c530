"""The nine canonical emotions, and the label sets that they are regrouped into.

A label set is a target to train on and a view of a judgement alike: :data:`LABEL_SETS` is the one
table of both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
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

Shares = Mapping[str, float]
"""What share of a label belongs to each class, or the probability of each class."""

_NOWHERE: Shares = MappingProxyType({})


def ordered(labels: Iterable[str | None]) -> tuple[str, ...]:
    """Labels or classes, each once, in the one order that there is: the alphabet's.

    None, for a clip without a label, is left out.
    """
    return tuple(sorted({label for label in labels if label is not None}))


@dataclass(frozen=True)
class LabelSet:
    """Classes made of the canonical labels.

    Attributes
    ----------
    name
        As a recipe and ``--labels`` name it.
    emotions
        Of each class of emotion the canonical labels that belong to it, each with its share: 1,
        or less where it is divided between classes. A label that no class names is left out.
    by_sex
        Whether the speaker's sex is told apart, too; it is all that is where no emotion is.
    """

    name: str
    emotions: Mapping[str, Shares]
    by_sex: bool = False

    @property
    def classes(self) -> tuple[str, ...]:
        """All classes: emotions, sexes, or the pairs of both, such as ``female_calm``."""
        if not self.by_sex:
            return ordered(self.emotions)
        if not self.emotions:
            return SEXES
        return ordered(f"{sex}_{emotion}" for sex in SEXES for emotion in self.emotions)

    def shares(self, label: str) -> Shares:
        """What share of a canonical label belongs to each class of emotion; empty if left out."""
        return {name: parts[label] for name, parts in self.emotions.items() if label in parts}

    def class_of(self, label: str, sex: str | None) -> str | None:
        """The class that a clip is trained and scored as; None for one that has to be left out.

        Parameters
        ----------
        label
            The clip's canonical label.
        sex
            The speaker's sex; None if unknown.
        """
        if self.by_sex and sex is None:
            return None
        if not self.emotions:
            return sex
        shares = self.shares(label)
        if len(shares) != 1:
            return None
        (emotion,) = shares
        return f"{sex}_{emotion}" if self.by_sex else emotion

    def emotion_of(self, name: str) -> str | None:
        """The emotion of a class: ``calm`` for ``female_calm``; None for a sex alone."""
        if not self.by_sex:
            return name if name in self.emotions else None
        return name.partition("_")[2] or None

    def sex_of(self, name: str) -> str | None:
        """The sex of a class: ``female`` for ``female_calm``; None where it is not told apart."""
        return name.partition("_")[0] if self.by_sex else None

    @property
    def losses(self) -> tuple[str, ...]:
        """What of the canonical labels is lost, a clause each."""
        found = []
        for name, parts in self.emotions.items():
            merged = [label for label in LABELS if parts.get(label) == 1.0 and label != name]
            if merged:
                found.append(f"{_listed(merged)} count{'s' * (len(merged) == 1)} as {name}")
        for label in LABELS:
            if len(shares := self.shares(label)) > 1:
                halves = (f"{_fraction(share)} {name}" for name, share in shares.items())
                found.append(f"{label} is {_listed(halves)}, and left out of training")
        dropped = [label for label in LABELS if not self.shares(label)]
        if self.emotions and dropped:
            found.append(f"{_listed(dropped)} {'is' if len(dropped) == 1 else 'are'} left out")
        if not self.emotions:
            found.append("emotions are not told apart")
        if self.by_sex:
            found.append("speakers of unknown sex are left out")
        return tuple(found)


def _fraction(share: float) -> str:
    return "half" if share == 0.5 else f"{share:.0%}"


def _listed(words: Iterable[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last


def _alone(*labels: str) -> dict[str, Shares]:
    return {label: {label: 1.0} for label in labels}


_NEUTRAL: Shares = {"neutral": 1.0, "calm": 1.0, "bored": 1.0}
_SETS = (
    LabelSet(
        "three",
        {
            "positive": {"happy": 1.0, "surprised": 0.5},
            "neutral": {**_NEUTRAL, "surprised": 0.5, "sad": 0.5},
            "negative": {"angry": 1.0, "fearful": 1.0, "disgusted": 1.0, "sad": 0.5},
        },
    ),
    LabelSet("five", {**_alone("angry", "fearful", "happy", "sad"), "neutral": _NEUTRAL}),
    LabelSet(
        "six", {**_alone("angry", "disgusted", "fearful", "happy", "sad"), "neutral": _NEUTRAL}
    ),
    LabelSet(
        "seven",
        {
            **_alone("angry", "disgusted", "fearful", "happy", "sad", "surprised"),
            "neutral": _NEUTRAL,
        },
    ),
    LabelSet("esd", {**_alone("angry", "happy", "sad", "surprised"), "neutral": _NEUTRAL}),
    LabelSet(
        "emodb",
        {
            **_alone("angry", "bored", "disgusted", "fearful", "happy", "sad"),
            "neutral": {"neutral": 1.0, "calm": 1.0},
        },
    ),
    LabelSet(
        "sex-emotion",
        {
            "calm": _NEUTRAL,
            **_alone("happy", "sad", "fearful", "surprised"),
            "dislike": {"angry": 1.0, "disgusted": 1.0},
        },
        by_sex=True,
    ),
    LabelSet("sex", {}, by_sex=True),
)

LABEL_SETS: Mapping[str, LabelSet] = MappingProxyType({one.name: one for one in _SETS})
"""The label sets by name."""

CLASSES: tuple[str, ...] = ordered(name for one in _SETS for name in one.classes)
"""The classes of all label sets."""

VIEWS: tuple[str, ...] = ("all", *LABEL_SETS)
"""Names of the label views: the label sets, and all that a model knows."""


def find_label_set(name: str) -> LabelSet:
    """The label set of a name.

    Raises
    ------
    ArgumentInvalid
        There is none.
    """
    if name not in LABEL_SETS:
        raise ArgumentInvalid(
            f"unknown label set {name!r}; the label sets are {', '.join(LABEL_SETS)}"
        )
    return LABEL_SETS[name]


def judged_sex(probabilities: Shares, trained_on: str | None) -> Shares | None:
    """The probability of each sex by a judgement that tells them apart; None by any other.

    Parameters
    ----------
    probabilities
        Probability of each class that the model knows.
    trained_on
        Name of the label set that it was trained on; None for canonical labels.
    """
    if trained_on is None:
        return None
    own = find_label_set(trained_on)
    sums = dict.fromkeys(SEXES, 0.0)
    for name, probability in probabilities.items():
        if (sex := own.sex_of(name)) is not None:
            sums[sex] += probability
    told_apart = {own.sex_of(name) for name in probabilities}
    return MappingProxyType(sums) if told_apart.issuperset(SEXES) else None


def regroup(
    probabilities: Shares,
    view: str,
    *,
    sex: Shares | None = None,
    trained_on: str | None = None,
) -> tuple[Shares, float]:
    """Regroup a judgement into a label view.

    Parameters
    ----------
    probabilities
        Probability of each class that the model knows; sums to 1.
    view
        One of :data:`VIEWS`.
    sex
        Probability of ``female`` and ``male``, which the views by sex need. In ``sex-emotion``
        sex and emotion are taken as independent, unless the model was trained on the pairs.
    trained_on
        Name of the label set whose classes the model knows; None for canonical labels.

    Returns
    -------
    tuple
        The distribution over the view's classes, summing to 1, and the probability mass that
        was dropped before it was renormalised (0 to 1).

    Raises
    ------
    ArgumentInvalid
        If the view is unknown, needs a sex that the model does not judge, tells apart what is
        one class to the model, or names nothing that the model knows.
    """
    if view not in VIEWS:
        raise ArgumentInvalid(f"unknown label view {view!r}; the views are {', '.join(VIEWS)}")
    if view in ("all", trained_on):
        return MappingProxyType(dict(probabilities)), 0.0
    target = LABEL_SETS[view]
    if target.by_sex and sex is None:
        raise ArgumentInvalid(
            f"the view {view!r} needs a model that also judges the speaker's sex, and "
            "this one does not; choose another view or model"
        )
    if sex is not None and not target.emotions:
        return MappingProxyType(dict(sex)), 0.0
    shares = {name: _shares_of_class(name, target, trained_on) for name in probabilities}
    if None in shares.values():
        raise ArgumentInvalid(_told_apart(shares, view, sex, trained_on))
    emotions, dropped = _regroup_emotions(probabilities, target, shares)
    if sex is None or not target.by_sex:
        return MappingProxyType(emotions), dropped
    pairs = {
        f"{which}_{emotion}": sex[which] * probability
        for which in SEXES
        for emotion, probability in emotions.items()
    }
    return MappingProxyType(pairs), dropped


def _regroup_emotions(
    probabilities: Shares, target: LabelSet, shares: Mapping[str, Shares | None]
) -> tuple[dict[str, float], float]:
    known = {own: parts or _NOWHERE for own, parts in shares.items()}
    mass = {
        name: sum(parts.get(name, 0.0) * probabilities[own] for own, parts in known.items())
        for name in ordered(target.emotions)
        if any(name in parts for parts in known.values())
    }
    kept = sum(mass.values())
    if kept <= 0.0:
        raise ArgumentInvalid(
            f"the view {target.name!r} has none of this model's labels "
            f"({', '.join(probabilities)}); choose the view 'all'"
        )
    dropped = sum(share for name, share in probabilities.items() if not shares[name])
    return {name: value / kept for name, value in mass.items()}, dropped


def _members(name: str, trained_on: str) -> list[str]:
    """The canonical labels that a class of a label set is made of."""
    own = find_label_set(trained_on)
    parts = own.emotions.get(own.emotion_of(name) or "", _NOWHERE)
    return [label for label in LABELS if label in parts]


def _shares_of_class(name: str, target: LabelSet, trained_on: str | None) -> Shares | None:
    """What share of a model's class belongs to each class of emotion of another label set.

    None where that cannot be said: the labels that the class is made of are told apart there.
    """
    members = [name] if trained_on is None else _members(name, trained_on)
    found = [target.shares(label) for label in members] or [_NOWHERE]
    return found[0] if all(shares == found[0] for shares in found) else None


def _told_apart(
    shares: Mapping[str, Shares | None], view: str, sex: Shares | None, trained_on: str | None
) -> str:
    """Why a view is refused whose classes part those of the model, and which fit."""
    name = next(own for own, parts in shares.items() if parts is None)
    merged = _listed(_members(name, trained_on or ""))
    fitting = [
        one.name
        for one in LABEL_SETS.values()
        if one.name == trained_on
        or (
            (sex is not None or not one.by_sex)
            and None not in (_shares_of_class(own, one, trained_on) for own in shares)
        )
    ]
    return (
        f"this model judges {merged} as one ({name!r}), which the view {view!r} tells apart; "
        f"choose one of the views {', '.join(('all', *fitting))}, or another model"
    )
