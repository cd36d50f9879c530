from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    confusion_matrix,
    f1_score,
    precision_score,
    recall_score,
)

from serein.bundle import MODES, Mode
from serein.errors import DataInvalid
from serein.evaluation import Judged, score
from serein.evaluation.scores import (
    COVERAGES,
    FOUR_CLASSES,
    MEANS,
    SUFFIX,
    Answers,
    Strata,
    in_four_classes,
    mean_over_corpora,
    require_classes,
    score_corpora,
    uar_interval,
)
from serein.metrics import (
    bootstrap_uar,
    expected_calibration_error,
    interval,
    reliability,
    risk_at_coverage,
)
from tests.evaluation.judgements import answer, random_answers, voices
from tests.training.synthetic import LABELS

NAMES = [name + suffix for name in MEANS for suffix in SUFFIX.values()]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("mode", MODES)
def test_score_is_that_of_scikit_learn(seed: int, mode: Mode) -> None:
    judged = random_answers(seed=seed)
    found = score(judged)
    suffix = SUFFIX[mode]
    truth = [str(one.utterance.emotion) for one in judged]
    shares = np.array([getattr(one, mode) for one in judged])
    predicted = [LABELS[row.argmax()] for row in shares]
    assert found["uar" + suffix] == pytest.approx(balanced_accuracy_score(truth, predicted))
    assert found["wa" + suffix] == pytest.approx(accuracy_score(truth, predicted))
    assert found["macro_f1" + suffix] == pytest.approx(
        f1_score(truth, predicted, average="macro", labels=LABELS, zero_division=0)
    )
    matrix = confusion_matrix(truth, predicted, labels=LABELS)
    np.testing.assert_array_equal(found["confusion" + suffix], matrix)
    for name, oracle in (("recalls", recall_score), ("precisions", precision_score)):
        values = oracle(truth, predicted, labels=LABELS, average=None, zero_division=0)
        assert found[name + suffix] == pytest.approx(dict(zip(LABELS, values, strict=True)))
    indexes = np.array([LABELS.index(emotion) for emotion in truth])
    assert found["ece" + suffix] == pytest.approx(expected_calibration_error(indexes, shares))
    risks = found["risk" + suffix]
    assert risks["coverage"] == list(COVERAGES)
    expected = risk_at_coverage(indexes, shares, np.array(COVERAGES))
    assert risks["risk"] == pytest.approx(expected.tolist())
    assert risks["risk"][-1] == pytest.approx(1 - found["wa" + suffix])
    # Seven tenths of sixty clips are 42: those of the highest confidence, which all differ.
    surest = np.argsort(-shares.max(axis=1))[:42]
    accuracy = accuracy_score(
        [truth[place] for place in surest], [predicted[place] for place in surest]
    )
    assert found["accuracy_at_coverage" + suffix] == pytest.approx(accuracy)
    assert found["gain_at_coverage" + suffix] == pytest.approx(accuracy - found["wa" + suffix])
    bins = found["reliability" + suffix]
    assert sum(one["clips"] for one in bins) == len(judged)
    assert len(bins) == sum(one.clips > 0 for one in reliability(indexes, shares))
    low, high = found["uar" + suffix + "_interval"]
    assert low <= found["uar" + suffix] <= high
    assert found["classes"] == list(LABELS)
    assert (found["speakers"], found["clips"]) == (5, 60)
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_coverages_are_even_and_end_with_all() -> None:
    np.testing.assert_allclose(np.diff(COVERAGES), COVERAGES[0])
    assert COVERAGES[-1] == 1


def test_a_class_without_clips_has_no_recall() -> None:
    judged = [one for one in random_answers() if one.utterance.emotion != "sad"]
    found = score(judged)
    assert found["recalls"]["sad"] is None
    assert found["precisions"]["sad"] is None
    known = [value for value in found["recalls"].values() if value is not None]
    assert found["uar"] == pytest.approx(np.mean(known))


