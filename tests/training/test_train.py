from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from serein.bundle import MODES, Bundle, Mode
from serein.corpora import UtteranceTable, find_corpus
from serein.errors import ArgumentInvalid, DataInvalid
from serein.features import FeatureSpec
from serein.labels import SEXES
from serein.metrics import unweighted_average_recall
from serein.recognition import Recognizer, judge
from serein.training import train as train_module
from serein.training.calibration import fit_temperature
from serein.training.data import Dataset
from serein.training.leaderboards import judge_on_both
from serein.training.licences import weights_licence
from serein.training.recipe import Recipe, recipe_from_dict
from serein.training.train import Split, add_scores, train_bundle, training_labels
from tests.training.synthetic import (
    FUNCTIONALS,
    LABELS,
    LOG_MEL,
    made_up,
    network_recipe,
    split_by_actor,
    split_labels,
    svm_recipe,
    utterance,
)


@pytest.fixture(params=["svm", "network"])
def trained(request: pytest.FixtureRequest) -> tuple[Bundle, Dataset, Recipe]:
    """A bundle of each kind, the data and the recipe that it was trained by."""
    bundle: Bundle = request.getfixturevalue(f"{request.param}_bundle")
    name = "functionals" if request.param == "svm" else "log_mel"
    recipe = svm_recipe() if request.param == "svm" else network_recipe()
    return bundle, request.getfixturevalue(name), recipe


def _probabilities(
    bundle: Bundle, dataset: Dataset, indexes: tuple[int, ...]
) -> npt.NDArray[np.float64]:
    return np.array(
        [one.probabilities for one in judge(bundle, [dataset.features[i] for i in indexes])]
    )


def test_a_bundle_judges_a_file(
    trained: tuple[Bundle, Dataset, Recipe], corpus: UtteranceTable
) -> None:
    bundle, dataset, _ = trained
    recognizer = Recognizer(Bundle.load(bundle.folder))
    prediction = recognizer.predict(corpus.audio_path(corpus.utterances[0]))
    assert prediction.label in LABELS
    assert tuple(prediction.probabilities) == LABELS
    assert sum(prediction.probabilities.values()) == pytest.approx(1.0)
    np.testing.assert_allclose(
        list(prediction.probabilities.values()),
        _probabilities(bundle, dataset, (0,))[0],
        atol=1e-5,
    )


def test_the_manifest_tells_how_the_bundle_was_made(
    trained: tuple[Bundle, Dataset, Recipe],
) -> None:
    bundle, dataset, recipe = trained
    manifest = bundle.manifest
    assert manifest.name == recipe.name
    assert manifest.labels == LABELS
    assert manifest.features == dataset.spec
    assert manifest.minimum_confidence == recipe.minimum_confidence
    assert manifest.normalization.prior_clips == recipe.prior_clips
    assert set(manifest.graphs) == set(MODES)
    assert all(graph.temperature > 0 for graph in manifest.graphs.values())
    plain = dict(manifest.recipe)
    assert plain.pop("seed") == 3
    assert len(plain.pop("trained")) == len("2026-01-01")
    chosen = plain.pop("chosen")
    if recipe.classifier is None:
        assert chosen == {}
    else:
        assert set(chosen) == {f"regularization_{mode}" for mode in MODES}
        assert set(chosen.values()) <= set(recipe.classifier.options["regularization"])
    assert recipe_from_dict(plain, where="manifest") == recipe


def test_facts_of_the_corpora(trained: tuple[Bundle, Dataset, Recipe]) -> None:
    bundle, _, recipe = trained
    facts = bundle.manifest.corpora["ravdess"]
    assert set(bundle.manifest.corpora) == {"ravdess"}
    # A classifier is trained on the validation speakers as well: six of eight actors, or four.
    actors = 4 if recipe.network else 6
    assert facts["speakers"] == actors
    assert facts["clips"] == actors * 8
    assert facts["labels"] == list(LABELS)
    assert facts["languages"] == ["en"]
    assert facts["licence"] == find_corpus("ravdess").licence
    assert facts["citation"] == find_corpus("ravdess").citation


