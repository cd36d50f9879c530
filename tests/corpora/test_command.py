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


@pytest.mark.parametrize("name", CORPORA)
def test_info_of_every_corpus(name: str) -> None:
    corpus = CORPORA[name]
    result = run.invoke(app, ["info", name])
    assert result.exit_code == 0
    lines = [line.split(maxsplit=1)[0] for line in result.stdout.splitlines()]
    assert ("clips" in lines) == ("emotions" in lines) == bool(corpus.clips)
    assert ("how" in lines) == bool(corpus.obtain)
    assert ("archives" in lines) == bool(corpus.archives)
    described = json.loads(run.invoke(app, ["info", name, "--json"]).stdout)
    assert described["clips"] == (corpus.clips or None)
    assert sum(described["emotions"].values()) == corpus.clips
    assert described["archives"] == [archive.url for archive in corpus.archives]


def test_counts_that_nobody_knows_are_not_printed() -> None:
    lines = [line.split() for line in run.invoke(app, ["list"]).stdout.splitlines()]
    rows = {name: numbers for name, *numbers in lines}
    assert rows["tess"][:4] == ["en", "7", "2800", "2"]
    assert rows["iemocap"][:4] == ["en", "7", "10039", "free"]
    assert rows["msp-podcast"][:3] == ["en", "7", "free"]
    assert rows["folder"][:2] == ["9", "that"]
    described = run.invoke(app, ["info", "iemocap"]).stdout
    assert ["clips", "10039"] in [line.split() for line in described.splitlines()]


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
