"""A tiny corpus in the layout of RAVDESS, its datasets, and recipes that train in a moment."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from serein.corpora import Utterance, UtteranceTable, scan
from serein.features import Features, FeatureSpec
from serein.training.data import Dataset, load_dataset
from serein.training.recipe import Recipe, load_recipe, recipe_from_dict
from serein.training.train import Split

RATE = 16_000
ACTORS = 8
REPETITIONS = 2
SECONDS = 0.8
LABELS = ("angry", "happy", "neutral", "sad")

# Pitch in Hz, level, syllables a second and fall of the partials, by RAVDESS's emotion code.
_VOICES = {
    "01": (140.0, 0.20, 3.0, 1.2),
    "03": (215.0, 0.35, 4.5, 0.9),
    "04": (115.0, 0.06, 2.2, 1.7),
    "05": (180.0, 0.60, 5.5, 0.5),
}

LOG_MEL = FeatureSpec(kind="log_mel", bands=24, hop_length=320)
FUNCTIONALS = FeatureSpec(kind="functionals")


_tables: list[UtteranceTable] = []
_datasets: dict[FeatureSpec, Dataset] = {}


def corpus_of(factory: pytest.TempPathFactory) -> UtteranceTable:
    """The corpus on disk, written once a session."""
    if not _tables:
        _tables.append(scan("ravdess", write_corpus(factory.mktemp("ravdess")), workers=1).table)
    return _tables[0]


def dataset_of(factory: pytest.TempPathFactory, spec: FeatureSpec) -> Dataset:
    """Its features, computed once a session."""
    if spec not in _datasets:
        _datasets[spec] = load_dataset([corpus_of(factory)], spec, workers=1)
    return _datasets[spec]


def write_corpus(root: Path) -> Path:
    """Eight actors say four emotions twice; a voice is its own, and so is an emotion."""
    for actor in range(1, ACTORS + 1):
        for emotion in _VOICES:
            for repetition in range(1, REPETITIONS + 1):
                folder = root / f"Actor_{actor:02d}"
                folder.mkdir(parents=True, exist_ok=True)
                name = f"03-01-{emotion}-01-{repetition:02d}-{repetition:02d}-{actor:02d}.wav"
                soundfile.write(folder / name, _voice(actor, emotion, repetition), RATE)
    return root


def _voice(actor: int, emotion: str, repetition: int) -> npt.NDArray[np.float32]:
    generator = np.random.default_rng([actor, int(emotion), repetition])
    pitch, level, tempo, tilt = _VOICES[emotion]
    offset = (actor - (ACTORS + 1) / 2) / ACTORS  # of the speaker, from -0.5 to 0.5
    # What differs from clip to clip, so that the emotions overlap and nothing is quite certain.
    jitter = generator.normal(0, 1, 4)
    pitch *= 2 ** (0.7 * offset + 0.12 * jitter[0])
    tempo *= 2 ** (0.25 * jitter[1])
    tilt += 0.3 * jitter[2]
    time = np.arange(round(SECONDS * RATE)) / RATE
    phase = 2 * np.pi * pitch * time * (1 + 0.03 * np.sin(4 * time))
    orders = range(1, int(0.4 * RATE / pitch))
    sound = sum(np.sin(order * phase) / order**tilt for order in orders) / 3
    syllables = np.abs(np.sin(np.pi * tempo * time + generator.uniform(0, 0.5)))
    loud = level * 2 ** (1.5 * offset + 0.5 * jitter[3])
    noise = 1e-3 * generator.standard_normal(time.size)
    clipped: npt.NDArray[np.float64] = np.clip(loud * syllables * sound + noise, -1, 1)
    return clipped.astype(np.float32)


def svm_recipe(**changes: Any) -> Recipe:
    """The packaged recipe with fewer values to choose from."""
    recipe = load_recipe("functionals-svm")
    assert recipe.classifier is not None
    classifier = replace(recipe.classifier, options={"regularization": [1e-3, 1e-2]})
    return replace(recipe, classifier=classifier, **changes)


def network_values(*, epochs: int = 8, batch_size: int = 16) -> dict[str, Any]:
    return {
        "name": "tiny-network",
        "title": "A network that trains in a second",
        "features": LOG_MEL.as_dict(),
        "network": {
            "name": "log-mel-cnn",
            "options": {
                "channels": [4, 6],
                "width": 12,
                "depth": 1,
                "attention": 4,
                "embedding": 8,
                "dropout": 0.1,
            },
            "training": {
                "epochs": epochs,
                "batch_size": batch_size,
                "learning_rate": 0.02,
                "averaging": 0.5,
            },
            "augment": {"stretch": 0.1, "shift": 1.0, "noise": 0.3, "masks": 1},
        },
    }


def network_recipe(*, epochs: int = 8, batch_size: int = 16) -> Recipe:
    values = network_values(epochs=epochs, batch_size=batch_size)
    return recipe_from_dict(values, where="tiny")


def split_by_actor(dataset: Dataset, *, test: int = 2, validation: int = 2) -> tuple[Split, Any]:
    """The first actors are tested, the next validate, the others train."""
    actors = sorted({str(one.speaker) for one in dataset.utterances})
    sides: dict[str, list[int]] = {"test": [], "validation": [], "train": []}
    for index, one in enumerate(dataset.utterances):
        place = actors.index(str(one.speaker))
        side = "test" if place < test else "validation" if place < test + validation else "train"
        sides[side].append(index)
    return Split(tuple(sides["train"]), tuple(sides["validation"])), tuple(sides["test"])


def split_labels(dataset: Dataset) -> Dataset:
    """The same clips, of which a second saying is calm, not neutral, and disgusted, not angry."""
    other = {"neutral": "calm", "angry": "disgusted"}
    utterances = tuple(
        replace(one, emotion=other.get(str(one.emotion), one.emotion))
        if "-02-" in one.path[-12:]
        else one
        for one in dataset.utterances
    )
    return replace(dataset, utterances=utterances)


def utterance(emotion: str | None = "happy", **changes: Any) -> Utterance:
    """An utterance without any sound behind it."""
    values: dict[str, Any] = {
        "path": "1.wav",
        "corpus": "ravdess",
        "speaker": "ravdess-01",
        "sex": None,
        "language": "en",
        "emotion": emotion,
        "original_emotion": str(emotion),
        "intensity": None,
        "sentence": None,
        "split": None,
        "duration": 1.0,
        "sampling_rate": RATE,
        "sha256": "0" * 64,
    }
    return Utterance(**(values | changes))


def made_up(
    utterances: list[Utterance], spec: FeatureSpec, *, frames: int = 1, seed: int = 0
) -> Dataset:
    """A dataset of random features."""
    generator = np.random.default_rng(seed)
    features = tuple(
        Features(
            generator.normal(size=(frames, spec.dimensions)).astype(np.float32),
            float(generator.uniform(-40, -20)),
            0.0,
        )
        for _ in utterances
    )
    return Dataset(tuple(utterances), features, spec)
