from __future__ import annotations

import json
import shutil
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import serein
from serein.audio import decode, microphone
from serein.audio.sources import Samples
from serein.bundle import Bundle
from serein.corpora import UtteranceTable, marks
from serein.errors import DeviceUnavailable
from serein.training.extraction import Clip, hear
from serein.training.recipe import load_recipe
from serein.training.sound import SoundChanges
from tests.builders import build_bundle
from tests.cli.conftest import Run
from tests.training import synthetic

RECIPE = """
name = "loud"
title = "Loud"

[features]
kind = "log_mel"
bands = 24
sampling_rate = 8000
high = 3800.0

[sound]
copies = 4
plain = false
gain = [-12.0, 6.0]
speed = [0.8, 1.2]

[network]
name = "log-mel-cnn"

[network.training]
epochs = 1
"""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> UtteranceTable:
    return synthetic.corpus_of(tmp_path_factory)


@pytest.fixture(scope="module")
def table(corpus: UtteranceTable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tables") / "ravdess.parquet"
    corpus.write(path)
    return path


@pytest.fixture
def loud(tmp_path: Path) -> Path:
    path = tmp_path / "loud.toml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Samples, int]]:
    """What the loudspeaker was given."""
    sounds: list[tuple[Samples, int]] = []
    monkeypatch.setattr(microphone, "play", lambda *sound: sounds.append(sound))
    return sounds


def _objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def _trained_on(bundle: Path, corpus: UtteranceTable, speakers: set[str], folder: Path) -> Path:
    """The same model, which says that it was trained on some voices."""
    shutil.copytree(bundle, folder)
    heard = marks(one for one in corpus.utterances if one.speaker in speakers)
    manifest = Bundle.load(folder).manifest
    replace(manifest, heard=" ".join(sorted(heard))).write(folder)
    return folder


def test_json_is_the_prediction_beside_what_was_meant(
    run: Run, bundle: Path, table: Path, corpus: UtteranceTable
) -> None:
    ended = run("spotcheck", "--data", table, "--model", bundle, "-n", 12, "--seed", 1, "--json")
    found = _objects(ended.out)
    assert ended.status == 0
    assert len({one["file"] for one in found}) == 12
    meant = {str(corpus.audio_path(one)): one.emotion for one in corpus.utterances}
    recognizer = serein.load(bundle)
    for one in found:
        prediction = recognizer.predict(one["file"])
        actual = meant[one["file"]]
        told = {"actual": actual, "right": prediction.label == actual, "heard": None}
        assert one == prediction.as_dict() | told
    right = sum(one["right"] for one in found)
    assert f"serein: {right} of 12 right" in ended.err


def test_lines_for_people(run: Run, bundle: Path, table: Path) -> None:
    command = ["spotcheck", "--data", table, "--model", bundle, "-n", 5, "--seed", 2]
    found = _objects(run(*command, "--json").out)
    ended = run(*command)
    heading, *lines, summary = ended.out.splitlines()
    assert heading.split() == ["file", "actual", "predicted", "per", "cent"]
    assert len(lines) == 5
    for line, one in zip(lines, found, strict=True):
        name, actual, predicted, confidence, *rest = line.split()
        assert one["file"].endswith(name)
        assert (actual, predicted) == (one["actual"], one["label"])
        assert float(confidence) == pytest.approx(100 * one["confidence"], abs=0.06)
        assert ("right" in rest, "wrong" in rest) == (one["right"], not one["right"])
    assert summary.startswith(f"{sum(one['right'] for one in found)} of 5 right")
    assert "5 of a voice that it may have heard" in summary  # the model does not say


def test_lines_say_where_no_speech_is_heard(run: Run, table: Path, tmp_path: Path) -> None:
    """Short even tones vary little, which this model takes for no speech."""
    model = build_bundle(tmp_path / "hearing", speech=True)
    command = ["spotcheck", "--data", table, "--model", model, "-n", 12, "--seed", 2]
    found = _objects(run(*command, "--json").out)
    _, *lines, _ = run(*command).out.splitlines()
    speechless = [one["speech"] < 0.5 for one in found]
    assert ["(no speech heard)" in line for line in lines] == speechless
    assert any(speechless)


def test_a_seed_draws_the_same_clips_again(run: Run, bundle: Path, table: Path) -> None:
    def files(*options: object) -> list[str]:
        command = ["spotcheck", "--data", table, "--model", bundle, "--json", "-n", 8]
        return [one["file"] for one in _objects(run(*command, *map(str, options)).out)]

    assert files("--seed", 5) == files("--seed", 5) != files("--seed", 6)
    draws = Counter(file for _ in range(3) for file in files())
    assert max(draws.values()) < 3 or len(draws) > 8  # without one they differ


def test_more_than_there_are(
    run: Run, bundle: Path, corpus: UtteranceTable, tmp_path: Path
) -> None:
    replace(corpus, utterances=corpus.utterances[:4]).write(tmp_path / "four.parquet")
    ended = run("spotcheck", "--data", tmp_path / "four.parquet", "--model", bundle, "-n", 9)
    assert "there are only 4 labelled clips" in ended.err
    assert len(ended.out.splitlines()) == 6
    unlabelled = tuple(replace(one, emotion=None) for one in corpus.utterances[:4])
    replace(corpus, utterances=unlabelled).write(tmp_path / "none.parquet")
    ended = run("spotcheck", "--data", tmp_path / "none.parquet", "--model", bundle)
    assert ended.status == 1
    assert "no clip with a canonical emotion" in ended.err


def test_voices_heard_in_training_are_marked(
    run: Run, bundle: Path, table: Path, corpus: UtteranceTable, tmp_path: Path
) -> None:
    model = _trained_on(bundle, corpus, {"ravdess-01", "ravdess-02"}, tmp_path / "trained")
    command = ["spotcheck", "--data", table, "--model", model, "-n", 64, "--seed", 0]
    found = _objects(run(*command, "--json").out)
    for one in found:
        assert one["heard"] is ("Actor_01" in one["file"] or "Actor_02" in one["file"])
    ended = run(*command)
    assert ended.out.count("(voice heard in training)") == 16
    assert "16 of a voice that the model heard in training" in ended.out


def test_labels_that_the_model_does_not_know(run: Run, table: Path, tmp_path: Path) -> None:
    model = build_bundle(tmp_path / "two", labels=("angry", "happy"))
    command = ["spotcheck", "--data", table, "--model", model, "-n", 64, "--seed", 0]
    found = _objects(run(*command, "--json").out)
    assert {one["actual"] for one in found if one["right"] is None} == {"neutral", "sad"}
    assert {one["actual"] for one in found if one["right"] is not None} == {"angry", "happy"}
    ended = run(*command)
    assert ended.out.count("not known to the model") == 32
    assert " of 32 right" in ended.out


def test_bad_clips_are_reported_and_the_others_judged(
    run: Run, bundle: Path, corpus: UtteranceTable, tmp_path: Path
) -> None:
    for one in corpus.utterances[:4]:
        (tmp_path / one.path).parent.mkdir(exist_ok=True)
        shutil.copy(corpus.audio_path(one), tmp_path / one.path)
    bad = tmp_path / corpus.utterances[1].path
    bad.write_bytes(b"this is no sound" * 100)
    some = UtteranceTable(tmp_path, "ravdess", corpus.utterances[:4])
    some.write(tmp_path / "some.parquet")
    command = ["spotcheck", "--data", tmp_path / "some.parquet", "--model", bundle, "-n", 4]
    ended = run(*command)
    assert ended.status == 1
    assert len(ended.out.splitlines()) == 5
    assert " of 3 right" in ended.out
    assert f"serein: error: {bad}" in ended.err
    assert "1 of 4 clips failed" in ended.err
    as_json = run(*command, "--json")
    assert as_json.status == 1
    (failed,) = [one for one in _objects(as_json.out) if "error" in one]
    assert (failed["file"], failed["error"]["code"]) == (str(bad), "not_audio")
    assert failed["actual"] == corpus.utterances[1].emotion


def test_clips_are_changed_as_training_hears_them(
    run: Run,
    bundle: Path,
    table: Path,
    loud: Path,
    tmp_path: Path,
    played: list[tuple[Samples, int]],
) -> None:
    command = ["spotcheck", "--data", table, "--model", bundle, "-n", 6, "--seed", 4]
    options = ["--augment", loud, "--play", "-o", tmp_path / "changed"]
    ended = run(*command, *options, "--json")
    assert ended.status == 0
    recipe = load_recipe(loud)
    changes = SoundChanges.of(recipe.sound)
    recognizer = serein.load(bundle)
    found = _objects(ended.out)
    written = sorted((tmp_path / "changed").iterdir())
    assert len(found) == len(written) == len(played) == 6
    for one, file, (samples, rate) in zip(found, written, played, strict=True):
        heard = [hear(Clip(Path(one["file"]), number), 8000, changes) for number in range(1, 5)]
        (expected,) = [sound for _, change, sound in heard if str(change) == one["change"]][:1]
        np.testing.assert_array_equal(samples, expected)
        assert rate == 8000
        kept, kept_rate = soundfile.read(file, dtype="float32")
        np.testing.assert_array_equal(kept, samples)
        assert kept_rate == rate
        assert file.stem.endswith(Path(one["file"]).stem)
        prediction = recognizer.predict((samples, rate))
        assert one["probabilities"] == prediction.as_dict()["probabilities"]
    people = run(*command, "--augment", loud).out
    for one in found:
        assert one["change"] in people
    assert {one["change"].split()[0] for one in found} == {"gain", "speed"}


def test_clips_as_they_are_are_played_and_written(
    run: Run, bundle: Path, table: Path, tmp_path: Path, played: list[tuple[Samples, int]]
) -> None:
    out = tmp_path / "clips"
    ended = run(
        *("spotcheck", "--data", table, "--model", bundle, "--json", "--play", "-o", out),
    )
    found = _objects(ended.out)
    assert len(found) == len(played) == 3  # so many where nobody says
    for one, file, (samples, rate) in zip(found, sorted(out.iterdir()), played, strict=True):
        expected = decode(one["file"], sampling_rate=synthetic.RATE).samples
        np.testing.assert_array_equal(samples, expected)
        assert rate == synthetic.RATE
        np.testing.assert_array_equal(soundfile.read(file, dtype="float32")[0], expected)
    taken = run("spotcheck", "--data", table, "--model", bundle, "-o", out)
    assert taken.status == 2
    assert "not an empty folder" in taken.err


def test_without_a_loudspeaker_all_is_judged(
    run: Run, bundle: Path, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise DeviceUnavailable("There is no loudspeaker.")

    monkeypatch.setattr(microphone, "play", fail)
    ended = run("spotcheck", "--data", table, "--model", bundle, "--play")
    assert ended.status == 0
    assert ended.err.count("nothing is played") == 1
    assert " of 3 right" in ended.out


def test_a_recipe_that_changes_no_sound_is_refused(
    run: Run, bundle: Path, table: Path, tmp_path: Path
) -> None:
    ended = run("spotcheck", "--data", table, "--model", bundle, "--augment", "functionals-svm")
    assert (ended.status, ended.out) == (2, "")
    assert "'functionals-svm' has no table [sound]" in ended.err
    missing = run("spotcheck", "--data", table, "--model", bundle, "--augment", tmp_path / "no")
    assert (missing.status, missing.out) == (2, "")
    assert "there is no recipe" in missing.err


def test_the_classes_of_a_label_set(run: Run, table: Path, tmp_path: Path) -> None:
    """A model of pairs is right where both parts are."""
    model = build_bundle(tmp_path / "pairs", labels=("female_calm", "male_calm", "male_sad"))
    manifest = Bundle.load(model).manifest
    replace(manifest, recipe={**manifest.recipe, "labels": "sex-emotion"}).write(model)
    command = ["spotcheck", "--data", table, "--model", model, "-n", 64, "--json"]
    found = _objects(run(*command).out)
    known = [one for one in found if one["right"] is not None]
    assert {one["actual"] for one in known} == {"female_calm", "male_calm", "male_sad"}
    for one in known:
        assert one["right"] is (one["label"] == one["actual"])
    unknown = {one["actual"] for one in found if one["right"] is None}
    assert unknown == {"female_dislike", "male_dislike", "female_happy", "male_happy", "female_sad"}


def test_what_playing_needs_is_asked_for_before_anything_is_judged(
    run: Run, bundle: Path, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    ended = run("spotcheck", "--data", table, "--model", bundle, "--play")
    assert (ended.status, ended.out) == (1, "")
    assert "serein[microphone]" in ended.err
