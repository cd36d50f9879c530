"""``serein batch``: judge very many files into one table."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, Annotated, Any

import typer

from serein.cli.output import complain
from serein.cli.predict import Labels, Model, Speaker, prepare
from serein.errors import ArgumentInvalid

if TYPE_CHECKING:
    from serein.recognition.batch import Engine, Tally, TimelineOptions

ENGINES = ("local", "ray")

Inputs = Annotated[
    list[str],
    typer.Argument(
        metavar="INPUT",
        show_default=False,
        help="Sound files, folders, quoted patterns such as 'calls/**/*.wav', tables (Parquet, CSV,"
        " TSV) with a column 'path' or 'file', addresses (s3://, https://, ...); '-' is a list of"
        " paths on standard input.",
    ),
]
Output = Annotated[
    str,
    typer.Option(
        "-o",
        "--output",
        metavar="OUT.parquet",
        help="Where the table goes: a folder of Parquet files, which together are one table.",
    ),
]
EngineName = Annotated[
    str, typer.Option("--engine", metavar="E", help=f"What judges: {', '.join(ENGINES)}.")
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        metavar="N",
        min=1,
        help="Processes that judge; by default one for each core, with ray of the cluster.",
    ),
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on with a result that is there, as it was begun.")
]
OverTime = Annotated[
    bool,
    typer.Option("--timeline", help="A row for every segment of a recording, not for every file."),
]
WindowLength = Annotated[
    float | None,
    typer.Option("--window", metavar="S", help="With --timeline: seconds judged at once."),
]
Hop = Annotated[
    float | None,
    typer.Option("--hop", metavar="S", help="With --timeline: seconds from window to window."),
]
Adapt = Annotated[
    bool,
    typer.Option("--adapt", help="With --timeline: make a speaker's profile of each recording."),
]


def register(app: typer.Typer) -> None:
    """Add the command to an application."""
    app.command(epilog="Example: serein batch recordings/ -o emotions.parquet")(batch)


def batch(
    inputs: Inputs,
    output: Output,
    engine: EngineName = "local",
    workers: Workers = None,
    resume: Resume = False,
    model: Model = None,
    labels: Labels = None,
    speaker: Speaker = None,
    over_time: OverTime = False,
    window: WindowLength = None,
    hop: Hop = None,
    adapt: Adapt = False,
) -> None:
    """Judge very many files into one table, with a row for each.

    A file that fails is a row with its error. What was interrupted goes on with --resume, and
    judges no file twice.
    """
    _require_engine(engine)
    timeline = _timeline(over_time, window, hop, adapt)
    recognizer, profile = prepare(model, labels=labels, speaker=speaker)
    from serein.cli.batch_progress import Meter
    from serein.recognition.batch import Task, find_files, run_batch

    task = Task.of(recognizer, output, view=labels, speaker=profile, timeline=timeline)
    del recognizer  # the processes load their own
    with _begun(engine, workers) as (judge_all, count), Meter(inputs) as meter:
        try:
            before, done = run_batch(
                find_files(inputs, listed=_standard_input()),
                task,
                workers=count,
                resume=resume,
                report=meter.show,
                engine=judge_all,
            )
        except KeyboardInterrupt:
            meter.clear()
            complain("what is written is whole; the same command with --resume goes on")
            raise
    _tell(before, done, meter.seconds)
    if before.failed + done.failed:
        raise typer.Exit(1)


def _require_engine(name: str) -> None:
    if name not in ENGINES:
        raise ArgumentInvalid(f"unknown engine {name!r}; the engines are {', '.join(ENGINES)}")


@contextmanager
def _begun(name: str, workers: int | None) -> Iterator[tuple[Engine, int | None]]:
    """What judges, and how many workers it takes where none are named."""
    if name == "ray":
        from serein.recognition.batch.ray_engine import judge_on_ray, ray_cluster

        # What Ray tells of lost nodes it prints on standard output.
        with redirect_stdout(sys.stderr), ray_cluster() as processors:
            yield judge_on_ray, workers or processors
    else:
        from serein.recognition.batch import judge_locally

        yield judge_locally, workers


def _timeline(
    over_time: bool, window: float | None, hop: float | None, adapt: bool
) -> TimelineOptions | None:
    if not over_time:
        if window is not None or hop is not None or adapt:
            raise ArgumentInvalid("--window, --hop and --adapt are for --timeline; add it")
        return None
    from serein.recognition.batch import TimelineOptions

    options = TimelineOptions(adapt=adapt)
    return TimelineOptions(
        options.window if window is None else window,
        options.hop if hop is None else hop,
        adapt,
    )


def _standard_input() -> Any:
    return None if sys.stdin is None else sys.stdin.buffer


def _tell(before: Tally, done: Tally, seconds: float) -> None:
    """What was done in a line, after the first of the files that failed."""
    for file, message in done.failures:
        complain("error", message, file=file)
    if done.failed > len(done.failures):
        more = done.failed - len(done.failures)
        complain("error", f"{more:,} more files failed; see the column error_code")
    from serein.cli.batch_progress import described

    earlier = f"{before.files:,} files were done before; " if before.files else ""
    print(earlier + described(before, done, seconds), file=sys.stderr, flush=True)
