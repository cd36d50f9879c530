from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score

from serein.bundle import Bundle
from serein.corpora import (
    Fold,
    Protocol,
    Utterance,
    UtteranceTable,
    folds_from_dict,
    parse_protocol,
)
from serein.errors import ArgumentInvalid, DataInvalid
from serein.evaluation import FoldDone, crossvalidate
from serein.evaluation.compare import compare
from serein.evaluation.crossvalidation import (
    SPEAKERS_APART_FOLDER,
    run_names,
)
from serein.evaluation.decisions import decisions
from serein.evaluation.fairness import fairness
from serein.evaluation.outcome import FOLDS_FILE, METRICS_FILE, REPORT_FILE
from serein.evaluation.predictions import PREDICTIONS_FILE, read_predictions
from serein.evaluation.quick import QUICK_CLIPS, quick_recipe, quick_table
from serein.evaluation.report.words import protocol as protocol_in_words
from serein.evaluation.scores import SUFFIX, score_corpora, uar_interval
from serein.training.data import Dataset
from serein.training.recipe import load_recipe
from tests.evaluation.judgements import no_loss
from tests.training.synthetic import LABELS, network_recipe, split_labels, svm_recipe

pytestmark = pytest.mark.usefixtures("no_pages")

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
    assert (metrics["speakers_kept_apart"], metrics["quick"]) == (True, False)
    assert "speakers_apart" not in metrics
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


def test_the_rest_is_of_the_predictions_too(run: Path) -> None:
    """Intervals, groups and four classes can be had again from what was written."""
    metrics = _metrics(run)
    judged = read_predictions(run / PREDICTIONS_FILE)
    for mode, suffix in SUFFIX.items():
        assert metrics[f"uar{suffix}_interval"] == uar_interval(judged, mode)
        low, high = metrics[f"uar{suffix}_interval"]
        assert low <= metrics["uar" + suffix] <= high
        # There are but these four emotions.
        assert metrics["four_classes"]["uar" + suffix] == pytest.approx(metrics["uar" + suffix])
    assert metrics["corpora"] == score_corpora(judged)
    assert metrics["groups"] == fairness(judged)
    assert metrics["decided"] == decisions(judged, svm_recipe().minimum_confidence)
    assert set(metrics["groups"]) == {"sex"}
    assert "NaN" not in (run / METRICS_FILE).read_text(encoding="utf-8")


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
        assert (scores["protocol"], scores["fold"]) == ("speakers:3", fold["name"])
        assert f"Protocol speakers:3, fold {fold['name']} alone" in bundle.card
        assert f"{100 * fold['uar']:.1f}" in bundle.card
        trained = bundle.manifest.corpora["ravdess"]["speakers"]
        assert trained == len(fold["train_speakers"]) + len(fold["validation_speakers"])


def test_twice_the_same_numbers(run: Path, functionals: Dataset, tmp_path: Path) -> None:
    folder = tmp_path / "again"
    metrics = crossvalidate(svm_recipe(), functionals, "speakers:3", folder)
    for name in (METRICS_FILE, FOLDS_FILE, PREDICTIONS_FILE):
        assert (folder / name).read_bytes() == (run / name).read_bytes()
    assert metrics == _metrics(run)


def test_what_was_broken_off_goes_on(run: Path, functionals: Dataset, tmp_path: Path) -> None:
    folder = tmp_path / "again"
    shutil.copytree(run, folder)
    shutil.rmtree(folder / "fold-2")
    (folder / METRICS_FILE).unlink()
    kept = (folder / "fold-1" / "manifest.json").stat().st_ino
    graph = (folder / "fold-1" / "unknown.onnx").stat().st_mtime_ns
    crossvalidate(svm_recipe(), functionals, "speakers:3", folder, resume=True)
    assert _metrics(folder) == _metrics(run)
    assert (folder / "fold-1" / "manifest.json").stat().st_ino == kept
    assert (folder / "fold-1" / "unknown.onnx").stat().st_mtime_ns == graph
    with pytest.raises(DataInvalid, match="another recipe or on other clips"):
        crossvalidate(svm_recipe(), functionals, "speakers:4", folder, resume=True)
    with pytest.raises(ArgumentInvalid, match="not an empty folder"):
        crossvalidate(svm_recipe(), functionals, "speakers:3", folder)


