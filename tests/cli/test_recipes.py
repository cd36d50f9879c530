"""Every packaged recipe on real speech: from the corpus to a judgement of a clip."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from serein.corpora import scan
from serein.training.recipe import available_recipes
from tests.cli.conftest import Run


@pytest.fixture(scope="module")
def table(corpora_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """EMOVO, scanned once."""
    path = tmp_path_factory.mktemp("table") / "emovo.parquet"
    scan("emovo", corpora_root / "emovo", workers=1).table.write(path)
    return path


@pytest.mark.corpora("emovo")
@pytest.mark.parametrize("recipe", available_recipes())
def test_a_recipe_is_scored_and_its_model_judges_a_clip(
    recipe: str, table: Path, corpora_root: Path, run: Run, tmp_path: Path
) -> None:
    scores = tmp_path / "scores"
    arguments = ("--data", table, "--protocol", "speakers:3", "--fold", "1", "--workers", "1")
    ended = run("crossval", recipe, *arguments, "--quick", "-o", scores)
    assert ended.status == 0, ended.err
    metrics = json.loads((scores / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["recipe"] == recipe
    assert metrics["quick"] is True
    assert metrics["speakers"] == 2
    assert metrics["parameters"] > 0
    assert (scores / "report.html").stat().st_size > 0
    clip = next((corpora_root / "emovo").rglob("*.opus"))
    ended = run("predict", "--json", "--model", scores / "fold-1", clip)
    assert ended.status == 0, ended.err
    judged = json.loads(ended.out)
    assert judged["model"] == recipe
    assert set(judged["probabilities"]) <= set(metrics["classes"])
    assert len(judged["probabilities"]) >= 2
    assert sum(judged["probabilities"].values()) == pytest.approx(1.0)
