"""A new head on a bundle's embedding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest

from serein.bundle import MODES, Bundle, Mode, sha256_of
from serein.corpora import UtteranceTable, find_corpus, marks
from serein.errors import ArgumentInvalid, DataInvalid
from serein.metrics import unweighted_average_recall
from serein.recognition import Recognizer
from serein.training import head as head_module
from serein.training.data import Dataset
from serein.training.head import train_head
from serein.training.head_recipe import HeadRecipe, doubts, head_recipe
from serein.training.leaderboards import judge_on_both
from serein.training.licences import joined_licence
from serein.training.regrouping import with_own_labels
from serein.training.train import Split
from tests.builders import EMBEDDING, build_bundle
from tests.training.synthetic import LABELS, LOG_MEL, split_by_actor

WORDS = {"angry": "Furious", "happy": "Satisfied", "neutral": "satisfied", "sad": "low "}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle of random weights that gives all that a graph may give."""
    folder = tmp_path_factory.mktemp("base") / "base"
    return Bundle.load(build_bundle(folder, features=LOG_MEL, speech=True, labels=("bored", "sad")))


@pytest.fixture(scope="module")
def own(corpus: UtteranceTable, log_mel: Dataset) -> Dataset:
    """The same clips under words of one's own."""
    renamed = tuple(
        replace(one, original_emotion=WORDS[str(one.emotion)]) for one in log_mel.utterances
    )
    table = with_own_labels(replace(corpus, utterances=renamed))
    return replace(log_mel, utterances=table.utterances)


def _recipe(base: Bundle, dataset: Dataset, *, own_labels: bool = False) -> HeadRecipe:
    return head_recipe(base, dataset.utterances, name="mine", own_labels=own_labels)


def _recall(bundle: Bundle, dataset: Dataset, indexes: tuple[int, ...], mode: Mode) -> float:
    judged = judge_on_both(bundle, dataset, indexes)[mode]
    labels = bundle.manifest.labels
    truth = dataset.targets(labels)[list(indexes)]
    predicted = np.array([one.probabilities for one in judged]).argmax(axis=1)
    return unweighted_average_recall(truth, predicted, len(labels))