def test_clips_that_the_recipe_leaves_out_do_not_hinder_going_on(
    functionals: Dataset, tmp_path: Path
) -> None:
    recipe = replace(svm_recipe(), labels=LABELS[:2])
    metrics = crossvalidate(recipe, functionals, "speakers:2", tmp_path)
    assert crossvalidate(recipe, functionals, "speakers:2", tmp_path, resume=True) == metrics


def test_one_fold_alone_is_as_among_the_others(
    run: Path, functionals: Dataset, tmp_path: Path
) -> None:
    folder = tmp_path / "alone"
    metrics = crossvalidate(svm_recipe(), functionals, "speakers:3", folder, only=["2"])
    assert [fold["name"] for fold in metrics["folds"]] == metrics["only"] == ["2"]
    assert "only" not in _metrics(run)
    assert metrics["folds"][0] == _metrics(run)["folds"][1]
    assert _predictions(folder) == [row for row in _predictions(run) if row["fold"] == "2"]
    assert sorted(path.name for path in folder.iterdir() if path.is_dir()) == ["fold-2"]
    assert metrics["speakers"] == len(metrics["folds"][0]["test_speakers"])


def test_several_seeds(log_mel: Dataset, tmp_path: Path) -> None:
    recipe = network_recipe(epochs=12)
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
    assert scores[0] != scores[1]
    assert metrics["uar"] == pytest.approx(sum(scores) / 2)
    assert metrics["corpora"]["ravdess"]["uar_spread"] == pytest.approx(
        abs(scores[0] - scores[1]) / 2**0.5
    )
    everyone = read_predictions(tmp_path / PREDICTIONS_FILE)
    for mode, suffix in SUFFIX.items():
        assert metrics[f"uar{suffix}_interval"] == uar_interval(everyone, mode)
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


def _changed(dataset: Dataset, change: Callable[[Utterance], Utterance]) -> Dataset:
    return replace(dataset, utterances=tuple(map(change, dataset.utterances)))


def _of_speakers(dataset: Dataset, *actors: int) -> Dataset:
    names = {f"ravdess-{actor:02d}" for actor in actors}
    return _kept(dataset, lambda one: one.speaker in names)


def _kept(dataset: Dataset, wanted: Callable[[Utterance], bool]) -> Dataset:
    kept = [i for i, one in enumerate(dataset.utterances) if wanted(one)]
    return replace(
        dataset,
        utterances=tuple(dataset.utterances[index] for index in kept),
        features=tuple(dataset.features[index] for index in kept),
    )


# Random splits


@pytest.fixture(scope="module")
def random_run(
    functionals: Dataset, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[FoldDone]]:
    folder = tmp_path_factory.mktemp("random") / "run"
    done: list[FoldDone] = []
    crossvalidate(svm_recipe(), functionals, "random:3", folder, on_fold=done.append)
    return folder, done


def test_a_random_split_is_called_what_it_is(
    random_run: tuple[Path, list[FoldDone]], functionals: Dataset
) -> None:
    metrics = _metrics(random_run[0])
    assert metrics["protocol"] == "random (speakers leak)"
    assert metrics["speakers_kept_apart"] is False
    assert [fold["name"] for fold in metrics["folds"]] == ["1", "2", "3"]
    for fold in metrics["folds"]:
        assert {*fold["test_speakers"]} & {*fold["train_speakers"]}
    card = Bundle.load(random_run[0] / "fold-1").card
    assert "random (speakers leak)" in card
    rows = _predictions(random_run[0])
    assert sorted(row["path"] for row in rows) == [one.path for one in functionals.utterances]


def test_a_random_split_never_stands_alone(
    random_run: tuple[Path, list[FoldDone]], run: Path
) -> None:
    """Its honest counterpart is the run that one would have asked for oneself."""
    folder, done = random_run
    apart = folder / SPEAKERS_APART_FOLDER
    for name in (METRICS_FILE, FOLDS_FILE, PREDICTIONS_FILE):
        assert (apart / name).read_bytes() == (run / name).read_bytes()
    metrics, honest = _metrics(folder), _metrics(run)
    names = ("protocol", "uar", "uar_enrolled", "wa", "wa_enrolled")
    assert metrics["speakers_apart"] == {name: honest[name] for name in names}
    assert metrics["speakers_apart"]["protocol"] == "speakers:3"
    assert list(metrics)[-1] == "folds"
    assert metrics["uar"] != honest["uar"]
    for place in (folder, apart):
        assert "<html" in (place / REPORT_FILE).read_text(encoding="utf-8")
    assert [(one.name, one.count) for one in done] == [(str(k), 3) for k in (1, 2, 3)] * 2


