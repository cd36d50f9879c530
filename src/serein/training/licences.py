"""Licences of weights, which follow from those of the corpora that they were trained on."""

from __future__ import annotations

from collections.abc import Sequence

from serein.corpora import find_corpus

_NON_COMMERCIAL = "CC BY-NC-SA 4.0"


def weights_licence(corpora: Sequence[str]) -> str:
    """The licence given to weights trained on the named corpora.

    It is non-commercial as soon as one corpus asks for that or says nothing of commerce. A
    statement for people, not legal advice: the corpora's own terms hold beside it.
    """
    known = [find_corpus(corpus) for corpus in sorted(corpora)]
    terms = {corpus.name: corpus.licence for corpus in known}
    if all(corpus.commercial for corpus in known):
        return " and ".join(sorted(set(terms.values())))
    listed = ", ".join(f"{corpus}: {licence}" for corpus, licence in terms.items())
    return f"{_NON_COMMERCIAL}, non-commercial use only (trained on {listed})"
