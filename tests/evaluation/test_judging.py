from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from serein.bundle import Bundle
from serein.corpora import UtteranceTable
from serein.evaluation import judge_clips, score
from serein.evaluation.judging import restricted, scored_classes
from serein.recognition import Recognizer, judge
from serein.training.data import Dataset
from serein.training.train import train_bundle
from tests.training.synthetic import LABELS, split_by_actor, split_labels, svm_recipe


@pytest.fixture(params=["svm", "network"])
def judging(request: pytest.FixtureRequest) -> tuple[Bundle, Dataset, tuple[int, ...]]:
    bundle: Bundle = request.getfixturevalue(f"{request.param}_bundle")
    name = "functionals" if request.param == "svm" else "log_mel"
    dataset: Dataset = request.getfixturevalue(name)
    return bundle, dataset, split_by_actor(dataset)[1]


def test_what_is_scored_is_what_is_shipped(
    judging: tuple[Bundle, Dataset, tuple[int, ...]], corpus: UtteranceTable
) -> None:
    bundle, dataset, test = judging
    recognizer = Recognizer(Bundle.load(bundle.folder))
    judged = judge_clips(bundle, dataset, test)
    assert [one.utterance for one in judged] == [dataset.utterances[index] for index in test]
    clips: dict[str | None, list[Path]] = defaultdict(list)
    for one in judged:
        clips[one.utterance.speaker].append(corpus.audio_path(one.utterance))
    assert len(clips) == 2
    profiles = {speaker: recognizer.enroll(paths) for speaker, paths in clips.items()}
    differences = []
    for one in judged:
        path = corpus.audio_path(one.utterance)
        unknown = recognizer.predict(path).probabilities
        enrolled = recognizer.predict(path, speaker=profiles[one.utterance.speaker]).probabilities
        assert tuple(unknown) == one.classes == tuple(enrolled)
        np.testing.assert_allclose(one.unknown, list(unknown.values()), atol=1e-5)
        np.testing.assert_allclose(one.enrolled, list(enrolled.values()), atol=1e-5)
        differences.append(np.abs(one.unknown - one.enrolled).max())
    assert max(differences) > 0.01  # the profile is of some use


def test_the_order_of_the_clips_does_not_matter(
    judging: tuple[Bundle, Dataset, tuple[int, ...]],
) -> None:
    bundle, dataset, test = judging
    forward = judge_clips(bundle, dataset, test)
    backward = judge_clips(bundle, dataset, test[::-1])[::-1]
    for one, other in zip(forward, backward, strict=True):
        assert one.utterance == other.utterance
        np.testing.assert_allclose(one.unknown, other.unknown, atol=1e-6)
        np.testing.assert_allclose(one.enrolled, other.enrolled, atol=1e-6)


def test_probabilities_are_over_the_labels_of_the_corpus(
    judging: tuple[Bundle, Dataset, tuple[int, ...]],
) -> None:
    bundle, dataset, test = judging
    whole = {one.utterance.path: one for one in judge_clips(bundle, dataset, test)}
    some = judge_clips(bundle, dataset, test, labels=("neutral", "bored", "angry"), fold="7")
    assert len(some) == len(test) // 2  # clips of the other emotions are left out
    for one in some:
        assert one.classes == ("angry", "neutral")
        assert one.fold == "7"
        for mode in ("unknown", "enrolled"):
            kept = getattr(whole[one.utterance.path], mode)[[0, 2]]
            np.testing.assert_allclose(getattr(one, mode), kept / kept.sum(), rtol=1e-9)
            assert getattr(one, mode).sum() == pytest.approx(1.0)


def test_a_label_that_the_model_lacks_has_no_probability(
    svm_bundle: Bundle, functionals: Dataset
) -> None:
    """A corpus with an emotion that the training never met is still scored over it."""
    _, test = split_by_actor(functionals)
    utterances = list(functionals.utterances)
    utterances[test[0]] = replace(utterances[test[0]], emotion="surprised")
    judged = judge_clips(svm_bundle, replace(functionals, utterances=tuple(utterances)), test)
    assert judged[0].classes == (*LABELS, "surprised")
    assert len(judged) == len(test)
    for one in judged:
        assert one.unknown[-1] == 0
        assert one.unknown.sum() == pytest.approx(1.0)
    assert score(judged)["recalls"]["surprised"] == 0


