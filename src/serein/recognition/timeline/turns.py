"""Who speaks when, as other programs tell it: RTTM, Whisper's JSON and WhisperX's."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from serein.errors import ArgumentInvalid, DataInvalid, NotAFile, NotFound
from serein.recognition.timeline.formats.text import one_token

EXPECTED = (
    "expected are RTTM with lines of the type SPEAKER, or the JSON of Whisper or WhisperX with "
    "'segments' that have a start and an end"
)
NAMED = 5
"""So many recordings are named in a message, and the others counted."""

LARGEST = 256 * 1024**2
"""Bytes of a file of turns at most: those of a thousand hours, word by word."""

_FEWEST_FIELDS, _MOST_FIELDS = 8, 10
_OTHER_TYPES = (
    *("SEGMENT", "NOSCORE", "NO_RT_METADATA", "LEXEME", "NON-LEX", "NON-SPEECH", "FILLER"),
    *("EDIT", "SU", "IP", "CB", "A/P", "SPKR-INFO"),
)
"""What else RTTM tells (NIST, The 2009 Rich Transcription Evaluation Plan, appendix A)."""


@dataclass(frozen=True)
class Turn:
    """A stretch in which one person speaks.

    Attributes
    ----------
    start, end
        Seconds from the recording's beginning; the end is later than the start.
    speaker
        The speaker's name; None where it was not told.

    Raises
    ------
    ArgumentInvalid
        If the times are none.
    """

    start: float
    end: float
    speaker: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end < math.inf:
            raise ArgumentInvalid(
                f"a turn from {self.start} to {self.end} s; times are seconds from 0, and a turn "
                "ends after it starts"
            )


def read_turns(path: str | os.PathLike[str], *, recording: str | None = None) -> tuple[Turn, ...]:
    """Read who speaks when. What kind of file it is, its content says, not its name.

    Parameters
    ----------
    path
        RTTM, Whisper JSON or WhisperX JSON, in UTF-8.
    recording
        Path or name of the recording, to find it in an RTTM file that tells of several.

    Returns
    -------
    tuple
        The turns in the order of their start, then their end; those of no length are left out.
        Turns may overlap.

    Raises
    ------
    NotFound, NotAFile
        If nothing can be read at the path.
    DataInvalid
        If the file is of another kind, holds no turn, holds a time that is no time, or tells of
        several recordings and not of this one.
    """
    name = os.fsdecode(path)
    try:
        text = _read(path, name)
        turns = (
            _whisper_turns(text)
            if text.lstrip().startswith(("{", "["))
            else _rttm_turns(text, recording)
        )
    except DataInvalid as error:
        raise DataInvalid(f"{name}: {error.message}", file=name) from error
    if not turns:
        raise DataInvalid(f"{name} has no turn in it; {EXPECTED}", file=name)
    return tuple(sorted(turns, key=lambda turn: (turn.start, turn.end)))


def _read(path: str | os.PathLike[str], name: str) -> str:
    try:
        with Path(path).open("rb") as file:
            content = file.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise DataInvalid(f"over {LARGEST} bytes, more than who speaks when takes; {EXPECTED}")
        return content.decode("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFound(f"There is no file at {name!r}.", file=name) from error
    except OSError as error:
        raise NotAFile(
            f"{name!r} could not be read: {error.strerror or error}. A readable file is needed.",
            file=name,
        ) from error
    except UnicodeDecodeError as error:
        raise DataInvalid(f"no text in UTF-8 ({error.reason}); {EXPECTED}") from error
    except ValueError as error:  # a null character, which no path can hold
        raise NotFound(f"There is no file at {name!r} ({error}).", file=name) from error


def _turn(start: float, end: float, speaker: str | None, where: str) -> Turn | None:
    """A turn; None for one of no length."""
    if not (math.isfinite(start) and math.isfinite(end) and 0 <= start <= end):
        raise DataInvalid(
            f"{where}: a turn from {start:g} to {end:g} s; times are seconds from 0, and no turn "
            "ends before it starts"
        )
    return Turn(start, end, speaker) if start < end else None


def _rttm_turns(text: str, recording: str | None) -> list[Turn]:
    found: dict[str, list[Turn]] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        fields = line.split()
        if not fields or fields[0].startswith(";") or fields[0] in _OTHER_TYPES:
            continue
        turn = _rttm_turn(fields, f"line {number}")
        turns = found.setdefault(fields[1], [])
        if turn is not None:
            turns.append(turn)
    if len(found) < 2:
        return next(iter(found.values()), [])
    return found[_chosen(tuple(found), recording)]


def _rttm_turn(fields: list[str], where: str) -> Turn | None:
    if fields[0] != "SPEAKER" or not _FEWEST_FIELDS <= len(fields) <= _MOST_FIELDS:
        raise DataInvalid(
            f"{where} is no line of RTTM, where a turn is SPEAKER, recording, channel, start, "
            f"duration, two fields <NA> and the speaker, no name with a space; {EXPECTED}"
        )
    try:
        start, duration = float(fields[3]), float(fields[4])
    except ValueError as error:
        raise DataInvalid(
            f"{where}: start and duration are {fields[3]!r} and {fields[4]!r}; both must be "
            "numbers of seconds"
        ) from error
    speaker = None if fields[7] == "<NA>" else fields[7]
    return _turn(start, start + duration, speaker, where)


def _chosen(names: tuple[str, ...], recording: str | None) -> str:
    """Which of several recordings is meant: the one with this name, with or without its suffix."""
    path = PurePath(recording or "")
    wanted = (path.stem, path.name)
    for candidate in (*wanted, *map(one_token, wanted)):
        if candidate in names:
            return candidate
    others = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    told = f"it tells of the recordings {', '.join(names[:NAMED])}{others}"
    if recording is None:
        raise DataInvalid(f"{told}; say which one is meant, or keep only its lines")
    raise DataInvalid(f"{told}, and not of {path.stem!r}; name it so, or keep only its lines")


def _whisper_turns(text: str) -> list[Turn]:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataInvalid(f"no JSON ({error}); {EXPECTED}") from error
    segments = values.get("segments") if isinstance(values, dict) else None
    if not isinstance(segments, list):
        raise DataInvalid(f"JSON, but without a list of 'segments'; {EXPECTED}")
    return list(_segment_turns(segments))


def _segment_turns(segments: list[Any]) -> Iterator[Turn]:
    for number, segment in enumerate(segments, start=1):
        where = f"segment {number}"
        if not isinstance(segment, dict):
            raise DataInvalid(f"{where} is no object; {EXPECTED}")
        start, end = (_number(segment.get(name), f"{where}: {name}") for name in ("start", "end"))
        speaker = segment.get("speaker") or None
        if speaker is not None and not isinstance(speaker, str):
            raise DataInvalid(f"{where}: the speaker is {speaker!r}; it must be a text")
        turn = _turn(start, end, speaker, where)
        if turn is not None:
            yield turn


def _number(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DataInvalid(f"{where} is {value!r}; it must be a number of seconds")
    try:
        return float(value)
    except OverflowError:
        return math.inf
