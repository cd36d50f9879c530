from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from serein.bundle import Bundle
from serein.bundle import files as bundle_files
from serein.training.recipe import available_recipes
from tests.builders import build_bundle
from tests.cli.conftest import Run


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for the package's own bundles, with one in it."""
    folder = tmp_path / "bundles"
    build_bundle(folder / "bundled", name="bundled")
    monkeypatch.setattr(bundle_files, "_packaged", lambda: folder)
    return folder


def test_list(run: Run, installed: Path) -> None:
    build_bundle(installed / "other", name="other", labels=("happy", "sad"))
    values = [json.loads(line) for line in run("models", "list", "--json").out.splitlines()]
    assert [value["name"] for value in values] == ["bundled", "other"]
    assert values[1]["labels"] == ["happy", "sad"]
    assert values[0]["licence"] == "CC0-1.0"
    shown = run("models", "list").out
    assert "bundled" in shown
    assert "CC0-1.0" in shown


def test_list_goes_on_past_a_damaged_bundle(run: Run, installed: Path) -> None:
    build_bundle(installed / "other", name="other")
    (installed / "bundled" / "model.onnx").write_bytes(b"damaged")
    ended = run("models", "list", "--json")
    assert ended.status == 1
    assert [json.loads(line)["name"] for line in ended.out.splitlines()] == ["other"]
    assert "sha256 differs" in ended.err


def test_info_says_whether_a_model_tells_speech(run: Run, tmp_path: Path) -> None:
    for speech, words in ((True, "told from noise"), (False, "not told from noise")):
        model = build_bundle(tmp_path / str(speech), speech=speech)
        value = json.loads(run("models", "info", str(model), "--json").out)
        assert value["tells_speech"] is speech
        (row,) = (x for x in run("models", "info", model).out.splitlines() if "from noise" in x)
        assert row.split(maxsplit=1) == ["speech", f"{words} and music"]


def test_list_of_nothing(run: Run, installed: Path) -> None:
    shutil.rmtree(installed)
    ended = run("models", "list", "--json")
    assert (ended.status, ended.out) == (0, "")
    assert "no model" in ended.err


def test_list_names_the_command_for_every_model_that_does_not_ship(
    run: Run, installed: Path
) -> None:
    build_bundle(installed / "mfcc-cnn", name="mfcc-cnn")
    shown = run("models", "list").out
    missing = set(available_recipes()) - {"bundled", "mfcc-cnn"}
    assert {"lstm-cnn", "conv-lstm", "mel-mfcc-ensemble"} <= missing
    for name in missing:
        assert f"serein train {name} --data ravdess=DIR -o {name}" in shown
    assert "serein train mfcc-cnn " not in shown
    assert "serein train bundled " not in shown


def test_info(run: Run, bundle: Path) -> None:
    value = json.loads(run("models", "info", bundle, "--json").out)
    manifest = Bundle.load(bundle).manifest
    assert value["labels"] == list(manifest.labels)
    assert value["features"] == manifest.features.as_dict()
    assert value["corpora"]["made-up"]["licence"] == "CC0-1.0"
    assert value["scores"] == dict(manifest.scores)
    assert value["parameters"] == manifest.parameters
    assert value["bytes"] == sum(path.stat().st_size for path in bundle.iterdir())
    assert Path(value["card"]).is_file()
    shown = run("models", "info", bundle).out
    for part in (
        "CC0-1.0",
        "angry, happy, neutral, sad",
        "corpus made-up",
        "speakers:2",
        "UAR U 50.0 %, E 62.5 %",
        str(bundle),
    ):
        assert part in shown
    assert not any(line.endswith(" ") for line in shown.splitlines())


def test_card(run: Run, bundle: Path) -> None:
    assert run("models", "info", bundle, "--card").out == Bundle.load(bundle).card


def test_export(run: Run, bundle: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy"
    assert run("models", "export", bundle, "--to", target).status == 0
    assert Bundle.load(target).fingerprint == Bundle.load(bundle).fingerprint
    again = run("models", "export", bundle, "--to", target)
    assert (again.status, again.out) == (2, "")
    assert "not an empty folder" in again.err
