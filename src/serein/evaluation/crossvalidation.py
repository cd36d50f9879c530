"""Cross-validation of a recipe: every fold's model is built anew and judged on unseen speakers."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serein.bundle import Bundle, require_vacant
from serein.corpora import (
    Fold,
    Utterance,
    UtteranceTable,
    check_leakage,
    folds_as_dict,
    parse_protocol,
)
from serein.errors import ArgumentInvalid, DataInvalid
from serein.evaluation.scoring import (
    Judged,
    judge_clips,
    mean_over_corpora,
    score,
    write_predictions,
)
from serein.labels import LABELS
from serein.training.data import Dataset
from serein.training.recipe import Recipe
from serein.training.train import Split, add_scores, train_bundle

if TYPE_CHECKING:
    from serein.training.network import Report

QUICK_EPOCHS = 2
QUICK_CLIPS = 3
"""Clips of each speaker and emotion that ``--quick`` keeps."""

METRICS_FILE = "metrics.json"
FOLDS_FILE = "folds.json"
PREDICTIONS_FILE = "predictions.parquet"


@dataclass(frozen=True)
class FoldDone:
    """A fold that has been trained and judged."""

    name: str
    number: int
    count: int
    scores: dict[str, float]
    warnings: tuple[str, ...]


def quick_recipe(recipe: Recipe) -> Recipe:
    """The recipe with two epochs: enough to prove the way, not to score."""
    if recipe.network is None:
        return recipe
    training = replace(recipe.network.training, epochs=QUICK_EPOCHS, clips_per_epoch=0)
    return replace(recipe, network=replace(recipe.network, training=training))


def quick_table(table: UtteranceTable) -> UtteranceTable:
    """The first few clips of each speaker and emotion."""
    kept: list[Utterance] = []
    counts: dict[tuple[str | None, str | None], int] = {}
    for utterance in table.utterances:
        key = (utterance.speaker, utterance.emotion)
        counts[key] = counts.get(key, 0) + 1
        if counts[key] <= QUICK_CLIPS:
            kept.append(utterance)
    return replace(table, utterances=tuple(kept))


def crossvalidate(
    recipe: Recipe,
    dataset: Dataset,
    protocol: str,
    folder: Path,
    *,
    seeds: int = 1,
    only: Sequence[str] = (),
    report: Report | None = None,
    on_fold: Callable[[FoldDone], None] | None = None,
) -> dict[str, Any]:
    """Train and judge a recipe fold by fold, and write what came of it.

    Parameters
    ----------
    protocol
        See :func:`serein.corpora.parse_protocol`.
    folder
        New or empty; gets ``metrics.json``, ``folds.json``, ``predictions.parquet`` and the
        bundle of each fold, with its own scores in its card.
    seeds
        Trainings of every fold, from seed 0 on; scores are their mean.
    only
        Names of the folds to run; empty for all.

    Returns
    -------
    dict
        The contents of ``metrics.json``.

    Raises
    ------
    ArgumentInvalid
        If the folder is taken, or a fold does not exist.
    DataInvalid
        If a fold would leak, tests nothing, or cannot be trained.
    """
    require_vacant(folder)
    if seeds < 1:
        raise ArgumentInvalid(f"seeds must be at least 1, not {seeds}")
    folds = _chosen(parse_protocol(protocol, dataset.utterances), only)
    for fold in folds:
        check_leakage(dataset.utterances, fold)
        _require_scored(dataset, fold, recipe.labels or LABELS)
    folder.mkdir(parents=True, exist_ok=True)
    _write_json(folder / FOLDS_FILE, folds_as_dict(folds, dataset.utterances))
    run = _Run(recipe, dataset, protocol, seeds)
    judged: list[Judged] = []
    parameters = 0
    for seed in range(seeds):
        for number, fold in enumerate(folds, start=1):
            name = f"fold-{fold.name}" if seeds == 1 else f"seed-{seed}-fold-{fold.name}"
            bundle, found = run.fold(fold, folder / name, seed, report)
            judged += found
            parameters = bundle.manifest.parameters
            if on_fold is not None:
                top = mean_over_corpora(bundle.manifest.scores["corpora"].values())
                on_fold(FoldDone(fold.name, number, len(folds), top, fold.warnings))
    metrics = run.metrics(judged, folds, parameters)
    _write_json(folder / METRICS_FILE, metrics)
    write_predictions(judged, folder / PREDICTIONS_FILE)
    return metrics


@dataclass(frozen=True)
class _Run:
    """What stays the same over a cross-validation."""

    recipe: Recipe
    dataset: Dataset
    protocol: str
    seeds: int

    def by_corpus(self, judged: Sequence[Judged]) -> dict[str, dict[str, Any]]:
        groups: dict[str, list[Judged]] = {}
        for one in judged:
            groups.setdefault(one.utterance.corpus, []).append(one)
        return {corpus: score(groups[corpus]) for corpus in sorted(groups)}

    def fold(
        self, fold: Fold, place: Path, seed: int, report: Report | None
    ) -> tuple[Bundle, list[Judged]]:
        """Train and judge one fold; its bundle gets the scores that hold for just its weights."""
        split = Split(fold.train, fold.validation)
        bundle = train_bundle(self.recipe, self.dataset, split, place, seed=seed, report=report)
        judged = judge_clips(
            bundle,
            self.dataset,
            fold.test,
            labels=self.recipe.labels or LABELS,
            fold=fold.name,
            seed=seed,
        )
        scores = {
            "protocol": f"{self.protocol}, fold {fold.name} alone",
            "seeds": 1,
            "corpora": self.by_corpus(judged),
        }
        return add_scores(bundle, scores), judged

    def metrics(
        self, judged: Sequence[Judged], folds: Sequence[Fold], parameters: int
    ) -> dict[str, Any]:
        corpora = self.by_corpus(judged)
        classes = sorted({name for line in corpora.values() for name in line["classes"]})
        return {
            "recipe": self.recipe.name,
            "protocol": self.protocol,
            "classes": classes,
            **mean_over_corpora(corpora.values()),
            "speakers": sum(line["speakers"] for line in corpora.values()),
            "clips": sum(line["clips"] for line in corpora.values()),
            "parameters": parameters,
            "seeds": self.seeds,
            "corpora": corpora,
            "unreadable": [error.file for error in self.dataset.failures],
            "folds": [self._fold(fold, judged) for fold in folds],
        }

    def _fold(self, fold: Fold, judged: Sequence[Judged]) -> dict[str, Any]:
        own = [one for one in judged if one.fold == fold.name]
        utterances = self.dataset.utterances

        def speakers(indexes: Sequence[int]) -> list[str]:
            return sorted({str(utterances[index].speaker) for index in indexes})

        return {
            "name": fold.name,
            **mean_over_corpora(self.by_corpus(own).values()),
            "train_speakers": speakers(fold.train),
            "validation_speakers": speakers(fold.validation),
            "test_speakers": speakers(fold.test),
            "warnings": list(fold.warnings),
        }


def _chosen(folds: Sequence[Fold], only: Sequence[str]) -> list[Fold]:
    names = [fold.name for fold in folds]
    if unknown := [name for name in only if name not in names]:
        raise ArgumentInvalid(
            f"there is no fold {', '.join(unknown)}; the folds are {', '.join(names)}"
        )
    return [fold for fold in folds if not only or fold.name in only]


def _require_scored(dataset: Dataset, fold: Fold, labels: Sequence[str]) -> None:
    if not any(dataset.utterances[index].emotion in labels for index in fold.test):
        raise DataInvalid(
            f"fold {fold.name} tests no clip of the recipe's labels ({', '.join(labels)}); leave "
            "it out, or make fewer folds"
        )


def _write_json(path: Path, values: dict[str, Any]) -> None:
    path.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
