"""``serein train`` and ``serein crossval``, called as a person would."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from serein.bundle import Bundle
from serein.cli.main import main
from serein.corpora import UtteranceTable, load_table, marks
from serein.labels import LABEL_SETS
from tests.builders import build_bundle, build_classical_bundle, recording_names
from tests.training import synthetic

RECIPE = """
name = "mine"
title = "A recipe of one's own"
[features]
kind = "functionals"
[classifier]
name = "linear-svm"
options.regularization = [1e-3]
"""

NETWORK = """
name = "tiny"
title = "A tiny network"
[features]
kind = "log_mel"
bands = 24
hop_length = 320
[network]
name = "log-mel-cnn"
[network.options]
channels = [4]
width = 8
depth = 0
attention = 4
embedding = 8
[network.training]
epochs = 30
batch_size = 16
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> UtteranceTable:
    return synthetic.corpus_of(tmp_path_factory)


@pytest.fixture(scope="module")
def table(corpus: UtteranceTable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tables") / "ravdess.parquet"
    corpus.write(path)
    return path


def _call(*arguments: str | Path) -> int:
    return main([str(argument) for argument in arguments])


def _training(recipe: Any, data: Any, output: Any) -> list[str]:
    return ["train", str(recipe), "--data", str(data), "-o", str(output), "--workers", "1"]


def _crossval(recipe: Any, data: Any, output: Any, *others: str) -> list[str]:
    words = ["crossval", str(recipe), "--data", str(data), "-o", str(output), "--workers", "1"]
    return [*words, "--protocol", "speakers:2", *others]


def test_train(
    recipe: Path, corpus: UtteranceTable, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "bundle"
    # A folder is scanned on the way; it is far from complete, which is no more than a warning.
    assert _call(*_training(recipe, f"ravdess={corpus.root}", output)) == 0
    out, err = capsys.readouterr()
    assert out == f"{output}\n"
    assert "missing" in err
    bundle = Bundle.load(output)
    assert f"{bundle.manifest.parameters:,} parameters" in err
    assert bundle.manifest.name == "mine"
    assert bundle.manifest.labels == synthetic.LABELS
    # How the voices that it was trained on sound, by sex.
    known = bundle.manifest.prosody
    assert list(known) == ["female", "male"]
    pitches = [known[sex].usual.pitch for sex in known]
    assert all(pitch is not None and 60 < pitch < 400 for pitch in pitches)
    assert sum(reference.clips for reference in known.values()) < len(corpus)


def test_crossval_quick(
    recipe: Path, table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "run"
    assert _call(*_crossval(recipe, table, output, "--quick")) == 0
    out, err = capsys.readouterr()
    metrics = json.loads((output / "metrics.json").read_text(encoding="utf-8"))
    assert out.splitlines()[-1] == str(output / "metrics.json")
    assert f"{100 * metrics['uar']:.1f}" in out
    assert f"{100 * metrics['uar_enrolled']:.1f}" in out
    assert "ravdess" in out
    assert "fold 1 (1 of 2)" in err
    assert "fold 2 (2 of 2)" in err
    assert "no score" in err
    assert "fold 1" not in out


def test_crossval_of_a_network_reports_its_epochs(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "tiny.toml"
    path.write_text(NETWORK, encoding="utf-8")
    assert _call(*_crossval(path, table, tmp_path / "run", "--quick", "--fold", "2")) == 0
    out, err = capsys.readouterr()
    assert "epoch 1 of 2" in err  # of the recipe's 30
    assert "epoch 2 of 2" in err
    assert "fold 2 (1 of 1)" in err
    assert "epoch" not in out
    assert (tmp_path / "run" / "fold-2" / "model.onnx").is_file()


def _one_line(err: str) -> str:
    lines = [line for line in err.splitlines() if "error" in line]
    assert len(lines) == 1
    return lines[0]


def test_recordings_are_heard(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is kept for tests is not even opened."""
    recipe = tmp_path / "noisy.toml"
    recipe.write_text(
        NETWORK + "[sound]\nnon_speech = 4\ncopies = 1\nbackground = [0, 10]\n", encoding="utf-8"
    )
    noise = tmp_path / "kitchen"
    noise.mkdir()
    (noise / f"{recording_names('test', 1)[0]}.wav").write_bytes(b"no sound")
    pitch = np.sin(np.arange(8000) / 5)
    soundfile.write(noise / f"{recording_names('training', 1)[0]}.wav", pitch, 16_000)
    options = ("--epochs", "1", "--no-store", "--recordings", str(noise))
    assert _call(*_training(recipe, table, tmp_path / "model"), *options) == 0
    assert "kitchen" not in capsys.readouterr().err
    manifest = Bundle.load(tmp_path / "model").manifest
    assert manifest.recipe["sound"]["recordings"] == "kitchen"
    options = (*options[:-1], str(tmp_path / "nowhere"))
    assert _call(*_crossval(recipe, table, tmp_path / "scores"), *options) == 1
    assert "nowhere: is no folder" in _one_line(capsys.readouterr().err)


def test_a_wrong_recipe(
    recipe: Path, table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe.write_text(RECIPE.replace("[features]", "[features]\ncolour = 3"), encoding="utf-8")
    for command in (_training, _crossval):
        assert _call(*command(recipe, table, tmp_path / "out")) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert "colour" in _one_line(err)
    assert _call(*_training("no-such-recipe", table, tmp_path / "out")) == 2
    assert "functionals-svm" in _one_line(capsys.readouterr().err)
    assert not (tmp_path / "out").exists()


def test_a_table_that_is_not_there(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _call(*_training(recipe, tmp_path / "none.parquet", tmp_path / "out")) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "none.parquet" in _one_line(err)
    assert _call(*_training(recipe, f"unheard-of={tmp_path}", tmp_path / "out")) == 2
    assert "no known corpus" in _one_line(capsys.readouterr().err)


def test_a_taken_folder_is_refused_before_any_work(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = "not-even-read.parquet"
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("mine", encoding="utf-8")
    for command in (_training, _crossval):
        assert _call(*command(recipe, table, tmp_path / "out")) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert "not an empty folder" in _one_line(err)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["notes.txt"]


def test_a_wrong_protocol_or_fold(
    recipe: Path, table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = _crossval(recipe, table, tmp_path / "out", "--fold", "7")
    assert _call(*words) == 2
    assert "no fold 7" in _one_line(capsys.readouterr().err)
    assert _call(*[word.replace("speakers:2", "speakers:99") for word in words]) == 2
    assert "speakers:99" in _one_line(capsys.readouterr().err)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("missing", ["--data", "-o"])
def test_missing_options(
    missing: str, recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = _training(recipe, "table.parquet", tmp_path / "out")
    place = words.index(missing)
    assert _call(*words[:place], *words[place + 2 :]) == 2
    assert missing in capsys.readouterr().err


@pytest.mark.parametrize("command", ["train", "crossval"])
def test_help_has_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert _call(command, "--help") == 0
    assert f"Example: serein {command}" in " ".join(capsys.readouterr().out.split())


def test_unreadable_clips_are_named_and_left_out(
    recipe: Path, corpus: UtteranceTable, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = synthetic.write_corpus(tmp_path / "ravdess")
    moved = UtteranceTable(root, "ravdess", corpus.utterances)
    moved.write(tmp_path / "ravdess.parquet")
    broken = moved.audio_path(moved.utterances[5])
    broken.write_bytes(b"no sound" * 100)
    assert _call(*_training(recipe, tmp_path / "ravdess.parquet", tmp_path / "out")) == 0
    out, err = capsys.readouterr()
    assert out == f"{tmp_path / 'out'}\n"
    assert broken.name in "".join(err.split())
    assert "left out" in " ".join(err.split())


@pytest.mark.parametrize("command", [_training, _crossval])
def test_what_a_label_set_loses_is_said_once(
    command: Callable[..., list[str]],
    recipe: Path,
    table: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    recipe.write_text(f'labels = "sex-emotion"\n{RECIPE}', encoding="utf-8")
    assert _call(*command(recipe, table, tmp_path / "out")) == 0
    err = capsys.readouterr().err
    for loss in LABEL_SETS["sex-emotion"].losses:
        assert err.count(f"serein: warning: labels 'sex-emotion': {loss}") == 1
    (folder, *_) = sorted((tmp_path / "out").rglob("manifest.json"))
    assert Bundle.load(folder.parent).manifest.labels[0] == "female_calm"


def test_a_label_set_that_is_not_there(
    recipe: Path, table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe.write_text(f'labels = "eight"\n{RECIPE}', encoding="utf-8")
    assert _call(*_training(recipe, table, tmp_path / "out")) == 2
    assert "label sets are three, five" in " ".join(capsys.readouterr().err.split())


def test_folds_are_those_of_the_clips_that_a_label_set_keeps(
    recipe: Path, corpus: UtteranceTable, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe.write_text(f'labels = "esd"\n{RECIPE}', encoding="utf-8")
    utterances = tuple(
        replace(one, emotion="disgusted") if one.speaker == "ravdess-08" else one
        for one in corpus.utterances
    )
    table = tmp_path / "ravdess.parquet"
    replace(corpus, utterances=utterances).write(table)
    words = _crossval(recipe, table, tmp_path / "out")
    assert _call(*[word.replace("speakers:2", "speakers:8") for word in words]) == 2
    assert "allowed are 2 to 7 folds" in _one_line(capsys.readouterr().err)
    # Refused before any feature is computed.
    assert not (tmp_path / "out").exists()


# A new head on a bundle's embedding ----------------------------------------------------------

WORDS = {"angry": "Furious", "happy": "content", "neutral": "content", "sad": "low"}


@pytest.fixture(scope="module")
def calls(corpus: UtteranceTable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of one's own, whose labels are one's own too."""
    path = tmp_path_factory.mktemp("calls") / "calls.csv"
    lines = ["path,emotion,speaker"]
    for one in corpus.utterances:
        lines.append(f"{corpus.audio_path(one)},{WORDS[str(one.emotion)]},{one.speaker}")
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def base(calls: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with an embedding that says that it heard the first two of the speakers."""
    folder = build_bundle(tmp_path_factory.mktemp("base") / "base", features=synthetic.LOG_MEL)
    utterances = load_table(f"csv={calls}").utterances
    voices = sorted({str(one.speaker) for one in utterances})[:2]
    heard = marks(one for one in utterances if one.speaker in voices)
    replace(Bundle.load(folder).manifest, heard=" ".join(sorted(heard))).write(folder)
    return folder


def _heading(base: Any, data: Any, output: Any, *others: str) -> list[str]:
    words = ["--from", str(base), "--data", str(data), "-o", str(output), "--workers", "1"]
    return ["train", *words, *others]


def test_a_head_for_labels_of_ones_own_goes_all_the_way(
    base: Path,
    calls: Path,
    corpus: UtteranceTable,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = tmp_path / "head"
    assert _call(*_heading(base, f"csv={calls}", output, "--own-labels", "--name", "calls")) == 0
    out, err = capsys.readouterr()
    assert out == f"{output}\n"
    assert "heard 16 of the clips" in err
    assert "held out: UAR" in err
    assert "no canonical" not in err
    manifest = Bundle.load(output).manifest
    assert (manifest.name, manifest.labels) == ("calls", ("content", "furious", "low"))

    clip = corpus.audio_path(corpus.utterances[0])
    assert _call("predict", clip, "--model", output, "--json") == 0
    result = json.loads(capsys.readouterr().out)
    assert tuple(result["probabilities"]) == manifest.labels
    assert _call("predict", clip, "--model", output, "--labels", "three") == 2
    assert "none of this model's labels" in capsys.readouterr().err

    assert _call("evaluate", output, "--data", f"csv={calls}", "-o", tmp_path / "scores") == 0
    printed = capsys.readouterr()
    assert "seen in training (no score)" in printed.out
    assert "no canonical" not in printed.err
    metrics = json.loads((tmp_path / "scores/metrics.json").read_text(encoding="utf-8"))
    assert metrics["classes"] == list(manifest.labels)
    assert metrics["uar"] > 0.5  # of clips that it was trained on; by chance it were a third

    assert _call("spotcheck", "--data", f"csv={calls}", "--model", output, "--json") == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["actual"] for line in lines} <= set(manifest.labels)


def test_a_head_is_scored_on_voices_that_nothing_has_heard(
    base: Path, calls: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "scores"
    words = _heading(base, f"csv={calls}", output, "--own-labels", "--protocol", "speakers:2")
    assert _call("crossval", *words[1:]) == 0
    assert "16 clips are left out: the model 'tiny' heard them" in capsys.readouterr().err
    metrics = json.loads((output / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["clips"] == 48  # of the six others
    assert metrics["classes"] == ["content", "furious", "low"]
    for fold in ("fold-1", "fold-2"):
        assert Bundle.load(output / fold).manifest.recipe["from"] == Bundle.load(base).fingerprint
    # What it wrote can be read again, whatever the labels are called, and gone on with.
    shutil.copytree(output, tmp_path / "again")
    assert _call("compare", output, tmp_path / "again", "-o", tmp_path / "comparison") == 0
    trained = (output / "fold-1" / "model.onnx").stat().st_mtime_ns
    shutil.rmtree(output / "fold-2")
    assert _call("crossval", *words[1:], "--resume") == 0
    assert json.loads((output / "metrics.json").read_text(encoding="utf-8")) == metrics
    assert (output / "fold-1" / "model.onnx").stat().st_mtime_ns == trained
    capsys.readouterr()
    words[words.index("speakers:2")] = "speakers:3"
    assert _call("crossval", *words[1:], "--resume") == 1
    assert "or on other clips" in _one_line(capsys.readouterr().err)


def test_a_head_for_canonical_emotions(
    base: Path, table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "head"
    assert _call(*_heading(base, table, output)) == 0
    manifest = Bundle.load(output).manifest
    assert (manifest.name, manifest.labels) == ("tiny-head", synthetic.LABELS)
    assert not manifest.own_labels
    capsys.readouterr()
    words = _heading(base, table, tmp_path / "quick", "--protocol", "speakers:2", "--quick")
    assert _call("crossval", *words[1:]) == 0
    assert "no score" in capsys.readouterr().err


def test_a_head_on_voices_heard_already_has_no_score(
    base: Path,
    table: Path,
    corpus: UtteranceTable,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    heard = tmp_path / "heard"
    Bundle.load(base).export(heard)
    every = " ".join(sorted(marks(corpus.utterances)))
    replace(Bundle.load(heard).manifest, heard=every).write(heard)
    words = _heading(heard, table, tmp_path / "scores", "--protocol", "speakers:2")
    assert _call("crossval", *words[1:]) == 1
    assert "heard all of these voices" in _one_line(capsys.readouterr().err)
    assert not (tmp_path / "scores").exists()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ((), "give either a RECIPE"),
        (("functionals-svm", "--from", "BASE"), "give either a RECIPE"),
        (("functionals-svm", "--own-labels"), "--own-labels goes with --from"),
        (("--from", "BASE", "--epochs", "3", "--track", "mlflow"), "--epochs and --track"),
        (("--from", "BASE", "--recordings", "noise"), "leave out --recordings"),
        (("mfcc-cnn", "--recordings", "noise"), "hears neither noises nor rooms"),
        (("--from", "nowhere"), "there is no model 'nowhere'"),
        (("--from", "CLASSICAL"), "has no embedding"),
    ],
)
@pytest.mark.parametrize("command", ["train", "crossval"])
def test_what_does_not_go_together_is_refused_before_any_work(
    command: str,
    given: tuple[str, ...],
    told: str,
    base: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    places = {"BASE": base}
    if "CLASSICAL" in given:
        places["CLASSICAL"] = build_classical_bundle(tmp_path / "classical")
    words = [str(places.get(word, word)) for word in given]
    protocol = ["--protocol", "loso"] if command == "crossval" else []
    data = ["--data", "nowhere.parquet", "-o", str(tmp_path / "out")]
    assert _call(command, *words, *data, *protocol) in (1, 2)
    assert told in _one_line(capsys.readouterr().err)
    assert not (tmp_path / "out").exists()


def test_labels_without_a_canonical_one_are_no_emotions(
    base: Path, calls: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _call(*_heading(base, f"csv={calls}", tmp_path / "out")) == 1
    assert "take the labels as you wrote them with --own-labels" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
