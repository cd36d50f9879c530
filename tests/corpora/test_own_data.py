"""One's own recordings: folders named by emotion, and tables."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from serein.cli.corpora import app
from serein.corpora import CORPORA, ScanReport, UtteranceTable, load_table, scan
from serein.corpora.readers.words import EMOTIONS, LOSSY, PARTS, known_emotions
from serein.errors import DataInvalid
from serein.labels import LABELS
from tests.corpora.conftest import Plant
from tests.corpora.test_published import left_out

run = CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1"})


def rows(report: ScanReport) -> dict[str, tuple[str | None, str | None, str | None]]:
    """Emotion, speaker and split of every clip by its path."""
    found = report.table.utterances
    return {item.path: (item.emotion, item.speaker, item.split) for item in found}


# Words ---------------------------------------------------------------------------------------


def test_every_label_is_a_word_for_itself() -> None:
    assert {EMOTIONS[label] for label in LABELS} == set(LABELS) == set(EMOTIONS.values())
    assert all(word == word.casefold() for word in (*EMOTIONS, *PARTS))
    assert set(LOSSY) <= set(EMOTIONS)
    assert not set(EMOTIONS) & set(PARTS)
    assert all(word in known_emotions() for word in EMOTIONS)


@pytest.mark.parametrize("word", ["ANG", "ang", "Anger", "angry", "ANGRY"])
def test_words_are_known_in_any_case(word: str) -> None:
    assert CORPORA["folder"].canonical(word) == CORPORA["csv"].canonical(word) == "angry"


# Folders -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("Happy/1.wav", ("happy", None, None)),
        ("anna/joy/1.wav", ("happy", "folder-anna", None)),
        ("happiness/anna/1.wav", ("happy", "folder-anna", None)),
        ("train/HAP/1.wav", ("happy", None, "train")),
        ("Dev/anna/happy/1.wav", ("happy", "folder-anna", "validation")),
        ("anna/testing/happy/1.wav", ("happy", "folder-anna", "test")),
        ("happy/anna/training/1.wav", ("happy", "folder-anna", "train")),
        ("happy/eval/anna/1.wav", ("happy", "folder-anna", "evaluation")),
        ("happy/valid/1.wav", ("happy", None, "validation")),
        ("test/happy/anna/1.wav", ("happy", "folder-anna", "test")),
        ("mine/all/train/anna/happy/1.wav", ("happy", "folder-anna", "train")),
        ("joy/happy/1.wav", ("happy", "folder-joy", None)),
        ("mine/anna/happy/1.wav", ("happy", "folder-anna", None)),
    ],
)
def test_layouts_of_folders(
    plant: Plant, path: str, expected: tuple[str, str | None, str | None]
) -> None:
    assert rows(scan("folder", plant(path))) == {path: expected}


def test_folder_says_nothing_else_and_misses_nothing(plant: Plant) -> None:
    report = scan("folder", plant("anna/calm/1.wav", "ben/boredom/1.wav"))
    first, second = report.table.utterances
    assert (first.language, first.sex, first.sentence, first.intensity) == (None, None, None, None)
    assert (first.corpus, first.original_emotion) == ("folder", "calm")
    assert (second.emotion, second.original_emotion) == ("bored", "boredom")
    assert report.complete
    assert report.warnings == ()


def test_unknown_words_keep_their_rows(plant: Plant) -> None:
    root = plant("happy/1.wav", "proud/1.wav", "proud/2.wav", "anna/jealous/1.wav")
    plant("top.wav", "train/top.wav")
    report = scan("folder", root)
    assert rows(report)["proud/1.wav"] == (None, None, None)
    assert rows(report)["anna/jealous/1.wav"] == (None, "folder-anna", None)
    assert report.complete
    assert report.notes == (
        "3 clips have a label that fits no canonical one, stay in the table and are left out of "
        "training: proud 2, jealous 1",
    )
    assert left_out(report) == {"sounds that lie in no folder which could name their emotion": 2}


def test_copies_in_other_containers_are_one_clip(plant: Plant) -> None:
    report = scan("folder", plant("happy/1.wav", "happy/1.mp3", "anna/happy/1.wav"))
    assert set(rows(report)) == {"happy/1.wav", "anna/happy/1.wav"}
    assert [(b.kind, b.paths) for b in report.blemishes] == [("copy", ("happy/1.mp3",))]


def test_folders_without_any_known_word(plant: Plant) -> None:
    root = plant("proud/1.wav", "anna/jealous/1.wav")
    with pytest.raises(DataInvalid) as caught:
        scan("folder", root)
    message = str(caught.value)
    assert "found jealous, proud" in message
    assert "[SPLIT/][SPEAKER/]EMOTION/file.wav" in message
    assert known_emotions() in message
    with pytest.raises(DataInvalid, match=r"no clip of folder among 1 files .*happy/one.wav"):
        scan("folder", plant("sub/happy.wav") / "sub")


def test_folder_from_the_command_line(plant: Plant, tmp_path: Path) -> None:
    root = plant("train/anna/happy/1.wav", "test/ben/sad/1.wav", "test/ben/proud/1.wav")
    table = tmp_path / "t.parquet"
    result = run.invoke(app, ["scan", "folder", str(root), "-o", str(table)])
    assert result.exit_code == 0
    assert "folder, complete: 3 clips" in result.stdout
    assert "warning: 1 clips have a label that fits no canonical one" in result.stderr
    assert {item.split for item in UtteranceTable.read(table).utterances} == {"train", "test"}
    assert load_table(f"folder={root}") == UtteranceTable.read(table)


# Tables --------------------------------------------------------------------------------------


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write a table into the folder of the sounds, and say where."""

    def table(text: str, name: str = "my-table.csv", encoding: str = "utf-8") -> Path:
        path = tmp_path / "corpus" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding=encoding)
        return path

    return table


