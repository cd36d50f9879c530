from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from serein.bundle import Bundle
from serein.corpora import Utterance, folds_from_dict, marks
from serein.errors import ArgumentInvalid, DataInvalid
from serein.evaluation import evaluate, judge_clips
from serein.evaluation.evaluate import SEEN, UNCHECKED, UNKNOWN, UNSEEN
from serein.evaluation.outcome import FOLDS_FILE, METRICS_FILE, REPORT_FILE
from serein.evaluation.predictions import PREDICTIONS_FILE, read_predictions
from serein.training.data import Dataset
from serein.training.train import train_bundle
from tests.evaluation.judgements import no_loss
from tests.training.synthetic import LABELS, split_by_actor, split_labels, svm_recipe

pytestmark = pytest.mark.usefixtures("no_pages")

TESTED = ["ravdess-01", "ravdess-02"]
"""Whom the fixture's model has not heard, of eight."""


def _with(dataset: Dataset, change: Callable[[Utterance], Utterance]) -> Dataset:
    return replace(dataset, utterances=tuple(map(change, dataset.utterances)))


def _part(dataset: Dataset, indexes: Sequence[int]) -> Dataset:
    return replace(
        dataset,
        utterances=tuple(dataset.utterances[index] for index in indexes),
        features=tuple(dataset.features[index] for index in indexes),
    )


def _heard(bundle: Bundle, heard: frozenset[str]) -> Bundle:
    return Bundle(bundle.folder, replace(bundle.manifest, heard=" ".join(sorted(heard))))


def _nameless(one: Utterance) -> Utterance:
    return replace(one, speaker=None)


