from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from serein.bundle import Mode, Normalization
from serein.features import FeatureSpec
from serein.recognition import Reference
from serein.training.classical import (
    INNER_FOLDS,
    decision,
    inner_folds,
    normalized_rows,
    train_classifier,
)
from serein.training.classifier_recipe import ClassifierRecipe
from serein.training.classifiers import CLASSIFIERS
from serein.training.data import Dataset, population
from tests.training.synthetic import FUNCTIONALS, LABELS, made_up, utterance

# One row a clip of 13 numbers: enough for what a classical model does with rows.
ROWS = FeatureSpec(kind="mfcc")
RECIPES: dict[str, dict[str, Any]] = {
    "linear-svm": {"regularization": [1e-2, 1.0]},
    "random-forest": {"minimum_leaf": [1, 2], "trees": 30, "feature_share": 0.3},
    "gradient-boosting": {"rounds": [3, 6], "minimum_leaf": 4, "learning_rate": 0.3},
    "mlp": {"weight_decay": [0.1, 1.0], "hidden": [16], "epochs": 40, "learning_rate": 0.01},
}


def _recipe(name: str) -> ClassifierRecipe:
    return ClassifierRecipe(name=name, options=RECIPES[name])


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


@pytest.mark.parametrize("name", CLASSIFIERS)
@pytest.mark.parametrize("mode", ["unknown", "enrolled"])
def test_a_trained_classifier_is_calibrated_and_the_same_for_a_seed(
    functionals: Dataset, name: str, mode: Mode
) -> None:
    everything = list(range(len(functionals)))
    normalization = Normalization(*population(functionals, everything), 2.0)
    recipe = _recipe(name)
    first, again = [
        train_classifier(functionals, everything, LABELS, recipe, normalization, mode, seed=1)
        for _ in range(2)
    ]
    assert 0 < first.temperature < 50
    assert first.chosen in recipe.options[first.kind.chosen]
    assert (first.temperature, first.chosen) == (again.temperature, again.chosen)
    rows = normalized_rows(functionals, everything, normalization, mode)
    found = decision(first.kind, first.model, rows, len(LABELS))
    np.testing.assert_array_equal(found, decision(again.kind, again.model, rows, len(LABELS)))
    correct = found.argmax(axis=1) == functionals.targets(LABELS)
    assert correct.mean() > 0.8  # of the clips that it was trained on; by chance it were 0.25


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
        for train, test in inner_folds(dataset, indexes, targets, 0)
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


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_label_of_one_speaker_alone_is_still_learnt(name: str) -> None:
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
    recipe = _recipe(name)
    fitted = train_classifier(dataset, everything, LABELS, recipe, normalization, "unknown", seed=0)
    asked = normalized_rows(dataset, everything, normalization, "unknown")
    found = decision(fitted.kind, fitted.model, asked, 4)
    np.testing.assert_array_equal(found.argmax(axis=1), dataset.targets(LABELS))
    assert 0 < fitted.temperature < 50
