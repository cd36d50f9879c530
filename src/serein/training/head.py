"""A new head on the frozen embedding of a bundle, for one's own labels.

The head is a multinomial logistic regression over the embedding and the bundle's own logits. Where
the bundle knows all of the labels it starts from its judgement, and departs from it as far as the
clips ask for; where it does not, what it says of its own labels is still the best that is known of
a clip when there are few.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from serein.bundle import MODES, Bundle, Graph, Manifest, Mode, sha256_of
from serein.corpora import Utterance, marks
from serein.errors import ArgumentInvalid
from serein.labels import ordered
from serein.metrics import unweighted_average_recall
from serein.recognition import Judgement
from serein.training.calibration import fit_temperature
from serein.training.classical import inner_folds
from serein.training.classifiers.kind import one_thread
from serein.training.data import Dataset
from serein.training.dependencies import require_libraries
from serein.training.graft import graft
from serein.training.head_recipe import HeadRecipe, require_clips
from serein.training.leaderboards import judge_on_both
from serein.training.licences import joined_licence, weights_licence
from serein.training.logistic import (
    Affine,
    Regression,
    choose_strength,
    held_out_logits,
    log_softmax,
)
from serein.training.train import Split, corpora_facts, fresh_folder, today, write_manifest

STRENGTHS = tuple(10.0**power for power in range(-3, 3))
"""What the strength is chosen from."""
INNER_FOLDS = 5
LOGITS_SHARE = 3.0
"""How much more freely the bundle's own logits are used than its embedding."""
LEAST_PROBABILITY = 1e-30
CALIBRATION_PRIOR = 20.0
"""So many held-out clips weigh as much as the certainty of the fit itself."""


@dataclass(frozen=True)
class _Task:
    """What is trained on: clips by their place in the dataset, and the labels that they hold."""

    recipe: HeadRecipe
    dataset: Dataset
    indexes: tuple[int, ...]
    labels: tuple[str, ...]
    seed: int

    @property
    def utterances(self) -> list[Utterance]:
        return [self.dataset.utterances[index] for index in self.indexes]

    @property
    def knows_all(self) -> bool:
        """Whether the bundle knows all of the labels by itself."""
        return set(self.labels) <= set(self.recipe.base.manifest.labels)


@dataclass(frozen=True)
class _Fitted:
    """A head, what it was chosen by, and the temperature and held-out UAR of each mode."""

    head: Affine
    strength: float
    temperatures: Mapping[Mode, float]
    recalls: Mapping[Mode, float]


def train_head(
    recipe: HeadRecipe, dataset: Dataset, split: Split, folder: Path, *, seed: int = 0
) -> Bundle:
    """Train a head and write it, with all that lies beneath, as a bundle into a new folder.

    Each clip teaches twice: as of an unknown speaker, and with the profile of its speaker. How
    strongly the head follows the clips, and the temperatures, are chosen on speakers held out in
    turn; where no two are known, on sentences or clips.

    Parameters
    ----------
    split
        Clips by their place in ``dataset``. The head is trained on both of its sides.
    folder
        Must not exist, or be empty.
    seed
        Of the order in which speakers are held out.

    Raises
    ------
    DataInvalid
        If the clips hold fewer than two labels, or fewer than two clips of one.
    ArgumentInvalid
        If the folder is taken, or the features are not those of the bundle.
    DependencyMissing
        If a library is not installed.
    """
    require_libraries("training a head", ("onnx", "sklearn"))
    if recipe.features != dataset.spec:
        raise ArgumentInvalid(
            "the data's features are not those of the model "
            f"{recipe.base.manifest.name!r}; load the data with the model's features"
        )
    used = sorted((*split.train, *split.validation))
    indexes = tuple(i for i in used if dataset.utterances[i].emotion in recipe.classes)
    labels = ordered(dataset.utterances[index].emotion for index in indexes)
    task = _Task(recipe, dataset, indexes, labels, seed)
    require_clips(task.utterances, labels)
    base = recipe.base
    with fresh_folder(folder) as workshop:
        judged = judge_on_both(base, dataset, indexes)
        graphs: dict[Mode, Graph] = {}
        fits: list[tuple[tuple[Mode, ...], _Fitted]] = []
        for file in sorted({graph.file for graph in base.manifest.graphs.values()}):
            modes = tuple(mode for mode in MODES if base.manifest.graphs[mode].file == file)
            fitted = _fit(task, {mode: judged[mode] for mode in modes})
            graft(base.folder / file, fitted.head, workshop / file)
            checksum = sha256_of(workshop / file)
            graphs |= {m: Graph(file, checksum, fitted.temperatures[m]) for m in modes}
            fits.append((modes, fitted))
        write_manifest(_manifest(task, graphs, fits), workshop)
    return Bundle.load(folder)