def test_parameters_of_a_classifier(svm_bundle: Bundle) -> None:
    # A weight a feature and a bias, for each label, in both modes.
    assert svm_bundle.manifest.parameters == 2 * 4 * (FUNCTIONALS.dimensions + 1)


def test_parameters_of_a_network(network_bundle: Bundle) -> None:
    # 4 channels of 5 x 5, 6 of 3 x 3 over 24, 12, 6 bands; as in test_log_mel_cnn.
    convolutions = 4 * 25 + 2 * 4 + 4 * 6 * 9 + 2 * 6
    time = 6 * 6 * 12 + 2 * 12 + 3 * 12 * 12 + 2 * 12
    pooling = 12 * 4 + 4 + 4 + 1
    description = 2 * 12 + 3 * 24
    # For unknown and for enrolled speakers, and the sex; nothing of speech, which nothing taught.
    heads = sum((size + 1) * 8 + 2 * 8 + 9 * 4 for size in (description, description + 1)) + 9 * 2
    assert network_bundle.manifest.parameters == convolutions + time + pooling + heads


def test_only_what_was_taught_to_hear_speech_tells_of_it(
    network_bundle: Bundle, log_mel: Dataset, tmp_path: Path
) -> None:
    assert not network_bundle.tells_speech
    split, _ = split_by_actor(log_mel)
    dataset = replace(log_mel, non_speech=log_mel.features[:6])
    taught = train_bundle(network_recipe(epochs=1), dataset, split, tmp_path / "bundle")
    assert taught.tells_speech
    assert taught.manifest.parameters == network_bundle.manifest.parameters + 96 + 1


def test_the_card_says_what_must_be_known(trained: tuple[Bundle, Dataset, Recipe]) -> None:
    bundle, _, recipe = trained
    card = bundle.card
    assert recipe.title in card
    assert bundle.manifest.licence in card
    assert find_corpus("ravdess").licence in card
    assert f"{bundle.manifest.parameters:,}" in card
    assert "must not be used for" in card
    for word in ("hiring", "health", "AI Act", "Article 5"):
        assert word in card
    assert all(label in card for label in LABELS)


def test_weights_are_licensed_as_strictly_as_their_corpora() -> None:
    own = weights_licence(["crema-d"], FUNCTIONALS)
    assert "non-commercial" not in own
    assert own.startswith(find_corpus("crema-d").licence)
    assert "commercial use allowed with attribution (trained on crema-d)" in own
    # What may be done with one's own recordings, nobody else can say.
    for corpora in (["folder"], ["crema-d", "folder"]):
        assert "commercial use" not in weights_licence(corpora, FUNCTIONALS)
    for corpora in (["ravdess"], ["crema-d", "ravdess"]):
        found = weights_licence(corpora, FUNCTIONALS)
        assert "non-commercial" in found
        assert all(find_corpus(name).licence in found for name in corpora)


def test_weights_on_features_of_opensmile_are_not_for_commerce() -> None:
    opensmile = FeatureSpec(kind="opensmile")
    for corpora in (["crema-d"], ["crema-d", "ravdess"]):
        found = weights_licence(corpora, opensmile)
        assert found.startswith(weights_licence(corpora, FUNCTIONALS).partition(", commercial")[0])
        assert "non-commercial use only, as openSMILE's research licence forbids" in found


def test_scores_are_put_into_manifest_and_card(svm_bundle: Bundle, tmp_path: Path) -> None:
    bundle = Bundle.load(svm_bundle.export(tmp_path / "copy"))
    line = {
        "classes": list(LABELS),
        "speakers": 2,
        "clips": 16,
        **dict.fromkeys(("wa", "wa_enrolled", "ece"), 0.123),
        "uar": 0.456,
        "uar_interval": [0.3, 0.6],
        "uar_enrolled": 0.789,
        "uar_enrolled_interval": None,
    }
    scores = {"protocol": "speakers:4", "seeds": 1, "corpora": {"ravdess": line}}
    scored = add_scores(bundle, scores)
    assert Bundle.load(bundle.folder).manifest.scores == scores
    assert scored.fingerprint == bundle.fingerprint
    assert "45.6 (30 to 60)" in scored.card
    assert "78.9 |" in scored.card
    assert "speakers:4" in scored.card
    assert "speakers:4" not in bundle.manifest.scores


