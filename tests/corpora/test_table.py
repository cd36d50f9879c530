from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from serein.corpora import RegroupedUtterance, Utterance, UtteranceTable
from serein.errors import DataInvalid, DependencyMissing

Make = Callable[..., Utterance]


@pytest.fixture
def table(utterance: Make, tmp_path: Path) -> UtteranceTable:
    """Two clips, one with everything and one with as little as can be."""
    full = utterance(
        "Zoë",
        sex="female",
        path="ą/ż.wav",
        intensity="high",
        sentence="zażółć",
        split="test",
        silent=True,
        votes={"happy": 0.75, "sad": 0.25},
    )
    bare = utterance(None, None, original_emotion="amazed", language=None)
    return UtteranceTable(tmp_path.resolve(), "acted", (full, bare))


def rewrite(path: Path, change: Callable[[pyarrow.Table], pyarrow.Table]) -> None:
    pyarrow.parquet.write_table(change(pyarrow.parquet.read_table(path)), path)


def test_round_trip(table: UtteranceTable, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "down" / "table.parquet"
    table.write(path)
    again = UtteranceTable.read(path)
    assert again == table
    assert again.audio_path(again.utterances[0]) == tmp_path.resolve() / "ą" / "ż.wav"
    assert len(again) == 2


def test_columns_are_those_promised(table: UtteranceTable, tmp_path: Path) -> None:
    table.write(tmp_path / "table.parquet")
    schema = pyarrow.parquet.read_schema(tmp_path / "table.parquet")
    assert ", ".join(schema.names) == (
        "path, corpus, speaker, sex, language, emotion, original_emotion, intensity, sentence, "
        "split, duration, sampling_rate, sha256, silent, votes"
    )
    assert schema.metadata[b"serein.root"].decode() == tmp_path.resolve().as_posix()


def test_empty_table(tmp_path: Path) -> None:
    empty = UtteranceTable(tmp_path.resolve(), "acted", ())
    empty.write(tmp_path / "empty.parquet")
    assert UtteranceTable.read(tmp_path / "empty.parquet") == empty


def test_folder_that_has_moved(table: UtteranceTable, tmp_path: Path) -> None:
    gone = UtteranceTable(tmp_path / "gone", "acted", table.utterances)
    gone.write(tmp_path / "table.parquet")
    with pytest.raises(DataInvalid, match=r"gone, which .* serein corpora scan acted DIR -o "):
        UtteranceTable.read(tmp_path / "table.parquet")
    assert UtteranceTable.read(tmp_path / "table.parquet", root=tmp_path).root == tmp_path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop_columns(["sha256", "speaker"]), "lacks the column speaker, sha256"),
        (lambda t: t.replace_schema_metadata(None), "is no utterance table"),
        (
            lambda t: t.replace_schema_metadata(
                t.schema.metadata | {b"serein.table_version": b"99"}
            ),
            "is of table version 99, this Serein reads 1",
        ),
        (
            lambda t: t.set_column(10, "duration", pyarrow.array(["long", "short"])),
            "unexpected type",
        ),
        (
            lambda t: t.set_column(5, "emotion", pyarrow.array(["joyful", None])),
            "'joyful' is not a canonical emotion; allowed are angry",
        ),
        (lambda t: t.set_column(3, "sex", pyarrow.array(["f", None])), "sex 'f' is not known"),
    ],
)
def test_unfit_tables(
    table: UtteranceTable,
    tmp_path: Path,
    change: Callable[[pyarrow.Table], pyarrow.Table],
    message: str,
) -> None:
    path = tmp_path / "table.parquet"
    table.write(path)
    rewrite(path, change)
    with pytest.raises(DataInvalid, match=message):
        UtteranceTable.read(path)


def test_classes_of_a_label_set_are_for_regrouped_clips_alone(table: UtteranceTable) -> None:
    given = asdict(table.utterances[0]) | {"emotion": "female_calm", "votes": {"positive": 2.0}}
    with pytest.raises(DataInvalid, match="is not a canonical emotion"):
        Utterance(**given)
    assert RegroupedUtterance(**given).emotion == "female_calm"
    with pytest.raises(DataInvalid, match="'joyful' is not a canonical emotion"):
        RegroupedUtterance(**given | {"emotion": "joyful"})


def test_files_that_are_no_parquet(table: UtteranceTable, tmp_path: Path) -> None:
    with pytest.raises(DataInvalid, match="there is no such table; write it with"):
        UtteranceTable.read(tmp_path / "absent.parquet")
    (tmp_path / "text.parquet").write_text("path,corpus\n", encoding="utf-8")
    with pytest.raises(DataInvalid, match="cannot be read as Parquet"):
        UtteranceTable.read(tmp_path / "text.parquet")
    with pytest.raises(DataInvalid, match="cannot be written"):
        table.write(tmp_path / "text.parquet" / "table.parquet")


def test_without_pyarrow(
    table: UtteranceTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(DependencyMissing, match=r'pip install "serein\[corpora\]"'):
        table.write(tmp_path / "table.parquet")
