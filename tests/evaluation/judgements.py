"""Judgements made up in code, and runs of them on disk: what scores are tested on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from serein.bundle import Bundle
from serein.evaluation import Judged
from serein.evaluation.outcome import METRICS_FILE, write_json
from serein.evaluation.predictions import PREDICTIONS_FILE, write_predictions
from tests.training.synthetic import LABELS, utterance

HEAD = {
    "recipe": "made-up",
    "title": "Nothing was trained",
    "protocol": "speakers:2",
    "speakers_kept_apart": True,
    "quick": False,
    "parameters": 7,
    "minimum_confidence": 0.5,
    "seeds": 1,
}


def shares(label: str, classes: Sequence[str], *, sure: float = 0.7) -> Any:
    """Probabilities with so much on one class, and the rest evenly on the others."""
    found = np.full(len(classes), (1 - sure) / max(1, len(classes) - 1))
    found[list(classes).index(label)] = sure
    return found


def answer(
    emotion: str,
    heard: str,
    *,
    enrolled: str | None = None,
    classes: tuple[str, ...] = LABELS,
    sure: float = 0.7,
    fold: str = "1",
    seed: int = 0,
    **changes: Any,
) -> Judged:
    """One clip, what it is and what is heard in it; on leaderboard E the same unless told."""
    on_u, on_e = (shares(label, classes, sure=sure) for label in (heard, enrolled or heard))
    return Judged(utterance(emotion, **changes), fold, seed, classes, on_u, on_e)


def random_answers(
    clips: int = 60, *, seed: int = 0, speakers: int = 5, classes: tuple[str, ...] = LABELS
) -> list[Judged]:
    """Answers of any certainty, better on E than on U."""
    generator = np.random.default_rng(seed)
    found = []
    for number in range(clips):
        emotion = int(generator.integers(len(classes)))
        unknown: Any = generator.dirichlet(np.ones(len(classes)))
        enrolled: Any = generator.dirichlet(
            np.ones(len(classes)) + 2 * np.eye(len(classes))[emotion]
        )
        one = utterance(classes[emotion], path=f"{number}.wav", speaker=f"s-{number % speakers}")
        found.append(Judged(one, "1", seed, classes, unknown, enrolled))
    return found


def voices(
    names: Sequence[str],
    right: float,
    *,
    clips: int = 5,
    classes: tuple[str, ...] = LABELS,
    chance: int = 0,
    seed: int = 0,
    **changes: Any,
) -> list[Judged]:
    """Speakers who say every emotion a few times, and are understood in so large a share.

    The same ``chance`` draws alike, so of two shares the larger is right wherever the smaller is.
    """
    generator = np.random.default_rng(chance)
    found = []
    for name in names:
        for emotion in classes:
            others = [label for label in classes if label != emotion]
            for number in range(clips):
                on_u, on_e = generator.random(2)
                other = others[int(generator.integers(len(others)))]
                found.append(
                    answer(
                        emotion,
                        emotion if on_u < right else other,
                        enrolled=emotion if on_e < right else other,
                        classes=classes,
                        seed=seed,
                        path=f"{name}/{emotion}-{number}.wav",
                        speaker=name,
                        **changes,
                    )
                )
    return found


def write_run(folder: Path, judged: Sequence[Judged], **head: Any) -> Path:
    """What a comparison reads of a run: how it came about, and its judgements."""
    folder.mkdir(parents=True)
    write_json(folder / METRICS_FILE, HEAD | head)
    write_predictions(judged, folder / PREDICTIONS_FILE)
    return folder


def no_loss(jobs: Sequence[tuple[Bundle, Sequence[int]]]) -> dict[str, Any]:
    """What a measuring of robustness gives where nothing was changed."""
    clips = sum(len(indexes) for _, indexes in jobs)
    line = {"uar": 0.5, "clips": clips, "of": clips}
    return {
        "clips": clips,
        "corpora": ["ravdess"],
        "clean": {"uar": 0.5, "corpora": {"ravdess": line}},
        "conditions": [],
    }
