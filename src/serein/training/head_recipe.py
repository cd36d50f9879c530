"""What a new head on a bundle's embedding is made of, in the place of a recipe."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from serein.bundle import DEFAULT_BUNDLE, Bundle
from serein.corpora import Utterance, for_training, marks
from serein.errors import ArgumentInvalid, DataInvalid
from serein.features import FeatureSpec
from serein.labels import ordered
from serein.training.recipe import Recipe

FEWEST_CLIPS = 2
"""Of each label: one to learn from while another one is held out."""


@dataclass(frozen=True, kw_only=True)
class HeadRecipe:
    """A head for one's own labels; what else there is stays the bundle's.

    Attributes
    ----------
    base
        The bundle whose embedding, and whose own judgement, the head starts from.
    classes
        The labels to tell apart, as far as the training clips hold them.
    own_labels
        Whether these are the data's own, see
        :func:`serein.training.regrouping.with_own_labels`.
    name
        What the model is called.

    Raises
    ------
    ArgumentInvalid
        If the bundle has no embedding.
    """

    base: Bundle
    classes: tuple[str, ...]
    own_labels: bool = False
    name: str

    def __post_init__(self) -> None:
        require_embedding(self.base)

    @property
    def title(self) -> str:
        """What it is in a line."""
        return f"A head for one's own labels on the embedding of {self.base.manifest.name}"

    @property
    def features(self) -> FeatureSpec:
        """What is computed from the sound."""
        return self.base.manifest.features

    @property
    def minimum_confidence(self) -> float:
        """Expected accuracy below which a judgement is not decided."""
        return self.base.manifest.minimum_confidence

    @property
    def label_set(self) -> None:
        """No label set: the labels are those of the data."""
        return None

    @property
    def sound(self) -> None:
        """No changed copies: every clip is heard as it is."""
        return None

    def heard_with(self, own: frozenset[str]) -> frozenset[str]:
        """The marks of all that bundle and head heard; none where the bundle does not say."""
        beneath = self.base.manifest.heard.split()
        return own.union(beneath) if beneath else frozenset()

    def as_dict(self) -> dict[str, Any]:
        """The recipe as plain values, for a manifest."""
        return {
            "name": self.name,
            "title": self.title,
            "from": self.base.fingerprint,
            "labels": list(self.classes),
            "own_labels": self.own_labels,
        }


AnyRecipe = Recipe | HeadRecipe
"""What a model can be trained by."""


def require_embedding(base: Bundle) -> None:
    """Make sure that a head can be put on a bundle.

    Raises
    ------
    ArgumentInvalid
        If it has no embedding.
    """
    if not base.embeds:
        raise ArgumentInvalid(
            f"the model {base.manifest.name!r} has no embedding to put a head on; take one that "
            f"has, such as {DEFAULT_BUNDLE!r}"
        )


def head_recipe(
    base: Bundle, utterances: Iterable[Utterance], *, name: str, own_labels: bool = False
) -> HeadRecipe:
    """The recipe of a head for the labels that the clips hold.

    Raises
    ------
    DataInvalid
        If there are fewer than two labels, or one of them has fewer than two clips of use in
        training.
    """
    clips = list(utterances)
    recipe = HeadRecipe(
        base=base,
        classes=ordered(one.emotion for one in clips),
        own_labels=own_labels,
        name=name,
    )
    require_clips([clips[index] for index in for_training(clips).kept], recipe.classes)
    return recipe


def require_clips(utterances: Iterable[Utterance], labels: Iterable[str]) -> None:
    """Make sure that a head can be trained on the clips.

    Raises
    ------
    DataInvalid
        See :func:`head_recipe`.
    """
    counts = Counter(dict.fromkeys(labels, 0))
    counts.update(str(one.emotion) for one in utterances if one.emotion in counts)
    listed = ", ".join(f"{count} {label}" for label, count in sorted(counts.items()))
    if len(counts) < 2:
        raise DataInvalid(
            f"a head tells two labels or more apart, and the clips hold {listed or 'none'}; add "
            "clips, or take the labels as you wrote them with --own-labels"
        )
    if min(counts.values()) < FEWEST_CLIPS:
        raise DataInvalid(
            f"a head needs {FEWEST_CLIPS} clips of every label, and there are {listed}; add clips, "
            "or leave a label out"
        )


def doubts(recipe: HeadRecipe, utterances: Iterable[Utterance]) -> tuple[str, ...]:
    """What should be known before relying on a head trained on the clips, in sentences."""
    clips = [one for one in utterances if one.emotion in recipe.classes]
    told = []
    speakers = {one.speaker for one in clips}
    if None in speakers:
        nameless = sum(one.speaker is None for one in clips)
        told.append(
            f"the speakers of {nameless} clips are unknown, so the head is chosen and calibrated "
            "by random clips, and may be surer than it should be of voices that are new to it: "
            "name the speakers if you can"
        )
    elif len(speakers) == 1:
        told.append(
            "all clips are of one speaker: the head learns this voice, and may do worse than the "
            f"model {recipe.base.manifest.name!r} on any other"
        )
    heard = frozenset(recipe.base.manifest.heard.split())
    known = sum(not heard.isdisjoint(marks([one])) for one in clips)
    if known:
        told.append(
            f"the model {recipe.base.manifest.name!r} heard {known} of the clips, or their "
            "speakers, in its own training: what is held out of these flatters"
        )
    return tuple(told)
