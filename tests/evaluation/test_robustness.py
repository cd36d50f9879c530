from __future__ import annotations

import hashlib
import json
import pickle
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from sklearn.metrics import balanced_accuracy_score

from serein.audio import decode
from serein.audio.perturbation import add_noise
from serein.audio.sources import Samples
from serein.bundle import Bundle
from serein.corpora import Utterance, UtteranceTable
from serein.errors import ArgumentInvalid, DataInvalid, NotAudio, NotFound
from serein.evaluation import judge_clips, score
from serein.evaluation.conditions import SNRS
from serein.evaluation.robustness import (
    Condition,
    choose_clips,
    conditions,
    measure_robustness,
)
from serein.recognition import judge
from serein.training.data import Dataset
from tests.builders import build_bundle, recording_names, speech_like
from tests.training.synthetic import LABELS, LOG_MEL, RATE, split_by_actor, utterance


def _same(samples: Samples, rate: int, _: np.random.Generator) -> Samples:
    return samples.copy()


def _other(samples: Samples, rate: int, _: np.random.Generator) -> Samples:
    """Nothing is left of the clip."""
    return speech_like(0.8, rate, seed=5)


ONE, TWO = recording_names("test", 2)
(NONE,) = recording_names("training", 1)  # which no test hears
SAME = Condition("nothing", "at all", 0, _same)
OTHER = Condition("something", "else", 1, _other)


def _named(*families: str, noise: Path | None = None) -> list[Condition]:
    return [one for one in conditions(noise) if one.family in families]


def _line(result: dict[str, Any], family: str, name: str) -> dict[str, Any]:
    (found,) = (
        line for line in result["conditions"] if (line["family"], line["name"]) == (family, name)
    )
    assert isinstance(found, dict)
    return found


@dataclass(frozen=True)
class Judging:
    """A model, and what it judges."""

    bundle: Bundle
    dataset: Dataset
    table: UtteranceTable
    test: tuple[int, ...]

    def measure(self, conditions: Sequence[Condition], **options: Any) -> dict[str, Any]:
        job = (self.bundle, options.pop("indexes", self.test))
        options = {"workers": 1} | options
        return measure_robustness([job], self.dataset, [self.table], conditions, **options)


@pytest.fixture(scope="module")
def svm(svm_bundle: Bundle, functionals: Dataset, corpus: UtteranceTable) -> Judging:
    return Judging(svm_bundle, functionals, corpus, split_by_actor(functionals)[1])


@pytest.fixture(scope="module")
def pooling(tmp_path_factory: pytest.TempPathFactory) -> Judging:
    """Random weights and voices, of which any label may come."""
    root = tmp_path_factory.mktemp("pooling")
    bundle = Bundle.load(build_bundle(root / "bundle", features=LOG_MEL))
    utterances, features = [], []
    for number in range(32):
        samples = speech_like(0.9, RATE, seed=number)
        soundfile.write(root / f"{number}.wav", samples, RATE, subtype="FLOAT")
        sha256 = hashlib.sha256(samples.tobytes()).hexdigest()
        speaker = f"ravdess-{number // 8:02d}"
        one = utterance(LABELS[number % 4], path=f"{number}.wav", speaker=speaker, sha256=sha256)
        utterances.append(one)
        features.append(LOG_MEL.extract(samples))
    table = UtteranceTable(root, "ravdess", tuple(utterances))
    dataset = Dataset(table.utterances, tuple(features), LOG_MEL)
    return Judging(bundle, dataset, table, tuple(range(32)))


