"""Training a recipe on a dataset, up to a bundle on disk."""

from __future__ import annotations

import datetime
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serein.bundle import CARD_FILE, MODES, Bundle, Graph, Manifest, Mode, Normalization, sha256_of
from serein.corpora import find_corpus
from serein.errors import ArgumentInvalid, DataInvalid
from serein.labels import LABELS
from serein.training.calibration import fit_temperature
from serein.training.card import model_card
from serein.training.classical import train_classifier
from serein.training.data import FEWEST_LABELS, Dataset, population
from serein.training.export import export_classifier, export_network
from serein.training.licences import weights_licence
from serein.training.recipe import Recipe

if TYPE_CHECKING:
    from serein.training.network import Report


@dataclass(frozen=True)
class Split:
    """Clips to train on and clips to choose by, as indexes into the dataset."""

    train: tuple[int, ...]
    validation: tuple[int, ...]


@dataclass(frozen=True)
class _Model:
    """Graphs that a training wrote, and the number of its parameters."""

    graphs: Mapping[Mode, Graph]
    parameters: int


def train_bundle(
    recipe: Recipe,
    dataset: Dataset,
    split: Split,
    folder: Path,
    *,
    seed: int = 0,
    report: Report | None = None,
) -> Bundle:
    """Train a model and write its bundle into a new folder.

    Parameters
    ----------
    split
        Training and validation clips. A network chooses its epoch and temperature on the
        validation clips; a classifier holds out training speakers in turn instead, and is
        trained on both.
    folder
        Must not exist, or be empty.

    Raises
    ------
    DataInvalid
        If the training clips hold fewer than two of the recipe's labels.
    ArgumentInvalid
        If the folder is taken, or the features are not those of the recipe.
    """
    require_vacant(folder)
    if recipe.features != dataset.spec:
        raise ArgumentInvalid(
            f"the data's features are not those of the recipe {recipe.name!r}; load the data with "
            "the recipe's features"
        )
    labels = training_labels(recipe, dataset, split)
    split = _of_labels(dataset, split, labels)
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Written aside and moved whole: an interrupted training leaves no half of a bundle.
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".bundle-") as name:
        workshop = Path(name)
        pool = split.train if recipe.network else (*split.train, *split.validation)
        normalization = Normalization(*population(dataset, pool), recipe.prior_clips)
        train = _train_network if recipe.network else _train_classifier
        model = train(recipe, dataset, split, labels, normalization, workshop, seed, report)
        corpora = _corpora(dataset, pool)
        manifest = Manifest(
            name=recipe.name,
            labels=labels,
            features=recipe.features,
            normalization=normalization,
            graphs=model.graphs,
            minimum_confidence=recipe.minimum_confidence,
            licence=weights_licence(tuple(corpora)),
            parameters=model.parameters,
            corpora=corpora,
            recipe={**recipe.as_dict(), "seed": seed, "trained": _today()},
        )
        _write(manifest, workshop)
        if folder.exists():
            folder.rmdir()
        shutil.copytree(workshop, folder)
    return Bundle.load(folder)


