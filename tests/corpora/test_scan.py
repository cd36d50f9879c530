from __future__ import annotations

import hashlib
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import soundfile

from serein.corpora import ScanReport, load_table, scan
from serein.errors import ArgumentInvalid, DataInvalid
from tests.audio.sounds import media
from tests.corpora.conftest import Plant


def blemishes(report: ScanReport) -> dict[str, list[tuple[str, ...]]]:
    """Paths of the blemishes by kind."""
    found: dict[str, list[tuple[str, ...]]] = {}
    for blemish in report.blemishes:
        found.setdefault(blemish.kind, []).append(blemish.paths)
    return found


def emovo_names(skip: str = "-") -> list[str]:
    emotions = ("dis", "gio", "neu", "pau", "rab", "sor", "tri")
    speakers = ("f1", "f2", "f3", "m1", "m2", "m3")
    sentences = [f"{kind}{n}" for kind, most in zip("bdln", (3, 2, 4, 5), strict=True)
                 for n in range(1, most + 1)]  # fmt: skip
    names = ("-".join(parts) for parts in product(emotions, speakers, sentences))
    return [f"{name}.wav" for name in names if not name.startswith(skip)]


def test_complete_corpus_has_nothing_to_say(plant: Plant) -> None:
    done: list[tuple[int, int]] = []
    report = scan("emovo", plant(*emovo_names()), progress=lambda *at: done.append(at))
    assert report.complete
    assert report.warnings == ()
    assert done == [(number, 588) for number in range(1, 589)]
    assert [item.path for item in report.table.utterances] == sorted(emovo_names())


def test_missing_clips_are_counted_and_named(plant: Plant) -> None:
    report = scan("emovo", plant(*emovo_names(skip="tri-m3-n")))
    assert not report.complete
    assert report.missing.clips == 5
    assert report.missing.by_emotion == {"sad": 5}
    assert report.missing.by_speaker == {"emovo-m3": 5}
    assert report.missing.names == tuple(f"tri-m3-n{number}" for number in range(1, 6))
    assert report.warnings[0] == "5 of 588 clips are missing"
    assert "sad 5" in report.warnings[1]
    assert "emovo-m3 5" in report.warnings[2]
    assert "tri-m3-n1" in report.warnings[3]


def test_duplicates_twins_and_silence(plant: Plant) -> None:
    plant("1001_DFA_HAP_XX.wav", "1001_IOM_HAP_XX.wav", seed=1)
    plant("1001_DFA_SAD_XX.wav", "1001_DFA_NEU_XX.wav", seed=2)
    plant("1001_DFA_FEA_XX.wav", "1002_DFA_FEA_XX.wav", seed=3)
    report = scan("crema-d", plant("1003_DFA_ANG_XX.wav", "1003_DFA_SAD_XX.wav", silent=True))
    found = blemishes(report)
    assert found["duplicate"] == [
        ("1001_DFA_FEA_XX.wav", "1002_DFA_FEA_XX.wav"),
        ("1001_DFA_HAP_XX.wav", "1001_IOM_HAP_XX.wav"),
    ]
    assert found["conflicting_twins"] == [("1001_DFA_NEU_XX.wav", "1001_DFA_SAD_XX.wav")]
    assert found["silent"] == [("1003_DFA_ANG_XX.wav", "1003_DFA_SAD_XX.wav")]
    twins = next(blemish for blemish in report.blemishes if blemish.kind == "conflicting_twins")
    assert twins.detail == "NEU/SAD"
    across = next(blemish for blemish in report.blemishes if blemish.kind == "duplicate")
    assert across.detail == "FEA, speakers crema-d-1001, crema-d-1002"


def test_unreadable_files_are_listed_and_the_others_done(plant: Plant) -> None:
    root = plant("gio-f1-b1.wav")
    (root / "gio-f1-b2.wav").write_bytes(b"no sound at all")
    (root / "gio-f1-b3.wav").write_bytes(b"")
    soundfile.write(root / "gio-f2-b1.wav", np.zeros(0), 8000)
    soundfile.write(root / "gio-f2-b2.wav", np.array([0.0, np.nan]), 8000, subtype="FLOAT")
    report = scan("emovo", root)
    assert len(report.table) == 1
    assert [paths[0] for paths in blemishes(report)["unreadable"]] == [
        *("gio-f1-b2.wav", "gio-f1-b3.wav", "gio-f2-b1.wav", "gio-f2-b2.wav")
    ]
    assert report.missing.clips == 587
    assert any("holds no samples" in warning for warning in report.warnings)