def test_runs_can_be_compared(
    random_run: tuple[Path, list[FoldDone]], run: Path, tmp_path: Path
) -> None:
    found = compare([random_run[0], run, random_run[0] / SPEAKERS_APART_FOLDER], tmp_path)
    flattering, honest, counterpart = found["runs"]
    assert flattering["uar"] == pytest.approx(_metrics(random_run[0])["uar"])
    assert honest == counterpart | {"name": honest["name"]}
    gap, _, none = found["pairs"]
    assert gap["difference"] == pytest.approx(flattering["uar"] - honest["uar"])
    assert (none["difference"], none["interval"], none["p"]) == (0, [0, 0], 1)
    assert any("may flatter" in warning for warning in found["warnings"])


def test_as_many_folds_as_there_are_speakers_at_most(functionals: Dataset, tmp_path: Path) -> None:
    few = _of_speakers(functionals, 1, 2)
    metrics = crossvalidate(svm_recipe(), few, "random:3", tmp_path, quick=True)
    assert metrics["speakers_apart"]["protocol"] == "speakers:2"
    assert len(metrics["folds"]) == 3
    for folder in (tmp_path, tmp_path / SPEAKERS_APART_FOLDER):
        assert _metrics(folder)["quick"] is True


@pytest.mark.parametrize("who", ["nobody", "one of them", "all alike"])
def test_a_random_split_stands_alone_where_nothing_else_is_to_be_had(
    who: str, functionals: Dataset, tmp_path: Path
) -> None:
    first = functionals.utterances[0]
    change: dict[str, Callable[[Utterance], Utterance]] = {
        "nobody": lambda one: replace(one, speaker=None),
        "one of them": lambda one: replace(one, speaker=None) if one == first else one,
        "all alike": lambda one: replace(one, speaker="ravdess-01"),
    }
    dataset = _changed(_of_speakers(functionals, 1, 2), change[who])
    metrics = crossvalidate(svm_recipe(), dataset, "random:2", tmp_path)
    title = "random (speakers unknown)" if who == "nobody" else "random (speakers leak)"
    assert metrics["protocol"] == title
    assert "speakers_apart" not in metrics
    assert not (tmp_path / SPEAKERS_APART_FOLDER).exists()
    if who == "nobody":
        assert metrics["speakers"] == 0
        assert all(fold["test_speakers"] == ["unknown"] for fold in metrics["folds"])


def _of_one_emotion(dataset: Dataset) -> Dataset:
    """One of two speakers says nothing but angry, the other angry and sad."""

    def change(one: Utterance) -> Utterance:
        angry = one.speaker == "ravdess-01" or one.emotion == "angry"
        return replace(one, emotion="angry" if angry else "sad")

    return _changed(_of_speakers(dataset, 1, 2), change)


def _of_few_clips(dataset: Dataset) -> Dataset:
    """One of two speakers says three emotions, and each but once; the other more often."""
    kept = _kept(
        _of_speakers(dataset, 1, 2),
        lambda one: (
            one.speaker == "ravdess-01" or (one.sentence == "1" and one.emotion != "neutral")
        ),
    )
    return _changed(
        kept, lambda one: replace(one, emotion="sad") if one.emotion == "neutral" else one
    )


