from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from serein.bundle import Bundle, Graph, Manifest, Mode, Normalization, sha256_of
from serein.features import FeatureSpec
from serein.labels import LABELS as CANONICAL
from serein.recognition import Reference
from serein.training.classical import (
    INNER_FOLDS,
    _inner_folds,
    decision,
    normalized_rows,
    train_classifier,
)
from serein.training.data import Dataset, population
from serein.training.export import export_classifier
from serein.training.recipe import ClassifierRecipe
from tests.training.synthetic import FUNCTIONALS, LABELS, made_up, utterance

# One row a clip of 13 numbers: enough for what a linear machine does with rows.
ROWS = FeatureSpec(kind="mfcc")
RECIPE = ClassifierRecipe(name="linear-svm", regularization=(1e-2, 1.0))


def _blobs(labels: int, clips: int = 40, seed: int = 0) -> tuple[Any, Any]:
    generator = np.random.default_rng(seed)
    targets = np.arange(clips) % labels
    centres = generator.normal(0, 1.5, (labels, ROWS.dimensions))
    rows = centres[targets] + generator.normal(size=(clips, ROWS.dimensions))
    return rows.astype(np.float32), targets


def _fitted(rows: Any, targets: Any) -> Any:
    from sklearn.svm import LinearSVC

    return LinearSVC(C=0.1, random_state=0).fit(rows, targets)


def test_decision_of_several_classes_is_that_of_scikit_learn() -> None:
    rows, targets = _blobs(4)
    model = _fitted(rows, targets)
    np.testing.assert_array_equal(decision(model, rows, 4), model.decision_function(rows))


def test_decision_of_two_classes_has_two_opposite_sides() -> None:
    rows, targets = _blobs(2)
    model = _fitted(rows, targets)
    margins = decision(model, rows, 2)
    np.testing.assert_array_equal(margins[:, 1], model.decision_function(rows))
    np.testing.assert_array_equal(margins[:, 0], -margins[:, 1])
    np.testing.assert_array_equal(margins.argmax(axis=1), model.predict(rows))


@pytest.mark.parametrize("held", [(0, 2), (1, 2, 4)])
def test_a_label_that_training_lacked_is_impossible(held: tuple[int, ...]) -> None:
    rows, targets = _blobs(len(held))
    model = _fitted(rows, np.array(held)[targets])
    margins = decision(model, rows, 5)
    assert np.isfinite(margins[:, held]).all()
    missing = [label for label in range(5) if label not in held]
    assert (margins[:, missing] == -np.inf).all()
    np.testing.assert_array_equal(margins.argmax(axis=1), model.predict(rows))


@pytest.mark.parametrize("labels", [2, 4])
def test_the_exported_graph_agrees_with_the_decision(labels: int, tmp_path: Path) -> None:
    rows, targets = _blobs(labels)
    model = _fitted(rows, targets)
    export_classifier(model, ROWS.dimensions, tmp_path / "model.onnx")
    ones = np.ones(ROWS.dimensions, np.float32)
    graph = Graph("model.onnx", sha256_of(tmp_path / "model.onnx"), 1.0)
    normalization = Normalization(ones, ones, 2.0)
    manifest = Manifest(
        name="rows",
        labels=CANONICAL[:labels],
        features=ROWS,
        normalization=normalization,
        graphs={"unknown": graph, "enrolled": graph},
        minimum_confidence=0.5,
        licence="CC0-1.0",
        parameters=1,
    )
    found = Bundle(tmp_path, manifest).run([row[None] for row in rows]).logits
    np.testing.assert_allclose(found, decision(model, rows, labels), atol=1e-4)
    outputs = onnx.load(tmp_path / "model.onnx").graph.output
    assert [output.name for output in outputs] == ["logits"]


def test_the_same_model_gives_the_same_file(tmp_path: Path) -> None:
    model = _fitted(*_blobs(4))
    for name in ("a.onnx", "b.onnx"):
        export_classifier(model, ROWS.dimensions, tmp_path / name)
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def test_rows_on_leaderboard_u_are_standard_scores(functionals: Dataset) -> None:
    everything = range(len(functionals))
    normalization = Normalization(*population(functionals, everything), 2.0)
    rows = normalized_rows(functionals, list(everything), normalization, "unknown")
    values = np.concatenate([clip.values for clip in functionals.features])
    varying = values.std(axis=0) > 0.01
    expected = (values - values.mean(axis=0)) / np.maximum(values.std(axis=0), 1e-3)
    np.testing.assert_allclose(
        rows[:, varying], expected[:, varying].clip(-8, 8), atol=2e-2, rtol=1e-2
    )


