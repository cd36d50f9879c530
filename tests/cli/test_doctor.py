from __future__ import annotations

import json
import sys
from importlib import metadata
from pathlib import Path

import pytest

from serein.bundle import files as bundle_files
from serein.cli import doctor
from tests.audio.portaudio import FakeSounddevice, Machine
from tests.builders import build_bundle
from tests.cli.conftest import Run


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = build_bundle(tmp_path / "bundles" / "bundled", name="bundled")
    monkeypatch.setattr(bundle_files, "_packaged", lambda: folder.parent)
    return folder


def test_all_is_well(run: Run) -> None:
    ended = run("doctor", "--json")
    found = json.loads(ended.out)
    assert (ended.status, found["ok"]) == (0, True)
    core = {check["name"]: check for check in found["core"]}
    assert core["numpy"]["found"] == metadata.version("numpy")
    assert {check["state"] for check in core.values()} == {"ok"}
    assert "train" in found["optional"]
    assert "test" not in found["optional"]
    assert "WAV" in found["codecs"]["libsndfile"]["formats"]
    assert {"aac", "opus"} <= set(found["codecs"]["FFmpeg"]["formats"])
    shown = run("doctor").out
    for part in ("onnxruntime", "CC0-1.0", "its checksum holds", "All is well"):
        assert part in shown


def test_where_features_are_kept(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEREIN_CACHE", str(tmp_path))
    folder = tmp_path / "features"
    assert json.loads(run("doctor", "--json").out)["store"]["found"] == f"{folder} (0.0 MB)"
    (folder / "shelf").mkdir(parents=True)
    (folder / "shelf" / "1.values").write_bytes(bytes(2_500_000))
    (line,) = (line for line in run("doctor").out.splitlines() if str(folder) in line)
    assert line.endswith("(2.5 MB)")


def test_without_what_finds_the_cache(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SEREIN_CACHE")
    monkeypatch.setitem(sys.modules, "platformdirs", None)
    ended = run("doctor", "--json")
    found = json.loads(ended.out)["store"]
    assert (ended.status, found["state"]) == (0, "missing")
    assert found["advice"] == 'pip install "serein[train]"'


def test_devices_of_live(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeSounddevice(Machine("USB Headset", inputs=1))
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    found = json.loads(run("doctor", "--json").out)["devices"]
    assert [(check["name"], check["state"]) for check in found] == [
        ("microphone", "ok"),
        ("loudspeaker", "missing"),
    ]
    assert found[0]["found"] == "USB Headset"
    assert "There is no loudspeaker" in found[1]["advice"]
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    ended = run("doctor")
    assert ended.status == 0
    assert 'pip install "serein[microphone]"' in ended.out


def test_damaged_model(run: Run, installed: Path) -> None:
    (installed / "model.onnx").write_bytes(b"damaged")
    ended = run("doctor")
    assert ended.status == 1
    assert "broken" in ended.out
    assert "sha256" in ended.out
    assert json.loads(run("doctor", "--json").out)["ok"] is False


def test_missing_old_and_broken_parts(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "broken_part.py").write_text("raise OSError('no library')", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(
        metadata,
        "requires",
        lambda name: [
            "numpy>=99",
            "broken-part",
            "absent_part>=1.2; python_version > '3'",
            'torch>=99; extra == "train"',
            'absent_other[fast]>=2,<3; extra == "train"',
            "serein[train]; extra == 'all'",
            'pytest>=1; extra == "test"',
        ],
    )
    core, extras = doctor._requirements()
    assert core == {"numpy": "99", "broken-part": "", "absent_part": "1.2"}
    assert extras == {"train": {"torch": "99", "absent_other": "2"}}
    monkeypatch.setattr(doctor, "_requirements", lambda: ({**core, "broken_part": ""}, extras))
    found = json.loads(run("doctor", "--json").out)
    states = {check["name"]: check["state"] for check in found["core"]}
    assert states["numpy"] == "old"
    assert states["absent_part"] == "missing"
    assert states["broken_part"] == "broken"
    (missing,) = (one for one in found["optional"]["train"] if one["name"] == "absent_other")
    assert missing["state"] == "missing"
    assert missing["advice"] == 'pip install "serein[train]"'


@pytest.mark.parametrize(
    ("low", "high"), [("2.9", "2.10"), ("2.0", "2.0.1"), ("1.20.9", "2"), ("2.13.0", "3.0+cpu")]
)
def test_versions_are_compared_as_numbers(low: str, high: str) -> None:
    assert doctor._numbers(low) < doctor._numbers(high)
    assert doctor._numbers("2.0") == doctor._numbers("2.0.0")