def test_several_seeds_give_mean_and_spread() -> None:
    runs = [random_answers(seed=seed) for seed in (7, 3, 5)]
    alone = [score(run) for run in runs]
    together = score([one for run in runs for one in run])
    for name in NAMES:
        assert together[name] == pytest.approx(np.mean([one[name] for one in alone]))
    for suffix in SUFFIX.values():
        uars = [one["uar" + suffix] for one in alone]
        assert together[f"uar{suffix}_spread"] == pytest.approx(np.std(uars, ddof=1))
        assert together[f"uar{suffix}_spread"] > 0
        assert alone[0][f"uar{suffix}_spread"] is None
    assert together["clips"] == 60  # of clips there are no more
    # What is no single number is that of the first seed, wherever it stands.
    for name in ("confusion", "recalls_enrolled", "risk"):
        assert together[name] == alone[1][name]


def test_too_few_speakers_give_no_interval() -> None:
    found = score(random_answers(speakers=2))
    assert found["uar_interval"] is None
    assert found["uar_enrolled_interval"] is None
    assert score(random_answers(speakers=3))["uar_interval"] is not None


def test_intervals_do_not_depend_on_the_order_of_the_clips() -> None:
    judged = random_answers()
    assert score(judged[::-1])["uar_interval"] == score(judged)["uar_interval"]


# Answers and strata


def test_answers_are_the_judgements_as_arrays() -> None:
    judged = random_answers(20, speakers=3)
    for number in (4, 7):
        one = judged[number]
        judged[number] = replace(one, utterance=replace(one.utterance, speaker=None))
    answers = Answers.of(judged)
    assert answers.classes == LABELS
    assert [LABELS[index] for index in answers.truth] == [one.utterance.emotion for one in judged]
    assert answers.known == 3
    for mode in MODES:
        np.testing.assert_array_equal(
            answers.probabilities[mode], [getattr(one, mode) for one in judged]
        )
        confusions = answers.confusions(mode)
        # Each clip of nobody known stands for itself.
        assert confusions.shape == (5, 4, 4)
        assert sorted(confusions.sum(axis=(1, 2))) == [1, 1, 5, 6, 7]
        truth, predicted = answers.truth, answers.predicted(mode)
        np.testing.assert_array_equal(
            confusions.sum(axis=0), confusion_matrix(truth, predicted, labels=range(4))
        )
        assert answers.uar(mode) == pytest.approx(score(judged)["uar" + SUFFIX[mode]])


def _two_corpora() -> list[Judged]:
    """A large one that is understood, a small one of other classes that is not, shuffled."""
    names = range(4)
    classes = ("bored", "happy", "sad")
    judged = [
        *voices([f"a-{name}" for name in names], 0.9, clips=9, corpus="ravdess"),
        *voices([f"b-{name}" for name in names], 0.4, clips=2, classes=classes, corpus="emovo"),
    ]
    return [judged[index] for index in np.random.default_rng(0).permutation(len(judged))]


def test_corpora_weigh_the_same_whatever_their_size() -> None:
    judged = _two_corpora()
    lines = score_corpora(judged)
    assert list(lines) == ["emovo", "ravdess"]
    assert [line["classes"] for line in lines.values()] == [["bored", "happy", "sad"], [*LABELS]]
    for corpus, line in lines.items():
        assert line == score([one for one in judged if one.utterance.corpus == corpus])
    means = mean_over_corpora(lines.values())
    assert set(means) == set(NAMES)
    for name, value in means.items():
        assert value == pytest.approx((lines["emovo"][name] + lines["ravdess"][name]) / 2)


