"""Licences of weights, which follow from those of the corpora that they were trained on."""

from __future__ import annotations

from collections.abc import Sequence

from serein.corpora import find_corpus
from serein.features import FeatureSpec
from serein.features.opensmile_functionals import LICENCE as OPENSMILE_LICENCE

_NON_COMMERCIAL = "CC BY-NC-SA 4.0"
_FORBIDS_COMMERCE = "non-commercial"


def weights_licence(corpora: Sequence[str], features: FeatureSpec) -> str:
    """The licence given to weights trained on the named corpora, by such features.

    It is non-commercial as soon as one corpus asks for that or says nothing of commerce, or the
    features are openSMILE's. Weights of published corpora that leave commerce open may be used so
    by whoever names the corpora: weights are taken for what the ODbL calls a produced work, and
    its section 4.3 asks for that notice. A statement for people, not legal advice: the corpora's
    own terms hold beside it.
    """
    licence = _licence_by_corpora(corpora)
    if features.kind == "opensmile":
        return f"{licence}; non-commercial use only, as {OPENSMILE_LICENCE}"
    if _may_be_sold(corpora):
        return f"{licence}, commercial use allowed with attribution (trained on {_listed(corpora)})"
    return licence


def joined_licence(embedding: str, head: str) -> str:
    """The licence of a head on another model's weights: the terms of both, the strictest first."""
    if head == embedding:
        return head
    parts = {"embedding": embedding, "head": head}
    first, second = sorted(parts, key=lambda part: _FORBIDS_COMMERCE not in parts[part])
    return f"{parts[first]}; for the {second} also: {parts[second]}"


def _may_be_sold(corpora: Sequence[str]) -> bool:
    """Whether all are published corpora that leave it open; of own data the owner decides."""
    known = [find_corpus(corpus) for corpus in corpora]
    return all(corpus.commercial and corpus.citation for corpus in known)


def _licence_by_corpora(corpora: Sequence[str]) -> str:
    known = [find_corpus(corpus) for corpus in corpora]
    if all(corpus.commercial for corpus in known):
        return " and ".join(sorted({corpus.licence for corpus in known}))
    terms = ", ".join(f"{corpus}: {find_corpus(corpus).licence}" for corpus in sorted(corpora))
    return f"{_NON_COMMERCIAL}, non-commercial use only (trained on {terms})"


def _listed(corpora: Sequence[str]) -> str:
    return ", ".join(sorted(corpora))