@pytest.mark.parametrize("kind", ["svm", "network"])
def test_the_same_seed_gives_the_same_numbers(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    first: Bundle = request.getfixturevalue(f"{kind}_bundle")
    dataset = request.getfixturevalue("functionals" if kind == "svm" else "log_mel")
    recipe = svm_recipe() if kind == "svm" else network_recipe()
    split, test = split_by_actor(dataset)
    torch.rand(7)  # what was drawn before does not matter
    second, other = (
        train_bundle(recipe, dataset, split, tmp_path / str(seed), seed=seed) for seed in (3, 4)
    )
    assert second.fingerprint == first.fingerprint
    for mode in MODES:
        assert second.manifest.graphs[mode] == first.manifest.graphs[mode]
    expected = _probabilities(first, dataset, test)
    np.testing.assert_array_equal(_probabilities(second, dataset, test), expected)
    assert other.manifest.recipe["seed"] == 4
    if kind == "network":
        assert not np.allclose(_probabilities(other, dataset, test), expected)


def test_training_learns(svm_bundle: Bundle, functionals: Dataset) -> None:
    split, test = split_by_actor(functionals)
    for indexes, least in ((split.train, 0.85), (test, 0.45)):
        predicted = _probabilities(svm_bundle, functionals, indexes).argmax(axis=1)
        truth = functionals.targets(LABELS)[list(indexes)]
        assert unweighted_average_recall(truth, predicted, 4) > least  # chance is 0.25


def test_a_network_learns(log_mel: Dataset, tmp_path: Path) -> None:
    split, _ = split_by_actor(log_mel)
    bundle = train_bundle(network_recipe(epochs=12), log_mel, split, tmp_path / "bundle")
    predicted = _probabilities(bundle, log_mel, split.train).argmax(axis=1)
    truth = log_mel.targets(LABELS)[list(split.train)]
    assert unweighted_average_recall(truth, predicted, 4) > 0.5


@pytest.mark.parametrize("taken", ["folder", "file"])
def test_a_taken_folder_is_refused(taken: str, functionals: Dataset, tmp_path: Path) -> None:
    target = tmp_path / "bundle"
    inside = target / "notes.txt" if taken == "folder" else target
    inside.parent.mkdir(exist_ok=True)
    inside.write_text("mine", encoding="utf-8")
    split, _ = split_by_actor(functionals)
    with pytest.raises(ArgumentInvalid, match="not an empty folder"):
        train_bundle(svm_recipe(), functionals, split, target)
    assert inside.read_text(encoding="utf-8") == "mine"
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == {inside}


def test_an_empty_folder_is_taken(functionals: Dataset, tmp_path: Path) -> None:
    split, _ = split_by_actor(functionals)
    bundle = train_bundle(svm_recipe(), functionals, split, tmp_path)
    assert bundle.folder == tmp_path
    assert (tmp_path / "manifest.json").is_file()
    assert not list(tmp_path.parent.glob(".bundle-*"))


@pytest.mark.parametrize("step", ["export_classifier", "model_card"])
def test_an_error_in_the_middle_leaves_nothing(
    step: str, functionals: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(train_module, step, fail)
    split, _ = split_by_actor(functionals)
    with pytest.raises(RuntimeError, match="disk is full"):
        train_bundle(svm_recipe(), functionals, split, tmp_path / "bundle")
    assert not list(tmp_path.iterdir())


def test_labels_that_the_training_clips_lack_are_left_out(
    functionals: Dataset, tmp_path: Path
) -> None:
    split, _ = split_by_actor(functionals)
    sad = {i for i, one in enumerate(functionals.utterances) if one.emotion == "sad"}
    without = Split(tuple(i for i in split.train if i not in sad), split.validation)
    bundle = train_bundle(svm_recipe(), functionals, without, tmp_path / "bundle")
    assert bundle.manifest.labels == ("angry", "happy", "neutral")
    # The sad clips of the validation speakers say nothing either.
    assert bundle.manifest.corpora["ravdess"]["clips"] == 6 * 6
    assert _probabilities(bundle, functionals, (0, 1)).shape == (2, 3)


@pytest.mark.parametrize("kind", ["svm", "network"])
def test_a_recipe_may_name_its_labels(
    kind: str, functionals: Dataset, log_mel: Dataset, tmp_path: Path
) -> None:
    dataset = functionals if kind == "svm" else log_mel
    recipe = svm_recipe() if kind == "svm" else network_recipe()
    recipe = replace(recipe, labels=("sad", "bored", "angry"))
    split, _ = split_by_actor(dataset)
    bundle = train_bundle(recipe, dataset, split, tmp_path / "bundle")
    assert bundle.manifest.labels == ("angry", "sad")


def test_fewer_than_two_labels_are_an_error(functionals: Dataset, tmp_path: Path) -> None:
    split, _ = split_by_actor(functionals)
    recipe = replace(svm_recipe(), labels=("sad", "bored"))
    with pytest.raises(DataInvalid, match=r"hold 1 of the recipe's labels \(sad of sad, bored\)"):
        train_bundle(recipe, functionals, split, tmp_path / "bundle")
    with pytest.raises(DataInvalid, match="none of"):
        training_labels(recipe, ())
    assert not (tmp_path / "bundle").exists()


def test_a_network_needs_validation_clips(log_mel: Dataset, tmp_path: Path) -> None:
    split, _ = split_by_actor(log_mel)
    with pytest.raises(DataInvalid, match="validation"):
        train_bundle(network_recipe(), log_mel, Split(split.train, ()), tmp_path / "bundle")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("mode", MODES)
def test_a_network_is_calibrated_on_its_validation_clips(
    mode: Mode, network_bundle: Bundle, log_mel: Dataset
) -> None:
    split, _ = split_by_actor(log_mel)
    # Logits are what they were before the temperature, but for a constant, which changes nothing.
    found = network_bundle.manifest.graphs[mode].temperature
    judged = judge_on_both(network_bundle, log_mel, split.validation)[mode]
    logits = found * np.log([one.probabilities for one in judged])
    targets = log_mel.targets(LABELS)[list(split.validation)]
    expected = fit_temperature(logits, targets, np.ones((len(targets), 4), dtype=bool))
    assert found == pytest.approx(expected, rel=1e-3)
    assert found != 1.0


def test_network_normalisation_knows_nothing_of_the_validation(
    log_mel: Dataset, network_bundle: Bundle
) -> None:
    """What chooses the epoch must not set the scale either."""
    split, _ = split_by_actor(log_mel)
    # By hand: every clip's mean weighs the same.
    means = [log_mel.features[index].values.mean(axis=0) for index in split.train]
    np.testing.assert_allclose(
        network_bundle.manifest.normalization.mean, np.mean(means, axis=0), rtol=1e-5
    )


def test_a_tiny_set_of_two_speakers_can_be_trained(tmp_path: Path) -> None:
    """One label a speaker: no inner training knows two, so nothing can be chosen or calibrated."""
    utterances = [
        utterance(emotion, speaker=f"ravdess-{number}", path=f"{emotion}-{k}.wav")
        for number, emotion in enumerate(("happy", "sad"))
        for k in range(4)
    ]
    dataset = made_up(utterances, FUNCTIONALS)
    split = Split(tuple(range(8)), ())
    bundle = train_bundle(svm_recipe(), dataset, split, tmp_path / "bundle")
    assert {graph.temperature for graph in bundle.manifest.graphs.values()} == {1.0}


def test_a_bundle_is_plain_json_and_onnx(svm_bundle: Bundle, network_bundle: Bundle) -> None:
    for bundle in (svm_bundle, network_bundle):
        assert {path.suffix for path in bundle.folder.iterdir()} == {".json", ".md", ".onnx"}
        json.loads((bundle.folder / "manifest.json").read_text(encoding="utf-8"))


def test_a_recipe_for_other_features_than_the_data(log_mel: Dataset, tmp_path: Path) -> None:
    split, _ = split_by_actor(log_mel)
    recipe = replace(network_recipe(), features=replace(LOG_MEL, bands=30))
    with pytest.raises(ArgumentInvalid, match="features are not those of the recipe"):
        train_bundle(recipe, log_mel, split, tmp_path / "bundle")
    assert not list(tmp_path.iterdir())


def test_training_on_a_label_set_is_training_on_its_classes(
    functionals: Dataset, tmp_path: Path
) -> None:
    """Calm is called neutral and the disgusted are not heard: by the set, or by hand."""
    split, _ = split_by_actor(functionals)
    divided = split_labels(functionals)
    bundle = train_bundle(svm_recipe(labels="esd"), divided, split, tmp_path / "set")
    kept = [one.emotion != "disgusted" for one in divided.utterances]
    by_hand = Split(*(tuple(i for i in side if kept[i]) for side in vars(split).values()))
    expected = train_bundle(svm_recipe(), functionals, by_hand, tmp_path / "hand")
    manifest = bundle.manifest
    assert manifest.graphs == expected.manifest.graphs
    assert manifest.labels == expected.manifest.labels == LABELS
    assert manifest.corpora == expected.manifest.corpora
    assert manifest.heard == expected.manifest.heard
    assert (manifest.label_set, expected.manifest.label_set) == ("esd", None)
    told = "**Label set:** `esd`: bored and calm count as neutral; disgusted and fearful are left"
    assert told in bundle.card
    assert "Label set" not in expected.card
    again = train_bundle(
        svm_recipe(labels="esd"), divided.regrouped("esd"), split, tmp_path / "regrouped"
    )
    assert again.manifest.graphs == manifest.graphs


PAIRS = tuple(
    f"{sex}_{emotion}" for sex in SEXES for emotion in ("calm", "dislike", "happy", "sad")
)


@pytest.mark.parametrize("kind", ["svm", "network"])
def test_a_model_of_sex_and_emotion(
    kind: str, corpus: UtteranceTable, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    dataset = request.getfixturevalue("functionals" if kind == "svm" else "log_mel")
    made = svm_recipe() if kind == "svm" else network_recipe(epochs=2)
    recipe = replace(made, labels="sex-emotion")
    split, test = split_by_actor(dataset)
    bundle = train_bundle(recipe, split_labels(dataset), split, tmp_path / "bundle")
    assert bundle.manifest.labels == PAIRS
    assert bundle.manifest.corpora["ravdess"]["labels"] == list(PAIRS)
    recognizer = Recognizer(Bundle.load(bundle.folder))
    prediction = recognizer.predict(corpus.audio_path(corpus.utterances[test[0]]))
    assert prediction.label in PAIRS
    assert tuple(prediction.probabilities) == PAIRS
    assert prediction.sex is not None
    women = sum(prediction.probabilities[name] for name in PAIRS if name.startswith("female"))
    assert prediction.sex["female"] == pytest.approx(women)
    assert prediction.view("three").probabilities.keys() == {"positive", "neutral", "negative"}


def test_clips_of_unknown_sex_are_not_trained_on_where_it_is_asked_for(
    functionals: Dataset, tmp_path: Path
) -> None:
    split, _ = split_by_actor(functionals)
    hidden = functionals.utterances[split.train[0]].speaker
    utterances = tuple(
        replace(one, sex=None) if one.speaker == hidden else one for one in functionals.utterances
    )
    dataset = replace(functionals, utterances=utterances)
    bundle = train_bundle(svm_recipe(labels="sex"), dataset, split, tmp_path / "bundle")
    assert bundle.manifest.labels == SEXES
    assert bundle.manifest.corpora["ravdess"]["speakers"] == 5  # of six
    sexless = replace(
        dataset, utterances=tuple(replace(one, sex=None) for one in dataset.utterances)
    )
    told = r"hold 0 of the recipe's labels \(none of female, male\); at least 2"
    with pytest.raises(DataInvalid, match=told):
        train_bundle(svm_recipe(labels="sex"), sexless, split, tmp_path / "other")
