"""What stands for which files; nothing is decoded here, so the files are empty."""

from __future__ import annotations

import io
import json
import os
from functools import partial
from glob import glob
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from serein.corpora.table import UtteranceTable
from serein.errors import ArgumentInvalid, DataInvalid, DependencyMissing
from serein.recognition.batch import find_files

FILES = (
    "a/b/deep.wav",
    "a/one.wav",
    "a/two.MP3",
    "a/notes.txt",
    "a/.hidden.wav",
    "b/three.opus",
    "b/x[1].wav",
    "top.flac",
)
SOUNDS = [name for name in FILES if not name.endswith(".txt") and ".hidden" not in name]

shell = partial(glob, recursive=True)


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in FILES:
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * len(name))
    monkeypatch.chdir(tmp_path / "tree")
    return tmp_path / "tree"


def found(*inputs: str | Path, listed: bytes = b"") -> list[str]:
    names = [str(name) for name in inputs]
    return [entry.file for entry in find_files(names, listed=io.BytesIO(listed))]


def test_folder_is_all_sounds_below_it(tree: Path) -> None:
    assert found(tree) == [str(tree / name) for name in SOUNDS]
    assert found("a") == [str(Path(name)) for name in SOUNDS[:3]]
    sizes = {entry.file: entry.size for entry in find_files(["a"])}
    assert sizes[str(Path("a", "one.wav"))] == len("a/one.wav")


@pytest.mark.parametrize(
    "pattern",
    [
        "*.flac",
        "a/*.wav",
        "**/*.wav",
        "a/**/*.wav",
        "?/*.*",
        "*/*.[wm]*",
        "none*.wav",
        "**/b/*.wav",
    ],
)
def test_pattern_with_an_ending_is_what_the_shell_gives(tree: Path, pattern: str) -> None:
    assert sorted(found(pattern)) == sorted(shell(pattern))
    absolute = str(tree / pattern)
    assert sorted(found(absolute)) == sorted(shell(absolute))


def test_pattern_without_an_ending_is_the_sounds_of_it(tree: Path) -> None:
    assert found("a/*") == [str(Path("a", "one.wav")), str(Path("a", "two.MP3"))]
    assert sorted(found("**")) == sorted(map(os.path.normpath, SOUNDS))


def test_name_with_brackets_that_is_there_is_itself(tree: Path) -> None:
    assert found("b/x[1].wav") == ["b/x[1].wav"]


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_links_are_followed_and_no_circle(tree: Path) -> None:
    (tree / "a" / "up").symlink_to(tree)
    (tree / "other").symlink_to(tree / "b")
    names = found(tree)
    assert str(tree / "other" / "three.opus") in names
    assert len(names) == len(set(names)) < 20


def test_folder_that_cannot_be_read_is_not_lost(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.scandir

    def scandir(path: str) -> Any:
        if Path(path).name == "b":
            raise PermissionError
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert found(tree / "a") == [str(tree / "a" / name) for name in ("b", "one.wav", "two.MP3")]


def test_order_is_that_of_the_inputs_and_files_need_not_be_there(tree: Path) -> None:
    assert found("top.flac", "gone.wav", "b/three.opus") == ["top.flac", "gone.wav", "b/three.opus"]


def test_missing_folder_is_refused_before_anything_is_found(tree: Path) -> None:
    files = find_files(["a", "typo"])
    with pytest.raises(ArgumentInvalid, match="typo: there is no such folder"):
        next(files)


def test_list_on_standard_input(tree: Path) -> None:
    listed = "a/one.wav\r\n\nä.wav\n".encode() + b"caf\xe9.wav"
    assert found("-", listed=listed) == ["a/one.wav", "ä.wav", os.fsdecode(b"caf\xe9.wav")]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.csv", "id,path\n1,one.wav\n2,\n3,b/deep.wav\n"),
        ("t.tsv", "File\tlabel\none.wav\tx\nb/deep.wav\ty\n"),
        ("t.csv", '\ufefffilename;x\n"one.wav";1\nb/deep.wav;2\n'),
    ],
)
def test_table_of_text(tree: Path, name: str, text: str) -> None:
    (tree / "a" / name).write_text(text, encoding="utf-8")
    assert found(f"a/{name}") == [str(Path("a", "one.wav")), str(Path("a", "b/deep.wav"))]


def test_parquet_table(tree: Path) -> None:
    absolute = str(tree / "top.flac")
    table = pa.table({"file": ["one.wav", None, absolute, "https://host/x.wav"], "x": [1, 2, 3, 4]})
    pq.write_table(table, tree / "a" / "t.parquet")
    expected = [str(Path("a", "one.wav")), absolute, "https://host/x.wav"]
    assert found("a/t.parquet") == expected
    (tree / "parts.parquet").mkdir()
    pq.write_table(table, tree / "parts.parquet" / "part-00000.parquet")
    assert found("parts.parquet") == [str(Path("parts.parquet", "one.wav")), *expected[1:]]


def test_column_of_a_parquet_table_in_any_case(tree: Path) -> None:
    pq.write_table(pa.table({"Path": ["one.wav"]}), tree / "a" / "t.parquet")
    assert found("a/t.parquet") == [str(Path("a", "one.wav"))]


def test_result_of_a_batch_knows_its_folder(tree: Path, tmp_path: Path) -> None:
    table = pa.table({"file": ["a/one.wav", "a/one.wav"]})
    about = json.dumps({"format": 1, "folder": str(tree)})
    (tmp_path / "out.parquet").mkdir()
    part = tmp_path / "out.parquet" / "part-00000.parquet"
    pq.write_table(table.replace_schema_metadata({"serein.batch": about}), part)
    assert found(tmp_path / "out.parquet") == [str(tree / "a/one.wav")] * 2


def test_utterance_table_knows_its_folder(tree: Path, tmp_path: Path) -> None:
    UtteranceTable(tree, "folder", ()).write(tmp_path / "u.parquet")
    table = pq.read_table(tmp_path / "u.parquet")
    row = dict.fromkeys(table.schema.names) | {
        "path": "a/one.wav",
        "corpus": "folder",
        "original_emotion": "sad",
        "duration": 1.0,
        "sampling_rate": 16_000,
        "sha256": "",
    }
    pq.write_table(pa.Table.from_pylist([row], schema=table.schema), tmp_path / "u.parquet")
    assert found(tmp_path / "u.parquet") == [str(tree / "a" / "one.wav")]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("t.csv", b"id,label\n1,x\n", "no column path or file, only id, label"),
        ("t.csv", b"", "only nothing"),
        ("t.csv", b"path\ncaf\xe9.wav\n", "save it as CSV in UTF-8"),
        ("t.parquet", b"PAR1", "cannot be read as Parquet"),
        ("none.csv", None, "the table cannot be read"),
    ],
)
def test_table_that_cannot_be_used(tree: Path, name: str, content: bytes | None, told: str) -> None:
    if content is not None:
        (tree / name).write_bytes(content)
    with pytest.raises(DataInvalid, match=told):
        found(name)


def test_nothing_is_read_ahead(tree: Path) -> None:
    files = find_files(["top.flac", "b", "t.csv"])  # the table is not there
    assert [next(files).file for _ in range(2)] == ["top.flac", str(Path("b", "three.opus"))]


def test_address_of_a_kind_that_needs_a_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "s3fs", None)
    with pytest.raises(DependencyMissing, match="s3fs"):
        found("s3://bucket/clips/")
    with pytest.raises(ArgumentInvalid, match="no address that can be read"):
        found("nonsense://bucket/clips/")