def _of_other_emotions(dataset: Dataset) -> Dataset:
    """One of five speakers, tested alone, says nothing that the recipe knows."""
    return _changed(
        _of_speakers(dataset, 1, 2, 3, 4, 5),
        lambda one: replace(one, emotion="calm") if one.speaker == "ravdess-01" else one,
    )


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_of_one_emotion, "training clips hold 1 of the recipe's labels (angry of "),
        # The women are tested first, so that here one fold is trained before the other fails.
        (_of_few_clips, "at least one emotion needs two clips"),
        (_of_other_emotions, "tests no clip of the recipe's labels"),
    ],
    ids=["one emotion", "few clips", "other emotions"],
)
def test_a_counterpart_that_cannot_be_had_does_not_cost_the_run(
    change: Callable[[Dataset], Dataset], told: str, functionals: Dataset, tmp_path: Path
) -> None:
    recipe = replace(svm_recipe(), labels=LABELS)
    metrics = crossvalidate(recipe, change(functionals), "random:4", tmp_path)
    assert told in metrics["speakers_apart_failed"]
    assert "speakers_apart" not in metrics
    assert list(metrics)[-1] == "folds"
    assert _metrics(tmp_path) == metrics
    assert len(_predictions(tmp_path)) == metrics["clips"] > 0
    assert (tmp_path / REPORT_FILE).is_file()
    assert not (tmp_path / SPEAKERS_APART_FOLDER / METRICS_FILE).exists()


def test_the_counterpart_keeps_sentences_apart_as_well(
    functionals: Dataset, tmp_path: Path
) -> None:
    few = _of_speakers(functionals, 1, 2, 3, 4)
    folds = parse_protocol("random:2", few.utterances).folds
    fold_of = {index: fold.name for fold in folds for index in fold.test}
    # Chance happens to have dealt by sentence, of which every speaker says both.
    utterances = [replace(one, sentence=fold_of[i]) for i, one in enumerate(few.utterances)]
    dataset = replace(few, utterances=tuple(utterances))
    free = crossvalidate(svm_recipe(), dataset, "random:2", tmp_path / "free")
    assert free["speakers_apart"]["protocol"] == "speakers:2"
    assert "speakers_apart_failed" not in free
    strict = crossvalidate(
        svm_recipe(), dataset, "random:2", tmp_path / "strict", sentences_apart=True
    )
    assert strict["uar"] == free["uar"]
    told = r"sentence '\d' of ravdess stands in both train and test"
    assert re.search(told, strict["speakers_apart_failed"])


def test_speakers_of_two_corpora_make_no_folds_of_their_own(
    functionals: Dataset, tmp_path: Path
) -> None:
    """Six speak in ravdess, but three of them are counted with emovo, where they speak too."""

    def move(one: Utterance) -> Utterance:
        both = str(one.speaker) <= "ravdess-03" and one.sentence == "1"
        return replace(one, corpus="emovo") if both else one

    dataset = _changed(_of_speakers(functionals, 1, 2, 3, 4, 5, 6), move)
    metrics = crossvalidate(svm_recipe(), dataset, "random:4", tmp_path)
    assert {name: line["speakers"] for name, line in metrics["corpora"].items()} == {
        "emovo": 3,
        "ravdess": 6,
    }
    assert metrics["speakers_apart"]["protocol"] == "speakers:3"


# Corpora and their parts


@pytest.fixture(scope="module")
def corpora(functionals: Dataset) -> Dataset:
    """Two corpora, of which only the first says sad, and only the second bored."""

    def move(one: Utterance) -> Utterance:
        if str(one.speaker) <= "ravdess-05":
            return one
        emotion = "bored" if one.emotion == "sad" else one.emotion
        speaker = str(one.speaker).replace("ravdess", "emovo")
        return replace(one, corpus="emovo", speaker=speaker, language="it", emotion=emotion)

    return _changed(functionals, move)


@pytest.fixture(scope="module")
def corpus_run(
    corpora: Dataset, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[FoldDone]]:
    folder = tmp_path_factory.mktemp("corpora") / "run"
    done: list[FoldDone] = []
    crossvalidate(svm_recipe(), corpora, "corpus", folder, on_fold=done.append)
    return folder, done


