"""The corpora that Serein knows, each in a module of its own."""

from __future__ import annotations

from serein.corpora.readers.base import Archive, Clip, Corpus, LeftOut, Reading
from serein.corpora.readers.crema_d import CREMA_D
from serein.corpora.readers.emovo import EMOVO
from serein.corpora.readers.nemo import NEMO
from serein.corpora.readers.ravdess import RAVDESS
from serein.corpora.readers.tess import TESS
from serein.errors import ArgumentInvalid

CORPORA: dict[str, Corpus] = {
    corpus.name: corpus for corpus in (RAVDESS, CREMA_D, TESS, EMOVO, NEMO)
}
"""Every known corpus by its name."""


def find_corpus(name: str) -> Corpus:
    """The corpus of that name.

    >>> find_corpus("ravdess").clips
    1440

    Raises
    ------
    ArgumentInvalid
        No corpus has that name.
    """
    if name not in CORPORA:
        raise ArgumentInvalid(f"{name!r} is no known corpus; known are {', '.join(CORPORA)}")
    return CORPORA[name]


__all__ = ["CORPORA", "Archive", "Clip", "Corpus", "LeftOut", "Reading", "find_corpus"]