def _fit(task: _Task, judged: Mapping[Mode, Sequence[Judgement]]) -> _Fitted:
    """The head of a graph, from the judgements of the modes that it serves."""
    modes = tuple(judged)
    rows = np.concatenate([_rows(task.recipe.base, mode, judged[mode]) for mode in modes])
    indexes = list(task.indexes)
    targets = task.dataset.targets(task.labels)[indexes]
    allowed = task.dataset.label_mask(task.labels)[indexes]
    clips, times = len(targets), len(modes)
    own = len(task.recipe.base.manifest.labels)
    regression = Regression(
        rows,
        np.tile(targets, times),
        np.tile(allowed, (times, 1)),
        _factors(rows.shape[1] - own, own),
        _start(task, rows.shape[1], modes[0]),
    )
    folds = inner_folds(task.dataset, indexes, targets, task.seed, most=INNER_FOLDS)
    repeated = [
        (_repeated(train, clips, times), _repeated(test, clips, times)) for train, test in folds
    ]
    with one_thread():
        held_out = held_out_logits(regression, repeated, STRENGTHS)
        strength, known = _choose(held_out, regression, clips, cautious=task.knows_all)
        head = regression.fit(strength)
    logits = dict(zip(modes, held_out[strength].reshape(times, clips, -1), strict=True))
    return _Fitted(
        replace(head, weights=_centring(rows.shape[1] - own, own) @ head.weights),
        strength,
        {
            mode: _temperature(found[known], targets[known], allowed[known])
            for mode, found in logits.items()
        },
        {
            mode: unweighted_average_recall(
                targets, np.where(allowed, found, -np.inf).argmax(axis=1), len(task.labels)
            )
            for mode, found in logits.items()
        },
    )


def _temperature(
    logits: npt.NDArray[np.float64], targets: npt.NDArray[np.int64], allowed: npt.NDArray[np.bool_]
) -> float:
    """The temperature of held-out clips, drawn towards 1 where they are few.

    It is never less: a few clips that were all judged right tell nothing of how sure to be.
    """
    weight = len(targets) / (len(targets) + CALIBRATION_PRIOR)
    return float(max(1.0, fit_temperature(logits, targets, allowed) ** weight))


