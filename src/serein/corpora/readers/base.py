"""What a reader declares of its corpus, and what it makes of a file's name.

A new corpus is one small module with a :class:`Corpus` and one line in ``readers/__init__.py``.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from serein.errors import DataInvalid


@dataclass(frozen=True)
class Clip:
    """What a file's name, and the tables beside it, say of a clip.

    ``name`` is the clip's own name within the corpus, the same for copies in other containers;
    ``speaker`` stands without the corpus before it. The others are as in
    :class:`serein.corpora.Utterance`.
    """

    name: str
    speaker: str | None
    original_emotion: str
    sex: str | None = None
    language: str | None = None
    intensity: str | None = None
    sentence: str | None = None
    split: str | None = None
    votes: Mapping[str, float] | None = None


@dataclass(frozen=True)
class LeftOut:
    """A file that belongs to the corpus and is not taken, with the reason in the plural."""

    reason: str


Parse = Callable[[PurePosixPath], Clip | LeftOut | None]
"""What a path, relative to the scanned folder, names; None for a file of something else."""


@dataclass(frozen=True)
class Reading:
    """How one scanned folder is to be read.

    ``expected`` holds the names that a complete corpus has, as far as they can be told; ``notes``
    says what was looked for and not found, such as a table of votes. ``clips`` is what a table
    names itself, file by file and relative to the folder or absolute: no other file is then taken,
    and ``parse`` is not asked.
    """

    parse: Parse
    expected: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    clips: tuple[tuple[PurePosixPath, Clip | LeftOut], ...] | None = None


@dataclass(frozen=True)
class Archive:
    """A file of a corpus that lies at a direct, stable address.

    Parameters
    ----------
    url
        Where it is fetched from.
    checksum
        Algorithm and hash, such as ``md5:bc69...``; None where the publisher gives none and the
        file changes.
    folder
        The folder, below that of the corpus, which the archive is unpacked into; "" for itself.
    """

    url: str
    checksum: str | None
    folder: str = ""


@dataclass(frozen=True)
class Corpus:
    """A known corpus: what it is, what a complete one holds and how its names are read.

    Parameters
    ----------
    name, title
        Short name in the command line and the tables, and full name.
    languages
        ISO 639-1 codes; the first is the clips' where the reader says nothing else. Empty where
        they are not known, as of one's own data.
    licence, citation, url
        Terms of use, the paper to cite, and where the corpus is to be had; the latter two are ""
        for one's own data.
    layout
        Examples of the paths that are looked for, for people.
    labels
        The corpus's own label to the canonical one, None where none fits.
    lossy
        Own labels whose canonical one says less or other than they do, and why.
    clips_by_emotion, clips_by_speaker
        Counts of a complete corpus, by canonical label (``""`` for clips without one) and by
        speaker; empty where there is no one right count, as of one's own data.
    open
        Makes the reading of a folder, from the folder and all file paths in it; where ``table`` is
        set, from the table or its folder.
    archives
        What ``serein corpora download`` fetches; empty where no direct address exists.
    obtain
        What a person has to do to get the corpus, where no direct address exists.
    commercial
        Whether its terms leave commercial use open.
    voices_of
        The corpus whose speakers these are, where the same people were recorded for another one
        too; "" for a corpus with speakers of its own.
    table
        Whether the place that is scanned may be a table instead of a folder.
    """

    name: str
    title: str
    languages: tuple[str, ...]
    licence: str
    citation: str
    url: str
    layout: tuple[str, ...]
    labels: Mapping[str, str | None]
    clips_by_emotion: Mapping[str, int]
    clips_by_speaker: Mapping[str, int]
    open: Callable[[Path, Sequence[PurePosixPath]], Reading] = field(repr=False)
    lossy: Mapping[str, str] = field(default_factory=dict)
    archives: tuple[Archive, ...] = ()
    obtain: str = ""
    commercial: bool = False
    voices_of: str = ""
    table: bool = False

    @property
    def clips(self) -> int:
        """Number of clips of a complete corpus; 0 where there is no one right count."""
        return sum(self.clips_by_emotion.values())

    def canonical(self, original: str) -> str | None:
        """The canonical label for one of the corpus's own, None where nothing fits."""
        return self.labels.get(original, self.labels.get(original.casefold()))

    def speaker(self, name: str | None) -> str | None:
        """A speaker's name with the corpus before it, None where the speaker is unknown."""
        return f"{self.voices_of or self.name}-{name}" if name else None


def find_beside(root: Path, paths: Iterable[PurePosixPath], place: str) -> Path | None:
    """A side file of the corpus: anywhere below the scanned folder, or at its place just above.

    The way upwards serves those who scan only the folder of the sounds.
    """
    name = PurePosixPath(place).name
    inside = [root / path for path in paths if path.name == name]
    return next((path for path in [*inside, root.parent / place] if path.is_file()), None)


def read_rows(path: Path, *, columns: Iterable[str], delimiter: str = ",") -> Iterator[list[str]]:
    """The named columns of a delimited text with a header, row by row, stripped.

    Raises
    ------
    DataInvalid
        The file cannot be read as UTF-8 text, or lacks a column.
    """
    wanted = list(columns)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file, delimiter=delimiter)
            lacking = [name for name in wanted if name not in (rows.fieldnames or ())]
            if lacking:
                raise DataInvalid(
                    f"{path}: lacks the column {', '.join(map(repr, lacking))}; get the file anew "
                    "from the corpus, or move it away to scan without it",
                    file=str(path),
                )
            for row in rows:
                yield [(row[name] or "").strip() for name in wanted]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataInvalid(f"{path}: cannot be read: {error}", file=str(path)) from error
