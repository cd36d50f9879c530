"""Scores of a bundle as it is, on clips of voices that it did not hear in training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from serein.bundle import Bundle, require_vacant
from serein.corpora import Fold, Utterance, marks
from serein.errors import ArgumentInvalid, DataInvalid
from serein.evaluation.crossvalidation import Measure, measure_all
from serein.evaluation.judging import judge_clips
from serein.evaluation.outcome import metrics_of, prepare_folder, write_folds, write_outcome
from serein.evaluation.scores import require_classes
from serein.training.data import Dataset
from serein.training.regrouping import left_out_as

UNSEEN = "unseen speakers"
SEEN = "seen in training (no score)"
UNKNOWN = "unseen clips (speakers unknown)"
UNCHECKED = "unchecked (the model does not say whom it heard)"


def evaluate(
    bundle: Bundle,
    dataset: Dataset,
    folder: Path,
    *,
    robustness: Measure | None = None,
    enrolment: Measure | None = None,
) -> dict[str, Any]:
    """Judge a dataset with a bundle, and write what came of it.

    Clips of speakers that the bundle was trained on, and clips of unknown speakers that it was
    trained on themselves, are left out and counted. Where nothing else is there they are judged
    all the same, and the outcome is called *seen in training (no score)*.

    Parameters
    ----------
    bundle
        The model.
    dataset
        Clips with the bundle's features.
    folder
        New or empty; gets ``metrics.json``, ``report.html``, ``folds.json`` and
        ``predictions.parquet``.
    robustness, enrolment
        Measure the bundle on changed sounds, and with profiles of few clips, if asked for.

    Returns
    -------
    dict
        The contents of ``metrics.json``; ``left_out`` counts the clips heard in training,
        ``unscored`` those of each emotion that the bundle does not know.

    Raises
    ------
    ArgumentInvalid
        If the folder is taken, or the features are not those of the bundle.
    DataInvalid
        If no clip has a label that the bundle knows, or one label alone is left of a corpus.
    """
    require_vacant(folder)
    if bundle.manifest.features != dataset.spec:
        raise ArgumentInvalid(
            f"the data's features are not those of the model {bundle.manifest.name!r}; load the "
            "data with the model's features"
        )
    label_set = bundle.manifest.label_set
    given, dataset = dataset, dataset.regrouped(label_set)
    unheard = unheard_clips(bundle, dataset.utterances)
    title = _title(bundle, dataset, unheard)
    tested = unheard or list(range(len(dataset)))
    judged = judge_clips(bundle, dataset, tested, labels=bundle.manifest.labels, fold="all")
    if not judged:
        raise DataInvalid(
            f"no clip has one of the model's labels ({', '.join(bundle.manifest.labels)}); the "
            f"data hold {', '.join(given.labels)}"
        )
    require_classes(judged)
    scored = {(one.utterance.corpus, one.utterance.path) for one in judged}
    unscored = [
        one
        for one in (given.utterances[index] for index in tested)
        if (one.corpus, one.path) not in scored
    ]
    manifest = bundle.manifest
    head = {
        "recipe": manifest.name,
        "title": str(manifest.recipe.get("title", manifest.name)),
        "protocol": title,
        "speakers_kept_apart": title == UNSEEN,
        "quick": False,
        "parameters": manifest.parameters,
        "minimum_confidence": manifest.minimum_confidence,
        "seeds": 1,
    }
    metrics = {
        **metrics_of(judged, head),
        "left_out": len(dataset) - len(tested),
        "unscored": dict(sorted(Counter(left_out_as(one, label_set) for one in unscored).items())),
        "unreadable": [error.file for error in dataset.failures],
    }
    metrics |= measure_all([(bundle, tested)], dataset, robustness=robustness, enrolment=enrolment)
    prepare_folder(folder)
    fold = Fold("all", (), (), tuple(tested))
    metrics["folds"] = [
        {
            "name": fold.name,
            "clips": {"test": len(judged)},
            "test_speakers": sorted({one.utterance.speaker or "unknown" for one in judged}),
        }
    ]
    write_folds(folder, [fold], dataset.utterances)
    write_outcome(folder, metrics, judged)
    return metrics


def unheard_clips(bundle: Bundle, utterances: Sequence[Utterance]) -> list[int]:
    """Indexes of clips of which neither the sound nor anything else of the speaker was trained on.

    A bundle that does not say what it heard counts as having heard nothing.
    """
    trained_on = frozenset(bundle.manifest.heard.split())
    heard = [not trained_on.isdisjoint(marks([one])) for one in utterances]
    speakers = {one.speaker for one, known in zip(utterances, heard, strict=True) if known} - {None}
    return [
        index
        for index, one in enumerate(utterances)
        if not heard[index] and one.speaker not in speakers
    ]


def _title(bundle: Bundle, dataset: Dataset, unheard: Sequence[int]) -> str:
    """What may be said of a score on the clips that were not heard in training."""
    if not bundle.manifest.heard:
        return UNCHECKED
    if not unheard:
        return SEEN
    known = all(dataset.utterances[index].speaker is not None for index in unheard)
    return UNSEEN if known else UNKNOWN
