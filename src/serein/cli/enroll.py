"""``serein enroll``: a speaker's profile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serein.cli.output import complain, printable
from serein.cli.predict import Files, Model, lasting_source_of, open_model
from serein.errors import SereinError

if TYPE_CHECKING:
    from serein import Recognizer


def register(app: typer.Typer) -> None:
    """Add the command to an application."""
    app.command(epilog="Example: serein enroll anna1.wav anna2.wav -o anna.json")(enroll)


def enroll(
    files: Files,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="PROFILE.json", help="Where the profile goes."),
    ],
    model: Model = None,
) -> None:
    """Make a speaker's profile from clips of the voice, without labels.

    A handful of clips in different moods serves best. A file that fails is reported and the
    profile is made of the others; one that is silent, or has no speech in it as far as the model
    can tell, is left out. A profile belongs to the model that it was made with.
    """
    recognizer = open_model(model)
    clips = _Clips(recognizer, files)
    sources = list(clips)
    if not sources:
        complain("error", "none of the files can be used, so there is no profile")
        raise typer.Exit(1)
    profile = recognizer.enroll(sources)
    profile.save(output)
    used = f"{len(sources)} of {len(files)} clips"
    typer.echo(f"{printable(str(output))}: {used}, speech level {profile.level:.0f} dBFS")
    if clips.failed:
        raise typer.Exit(1)


class _Clips:
    """Judges the files one by one, reporting those that cannot be used."""

    def __init__(self, recognizer: Recognizer, files: list[str]) -> None:
        self._recognizer = recognizer
        self._files = files
        self.failed = 0

    def __iter__(self) -> Iterator[str | bytes]:
        from serein.recognition.hearing import UNDECIDABLE

        for file in self._files:
            source = lasting_source_of(file, self._recognizer.limits)
            try:
                warnings = self._recognizer.predict(source).warnings
            except SereinError as error:
                self.failed += 1
                complain("error", error.message, file=file)
                continue
            for warning in warnings:
                complain("warning", warning.message, file=file)
            if any(warning.code in UNDECIDABLE for warning in warnings):
                complain("warning", "left out of the profile", file=file)
            else:
                yield source