def test_a_corpus_left_out_is_scored_over_what_the_others_taught(
    corpus_run: tuple[Path, list[FoldDone]],
) -> None:
    folder, _ = corpus_run
    metrics = _metrics(folder)
    assert metrics["protocol"] == "corpus"
    assert metrics["speakers_kept_apart"] is True
    assert metrics["classes"] == ["angry", "happy", "neutral"]
    assert [fold["name"] for fold in metrics["folds"]] == ["emovo", "ravdess"]
    for name, speakers, unheard in (("emovo", 3, "bored"), ("ravdess", 5, "sad")):
        line = metrics["corpora"][name]
        assert line["classes"] == ["angry", "happy", "neutral"]
        assert (line["speakers"], line["clips"]) == (speakers, speakers * 6)
        assert unheard not in Bundle.load(folder / f"fold-{name}").manifest.labels
        (fold,) = (one for one in metrics["folds"] if one["name"] == name)
        assert fold["clips"]["test"] == speakers * 8
        assert fold["warnings"][-1] == f"not scored, since no training corpus holds it: {unheard}"
        assert fold["uar"] == pytest.approx(line["uar"])
    for row in _predictions(folder):
        shares = dict(row["probabilities"])
        assert list(shares) == ["angry", "happy", "neutral"]
        assert sum(shares.values()) == pytest.approx(1)
    uars = [line["uar"] for line in metrics["corpora"].values()]
    assert metrics["uar"] == pytest.approx(sum(uars) / 2)
    assert set(metrics["groups"]["corpus"]["groups"]) == {"emovo", "ravdess"}


def test_labels_that_are_not_scored_are_told_at_once(
    corpus_run: tuple[Path, list[FoldDone]],
) -> None:
    _, done = corpus_run
    told = {one.name: [line for line in one.warnings if "not scored" in line] for one in done}
    for name, label in (("emovo", "bored"), ("ravdess", "sad")):
        (line,) = told[name]
        assert line.endswith(label)


def test_labels_that_the_recipe_leaves_out_are_not_missed(corpora: Dataset, tmp_path: Path) -> None:
    recipe = replace(svm_recipe(), labels=("angry", "neutral", "sad"))
    metrics = crossvalidate(recipe, corpora, "corpus", tmp_path, only=["emovo"])
    (fold,) = metrics["folds"]
    assert not [line for line in fold["warnings"] if "not scored" in line]
    assert metrics["classes"] == ["angry", "neutral"]


def test_a_corpus_of_nothing_but_unheard_labels(corpora: Dataset, tmp_path: Path) -> None:
    other = {"angry": "bored", "happy": "fearful", "neutral": "calm", "bored": "surprised"}
    dataset = _changed(
        corpora,
        lambda one: replace(one, emotion=other[str(one.emotion)]) if one.corpus == "emovo" else one,
    )
    told = r"fold emovo tests no clip of the labels .* \(angry, happy, neutral, sad\)"
    with pytest.raises(DataInvalid, match=told):
        crossvalidate(svm_recipe(), dataset, "corpus", tmp_path)


def test_a_corpus_with_one_emotion_in_common(corpora: Dataset, tmp_path: Path) -> None:
    other = {"angry": "calm", "neutral": "fearful"}
    dataset = _changed(
        corpora,
        lambda one: (
            replace(one, emotion=other.get(str(one.emotion), one.emotion))
            if one.corpus == "emovo"
            else one
        ),
    )
    told = "emovo has only happy in common with the model, .* leave the corpus out"
    with pytest.raises(DataInvalid, match=told):
        crossvalidate(svm_recipe(), dataset, "corpus", tmp_path)


def test_the_parts_of_a_corpus_s_makers(functionals: Dataset, tmp_path: Path) -> None:
    def part(one: Utterance) -> Utterance:
        split = "test" if str(one.speaker) > "ravdess-06" else "train"
        return replace(one, split=split)

    metrics = crossvalidate(svm_recipe(), _changed(functionals, part), "official", tmp_path)
    assert metrics["protocol"] == "official"
    (fold,) = metrics["folds"]
    assert (fold["name"], fold["test_speakers"]) == ("official", ["ravdess-07", "ravdess-08"])
    assert {row["split"] for row in _predictions(tmp_path)} == {"test"}
    assert (tmp_path / "fold-official").is_dir()
    with pytest.raises(DataInvalid, match="ravdess has no official parts"):
        crossvalidate(svm_recipe(), functionals, "official", tmp_path / "run")
    assert not (tmp_path / "run").exists()


# What is asked for beside