def test_labels_are_of_no_use_to_a_profile(
    judging: tuple[Bundle, Dataset, tuple[int, ...]],
) -> None:
    bundle, dataset, test = judging
    utterances = list(dataset.utterances)
    order = np.random.default_rng(0).permutation(len(test))
    for index, other in zip(test, order, strict=True):
        emotion = dataset.utterances[test[int(other)]].emotion
        utterances[index] = replace(utterances[index], emotion=emotion)
    shuffled = judge_clips(bundle, replace(dataset, utterances=tuple(utterances)), test)
    plain = judge_clips(bundle, dataset, test)
    assert [one.utterance.emotion for one in shuffled] != [one.utterance.emotion for one in plain]
    for one, other in zip(shuffled, plain, strict=True):
        assert one.utterance.path == other.utterance.path
        np.testing.assert_array_equal(one.enrolled, other.enrolled)
        np.testing.assert_array_equal(one.unknown, other.unknown)


def test_a_clip_of_an_unknown_speaker_is_judged_as_on_u(
    svm_bundle: Bundle, functionals: Dataset
) -> None:
    _, test = split_by_actor(functionals)
    utterances = list(functionals.utterances)
    utterances[test[3]] = replace(utterances[test[3]], speaker=None)
    judged = judge_clips(svm_bundle, replace(functionals, utterances=tuple(utterances)), test)
    for number, one in enumerate(judged):
        assert np.array_equal(one.unknown, one.enrolled) == (number == 3)


def test_silence_tells_nothing_of_a_voice(svm_bundle: Bundle, functionals: Dataset) -> None:
    _, test = split_by_actor(functionals)
    groups = functionals.by_speaker(test)
    mixed, mute = groups
    quiet = {*groups[mixed][:3], *groups[mute]}
    utterances = tuple(
        replace(one, silent=index in quiet) for index, one in enumerate(functionals.utterances)
    )
    judged = judge_clips(svm_bundle, replace(functionals, utterances=utterances), test)
    profile = functionals.profile(groups[mixed][3:], model=svm_bundle.fingerprint)
    clips = [functionals.features[index] for index in groups[mixed]]
    expected = judge(svm_bundle, clips, speaker=profile)
    found = [one for one in judged if one.utterance.speaker == mixed]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one.enrolled, other.probabilities, atol=1e-9)
    # Of a speaker of whom there is nothing but silence no profile can be made.
    assert all(
        np.array_equal(one.unknown, one.enrolled) for one in judged if one.utterance.speaker == mute
    )


def test_each_corpus_is_judged_over_its_own_labels(
    svm_bundle: Bundle, functionals: Dataset
) -> None:
    _, test = split_by_actor(functionals)
    utterances = tuple(
        replace(one, corpus="emovo", emotion="bored" if one.emotion == "sad" else one.emotion)
        if one.speaker == "ravdess-02"
        else one
        for one in functionals.utterances
    )
    dataset = replace(functionals, utterances=utterances)
    own = {"ravdess": LABELS, "emovo": ("angry", "bored", "happy", "neutral")}
    assert {name: scored_classes(dataset, dataset.labels, name) for name in own} == own
    assert scored_classes(dataset, ("sad", "neutral", "calm"), "emovo") == ("neutral",)
    judged = judge_clips(svm_bundle, dataset, test)
    assert {one.utterance.corpus for one in judged} == set(own)
    assert all(one.classes == own[one.utterance.corpus] for one in judged)


def test_restricted_probabilities() -> None:
    known, whole = ("a", "b", "c"), np.array([0.2, 0.3, 0.5])
    assert restricted(whole, known, ("c", "a")).tolist() == pytest.approx([5 / 7, 2 / 7])
    assert restricted(whole, known, ("b", "x")).tolist() == [1, 0]
    np.testing.assert_allclose(restricted(whole, known, known), whole)
    # Nothing is left to go by: every class is as likely as the others.
    assert restricted(whole, known, ("x", "y")).tolist() == [0.5, 0.5]
    assert restricted(np.array([1.0, 0.0, 0.0]), known, ("b", "c")).tolist() == [0.5, 0.5]


def test_regrouped_clips_are_judged_over_their_classes(
    functionals: Dataset, tmp_path: Path
) -> None:
    split, test = split_by_actor(functionals)
    dataset = split_labels(functionals).regrouped("esd")
    bundle = train_bundle(svm_recipe(labels="esd"), dataset, split, tmp_path / "bundle")
    judged = judge_clips(bundle, dataset, test)
    left_out = [index for index in test if dataset.utterances[index].emotion is None]
    assert len(left_out) == 2  # each of the two speakers was disgusted once
    assert len(judged) == len(test) - len(left_out)
    assert {one.classes for one in judged} == {LABELS}
