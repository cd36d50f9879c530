"""Training a recipe on a dataset, up to a bundle on disk."""

from __future__ import annotations

import datetime
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serein.bundle import (
    CARD_FILE,
    MODES,
    Bundle,
    Graph,
    Manifest,
    Mode,
    Normalization,
    require_vacant,
    sha256_of,
)
from serein.corpora import Utterance, find_corpus, marks
from serein.errors import ArgumentInvalid, DataInvalid
from serein.features.prosody import ProsodyReference
from serein.labels import ordered
from serein.training.calibration import fit_temperature
from serein.training.card import model_card
from serein.training.classical import train_classifier
from serein.training.data import FEWEST_LABELS, Dataset, population
from serein.training.dependencies import require_training
from serein.training.export import export_classifier, export_network
from serein.training.head_recipe import AnyRecipe
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
class _Task:
    """What the training of either kind of model is given; the graphs go into ``folder``."""

    recipe: Recipe
    dataset: Dataset
    split: Split
    labels: tuple[str, ...]
    normalization: Normalization
    folder: Path
    seed: int
    name: str
    report: Report | None

    def graph(self, file: str, temperature: float) -> Graph:
        return Graph(file, sha256_of(self.folder / file), temperature)


@dataclass(frozen=True)
class _Model:
    """Graphs that a training wrote, the number of its parameters, and what it chose by itself."""

    graphs: Mapping[Mode, Graph]
    parameters: int
    chosen: Mapping[str, float]


def train_bundle(
    recipe: Recipe,
    dataset: Dataset,
    split: Split,
    folder: Path,
    *,
    seed: int = 0,
    name: str | None = None,
    report: Report | None = None,
) -> Bundle:
    """Train a model and write its bundle into a new folder.

    Parameters
    ----------
    split
        Training and validation clips, by their place in ``dataset``. A network chooses its epoch
        and temperature on the validation clips; a classifier holds out training speakers in turn
        instead, and is trained on both.
    folder
        Must not exist, or be empty.
    name
        What the model is called; by default as the recipe is.

    Raises
    ------
    DataInvalid
        If the training clips hold fewer than two of the recipe's labels.
    ArgumentInvalid
        If the folder is taken, or the features are not those of the recipe.
    """
    if recipe.features != dataset.spec:
        raise ArgumentInvalid(
            f"the data's features are not those of the recipe {recipe.name!r}; load the data with "
            "the recipe's features"
        )
    require_training()
    dataset = dataset.regrouped(recipe.label_set)
    labels = training_labels(recipe, [dataset.utterances[index] for index in split.train])
    split = _of_labels(dataset, split, labels)
    pool = split.train if recipe.network else (*split.train, *split.validation)
    normalization = Normalization(*population(dataset, pool), recipe.prior_clips)
    with fresh_folder(folder) as workshop:
        called = name or recipe.name
        task = _Task(recipe, dataset, split, labels, normalization, workshop, seed, called, report)
        model = _train_network(task) if recipe.network else _train_classifier(task)
        write_manifest(_manifest(task, model), workshop)
    return Bundle.load(folder)


@contextmanager
def fresh_folder(folder: Path) -> Iterator[Path]:
    """Gives a place to write a bundle in, which becomes the folder once all is written.

    An interrupted training leaves no half of a bundle.

    Raises
    ------
    ArgumentInvalid
        If the folder is taken.
    """
    require_vacant(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".bundle-") as place:
        workshop = Path(place) / folder.name
        workshop.mkdir()
        yield workshop
        if folder.exists():
            folder.rmdir()
        workshop.rename(folder)


def _manifest(task: _Task, model: _Model) -> Manifest:
    recipe = task.recipe
    # Validation speakers decide on the epoch and the temperature, so they are heard as well.
    used = (*task.split.train, *task.split.validation)
    corpora = corpora_facts(task.dataset, task.split.train if recipe.network else used)
    return Manifest(
        name=task.name,
        labels=task.labels,
        features=recipe.features,
        normalization=task.normalization,
        graphs=model.graphs,
        minimum_confidence=recipe.minimum_confidence,
        licence=weights_licence(tuple(corpora), recipe.features),
        parameters=model.parameters,
        corpora=corpora,
        recipe={
            **recipe.as_dict(),
            "seed": task.seed,
            "trained": today(),
            "chosen": dict(model.chosen),
        },
        heard=" ".join(sorted(marks(task.dataset.utterances[index] for index in used))),
    )