def test_rows_on_leaderboard_e_are_by_the_speaker(functionals: Dataset) -> None:
    normalization = Normalization(*population(functionals, range(len(functionals))), 2.0)
    indexes = [40, 3, 17, 0, 5, 41]
    unknown, enrolled = (
        normalized_rows(functionals, indexes, normalization, mode)
        for mode in ("unknown", "enrolled")
    )
    assert np.abs(enrolled - unknown).max() > 0.1
    for row, index in zip(enrolled, indexes, strict=True):
        speaker = functionals.utterances[index].speaker
        group = [i for i in indexes if functionals.utterances[i].speaker == speaker]
        reference = Reference.of(normalization, functionals.profile(group, model=""))
        expected = reference.normalize(functionals.features[index], FUNCTIONALS.gain_response)
        np.testing.assert_array_equal(row, expected[0])


@pytest.mark.parametrize("mode", ["unknown", "enrolled"])
def test_a_trained_classifier_is_calibrated(functionals: Dataset, mode: Mode) -> None:
    everything = list(range(len(functionals)))
    normalization = Normalization(*population(functionals, everything), 2.0)
    fitted = [
        train_classifier(functionals, everything, LABELS, RECIPE, normalization, mode, seed=seed)
        for seed in (1, 1)
    ]
    assert fitted[0].temperature > 0
    assert fitted[0].regularization in RECIPE.regularization
    assert fitted[0].temperature == fitted[1].temperature
    np.testing.assert_array_equal(fitted[0].model.coef_, fitted[1].model.coef_)


def _speakers(count: int, sentences: int = 3, *, known: bool = True) -> Dataset:
    return made_up(
        [
            utterance(
                emotion,
                speaker=f"tess-{speaker}" if known else None,
                corpus="tess",
                sentence=str(sentence) if sentences > 1 else None,
                path=f"{speaker}-{sentence}-{emotion}.wav",
            )
            for speaker in range(count)
            for sentence in range(sentences)
            for emotion in LABELS
        ],
        ROWS,
    )


def _folds(dataset: Dataset) -> list[tuple[set[int], set[int]]]:
    indexes = list(range(len(dataset)))
    targets = dataset.targets(LABELS)
    found = [
        (set(train.tolist()), set(test.tolist()))
        for train, test in _inner_folds(dataset, indexes, targets, 0)
    ]
    # Every clip is held out once.
    assert sorted(index for _, test in found for index in test) == indexes
    for train, test in found:
        assert train | test == set(indexes)
        assert not train & test
    return found


@pytest.mark.parametrize("speakers", [2, 3, 5, 7])
def test_inner_folds_keep_speakers_apart(speakers: int) -> None:
    dataset = _speakers(speakers)
    folds = _folds(dataset)
    assert len(folds) == min(INNER_FOLDS, speakers)
    heard = [{dataset.utterances[index].speaker for index in test} for _, test in folds]
    assert all(not one & other for one, other in combinations(heard, 2))


def test_inner_folds_of_one_speaker_keep_sentences_apart() -> None:
    dataset = _speakers(1, sentences=6)
    folds = _folds(dataset)
    assert len(folds) == INNER_FOLDS
    said = [{dataset.utterances[index].sentence for index in test} for _, test in folds]
    assert all(not one & other for one, other in combinations(said, 2))


def test_inner_folds_of_one_speaker_and_one_sentence_are_by_clip() -> None:
    dataset = _speakers(1, sentences=6)
    same = tuple(replace(one, sentence="the same") for one in dataset.utterances)
    assert len(_folds(replace(dataset, utterances=same))) == INNER_FOLDS
    assert len(_folds(_speakers(6, known=False))) == INNER_FOLDS


def test_a_label_of_one_speaker_alone_is_still_learnt() -> None:
    """An inner training that never heard a label must not spoil the choice."""
    generator = np.random.default_rng(0)
    dataset = _speakers(6)
    kept = [
        index
        for index, one in enumerate(dataset.utterances)
        if one.emotion != "sad" or one.speaker == "tess-0"
    ]
    rows = []
    for index in kept:
        features = dataset.features[index]
        values = generator.normal(0, 0.5, features.values.shape).astype(np.float32)
        values[:, LABELS.index(str(dataset.utterances[index].emotion))] += 5
        rows.append(replace(features, values=values))
    dataset = Dataset(tuple(dataset.utterances[index] for index in kept), tuple(rows), ROWS)
    normalization = Normalization(*population(dataset, range(len(dataset))), 2.0)
    everything = list(range(len(dataset)))
    fitted = train_classifier(dataset, everything, LABELS, RECIPE, normalization, "unknown", seed=0)
    found = decision(
        fitted.model, normalized_rows(dataset, everything, normalization, "unknown"), 4
    )
    np.testing.assert_array_equal(found.argmax(axis=1), dataset.targets(LABELS))
    assert 0 < fitted.temperature < 50
