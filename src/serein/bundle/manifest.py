"""The manifest: everything about a model that is not its weights."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from serein.errors import ArgumentInvalid, BundleInvalid
from serein.features import FeatureSpec
from serein.features.prosody import ProsodyReference
from serein.features.spectral import FloatArray
from serein.labels import SEXES, find_label_set

FORMAT = "serein-bundle"
FORMAT_VERSION = 1
MANIFEST_FILE = "manifest.json"
CARD_FILE = "MODEL_CARD.md"

Mode = Literal["unknown", "enrolled"]
"""Leaderboard U judges a clip by itself (``unknown`` speaker), E with a profile (``enrolled``)."""

MODES: tuple[Mode, ...] = ("unknown", "enrolled")


@dataclass(frozen=True)
class Normalization:
    """Statistics of the features over the training speakers.

    Attributes
    ----------
    mean, std
        Shape (dimensions,), float32; std is positive.
    prior_clips
        How many clips of a speaker weigh as much as what is known of all speakers.
    """

    mean: FloatArray
    std: FloatArray
    prior_clips: float


@dataclass(frozen=True)
class Graph:
    """One ONNX graph of a bundle, and the temperature that calibrates it."""

    file: str
    sha256: str
    temperature: float


@dataclass(frozen=True)
class Manifest:
    """What a bundle says of itself.

    Attributes
    ----------
    name
        Name of the model.
    labels
        Emotions in the order of the graph's logits.
    features
        Specification of the graph's input.
    normalization
        Statistics by which the input is normalised.
    graphs
        The graph of each mode; both may name the same file.
    minimum_confidence
        Expected accuracy below which a judgement is not decided.
    licence
        Licence of the weights.
    parameters
        Number of trained parameters.
    corpora
        The corpora trained on: clips, speakers, labels and licence of each.
    scores
        Scores on speakers that the training never saw, with protocol and leaderboard.
    recipe
        The recipe it was trained by.
    heard
        Marks of the voices and sounds that it was trained on or chosen by: hashes, no names, so
        that a score on them can be told from a score on unseen speakers. One text with spaces
        between, as no prediction needs to take it apart.
    prosody
        How the training speakers of each sex usually sound, to compare a voice with; none where
        it was not measured.
    """

    name: str
    labels: tuple[str, ...]
    features: FeatureSpec
    normalization: Normalization
    graphs: Mapping[Mode, Graph]
    minimum_confidence: float
    licence: str
    parameters: int
    corpora: Mapping[str, Any] = field(default_factory=dict)
    scores: Mapping[str, Any] = field(default_factory=dict)
    recipe: Mapping[str, Any] = field(default_factory=dict)
    heard: str = ""
    prosody: Mapping[str, ProsodyReference] = field(default_factory=dict)

    @property
    def label_set(self) -> str | None:
        """Name of the label set that it was trained on; None for canonical labels."""
        labels = self.recipe.get("labels")
        return labels if isinstance(labels, str) else None

    @property
    def own_labels(self) -> bool:
        """Whether its labels are those of its own data, which need not be canonical."""
        return self.recipe.get("own_labels") is True

    def as_dict(self) -> dict[str, Any]:
        """The manifest as plain values."""
        return {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "name": self.name,
            "labels": list(self.labels),
            "features": self.features.as_dict(),
            "normalization": {
                "mean": _rounded(self.normalization.mean),
                "std": _rounded(self.normalization.std),
                "prior_clips": self.normalization.prior_clips,
            },
            "graphs": {
                mode: {
                    "file": graph.file,
                    "sha256": graph.sha256,
                    "temperature": graph.temperature,
                }
                for mode, graph in self.graphs.items()
            },
            "minimum_confidence": self.minimum_confidence,
            "licence": self.licence,
            "parameters": self.parameters,
            "corpora": dict(self.corpora),
            "scores": dict(self.scores),
            "recipe": dict(self.recipe),
            "prosody": {sex: reference.as_dict() for sex, reference in self.prosody.items()},
            "heard": self.heard,
        }

    def write(self, folder: Path) -> None:
        """Write ``manifest.json`` into a folder."""
        text = json.dumps(self.as_dict(), indent=1, ensure_ascii=False)
        (folder / MANIFEST_FILE).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Read the manifest of a bundle.

        Raises
        ------
        BundleInvalid
            If it is missing, damaged, or of another format version.
        """
        path = folder / MANIFEST_FILE
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise BundleInvalid(
                f"{folder} is no model bundle: there is no readable {MANIFEST_FILE} in it",
                file=str(folder),
            ) from error
        except (ValueError, RecursionError) as error:
            raise BundleInvalid(f"{path} is not valid JSON: {error}", file=str(folder)) from error
        try:
            return _from_dict(values)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            detail = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise BundleInvalid(f"{path}: {detail}", file=str(folder)) from error


