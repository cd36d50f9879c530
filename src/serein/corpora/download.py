"""Fetch a corpus from its direct addresses, so that an interruption costs nothing.

Everything in between lies in a hidden folder inside that of the corpus, which no scan looks into:
archives that are whole, the one that has half arrived, what is being unpacked. Only what has been
unpacked to its end is moved out, and a receipt stays behind.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from serein.corpora.readers import Archive, Corpus, find_corpus
from serein.corpora.unpack import GOES_ON, PIECE, Progress, storing, unpack
from serein.errors import ArgumentInvalid, DependencyMissing, DownloadFailed

if TYPE_CHECKING:
    from requests import Response, Session

PAUSES = (1.0, 2.0, 4.0, 8.0)
"""Seconds before each further try after a connection broke; what arrives starts them anew."""

WORKSHOP = ".serein-download"
"""The folder, inside that of the corpus, where everything in between lies."""

_TIMEOUT = (10.0, 60.0)  # seconds to connect, and between two pieces
_PASSING = {408, 425, 429, 500, 502, 503, 504}  # HTTP statuses that may be over in a moment


def download(
    name: str,
    folder: str | Path,
    *,
    announce: Callable[[Corpus, int | None], None] = lambda _corpus, _size: None,
    progress: Progress = lambda _done, _total: None,
    pauses: Sequence[float] = PAUSES,
) -> bool:
    """Fetch a corpus and unpack it, going on where an earlier call stopped.

    Parameters
    ----------
    name
        A known corpus, such as ``ravdess``.
    folder
        Where it is to lie: a new or empty folder, or that of an earlier call.
    announce
        Called before anything is fetched, with the number of bytes where the servers say it.
    progress
        Called as bytes arrive, and again as they are unpacked, archive by archive.
    pauses
        Seconds before each further try after a connection broke.

    Returns
    -------
    bool
        False where all of it was there already.

    Raises
    ------
    ArgumentInvalid
        No corpus has that name, or the folder holds something else.
    DownloadFailed
        A server, the connection, an archive or the disk stood in the way; or the corpus has no
        direct address, and the message is what a person has to do.
    DependencyMissing
        pooch is not installed.
    """
    corpus, folder = find_corpus(name), Path(folder)
    if not corpus.archives:
        announce(corpus, None)
        raise DownloadFailed(_instructions(corpus, folder))
    if _is_complete(corpus, folder):
        return False
    _load_pooch()
    with storing(folder):
        _require_vacant(corpus, folder)
    workshop = (folder / WORKSHOP).resolve()
    with _open_session() as session:
        total = _total_size(corpus, session)
        announce(corpus, total)
        here = sum(path.stat().st_size for path in workshop.glob("*") if path.is_file())
        # What is unpacked is no smaller than its archive; the exact sum is known when that is here.
        with storing(workshop, None if total is None else 2 * total - here):
            paths = [
                _Fetching(archive, workshop, session, corpus.url, progress, pauses).fetch()
                for archive in corpus.archives
            ]
    with storing(folder):
        _install(corpus, paths, folder, progress)
    return True


def scan_command(corpus: Corpus, folder: Path) -> str:
    """The command that makes a table of the corpus in that folder."""
    place = f'"{folder}"' if " " in str(folder) else str(folder)
    return f"serein corpora scan {corpus.name} {place} -o {corpus.name}.parquet"


def _instructions(corpus: Corpus, folder: Path) -> str:
    if not corpus.url:
        return (
            f"{corpus.name} is what you have yourself; go on with: {scan_command(corpus, folder)}"
        )
    return (
        f"{corpus.name} has no address that a program may fetch it from: "
        f"{corpus.obtain or 'get it by hand'}. Its page: {corpus.url}. Its terms: "
        f"{corpus.licence}. When it lies in {folder}: {scan_command(corpus, folder)}"
    )


def _load_pooch() -> Any:
    try:
        import pooch
    except ImportError as error:
        raise DependencyMissing(
            'a download needs pooch, which is not installed: pip install "serein[corpora]"'
        ) from error
    return pooch


def _receipt(corpus: Corpus, folder: Path) -> Path:
    return folder / WORKSHOP / f"{corpus.name}.json"


def _contents(corpus: Corpus) -> list[list[str | None]]:
    return [[archive.url, archive.checksum, archive.folder] for archive in corpus.archives]


def _is_complete(corpus: Corpus, folder: Path) -> bool:
    """Whether all that these archives held lies where it was put."""
    try:
        receipt = json.loads(_receipt(corpus, folder).read_text(encoding="utf-8"))
        sizes = {path: (folder / path).stat().st_size for path in receipt["files"]}
        return bool(receipt == {"archives": _contents(corpus), "files": sizes})
    except (OSError, ValueError, LookupError, TypeError):
        return False


def _require_vacant(corpus: Corpus, folder: Path) -> None:
    """Make sure that nothing is replaced but what an earlier call put there."""
    foreign = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    workshop = list((folder / WORKSHOP).glob("*"))
    receipts = [path for path in workshop if path.suffix == ".json"]
    for receipt in receipts:
        with suppress(OSError, ValueError, KeyError, TypeError):
            files = json.loads(receipt.read_text(encoding="utf-8"))["files"]
            foreign -= {PurePosixPath(file).parts[0] for file in files}
    # Without a receipt for them they may be of an unpacking that was broken off.
    if foreign and len(workshop) == len(receipts):
        raise ArgumentInvalid(
            f"{folder} exists and is not an empty folder; name another one, or, if {corpus.name} "
            f"is what it holds: {scan_command(corpus, folder)}"
        )


def _open_session() -> Session:
    """A session with the proxies and certificates of requests."""
    import requests

    try:
        version = f"/{metadata.version('serein')}"
    except metadata.PackageNotFoundError:
        version = ""
    session = requests.Session()
    # Compressed on the way, the bytes could be neither counted nor gone on with.
    session.headers.update({"User-Agent": f"serein{version}", "Accept-Encoding": "identity"})
    return session


def _total_size(corpus: Corpus, session: Session) -> int | None:
    """Bytes of all archives, None where a server does not say."""
    import requests

    total = 0
    for archive in corpus.archives:
        try:
            answer = session.head(archive.url, allow_redirects=True, timeout=_TIMEOUT)
        except requests.RequestException:  # not every server knows HEAD
            return None
        size = _extent(answer)[1] if answer.ok else None
        if not size:
            return None
        total += size
    return total


@dataclass(frozen=True)
class _Fetching:
    """One archive on its way; as a downloader for pooch it goes on with what an earlier try left.

    What arrives grows in ``partial``. Beside it stands what the server calls this state of the
    file, its ETag or its time of change: a file that has changed since is begun anew.
    """

    archive: Archive
    workshop: Path
    session: Session
    home: str
    progress: Progress
    pauses: Sequence[float]

    def fetch(self) -> Path:
        """The whole archive, its checksum verified; nothing is fetched where it lies already."""
        pooch = _load_pooch()
        url, checksum = self.archive.url, self.archive.checksum
        logger: logging.Logger = pooch.get_logger()
        level = logger.level
        logger.setLevel(logging.WARNING)  # by itself it tells people what it does
        try:
            return Path(pooch.retrieve(url, checksum, self._key, self.workshop, downloader=self))
        except ValueError as error:
            raise DownloadFailed(
                f"{url}: {error} Run the same command again to fetch it anew; if it ends the same "
                f"way, see {self.home} for a newer version, and report it"
            ) from error
        finally:
            logger.setLevel(level)

    def __call__(self, url: str, output_file: str, _pooch: object) -> None:
        """Fetch what is at the address into the file."""
        from requests import RequestException
        from urllib3.exceptions import HTTPError

        pauses = iter(self.pauses)
        while True:
            before = self._size()
            try:
                self._go_on(url)
                break
            except (RequestException, HTTPError) as error:
                if self._size() > before:
                    pauses = iter(self.pauses)
                pause = next(pauses, None) if _may_pass(error) else None
                if pause is None:
                    raise DownloadFailed(self._explain(url, error)) from error
                time.sleep(pause)
        self.partial.replace(output_file)
        self._forget()

    def _go_on(self, url: str) -> None:
        from requests import ConnectionError

        begin, state = self._size(), self._state()
        headers = {"Range": f"bytes={begin}-", "If-Range": state} if begin and state else {}
        with self.session.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
            start, total = _extent(response)
            refused = response.status_code == 416  # there is nothing behind what is here
            if refused and begin == total:
                return
            now = _state_of(response)
            if refused or (start and (start != begin or now not in ("", state))):
                self._forget()
                raise ConnectionError("the server sent another part than it was asked for")
            response.raise_for_status()
            if not start:
                self._forget()
                self._state_file.write_text(now, encoding="utf-8")
            self._append(response, start, total)

    def _append(self, response: Response, done: int, total: int | None) -> None:
        from requests import ConnectionError

        self.progress(done, total)
        with self.partial.open("ab") as file:
            for piece in response.raw.stream(PIECE, decode_content=False):
                file.write(piece)
                done += len(piece)
                self.progress(done, total)
        if total is not None and done < total:
            raise ConnectionError(f"it ended after {done} of {total} bytes")

    def _explain(self, url: str, error: Exception) -> str:
        response: Response | None = getattr(error, "response", None)
        if response is None:
            return f"{url}: the connection fails ({error}); check network and proxy, {GOES_ON}"
        answer = f"{url}: the server answers {response.status_code} {response.reason}".rstrip()
        if _may_pass(error):
            return f"{answer}; wait a while, {GOES_ON}"
        return f"{answer}; see whether the corpus has moved, at {self.home}, and report it"

    @property
    def _key(self) -> str:
        identity = f"{self.archive.url} {self.archive.checksum}"
        return hashlib.sha256(identity.encode()).hexdigest()[:16]

    @property
    def partial(self) -> Path:
        """The file that grows."""
        return self.workshop / f"{self._key}.part"

    @property
    def _state_file(self) -> Path:
        return self.workshop / f"{self._key}.state"

    def _state(self) -> str:
        return self._state_file.read_text(encoding="utf-8") if self._state_file.is_file() else ""

    def _size(self) -> int:
        return self.partial.stat().st_size if self.partial.is_file() else 0

    def _forget(self) -> None:
        self.partial.unlink(missing_ok=True)
        self._state_file.unlink(missing_ok=True)


def _may_pass(error: Exception) -> bool:
    """Whether another try may do better."""
    from requests.exceptions import SSLError

    response: Response | None = getattr(error, "response", None)
    if response is None:
        return not isinstance(error, SSLError)
    return response.status_code in _PASSING


def _extent(response: Response) -> tuple[int, int | None]:
    """Where in the file the answer begins, and the length of the whole file if it is said."""
    said = response.headers.get("Content-Range", "")
    if match := re.fullmatch(r"bytes (?:(\d+)-\d+|\*)/(?:(\d+)|\*)", said.strip()):
        return int(match[1] or 0), int(match[2]) if match[2] else None
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if length.isdecimal() else None


def _state_of(response: Response) -> str:
    """What tells this state of the file from others; of the ETags only a strong one does."""
    tag = response.headers.get("ETag", "")
    return tag if tag.startswith('"') else response.headers.get("Last-Modified", "")


def _install(corpus: Corpus, paths: Sequence[Path], folder: Path, progress: Progress) -> None:
    """Unpack all archives aside, move what they held to its place, and leave a receipt."""
    content = folder / WORKSHOP / "content"
    shutil.rmtree(content, ignore_errors=True)
    try:
        for archive, path in zip(corpus.archives, paths, strict=True):
            unpack(archive, path, content / archive.folder, progress)
        found = (path for path in content.rglob("*") if path.is_file())
        files = {path.relative_to(content).as_posix(): path.stat().st_size for path in found}
        _move(content, folder)
    finally:
        shutil.rmtree(content, ignore_errors=True)
    receipt = {"archives": _contents(corpus), "files": files}
    _receipt(corpus, folder).write_text(json.dumps(receipt), encoding="utf-8")
    for path in paths:
        path.unlink()


def _move(source: Path, target: Path) -> None:
    """Move all in one folder into another: whole folders at once, unless they are there."""
    for item in source.iterdir():
        if item.is_dir() and (target / item.name).is_dir():
            _move(item, target / item.name)
        else:
            item.replace(target / item.name)
