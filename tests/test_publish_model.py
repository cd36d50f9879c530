"""The script that puts scores into a model touches nothing else of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from scripts import publish_model
from serein.bundle import CARD_FILE, Bundle
from serein.bundle.manifest import MANIFEST_FILE
from serein.evaluation.outcome import METRICS_FILE, write_json
from tests.browser import runs
from tests.builders import build_bundle


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = build_bundle(tmp_path / "model", name="made-up")
    manifest = Bundle.load(folder).manifest
    replace(manifest, corpora={}).write(folder)
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    write_json(folder / METRICS_FILE, runs.full("emovo"))
    return folder


def test_scores_are_published_and_nothing_else_is_changed(bundle: Path, run: Path) -> None:
    before = Bundle.load(bundle)
    weights = {
        path.name: path.read_bytes()
        for path in bundle.iterdir()
        if path.name not in (MANIFEST_FILE, CARD_FILE)
    }
    assert publish_model.main([str(bundle), str(run), "--made-by", "make model"]) == 0
    after = Bundle.load(bundle)
    assert after.manifest.scores["protocol"] == "speakers:2"
    assert {"robustness", "enrolment"} <= set(after.manifest.scores)
    assert "emovo" in after.card
    assert "`make model`" in after.card
    assert after.fingerprint == before.fingerprint
    assert {name: (bundle / name).read_bytes() for name in weights} == weights
    changed = {"scores", "recipe"}
    old, new = before.manifest.as_dict(), after.manifest.as_dict()
    assert {key for key in old if old[key] != new[key]} == changed
    assert new["recipe"] == {**old["recipe"], "made_by": "make model"}


def test_a_file_of_metrics_is_as_good_as_its_folder(bundle: Path, run: Path) -> None:
    first = publish_model.publish(bundle, [run]).card
    assert publish_model.publish(bundle, [run / METRICS_FILE]).card == first
    assert "made_by" not in Bundle.load(bundle).manifest.recipe


def test_what_cannot_be_published_changes_nothing(
    bundle: Path, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    quick = tmp_path / "quick"
    quick.mkdir()
    write_json(quick / METRICS_FILE, runs.full("emovo") | {"quick": True})
    before = (bundle / MANIFEST_FILE).read_bytes()
    for wrong, said in ((quick, "no score"), (tmp_path / "none", "no readable metrics.json")):
        assert publish_model.main([str(bundle), str(run), str(wrong)]) == 1
        assert said in capsys.readouterr().err
    assert publish_model.main([str(tmp_path / "none"), str(run)]) == 1
    assert (bundle / MANIFEST_FILE).read_bytes() == before
