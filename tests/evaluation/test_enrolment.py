from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from serein.bundle import Bundle
from serein.errors import ArgumentInvalid, DataInvalid
from serein.evaluation import enrolment, judge_clips, score
from serein.evaluation.enrolment import measure_enrolment
from serein.features import Features
from serein.recognition import (
    ClipStatistics,
    Judgement,
    SpeakerProfile,
    clip_statistics,
    judge,
    make_profile,
)
from serein.training.data import Dataset
from tests.builders import LABELS, build_bundle
from tests.training.synthetic import FUNCTIONALS, made_up, split_by_actor, utterance

Heard = list[tuple[Features, SpeakerProfile | None]]


@pytest.fixture
def tested(functionals: Dataset) -> tuple[int, ...]:
    found: tuple[int, ...] = split_by_actor(functionals)[1]
    return found


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Heard:
    """Every clip that is judged, and with which profile."""
    seen: Heard = []

    def listen(
        bundle: Bundle, clips: Sequence[Features], *, speaker: SpeakerProfile | None = None
    ) -> list[Judgement]:
        seen.extend((clip, speaker) for clip in clips)
        return judge(bundle, clips, speaker=speaker)

    monkeypatch.setattr(enrolment, "judge", listen)
    return seen


def _spoken(
    bundle: Bundle, speakers: int = 4, clips: int = 8, *, corpus: str = "ravdess"
) -> Dataset:
    """Random features, such as the bundle expects, of clips that can be told apart by hash.

    They are equally loud, so that a profile of two is the mean of theirs.
    """
    utterances = [
        utterance(
            LABELS[number % 4],
            corpus=corpus,
            path=f"{corpus}/{speaker}/{number}.wav",
            speaker=f"{corpus}-{speaker}",
            sha256=f"{corpus}/{speaker}/{number}",
        )
        for speaker in range(speakers)
        for number in range(clips)
    ]
    dataset = made_up(utterances, FUNCTIONALS)
    mean, std = bundle.manifest.normalization.mean, bundle.manifest.normalization.std
    features = tuple(
        replace(one, values=mean + std * one.values, level=-30.0) for one in dataset.features
    )
    return replace(dataset, features=features)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("bundles") / "random"
    return Bundle.load(build_bundle(folder, features=FUNCTIONALS))


def _statistics(bundle: Bundle, dataset: Dataset) -> list[ClipStatistics]:
    return clip_statistics(bundle, dataset.features)


def _gains(outcome: dict[str, Any]) -> list[float]:
    return [point["gain"] for point in outcome["points"]]


def test_the_ends_are_the_leaderboards(
    svm_bundle: Bundle, functionals: Dataset, tested: tuple[int, ...]
) -> None:
    outcome = measure_enrolment([(svm_bundle, tested)], functionals)
    scores = score(judge_clips(svm_bundle, functionals, tested))
    assert outcome["unknown"]["uar"] == pytest.approx(scores["uar"])
    everything = outcome["points"][-1]
    assert everything["clips"] is None
    assert everything["uar"] == pytest.approx(scores["uar_enrolled"])
    assert everything["ece"] == pytest.approx(scores["ece_enrolled"])
    assert everything["gain"] == pytest.approx(scores["uar_enrolled"] - scores["uar"])
    assert outcome["clips"] == len(tested) == 16
    line = outcome["unknown"]["corpora"]["ravdess"]
    assert line == {"uar": pytest.approx(scores["uar"]), "clips": 16, "of": 16, "speakers": 2}
    # Eight clips a voice, so a profile of ten others cannot be had.
    assert [point["clips"] for point in outcome["points"]] == [1, 2, 5, None]
    assert json.loads(json.dumps(outcome, allow_nan=False)) == outcome


