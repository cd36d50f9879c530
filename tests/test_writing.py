"""Files that are there whole, or not at all, and the places that are no files."""

import os
import sys
import threading
from pathlib import Path

import pytest

from serein.errors import ArgumentInvalid
from serein.writing import written_whole

needs_posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither")


def test_what_is_there_stays_until_all_is_written(tmp_path: Path) -> None:
    place = tmp_path / "out.txt"
    place.write_text("old")
    with written_whole(place) as part:
        part.write_text("new")
        assert place.read_text() == "old"
    assert place.read_text() == "new"
    assert list(tmp_path.iterdir()) == [place]


def test_a_failure_leaves_what_was_there_and_nothing_else(tmp_path: Path) -> None:
    place = tmp_path / "out.txt"
    place.write_text("old")

    def give_up() -> None:
        with written_whole(place) as part:
            part.write_text("half of the n")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        give_up()
    assert place.read_text() == "old"
    assert list(tmp_path.iterdir()) == [place]


@pytest.mark.parametrize("name", ["missing/out.txt", ""])
def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, name: str) -> None:
    place = tmp_path / name
    with pytest.raises(ArgumentInvalid, match="cannot be written"), written_whole(place) as part:
        part.write_text("new")
    assert list(tmp_path.iterdir()) == []


@needs_posix
def test_a_link_stays_and_what_it_points_to_is_written(tmp_path: Path) -> None:
    target, link = tmp_path / "folder" / "target.txt", tmp_path / "link.txt"
    target.parent.mkdir()
    target.write_text("old")
    link.symlink_to(target)
    with written_whole(link) as part:
        part.write_text("new")
    assert link.is_symlink()
    assert target.read_text() == "new"


@needs_posix
def test_a_pipe_stays_a_pipe_and_is_written_to(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()), daemon=True)
    reader.start()
    with written_whole(pipe) as part:
        part.write_text("new")
    reader.join(timeout=10)
    assert read == ["new"]
    assert pipe.is_fifo()
