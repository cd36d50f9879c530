from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from serein.cli.corpora import app
from serein.corpora import CORPORA, UtteranceTable
from serein.errors import ArgumentInvalid, DataInvalid
from tests.corpora.conftest import Plant

run = CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1"})


def test_list() -> None:
    result = run.invoke(app, ["list"])
    assert result.exit_code == 0
    for name in CORPORA:
        assert name in result.stdout
    lines = run.invoke(app, ["list", "--json"]).stdout.splitlines()
    assert [json.loads(line)["name"] for line in lines] == list(CORPORA)


def test_info() -> None:
    result = run.invoke(app, ["info", "tess"])
    assert result.exit_code == 0
    for part in ("2800 by 2 speakers", "ps → surprised", "CC BY-NC-ND 4.0", "pleasant surprise"):
        assert part in result.stdout
    described = json.loads(run.invoke(app, ["info", "tess", "--json"]).stdout)
    assert described["emotions"]["surprised"] == 400
    assert isinstance(run.invoke(app, ["info", "tes"]).exception, ArgumentInvalid)


def test_scan_for_people(plant: Plant, tmp_path: Path) -> None:
    root = plant("gio-f1-b1.wav", "rab-m1-b1.wav", "rab-m1-b2.wav")
    table = tmp_path / "emovo.parquet"
    result = run.invoke(app, ["scan", "emovo", str(root), "-o", str(table)])
    assert result.exit_code == 0
    rows = [line.split() for line in result.stdout.splitlines()]
    assert rows[0] == ["emotion", "female", "male", "clips"]
    assert ["angry", "0", "2", "2"] in rows
    assert ["happy", "1", "0", "1"] in rows
    assert ["speakers", "1", "1", "2"] in rows
    assert "emovo, incomplete: 3 clips, 0.00 hours" in result.stdout
    assert "warning: 585 of 588 clips are missing" in result.stderr
    assert "warning" not in result.stdout
    assert len(UtteranceTable.read(table)) == 3


def test_scan_as_json(plant: Plant, tmp_path: Path) -> None:
    root = plant("gio-f1-b1.wav")
    table = tmp_path / "emovo.parquet"
    result = run.invoke(app, ["scan", "emovo", str(root), "-o", str(table), "--json"])
    report = json.loads(result.stdout)
    assert (report["clips"], report["speakers"], report["complete"]) == (1, 1, False)
    assert report["missing"]["clips"] == 587
    assert report["emotions"] == {"happy": 1}
    assert report["table"] == table.as_posix()


def test_scan_without_any_clip(tmp_path: Path) -> None:
    result = run.invoke(app, ["scan", "emovo", str(tmp_path), "-o", str(tmp_path / "x.parquet")])
    assert isinstance(result.exception, DataInvalid)
    assert not (tmp_path / "x.parquet").exists()


@pytest.mark.parametrize("command", ["list", "info", "scan"])
def test_help_has_an_example(command: str) -> None:
    result = run.invoke(app, [command, "--help"])
    assert f"Example: serein corpora {command}" in result.stdout
