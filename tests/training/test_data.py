from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from serein.audio import decode
from serein.corpora import UtteranceTable
from serein.errors import DataInvalid, NotFound
from serein.features import Features
from serein.recognition import ClipStatistics, SpeakerProfile
from serein.training.data import Dataset, load_dataset, population
from tests.training.synthetic import FUNCTIONALS, LABELS, LOG_MEL, RATE, made_up, utterance


@pytest.fixture
def damaged(corpus: UtteranceTable, tmp_path: Path) -> UtteranceTable:
    """Four clips of two emotions: the second is no sound, the third is gone, one has no label."""
    found = {one.emotion: one for one in corpus.utterances}
    kept = []
    for number, emotion in enumerate(("angry", "happy", "sad", "neutral", "happy", "sad")):
        path = f"{number}.wav"
        samples = decode(corpus.audio_path(found[emotion]), sampling_rate=RATE).samples
        soundfile.write(tmp_path / path, samples, RATE)
        kept.append(replace(found[emotion], path=path))
    (tmp_path / "1.wav").write_bytes(b"this is no sound" * 100)
    (tmp_path / "2.wav").unlink()
    kept[3] = replace(kept[3], emotion=None)
    return UtteranceTable(tmp_path, "ravdess", tuple(kept))


def test_features_are_those_of_the_specification(corpus: UtteranceTable, log_mel: Dataset) -> None:
    assert log_mel.utterances == corpus.utterances
    for index in (0, 17, 63):
        path = corpus.audio_path(corpus.utterances[index])
        expected = LOG_MEL.extract(decode(path, sampling_rate=RATE).samples)
        np.testing.assert_array_equal(log_mel.features[index].values, expected.values)
        assert log_mel.features[index].level == expected.level


def test_unreadable_clips_are_listed_and_the_others_kept(damaged: UtteranceTable) -> None:
    seen: list[tuple[int, int]] = []
    dataset = load_dataset(
        [damaged], LOG_MEL, workers=1, progress=lambda done, count: seen.append((done, count))
    )
    assert [one.path for one in dataset.utterances] == ["0.wav", "4.wav", "5.wav"]
    assert [Path(str(error.file)).name for error in dataset.failures] == ["1.wav", "2.wav"]
    assert isinstance(dataset.failures[1], NotFound)
    assert seen[-1] == (5, 5)
    # What is left still stands beside its own features.
    for one, features in zip(dataset.utterances, dataset.features, strict=True):
        samples = decode(damaged.audio_path(one), sampling_rate=RATE).samples
        np.testing.assert_array_equal(features.values, LOG_MEL.extract(samples).values)


def test_fewer_than_two_labels(damaged: UtteranceTable) -> None:
    only = replace(damaged, utterances=damaged.utterances[:2])
    with pytest.raises(DataInvalid, match=r"1 readable emotion\(s\) \(angry\).*at least 2"):
        load_dataset([only], LOG_MEL, workers=1)
    unlabelled = replace(damaged, utterances=damaged.utterances[3:4])
    with pytest.raises(DataInvalid, match="no clip with a canonical emotion"):
        load_dataset([unlabelled], LOG_MEL, workers=1)
    with pytest.raises(DataInvalid):
        load_dataset([], LOG_MEL, workers=1)


@pytest.fixture
def two_corpora() -> Dataset:
    ravdess = [
        utterance("sad", speaker="ravdess-01", sex="male"),
        utterance("calm", speaker="ravdess-02", sex="female"),
        utterance("happy", speaker="ravdess-01", sex="male"),
    ]
    others = [
        utterance("happy", corpus="tess", speaker="tess-oaf", sex="female"),
        utterance("angry", corpus="tess", speaker=None),
    ]
    return made_up([*ravdess, *others], LOG_MEL, frames=5)


def test_labels_of_the_data_and_of_each_corpus(two_corpora: Dataset) -> None:
    assert two_corpora.corpora == ("ravdess", "tess")
    assert two_corpora.labels == ("angry", "calm", "happy", "sad")
    assert two_corpora.corpus_labels("ravdess") == ("calm", "happy", "sad")
    assert two_corpora.corpus_labels("tess") == ("angry", "happy")
    assert two_corpora.corpus_labels("emovo") == ()