def test_strata_draw_speakers_of_each_corpus() -> None:
    judged = _two_corpora()
    strata = Strata.of(judged)
    lines = score_corpora(judged)
    assert (strata.clips, strata.speakers) == (len(judged), 8)
    for mode in MODES:
        uars = [line["uar" + SUFFIX[mode]] for line in lines.values()]
        assert strata.uar(mode) == pytest.approx(np.mean(uars))
        draws = strata.draws(mode)
        assert draws is not None
        expected = [
            bootstrap_uar(answers.confusions(mode), seed=number)
            for number, answers in enumerate(strata.answers)
        ]
        np.testing.assert_allclose(draws, np.mean(expected, axis=0))
        assert draws.mean() == pytest.approx(strata.uar(mode), abs=0.02)
        other = strata.draws(mode, seed=7)
        assert other is not None
        assert not np.array_equal(draws, other)
        held = uar_interval(judged, mode)
        assert held is not None
        assert held[0] < strata.uar(mode) < held[1]


def test_a_speaker_of_two_corpora_counts_once() -> None:
    judged = [
        *voices(["s-1", "s-2", "s-3"], 0.9),
        *voices(["s-2", "s-3", "s-4"], 0.6, corpus="emovo"),
        answer("sad", "sad", speaker=None, path="nobody.wav"),
    ]
    strata = Strata.of(judged)
    assert strata.speakers == 4
    # Within a corpus each is drawn all the same.
    assert [answers.known for answers in strata.answers] == [3, 3]


def test_interval_over_several_seeds_is_around_their_mean() -> None:
    good, poor = (
        voices([f"a-{n}" for n in range(8)], 0.9),
        voices([f"a-{n}" for n in range(8)], 0.3),
    )
    both = [*good, *(replace(one, seed=1) for one in poor)]
    low, high = uar_interval(both, "unknown") or (1.0, 0.0)
    assert low < score(both)["uar"] < high
    for alone in (good, poor):
        drawn = bootstrap_uar(Answers.of(alone).confusions("unknown"))
        assert uar_interval(alone, "unknown") == list(interval(drawn))


def test_a_corpus_of_two_speakers_leaves_no_interval_of_the_mean() -> None:
    judged = [*_two_corpora(), *voices(["c-1", "c-2"], 0.5, corpus="tess")]
    strata = Strata.of(judged)
    assert strata.draws("unknown") is None
    assert uar_interval(judged, "enrolled") is None
    assert 0 < strata.uar("unknown") < 1


def test_one_class_alone_is_no_score() -> None:
    judged = _two_corpora()
    require_classes(judged)
    alone = answer("happy", "happy", classes=("happy",), corpus="tess")
    told = "tess has only happy in common .* takes 2 emotions or more; leave the corpus out"
    with pytest.raises(DataInvalid, match=told):
        require_classes([*judged, alone])


# Listeners


def _heard(emotion: str, says: str, **votes: float) -> Judged:
    return answer(emotion, says, votes=votes, path=f"{emotion}-{says}-{sorted(votes.items())}")


def test_listeners_who_agree_are_the_truth() -> None:
    judged = [
        _heard("angry", "sad", sad=0.6, angry=0.4),
        _heard("angry", "sad", angry=1.0),
        _heard("sad", "sad", sad=0.5, angry=0.3, happy=0.2),
        _heard("happy", "happy", happy=0.9, neutral=0.1),
    ]
    found = score(judged)["listeners"]
    # Heard: sad, angry, sad, happy; said: sad, sad, sad, happy.
    assert found == {
        "clips": 4,
        "agreement": pytest.approx((1 / 2 + 1 + 1) / 3),
        "uar": pytest.approx((1 + 0 + 1) / 3),
        "wa": pytest.approx(3 / 4),
        "uar_enrolled": pytest.approx((1 + 0 + 1) / 3),
        "wa_enrolled": pytest.approx(3 / 4),
    }
    # What was meant is scored as ever.
    assert score(judged)["uar"] == pytest.approx((0 + 1 + 1) / 3)


