"""Licences of weights, which follow from those of the corpora that they were trained on."""

from __future__ import annotations

from collections.abc import Sequence

from serein.corpora import find_corpus

# Corpora whose terms leave commercial use open; every other one is taken as non-commercial.
_COMMERCIAL = frozenset({"crema-d"})
_NON_COMMERCIAL = "CC BY-NC-SA 4.0"


def weights_licence(corpora: Sequence[str]) -> str:
    """The licence given to weights trained on the named corpora.

    It is non-commercial as soon as one corpus asks for that or says nothing of commerce. A
    statement for people, not legal advice: the corpora's own terms hold beside it.
    """
    terms = {corpus: find_corpus(corpus).licence for corpus in sorted(corpora)}
    if _COMMERCIAL.issuperset(terms):
        return " and ".join(sorted(set(terms.values())))
    listed = ", ".join(f"{corpus}: {licence}" for corpus, licence in terms.items())
    return f"{_NON_COMMERCIAL}, non-commercial use only (trained on {listed})"