def require_vacant(folder: Path) -> None:
    """Make sure that nothing would be overwritten.

    Raises
    ------
    ArgumentInvalid
        If the folder exists and is not empty.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ArgumentInvalid(f"{folder} exists and is not an empty folder; name another one")


def add_scores(bundle: Bundle, scores: Mapping[str, Any]) -> Bundle:
    """Put the scores of a bundle on unseen speakers into its manifest and card."""
    _write(replace(bundle.manifest, scores=scores), bundle.folder)
    return Bundle.load(bundle.folder)


def training_labels(recipe: Recipe, dataset: Dataset, split: Split) -> tuple[str, ...]:
    """The labels to train on: those of the recipe, or all, that the training clips hold.

    Raises
    ------
    DataInvalid
        If there are fewer than two.
    """
    held = {dataset.utterances[index].emotion for index in split.train}
    wanted = recipe.labels or LABELS
    labels = tuple(label for label in LABELS if label in held and label in wanted)
    if len(labels) < FEWEST_LABELS:
        raise DataInvalid(
            f"the training clips hold {len(labels)} of the recipe's labels "
            f"({', '.join(labels) or 'none'} of {', '.join(wanted)}); at least {FEWEST_LABELS} "
            "are needed: add data, or change the recipe's labels"
        )
    return labels


def _of_labels(dataset: Dataset, split: Split, labels: Sequence[str]) -> Split:
    train, validation = (
        tuple(index for index in side if dataset.utterances[index].emotion in labels)
        for side in (split.train, split.validation)
    )
    return Split(train, validation)


def _train_network(
    recipe: Recipe,
    dataset: Dataset,
    split: Split,
    labels: Sequence[str],
    normalization: Normalization,
    folder: Path,
    seed: int,
    report: Report | None,
) -> _Model:
    from serein.training.network import network_logits, train_network

    if recipe.network is None or not split.validation:
        raise DataInvalid("a network needs validation clips, and the data leave none; add speakers")
    network = train_network(
        dataset,
        split.train,
        split.validation,
        labels,
        recipe.network,
        normalization,
        seed=seed,
        report=report,
    )
    path = folder / "model.onnx"
    export_network(network, dataset.spec.dimensions, path)
    checksum = sha256_of(path)
    indexes = list(split.validation)
    targets = dataset.targets(labels)[indexes]
    allowed = dataset.label_mask(labels)[indexes]
    graphs: dict[Mode, Graph] = {}
    for mode in MODES:
        logits = network_logits(network, dataset, indexes, normalization, mode)
        temperature = fit_temperature(logits, targets, allowed)
        graphs[mode] = Graph(path.name, checksum, temperature)
    return _Model(graphs, sum(part.numel() for part in network.parameters()))


def _train_classifier(
    recipe: Recipe,
    dataset: Dataset,
    split: Split,
    labels: Sequence[str],
    normalization: Normalization,
    folder: Path,
    seed: int,
    report: Report | None,
) -> _Model:
    del report  # a classifier has no epochs to report
    if recipe.classifier is None:
        raise DataInvalid(f"the recipe {recipe.name!r} has no classifier")
    indexes = sorted((*split.train, *split.validation))
    graphs: dict[Mode, Graph] = {}
    parameters = 0
    for mode in MODES:
        fitted = train_classifier(
            dataset, indexes, labels, recipe.classifier, normalization, mode, seed=seed
        )
        path = folder / f"{mode}.onnx"
        export_classifier(fitted.model, dataset.spec.dimensions, path)
        graphs[mode] = Graph(path.name, sha256_of(path), fitted.temperature)
        parameters += fitted.model.coef_.size + fitted.model.intercept_.size
    return _Model(graphs, parameters)


def _corpora(dataset: Dataset, indexes: Sequence[int]) -> dict[str, Any]:
    """What the model was trained on, for the manifest."""
    facts: dict[str, Any] = {}
    for corpus in dataset.corpora:
        clips = [dataset.utterances[i] for i in indexes if dataset.utterances[i].corpus == corpus]
        if not clips:
            continue
        known = find_corpus(corpus)
        facts[corpus] = {
            "title": known.title,
            "clips": len(clips),
            "speakers": len({clip.speaker for clip in clips if clip.speaker}),
            "languages": sorted({clip.language for clip in clips if clip.language}),
            "labels": list(dataset.corpus_labels(corpus)),
            "licence": known.licence,
            "citation": known.citation,
            "lossy": dict(known.lossy),
        }
    return facts


def _write(manifest: Manifest, folder: Path) -> None:
    manifest.write(folder)
    (folder / CARD_FILE).write_text(model_card(manifest), encoding="utf-8")


def _today() -> str:
    return datetime.datetime.now(datetime.UTC).date().isoformat()
