"""Cross-validation of a recipe: every fold's model is built anew and judged on unseen speakers."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serein.bundle import Bundle, require_vacant
from serein.corpora import Fold, Protocol, Utterance, marks, parse_protocol
from serein.corpora.leakage import home_corpora
from serein.errors import ArgumentInvalid, DataInvalid
from serein.evaluation.judging import Judged, judge_clips
from serein.evaluation.outcome import metrics_of, prepare_folder, write_folds, write_outcome
from serein.evaluation.published import fold_scores
from serein.evaluation.scores import mean_over_corpora, require_classes, score_corpora
from serein.training.data import Dataset
from serein.training.head import train_head
from serein.training.head_recipe import AnyRecipe, HeadRecipe
from serein.training.train import Split, add_scores, train_bundle, training_labels

if TYPE_CHECKING:
    from serein.training.network import Report

SPEAKERS_APART_FOLDER = "speakers-apart"
"""Where the honest score lies that goes with one of a random split."""


@dataclass(frozen=True)
class FoldDone:
    """A fold that has been trained and judged."""

    name: str
    number: int
    count: int
    scores: dict[str, float]
    warnings: tuple[str, ...]
    seed: int = 0


Measure = Callable[[Sequence[tuple[Bundle, Sequence[int]]], Dataset], dict[str, Any]]
"""Measures bundles on those clips of a dataset that each of them did not hear."""


def crossvalidate(
    recipe: AnyRecipe,
    dataset: Dataset,
    protocol: str,
    folder: Path,
    *,
    seeds: int = 1,
    only: Sequence[str] = (),
    sentences_apart: bool = False,
    quick: bool = False,
    resume: bool = False,
    robustness: Measure | None = None,
    enrolment: Measure | None = None,
    report: Report | None = None,
    on_fold: Callable[[FoldDone], None] | None = None,
) -> dict[str, Any]:
    """Train and judge a recipe fold by fold, and write what came of it.

    A score of a random split does not stand alone: where speakers are known and all folds are
    run, the same recipe is also scored on as many folds that keep them apart. Where that cannot
    be done, ``speakers_apart_failed`` says why.

    Parameters
    ----------
    protocol
        See :func:`serein.corpora.parse_protocol`.
    folder
        New or empty unless it is to ``resume``; gets ``metrics.json``, ``report.html``,
        ``folds.json``, ``predictions.parquet`` and the bundle of each fold, with its own scores in
        its card.
    seeds
        Trainings of every fold, from seed 0 on; scores are their mean.
    only
        Names of the folds to run; empty for all.
    sentences_apart
        Refuse folds in which a sentence is both trained on and tested.
    quick
        Said in the outcome: its figures prove that the way works, and are no score.
    resume
        Go on where a cross-validation of the same recipe, data and protocol was broken off: folds
        whose models lie in the folder are judged, and not trained again.
    robustness, enrolment
        Measure the trained bundles on changed sounds, and with profiles of few clips, if asked
        for.

    Returns
    -------
    dict
        The contents of ``metrics.json``; ``only`` names the folds where some were not run.

    Raises
    ------
    ArgumentInvalid
        If the folder is taken, or a fold does not exist.
    DataInvalid
        If a fold would leak, tests nothing, or cannot be trained.
    """
    if not (resume and folder.is_dir()):
        require_vacant(folder)
    if seeds < 1:
        raise ArgumentInvalid(f"seeds must be at least 1, not {seeds}")
    dataset = dataset.regrouped(recipe.label_set)
    whole = parse_protocol(protocol, dataset.utterances)
    chosen = choose_folds(whole, only)
    chosen.check(dataset.utterances, sentences=sentences_apart)
    for fold in chosen.folds:
        require_trainable(recipe, dataset.utterances, fold)
    prepare_folder(folder, resume=resume)
    write_folds(folder, chosen.folds, dataset.utterances)
    run = _Run(recipe, dataset, chosen, seeds, quick, resume, chosen.folds != whole.folds)
    judged, bundles = run.all_folds(folder, report, on_fold)
    metrics = run.metrics(judged, bundles[0].manifest.parameters)
    # What took hours is safe before more is asked of it.
    write_outcome(folder, metrics, judged)
    counterpart = not chosen.speakers_apart and not only
    # The seeds differ in weights, not in clips: the first one's bundles stand for all.
    jobs = list(zip(bundles, [fold.test for fold in chosen.folds], strict=False))
    measured = measure_all(jobs, dataset, robustness=robustness, enrolment=enrolment)
    if not measured and not counterpart:
        return metrics
    metrics |= measured
    if counterpart:
        options = {
            **{"seeds": seeds, "sentences_apart": sentences_apart},
            **{"quick": quick, "resume": resume},
        }
        place = folder / SPEAKERS_APART_FOLDER
        metrics |= _apart(recipe, dataset, chosen, place, options, report, on_fold)
    metrics["folds"] = metrics.pop("folds")  # they are long, so they stand last
    write_outcome(folder, metrics, judged)
    return metrics


def measure_all(
    jobs: Sequence[tuple[Bundle, Sequence[int]]], dataset: Dataset, **measures: Measure | None
) -> dict[str, Any]:
    """What the measures that were asked for give, by their names."""
    return {
        name: measure(jobs, dataset) for name, measure in measures.items() if measure is not None
    }


@dataclass(frozen=True)
class _Run:
    """What stays the same over a cross-validation."""

    recipe: AnyRecipe
    dataset: Dataset
    protocol: Protocol
    seeds: int
    quick: bool
    resume: bool
    partial: bool

    def all_folds(
        self,
        folder: Path,
        report: Report | None,
        on_fold: Callable[[FoldDone], None] | None,
    ) -> tuple[list[Judged], list[Bundle]]:
        """Judgements and bundles of every seed and fold, in this order."""
        judged: list[Judged] = []
        bundles: list[Bundle] = []
        folds = self.protocol.folds
        for seed in range(self.seeds):
            names = run_names(self.protocol, self.seeds, seed)
            for number, (name, fold) in enumerate(zip(names, folds, strict=True), start=1):
                bundle, found = self.fold(fold, folder / name, seed, report)
                judged += found
                bundles.append(bundle)
                if on_fold is not None:
                    top = mean_over_corpora(bundle.manifest.scores["corpora"].values())
                    warnings = (*fold.warnings, *self.unscored(fold, found))
                    on_fold(FoldDone(fold.name, number, len(folds), top, warnings, seed))
        return judged, bundles

    def fold(
        self, fold: Fold, place: Path, seed: int, report: Report | None
    ) -> tuple[Bundle, list[Judged]]:
        """Train and judge one fold; its bundle gets the scores that hold for just its weights."""
        split = Split(fold.train, fold.validation)
        bundle = self.train(split, place, seed, report)
        judged = judge_clips(
            bundle,
            self.dataset,
            fold.test,
            labels=self.labels(bundle),
            fold=fold.name,
            seed=seed,
        )
        if not judged:
            raise DataInvalid(
                f"fold {fold.name} tests no clip of the labels that its training has heard "
                f"({', '.join(bundle.manifest.labels)}); leave the corpus out"
            )
        require_classes(judged)
        scores = {
            "protocol": self.protocol.title,
            "fold": fold.name,
            "seeds": 1,
            "corpora": fold_scores(judged),
        }
        return add_scores(bundle, scores), judged

    def train(self, split: Split, place: Path, seed: int, report: Report | None) -> Bundle:
        """A model of the recipe, or a head; the one that is there, if it is to be gone on with."""
        if self.resume and place.exists():
            return self._found(split, place, seed)
        if isinstance(self.recipe, HeadRecipe):
            return train_head(self.recipe, self.dataset, split, place, seed=seed)
        return train_bundle(self.recipe, self.dataset, split, place, seed=seed, report=report)

    def _found(self, split: Split, place: Path, seed: int) -> Bundle:
        bundle = Bundle.load(place)
        manifest = bundle.manifest
        told = self.recipe.as_dict() | {"seed": seed}
        used = [self.dataset.utterances[index] for index in (*split.train, *split.validation)]
        heard = marks(one for one in used if one.emotion in manifest.labels)
        if isinstance(self.recipe, HeadRecipe):
            told["labels"] = training_labels(self.recipe, used)
            heard = self.recipe.heard_with(heard)
        plain = json.loads(json.dumps(told))
        same = all(manifest.recipe.get(key) == value for key, value in plain.items())
        if not (same and heard) or set(manifest.heard.split()) != heard:
            raise DataInvalid(
                f"the model in {place} was trained by another recipe or on other clips, or does "
                "not say on which; name a new folder, or take it out",
                file=str(place),
            )
        return bundle

    def labels(self, bundle: Bundle) -> Sequence[str]:
        """The labels to score over: where corpora differ in them, those that training has heard."""
        wanted = self.recipe.classes
        if self.protocol.name != "corpus":
            return wanted
        return [label for label in wanted if label in bundle.manifest.labels]

    def unscored(self, fold: Fold, judged: Sequence[Judged]) -> list[str]:
        """Name the tested labels that no training corpus holds, a sentence each."""
        if self.protocol.name != "corpus":
            return []
        held = {self.dataset.utterances[index].emotion for index in fold.test}
        lacking = sorted(
            str(label)
            for label in held.intersection(self.recipe.classes)
            if label not in judged[0].classes
        )
        return [f"not scored, since no training corpus holds it: {label}" for label in lacking]

    def metrics(self, judged: Sequence[Judged], parameters: int) -> dict[str, Any]:
        head = {
            "recipe": self.recipe.name,
            "title": self.recipe.title,
            "protocol": self.protocol.title,
            "speakers_kept_apart": self.protocol.honest,
            "quick": self.quick,
            "parameters": parameters,
            "minimum_confidence": self.recipe.minimum_confidence,
            "seeds": self.seeds,
        }
        if self.partial:
            head["only"] = [fold.name for fold in self.protocol.folds]
        return {
            **metrics_of(judged, head),
            "unreadable": [error.file for error in self.dataset.failures],
            "folds": [self._fold(fold, judged) for fold in self.protocol.folds],
        }

    def _fold(self, fold: Fold, judged: Sequence[Judged]) -> dict[str, Any]:
        own = [one for one in judged if one.fold == fold.name]
        utterances = self.dataset.utterances

        def speakers(indexes: Sequence[int]) -> list[str]:
            return sorted({utterances[index].speaker or "unknown" for index in indexes})

        return {
            "name": fold.name,
            **mean_over_corpora(score_corpora(own).values()),
            "clips": {
                "train": len(fold.train),
                "validation": len(fold.validation),
                "test": len(fold.test),
            },
            "train_speakers": speakers(fold.train),
            "validation_speakers": speakers(fold.validation),
            "test_speakers": speakers(fold.test),
            "warnings": [*fold.warnings, *self.unscored(fold, own)],
        }


def choose_folds(protocol: Protocol, only: Sequence[str]) -> Protocol:
    """The protocol with the named folds alone; with all where none is named.

    Raises
    ------
    ArgumentInvalid
        A name is that of no fold.
    """
    names = [fold.name for fold in protocol.folds]
    if unknown := [name for name in only if name not in names]:
        raise ArgumentInvalid(
            f"there is no fold {', '.join(unknown)}; the folds are {', '.join(names)}"
        )
    kept = tuple(fold for fold in protocol.folds if not only or fold.name in only)
    return replace(protocol, folds=kept)


def _speaker_folds(dataset: Dataset, protocol: Protocol) -> int:
    """As many folds as the protocol has, or the speakers allow; 0 where they are unknown."""
    labelled = [one for one in dataset.utterances if one.emotion is not None]
    if any(one.speaker is None for one in labelled):
        return 0
    speakers = Counter(home_corpora(labelled).values())
    count = min(len(protocol.folds), max(speakers.values()))
    return count if count > 1 else 0


def _apart(
    recipe: AnyRecipe,
    dataset: Dataset,
    protocol: Protocol,
    folder: Path,
    options: dict[str, Any],
    report: Report | None,
    on_fold: Callable[[FoldDone], None] | None,
) -> dict[str, Any]:
    """The score with speakers kept apart, or why there is none: the other one is not lost by it."""
    count = _speaker_folds(dataset, protocol)
    if not count:
        return {"speakers_apart_failed": "two speakers or more must be known, and all of them"}
    try:
        apart = crossvalidate(
            recipe,
            dataset,
            f"speakers:{count}",
            folder,
            report=report,
            on_fold=on_fold,
            **options,
        )
    except (ArgumentInvalid, DataInvalid) as error:
        return {"speakers_apart_failed": error.message}
    names = ("protocol", "uar", "uar_enrolled", "wa", "wa_enrolled")
    return {"speakers_apart": {name: apart[name] for name in names}}


def require_trainable(recipe: AnyRecipe, utterances: Sequence[Utterance], fold: Fold) -> None:
    """Find out before the first training whether the last one can be done.

    Parameters
    ----------
    utterances
        Those that the fold was made of, regrouped by the recipe's label set.

    Raises
    ------
    DataInvalid
        If the fold tests none of the recipe's labels, or its training clips hold fewer than two.
    """
    labels = recipe.classes
    tested = {utterances[index].emotion for index in fold.test}
    if tested.isdisjoint(labels):
        raise DataInvalid(
            f"fold {fold.name} tests no clip of the recipe's labels ({', '.join(labels)}); leave "
            "it out, or make fewer folds"
        )
    try:
        training_labels(recipe, [utterances[index] for index in fold.train])
    except DataInvalid as error:
        reasons = "".join(f"; {warning}" for warning in fold.warnings)
        raise DataInvalid(f"fold {fold.name}: {error.message}{reasons}") from error


def run_names(protocol: Protocol, seeds: int, seed: int) -> list[str]:
    """What the trainings of one seed are called, fold by fold, and the folders of their bundles."""
    often = Counter(fold.name.casefold() for fold in protocol.folds)
    names = [_file_name(fold.name, often[fold.name.casefold()] == 1) for fold in protocol.folds]
    return [f"fold-{name}" if seeds == 1 else f"seed-{seed}-fold-{name}" for name in names]


def _file_name(fold: str, alone: bool) -> str:
    """The name of a fold as part of a path; one that some system would refuse gets its hash.

    Some systems tell no capital from a small letter: ``alone`` says that there it is the only one.
    """
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", fold).strip(".-")[:60]
    if plain == fold and alone:
        return fold
    return f"{plain}-{hashlib.sha256(fold.encode()).hexdigest()[:8]}".strip("-")
