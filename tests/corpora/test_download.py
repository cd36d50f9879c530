"""Downloads from a real server on this machine that can be told to misbehave."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import random
import shutil
import sys
import tarfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, Any

import pytest
from typer.testing import CliRunner

from serein.cli.corpora import app
from serein.cli.main import main
from serein.corpora import CORPORA, Corpus
from serein.corpora.download import WORKSHOP, download
from serein.corpora.readers import Archive
from serein.corpora.readers.ravdess import RAVDESS
from serein.errors import ArgumentInvalid, DependencyMissing, DownloadFailed

run = CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1"})

FILES = {
    f"Actor_0{actor}/03-01-05-02-01-01-0{actor}.wav": random.Random(actor).randbytes(150_000)
    for actor in (1, 2)
}


@dataclass
class Host:
    """What the server holds, how it misbehaves, and what was asked of it."""

    content: bytes = b""
    tag: str = '"first"'
    ranges: bool = True
    careless: bool = False  # sends a part of whatever it has, without a look at If-Range
    head: bool = True
    breaks: list[int] = field(default_factory=list)  # bytes sent until each connection breaks
    statuses: list[int] = field(default_factory=list)  # answered before anything else
    asked: list[dict[str, str]] = field(default_factory=list)  # headers of each GET
    sent: int = 0
    url: str = ""

    def archive(self, algorithm: str = "md5") -> Archive:
        """The archive as a corpus declares it."""
        checksum = f"{algorithm}:{hashlib.new(algorithm, self.content).hexdigest()}"
        return Archive(self.url, checksum)


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    host = Host(content=zipped(FILES))

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(200 if host.head else 405)
            self.send_header("Content-Length", str(len(host.content)))
            self.end_headers()

        def do_GET(self) -> None:
            host.asked.append(dict(self.headers))
            if host.statuses:
                self.send_error(host.statuses.pop(0))
                return
            content, begin = host.content, 0
            same = host.careless or self.headers.get("If-Range") == host.tag
            if host.ranges and same and "Range" in self.headers:
                begin = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
            self.send_response((416 if begin >= len(content) else 206) if begin else 200)
            said = "*" if begin >= len(content) else f"{begin}-{len(content) - 1}"
            if begin:
                self.send_header("Content-Range", f"bytes {said}/{len(content)}")
            self.send_header("Content-Length", str(len(content) - begin))
            self.send_header("ETag", host.tag)
            self.end_headers()
            body = content[begin:]
            if host.breaks:
                body = body[: host.breaks.pop(0)]
            host.sent += len(body)
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    host.url = f"http://127.0.0.1:{server.server_port}/ravdess.zip"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield host
    server.shutdown()
    thread.join()
    server.server_close()


Know = Callable[..., None]


@pytest.fixture
def know(monkeypatch: pytest.MonkeyPatch) -> Know:
    """Let RAVDESS have these archives."""

    def declare(*archives: Archive, **others: Any) -> None:
        corpus = replace(RAVDESS, archives=archives, **others)
        monkeypatch.setitem(CORPORA, "ravdess", corpus)

    return declare


def zipped(
    files: dict[str, bytes], *, link: str = "", compression: int = zipfile.ZIP_STORED
) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        if link:
            info = zipfile.ZipInfo(link)
            info.external_attr = 0o120777 << 16
            archive.writestr(info, "/etc/passwd")
    return buffer.getvalue()


def tarred(files: dict[str, bytes], *, link: str = "", kind: bytes = tarfile.SYMTYPE) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        if link:
            info = tarfile.TarInfo(link)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    return buffer.getvalue()


def damaged(content: bytes) -> bytes:
    """Some bytes in the middle are lost."""
    return content[:50_000] + bytes(1000) + content[51_000:]


def lies_in(folder: Path) -> dict[str, bytes]:
    """Every visible file below the folder."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
    return {name: content for name, content in found.items() if not name.startswith(".")}