Write = Callable[..., Path]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_whole_table(plant: Plant, write: Write, delimiter: str, encoding: str, end: str) -> None:
    plant("a.wav", "deep/b.wav")
    lines = [
        ("path", "emotion", "speaker", "sex", "language", "split", "sentence", "intensity", "mine"),
        ("a.wav", " Joy ", "anna", "W", "DE", "dev", '"eins, zwei; drei"', "strong", "?"),
        ("deep/b.wav", "sad", "", "male", "", "part 2", "", "", ""),
    ]
    table = write(end.join(map(delimiter.join, lines)) + end, encoding=encoding)
    report = scan("csv", table)
    first, second = report.table.utterances
    assert (first.emotion, first.original_emotion) == ("happy", "Joy")
    assert (first.speaker, first.sex, first.language) == ("csv-anna", "female", "de")
    assert (first.split, first.intensity) == ("validation", "strong")
    assert first.sentence == "eins, zwei; drei"
    assert (second.speaker, second.sex, second.language) == (None, "male", None)
    assert (second.split, second.sentence, second.intensity) == ("part 2", None, None)
    assert report.complete
    assert report.warnings == ()
    assert report.table.audio_path(second).is_file()
    # The folder of the table will do as well.
    assert scan("csv", table.parent).table == report.table


@pytest.mark.parametrize(
    "header", ["FILE;Label;GENDER", "FileName;emotion;Sex", " Path ;EMOTION;gender"]
)
def test_other_names_of_columns(plant: Plant, write: Write, header: str) -> None:
    plant("a.wav")
    (found,) = scan("csv", write(f"{header}\na.wav;fear;f\n")).table.utterances
    assert (found.path, found.emotion, found.sex) == ("a.wav", "fearful", "female")


def test_of_two_columns_for_one_thing_the_first_counts(plant: Plant, write: Write) -> None:
    plant("a.wav")
    table = write("label,path,emotion,file\nhappy,a.wav,sad,b.wav\n")
    assert rows(scan("csv", table)) == {"a.wav": ("happy", None, None)}


def test_rows_that_are_amiss_are_reported(plant: Plant, write: Write) -> None:
    root = plant("a.wav", "b.wav")
    (root / "noise.wav").write_bytes(b"no sound at all")
    table = write(
        "path,emotion\n"
        "a.wav,happy\n"
        "absent.wav,happy\n"
        f"{'long' * 500},happy\n"
        ",happy\n"
        "b.wav,\n"
        "\n"
        "noise.wav,sad\n"
        "./a.wav,sad\n"
        "short\n"
        "b.wav,surprise,more,than,the,header\n"
    )
    report = scan("csv", table)
    assert rows(report) == {"a.wav": ("happy", None, None), "b.wav": ("surprised", None, None)}
    found = {(b.kind, b.paths, b.detail) for b in report.blemishes if b.kind == "left_out"}
    assert found == {
        ("left_out", ("absent.wav", "long" * 500), "rows whose file is not there"),
        ("left_out", ("a.wav",), "rows that name a file again, of which the first counts"),
        (
            "left_out",
            tuple(f"my-table.csv, line {line}" for line in (5, 6, 10)),
            "rows without a path or without an emotion",
        ),
    }
    assert [b.paths for b in report.blemishes if b.kind == "unreadable"] == [("noise.wav",)]
    assert report.complete


def test_paths_that_lead_out_of_the_folder(plant: Plant, tmp_path: Path, write: Write) -> None:
    root = plant("inside.wav", "tables/x.wav")
    absolute = (root / "inside.wav").resolve()
    table = write(
        f"path,emotion\n{absolute},calm\n../inside.wav,sad\n./x.wav,sad\n", name="tables/t.csv"
    )
    report = scan("csv", table)
    assert rows(report) == {
        absolute.as_posix(): ("calm", None, None),
        "x.wav": ("sad", None, None),
    }
    assert left_out(report) == {"rows that name a file again, of which the first counts": 1}
    for item in report.table.utterances:
        assert report.table.audio_path(item).is_file()
    report.table.write(tmp_path / "t.parquet")
    assert UtteranceTable.read(tmp_path / "t.parquet") == report.table


