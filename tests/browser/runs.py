"""Outcomes of runs that were never run, made by the code that scores real ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from serein.evaluation import Judged
from serein.evaluation.compare import compare
from serein.evaluation.conditions import conditions
from serein.evaluation.outcome import metrics_of
from serein.evaluation.scores import mean_over_corpora, score_corpora
from tests.evaluation.judgements import HEAD, write_run
from tests.training.synthetic import utterance

SIX = ("angry", "disgusted", "fearful", "happy", "neutral", "sad")
EIGHT = ("angry", "calm", "disgusted", "fearful", "happy", "neutral", "sad", "surprised")
CORPORA = {
    "crema-d": (SIX, "en"),
    "emovo": ((*SIX, "surprised"), "it"),
    "ravdess": (EIGHT, "en"),
    "nemo": (SIX, "pl"),
    "aesdd": (SIX[:4], "el"),
}
ROOMS = ("stairwell", "office-2", "cathedral nave")


def judgements(
    *corpora: str,
    speakers: int = 6,
    clips: int = 3,
    folds: int = 3,
    seeds: int = 1,
    skill: float = 2.0,
) -> list[Judged]:
    """Answers of every certainty, better for women and on E."""
    found: list[Judged] = []
    generator = np.random.default_rng(0)
    for seed in range(seeds):
        for corpus in corpora:
            classes, language = CORPORA[corpus]
            for number in range(speakers * len(classes) * clips):
                speaker, place = number % speakers, number // speakers % len(classes)
                sex = ("female", "male")[speaker % 2]
                votes = {classes[place]: 0.7, classes[place - 1]: 0.3}
                one = utterance(
                    classes[place],
                    path=f"{number}.wav",
                    corpus=corpus,
                    speaker=f"{corpus}-{speaker}",
                    sex=sex,
                    language=language,
                    votes=votes if corpus == "crema-d" else None,
                )
                lean = np.eye(len(classes))[place] * skill * (1.6 if sex == "female" else 1.0)
                unknown: Any = generator.dirichlet(0.5 + lean)
                enrolled: Any = generator.dirichlet(0.5 + 1.5 * lean)
                fold = str(speaker % folds + 1)
                found.append(Judged(one, fold, seed, classes, unknown, enrolled))
    return found


def outcome(judged: Sequence[Judged], **head: Any) -> dict[str, Any]:
    """The contents of ``metrics.json`` of a cross-validation with these judgements."""
    metrics = metrics_of(judged, HEAD | head)
    names = sorted({one.fold for one in judged})
    everybody = {str(one.utterance.speaker) for one in judged}
    folds = []
    for name in names:
        own = [one for one in judged if one.fold == name]
        scores = mean_over_corpora(score_corpora(own).values())
        tested = {str(one.utterance.speaker) for one in own}
        others = sorted(everybody - tested)
        folds.append(
            {
                "name": name,
                **scores,
                "clips": {"train": 100, "validation": 20, "test": len(own)},
                "train_speakers": others[1:],
                "validation_speakers": others[:1],
                "test_speakers": sorted(tested),
                "warnings": [],
            }
        )
    return {**metrics, "unreadable": [], "folds": folds}


def minimal() -> dict[str, Any]:
    """What an evaluation gives of a few clips by two speakers, with two emotions."""
    judged = [
        one
        for one in judgements("aesdd", speakers=2)
        if one.utterance.emotion in ("angry", "fearful")
    ]
    classes = ("angry", "fearful")
    pairs = []
    for number, one in enumerate(judged):
        shares: Any = np.array([0.6, 0.4]) if number % 3 else np.array([0.3, 0.7])
        clip = utterance(one.utterance.emotion, path=f"{number}.wav", speaker=f"s-{number % 2}")
        pairs.append(Judged(clip, "all", 0, classes, shares, shares))
    metrics = outcome(pairs, protocol="unseen speakers")
    line = {
        "name": "all",
        "clips": {"test": len(pairs)},
        "test_speakers": ["s-0", "s-1"],
    }
    return metrics | {"groups": {}, "left_out": 0, "folds": [line]}


def robustness(metrics: dict[str, Any], *, clips: int = 40) -> dict[str, Any]:
    """How a score falls under every condition that there is, and in some rooms."""
    corpora = sorted(metrics["corpora"])
    named = [(one.family, one.name, one.value) for one in conditions()]
    named += [("room", name, float(place)) for place, name in enumerate(ROOMS)]
    clean = {name: metrics["corpora"][name]["uar"] for name in corpora}
    found = []
    for place, (family, name, value) in enumerate(named):
        left = {corpus: clean[corpus] * (1 - 0.02 * (place % 20)) for corpus in corpora}
        uar = float(np.mean(list(left.values())))
        found.append(
            {
                "family": family,
                "name": name,
                "value": value,
                "uar": uar,
                "loss": float(np.mean(list(clean.values()))) - uar,
                "same_label": 1 - 0.03 * (place % 20),
                "corpora": {one: {"uar": left[one], "same_label": 0.5} for one in corpora},
            }
        )
    return {
        "clips": clips * len(corpora),
        "corpora": corpora,
        "clean": {
            "uar": float(np.mean(list(clean.values()))),
            "corpora": {one: {"uar": clean[one], "clips": clips, "of": 1440} for one in corpora},
        },
        "conditions": found,
    }


def enrolment(metrics: dict[str, Any]) -> dict[str, Any]:
    """A profile that gains the more the more clips it has, and harms in the first corpus."""
    corpora = sorted(metrics["corpora"])
    points = []
    for place, clips in enumerate((1, 2, 5, 10, 20, None)):
        lines = {}
        for number, name in enumerate(corpora):
            gain = 0.012 * place * (number + 1) - (0.03 if number == 0 else 0.01)
            line = {"uar": metrics["corpora"][name]["uar"] + gain, "gain": gain, "ece": 0.04}
            spread = [gain - 0.015, gain + 0.015] if number != 1 else None
            lines[name] = line | {"gain_interval": spread, "mended": 0.08, "spoilt": 0.05}
        means = {
            key: float(np.mean([line[key] for line in lines.values()]))
            for key in ("uar", "gain", "ece", "mended", "spoilt")
        }
        points.append({"clips": clips, **means, "gain_interval": None, "corpora": lines})
    line = {"clips": 400, "of": 1440, "speakers": 24}
    return {
        "draws": 3,
        "clips": 400 * len(corpora),
        "corpora": corpora,
        "unknown": {
            "uar": metrics["uar"],
            "corpora": {name: {"uar": metrics["corpora"][name]["uar"], **line} for name in corpora},
        },
        "points": points,
    }


def full(*corpora: str, **options: Any) -> dict[str, Any]:
    """An outcome with everything that there can be."""
    metrics = outcome(judgements(*(corpora or ("crema-d", "emovo", "ravdess")), **options))
    metrics["robustness"] = robustness(metrics)
    metrics["enrolment"] = enrolment(metrics)
    metrics["unreadable"] = ["broken/one.wav"]
    metrics["folds"][0]["warnings"] = ["3 clips left out of training: their speakers are tested"]
    return metrics


def leaking() -> dict[str, Any]:
    """The outcome of a random split, with the honest one beside it."""
    return outcome(
        judgements("emovo"), protocol="random (speakers leak)", speakers_kept_apart=False
    ) | {
        "speakers_apart": {
            "protocol": "speakers:5",
            "uar": 0.25,
            "uar_enrolled": 0.375,
            "wa": 0.26,
            "wa_enrolled": 0.38,
        }
    }


def comparison(folder: Path) -> dict[str, Any]:
    """Three runs side by side, one of them with a random split."""
    skills = {"a-run-of-a-recipe-with-a-rather-long-name": 2.0, "weak": 0.4, "like-it": 1.98}
    folders = []
    for name, skill in skills.items():
        leak = {"protocol": "random (speakers leak)", "speakers_kept_apart": False}
        judged = judgements("emovo", "ravdess", skill=skill)
        folders.append(write_run(folder / name, judged, **(leak if name == "weak" else {})))
    return compare(folders, folder / "comparison")
