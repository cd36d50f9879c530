"""The corpora that Serein knows, each in a module of its own."""

from __future__ import annotations

from serein.corpora.readers.aesdd import AESDD
from serein.corpora.readers.base import Archive, Clip, Corpus, LeftOut, Reading
from serein.corpora.readers.crema_d import CREMA_D
from serein.corpora.readers.emodb import EMODB
from serein.corpora.readers.emovo import EMOVO
from serein.corpora.readers.esd import ESD
from serein.corpora.readers.iemocap import IEMOCAP
from serein.corpora.readers.jl import JL
from serein.corpora.readers.msp_podcast import MSP_PODCAST
from serein.corpora.readers.nemo import NEMO
from serein.corpora.readers.own_folder import FOLDER
from serein.corpora.readers.own_table import CSV
from serein.corpora.readers.ravdess import RAVDESS, RAVDESS_SONG
from serein.corpora.readers.savee import SAVEE
from serein.corpora.readers.tess import TESS
from serein.corpora.readers.urdu import URDU
from serein.errors import ArgumentInvalid

_ALL: tuple[Corpus, ...] = (
    *(RAVDESS, RAVDESS_SONG, CREMA_D, TESS, SAVEE, EMODB, JL, ESD),
    *(IEMOCAP, EMOVO, NEMO, AESDD, URDU, MSP_PODCAST),
    # One's own recordings.
    *(FOLDER, CSV),
)

CORPORA: dict[str, Corpus] = {corpus.name: corpus for corpus in _ALL}
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