def partials(folder: Path) -> list[Path]:
    return list((folder / WORKSHOP).glob("*.part"))


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_whole_download(
    host: Host,
    know: Know,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    pack: Callable[[dict[str, bytes]], bytes],
) -> None:
    host.content = pack(FILES)
    know(host.archive())
    announced: list[tuple[Corpus, int | None]] = []
    done: list[tuple[int, int | None]] = []
    folder = tmp_path / "corpora" / "ravdess"
    fetched = download(
        "ravdess",
        folder,
        announce=lambda corpus, size: announced.append((corpus, size)),
        progress=lambda so_far, total: done.append((so_far, total)),
    )
    assert fetched
    assert lies_in(folder) == FILES
    assert announced == [(CORPORA["ravdess"], len(host.content))]
    assert (len(host.content), len(host.content)) in done
    assert done[-1] == (300_000, 300_000)  # unpacked
    (asked,) = host.asked
    assert asked["User-Agent"].startswith("serein/")
    assert "Range" not in asked
    assert asked["Accept-Encoding"] == "identity"
    assert capfd.readouterr() == ("", "")
    assert [path.name for path in (folder / WORKSHOP).iterdir()] == ["ravdess.json"]


def test_second_run_fetches_nothing(host: Host, know: Know, tmp_path: Path) -> None:
    know(host.archive())
    assert download("ravdess", tmp_path)
    host.url = "gone"
    assert not download("ravdess", tmp_path)
    assert len(host.asked) == 1


def test_lost_file_is_fetched_again(host: Host, know: Know, tmp_path: Path) -> None:
    know(host.archive())
    download("ravdess", tmp_path)
    next(tmp_path.glob("Actor_01/*.wav")).unlink()
    assert download("ravdess", tmp_path)
    assert lies_in(tmp_path) == FILES


def test_another_version_is_fetched_anew(host: Host, know: Know, tmp_path: Path) -> None:
    know(host.archive())
    download("ravdess", tmp_path)
    host.content = zipped(FILES | {"Actor_01/new.wav": b"new"})
    know(host.archive())
    assert download("ravdess", tmp_path)
    assert lies_in(tmp_path)["Actor_01/new.wav"] == b"new"