def _choose(
    held_out: Mapping[float, npt.NDArray[np.float64]],
    regression: Regression,
    clips: int,
    *,
    cautious: bool,
) -> tuple[float, npt.NDArray[np.bool_]]:
    """The strength, and which clips say something of it: those whose labels were all heard."""
    allowed, targets = regression.allowed, regression.targets
    some = next(iter(held_out.values()))
    known = np.all(np.isfinite(some) | ~allowed, axis=1)
    losses: dict[float, npt.NDArray[np.float64]] = {}
    for strength, logits in held_out.items():
        found = log_softmax(logits[known], allowed[known])
        loss = -found[np.arange(len(found)), targets[known]]
        # The modes of one clip are no two witnesses.
        losses[strength] = loss.reshape(len(targets) // clips, -1).mean(axis=0)
    if not known.any():
        return min(held_out), known[:clips]
    return choose_strength(losses, cautious=cautious), known[:clips]


def _rows(base: Bundle, mode: Mode, judged: Sequence[Judgement]) -> npt.NDArray[np.float64]:
    """Embeddings and the bundle's own logits, centred, shape (clips, dimensions + labels)."""
    embeddings = np.array([one.embedding for one in judged], dtype=np.float64)
    shares = np.maximum([one.probabilities for one in judged], LEAST_PROBABILITY)
    logits = base.manifest.graphs[mode].temperature * np.log(shares)
    return np.concatenate([embeddings, logits - logits.mean(axis=1, keepdims=True)], axis=1)


def _factors(dimensions: int, labels: int) -> npt.NDArray[np.float64]:
    """Both groups of inputs as one each, however many they are, and the logits more freely."""
    embedding = np.full(dimensions, 1.0 / np.sqrt(dimensions))
    return np.concatenate([embedding, np.full(labels, LOGITS_SHARE / np.sqrt(labels))])


def _centring(dimensions: int, labels: int) -> npt.NDArray[np.float64]:
    """What makes of a head that takes centred logits one that takes them as the graph has them."""
    matrix = np.eye(dimensions + labels)
    matrix[dimensions:, dimensions:] -= 1.0 / labels
    return matrix


def _start(task: _Task, inputs: int, mode: Mode) -> Affine:
    """The bundle's own calibrated judgement where it knows all labels; else nothing."""
    manifest = task.recipe.base.manifest
    weights = np.zeros((inputs, len(task.labels)))
    if task.knows_all:
        first = inputs - len(manifest.labels)
        for column, label in enumerate(task.labels):
            row = first + manifest.labels.index(label)
            weights[row, column] = 1.0 / manifest.graphs[mode].temperature
    return Affine(weights, np.zeros(len(task.labels)))


def _repeated(indexes: npt.NDArray[np.int64], clips: int, times: int) -> npt.NDArray[np.int64]:
    """Places of the clips among those of all modes, one mode behind the other."""
    return np.concatenate([indexes + clips * number for number in range(times)])


def _manifest(
    task: _Task,
    graphs: Mapping[Mode, Graph],
    fits: Sequence[tuple[tuple[Mode, ...], _Fitted]],
) -> Manifest:
    beneath = task.recipe.base.manifest
    own = corpora_facts(task.dataset, task.indexes)
    if task.recipe.own_labels:  # which no mapping has made poorer
        own = {name: facts | {"lossy": {}} for name, facts in own.items()}
    chosen: dict[str, float] = {}
    for modes, fitted in fits:
        chosen |= {f"strength_{mode}": fitted.strength for mode in modes}
        chosen |= {f"held_out_uar_{mode}": fitted.recalls[mode] for mode in modes}
    return replace(
        beneath,
        name=task.recipe.name,
        labels=task.labels,
        graphs=graphs,
        licence=joined_licence(beneath.licence, weights_licence(tuple(own), beneath.features)),
        parameters=beneath.parameters
        + sum(fitted.head.weights.size + fitted.head.bias.size for _, fitted in fits),
        corpora=_joined_corpora(beneath.corpora, own),
        scores={},
        recipe={
            **task.recipe.as_dict(),
            "labels": list(task.labels),
            "seed": task.seed,
            "trained": today(),
            "chosen": chosen,
        },
        heard=" ".join(sorted(task.recipe.heard_with(marks(task.utterances)))),
    )


_UNSAID: Mapping[str, Any] = {
    "clips": "?",
    "speakers": "?",
    "languages": [],
    "labels": [],
    "licence": "not said",
    "citation": "not said",
    "lossy": {},
}


def _joined_corpora(beneath: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """What the embedding was trained on as its manifest says, and what the head was."""
    joined: dict[str, Any] = {
        name: {"title": name, **_UNSAID, **facts, "part": "embedding"}
        for name, facts in beneath.items()
    }
    for name, facts in own.items():
        joined[name if name not in joined else f"{name}, head"] = {**facts, "part": "head"}
    return joined
