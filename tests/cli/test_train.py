"""``serein train`` and ``serein crossval``, called as a person would."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from serein.bundle import Bundle
from serein.cli.main import main
from serein.corpora import UtteranceTable
from serein.labels import LABEL_SETS
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
