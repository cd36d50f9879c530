"""Protocols, evaluation, comparison, the store and the trackers, called as a person would."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from serein.corpora import UtteranceTable
from tests.cli.conftest import Run
from tests.cli.test_train import NETWORK, RECIPE
from tests.training import synthetic


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> UtteranceTable:
    return synthetic.corpus_of(tmp_path_factory)


@pytest.fixture(scope="module")
def table(corpus: UtteranceTable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tables") / "ravdess.parquet"
    corpus.write(path)
    return path


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipes") / "mine.toml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


def _of_actors(corpus: UtteranceTable, last: int) -> UtteranceTable:
    """The clips of the first actors alone."""
    kept = (one for one in corpus.utterances if int(str(one.speaker)[-2:]) <= last)
    return UtteranceTable(corpus.root, corpus.corpus, tuple(kept))


def _metrics(folder: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    return values


def test_random_split_tells_the_gap(run: Run, recipe: Path, table: Path, tmp_path: Path) -> None:
    options = ["--protocol", "random:2", "--workers", "1"]
    ended = run("crossval", recipe, "--data", table, "-o", tmp_path / "scores", *options)
    assert ended.status == 0
    metrics = _metrics(tmp_path / "scores")
    apart = _metrics(tmp_path / "scores" / "speakers-apart")
    assert metrics["protocol"] == "random (speakers leak)"
    assert "mine, random (speakers leak), 1 seed" in ended.out
    assert apart["protocol"] == "speakers:2"
    gap = 100 * metrics["uar"] - 100 * apart["uar"]
    assert f"UAR U: random (speakers leak) {100 * metrics['uar']:.1f}, speakers:2 " in ended.out
    assert f"a gap of {gap:.1f} points" in ended.out
    page = (tmp_path / "scores" / "report.html").read_text(encoding="utf-8")
    assert "random (speakers leak)" in page


def test_impossible_protocol_is_refused_before_features(
    run: Run, recipe: Path, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serein.training.data.load_dataset", None)  # would fail if it were called
    command = ["crossval", recipe, "--data", table, "-o", tmp_path / "scores", "--protocol"]
    for protocol, told in (
        ("speakers:99", "allowed are 2 to 8 folds"),
        ("by-hand", "allowed are speakers:K, stratified:K, loso, corpus, official, random"),
    ):
        ended = run(*command, protocol)
        assert (ended.status, ended.out) == (2, "")
        assert told in ended.err
    for protocol, told in (("official", "no official parts"), ("corpus", "two or more")):
        ended = run(*command, protocol)
        assert ended.status == 1
        assert told in ended.err
    assert not (tmp_path / "scores").exists()


def test_shared_sentences_are_refused_on_demand(
    run: Run, recipe: Path, table: Path, tmp_path: Path
) -> None:
    ended = run(
        *("crossval", recipe, "--data", table, "-o", tmp_path / "scores", "--workers", "1"),
        *("--protocol", "speakers:2", "--sentences-apart"),
    )
    assert ended.status == 1
    assert "sentence '1' of ravdess stands in both train and test" in ended.err


def test_evaluate_leaves_out_whom_it_has_heard(
    run: Run, recipe: Path, table: Path, corpus: UtteranceTable, tmp_path: Path
) -> None:
    half = _of_actors(corpus, 5)
    half.write(tmp_path / "half.parquet")
    model = tmp_path / "model"
    trained = run("train", recipe, "--data", tmp_path / "half.parquet", "-o", model)
    assert trained.status == 0
    ended = run("evaluate", model, "--data", table, "-o", tmp_path / "unseen")
    assert ended.status == 0
    metrics = _metrics(tmp_path / "unseen")
    assert metrics["protocol"] == "unseen speakers"
    assert metrics["left_out"] == len(half)
    assert metrics["clips"] == len(corpus) - len(half)
    assert f"{len(half)} clips are left out: the model heard them" in ended.err
    fit = run("evaluate", model, "--data", tmp_path / "half.parquet", "-o", tmp_path / "fit")
    assert fit.status == 0
    assert "seen in training (no score)" in fit.out
    assert "nothing of how it does on others" in fit.err
    taken = run("evaluate", model, "--data", table, "-o", tmp_path / "fit")
    assert taken.status == 2
    assert run("evaluate", "no-such-model", "--data", table, "-o", tmp_path / "x").status == 2


def test_evaluate_tells_what_it_does_not_score(
    run: Run, recipe: Path, table: Path, corpus: UtteranceTable, tmp_path: Path
) -> None:
    half = _of_actors(corpus, 5)
    half.write(tmp_path / "half.parquet")
    model = tmp_path / "model"
    assert run("train", recipe, "--data", tmp_path / "half.parquet", "-o", model).status == 0
    others = tuple(
        replace(one, emotion="bored") if one.emotion == "sad" else one
        for one in corpus.utterances
        if one not in half.utterances
    )
    UtteranceTable(corpus.root, corpus.corpus, others).write(tmp_path / "others.parquet")
    ended = run("evaluate", model, "--data", tmp_path / "others.parquet", "-o", tmp_path / "new")
    assert ended.status == 0
    assert "6 clips are not scored: the model does not know 'bored'" in ended.err
    assert _metrics(tmp_path / "new")["unscored"] == {"bored": 6}
    known = run("evaluate", model, "--data", table, "-o", tmp_path / "known")
    assert known.status == 0
    assert "not scored" not in known.err


def test_compare(run: Run, recipe: Path, table: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    text = RECIPE.replace("mine", "other").replace("1e-3", "1e-5")
    other.write_text(text, encoding="utf-8")
    for name, which in (("a", recipe), ("b", other)):
        options = ["--protocol", "speakers:2", "--workers", "1"]
        assert run("crossval", which, "--data", table, "-o", tmp_path / name, *options).status == 0
    folders = (tmp_path / "a", tmp_path / "b")
    ended = run("compare", *folders, "-o", tmp_path / "both")
    assert ended.status == 0
    assert "64 clips of 8 speakers" in ended.out
    assert (tmp_path / "both" / "comparison.html").is_file()
    as_json = run("compare", *folders, "-o", tmp_path / "again", "--json")
    told = json.loads(as_json.out)
    assert told == json.loads((tmp_path / "both" / "comparison.json").read_text(encoding="utf-8"))
    assert [one["name"] for one in told["runs"]] == ["a", "b"]
    alone = run("compare", folders[0], "-o", tmp_path / "alone")
    assert alone.status == 2
    assert "two runs or more" in alone.err
    missing = run("compare", folders[0], tmp_path / "none", "-o", tmp_path / "alone")
    assert missing.status == 1
    assert "metrics.json" in missing.err


def test_robustness(run: Run, recipe: Path, corpus: UtteranceTable, tmp_path: Path) -> None:
    table = tmp_path / "two.parquet"
    _of_actors(corpus, 2).write(table)
    noise = tmp_path / "noise" / "street"
    noise.mkdir(parents=True)
    hum = np.random.default_rng(0).normal(size=16_000) * 0.1
    soundfile.write(noise / "hum.wav", hum, 16_000)
    command = ["crossval", recipe, "--data", table, "--protocol", "speakers:2", "--workers", "1"]
    wrong = run(*command, "-o", tmp_path / "scores", "--noise", tmp_path / "nowhere")
    assert wrong.status == 1
    assert "is no folder" in wrong.err
    ended = run(*command, "--quick", "-o", tmp_path / "scores", "--noise", tmp_path / "noise")
    assert ended.status == 0
    families = {one["family"] for one in _metrics(tmp_path / "scores")["robustness"]["conditions"]}
    assert {"white noise", "noise street", "Opus", "gain", "pitch"} <= families


def test_enrolment(run: Run, recipe: Path, corpus: UtteranceTable, tmp_path: Path) -> None:
    table = tmp_path / "four.parquet"
    _of_actors(corpus, 4).write(table)
    command = ["crossval", recipe, "--data", table, "--protocol", "speakers:2", "--workers", "1"]
    ended = run(*command, "-o", tmp_path / "scores", "--enrolment")
    assert ended.status == 0
    metrics = _metrics(tmp_path / "scores")
    points = metrics["enrolment"]["points"]
    assert [point["clips"] for point in points] == [1, 2, 5, None]
    assert points[-1]["uar"] == pytest.approx(metrics["uar_enrolled"])
    assert metrics["enrolment"]["unknown"]["uar"] == pytest.approx(metrics["uar"])
    told = [line.split() for line in ended.out.splitlines()]
    assert ["clips", "of", "the", "voice", "1", "2", "5", "all"] in told
    assert ["ravdess", *(f"{100 * point['gain']:+.1f}" for point in points)] in told
    model = tmp_path / "scores" / "fold-1"
    ended = run("evaluate", model, "--data", table, "-o", tmp_path / "new", "--enrolment")
    assert ended.status == 0
    assert _metrics(tmp_path / "new")["enrolment"]["draws"] == 3


def test_enrolment_of_nobody_is_refused_before_features(
    run: Run,
    recipe: Path,
    corpus: UtteranceTable,
    bundle: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("serein.training.data.load_dataset", None)  # would fail if it were called
    nobody = tuple(replace(one, speaker=None) for one in corpus.utterances)
    UtteranceTable(corpus.root, corpus.corpus, nobody).write(tmp_path / "nobody.parquet")
    rest = ["--data", tmp_path / "nobody.parquet", "-o", tmp_path / "scores", "--enrolment"]
    for command in (["crossval", recipe, "--protocol", "random"], ["evaluate", bundle]):
        ended = run(*command, *rest)
        assert ended.status == 1
        assert "the data name none" in ended.err
    assert not (tmp_path / "scores").exists()


def test_what_is_decided_is_told(run: Run, recipe: Path, table: Path, tmp_path: Path) -> None:
    options = ["--protocol", "speakers:2", "--workers", "1"]
    ended = run("crossval", recipe, "--data", table, "-o", tmp_path / "scores", *options)
    decided = _metrics(tmp_path / "scores")["decided"]
    assert f"U {100 * decided['share']:.1f} % of the clips" in ended.out
    assert f"E {100 * decided['share_enrolled']:.1f} % of the clips" in ended.out
    assert f"{100 * decided['accuracy_enrolled']:.1f} % of these right" in ended.out


def test_a_model_may_have_a_name_of_its_own(
    run: Run, recipe: Path, table: Path, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    ended = run("train", recipe, "--data", table, "--name", "open", "-o", model, "--workers", "1")
    assert ended.status == 0
    told = json.loads(run("models", "info", model, "--json").out)
    assert (told["name"], told["recipe"]["name"]) == ("open", "mine")
    card = run("models", "info", model, "--card").out
    assert "serein train mine.toml --data ravdess=DIR --name open -o open" in card


def test_store(run: Run, recipe: Path, table: Path, tmp_path: Path) -> None:
    command = ["train", recipe, "--data", table, "--workers", "1"]
    store = tmp_path / "store"
    assert run(*command, "-o", tmp_path / "a", "--store", store).status == 0
    assert any(store.iterdir())
    assert run(*command, "-o", tmp_path / "b", "--store", store).status == 0
    assert run(*command, "-o", tmp_path / "c", "--no-store").status == 0
    graphs = {(tmp_path / name / "unknown.onnx").read_bytes() for name in "abc"}
    assert len(graphs) == 1
    both = run(*command, "-o", tmp_path / "d", "--store", store, "--no-store")
    assert both.status == 2
    assert "contradict" in both.err


def test_tracked_training(run: Run, recipe: Path, table: Path, tmp_path: Path) -> None:
    network = tmp_path / "tiny.toml"
    network.write_text(NETWORK.replace("epochs = 30", "epochs = 2"), encoding="utf-8")
    logs = tmp_path / "logs"
    ended = run(
        *("crossval", network, "--data", table, "-o", tmp_path / "scores", "--workers", "1"),
        *("--protocol", "speakers:2", "--track", "tensorboard", "--logs", logs),
    )
    assert ended.status == 0
    assert {path.name for path in (logs / "scores").iterdir()} == {"fold-1", "fold-2"}
    command = ["train", "--data", table, "-o", tmp_path / "model", "--logs", logs, "--track"]
    unknown = run(*command, "paper", network)
    assert unknown.status == 2
    assert "tensorboard, mlflow" in unknown.err
    no_epochs = run(*command, "tensorboard", recipe)
    assert no_epochs.status == 2
    assert "has none" in no_epochs.err


def test_the_same_clips_twice(run: Run, recipe: Path, table: Path, tmp_path: Path) -> None:
    ended = run("train", recipe, "--data", table, "--data", table, "-o", tmp_path / "model")
    assert ended.status == 1
    assert "stands twice in the data" in ended.err