def _from_dict(values: Mapping[str, Any]) -> Manifest:
    if values["format"] != FORMAT or values["format_version"] != FORMAT_VERSION:
        raise ValueError(
            f"format {values['format']!r} version {values['format_version']!r}; this Serein reads "
            f"{FORMAT!r} version {FORMAT_VERSION}: export the model again, or update Serein"
        )
    features = FeatureSpec.from_dict(values["features"])
    statistics = values["normalization"]
    normalization = Normalization(
        _float32(statistics["mean"]),
        _float32(statistics["std"]),
        float(statistics["prior_clips"]),
    )
    if not 0 <= normalization.prior_clips < math.inf:
        raise ArgumentInvalid("prior_clips must be a number from 0 on")
    for name, part in (("mean", normalization.mean), ("std", normalization.std)):
        if part.shape != (features.dimensions,) or not np.isfinite(part).all():
            raise ArgumentInvalid(
                f"normalization {name} needs {features.dimensions} finite numbers"
            )
    if not (normalization.std > 0).all():
        raise ArgumentInvalid("normalization std must be positive")
    recipe = _mapping(values, "recipe")
    minimum_confidence = float(values["minimum_confidence"])
    if not 0 <= minimum_confidence <= 1:
        raise ArgumentInvalid("minimum_confidence must lie between 0 and 1")
    return Manifest(
        name=str(values["name"]),
        labels=_labels(values["labels"], recipe.get("labels")),
        features=features,
        normalization=normalization,
        graphs={mode: _graph(values["graphs"][mode]) for mode in MODES},
        minimum_confidence=minimum_confidence,
        licence=str(values["licence"]),
        parameters=int(values["parameters"]),
        corpora=_mapping(values, "corpora"),
        scores=_mapping(values, "scores"),
        recipe=recipe,
        heard=str(values.get("heard", "")),
        prosody=_prosody(values),
    )


def _labels(labels: Any, wanted: Any) -> tuple[str, ...]:
    """The labels of a model, whose recipe asked for a label set or for labels one by one."""
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise ArgumentInvalid("labels must be a list of texts")
    if len(labels) < 2 or len(set(labels)) != len(labels):
        raise ArgumentInvalid("labels must be two or more, each once")
    if isinstance(wanted, str):
        classes = find_label_set(wanted).classes
        if foreign := [label for label in labels if label not in classes]:
            raise ArgumentInvalid(
                f"the label set {wanted!r} has no {', '.join(foreign)}; its classes are "
                f"{', '.join(classes)}"
            )
    return tuple(labels)


def _mapping(values: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = values[key]
    if not isinstance(value, Mapping):
        raise ArgumentInvalid(f"{key} must be a table of keys and values")
    return value


def _graph(values: Mapping[str, Any]) -> Graph:
    graph = Graph(str(values["file"]), str(values["sha256"]), float(values["temperature"]))
    # A bundle may come from a stranger: it names files of its own folder and no others.
    if Path(graph.file).name != graph.file or graph.file in ("", ".", ".."):
        raise ArgumentInvalid(f"graph file {graph.file!r} must be a plain file name")
    if not 0 < graph.temperature < math.inf:
        raise ArgumentInvalid("temperature must be positive")
    return graph


def _prosody(values: Mapping[str, Any]) -> dict[str, ProsodyReference]:
    """What is usual for each sex; older bundles do not say."""
    given = _mapping(values, "prosody") if "prosody" in values else {}
    if foreign := sorted(set(given) - set(SEXES)):
        raise ArgumentInvalid(f"prosody is that of {' and '.join(SEXES)}, not of {foreign[0]!r}")
    return {sex: ProsodyReference.from_dict(reference) for sex, reference in given.items()}


def _float32(values: Any) -> FloatArray:
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused
        return np.asarray(values, dtype=np.float32)


def _rounded(values: FloatArray) -> list[float]:
    """Shortest decimals that read back as the same float32."""
    return [float(str(value)) for value in values]