def test_sentences_that_are_trained_on_and_tested(functionals: Dataset, tmp_path: Path) -> None:
    with pytest.raises(DataInvalid, match=r"sentence .* stands in both train and test"):
        crossvalidate(
            svm_recipe(), functionals, "speakers:3", tmp_path / "run", sentences_apart=True
        )
    assert not (tmp_path / "run").exists()
    # Every speaker with sentences of one's own is no objection.
    own = _changed(functionals, lambda one: replace(one, sentence=f"{one.speaker}-{one.sentence}"))
    metrics = crossvalidate(
        svm_recipe(), own, "speakers:3", tmp_path / "run", only=["2"], sentences_apart=True
    )
    assert [fold["name"] for fold in metrics["folds"]] == ["2"]


@pytest.mark.parametrize("asked_for", ["robustness", "enrolment"])
def test_more_is_measured_of_every_fold(
    asked_for: str, functionals: Dataset, tmp_path: Path
) -> None:
    asked: list[list[tuple[Bundle, Sequence[int]]]] = []

    def measure(jobs: Sequence[tuple[Bundle, Sequence[int]]], given: Dataset) -> dict[str, Any]:
        assert given is dataset
        asked.append(list(jobs))
        return no_loss(jobs)

    dataset = _of_speakers(functionals, 1, 2)
    options: dict[str, Any] = {asked_for: measure}
    metrics = crossvalidate(svm_recipe(), dataset, "random:2", tmp_path, seeds=2, **options)
    # Once, and not for the counterpart: both folds' bundles of the first seed.
    (jobs,) = asked
    assert [bundle.folder.name for bundle, _ in jobs] == ["seed-0-fold-1", "seed-0-fold-2"]
    saved = json.loads((tmp_path / FOLDS_FILE).read_text(encoding="utf-8"))
    folds = folds_from_dict(saved, dataset.utterances)
    assert [tuple(indexes) for _, indexes in jobs] == [fold.test for fold in folds]
    assert metrics[asked_for] == _metrics(tmp_path)[asked_for] == no_loss(jobs)
    assert list(metrics)[-1] == "folds"
    assert asked_for not in _metrics(tmp_path / SPEAKERS_APART_FOLDER)


def test_any_name_of_a_speaker_makes_a_folder(functionals: Dataset, tmp_path: Path) -> None:
    names = {
        "ravdess-01": r"ravdess-../../Åsa: <a|b>*?.",
        "ravdess-02": 'ravdess-"\\\n\t',
        "ravdess-03": "...",
        "ravdess-04": "ravdess-a b",
        "ravdess-05": "ravdess-a-b",
        "ravdess-06": "ravdess-" + 300 * "a",
        "ravdess-07": "ravdess-x",
        "ravdess-08": "ravdess-X",
    }
    dataset = _changed(functionals, lambda one: replace(one, speaker=names[str(one.speaker)]))
    folder = tmp_path / "deep" / "run"
    metrics = crossvalidate(svm_recipe(), dataset, "loso", folder)
    assert {fold["name"] for fold in metrics["folds"]} == {*names.values()}
    assert {row["fold"] for row in _predictions(folder)} == {*names.values()}
    folders = [path.name for path in folder.iterdir() if path.is_dir()]
    assert len({name.casefold() for name in folders}) == len(names)
    assert "fold-ravdess-a-b" in folders
    for name in folders:
        assert re.fullmatch(r"fold-[\w.-]*\w", name)
        Bundle.load(folder / name)
    assert [path.name for path in tmp_path.iterdir()] == ["deep"]


def test_folders_of_folds_are_told_apart_on_any_system() -> None:
    def folders(names: Sequence[str], **seeds: int) -> list[str]:
        folds = tuple(Fold(name, (), (), ()) for name in names)
        return run_names(Protocol("loso", "loso", folds), **({"seeds": 1, "seed": 0} | seeds))

    plain = ["1", "a-b", "ravdess-01", "x.y_Z"]
    assert folders(plain) == [f"fold-{name}" for name in plain]
    spaces = ["a b", "a-b", "a/b", "a\\b", "a:b", " a b "]
    long = [300 * "a", 299 * "a" + "b", 60 * "a", 61 * "a"]
    cases = ["x", "X", "Anna", "ANNA", "anna"]
    odd = ["...", "..", ".", "é", "è", "con ", "con"]
    names = [*spaces, *long, *cases, *odd]
    found = folders(names)
    assert len({name.casefold() for name in found}) == len(names)
    for name in found:
        assert re.fullmatch(r"fold-[A-Za-z0-9_.-]*[A-Za-z0-9_]", name)
        assert len(name) <= 80
    assert folders(names, seeds=2, seed=1) == [f"seed-1-{name}" for name in found]
    # Where no other differs from it by case alone a name is kept.
    assert folders(["x", "Anna"]) == ["fold-x", "fold-Anna"]