@pytest.fixture(params=["svm", "pooling"])
def judging(request: pytest.FixtureRequest) -> Judging:
    found: Judging = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noise in the layout of ESC-10 with rooms beside it."""
    root = tmp_path_factory.mktemp("noise")
    generator = np.random.default_rng(0)
    for place in (
        f"street/{ONE}.wav",
        f"street/{TWO}.flac",
        f"animals/dog/{ONE}.wav",
        f"animals/rain/{ONE}.wav",
        f"street/{NONE}.wav",
    ):
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(root / place, 0.1 * generator.standard_normal(RATE), RATE)
    (root / "rooms" / "large").mkdir(parents=True)
    for place in (f"{ONE}.wav", f"large/{TWO}.wav", f"large/{NONE}.wav"):
        decay = generator.standard_normal(4000) * np.exp(-np.arange(4000) / 700)
        soundfile.write(root / "rooms" / place, 0.2 * np.stack([decay, 0 * decay], 1), RATE)
    (root / "street" / "readme.txt").write_text("not a sound", encoding="utf-8")
    (root / "street" / "._1.wav").write_bytes(b"from a Mac")
    return root


# Measuring


def test_clean_is_what_is_scored(judging: Judging) -> None:
    result = judging.measure([])
    judged = judge_clips(judging.bundle, judging.dataset, judging.test)
    uar, count = score(judged)["uar"], len(judging.test)
    assert result["clean"]["uar"] == pytest.approx(uar)
    line = result["clean"]["corpora"]["ravdess"]
    assert line == {"uar": pytest.approx(uar), "clips": count, "of": count}
    assert (result["clips"], result["corpora"]) == (count, ["ravdess"])
    assert result["conditions"] == []


def test_nothing_done_is_nothing_lost(judging: Judging) -> None:
    result = judging.measure([SAME, OTHER])
    same, other = result["conditions"]
    assert (same["loss"], same["same_label"]) == (0.0, 1.0)
    assert same["uar"] == result["clean"]["uar"]
    assert same["corpora"] == {"ravdess": {"uar": same["uar"], "same_label": 1.0}}
    # Where every clip becomes the same sound, one label is all there is: chance, of four.
    assert other["uar"] == pytest.approx(0.25)
    assert other["loss"] == pytest.approx(result["clean"]["uar"] - 0.25)
    assert other["same_label"] < 0.7


def test_a_condition_is_what_is_judged_by_hand(judging: Judging) -> None:
    chosen = _named("white noise")
    dataset, test = judging.dataset, judging.test
    result = judging.measure(chosen)
    truth = [str(dataset.utterances[index].emotion) for index in test]
    clean = [int(one.unknown.argmax()) for one in judge_clips(judging.bundle, dataset, test)]
    for condition in chosen:
        features = []
        for index in test:
            one = dataset.utterances[index]
            samples = decode(judging.table.audio_path(one), sampling_rate=RATE).samples
            changed = condition.apply(samples, RATE, clip=one.sha256)
            features.append(dataset.spec.extract(changed))
        predicted = [int(one.probabilities.argmax()) for one in judge(judging.bundle, features)]
        line = _line(result, "white noise", condition.name)
        uar = balanced_accuracy_score(truth, [LABELS[place] for place in predicted])
        assert line["uar"] == pytest.approx(uar)
        assert line["loss"] == pytest.approx(result["clean"]["uar"] - uar)
        assert line["same_label"] == pytest.approx(np.mean(np.equal(predicted, clean)))
        assert line["value"] == condition.value
    assert min(line["same_label"] for line in result["conditions"]) < 1


def test_gain_is_nothing_to_the_model(judging: Judging) -> None:
    gains = _named("gain")
    assert [one.value for one in gains] == [-20, -10, 10]
    for line in judging.measure(gains)["conditions"]:
        assert (line["loss"], line["same_label"]) == (0.0, 1.0)


def test_the_number_of_processes_and_the_order_do_not_matter(pooling: Judging, noise: Path) -> None:
    chosen = _named("white noise", "noise animals", "room", "Opus", "pitch", noise=noise)
    dones: list[tuple[int, int]] = []
    results = [
        pooling.measure(
            chosen,
            indexes=indexes,
            most_clips=9,
            workers=workers,
            progress=lambda done, total: dones.append((done, total)),
        )
        for workers, indexes in ((1, pooling.test), (2, pooling.test[::-1]))
    ]
    assert results[0] == results[1]
    assert len({line["same_label"] for line in results[0]["conditions"]}) > 2
    assert dones == [(done, 9) for done in range(1, 10)] * 2
    assert json.loads(json.dumps(results[0], allow_nan=False)) == results[0]
    assert [(line["family"], line["name"]) for line in results[0]["conditions"]] == [
        (one.family, one.name) for one in chosen
    ]


def test_every_fold_judges_its_own_test(pooling: Judging, tmp_path: Path) -> None:
    """Another bundle for each fold; the judgements are pooled."""
    folder = build_bundle(tmp_path, features=LOG_MEL, seed=9)
    jobs = [(pooling.bundle, range(0, 12)), (Bundle.load(folder), range(12, 32))]
    result = measure_robustness(jobs, pooling.dataset, [pooling.table], [SAME], workers=1)
    judged = [one for job in jobs for one in judge_clips(job[0], pooling.dataset, job[1])]
    assert result["clean"]["uar"] == pytest.approx(score(judged)["uar"])
    assert result["conditions"][0]["same_label"] == 1.0
    assert pooling.measure([])["clean"]["uar"] != pytest.approx(result["clean"]["uar"])


def test_corpora_weigh_the_same(pooling: Judging) -> None:
    """The first clips are taken for another corpus, which holds but two of the emotions."""
    utterances = tuple(
        replace(one, corpus="tess", emotion="sad" if number % 2 else "angry")
        if number < 10
        else one
        for number, one in enumerate(pooling.dataset.utterances)
    )
    tables = [
        UtteranceTable(
            pooling.table.root, name, tuple(one for one in utterances if one.corpus == name)
        )
        for name in ("tess", "ravdess")
    ]
    dataset = replace(pooling.dataset, utterances=utterances)
    job = (pooling.bundle, pooling.test)
    result = measure_robustness([job], dataset, tables, [SAME, OTHER], workers=1)
    assert result["corpora"] == ["ravdess", "tess"]
    assert result["clips"] == 32
    for line in (result["clean"], *result["conditions"]):
        uars = [line["corpora"][name]["uar"] for name in ("ravdess", "tess")]
        assert line["uar"] == pytest.approx(np.mean(uars))
    other = result["conditions"][1]
    assert other["corpora"]["ravdess"]["uar"] == pytest.approx(0.25)
    assert other["corpora"]["tess"]["uar"] == pytest.approx(0.5)
    shares = [other["corpora"][name]["same_label"] for name in ("ravdess", "tess")]
    assert other["same_label"] == pytest.approx(np.mean(shares))
    judged = [
        one
        for one in judge_clips(pooling.bundle, dataset, pooling.test)
        if one.utterance.corpus == "tess"
    ]
    assert result["clean"]["corpora"]["tess"]["uar"] == pytest.approx(score(judged)["uar"])


def test_labels_of_the_recipe_alone(pooling: Judging) -> None:
    labels = ("angry", "sad")
    result = pooling.measure([OTHER], labels=labels)
    assert result["clips"] == 16
    assert result["conditions"][0]["uar"] == pytest.approx(0.5)
    judged = judge_clips(pooling.bundle, pooling.dataset, pooling.test, labels=labels)
    assert result["clean"]["uar"] == pytest.approx(score(judged)["uar"])


def test_what_cannot_be_measured(pooling: Judging) -> None:
    with pytest.raises(DataInvalid, match="none of the tables"):
        replace(pooling, table=replace(pooling.table, utterances=())).measure([])
    with pytest.raises(DataInvalid, match="no clip"):
        pooling.measure([], labels=["bored"])
    with pytest.raises(DataInvalid, match="no clip"):
        pooling.measure([], indexes=[])
    with pytest.raises(ArgumentInvalid, match="at least one"):
        pooling.measure([], most_clips=0)


def test_a_clip_that_is_gone(pooling: Judging, tmp_path: Path) -> None:
    moved = replace(pooling, table=replace(pooling.table, root=tmp_path))
    for workers in (1, 2):
        with pytest.raises(NotFound) as caught:
            moved.measure([SAME] if workers == 1 else _named("gain"), workers=workers)
        assert caught.value.file == str(tmp_path / "0.wav")


# Choosing clips


def _many(speakers: int, clips: int, *, corpus: str = "ravdess") -> list[Utterance]:
    """Every speaker says everything, the later emotions more often."""
    generator = np.random.default_rng(1)
    return [
        utterance(
            emotion,
            corpus=corpus,
            path=f"{corpus}/{speaker}/{emotion}/{number}.wav",
            speaker=f"{corpus}-{speaker}",
            sha256=generator.bytes(32).hex(),
        )
        for speaker in range(speakers)
        for place, emotion in enumerate(LABELS)
        for number in range(clips * (place + 1))
    ]


def test_clips_are_chosen_evenly() -> None:
    utterances = _many(10, 3)
    chosen = choose_clips(utterances, range(len(utterances)), 100)
    assert len(chosen) == len(set(chosen)) == 100
    assert chosen == sorted(chosen)
    assert set(Counter(utterances[i].emotion for i in chosen).values()) == {25}
    pairs = Counter((utterances[i].emotion, utterances[i].speaker) for i in chosen)
    assert set(pairs.values()) == {2, 3}  # 25 of 10 speakers


def test_where_an_emotion_is_rare_others_fill_up() -> None:
    utterances = _many(2, 1)  # 2, 4, 6 and 8 clips
    chosen = choose_clips(utterances, range(20), 12)
    counts = Counter(utterances[i].emotion for i in chosen)
    assert sorted(counts.values()) == [2, 3, 3, 4]
    assert choose_clips(utterances, range(20), 1000) == list(range(20))
    assert choose_clips(utterances, [3, 17], 10) == [3, 17]


def test_the_choice_depends_on_no_order() -> None:
    utterances = [*_many(6, 4), *_many(3, 9, corpus="tess")]
    order = np.random.default_rng(3).permutation(len(utterances))
    shuffled = [utterances[place] for place in order]
    chosen = choose_clips(utterances, range(len(utterances)), 30)
    again = choose_clips(shuffled, range(len(shuffled)), 30)
    assert {utterances[i].path for i in chosen} == {shuffled[i].path for i in again}
    assert Counter(utterances[i].corpus for i in chosen) == {"ravdess": 30, "tess": 30}
    fewer = choose_clips(utterances, range(len(utterances)), 12)
    assert set(fewer) < set(chosen)


def test_at_most_so_many_are_judged(pooling: Judging) -> None:
    result = pooling.measure([SAME], most_clips=10)
    assert result["clips"] == 10
    assert result["clean"]["corpora"]["ravdess"]["clips"] == 10
    assert result["clean"]["corpora"]["ravdess"]["of"] == 32
    chosen = choose_clips(pooling.dataset.utterances, range(32), 10)
    judged = judge_clips(pooling.bundle, pooling.dataset, chosen)
    assert result["clean"]["uar"] == pytest.approx(score(judged)["uar"])


# Conditions


def test_the_conditions_that_are_always_there() -> None:
    found = conditions()
    names = [(one.family, one.name) for one in found]
    assert len(set(names)) == len(names)
    assert list(dict.fromkeys(family for family, _ in names)) == [
        *("white noise", "pink noise", "telephone", "Opus", "MP3", "gain", "clipping"),
        *("speed", "pitch", "late start"),
    ]
    for family, name in (
        ("pink noise", "5 dB"),
        ("telephone", "300-3400 Hz"),
        ("telephone", "mu-law"),
        ("Opus", "6 kbit/s"),
        ("MP3", "16 kbit/s"),
        ("gain", "+10 dB"),
        ("clipping", "20%"),
        ("speed", "× 0.9"),
        ("pitch", "-2.0 semitones"),
        ("late start", "0.25 s"),
    ):
        assert (family, name) in names


def test_every_condition_changes_a_clip_and_always_alike(noise: Path) -> None:
    samples = speech_like(0.9, seed=8)
    for condition in conditions(noise):
        changed = condition.apply(samples, RATE, clip="a")
        assert changed.dtype == np.float32
        assert np.isfinite(changed).all()
        assert not np.array_equal(changed, samples)
        sent: Condition = pickle.loads(pickle.dumps(condition))
        np.testing.assert_array_equal(sent.apply(samples, RATE, clip="a"), changed)
        other = condition.apply(samples, RATE, clip="b")
        assert np.array_equal(other, changed) != ("noise" in condition.family)
        assert len(condition.apply(samples[:0], RATE, clip="a")) == 0


def test_only_the_degree_differs_within_a_family(noise: Path) -> None:
    samples = speech_like(0.9, seed=8)
    for family in ("white noise", "pink noise", "noise street"):
        added = [
            one.apply(samples, RATE, clip="a") - samples for one in _named(family, noise=noise)
        ]
        assert len(added) == len(SNRS)
        for snr, one in zip(SNRS, added, strict=True):
            scale = 10 ** ((SNRS[-1] - snr) / 20)
            np.testing.assert_allclose(one, scale * added[-1], atol=1e-5)


def test_every_subfolder_is_a_source(noise: Path) -> None:
    found = conditions(noise)
    families = list(dict.fromkeys(one.family for one in found))
    assert families[:5] == ["white noise", "pink noise", "noise animals", "noise street", "room"]
    rooms = [one for one in found if one.family == "room"]
    assert [(one.name, one.value) for one in rooms] == [(ONE, 0), (f"large/{TWO}", 1)]
    # From one level below, the folders there are the sources.
    below = {one.family for one in conditions(noise / "animals")}
    assert {"noise dog", "noise rain"} < below
    assert "room" not in below
    # Files that lie in the folder itself are one source.
    directly = {one.family for one in conditions(noise / "street")}
    assert "noise street" in directly


def test_a_recording_is_drawn_for_every_clip_but_none_that_is_for_training(noise: Path) -> None:
    samples = speech_like(0.9, seed=8)
    names = (f"{ONE}.wav", f"{TWO}.flac", f"{NONE}.wav")
    recordings = [decode(noise / "street" / name, sampling_rate=RATE).samples for name in names]
    condition = _named("noise street", noise=noise)[-1]
    found = set()
    for clip in "abcdefgh":
        added = condition.apply(samples, RATE, clip=clip) - samples
        likeness = [
            np.abs(np.fft.irfft(np.fft.rfft(added, RATE) * np.conj(np.fft.rfft(one)))).max()
            for one in recordings
        ]
        found.add(int(np.argmax(likeness)))
    assert found == {0, 1}


def test_rooms_of_another_folder(noise: Path, tmp_path: Path) -> None:
    room = np.r_[np.zeros(50), 1.0, np.zeros(500), 0.5]
    soundfile.write(tmp_path / f"{ONE}.wav", np.stack([room, 0.3 * room[::-1]], 1), RATE)
    found = conditions(noise, tmp_path)
    assert [one.name for one in found if one.family == "room"] == [ONE]
    (alone,) = (one for one in conditions(rooms=tmp_path) if one.family == "room")
    samples = speech_like(0.9, seed=8)
    heard = alone.apply(samples, RATE, clip="a")
    echo = samples + 0.5 * np.r_[np.zeros(501), samples[:-501]]
    assert np.corrcoef(heard, echo)[0, 1] > 0.9999  # of the first channel alone


def test_silence_around_a_recording_is_no_noise(tmp_path: Path) -> None:
    """So that a short clip does not meet the silence that fills up a recording."""
    bark = np.random.default_rng(0).standard_normal(4000) * 0.3
    soundfile.write(tmp_path / f"{ONE}.wav", np.r_[bark, 1e-4 * np.ones(8 * RATE)], RATE)
    samples = speech_like(0.3, seed=8)
    for clip in "abcdef":
        for condition in _named(f"noise {tmp_path.name}", noise=tmp_path):
            added = condition.apply(samples, RATE, clip=clip) - samples
            assert np.abs(added).max() > 2 * np.abs(np.median(added))


def test_no_noise_where_there_should_be(tmp_path: Path) -> None:
    with pytest.raises(DataInvalid, match="is no folder") as caught:
        conditions(tmp_path / "none")
    assert str(tmp_path / "none") in str(caught.value)
    with pytest.raises(DataInvalid, match="is no folder"):
        conditions(rooms=tmp_path / "none")
    for folders in ({"noise": tmp_path}, {"rooms": tmp_path}):
        with pytest.raises(DataInvalid, match="no sound is in it"):
            conditions(**folders)


@pytest.mark.parametrize("parameter", ["noise", "rooms"])
def test_noise_that_is_none(parameter: str, tmp_path: Path) -> None:
    path = tmp_path / f"{ONE}.wav"
    soundfile.write(path, np.zeros(RATE), RATE)
    with pytest.raises(DataInvalid, match=rf"{ONE}\.wav: is silent"):
        conditions(**{parameter: tmp_path})
    path.write_bytes(b"this is no sound at all" * 50)
    with pytest.raises(NotAudio) as caught:
        conditions(**{parameter: tmp_path})
    assert caught.value.file == str(path)


def test_a_folder_of_rooms_alone_is_no_error(noise: Path, tmp_path: Path) -> None:
    (tmp_path / "rooms").mkdir()
    shutil.copy(noise / "rooms" / f"{ONE}.wav", tmp_path / "rooms")
    families = {one.family for one in conditions(tmp_path)}
    assert "room" in families
    assert not any(family.startswith("noise ") for family in families)


@pytest.mark.parametrize("things", ["noises", "rooms"])
def test_recordings_that_are_all_kept_for_training(
    things: str, noise: Path, tmp_path: Path
) -> None:
    folder = tmp_path / ("rooms" if things == "rooms" else "street")
    folder.mkdir()
    shutil.copy(noise / "street" / f"{NONE}.wav", folder)
    with pytest.raises(DataInvalid, match=f"no {things} in it are for tests") as caught:
        conditions(tmp_path)
    assert caught.value.file == str(folder if things == "rooms" else tmp_path)
    shutil.copy(noise / "street" / f"{ONE}.wav", folder)
    family = "room" if things == "rooms" else "noise street"
    assert family in {one.family for one in conditions(tmp_path)}


def test_noise_is_added_as_said(noise: Path) -> None:
    """The condition's name is what `add_noise` was asked for."""
    samples = speech_like(0.9, seed=8)
    for condition in _named("white noise", "noise animals", noise=noise):
        added = condition.apply(samples, RATE, clip="a") - samples
        loud = add_noise(
            samples,
            RATE,
            np.ones(10, np.float32),
            snr=condition.value,
            generator=np.random.default_rng(0),
        )
        assert np.std(added) == pytest.approx(float(np.abs(loud - samples).mean()), rel=0.01)