def test_paths_written_on_windows(plant: Plant, write: Write) -> None:
    plant("deep/down/a.wav")
    table = write("path,emotion\ndeep\\down\\a.wav,calm\n")
    assert rows(scan("csv", table)) == {"deep/down/a.wav": ("calm", None, None)}


def test_folders_that_could_be_either_are_left_out(plant: Plant) -> None:
    """Of two folders that may be the speaker none is guessed: a score would rest on the guess."""
    root = plant("anna/take1/happy/1.wav", "bert/take1/sad/1.wav", "carla/sad/2.wav")
    report = scan("folder", root)
    assert rows(report) == {"carla/sad/2.wav": ("sad", "folder-carla", None)}
    assert any("nobody can tell which folder is the speaker" in line for line in report.warnings)


def test_what_the_table_does_not_name_is_counted(plant: Plant, write: Write) -> None:
    plant("a.wav", "a.flac", "deep/b.wav", "c.wav")
    table = write("path,emotion\na.wav,calm\na.flac,calm\n")
    assert scan("csv", table).notes == ()  # what lies beside a table that is named is not meant
    report = scan("csv", table.parent)
    # Both are named, so neither is taken for a copy.
    assert set(rows(report)) == {"a.wav", "a.flac"}
    assert report.notes == ("2 sounds in the folder are not named in my-table.csv",)


def test_speaker_of_two_sexes_is_named(plant: Plant, write: Write) -> None:
    plant("a.wav", "b.wav")
    table = write("path,emotion,speaker,sex\na.wav,calm,kim,f\nb.wav,sad,kim,m\n")
    (note,) = scan("csv", table).notes
    assert "folder" not in note
    assert "csv-kim" in note


def test_unknown_words_of_a_table(plant: Plant, write: Write) -> None:
    plant("a.wav", "b.wav")
    report = scan("csv", write("path,emotion,sex\na.wav,proud,femme\nb.wav,sad,m\n"))
    first, second = report.table.utterances
    assert (first.emotion, first.original_emotion, first.sex) == (None, "proud", None)
    assert second.sex == "male"
    sex, label = report.notes
    assert sex == "my-table.csv: a sex is female, male, f, m or w; taken as unknown: femme"
    assert label.endswith("left out of training: proud 1")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "needs the columns path and emotion, and may have speaker, .*; found nothing"),
        ("path;feeling\na.wav;sad\n", "needs the columns .* found path, feeling"),
        ("path,emotion\n", r"names no sound that could be read \(no rows\)"),
        ("path,emotion\nb.wav,sad\n,sad\n", r"1 rows whose file is not there, 1 rows without"),
    ],
)
def test_tables_of_no_use(plant: Plant, write: Write, text: str, message: str) -> None:
    plant("a.wav")
    with pytest.raises(DataInvalid, match=message):
        scan("csv", write(text))


def test_tables_that_are_no_text(plant: Plant, write: Write) -> None:
    plant("a.wav")
    table = write("path,emotion\na.wav,müde\n", encoding="utf-16")
    with pytest.raises(DataInvalid, match="save it as CSV in UTF-8"):
        scan("csv", table)


def test_folder_needs_one_table(plant: Plant, write: Write, tmp_path: Path) -> None:
    root = plant("a.wav", "deep/x.wav")
    write("path,emotion\nx.wav,sad\n", name="deep/t.csv")
    with pytest.raises(DataInvalid, match=r"one table .* found none; name the table itself"):
        scan("csv", root)
    write("path,emotion\na.wav,sad\n", name="one.csv")
    write("path\temotion\na.wav\tsad\n", name="two.TSV")
    with pytest.raises(DataInvalid, match=r"found one.csv, two.TSV"):
        scan("csv", root)
    with pytest.raises(DataInvalid, match="is no table and no folder"):
        scan("csv", tmp_path / "absent.csv")
    with pytest.raises(DataInvalid, match="is no folder"):
        scan("folder", root / "one.csv")


def test_table_from_the_command_line(plant: Plant, write: Write, tmp_path: Path) -> None:
    plant("a.wav")
    source = write("file;label\na.wav;Anger\n")
    table = tmp_path / "t.parquet"
    result = run.invoke(app, ["scan", "csv", str(source), "-o", str(table), "--json"])
    report = json.loads(result.stdout)
    assert (report["corpus"], report["clips"], report["complete"]) == ("csv", 1, True)
    assert report["emotions"] == {"angry": 1}
    assert load_table(f"csv={source}") == UtteranceTable.read(table)