@pytest.mark.parametrize(
    "protocol", ["speakers:1", "speakers:9", "speakers", "random:", "random:x", ""]
)
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
    assert len(few) == QUICK_CLIPS
    assert set(Counter(one.speaker for one in few.utterances).values()) == {QUICK_CLIPS // 8}
    assert set(Counter(one.emotion for one in few.utterances).values()) == {QUICK_CLIPS // 4}
    pairs = Counter((one.speaker, one.emotion) for one in few.utterances)
    assert len(pairs) == 8 * 4
    assert max(pairs.values()) == 2
    assert set(few.utterances) <= set(many.utterances)
    assert quick_table(few) == few
    full = load_recipe("bundled")
    assert full.sound.non_speech > quick_recipe(full).sound.non_speech == QUICK_CLIPS
    quick = quick_recipe(full).network
    assert quick is not None
    assert quick.training.epochs == 2
    assert quick.training.clips_per_epoch == 0
    assert quick_recipe(svm_recipe()) == svm_recipe()


@pytest.mark.parametrize("name", ["esd", "sex-emotion"])
def test_a_recipe_for_a_label_set(name: str, functionals: Dataset, tmp_path: Path) -> None:
    divided = split_labels(functionals)
    regrouped = divided.regrouped(name)
    metrics = crossvalidate(svm_recipe(labels=name), divided, "speakers:2", tmp_path)
    assert metrics["classes"] == list(regrouped.labels)
    truth = {one.path: one.emotion for one in regrouped.utterances if one.emotion is not None}
    rows = _predictions(tmp_path)
    assert {row["path"]: row["emotion"] for row in rows} == truth
    predicted = [row["predicted"] for row in rows]
    expected = balanced_accuracy_score([row["emotion"] for row in rows], predicted)
    assert metrics["uar"] == pytest.approx(expected)
    # The folds count into the clips as they were given.
    saved = json.loads((tmp_path / FOLDS_FILE).read_text(encoding="utf-8"))
    for fold in folds_from_dict(saved, divided.utterances):
        bundle = Bundle.load(tmp_path / f"fold-{fold.name}")
        assert bundle.manifest.label_set == name
        assert {divided.utterances[index].path for index in fold.test} <= truth.keys()
        assert {one["path"] for one in rows if one["fold"] == fold.name} == {
            divided.utterances[index].path for index in fold.test
        }


def test_a_label_set_of_which_too_little_is_there(functionals: Dataset, tmp_path: Path) -> None:
    only = replace(
        functionals,
        utterances=tuple(replace(one, emotion="calm") for one in functionals.utterances),
    )
    told = r"hold 1 of the recipe's labels \(neutral of angry, happy, neutral, sad, surprised\)"
    with pytest.raises(DataInvalid, match=told):
        crossvalidate(svm_recipe(labels="esd"), only, "speakers:2", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_stratified_folds_are_run_and_told(functionals: Dataset, tmp_path: Path) -> None:
    metrics = crossvalidate(svm_recipe(), functionals, "stratified:2", tmp_path, only=["1"])
    assert (metrics["protocol"], metrics["speakers_kept_apart"]) == ("stratified:2", True)
    assert protocol_in_words("stratified:2").startswith("The speakers were dealt into parts that")


def test_who_is_left_out_by_the_label_set_needs_no_name(
    functionals: Dataset, tmp_path: Path
) -> None:
    """The counterpart of a random split needs the speakers of the clips that are scored."""
    few = _of_speakers(functionals, 1, 2, 3, 4)
    divided = split_labels(few)
    nameless = tuple(
        replace(one, speaker=None) if one.emotion == "disgusted" else one
        for one in divided.utterances
    )
    dataset = replace(divided, utterances=nameless)
    metrics = crossvalidate(svm_recipe(labels="esd"), dataset, "random:2", tmp_path)
    assert metrics["speakers_apart"]["protocol"] == "speakers:2"