def test_two_corpora_share_a_folder(
    host: Host, know: Know, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    know(host.archive())
    song = replace(RAVDESS, name="ravdess-song", archives=(host.archive("sha256"),))
    monkeypatch.setitem(CORPORA, "ravdess-song", song)
    names = ["ravdess", "ravdess-song"]
    assert [download(name, tmp_path) for name in names * 2] == [True, True, False, False]


def test_archives_lie_in_their_folders(host: Host, know: Know, tmp_path: Path) -> None:
    know(host.archive(), replace(host.archive("sha256"), folder="second"))
    sizes: list[int | None] = []
    download("ravdess", tmp_path, announce=lambda _corpus, size: sizes.append(size))
    assert sizes == [2 * len(host.content)]
    assert lies_in(tmp_path) == FILES | {f"second/{name}": data for name, data in FILES.items()}


def test_broken_connection_is_gone_on_with(host: Host, know: Know, tmp_path: Path) -> None:
    know(host.archive())
    host.breaks = [100_000, 50_000]
    assert download("ravdess", tmp_path, pauses=(0,))  # what arrives starts the pauses anew
    assert lies_in(tmp_path) == FILES
    assert [asked.get("Range") for asked in host.asked] == [None, "bytes=100000-", "bytes=150000-"]
    assert host.sent == len(host.content)


def test_later_call_goes_on(host: Host, know: Know, tmp_path: Path) -> None:
    know(host.archive())
    host.breaks = [100_000]
    with pytest.raises(DownloadFailed, match=r"the connection fails .* goes on where it stopped"):
        download("ravdess", tmp_path, pauses=())
    assert [path.stat().st_size for path in partials(tmp_path)] == [100_000]
    assert lies_in(tmp_path) == {}
    assert download("ravdess", tmp_path, pauses=())
    assert lies_in(tmp_path) == FILES
    assert host.sent == len(host.content)


def test_everything_had_arrived(host: Host, know: Know, tmp_path: Path) -> None:
    know(host.archive())
    host.breaks = [100_000]
    with pytest.raises(DownloadFailed):
        download("ravdess", tmp_path, pauses=())
    partials(tmp_path)[0].write_bytes(host.content)
    download("ravdess", tmp_path, pauses=())
    assert lies_in(tmp_path) == FILES
    assert host.sent == 100_000


def test_more_is_here_than_there_is(host: Host, know: Know, tmp_path: Path) -> None:
    know(host.archive())
    host.breaks = [100_000]
    with pytest.raises(DownloadFailed):
        download("ravdess", tmp_path, pauses=())
    partials(tmp_path)[0].write_bytes(host.content + b"and more")
    download("ravdess", tmp_path, pauses=(0,))
    assert lies_in(tmp_path) == FILES


@pytest.mark.parametrize("tag", ['"first"', 'W/"first"'])
def test_server_without_ranges(host: Host, know: Know, tmp_path: Path, tag: str) -> None:
    know(host.archive())
    host.ranges, host.breaks, host.tag = tag.startswith("W/"), [100_000], tag
    download("ravdess", tmp_path, pauses=(0,))
    assert lies_in(tmp_path) == FILES
    # A weak ETag does not say that the bytes are the same, so nothing is asked to go on.
    assert ("Range" in host.asked[1]) == (not tag.startswith("W/"))
    assert host.sent == 100_000 + len(host.content)


def test_server_that_never_gets_to_the_end(host: Host, know: Know, tmp_path: Path) -> None:
    know(host.archive())
    host.ranges, host.breaks = False, [100_000] * 10
    with pytest.raises(DownloadFailed, match=r"100000 of \d+ bytes|IncompleteRead"):
        download("ravdess", tmp_path, pauses=(0, 0))
    assert len(host.asked) == 3  # none got further than the first


def test_file_that_changes_between_two_calls(host: Host, know: Know, tmp_path: Path) -> None:
    know(Archive(host.url, None))
    host.breaks = [100_000]
    with pytest.raises(DownloadFailed):
        download("ravdess", tmp_path, pauses=())
    host.content, host.tag = zipped({"Actor_01/new.wav": bytes(200_000)}), '"second"'
    download("ravdess", tmp_path, pauses=())
    assert host.asked[1]["If-Range"] == '"first"'
    assert lies_in(tmp_path) == {"Actor_01/new.wav": bytes(200_000)}


def test_careless_server_whose_file_changes(host: Host, know: Know, tmp_path: Path) -> None:
    know(Archive(host.url, None))
    host.breaks, host.careless = [100_000], True
    with pytest.raises(DownloadFailed):
        download("ravdess", tmp_path, pauses=())
    host.content, host.tag = zipped({"Actor_01/new.wav": bytes(200_000)}), '"second"'
    download("ravdess", tmp_path, pauses=(0,))
    assert lies_in(tmp_path) == {"Actor_01/new.wav": bytes(200_000)}


def test_wrong_checksum(host: Host, know: Know, tmp_path: Path) -> None:
    wrong = "md5:" + "0" * 32
    know(Archive(host.url, wrong))
    with pytest.raises(DownloadFailed, match=r"Run the same command again.*report") as raised:
        download("ravdess", tmp_path)
    assert wrong in raised.value.message
    assert hashlib.md5(host.content).hexdigest() in raised.value.message
    assert list((tmp_path / WORKSHOP).iterdir()) == []
    assert lies_in(tmp_path) == {}


def test_address_that_is_gone(host: Host, know: Know, tmp_path: Path) -> None:
    know(host.archive())
    host.statuses = [404]
    with pytest.raises(DownloadFailed, match=r"404 Not Found.*has moved") as raised:
        download("ravdess", tmp_path, pauses=(0, 0))
    assert RAVDESS.url in raised.value.message
    assert len(host.asked) == 1


def test_server_that_is_ill(host: Host, know: Know, tmp_path: Path) -> None:
    know(host.archive())
    host.statuses = [500, 503]
    with pytest.raises(DownloadFailed, match="503 Service Unavailable; wait a while"):
        download("ravdess", tmp_path, pauses=(0,))
    host.statuses = [500, 503]
    assert download("ravdess", tmp_path, pauses=(0, 0))


def test_pauses_grow(
    host: Host, know: Know, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    know(host.archive())
    host.statuses = [503] * 10
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    with pytest.raises(DownloadFailed):
        download("ravdess", tmp_path)
    assert slept == sorted(set(slept))
    assert len(host.asked) == len(slept) + 1


def test_nobody_answers(host: Host, know: Know, tmp_path: Path) -> None:
    know(Archive("http://127.0.0.1:1/ravdess.zip", None))
    with pytest.raises(DownloadFailed, match=r"connection fails.*proxy"):
        download("ravdess", tmp_path, pauses=(0,))


def test_size_that_is_not_said(host: Host, know: Know, tmp_path: Path) -> None:
    know(host.archive())
    host.head = False
    sizes: list[int | None] = []
    download("ravdess", tmp_path, announce=lambda _corpus, size: sizes.append(size))
    assert sizes == [None]
    assert lies_in(tmp_path) == FILES


def test_too_little_room_is_seen_before(
    host: Host, know: Know, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    know(host.archive())
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: shutil._ntuple_diskusage(1, 1, 1000))
    with pytest.raises(DownloadFailed, match=r"600\.\d kB are needed and 1\.0 kB are free"):
        download("ravdess", tmp_path)
    assert host.asked == []


def test_bomb_is_not_unpacked(
    host: Host, know: Know, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.content = tarred({"bomb.wav": bytes(50_000_000)})
    know(host.archive())
    monkeypatch.setattr(
        shutil,
        "disk_usage",
        lambda _path: shutil._ntuple_diskusage(1, 1, 40_000_000),
    )
    with pytest.raises(DownloadFailed, match=r"50\.0 MB are needed and 40\.0 MB are free"):
        download("ravdess", tmp_path)
    assert lies_in(tmp_path) == {}
    monkeypatch.undo()
    monkeypatch.setitem(CORPORA, "ravdess", replace(RAVDESS, archives=(host.archive(),)))
    assert download("ravdess", tmp_path)  # with room, what was fetched is not fetched again
    assert len(host.asked) == 1


@dataclass
class FullDisk:
    """A file that has no room for anything."""

    file: IO[bytes]

    def __enter__(self) -> FullDisk:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def write(self, _piece: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(("written", "least"), [("ab", 100_000), ("wb", 300_000)])
def test_disk_fills_up(
    host: Host,
    know: Know,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    written: str,
    least: int,
) -> None:
    know(host.archive())
    host.breaks = [100_000]
    with pytest.raises(DownloadFailed):
        download("ravdess", tmp_path, pauses=())
    opened = Path.open

    def full(path: Path, mode: str = "r", *args: Any, **others: Any) -> Any:
        file = opened(path, mode, *args, **others)
        return FullDisk(file) if mode == written else file

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", full)
        with pytest.raises(DownloadFailed, match=r"disk is full: .* needed and .* free"):
            download("ravdess", tmp_path, pauses=())
    kept = sum(path.stat().st_size for path in (tmp_path / WORKSHOP).iterdir())
    assert kept >= least  # what had arrived, and the whole archive
    assert lies_in(tmp_path) == {}
    assert download("ravdess", tmp_path, pauses=())
    assert lies_in(tmp_path) == FILES
    assert host.asked[1]["Range"] == "bytes=100000-"


@pytest.mark.parametrize(
    ("number", "said"),
    [(errno.EACCES, r"cannot be written .*Permission denied"), (errno.ENOSPC, r"disk is full")],
)
def test_folder_that_cannot_be_made(
    host: Host, know: Know, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, said: str
) -> None:
    know(host.archive())

    def refuse(path: Path, *_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(DownloadFailed, match=said):
        download("ravdess", tmp_path / "ravdess")


def test_file_in_the_way(host: Host, know: Know, tmp_path: Path) -> None:
    know(host.archive())
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DownloadFailed, match="cannot be written"):
        download("ravdess", tmp_path / "file")


def test_other_files_are_not_touched(host: Host, know: Know, tmp_path: Path) -> None:
    know(host.archive())
    (tmp_path / "Actor_01").mkdir()
    with pytest.raises(ArgumentInvalid, match="serein corpora scan ravdess"):
        download("ravdess", tmp_path)
    assert host.asked == []
    assert [path.name for path in tmp_path.iterdir()] == ["Actor_01"]


@pytest.mark.parametrize(
    "content",
    [
        zipped({"good.wav": b"", "../evil.wav": b"evil"}),
        zipped({"a/../../evil.wav": b"evil"}),
        zipped({"/evil.wav": b"evil"}),
        zipped({r"..\evil.wav": b"evil"}),
        zipped({r"C:\evil.wav": b"evil"}),
        zipped({}, link="evil.wav"),
        tarred({"../evil.wav": b"evil"}),
        tarred({"/evil.wav": b"evil"}),
        tarred({}, link="evil.wav"),
        tarred({}, link="evil.wav", kind=tarfile.LNKTYPE),
        tarred({}, link="evil.wav", kind=tarfile.FIFOTYPE),
        b"<html>Please log in</html>",
        zipped({}),
        zipped(FILES)[:-1000],
        tarred(FILES)[:-1000],
        zipped({"a.wav": b"the sound"}).replace(b"the sound", b"the noise"),
        *(
            damaged(zipped(FILES, compression=compression))
            for compression in (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
        ),
        damaged(tarred(FILES)),
    ],
)
def test_what_cannot_be_unpacked_is_removed(
    host: Host, know: Know, tmp_path: Path, content: bytes
) -> None:
    host.content = content
    know(host.archive())
    with pytest.raises(DownloadFailed, match="cannot be unpacked, and was removed"):
        download("ravdess", tmp_path / "a" / "b")
    assert list((tmp_path / "a" / "b" / WORKSHOP).iterdir()) == []
    assert not list(tmp_path.rglob("evil*"))
    assert lies_in(tmp_path / "a" / "b") == {}


def test_zip_made_on_windows(host: Host, know: Know, tmp_path: Path) -> None:
    host.content = zipped({r"Actor_01\sound.wav": b"sound", "./Actor_02/sound.wav": b"sound"})
    know(host.archive())
    download("ravdess", tmp_path)
    assert set(lies_in(tmp_path)) == {"Actor_01/sound.wav", "Actor_02/sound.wav"}


def test_interrupted_fetching_keeps_what_arrived(host: Host, know: Know, tmp_path: Path) -> None:
    know(host.archive())

    def interrupt(done: int, _total: int | None) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download("ravdess", tmp_path, progress=interrupt)
    (kept,) = partials(tmp_path)
    begin = kept.stat().st_size
    assert 0 < begin < len(host.content)
    download("ravdess", tmp_path)
    assert host.asked[1]["Range"] == f"bytes={begin}-"
    assert lies_in(tmp_path) == FILES


def test_interrupted_unpacking_leaves_nothing(host: Host, know: Know, tmp_path: Path) -> None:
    know(host.archive())

    def interrupt(done: int, total: int | None) -> None:
        if (done, total) == (150_000, 300_000):  # the first of the two files is unpacked
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download("ravdess", tmp_path, progress=interrupt)
    assert lies_in(tmp_path) == {}
    assert download("ravdess", tmp_path)
    assert lies_in(tmp_path) == FILES
    assert len(host.asked) == 1


def test_interrupted_moving_is_finished(
    host: Host, know: Know, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    know(host.archive())
    moved, count = Path.replace, 0

    def interrupt(path: Path, target: Path) -> Path:
        nonlocal count
        count += path.is_dir()
        if count > 1:
            raise KeyboardInterrupt
        return moved(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", interrupt)
        with pytest.raises(KeyboardInterrupt):
            download("ravdess", tmp_path)
    assert len(lies_in(tmp_path)) == 1
    assert download("ravdess", tmp_path)
    assert lies_in(tmp_path) == FILES
    assert len(host.asked) == 1


def test_without_pooch(
    host: Host, know: Know, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    know(host.archive())
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(DependencyMissing, match=r"serein\[corpora\]"):
        download("ravdess", tmp_path)


def test_command(host: Host, know: Know, tmp_path: Path) -> None:
    know(host.archive())
    folder = tmp_path / "my corpora"
    arguments = ["download", "ravdess", str(folder)]
    result = run.invoke(app, arguments)
    assert result.exit_code == 0, result.exception
    for part in (RAVDESS.title, RAVDESS.licence, RAVDESS.citation, "300.3 kB"):
        assert part in result.stderr
    command = f'serein corpora scan ravdess "{folder}" -o ravdess.parquet'
    assert result.stdout.splitlines() == [f"ravdess is in {folder}", f"next: {command}"]
    again = run.invoke(app, arguments)
    assert again.stdout.splitlines()[0] == f"ravdess is in {folder} already"
    assert len(host.asked) == 1


def test_command_where_a_person_has_to_ask(
    know: Know, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    know(obtain="Fill in the form and wait for a letter.")
    assert main(["corpora", "download", "ravdess", str(tmp_path / "ravdess")]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    for part in ("Fill in the form", RAVDESS.url, RAVDESS.licence, RAVDESS.citation):
        assert part in captured.err
    assert f"serein corpora scan ravdess {tmp_path / 'ravdess'}" in captured.err
    assert list(tmp_path.iterdir()) == []


def test_what_is_ones_own_is_not_fetched(know: Know, tmp_path: Path) -> None:
    know(url="", citation="")
    with pytest.raises(DownloadFailed, match="serein corpora scan ravdess"):
        download("ravdess", tmp_path)


def test_help_has_an_example() -> None:
    result = run.invoke(app, ["download", "--help"])
    assert "Example: serein corpora download" in result.stdout