@pytest.fixture(scope="module")
def made(base: Bundle, own: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    split, _ = split_by_actor(own)
    folder = tmp_path_factory.mktemp("head") / "head"
    return train_head(_recipe(base, own, own_labels=True), own, split, folder)


def test_it_learns_labels_of_ones_own(made: Bundle, own: Dataset) -> None:
    assert made.manifest.labels == ("furious", "low", "satisfied")
    assert made.manifest.own_labels
    assert made.manifest.label_set is None
    _, test = split_by_actor(own)
    for mode in MODES:
        assert _recall(made, own, test, mode) > 0.6  # of voices it never heard; chance is a third
    assert all(0.0 < made.manifest.recipe["chosen"][f"held_out_uar_{mode}"] <= 1 for mode in MODES)


def test_all_else_of_the_graph_stays(made: Bundle, base: Bundle, own: Dataset) -> None:
    clips = list(range(6))
    before, after = (judge_on_both(one, own, clips) for one in (base, made))
    for mode in MODES:
        for old, new in zip(before[mode], after[mode], strict=True):
            np.testing.assert_array_equal(new.embedding, old.embedding)
            np.testing.assert_array_equal(new.sex, old.sex)
            np.testing.assert_array_equal(new.attention, old.attention)
            assert new.speech == old.speech
            assert new.probabilities.shape == (3,)
    assert made.manifest.features == base.manifest.features
    np.testing.assert_array_equal(
        made.manifest.normalization.mean, base.manifest.normalization.mean
    )
    assert made.manifest.minimum_confidence == base.manifest.minimum_confidence
    assert sha256_of(base.folder / "model.onnx") == base.manifest.graphs["unknown"].sha256


def test_it_judges_files_and_profiles_as_any_bundle(
    network_bundle: Bundle, own: Dataset, corpus: UtteranceTable, tmp_path: Path
) -> None:
    recipe = _recipe(network_bundle, own, own_labels=True)
    made = train_head(recipe, own, split_by_actor(own)[0], tmp_path / "head")
    recognizer = Recognizer(made)
    paths = [corpus.audio_path(one) for one in corpus.utterances[:3]]
    profile = recognizer.enroll(paths)
    prediction = recognizer.predict(paths[0], speaker=profile)
    assert tuple(prediction.probabilities) == made.manifest.labels
    assert prediction.view("all").label == prediction.label
    with pytest.raises(ArgumentInvalid, match=r"none of this model's labels .* choose the view 'a"):
        recognizer.require_view("three")


def test_the_manifest_tells_what_lies_beneath(made: Bundle, base: Bundle, own: Dataset) -> None:
    manifest = made.manifest
    split, _ = split_by_actor(own)
    used = [own.utterances[index] for index in (*split.train, *split.validation)]
    assert manifest.name == "mine"
    assert manifest.recipe["from"] == base.fingerprint
    assert manifest.scores == {}
    beneath, mine = manifest.corpora["made-up"], manifest.corpora["ravdess"]
    assert (beneath["part"], beneath["clips"]) == ("embedding", 6)
    assert (mine["part"], mine["clips"], mine["speakers"]) == ("head", len(used), 6)
    assert mine["labels"] == list(manifest.labels)
    # A weight for every number of the embedding and of the two former logits, and a bias.
    assert manifest.parameters == base.manifest.parameters + 3 * (EMBEDDING + 2 + 1)
    assert "non-commercial" in manifest.licence  # of the head's corpus
    assert base.manifest.licence in manifest.licence
    assert "for the embedding" in made.card
    assert "for the head" in made.card


def test_it_has_heard_what_both_have_heard(
    network_bundle: Bundle, log_mel: Dataset, tmp_path: Path
) -> None:
    _, test = split_by_actor(log_mel)
    head = train_head(_recipe(network_bundle, log_mel), log_mel, Split(test, ()), tmp_path / "head")
    own = marks(log_mel.utterances[index] for index in test)
    before = set(network_bundle.manifest.heard.split())
    assert own.isdisjoint(before)
    assert set(head.manifest.heard.split()) == before | own
    # The one corpus of both stands twice.
    assert [facts["part"] for facts in head.manifest.corpora.values()] == ["embedding", "head"]


def test_who_does_not_say_whom_it_heard_still_does_not(made: Bundle) -> None:
    """Else a score on voices that lie beneath would pass for one on unseen speakers."""
    assert made.manifest.heard == ""


def test_held_fast_it_is_the_bundle_itself(
    network_bundle: Bundle,
    log_mel: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where the labels are known, no clips are worth as much as the judgement that is there."""
    monkeypatch.setattr(head_module, "STRENGTHS", (1e-9,))
    _, test = split_by_actor(log_mel)
    head = train_head(_recipe(network_bundle, log_mel), log_mel, Split(test, ()), tmp_path / "head")

    def logarithms(bundle: Bundle, mode: Mode) -> npt.NDArray[np.float64]:
        judged = judge_on_both(bundle, log_mel, range(20))[mode]
        found: npt.NDArray[np.float64] = np.log([one.probabilities for one in judged])
        centred = found - found.mean(axis=1, keepdims=True)
        return np.asarray(bundle.manifest.graphs[mode].temperature * centred)

    for mode in MODES:
        scale = network_bundle.manifest.graphs["unknown"].temperature
        np.testing.assert_allclose(
            scale * logarithms(head, mode), logarithms(network_bundle, mode), atol=1e-3
        )


def test_a_head_for_known_labels_does_not_lose_what_the_bundle_knew(
    network_bundle: Bundle, log_mel: Dataset, tmp_path: Path
) -> None:
    """Eight clips of two voices teach less than the bundle knows already."""
    split, test = split_by_actor(log_mel)
    few = tuple(
        index for index in split.validation if "-01-" in log_mel.utterances[index].path[-12:]
    )
    head = train_head(_recipe(network_bundle, log_mel), log_mel, Split(few, ()), tmp_path / "head")
    assert head.manifest.labels == LABELS
    for mode in MODES:
        before = _recall(network_bundle, log_mel, test, mode)
        assert _recall(head, log_mel, test, mode) > before - 0.13  # two of sixteen clips


def test_a_few_clips_never_make_it_surer(made: Bundle) -> None:
    assert all(graph.temperature >= 1.0 for graph in made.manifest.graphs.values())


def test_only_differences_of_the_former_logits_count(made: Bundle) -> None:
    """They are known up to a constant, and so a constant must not matter."""
    graph = onnx.load(str(made.folder / "model.onnx")).graph
    (weights,) = (
        onnx.numpy_helper.to_array(one) for one in graph.initializer if "head_weights" in one.name
    )
    assert weights.shape == (EMBEDDING + 2, 3)
    assert np.abs(weights[EMBEDDING:]).max() > 1e-3
    np.testing.assert_allclose(weights[EMBEDDING:].sum(axis=0), 0.0, atol=1e-5)


def test_caution_is_for_what_is_known(
    network_bundle: Bundle,
    log_mel: Dataset,
    own: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found: list[bool] = []

    def choose(losses: Mapping[float, Any], *, cautious: bool) -> float:
        found.append(cautious)
        return max(losses)

    monkeypatch.setattr(head_module, "choose_strength", choose)
    for number, dataset in enumerate((log_mel, own)):
        split, _ = split_by_actor(dataset)
        recipe = _recipe(network_bundle, dataset, own_labels=dataset is own)
        train_head(recipe, dataset, split, tmp_path / str(number))
    assert found == [True, False]


def test_own_words_are_not_said_to_lose_anything(
    base: Bundle, own: Dataset, tmp_path: Path
) -> None:
    """What a corpus's mapping to canonical emotions loses is not lost without a mapping."""
    tess = replace(own, utterances=tuple(replace(one, corpus="tess") for one in own.utterances))
    split, _ = split_by_actor(tess)
    bundle = train_head(_recipe(base, tess, own_labels=True), tess, split, tmp_path / "own")
    assert find_corpus("tess").lossy
    assert bundle.manifest.corpora["tess"]["lossy"] == {}


def test_two_clips_of_a_label_are_enough_and_one_is_not(
    base: Bundle, own: Dataset, tmp_path: Path
) -> None:
    clips = {
        label: [i for i, one in enumerate(own.utterances) if one.emotion == label]
        for label in own.labels
    }
    two = tuple(index for places in clips.values() for index in places[:2])
    recipe = _recipe(base, own, own_labels=True)
    bundle = train_head(recipe, own, Split(two, ()), tmp_path / "two")
    assert bundle.manifest.corpora["ravdess"]["clips"] == 6
    with pytest.raises(DataInvalid, match="2 clips of every label, and there are 1 furious, 2 low"):
        train_head(recipe, own, Split(two[1:], ()), tmp_path / "one")
    with pytest.raises(DataInvalid, match="two labels or more apart, and the clips hold 16 f"):
        head_recipe(base, [own.utterances[i] for i in clips["furious"]], name="mine")
    assert not (tmp_path / "one").exists()


def test_one_fold_may_lack_a_label(base: Bundle, own: Dataset, tmp_path: Path) -> None:
    """A label of one speaker alone is learnt, though it can never be held out."""
    speaker = own.utterances[0].speaker
    indexes = tuple(
        index
        for index, one in enumerate(own.utterances)
        if one.emotion != "low" or one.speaker == speaker
    )
    recipe = _recipe(base, own, own_labels=True)
    bundle = train_head(recipe, own, Split(indexes, ()), tmp_path / "head")
    assert bundle.manifest.labels == ("furious", "low", "satisfied")
    assert np.isfinite([graph.temperature for graph in bundle.manifest.graphs.values()]).all()


def test_a_label_a_speaker_can_be_trained_though_nothing_can_be_chosen(
    base: Bundle, own: Dataset, tmp_path: Path
) -> None:
    speakers = sorted({str(one.speaker) for one in own.utterances})[:2]
    wanted = {("furious", speakers[0]), ("low", speakers[1])}
    indexes = tuple(
        i for i, one in enumerate(own.utterances) if (one.emotion, one.speaker) in wanted
    )
    recipe = _recipe(base, own, own_labels=True)
    bundle = train_head(recipe, own, Split(indexes, ()), tmp_path / "head")
    assert {graph.temperature for graph in bundle.manifest.graphs.values()} == {1.0}
    assert bundle.manifest.recipe["chosen"]["strength_unknown"] == min(head_module.STRENGTHS)


def test_the_same_clips_give_the_same_bundle(
    made: Bundle, base: Bundle, own: Dataset, tmp_path: Path
) -> None:
    split, _ = split_by_actor(own)
    again = train_head(_recipe(base, own, own_labels=True), own, split, tmp_path / "head")
    assert again.fingerprint == made.fingerprint
    assert again.manifest.graphs == made.manifest.graphs


def test_a_graph_for_each_mode_gets_a_head_for_each(
    base: Bundle, own: Dataset, tmp_path: Path
) -> None:
    folder = base.export(tmp_path / "two")
    (folder / "enrolled.onnx").write_bytes((folder / "model.onnx").read_bytes())
    graphs = dict(base.manifest.graphs)
    graphs["enrolled"] = replace(graphs["enrolled"], file="enrolled.onnx")
    replace(base.manifest, graphs=graphs).write(folder)
    split, test = split_by_actor(own)
    recipe = _recipe(Bundle.load(folder), own, own_labels=True)
    bundle = train_head(recipe, own, split, tmp_path / "head")
    assert [bundle.manifest.graphs[mode].file for mode in MODES] == ["model.onnx", "enrolled.onnx"]
    assert len({graph.sha256 for graph in bundle.manifest.graphs.values()}) == 2
    assert _recall(bundle, own, test, "enrolled") > 0.6


def test_what_cannot_be_done_is_refused(
    base: Bundle, svm_bundle: Bundle, own: Dataset, tmp_path: Path
) -> None:
    split, _ = split_by_actor(own)
    recipe = _recipe(base, own, own_labels=True)
    with pytest.raises(ArgumentInvalid, match=r"'functionals-svm' has no embedding .*'bundled'"):
        replace(recipe, base=svm_bundle)
    with pytest.raises(ArgumentInvalid, match="features are not those of the model 'tiny'"):
        train_head(recipe, replace(own, spec=replace(LOG_MEL, low=50.0)), split, tmp_path / "x")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(ArgumentInvalid, match="not an empty folder"):
        train_head(recipe, own, split, tmp_path / "taken")
    assert [path.name for path in tmp_path.rglob("*")] == ["taken", "notes.txt"]


def test_doubts_are_told(network_bundle: Bundle, log_mel: Dataset) -> None:
    split, test = split_by_actor(log_mel)
    recipe = _recipe(network_bundle, log_mel)
    strangers = [log_mel.utterances[index] for index in test]
    assert doubts(recipe, strangers) == ()
    (alone,) = doubts(recipe, [one for one in strangers if one.speaker == strangers[0].speaker])
    assert "one speaker" in alone
    (unknown,) = doubts(recipe, [replace(one, speaker=None) for one in strangers])
    assert "speakers of 16 clips are unknown" in unknown
    (known,) = doubts(recipe, [*strangers, *(log_mel.utterances[i] for i in split.train[:10])])
    assert "heard 10 of the clips" in known


def test_clips_of_unknown_speakers_do(base: Bundle, own: Dataset, tmp_path: Path) -> None:
    nobody = replace(own, utterances=tuple(replace(one, speaker=None) for one in own.utterances))
    split, _ = split_by_actor(own)
    recipe = _recipe(base, nobody, own_labels=True)
    bundle = train_head(recipe, nobody, split, tmp_path / "head")
    assert bundle.manifest.corpora["ravdess"]["speakers"] == 0


def test_the_strictest_licence_stands_first() -> None:
    open_terms, closed = "ODbL 1.0", "CC BY-NC-SA 4.0, non-commercial use only"
    assert joined_licence(closed, open_terms) == f"{closed}; for the head also: {open_terms}"
    assert joined_licence(open_terms, closed) == f"{closed}; for the embedding also: {open_terms}"
    assert joined_licence(open_terms, open_terms) == open_terms


def test_words_are_taken_as_they_are_written(corpus: UtteranceTable) -> None:
    first, *rest = corpus.utterances
    named = replace(first, original_emotion=" Furious ", emotion=None, votes={"angry": 1.0})
    nameless = replace(rest[0], original_emotion=" ")
    table = with_own_labels(replace(corpus, utterances=(named, nameless, *rest[1:])))
    assert table.utterances[0].emotion == "furious"
    assert table.utterances[0].original_emotion == " Furious "
    assert table.utterances[0].votes is None
    assert table.utterances[1].emotion is None
    assert table.utterances[2].emotion == rest[1].original_emotion.lower()