def add_scores(bundle: Bundle, scores: Mapping[str, Any], *, made_by: str | None = None) -> Bundle:
    """Put the scores of a bundle on unseen speakers into its manifest and card.

    ``made_by`` is the one command that makes model and scores again, where there is one.
    """
    manifest = replace(bundle.manifest, scores=scores)
    if made_by is not None:
        manifest = replace(manifest, recipe={**manifest.recipe, "made_by": made_by})
    write_manifest(manifest, bundle.folder)
    return Bundle.load(bundle.folder)


def add_prosody(bundle: Bundle, prosody: Mapping[str, ProsodyReference]) -> Bundle:
    """Put into a bundle's manifest how its training speakers of each sex usually sound."""
    write_manifest(replace(bundle.manifest, prosody=prosody), bundle.folder)
    return Bundle.load(bundle.folder)


def training_labels(recipe: AnyRecipe, utterances: Iterable[Utterance]) -> tuple[str, ...]:
    """The labels to train on: those of the recipe, or all, that the training clips hold.

    Parameters
    ----------
    utterances
        The training clips, regrouped by the recipe's label set.

    Raises
    ------
    DataInvalid
        If there are fewer than two.
    """
    held = ordered(one.emotion for one in utterances)
    wanted = recipe.classes
    labels = tuple(label for label in held if label in wanted)
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


def _train_network(task: _Task) -> _Model:
    from serein.training.clips import ClipSource
    from serein.training.network import network_outputs, train_network
    from serein.training.networks import NETWORKS

    recipe = task.recipe.network
    if recipe is None or not task.split.validation:
        raise DataInvalid("a network needs validation clips, and the data leave none; add speakers")
    dataset, labels = task.dataset, task.labels
    network = train_network(
        dataset,
        task.split.train,
        task.split.validation,
        labels,
        recipe,
        task.normalization,
        seed=task.seed,
        report=task.report,
    )
    file = "model.onnx"
    export_network(network, dataset.spec, task.folder / file)
    indexes = list(task.split.validation)
    targets = dataset.targets(labels)[indexes]
    allowed = dataset.label_mask(labels)[indexes]
    described = NETWORKS[recipe.name].described
    source = ClipSource(dataset, task.normalization, described=described)
    graphs: dict[Mode, Graph] = {
        mode: task.graph(file, fit_temperature(outputs["logits"], targets, allowed))
        for mode, outputs in network_outputs(network, source, indexes).items()
    }
    return _Model(graphs, sum(part.numel() for part in network.parameters()), {})


def _train_classifier(task: _Task) -> _Model:
    if task.recipe.classifier is None:
        raise DataInvalid(f"the recipe {task.recipe.name!r} has no classifier")
    indexes = sorted((*task.split.train, *task.split.validation))
    graphs: dict[Mode, Graph] = {}
    chosen: dict[str, float] = {}
    parameters = 0
    for mode in MODES:
        fitted = train_classifier(
            task.dataset,
            indexes,
            task.labels,
            task.recipe.classifier,
            task.normalization,
            mode,
            seed=task.seed,
        )
        file = f"{mode}.onnx"
        dimensions = task.dataset.spec.dimensions
        export_classifier(fitted.kind, fitted.model, dimensions, task.folder / file)
        graphs[mode] = task.graph(file, fitted.temperature)
        chosen[f"{fitted.kind.chosen}_{mode}"] = fitted.chosen
        parameters += fitted.kind.parameters(fitted.model)
    return _Model(graphs, parameters, chosen)


def corpora_facts(dataset: Dataset, indexes: Sequence[int]) -> dict[str, Any]:
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
            "labels": list(ordered(clip.emotion for clip in clips)),
            "licence": known.licence,
            "citation": known.citation,
            "lossy": dict(known.lossy),
        }
    return facts


def write_manifest(manifest: Manifest, folder: Path) -> None:
    """Write the manifest of a bundle whose graphs lie in the folder, and its card."""
    manifest.write(folder)
    card = model_card(manifest, tells_speech=Bundle(folder, manifest).tells_speech)
    (folder / CARD_FILE).write_text(card, encoding="utf-8")


def today() -> str:
    """The date, as a manifest gives it."""
    return datetime.datetime.now(datetime.UTC).date().isoformat()