def test_label_mask_holds_the_labels_of_the_own_corpus(two_corpora: Dataset) -> None:
    labels = ("happy", "calm", "angry")
    mask = two_corpora.label_mask(labels)
    np.testing.assert_array_equal(mask[:3], [[True, True, False]] * 3)
    np.testing.assert_array_equal(mask[3:], [[True, False, True]] * 2)
    for row, one in zip(mask, two_corpora.utterances, strict=True):
        own = two_corpora.corpus_labels(one.corpus)
        assert [label for label, allowed in zip(labels, row, strict=True) if allowed] == [
            label for label in labels if label in own
        ]


def test_targets_and_sexes(two_corpora: Dataset) -> None:
    labels = ("sad", "happy", "calm", "angry")
    np.testing.assert_array_equal(two_corpora.targets(labels), [0, 2, 1, 1, 3])
    np.testing.assert_array_equal(two_corpora.sexes(), [1, 0, 1, 0, -1])


def test_target_of_a_label_that_is_not_asked_for(two_corpora: Dataset) -> None:
    np.testing.assert_array_equal(two_corpora.targets(("happy", "sad")), [1, -1, 0, 0, -1])


def test_votes_are_shares_over_the_labels_asked_for() -> None:
    votes: list[Mapping[str, float] | None] = [
        {"sad": 3.0, "happy": 1.0},
        {"sad": 0.2, "calm": 0.6, "happy": 0.2},  # of which the corpus has no calm clip
        {"angry": 1.0},
        {"sad": 0.0},
        {},
        None,
    ]
    utterances = [
        utterance(emotion, votes=one)
        for emotion, one in zip(("sad", "happy", *["sad"] * 4), votes, strict=True)
    ]
    dataset = made_up([*utterances, utterance("calm", corpus="tess")], LOG_MEL)
    found = dataset.votes(("happy", "sad", "calm"))
    expected = [[0.25, 0.75, 0], [0.5, 0.5, 0], *[[0.0, 0, 0]] * 5]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert found.dtype == np.float32
    np.testing.assert_allclose(dataset.votes(("calm", "happy"))[:2], [[0, 1], [0, 1]])


def test_by_speaker_leaves_the_unknown_out(two_corpora: Dataset) -> None:
    assert two_corpora.by_speaker([4, 2, 0, 3]) == {"ravdess-01": [2, 0], "tess-oaf": [3]}


def test_population_weighs_corpora_alike() -> None:
    # By hand: one clip here, three there; frames of a clip count by their mean.
    utterances = [utterance(path="0"), *(utterance(corpus="tess", path=str(k)) for k in range(3))]
    spec = replace(LOG_MEL, bands=13)
    levels = ([[1.0], [3.0]], [[10.0]], [[20.0]], [[30.0], [30.0], [30.0]])
    features = tuple(
        Features(np.repeat(np.array(rows, np.float32), 13, axis=1), -26.0, 0.0) for rows in levels
    )
    dataset = Dataset(tuple(utterances), features, spec)
    mean, std = population(dataset, range(4))
    first, second = 2.0, 20.0
    expected = (first + second) / 2
    square = ((1 + 9) / 2 + (100 + 400 + 900) / 3) / 2
    np.testing.assert_allclose(mean, np.full(13, expected), rtol=1e-6)
    np.testing.assert_allclose(std, np.full(13, np.sqrt(square - expected**2)), rtol=1e-6)
    assert mean.dtype == std.dtype == np.float32
    # Of one corpus alone the clips weigh the same.
    np.testing.assert_allclose(population(dataset, [1, 2, 3])[0], np.full(13, 20.0))


def test_population_floors_what_does_not_vary() -> None:
    constant = Features(np.full((4, 24), 3.0, np.float32), -26.0, 0.0)
    dataset = Dataset((utterance(), utterance("sad")), (constant, constant), LOG_MEL)
    mean, std = population(dataset, [0, 1], floor=0.01)
    np.testing.assert_array_equal(mean, 3.0)
    np.testing.assert_allclose(std, 0.01)


def test_profile_is_that_of_the_clips(functionals: Dataset) -> None:
    chosen = [3, 5, 8]
    profile = functionals.profile(chosen, model="mine:1")
    expected = SpeakerProfile.of(
        [ClipStatistics.of(functionals.features[index]) for index in chosen],
        model="mine:1",
        gain_response=FUNCTIONALS.gain_response,
    )
    assert profile.as_dict() == expected.as_dict()
    assert profile.clips == 3


def test_the_synthetic_corpus_is_what_the_tests_take_it_for(functionals: Dataset) -> None:
    assert functionals.labels == LABELS
    assert functionals.corpora == ("ravdess",)
    assert len(functionals) == 64
    assert not functionals.failures
    assert {one.sentence for one in functionals.utterances} == {"1", "2"}
