"""Corpora in miniature: folders of tiny sounds, and utterances without any sound."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from serein.corpora import Utterance

Plant = Callable[..., Path]


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    """Write a tiny sound at every path given, each with samples of its own, and say where."""
    count = 0

    def write(*paths: str, seed: int | None = None, silent: bool = False) -> Path:
        nonlocal count
        for path in paths:
            count += 1
            random = np.random.default_rng(count if seed is None else 10_000 + seed)
            samples = random.uniform(-0.5, 0.5, 400) * (0.0 if silent else 1.0)
            target = tmp_path / "corpus" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(target, samples, 8000)
        return tmp_path / "corpus"

    return write


@pytest.fixture
def utterance() -> Callable[..., Utterance]:
    """An utterance of which only what matters to the test has to be said."""
    count = 0

    def make(speaker: str | None, emotion: str | None = "happy", **others: object) -> Utterance:
        nonlocal count
        count += 1
        corpus = str(others.pop("corpus", "acted"))
        known: dict[str, object] = {
            "path": f"{count}.wav",
            "sex": None,
            "language": "en",
            "original_emotion": str(emotion),
            "intensity": None,
            "sentence": None,
            "split": None,
            "duration": 1.0,
            "sampling_rate": 16000,
            "sha256": f"{count:064x}",
        }
        name = speaker and f"{corpus}-{speaker}"
        return Utterance(corpus=corpus, speaker=name, emotion=emotion, **(known | others))  # type: ignore[arg-type]

    return make
