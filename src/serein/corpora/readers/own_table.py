"""One's own recordings in a table: CSV with the columns ``path`` and ``emotion``, and others."""

from __future__ import annotations

import csv
import io
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from serein.corpora.readers.base import Clip, Corpus, LeftOut, Reading
from serein.corpora.readers.words import EMOTIONS, LOSSY, PARTS, SEXES
from serein.errors import DataInvalid
from serein.filenames import is_audio

_REQUIRED = ("path", "emotion")
_OPTIONAL = ("speaker", "sex", "language", "split", "sentence", "intensity")
_OTHER_NAMES = {"file": "path", "filename": "path", "label": "emotion", "gender": "sex"}
_DELIMITERS = ",;\t"
_EXTENSIONS = (".csv", ".tsv")
_Entry = tuple[PurePosixPath, Clip | LeftOut]


@dataclass(frozen=True)
class _Row:
    line: int
    cells: Mapping[str, str]

    def get(self, column: str) -> str | None:
        """The cell's text, None where it is empty or the column is not there."""
        return self.cells.get(column) or None


def _open(place: Path, paths: Sequence[PurePosixPath]) -> Reading:
    table = place if place.is_file() else _find_table(place, paths)
    rows = list(_read_table(table))
    clips = tuple(_name_clips(table, rows))
    if not any(isinstance(clip, Clip) for _, clip in clips):
        reasons = Counter(clip.reason for _, clip in clips if isinstance(clip, LeftOut))
        why = ", ".join(f"{count} {reason}" for reason, count in reasons.items())
        raise DataInvalid(
            f"{table}: names no sound that could be read ({why or 'no rows'}); paths are relative "
            f"to {table.parent}, or absolute",
            file=str(table),
        )
    named = {_absolute(table.parent, path) for path, _ in clips}
    # What lies about beside a table that was named itself is not meant.
    beside = () if place.is_file() else paths
    others = [p for p in beside if is_audio(p) and _absolute(table.parent, p) not in named]
    sexes = {sex for row in rows if (sex := row.get("sex")) and sex.casefold() not in SEXES}
    notes = [f"{len(others)} sounds in the folder are not named in {table.name}"] if others else []
    if sexes:
        found = ", ".join(sorted(sexes)[:5])
        notes.append(f"{table.name}: a sex is female, male, f, m or w; taken as unknown: {found}")
    return Reading(lambda path: None, notes=tuple(notes), clips=clips)


def _find_table(folder: Path, paths: Sequence[PurePosixPath]) -> Path:
    tables = [p for p in paths if len(p.parts) == 1 and p.suffix.lower() in _EXTENSIONS]
    if len(tables) != 1:
        found = ", ".join(map(str, tables)) or "none"
        raise DataInvalid(
            f"{folder}: one table (.csv or .tsv) has to lie in it, not in a folder of it; found "
            f"{found}; name the table itself: serein corpora scan csv TABLE.csv -o OUT.parquet",
            file=str(folder),
        )
    return folder / tables[0]


def _read_table(table: Path) -> Iterator[_Row]:
    """The rows that are not blank, by the names of the columns that are known, stripped."""
    try:
        text = table.read_text(encoding="utf-8-sig")
        delimiter, header = _read_header(table, text)
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        next(reader)
        for cells in reader:
            if any(cell.strip() for cell in cells):
                # A row may be shorter or longer than the header.
                named = zip(header, cells, strict=False)
                known = {name: cell.strip() for name, cell in named if name}
                yield _Row(reader.line_num, known)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataInvalid(
            f"{table}: cannot be read as a table of text: {error}; save it as CSV in UTF-8",
            file=str(table),
        ) from error


def _read_header(table: Path, text: str) -> tuple[str, list[str]]:
    """The delimiter, and the name of each column; "" for those of no use."""
    first = text.partition("\n")[0]
    headers = {sign: next(csv.reader([first], delimiter=sign), []) for sign in _DELIMITERS}
    for delimiter, cells in headers.items():
        names = [_column(cell) for cell in cells]
        if set(_REQUIRED) <= set(names):
            # Of two columns for one thing the first counts.
            return delimiter, [
                "" if name in names[:index] else name for index, name in enumerate(names)
            ]
    found = max(headers.values(), key=len)
    raise DataInvalid(
        f"{table}: needs the columns {' and '.join(_REQUIRED)}, and may have "
        f"{', '.join(_OPTIONAL)}; separated by comma, semicolon or tab; found "
        f"{', '.join(cell.strip() for cell in found) or 'nothing'}",
        file=str(table),
    )


def _column(cell: str) -> str:
    name = cell.strip().casefold()
    name = _OTHER_NAMES.get(name, name)
    return name if name in (*_REQUIRED, *_OPTIONAL) else ""


def _name_clips(table: Path, rows: Sequence[_Row]) -> Iterator[_Entry]:
    seen: set[str] = set()
    for row in rows:
        text, emotion = row.get("path"), row.get("emotion")
        if text is None or emotion is None:
            place = PurePosixPath(f"{table.name}, line {row.line}")
            yield place, LeftOut("rows without a path or without an emotion")
            continue
        path = _locate(table.parent, text)
        key = _absolute(table.parent, path)
        if not _is_file(Path(key)):
            yield path, LeftOut("rows whose file is not there")
        elif key in seen:
            yield path, LeftOut("rows that name a file again, of which the first counts")
        else:
            seen.add(key)
            yield path, _clip(row, path, emotion)


def _clip(row: _Row, path: PurePosixPath, emotion: str) -> Clip:
    split = row.get("split")
    language = row.get("language")
    return Clip(
        name=str(path),
        speaker=row.get("speaker"),
        original_emotion=emotion,
        sex=SEXES.get((row.get("sex") or "").casefold()),
        language=language and language.lower(),
        intensity=row.get("intensity"),
        sentence=row.get("sentence"),
        split=split and PARTS.get(split.casefold(), split),
    )


def _locate(folder: Path, text: str) -> PurePosixPath:
    """The path as written; with the slashes turned if it was written on Windows."""
    path = Path(text if _is_file(folder / text) else text.replace("\\", "/"))
    return PurePosixPath(path.as_posix())


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long for any file, a folder that may not be entered
        return False


def _absolute(folder: Path, path: PurePosixPath) -> str:
    """One spelling for one place, without asking the file system."""
    return os.path.normpath(folder.absolute() / path)


CSV = Corpus(
    name="csv",
    title="one's own recordings, named in a table",
    languages=(),
    licence="that of the recordings",
    commercial=True,  # as far as their owner allows, who is the user
    citation="",
    url="",
    layout=(f"my-table.csv with the columns {', '.join((*_REQUIRED, *_OPTIONAL))}",),
    labels=EMOTIONS,
    lossy=LOSSY,
    clips_by_emotion={},
    clips_by_speaker={},
    open=_open,
    table=True,
)
