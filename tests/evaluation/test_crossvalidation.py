from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score

from serein.bundle import Bundle
from serein.corpora import UtteranceTable, folds_from_dict
from serein.errors import ArgumentInvalid, DataInvalid
from serein.evaluation import FoldDone, crossvalidate
from serein.evaluation.crossvalidation import (
    FOLDS_FILE,
    METRICS_FILE,
    PREDICTIONS_FILE,
    QUICK_CLIPS,
    quick_recipe,
    quick_table,
)
from serein.training.data import Dataset
from serein.training.recipe import load_recipe
from tests.training.synthetic import LABELS, network_recipe, svm_recipe

# What INTERFACES.md promises of the top of metrics.json.
PROMISED = ("recipe", "protocol", "classes", "uar", "wa", "uar_enrolled", "wa_enrolled", "ece")
PROMISED_COUNTS = ("speakers", "clips", "parameters", "folds")


@pytest.fixture(scope="module")
def run(functionals: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "svm"
    done: list[FoldDone] = []
    crossvalidate(svm_recipe(), functionals, "speakers:3", folder, on_fold=done.append)
    assert [(one.name, one.number, one.count) for one in done] == [
        (str(k), k, 3) for k in (1, 2, 3)
    ]
    return folder


def _metrics(folder: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((folder / METRICS_FILE).read_text(encoding="utf-8"))
    return values


def _predictions(folder: Path) -> list[dict[str, Any]]:
    return pyarrow.parquet.read_table(folder / PREDICTIONS_FILE).to_pylist()


def test_metrics_have_the_promised_keys(run: Path) -> None:
    metrics = _metrics(run)
    assert set(metrics) >= {*PROMISED, *PROMISED_COUNTS}
    # At the top in this order, the folds last.
    assert [key for key in metrics if key in PROMISED][:3] == ["recipe", "protocol", "classes"]
    assert list(metrics)[-1] == "folds"
    assert metrics["recipe"] == "functionals-svm"
    assert metrics["protocol"] == "speakers:3"
    assert metrics["classes"] == list(LABELS)
    assert (metrics["speakers"], metrics["clips"]) == (8, 64)
    assert all(0 <= metrics[key] <= 1 for key in PROMISED[3:])
    assert metrics["parameters"] == Bundle.load(run / "fold-1").manifest.parameters


def test_scores_are_those_of_the_predictions(run: Path) -> None:
    """UAR is that of the pooled predictions of all folds, not a mean of the folds'."""
    metrics, rows = _metrics(run), _predictions(run)
    assert len(rows) == 64
    assert len({row["path"] for row in rows}) == 64
    truth = [row["emotion"] for row in rows]
    for suffix in ("", "_enrolled"):
        predicted = [row["predicted" + suffix] for row in rows]
        for place in (metrics, metrics["corpora"]["ravdess"]):
            assert place["uar" + suffix] == pytest.approx(balanced_accuracy_score(truth, predicted))
            assert place["wa" + suffix] == pytest.approx(accuracy_score(truth, predicted))
    for fold in metrics["folds"]:
        own = [row for row in rows if row["fold"] == fold["name"]]
        expected = balanced_accuracy_score(
            [row["emotion"] for row in own], [row["predicted"] for row in own]
        )
        assert fold["uar"] == pytest.approx(expected)
    assert metrics["uar"] > 0.4  # chance is 0.25


def test_no_speaker_of_the_test_was_trained_on(run: Path, functionals: Dataset) -> None:
    saved = json.loads((run / FOLDS_FILE).read_text(encoding="utf-8"))
    # Read by hand, so that it is the file that is checked.
    clips = [path for _, path in saved["utterances"]]
    tested: list[str] = []
    for fold, line in zip(saved["folds"], _metrics(run)["folds"], strict=True):
        sides = {
            side: {Path(clips[number]).parent.name for number in fold[side]}
            for side in ("train", "validation", "test")
        }
        assert not sides["test"] & (sides["train"] | sides["validation"])
        assert not sides["train"] & sides["validation"]
        assert all(sides.values())
        for side, actors in sides.items():
            names = {name.replace("Actor_", "ravdess-") for name in actors}
            assert set(line[f"{side}_speakers"]) == names
        tested += [clips[number] for number in fold["test"]]
        rows = [row for row in _predictions(run) if row["fold"] == fold["name"]]
        assert {row["path"] for row in rows} == {clips[number] for number in fold["test"]}
    assert sorted(tested) == sorted(clips)
    assert len(folds_from_dict(saved, functionals.utterances)) == 3


def test_each_fold_leaves_a_bundle_with_its_own_scores(run: Path) -> None:
    metrics = _metrics(run)
    for fold in metrics["folds"]:
        bundle = Bundle.load(run / f"fold-{fold['name']}")
        scores = bundle.manifest.scores
        assert scores["corpora"]["ravdess"]["uar"] == pytest.approx(fold["uar"])
        assert "speakers:3" in scores["protocol"]
        assert f"{100 * fold['uar']:.1f}" in bundle.card
        trained = bundle.manifest.corpora["ravdess"]["speakers"]
        assert trained == len(fold["train_speakers"]) + len(fold["validation_speakers"])


def test_twice_the_same_numbers(run: Path, functionals: Dataset, tmp_path: Path) -> None:
    folder = tmp_path / "again"
    metrics = crossvalidate(svm_recipe(), functionals, "speakers:3", folder)
    for name in (METRICS_FILE, FOLDS_FILE):
        assert (folder / name).read_bytes() == (run / name).read_bytes()
    assert _predictions(folder) == _predictions(run)
    assert metrics == _metrics(run)


def test_one_fold_alone_is_as_among_the_others(
    run: Path, functionals: Dataset, tmp_path: Path
) -> None:
    folder = tmp_path / "alone"
    metrics = crossvalidate(svm_recipe(), functionals, "speakers:3", folder, only=["2"])
    assert [fold["name"] for fold in metrics["folds"]] == ["2"]
    assert metrics["folds"][0] == _metrics(run)["folds"][1]
    assert _predictions(folder) == [row for row in _predictions(run) if row["fold"] == "2"]
    assert sorted(path.name for path in folder.iterdir() if path.is_dir()) == ["fold-2"]
    assert metrics["speakers"] == len(metrics["folds"][0]["test_speakers"])


def test_several_seeds(log_mel: Dataset, tmp_path: Path) -> None:
    recipe = network_recipe(epochs=1)
    metrics = crossvalidate(recipe, log_mel, "speakers:2", tmp_path, seeds=2, only=["1"])
    assert metrics["seeds"] == 2
    assert metrics["clips"] == 32
    rows = _predictions(tmp_path)
    assert Counter(row["seed"] for row in rows) == {0: 32, 1: 32}
    scores = []
    for seed in (0, 1):
        own = [row for row in rows if row["seed"] == seed]
        scores.append(
            balanced_accuracy_score(
                [row["emotion"] for row in own], [row["predicted"] for row in own]
            )
        )
    assert metrics["uar"] == pytest.approx(sum(scores) / 2)
    assert metrics["corpora"]["ravdess"]["uar_spread"] == pytest.approx(
        abs(scores[0] - scores[1]) / 2**0.5
    )
    for seed in (0, 1):
        bundle = Bundle.load(tmp_path / f"seed-{seed}-fold-1")
        assert bundle.manifest.recipe["seed"] == seed


def test_leave_one_speaker_out(functionals: Dataset, tmp_path: Path) -> None:
    metrics = crossvalidate(
        svm_recipe(), functionals, "loso", tmp_path, only=["ravdess-01", "ravdess-08"]
    )
    assert {fold["name"]: fold["test_speakers"] for fold in metrics["folds"]} == {
        "ravdess-01": ["ravdess-01"],
        "ravdess-08": ["ravdess-08"],
    }


def test_labels_of_the_recipe_alone_are_scored(functionals: Dataset, tmp_path: Path) -> None:
    recipe = replace(svm_recipe(), labels=("angry", "sad"))
    metrics = crossvalidate(recipe, functionals, "speakers:2", tmp_path)
    assert metrics["classes"] == ["angry", "sad"]
    assert metrics["clips"] == 32
    assert {row["emotion"] for row in _predictions(tmp_path)} == {"angry", "sad"}


def test_a_fold_without_any_scored_clip_is_refused(functionals: Dataset, tmp_path: Path) -> None:
    """Actor 1 says nothing that the recipe knows: there is no score, and NaN is no JSON."""
    recipe = replace(svm_recipe(), labels=("angry", "sad"))
    utterances = tuple(
        replace(one, emotion="calm") if one.speaker == "ravdess-01" else one
        for one in functionals.utterances
    )
    dataset = replace(functionals, utterances=utterances)
    with pytest.raises(DataInvalid, match="ravdess-01"):
        crossvalidate(recipe, dataset, "loso", tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("protocol", ["speakers:1", "speakers:9", "speakers", "random:3", ""])
def test_an_unknown_or_impossible_protocol(
    protocol: str, functionals: Dataset, tmp_path: Path
) -> None:
    with pytest.raises(ArgumentInvalid, match="speakers"):
        crossvalidate(svm_recipe(), functionals, protocol, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_unknown_fold(functionals: Dataset, tmp_path: Path) -> None:
    with pytest.raises(ArgumentInvalid, match="no fold 4; the folds are 1, 2, 3"):
        crossvalidate(svm_recipe(), functionals, "speakers:3", tmp_path / "run", only=["1", "4"])
    with pytest.raises(ArgumentInvalid, match="seeds"):
        crossvalidate(svm_recipe(), functionals, "speakers:3", tmp_path / "run", seeds=0)
    assert not (tmp_path / "run").exists()


def test_a_taken_folder(functionals: Dataset, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(ArgumentInvalid, match="not an empty folder"):
        crossvalidate(svm_recipe(), functionals, "speakers:3", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_unknown_speakers_cannot_be_kept_apart(functionals: Dataset, tmp_path: Path) -> None:
    utterances = tuple(replace(one, speaker=None) for one in functionals.utterances)
    with pytest.raises(DataInvalid, match="speakers"):
        crossvalidate(
            svm_recipe(), replace(functionals, utterances=utterances), "speakers:3", tmp_path / "x"
        )


def test_quick_keeps_a_few_clips_and_epochs(corpus: UtteranceTable) -> None:
    many = replace(
        corpus,
        utterances=tuple(
            replace(one, path=f"{number}/{one.path}")
            for number in range(4)
            for one in corpus.utterances
        ),
    )
    few = quick_table(many)
    counts = Counter((one.speaker, one.emotion) for one in few.utterances)
    assert set(counts.values()) == {QUICK_CLIPS}
    assert len(counts) == 8 * 4
    assert set(few.utterances) <= set(many.utterances)
    assert quick_table(few) == few
    quick = quick_recipe(load_recipe("bundled")).network
    assert quick is not None
    assert quick.training.epochs == 2
    assert quick.training.clips_per_epoch == 0
    assert quick_recipe(svm_recipe()) == svm_recipe()