@pytest.fixture(scope="module")
def folder(
    svm_bundle: Bundle, functionals: Dataset, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("evaluations") / "deep" / "svm"
    evaluate(svm_bundle, functionals, folder)
    return folder


def _metrics(folder: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((folder / METRICS_FILE).read_text(encoding="utf-8"))
    return values


def test_speakers_heard_in_training_are_left_out(folder: Path) -> None:
    metrics = _metrics(folder)
    assert metrics["protocol"] == UNSEEN == "unseen speakers"
    assert metrics["speakers_kept_apart"] is True
    assert (metrics["clips"], metrics["left_out"], metrics["speakers"]) == (16, 48, 2)
    assert metrics["unscored"] == {}
    (fold,) = metrics["folds"]
    assert fold["test_speakers"] == TESTED
    assert fold["clips"] == {"test": 16}
    found = read_predictions(folder / PREDICTIONS_FILE)
    assert {one.utterance.speaker for one in found} == {*TESTED}
    assert {one.fold for one in found} == {"all"}


def test_it_scores_what_the_bundle_says_of_them(
    folder: Path, svm_bundle: Bundle, functionals: Dataset
) -> None:
    metrics = _metrics(folder)
    _, test = split_by_actor(functionals)
    judged = judge_clips(svm_bundle, functionals, test)
    found = read_predictions(folder / PREDICTIONS_FILE)
    for one, other in zip(found, judged, strict=True):
        assert one.utterance.path == other.utterance.path
        np.testing.assert_array_equal(one.unknown, other.unknown)
        np.testing.assert_array_equal(one.enrolled, other.enrolled)
    truth = [str(one.utterance.emotion) for one in judged]
    for suffix, mode in (("", "unknown"), ("_enrolled", "enrolled")):
        said = [LABELS[int(getattr(one, mode).argmax())] for one in judged]
        assert metrics["uar" + suffix] == pytest.approx(balanced_accuracy_score(truth, said))
    # A bundle that is trained and scored the one way and the other is scored alike.
    manifest = svm_bundle.manifest
    assert (metrics["recipe"], metrics["parameters"]) == (manifest.name, manifest.parameters)
    assert metrics["title"] == manifest.recipe["title"]
    assert (metrics["seeds"], metrics["quick"]) == (1, False)


def test_the_files_are_those_of_a_cross_validation(folder: Path, functionals: Dataset) -> None:
    assert {path.name for path in folder.iterdir()} == {
        *(METRICS_FILE, FOLDS_FILE, PREDICTIONS_FILE, REPORT_FILE)
    }
    assert "<html" in (folder / REPORT_FILE).read_text(encoding="utf-8")
    metrics = _metrics(folder)
    assert list(metrics)[:2] == ["recipe", "title"]
    assert list(metrics)[-1] == "folds"
    saved = json.loads((folder / FOLDS_FILE).read_text(encoding="utf-8"))
    (fold,) = folds_from_dict(saved, functionals.utterances)
    assert (fold.train, fold.validation) == ((), ())
    assert fold.test == tuple(split_by_actor(functionals)[1])


def test_what_is_returned_is_what_is_written(
    folder: Path, svm_bundle: Bundle, functionals: Dataset, tmp_path: Path
) -> None:
    """And so it is a second time, to the byte."""
    found = evaluate(svm_bundle, functionals, tmp_path / "again")
    assert found == _metrics(folder)
    for name in (METRICS_FILE, FOLDS_FILE, PREDICTIONS_FILE):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()


def test_where_all_were_heard_it_is_no_score(
    svm_bundle: Bundle, functionals: Dataset, tmp_path: Path
) -> None:
    _, test = split_by_actor(functionals)
    heard = [index for index in range(len(functionals)) if index not in test]
    metrics = evaluate(svm_bundle, _part(functionals, heard), tmp_path)
    assert metrics["protocol"] == SEEN == "seen in training (no score)"
    assert metrics["speakers_kept_apart"] is False
    assert (metrics["clips"], metrics["left_out"], metrics["speakers"]) == (48, 0, 6)


def test_one_speaker_who_was_not_heard_is_a_score(
    svm_bundle: Bundle, functionals: Dataset, tmp_path: Path
) -> None:
    _, test = split_by_actor(functionals)
    heard = [index for index in range(len(functionals)) if index not in test]
    metrics = evaluate(svm_bundle, _part(functionals, [*heard, *test[:8]]), tmp_path)
    assert metrics["protocol"] == UNSEEN
    assert (metrics["clips"], metrics["left_out"]) == (8, 48)
    assert metrics["uar_interval"] is None  # of one speaker there is no saying


def test_clips_of_unknown_speakers_are_told_by_their_sound(
    svm_bundle: Bundle, functionals: Dataset, tmp_path: Path
) -> None:
    nameless = _with(functionals, _nameless)
    bundle = _heard(svm_bundle, marks(nameless.utterances[10:]))
    metrics = evaluate(bundle, nameless, tmp_path / "some")
    assert metrics["protocol"] == UNKNOWN == "unseen clips (speakers unknown)"
    assert metrics["speakers_kept_apart"] is False
    assert (metrics["clips"], metrics["left_out"], metrics["speakers"]) == (10, 54, 0)
    assert metrics["folds"][0]["test_speakers"] == ["unknown"]
    found = read_predictions(tmp_path / "some" / PREDICTIONS_FILE)
    assert [one.utterance.path for one in found] == [one.path for one in nameless.utterances[:10]]
    everything = _heard(svm_bundle, marks(nameless.utterances))
    assert evaluate(everything, nameless, tmp_path / "all")["protocol"] == SEEN


def test_clips_heard_without_a_name_are_known_by_their_sound(
    svm_bundle: Bundle, functionals: Dataset, tmp_path: Path
) -> None:
    """Whoever finds out who speaks does not make them voices that the model never heard."""
    trained = [one for one in functionals.utterances if one.speaker not in TESTED]
    bundle = _heard(svm_bundle, marks(map(_nameless, trained)))
    metrics = evaluate(bundle, functionals, tmp_path / "some")
    assert (metrics["clips"], metrics["left_out"]) == (16, 48)
    assert metrics["folds"][0]["test_speakers"] == TESTED
    everything = _heard(svm_bundle, marks(map(_nameless, functionals.utterances)))
    metrics = evaluate(everything, functionals, tmp_path / "all")
    assert metrics["protocol"] == SEEN
    assert metrics["speakers_kept_apart"] is False


def test_recording_is_known_again_under_another_name(
    svm_bundle: Bundle, functionals: Dataset, tmp_path: Path
) -> None:
    """The clips of a corpus, given as one's own, are no new voices."""
    renamed = _with(
        functionals, lambda one: replace(one, corpus="csv", speaker=f"csv-{one.speaker}")
    )
    metrics = evaluate(svm_bundle, renamed, tmp_path / "all")
    assert (metrics["clips"], metrics["left_out"]) == (16, 48)
    # Who is known by one recording is known: the others of the same voice are left out as well.
    one_voice = _with(functionals, lambda one: replace(one, corpus="csv", speaker="csv-anna"))
    assert evaluate(svm_bundle, one_voice, tmp_path / "one")["protocol"] == SEEN


def test_one_clip_of_nobody_known_makes_the_speakers_unknown(
    svm_bundle: Bundle, functionals: Dataset, tmp_path: Path
) -> None:
    first = functionals.utterances[0]
    dataset = _with(functionals, lambda one: _nameless(one) if one == first else one)
    metrics = evaluate(svm_bundle, dataset, tmp_path)
    assert metrics["protocol"] == UNKNOWN
    assert metrics["folds"][0]["test_speakers"] == [*TESTED, "unknown"]
    assert (metrics["clips"], metrics["left_out"]) == (16, 48)


def test_a_bundle_that_does_not_say_whom_it_heard(
    svm_bundle: Bundle, functionals: Dataset, tmp_path: Path
) -> None:
    metrics = evaluate(_heard(svm_bundle, frozenset()), functionals, tmp_path)
    assert metrics["protocol"] == UNCHECKED
    assert metrics["protocol"].startswith("unchecked")
    assert metrics["speakers_kept_apart"] is False
    assert (metrics["clips"], metrics["left_out"]) == (64, 0)


def test_other_corpora_are_scored_beside_each_other(
    svm_bundle: Bundle, functionals: Dataset, tmp_path: Path
) -> None:
    """The mark of a voice is that of its name: the corpus before it tells voices apart."""

    def move(one: Utterance) -> Utterance:
        if one.speaker in TESTED:
            return one
        other = f"emovo {one.sha256}"
        return replace(
            one, corpus="emovo", speaker=f"emovo-{one.speaker}", language="it", sha256=other
        )

    metrics = evaluate(svm_bundle, _with(functionals, move), tmp_path)
    assert metrics["protocol"] == UNSEEN
    assert metrics["left_out"] == 0
    lines = metrics["corpora"]
    assert {name: line["clips"] for name, line in lines.items()} == {"emovo": 48, "ravdess": 16}
    assert metrics["uar"] == pytest.approx((lines["emovo"]["uar"] + lines["ravdess"]["uar"]) / 2)
    assert set(metrics["groups"]["language"]["groups"]) == {"en", "it"}


def test_labels_that_the_bundle_lacks_are_not_scored(
    svm_bundle: Bundle, functionals: Dataset, tmp_path: Path
) -> None:
    dataset = _with(
        functionals, lambda one: replace(one, emotion="bored") if one.emotion == "sad" else one
    )
    metrics = evaluate(svm_bundle, dataset, tmp_path)
    assert metrics["classes"] == ["angry", "happy", "neutral"]
    assert (metrics["clips"], metrics["left_out"]) == (12, 48)
    assert metrics["unscored"] == {"bored": 4}  # of the clips that are not left out
    assert set(metrics["corpora"]["ravdess"]["recalls"]) == {"angry", "happy", "neutral"}
    for one in read_predictions(tmp_path / PREDICTIONS_FILE):
        assert one.utterance.emotion != "bored"
        assert one.unknown.sum() == pytest.approx(1)


def test_nothing_to_judge(svm_bundle: Bundle, functionals: Dataset, tmp_path: Path) -> None:
    other = {"angry": "bored", "happy": "fearful"}
    dataset = _with(
        functionals, lambda one: replace(one, emotion=other.get(str(one.emotion), "surprised"))
    )
    told = r"labels \(angry, happy, neutral, sad\); the data hold bored, fearful, surprised"
    with pytest.raises(DataInvalid, match=told):
        evaluate(svm_bundle, dataset, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_one_emotion_in_common_is_no_score(
    svm_bundle: Bundle, functionals: Dataset, tmp_path: Path
) -> None:
    """Whatever the model says, it could not be wrong."""
    other = {"angry": "bored", "neutral": "fearful", "sad": "surprised"}
    dataset = _with(
        functionals, lambda one: replace(one, emotion=other.get(str(one.emotion), one.emotion))
    )
    told = "ravdess has only happy in common with the model, .* leave the corpus out"
    with pytest.raises(DataInvalid, match=told):
        evaluate(svm_bundle, dataset, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_features_of_another_kind(svm_bundle: Bundle, log_mel: Dataset, tmp_path: Path) -> None:
    name = svm_bundle.manifest.name
    with pytest.raises(ArgumentInvalid, match=f"features are not those of the model '{name}'"):
        evaluate(svm_bundle, log_mel, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_taken_folder(svm_bundle: Bundle, functionals: Dataset, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(ArgumentInvalid, match="not an empty folder"):
        evaluate(svm_bundle, functionals, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("asked_for", ["robustness", "enrolment"])
def test_more_is_measured_on_what_is_scored(
    asked_for: str, svm_bundle: Bundle, functionals: Dataset, tmp_path: Path
) -> None:
    asked: list[Any] = []

    def measure(jobs: Sequence[tuple[Bundle, Sequence[int]]], given: Dataset) -> dict[str, Any]:
        assert given is functionals
        asked.extend(jobs)
        return no_loss(jobs)

    metrics = evaluate(svm_bundle, functionals, tmp_path, **{asked_for: measure})
    ((bundle, indexes),) = asked
    assert bundle is svm_bundle
    assert list(indexes) == list(split_by_actor(functionals)[1])
    assert metrics[asked_for] == _metrics(tmp_path)[asked_for] == no_loss(asked)
    assert list(metrics)[-1] == "folds"


def test_a_model_of_a_label_set_is_scored_over_its_classes(
    svm_bundle: Bundle, functionals: Dataset, tmp_path: Path
) -> None:
    """Calm counts as neutral; who is left out is counted by name."""
    split, _ = split_by_actor(functionals)
    divided = split_labels(functionals)
    bundle = train_bundle(svm_recipe(labels="esd"), divided, split, tmp_path / "bundle")
    metrics = evaluate(bundle, divided, tmp_path / "run")
    assert (metrics["clips"], metrics["unscored"]) == (14, {"disgusted": 2})
    assert metrics["classes"] == list(LABELS)
    rows = read_predictions(tmp_path / "run" / PREDICTIONS_FILE)
    truth = {one.path: one.emotion for one in functionals.utterances}
    assert all(one.utterance.emotion == truth[one.utterance.path] for one in rows)
    # Neutral holds calm, so these are the four classes that every corpus has.
    assert metrics["four_classes"]["uar"] == pytest.approx(metrics["uar"])


def test_clips_of_unknown_sex_are_counted_where_pairs_are_scored(
    functionals: Dataset, tmp_path: Path
) -> None:
    split, test = split_by_actor(functionals)
    recipe = svm_recipe(labels="sex-emotion")
    bundle = train_bundle(recipe, functionals, split, tmp_path / "bundle")
    unknown = functionals.utterances[test[0]]
    dataset = _with(functionals, lambda one: replace(one, sex=None) if one is unknown else one)
    metrics = evaluate(bundle, dataset, tmp_path / "run")
    assert metrics["unscored"] == {f"{unknown.emotion} of unknown sex": 1}
    assert len(metrics["classes"]) == 8
    assert "four_classes" not in metrics
