"""Licences of weights, which follow from those of the corpora that they were trained on."""

from __future__ import annotations

from collections.abc import Sequence

from serein.corpora import find_corpus
from serein.features import FeatureSpec
from serein.features.opensmile_functionals import LICENCE as OPENSMILE_LICENCE

_NON_COMMERCIAL = "CC BY-NC-SA 4.0"


def weights_licence(corpora: Sequence[str], features: FeatureSpec) -> str:
    """The licence given to weights trained on the named corpora, by such features.

    It is non-commercial as soon as one corpus asks for that or says nothing of commerce, or the
    features are openSMILE's. A statement for people, not legal advice: the corpora's own terms
    hold beside it.
    """
    licence = _licence_by_corpora(corpora)
    if features.kind == "opensmile":
        return f"{licence}; non-commercial use only, as {OPENSMILE_LICENCE}"
    return licence


def _licence_by_corpora(corpora: Sequence[str]) -> str:
    known = [find_corpus(corpus) for corpus in sorted(corpora)]
    terms = {corpus.name: corpus.licence for corpus in known}
    if all(corpus.commercial for corpus in known):
        return " and ".join(sorted(set(terms.values())))
    listed = ", ".join(f"{corpus}: {licence}" for corpus, licence in terms.items())
    return f"{_NON_COMMERCIAL}, non-commercial use only (trained on {listed})"