@pytest.mark.parametrize(
    ("extension", "container", "codec"), [("m4a", "ipod", "aac"), ("webm", "webm", "libopus")]
)
def test_recordings_of_phones_and_browsers(
    plant: Plant, extension: str, container: str, codec: str
) -> None:
    root = plant("happy/1.wav")
    path = media(root / "happy" / f"2.{extension}", container, codec)
    report = scan("folder", root)
    assert report.warnings == ()
    found = report.table.utterances[1]
    assert found.path == f"happy/2.{extension}"
    assert found.sampling_rate == 48_000
    assert found.duration == pytest.approx(1.0, abs=0.1)
    assert not found.silent

    # What is not whole is not taken, however much of it could be read.
    (root / "happy" / f"3.{extension}").write_bytes(path.read_bytes()[:-3000])
    (unreadable,) = scan("folder", root).blemishes
    assert (unreadable.kind, unreadable.paths) == ("unreadable", (f"happy/3.{extension}",))
    assert "damaged, or its end is missing" in unreadable.detail


def test_copies_and_strangers(plant: Plant) -> None:
    root = plant(
        "AudioMP3/1001_DFA_HAP_XX.mp3",
        "AudioWAV/1001_DFA_HAP_XX.wav",
        "again/AudioWAV/1001_DFA_HAP_XX.wav",
        "my holiday.wav",
        "._1001_DFA_HAP_XX.wav",
        "__MACOSX/1001_DFA_SAD_XX.wav",
    )
    (root / "read me.txt").write_text("hello", encoding="utf-8")
    report = scan("crema-d", root)
    assert [item.path for item in report.table.utterances] == ["AudioWAV/1001_DFA_HAP_XX.wav"]
    assert blemishes(report) == {
        "copy": [("again/AudioWAV/1001_DFA_HAP_XX.wav", "AudioMP3/1001_DFA_HAP_XX.mp3")],
        "unknown_name": [("my holiday.wav",)],
    }


def test_hash_is_of_the_samples_at_their_own_rate(plant: Plant, tmp_path: Path) -> None:
    root = plant("gio-f1-b1.wav")
    samples = np.random.default_rng(5).integers(-9000, 9000, (300, 2)).astype(np.int16)
    soundfile.write(root / "gio-f1-b2.wav", samples, 44100)
    soundfile.write(root / "gio-f1-b3.flac", samples, 44100)
    _, wav, flac = scan("emovo", root, workers=1).table.utterances
    expected = (samples / 32768).astype("<f4").tobytes()
    assert wav.sha256 == flac.sha256 == hashlib.sha256(expected).hexdigest()
    assert (wav.duration, wav.sampling_rate) == (300 / 44100, 44100)


def test_nothing_found(plant: Plant, tmp_path: Path) -> None:
    root = plant("song.wav")
    with pytest.raises(DataInvalid, match=r"no clip of tess .* OAF_back_angry.wav .* https://"):
        scan("tess", root)
    with pytest.raises(DataInvalid, match="is no folder"):
        scan("tess", tmp_path / "absent")


def test_load_table(plant: Plant, tmp_path: Path) -> None:
    root = plant("gio-f1-b1.wav")
    reports: list[ScanReport] = []
    table = load_table(f"emovo={root}", on_scan=reports.append)
    assert reports[0].table == table
    path = tmp_path / "table=1.parquet"
    table.write(path)
    assert load_table(path) == load_table(str(path)) == table
    assert len(reports) == 1
    with pytest.raises(ArgumentInvalid, match=r"'emo' is no known corpus; .* emovo"):
        load_table(f"emo={root}")
    with pytest.raises(DataInvalid, match="there is no such table"):
        load_table(tmp_path / "absent.parquet")
