"""``serein predict``: judge clips."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from serein.cli.output import complain, print_json
from serein.errors import ArgumentInvalid, SereinError
from serein.labels import VIEWS, regroup
from serein.results import Prediction, failure_as_dict

if TYPE_CHECKING:
    from serein import Recognizer, SpeakerProfile

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


def register(app: typer.Typer) -> None:
    """Add the command to an application."""
    app.command(epilog="Example: serein predict --top 3 clip.wav")(predict)


def predict(
    files: Files,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line, with every probability.")
    ] = False,
    top: Annotated[
        int | None,
        typer.Option("--top", metavar="N", min=1, help="Show only the N most probable classes."),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option("--labels", metavar="VIEW", help=f"Regroup the labels: {', '.join(VIEWS)}."),
    ] = None,
    model: Model = None,
    speaker: Annotated[
        str | None,
        typer.Option("--speaker", metavar="PROFILE", help="A profile of 'serein enroll'."),
    ] = None,
) -> None:
    """Judge which emotion is in each clip.

    A file that fails is reported, and the others are judged.
    """
    if labels is not None and labels not in VIEWS:
        raise ArgumentInvalid(f"unknown label view {labels!r}; the views are {', '.join(VIEWS)}")
    recognizer = open_model(model)
    if labels is not None:
        _check_view(recognizer, labels)
    profile = None if speaker is None else _open_profile(recognizer, speaker)
    outcomes = _outcomes(recognizer, files, profile)
    if as_json:
        failed = _print_json(outcomes, len(files), labels)
    else:
        from serein.cli.judgements import print_judgements

        failed = print_judgements(outcomes, len(files), view=labels or "all", top=top)
    if failed:
        if len(files) > 1:
            complain("error", f"{failed} of {len(files)} files failed")
        raise typer.Exit(1)


def open_model(model: str | None) -> Recognizer:
    """Load a model by what ``--model`` says, or the bundled one."""
    from serein.recognition import load

    return load() if model is None else load(model)


def source_of(file: str) -> Any:
    """What the recogniser reads for a file argument."""
    if file != STANDARD_INPUT:
        return file
    return b"" if sys.stdin is None else sys.stdin.buffer


def _check_view(recognizer: Recognizer, view: str) -> None:
    """Refuse a view that has none of the model's labels before any file is judged."""
    share = 1.0 / len(recognizer.labels)
    sex = {"female": 0.5, "male": 0.5} if recognizer.bundle.judges_sex else None
    regroup(dict.fromkeys(recognizer.labels, share), view, sex=sex)


def _open_profile(recognizer: Recognizer, path: str) -> SpeakerProfile:
    from serein.recognition import SpeakerProfile, judge

    profile = SpeakerProfile.load(path)
    # To judge nothing is to check that the profile belongs to the model.
    judge(recognizer.bundle, [], speaker=profile)
    return profile


def _outcomes(
    recognizer: Recognizer, files: Sequence[str], profile: SpeakerProfile | None
) -> Iterator[tuple[str, Prediction | SereinError]]:
    """Judge lazily and in order; every outcome carries the file's name as it was given."""
    judged = recognizer.predict_many(map(source_of, files), speaker=profile)
    for file, outcome in zip(files, judged, strict=True):
        if isinstance(outcome, SereinError):
            outcome.file = file
            yield file, outcome
        else:
            yield file, replace(outcome, file=file)


def _print_json(
    outcomes: Iterator[tuple[str, Prediction | SereinError]], total: int, view: str | None
) -> int:
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