def test_a_profile_is_made_of_so_many_other_clips(bundle: Bundle, heard: Heard) -> None:
    dataset = _spoken(bundle, 2, 6)
    measure_enrolment([(bundle, range(12))], dataset, counts=(1, 3), draws=2)
    own = {id(clip): number for number, clip in enumerate(dataset.features)}
    statistics = [one.mean for one in _statistics(bundle, dataset)]
    small = [(clip, profile) for clip, profile in heard if profile and profile.clips < 6]
    assert len(small) == 12 * 2 * 2
    for clip, profile in small:
        index = own[id(clip)]
        voice = [one for one in range(12) if one // 6 == index // 6 and one != index]
        if profile.clips == 1:
            assert any(np.allclose(profile.mean, statistics[one], atol=1e-5) for one in voice)
            assert not np.allclose(profile.mean, statistics[index], atol=1e-5)
        else:
            assert profile.clips == 3


def test_small_profiles_are_part_of_larger_ones(bundle: Bundle, heard: Heard) -> None:
    dataset = _spoken(bundle, 1, 6)
    measure_enrolment([(bundle, range(6))], dataset, counts=(1, 2), draws=2)
    means = [one.mean for one in _statistics(bundle, dataset)]
    profiles = [profile.mean for _, profile in heard if profile and profile.clips < 6]
    assert len(profiles) == 6 * 2 * 2
    for one, two in zip(profiles[::2], profiles[1::2], strict=True):
        assert any(np.allclose(2 * two - one, mean, atol=1e-3) for mean in means)


def test_a_profile_of_all_others_is_always_the_same(bundle: Bundle, heard: Heard) -> None:
    dataset = _spoken(bundle, 1, 6)
    measure_enrolment([(bundle, range(6))], dataset, counts=(5, 20), draws=3)
    statistics = _statistics(bundle, dataset)
    for index, clip in enumerate(dataset.features):
        expected = make_profile(bundle, [*statistics[:index], *statistics[index + 1 :]])
        found = [p for one, p in heard if one is clip and p is not None and p.clips == 5]
        assert len(found) == 3 * 2
        for profile in found:
            np.testing.assert_allclose(profile.mean, expected.mean, atol=1e-6)


def test_a_speaker_with_fewer_clips_gives_all_others(bundle: Bundle, heard: Heard) -> None:
    dataset = _spoken(bundle, 2, 8)
    kept = [*range(3), *range(8, 16)]  # three clips of the first voice
    outcome = measure_enrolment([(bundle, kept)], dataset, counts=(5,), draws=1)
    sizes = {profile.clips for _, profile in heard if profile}
    assert sizes == {2, 3, 5, 8}
    assert [point["clips"] for point in outcome["points"]] == [5, None]


def test_the_order_of_the_clips_does_not_matter(bundle: Bundle) -> None:
    dataset = _spoken(bundle, 4, 8)
    order = np.random.default_rng(1).permutation(32)
    shuffled = replace(
        dataset,
        utterances=tuple(dataset.utterances[place] for place in order),
        features=tuple(dataset.features[place] for place in order),
        copies=(),
    )
    first, second = (
        measure_enrolment([(bundle, range(32))], one, counts=(2, 5), most_clips=20)
        for one in (dataset, shuffled)
    )
    assert first["clips"] == 20
    assert _gains(first) == pytest.approx(_gains(second))
    assert any(_gains(first))


def test_labels_are_of_no_use_to_a_profile(bundle: Bundle, heard: Heard) -> None:
    dataset = _spoken(bundle, 2, 8)
    turned = tuple(
        replace(one, emotion=LABELS[(LABELS.index(str(one.emotion)) + 1) % 4])
        for one in dataset.utterances
    )
    measure_enrolment([(bundle, range(16))], dataset, counts=(2,))
    before = [profile for _, profile in heard]
    heard.clear()
    measure_enrolment([(bundle, range(16))], replace(dataset, utterances=turned), counts=(2,))
    for one, other in zip(before, [profile for _, profile in heard], strict=True):
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            np.testing.assert_array_equal(one.mean, other.mean)


def test_clips_of_nobody_are_left_out_and_silence_tells_nothing(
    bundle: Bundle, heard: Heard
) -> None:
    dataset = _spoken(bundle, 3, 4)
    changed = [
        replace(one, speaker=None) if index < 4 else replace(one, silent=index in range(8, 12))
        for index, one in enumerate(dataset.utterances)
    ]
    dataset = replace(dataset, utterances=tuple(changed))
    outcome = measure_enrolment([(bundle, range(12))], dataset, counts=(2,))
    assert (outcome["clips"], outcome["unknown"]["corpora"]["ravdess"]["speakers"]) == (8, 2)
    told = {id(clip) for clip, profile in heard if profile is not None}
    # Of the last voice there is nothing but silence, so its clips are judged as on U.
    assert told == {id(clip) for clip in dataset.features[4:8]}


def test_every_fold_judges_its_own_test(bundle: Bundle, tmp_path: Path) -> None:
    dataset = _spoken(bundle, 4, 8)
    other = Bundle.load(build_bundle(tmp_path / "other", features=FUNCTIONALS, seed=9))
    jobs = [(bundle, range(16)), (other, range(16, 32))]
    done: list[tuple[int, int]] = []
    outcome = measure_enrolment(
        jobs, dataset, counts=(1,), progress=lambda *pair: done.append(pair)
    )
    judged = [one for job in jobs for one in judge_clips(job[0], dataset, job[1])]
    assert outcome["unknown"]["uar"] == pytest.approx(score(judged)["uar"])
    assert outcome["points"][-1]["uar"] == pytest.approx(score(judged)["uar_enrolled"])
    assert done == [(number, 32) for number in range(1, 33)]


def test_corpora_weigh_the_same(bundle: Bundle) -> None:
    first, second = _spoken(bundle, 4, 8), _spoken(bundle, 3, 4, corpus="tess")
    dataset = Dataset(
        first.utterances + second.utterances, first.features + second.features, FUNCTIONALS
    )
    outcome = measure_enrolment([(bundle, range(44))], dataset, counts=(2,))
    assert outcome["corpora"] == ["ravdess", "tess"]
    for key in ("uar", "gain", "ece", "mended", "spoilt"):
        for point in outcome["points"]:
            lines = [point["corpora"][name][key] for name in outcome["corpora"]]
            assert point[key] == pytest.approx(np.mean(lines))
    for point in outcome["points"]:
        low, high = point["gain_interval"]
        assert low <= point["gain"] <= high


def test_mended_less_spoilt_is_the_gain_of_accuracy(
    svm_bundle: Bundle, functionals: Dataset, tested: tuple[int, ...]
) -> None:
    outcome = measure_enrolment([(svm_bundle, tested)], functionals)
    scores = score(judge_clips(svm_bundle, functionals, tested))
    point = outcome["points"][-1]
    gained = scores["wa_enrolled"] - scores["wa"]
    assert point["mended"] - point["spoilt"] == pytest.approx(gained)
    assert point["gain_interval"] is None  # of two speakers none can be told


def test_a_profile_that_is_no_use_gains_nothing(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        enrolment, "judge", lambda bundle, clips, speaker: judge(bundle, clips, speaker=None)
    )
    outcome = measure_enrolment([(bundle, range(32))], _spoken(bundle))
    for point in outcome["points"]:
        assert (point["gain"], point["mended"], point["spoilt"]) == (0, 0, 0)
        assert point["gain_interval"] == [0, 0]


def test_what_cannot_be_measured(bundle: Bundle) -> None:
    dataset = _spoken(bundle)
    nobody = tuple(replace(one, speaker=None) for one in dataset.utterances)
    with pytest.raises(DataInvalid, match="known speaker"):
        measure_enrolment([(bundle, range(8))], replace(dataset, utterances=nobody))
    with pytest.raises(DataInvalid, match="known speaker"):
        measure_enrolment([(bundle, range(8))], dataset, labels=["bored"])
    for options in ({"counts": (0,)}, {"draws": 0}, {"most_clips": 0}):
        with pytest.raises(ArgumentInvalid, match="1 or more"):
            measure_enrolment([(bundle, range(8))], dataset, **options)
