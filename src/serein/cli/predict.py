"""``serein predict``: judge clips."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from serein.cli.output import complain, print_json
from serein.errors import ArgumentInvalid, SereinError
from serein.labels import VIEWS
from serein.results import Prediction, failure_as_dict

if TYPE_CHECKING:
    from serein import Recognizer, SpeakerProfile
    from serein.audio import Limits

STANDARD_INPUT = "-"

Files = Annotated[
    list[str],
    typer.Argument(
        metavar="FILE",
        show_default=False,
        help="Sound files; '-' is standard input, and after '--' a name may begin with '-'.",
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model", metavar="M", help="A model's name or folder; the bundled one by default."
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="One JSON object a line, with every probability.")
]
Top = Annotated[
    int | None,
    typer.Option("--top", metavar="N", min=1, help="Show only the N most probable classes."),
]
Labels = Annotated[
    str | None,
    typer.Option("--labels", metavar="VIEW", help=f"Regroup the labels: {', '.join(VIEWS)}."),
]
Speaker = Annotated[
    str | None,
    typer.Option("--speaker", metavar="PROFILE", help="A profile of 'serein enroll'."),
]
Explain = Annotated[
    bool,
    typer.Option("--explain", help="Also say where the model listened and how the voice sounds."),
]
Outcomes = Iterator[tuple[str, Prediction | SereinError]]


def register(app: typer.Typer) -> None:
    """Add the command to an application."""
    app.command(epilog="Example: serein predict --top 3 clip.wav")(predict)


def predict(
    files: Files,
    as_json: AsJson = False,
    top: Top = None,
    labels: Labels = None,
    model: Model = None,
    speaker: Speaker = None,
    explain: Explain = False,
) -> None:
    """Judge which emotion is in each clip.

    A file that fails is reported, and the others are judged.
    """
    recognizer, profile = prepare(model, labels=labels, speaker=speaker)
    outcomes = _outcomes(recognizer, files, profile, explain=explain)
    failed = print_outcomes(outcomes, len(files), as_json=as_json, top=top, labels=labels)
    if failed:
        if len(files) > 1:
            complain("error", f"{failed} of {len(files)} files failed")
        raise typer.Exit(1)


def prepare(
    model: str | None, *, labels: str | None, speaker: str | None
) -> tuple[Recognizer, SpeakerProfile | None]:
    """Load the model and the profile, and refuse what cannot be used before any clip is judged."""
    if labels is not None and labels not in VIEWS:
        raise ArgumentInvalid(f"unknown label view {labels!r}; the views are {', '.join(VIEWS)}")
    recognizer = open_model(model)
    if labels is not None:
        recognizer.require_view(labels)
    return recognizer, None if speaker is None else _open_profile(recognizer, speaker)


def print_outcomes(
    outcomes: Outcomes, total: int, *, as_json: bool, top: int | None, labels: str | None
) -> int:
    """Print each judgement when it is ready and return how many clips failed."""
    if as_json:
        return _print_json(outcomes, total, labels)
    from serein.cli.judgements import print_judgements

    return print_judgements(outcomes, total, view=labels or "all", top=top)


def open_model(model: str | None) -> Recognizer:
    """Load a model by what ``--model`` says, or the bundled one."""
    from serein.recognition import load

    return load() if model is None else load(model)


def source_of(file: str) -> Any:
    """What the recogniser reads for a file argument."""
    if file != STANDARD_INPUT:
        return file
    return b"" if sys.stdin is None else sys.stdin.buffer


def lasting_source_of(file: str, limits: Limits) -> str | bytes:
    """What a file argument names, such that it can be read twice."""
    if file != STANDARD_INPUT:
        return file
    source = source_of(file)
    content: bytes = source if isinstance(source, bytes) else source.read(limits.max_bytes + 1)
    return content


def _open_profile(recognizer: Recognizer, path: str) -> SpeakerProfile:
    from serein.recognition import SpeakerProfile, judge

    profile = SpeakerProfile.load(path)
    # To judge nothing is to check that the profile belongs to the model.
    judge(recognizer.bundle, [], speaker=profile)
    return profile


def _outcomes(
    recognizer: Recognizer,
    files: Sequence[str],
    profile: SpeakerProfile | None,
    *,
    explain: bool,
) -> Outcomes:
    """Judge lazily and in order; every outcome carries the file's name as it was given."""
    judged = recognizer.predict_many(map(source_of, files), speaker=profile, explain=explain)
    for file, outcome in zip(files, judged, strict=True):
        if isinstance(outcome, SereinError):
            outcome.file = file
            yield file, outcome
        else:
            yield file, replace(outcome, file=file)


def _print_json(outcomes: Outcomes, total: int, view: str | None) -> int:
    """Print one object a line and return how many files failed."""
    failed = 0
    with quiet_or_progress(total) as progress:
        for done, (_, outcome) in enumerate(outcomes, start=1):
            if isinstance(outcome, SereinError):
                failed += 1
                value = failure_as_dict(outcome)
            else:
                value = outcome.as_dict()
                if view is not None:
                    value["view"] = outcome.view(view).as_dict()
            progress.clear()
            print_json(value)
            progress.show(done)
    return failed


def quiet_or_progress(total: int) -> Any:
    """A progress line, or where nobody would see it nothing, without importing what draws it."""
    if total > 1 and sys.stderr.isatty():
        from serein.cli.console import Progress

        return Progress(total)
    return _Quiet()


class _Quiet:
    def __enter__(self) -> _Quiet:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def clear(self) -> None:
        """Nothing was drawn."""

    def show(self, done: int) -> None:
        """Nobody would see it."""
