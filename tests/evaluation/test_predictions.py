from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from serein.errors import DataInvalid, DependencyMissing
from serein.evaluation import Judged, score
from serein.evaluation.predictions import PREDICTIONS_FILE, read_predictions, write_predictions
from serein.evaluation.scores import SUFFIX, score_corpora
from tests.evaluation.judgements import answer, random_answers, voices
from tests.training.synthetic import LABELS

# Of an utterance all that tells who it is and what it is.
KEPT = ("path", "corpus", "speaker", "sex", "language", "sentence", "split", "emotion")


@pytest.fixture(scope="module")
def judged() -> list[Judged]:
    """Two corpora of other classes, two seeds, something known and something not."""
    classes = ("bored", "fearful")
    known: dict[str, Any] = {"sex": "female", "sentence": "a11", "split": "test", "language": "de"}
    return [
        *random_answers(8),
        *random_answers(8, seed=1),
        *voices(["emovo-f1", "emovo-m2"], 0.5, corpus="emovo", classes=classes, **known),
        answer("sad", "angry", speaker=None, fold="é/2", path="a b/ü.wav"),
    ]


@pytest.fixture(scope="module")
def table(judged: list[Judged], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("predictions") / PREDICTIONS_FILE
    write_predictions(judged, path)
    return path


def test_one_row_a_clip_and_seed(judged: list[Judged], table: Path) -> None:
    rows = pyarrow.parquet.read_table(table).to_pylist()
    for row, one in zip(rows, judged, strict=True):
        assert {name: row[name] for name in KEPT} == {
            name: getattr(one.utterance, name) for name in KEPT
        }
        assert (row["fold"], row["seed"]) == (one.fold, one.seed)
        for mode, suffix in SUFFIX.items():
            shares = dict(row["probabilities" + suffix])
            assert tuple(shares) == one.classes
            np.testing.assert_array_equal(list(shares.values()), getattr(one, mode))
            assert row["predicted" + suffix] == max(shares, key=shares.__getitem__)


def test_what_is_read_scores_as_what_was_written(judged: list[Judged], table: Path) -> None:
    found = read_predictions(table)
    for one, other in zip(found, judged, strict=True):
        for name in KEPT:
            assert getattr(one.utterance, name) == getattr(other.utterance, name)
        assert (one.fold, one.seed, one.classes) == (other.fold, other.seed, other.classes)
        np.testing.assert_array_equal(one.unknown, other.unknown)
        np.testing.assert_array_equal(one.enrolled, other.enrolled)
    assert score_corpora(found) == score_corpora(judged)


def test_written_again_it_is_the_same_to_the_byte(table: Path, tmp_path: Path) -> None:
    write_predictions(read_predictions(table), tmp_path / "again.parquet")
    assert (tmp_path / "again.parquet").read_bytes() == table.read_bytes()


def test_votes_are_not_kept(tmp_path: Path) -> None:
    one = answer("sad", "sad", votes={"sad": 1.0})
    write_predictions([one], tmp_path / "one.parquet")
    (found,) = read_predictions(tmp_path / "one.parquet")
    assert found.utterance.votes is None
    assert score([found])["uar"] == score([one])["uar"]


def test_no_judgement_at_all(tmp_path: Path) -> None:
    write_predictions([], tmp_path / "none.parquet")
    assert read_predictions(tmp_path / "none.parquet") == []


def test_a_missing_table(tmp_path: Path) -> None:
    for path in (tmp_path / "none.parquet", tmp_path):
        with pytest.raises(
            DataInvalid, match=r"no such table; give a folder that .*crossval"
        ) as it:
            read_predictions(path)
        assert it.value.file == str(path)


def _cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


@pytest.mark.parametrize("damage", [_cut, lambda _: b"", lambda _: b"PAR1 and no more"])
def test_a_damaged_table(damage: Callable[[bytes], bytes], table: Path, tmp_path: Path) -> None:
    path = tmp_path / PREDICTIONS_FILE
    path.write_bytes(damage(table.read_bytes()))
    with pytest.raises(DataInvalid, match=r"cannot be read .*give a folder"):
        read_predictions(path)


def _change(table: Path, column: str, values: Any) -> pyarrow.Table:
    whole = pyarrow.parquet.read_table(table)
    place = whole.column_names.index(column)
    return whole.set_column(place, column, values)


@pytest.mark.parametrize(
    "column", [*KEPT, "fold", "seed", "probabilities", "probabilities_enrolled"]
)
def test_a_table_that_lacks_a_column(column: str, table: Path, tmp_path: Path) -> None:
    whole = pyarrow.parquet.read_table(table)
    pyarrow.parquet.write_table(whole.drop_columns([column]), tmp_path / "less.parquet")
    with pytest.raises(DataInvalid, match=f"cannot be read .*{column}"):
        read_predictions(tmp_path / "less.parquet")


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("probabilities", None),
        ("probabilities", 3),
        ("probabilities", "angry"),
        ("probabilities_enrolled", [("bored", 1.0)]),
        ("emotion", "cheerful"),
    ],
)
def test_a_table_of_other_contents(column: str, value: Any, table: Path, tmp_path: Path) -> None:
    rows = pyarrow.parquet.read_table(table).num_rows
    kind = pyarrow.map_(pyarrow.string(), pyarrow.float64()) if isinstance(value, list) else None
    changed = _change(table, column, pyarrow.array([value] * rows, type=kind))
    pyarrow.parquet.write_table(changed, tmp_path / "other.parquet")
    with pytest.raises(DataInvalid):
        read_predictions(tmp_path / "other.parquet")


def test_what_to_install_where_pyarrow_is_missing(
    judged: list[Judged], table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    advice = r'pip install "serein\[corpora\]"'
    with pytest.raises(DependencyMissing, match=advice):
        read_predictions(table)
    with pytest.raises(DependencyMissing, match=advice):
        write_predictions(judged, tmp_path / "new.parquet")
    assert list(tmp_path.iterdir()) == []


def test_a_clip_as_sure_of_two_classes_goes_to_the_first(tmp_path: Path) -> None:
    """As a score counts it, so that the table and the confusion agree."""
    even = np.full(4, 0.25)
    one = replace(answer("sad", "sad"), unknown=even, enrolled=even)
    write_predictions([one], tmp_path / "even.parquet")
    (row,) = pyarrow.parquet.read_table(tmp_path / "even.parquet").to_pylist()
    assert row["predicted"] == LABELS[0]
    assert score([one])["confusion"][LABELS.index("sad")] == [1, 0, 0, 0]