def test_listeners_are_scored_on_both_leaderboards() -> None:
    judged = [
        answer("angry", "happy", enrolled="sad", votes={"sad": 1.0}, path="1"),
        answer("happy", "happy", enrolled="happy", votes={"happy": 1.0}, path="2"),
    ]
    found = score(judged)["listeners"]
    assert (found["uar"], found["uar_enrolled"]) == (0.5, 1)


@pytest.mark.parametrize(
    "votes",
    [
        {"angry": 0.5, "sad": 0.5},  # undecided
        {"angry": 0.4, "sad": 0.4, "happy": 0.2},
        {"bored": 0.8, "angry": 0.2},  # none of the classes
        {"bored": 0.5, "angry": 0.5},
        {"angry": 0.0},
    ],
)
def test_listeners_who_do_not_agree_are_left_out(votes: dict[str, float]) -> None:
    doubtful = _heard("angry", "angry", **votes)
    assert score([doubtful])["listeners"] == {"clips": 0}
    clear = _heard("happy", "happy", happy=0.7, angry=0.3)
    assert score([doubtful, clear])["listeners"]["clips"] == 1


def test_without_votes_there_are_no_listeners() -> None:
    assert "listeners" not in score(random_answers())
    judged = [*random_answers(), _heard("angry", "angry", angry=1.0)]
    assert score(judged)["listeners"]["clips"] == 1


# Four classes


def test_calm_counts_as_neutral() -> None:
    classes = ("angry", "calm", "happy", "neutral", "sad", "surprised")
    on_u = np.array([0.05, 0.2, 0.25, 0.15, 0.05, 0.3])
    on_e = np.array([0.0, 0.0, 0.5, 0.1, 0.0, 0.4])
    judged = [
        replace(answer(emotion, "sad", classes=classes), unknown=on_u, enrolled=on_e)
        for emotion in ("calm", "neutral", "happy", "surprised")
    ]
    found = in_four_classes(judged)
    assert [one.utterance.emotion for one in found] == ["neutral", "neutral", "happy"]
    for one in found:
        assert one.classes == ("angry", "happy", "neutral", "sad")
        np.testing.assert_allclose(one.unknown, np.array([0.05, 0.25, 0.35, 0.05]) / 0.7)
        np.testing.assert_allclose(one.enrolled, np.array([0, 0.5, 0.1, 0]) / 0.6)
    # Calm alone would not have been the likeliest, calm and neutral together are.
    assert score(found)["recalls"] == {"angry": None, "happy": 0, "neutral": 1, "sad": None}


def test_four_classes_of_a_corpus_that_lacks_some() -> None:
    lacking = voices(["a-1"], 0.6, classes=("calm", "disgusted", "sad"), corpus="emovo")
    alone = voices(["b-1"], 0.6, classes=("angry", "surprised"), corpus="tess")
    whole = voices(["c-1"], 0.6)
    found = in_four_classes([*lacking, *alone, *whole])
    classes = {one.utterance.corpus: one.classes for one in found}
    # Two of the four are easier to tell apart than all of them, and would be no such score.
    assert classes == {"ravdess": tuple(FOUR_CLASSES)}
    assert in_four_classes([*lacking, *alone]) == []


def test_four_classes_change_nothing_where_there_are_no_others() -> None:
    judged = random_answers()
    found = in_four_classes(judged)
    assert len(found) == len(judged)
    before, after = score(judged), score(found)
    for name in NAMES:
        assert after[name] == pytest.approx(before[name])
    # Votes are over all labels, and stay with them.
    heard = [_heard("sad", "sad", sad=1.0), _heard("angry", "sad", angry=1.0)]
    assert "listeners" not in score(in_four_classes(heard))


def test_probabilities_that_leave_nothing_to_four_classes_are_even() -> None:
    classes = ("angry", "happy", "neutral", "sad", "surprised")
    (found,) = in_four_classes([answer("angry", "surprised", classes=classes, sure=1.0)])
    assert found.unknown.tolist() == [0.25] * 4
