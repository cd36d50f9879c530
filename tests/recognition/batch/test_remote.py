"""Addresses, with a file system in memory in the place of one far away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from serein.audio import Limits
from serein.errors import DataInvalid, DownloadFailed, NotFound, TooLarge
from serein.recognition.batch import Entry, find_files, remote

FILES = ("calls/a.wav", "calls/b/c.opus", "calls/notes.txt", "calls/d.dat")


@pytest.fixture
def calls() -> Iterator[MemoryFileSystem]:
    system = fsspec.filesystem("memory")
    for number, name in enumerate(FILES):
        system.pipe(f"/{name}", b"x" * (number + 10))
    yield system
    system.store.clear()
    system.pseudo_dirs[:] = [""]


def found(*inputs: str) -> list[str]:
    return [entry.file for entry in find_files(inputs)]


def test_folders_patterns_and_files(calls: MemoryFileSystem) -> None:
    assert list(find_files(["memory://calls"])) == [
        Entry("memory:///calls/a.wav", 10),
        Entry("memory:///calls/b/c.opus", 11),
    ]
    assert found("memory://calls/*.dat") == ["memory:///calls/d.dat"]
    assert found("memory://calls/*") == ["memory:///calls/a.wav"]
    assert found("memory://calls/none.wav") == ["memory://calls/none.wav"]


def test_table_at_an_address(calls: MemoryFileSystem) -> None:
    calls.pipe("/calls/t.csv", b"file\na.wav\ns3://elsewhere/x.wav\n")
    expected = ["memory://calls/a.wav", "s3://elsewhere/x.wav"]
    assert found("memory://calls/t.csv") == expected
    calls.pipe("/calls/t.csv", b"emotion\nsad\n")
    with pytest.raises(DataInvalid, match="no column"):
        found("memory://calls/t.csv")


def test_small_files_are_held_and_large_ones_are_not(
    calls: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = "memory://calls/a.wav"
    with remote.fetched(address, Limits()) as source:
        assert source == b"x" * 10
    monkeypatch.setattr(remote, "HELD_IN_MEMORY", 9)
    with remote.fetched(address, Limits()) as source:
        assert not isinstance(source, bytes)
        source.seek(0)
        assert source.read() == b"x" * 10
    assert source.closed
    with pytest.raises(TooLarge), remote.fetched(address, Limits(max_bytes=9)):
        pass


def test_file_whose_size_nobody_says_is_copied_up_to_the_limit(
    calls: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MemoryFileSystem, "info", lambda self, path: {"size": None})
    monkeypatch.setattr(remote, "_PAUSE", 0.0)
    sent = iter([(b"y" * 9, True), (b"x" * 5, False), (b"x" * 10, False)])

    def opened(self: Any, path: str, mode: str) -> Any:
        """At first the line breaks; then there is another file, a shorter one."""
        content, torn = next(sent)
        pieces = iter([content])

        class Line:
            def __enter__(self) -> Any:
                return self

            def __exit__(self, *_: object) -> None:
                """Nothing is open."""

            def read(self, size: int) -> bytes:
                piece = next(pieces, b"")
                if not piece and torn:
                    raise ConnectionResetError("the line is down")
                return piece

        return Line()

    monkeypatch.setattr(MemoryFileSystem, "open", opened)
    with remote.fetched("memory://calls/a.wav", Limits(max_bytes=9)) as source:
        assert not isinstance(source, bytes)
        source.seek(0)
        assert source.read() == b"x" * 5
    with pytest.raises(TooLarge), remote.fetched("memory://calls/a.wav", Limits(max_bytes=9)):
        pass


class _Answered(Exception):
    """As the network library raises it where a server refuses."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.status = status


@pytest.mark.parametrize(
    ("cause", "error", "attempts"),
    [
        (None, NotFound, 1),
        (_Answered(404), NotFound, 1),
        (_Answered(403), DownloadFailed, 1),
        (_Answered(503), DownloadFailed, 3),
        (ConnectionError("no route"), DownloadFailed, 3),
    ],
)
def test_over_http_an_outage_is_no_missing_file(
    monkeypatch: pytest.MonkeyPatch,
    cause: Exception | None,
    error: type[Exception],
    attempts: int,
) -> None:
    monkeypatch.setattr(remote, "_PAUSE", 0.0)
    asked: list[str] = []

    class System:
        def info(self, path: str) -> Any:
            asked.append(path)
            raise FileNotFoundError(path) from cause  # as fsspec does it, whatever happened

    monkeypatch.setattr(remote, "_system", lambda address: (System(), address))
    with pytest.raises(error), remote.fetched("https://host/a.wav", Limits()):
        pass
    assert len(asked) == attempts


def test_what_is_not_there_or_not_reached(
    calls: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "_PAUSE", 0.0)
    with pytest.raises(NotFound), remote.fetched("memory://calls/none.wav", Limits()):
        pass
    attempts: list[Any] = []

    def fail(self: Any, path: str, **options: Any) -> bytes:
        attempts.append(path)
        if len(attempts) < 3:
            raise ConnectionError("the line is down")
        return b"content"

    monkeypatch.setattr(MemoryFileSystem, "cat_file", fail)
    with remote.fetched("memory://calls/a.wav", Limits()) as source:
        assert source == b"content"
    assert len(attempts) == 3
    attempts.clear()
    monkeypatch.setattr(remote, "_ATTEMPTS", 2)
    told = "ConnectionError: the line is down"
    with (
        pytest.raises(DownloadFailed, match=told),
        remote.fetched("memory://calls/a.wav", Limits()),
    ):
        pass
