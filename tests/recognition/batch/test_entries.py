from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from serein.recognition.batch.entries import Seen, as_text, entry_of, extension_of


def test_seen_is_a_set_of_files() -> None:
    generator = random.Random(0)
    names = [f"clips/{generator.randrange(4000)}.wav" for _ in range(10_000)]
    seen, expected = Seen(), set()
    for name in names:
        assert seen.add(name) == (name not in expected)
        expected.add(name)
    assert len(seen) == len(expected)


def test_spellings_of_one_path_are_one_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    seen = Seen()
    assert seen.add("clips/a.wav")
    assert not seen.add("./clips//a.wav")
    assert not seen.add(str(tmp_path / "clips" / "a.wav"))
    assert seen.add("s3://clips/a.wav")
    assert not seen.add("s3://clips/a.wav")
    assert seen.add("clips/A.wav") == (os.name != "nt")


def test_name_that_is_no_unicode_is_written_with_escapes() -> None:
    name = os.fsdecode(b"caf\xe9.wav")
    assert as_text(name) == "caf\\xe9.wav" or os.name == "nt"
    assert as_text("café.wav") == "café.wav"


def test_extension_of_paths_and_addresses() -> None:
    assert extension_of("a/b.WAV") == ".wav"
    assert extension_of("a.b/c") == ""
    assert extension_of("https://host/x%2Ey.csv?token=a.wav") == ".csv"


def test_entry_of_what_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "five").write_bytes(b"12345")
    assert entry_of(str(tmp_path / "five")).size == 5
    assert entry_of(str(tmp_path / "none.wav")) == (str(tmp_path / "none.wav"), 0)
    assert entry_of("a\0b.wav").size == 0
    assert entry_of((tmp_path / "five").as_uri()) == (str(tmp_path / "five"), 5)
