"""How the training speakers of each sex usually sound, measured for explanations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import chain, islice, zip_longest

from serein.audio import decode
from serein.corpora import Utterance, UtteranceTable
from serein.corpora.scan import Progress
from serein.features.prosody import ProsodyReference, measure_prosody
from serein.labels import SEXES

CLIPS_A_SEX = 300
"""Enough for a median; more would cost minutes."""


def reference_prosody(
    tables: Sequence[UtteranceTable],
    heard: Iterable[Utterance],
    *,
    sampling_rate: int,
    clips: int = CLIPS_A_SEX,
    progress: Progress | None = None,
) -> dict[str, ProsodyReference]:
    """Measure what is usual of the women and of the men that a model was trained on.

    As many clips of each corpus as of the others are taken, as far as it has them, chosen by the
    hash of their content: the same ones every time. Levels are left out, which are those of the
    corpora's microphones.

    Parameters
    ----------
    tables
        The tables of the training.
    heard
        The clips of them that are trained on, which can be decoded.
    sampling_rate
        Hz: that of the model.
    clips
        At most so many of each sex.

    Returns
    -------
    dict
        By sex; a sex of which nobody is trained on is missing.
    """
    roots = {
        (one.corpus, one.path): table.audio_path(one)
        for table in tables
        for one in table.utterances
    }
    known = list(heard)
    chosen = {sex: _spread([one for one in known if one.sex == sex], clips) for sex in SEXES}
    total = sum(map(len, chosen.values()))
    done = 0
    found: dict[str, ProsodyReference] = {}
    for sex, utterances in chosen.items():
        measured = []
        for one in utterances:
            recording = decode(roots[one.corpus, one.path], sampling_rate=sampling_rate)
            prosody = measure_prosody(recording.samples, sampling_rate=sampling_rate)
            measured.append(replace(prosody, level=None))
            done += 1
            if progress is not None:
                progress(done, total)
        if measured:
            found[sex] = ProsodyReference.of(measured)
    return found


def _spread(utterances: Sequence[Utterance], count: int) -> list[Utterance]:
    """So many at most, the corpora taking turns."""
    by_corpus: dict[str, list[Utterance]] = {}
    for one in sorted(utterances, key=lambda one: (one.sha256, one.corpus, one.path)):
        by_corpus.setdefault(one.corpus, []).append(one)
    turns = zip_longest(*(by_corpus[corpus] for corpus in sorted(by_corpus)))
    return list(islice((one for one in chain.from_iterable(turns) if one is not None), count))
