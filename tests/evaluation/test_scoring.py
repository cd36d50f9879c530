from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, confusion_matrix, recall_score

from serein.bundle import Bundle
from serein.corpora import UtteranceTable
from serein.evaluation import Judged, judge_clips, score
from serein.evaluation.scoring import mean_over_corpora, write_predictions
from serein.metrics import expected_calibration_error, uar_interval
from serein.recognition import Recognizer
from serein.training.data import Dataset
from tests.training.synthetic import LABELS, split_by_actor, utterance


def _judged(
    clips: int = 60, *, seed: int = 0, speakers: int = 5, classes: tuple[str, ...] = LABELS
) -> list[Judged]:
    """Made-up judgements, better on E than on U."""
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


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("mode", ["unknown", "enrolled"])
def test_score_is_that_of_scikit_learn(seed: int, mode: str) -> None:
    judged = _judged(seed=seed)
    found = score(judged)
    suffix = "" if mode == "unknown" else "_enrolled"
    truth = [str(one.utterance.emotion) for one in judged]
    shares = np.array([getattr(one, mode) for one in judged])
    predicted = [LABELS[row.argmax()] for row in shares]
    assert found["uar" + suffix] == pytest.approx(balanced_accuracy_score(truth, predicted))
    assert found["wa" + suffix] == pytest.approx(accuracy_score(truth, predicted))
    matrix = confusion_matrix(truth, predicted, labels=LABELS)
    np.testing.assert_array_equal(found["confusion" + suffix], matrix)
    recalls = recall_score(truth, predicted, labels=LABELS, average=None)
    assert found["recalls" + suffix] == pytest.approx(dict(zip(LABELS, recalls, strict=True)))
    indexes = np.array([LABELS.index(emotion) for emotion in truth])
    assert found["ece" + suffix] == pytest.approx(expected_calibration_error(indexes, shares))
    low, high = found["uar" + suffix + "_interval"]
    assert low <= found["uar" + suffix] <= high
    assert found["classes"] == list(LABELS)
    assert (found["speakers"], found["clips"]) == (5, 60)


def test_a_class_without_clips_has_no_recall() -> None:
    judged = [one for one in _judged() if one.utterance.emotion != "sad"]
    found = score(judged)
    assert found["recalls"]["sad"] is None
    known = [value for value in found["recalls"].values() if value is not None]
    assert found["uar"] == pytest.approx(np.mean(known))


def test_several_seeds_give_mean_and_spread() -> None:
    runs = [_judged(seed=seed) for seed in range(3)]
    alone = [score(run) for run in runs]
    together = score([one for run in runs for one in run])
    for suffix in ("", "_enrolled"):
        for name in ("uar", "wa", "ece"):
            values = [one[name + suffix] for one in alone]
            assert together[name + suffix] == pytest.approx(np.mean(values))
        uars = [one["uar" + suffix] for one in alone]
        assert together[f"uar{suffix}_spread"] == pytest.approx(np.std(uars, ddof=1))
        assert together[f"uar{suffix}_spread"] > 0
        assert alone[0][f"uar{suffix}_spread"] is None
    assert together["clips"] == 60  # of clips there are no more


def test_too_few_speakers_give_no_interval() -> None:
    found = score(_judged(speakers=2))
    assert found["uar_interval"] is None
    assert found["uar_enrolled_interval"] is None
    assert score(_judged(speakers=3))["uar_interval"] is not None


def test_the_mean_over_corpora_is_plain() -> None:
    lines = [score(_judged(clips, seed=clips)) for clips in (20, 100)]
    found = mean_over_corpora(lines)
    assert found["uar"] == pytest.approx((lines[0]["uar"] + lines[1]["uar"]) / 2)
    assert set(found) == {
        name + suffix for name in ("uar", "wa", "ece") for suffix in ("", "_enrolled")
    }


def test_predictions_are_written_as_judged(tmp_path: Path) -> None:
    import pyarrow.parquet

    judged = _judged(8)
    write_predictions(judged, tmp_path / "predictions.parquet")
    rows = pyarrow.parquet.read_table(tmp_path / "predictions.parquet").to_pylist()
    for row, one in zip(rows, judged, strict=True):
        assert row["path"] == one.utterance.path
        assert (row["fold"], row["seed"]) == (one.fold, one.seed)
        for mode, suffix in (("unknown", ""), ("enrolled", "_enrolled")):
            shares = dict(row["probabilities" + suffix])
            assert list(shares) == list(LABELS)
            np.testing.assert_array_equal(list(shares.values()), getattr(one, mode))
            assert row["predicted" + suffix] == max(shares, key=shares.__getitem__)


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


def _confusions(speakers: int, seed: int = 0) -> Any:
    """Confusion matrices of speakers who are understood well or badly."""
    generator = np.random.default_rng(seed)
    found = []
    for _ in range(speakers):
        right = generator.uniform(0.3, 0.9)
        found.append(
            [
                generator.multinomial(10, [right if a == b else (1 - right) / 2 for b in range(3)])
                for a in range(3)
            ]
        )
    return np.array(found)


def _pooled(confusions: Any) -> float:
    pooled = confusions.sum(axis=0)
    return float(np.mean([pooled[k][k] / pooled[k].sum() for k in range(len(pooled))]))


@pytest.mark.parametrize("speakers", [3, 6, 24])
def test_interval_is_the_slow_bootstrap(speakers: int) -> None:
    confusions = _confusions(speakers)
    generator = np.random.default_rng(4)
    drawn = generator.integers(0, speakers, (300, speakers))
    scores = [_pooled(np.array([confusions[k] for k in row])) for row in drawn]
    expected = np.percentile(scores, [5, 95])
    found = uar_interval(confusions, share=0.9, draws=300, seed=4)
    assert found == pytest.approx(tuple(expected))


def test_interval_holds_the_score_and_shrinks_with_more_speakers() -> None:
    few, many = _confusions(4), _confusions(100)
    widths = []
    for confusions in (few, many):
        low, high = uar_interval(confusions)
        assert low < _pooled(confusions) < high
        widths.append(high - low)
    assert widths[1] < widths[0] / 2
    assert uar_interval(few) == uar_interval(few)
    narrow = uar_interval(few, share=0.5)
    assert narrow[1] - narrow[0] < widths[0]


def test_interval_of_speakers_who_are_all_alike_is_a_point() -> None:
    same = np.repeat(_confusions(1), 5, axis=0)
    assert uar_interval(same) == pytest.approx((_pooled(same), _pooled(same)))


def test_interval_where_only_one_speaker_has_a_class() -> None:
    confusions = _confusions(4)
    confusions[1:, 2] = 0
    low, high = uar_interval(confusions)
    assert 0 <= low <= high <= 1
