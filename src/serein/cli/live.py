"""``serein live``: the microphone judged as it hears, or one recording of a few seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from serein.cli.predict import (
    AsJson,
    Labels,
    Model,
    Speaker,
    Top,
    prepare,
    print_outcomes,
)
from serein.errors import ArgumentInvalid, DeviceUnavailable, SereinError

if TYPE_CHECKING:
    from serein import Prediction, Recognizer, SpeakerProfile
    from serein.audio.devices import Device

MICROPHONE = "microphone"
"""What stands for the file's name in the judgement of a recording."""

WINDOW = 3.0  # seconds
HOP = 0.5  # seconds: bars that move twice a second look alive

Once = Annotated[
    float | None,
    typer.Option("--once", metavar="S", help="Record S seconds, 0.5 to 60, and judge them."),
]
WindowLength = Annotated[
    float | None,
    typer.Option(
        "--window", metavar="S", help=f"Judge S seconds at a time; {WINDOW:g} by default."
    ),
]
Hop = Annotated[
    float | None,
    typer.Option("--hop", metavar="S", help=f"Judge every S seconds; {HOP:g} by default."),
]
DeviceChoice = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="D",
        help="The microphone: its number or a part of its name; the system's own by default.",
    ),
]
File = Annotated[
    str | None,
    typer.Option(
        "--file",
        metavar="F",
        help="Read a file at its own pace, with --once its first S seconds; no microphone is "
        "needed.",
    ),
]
NoPlay = Annotated[
    bool, typer.Option("--no-play", help="With --once: do not play the recording back.")
]


def register(app: typer.Typer) -> None:
    """Add the command to an application."""
    app.command(epilog="Example: serein live --labels three")(live)


def live(
    once: Once = None,
    window: WindowLength = None,
    hop: Hop = None,
    device: DeviceChoice = None,
    file: File = None,
    no_play: NoPlay = False,
    as_json: AsJson = False,
    top: Top = None,
    labels: Labels = None,
    model: Model = None,
    speaker: Speaker = None,
) -> None:
    """Judge the voice at the microphone as it speaks, in bars that move.

    Space pauses and goes on, q quits; what is said in a pause is not judged, and nothing is ever
    kept. Where the output is no terminal, and with --json, each window is a line, with its times
    in seconds of what was heard, pauses left out. Ctrl-C ends it as well, with exit status 130.

    With --once so many seconds are recorded, played on the system's own loudspeaker, judged and
    printed as 'serein predict' does.
    """
    _check_usage(once, device=device, file=file, playing=not no_play, cutting=(window, hop))
    recognizer, profile = prepare(model, labels=labels, speaker=speaker)
    if once is not None:
        name = file or MICROPHONE
        outcome = _judge_once(recognizer, once, profile, device, file, play=not no_play)
        judged = iter([(name, outcome)])
        failed = bool(print_outcomes(judged, 1, as_json=as_json, top=top, labels=labels))
    else:
        from serein.cli.live_watch import Watch

        watch = Watch(
            recognizer,
            profile,
            window=WINDOW if window is None else window,
            hop=HOP if hop is None else hop,
            as_json=as_json,
            top=top,
            labels=labels,
        )
        failed = watch.microphone(_microphone(device)) if file is None else watch.file(file)
    if failed:
        raise typer.Exit(1)


def _check_usage(
    once: float | None,
    *,
    device: str | None,
    file: str | None,
    playing: bool,
    cutting: tuple[float | None, float | None],
) -> None:
    if file is not None and device is not None:
        raise ArgumentInvalid("--file takes the place of the microphone; leave out --device")
    if once is None:
        if not playing:
            raise ArgumentInvalid("only with --once is anything played back; leave out --no-play")
        return
    if cutting != (None, None):
        raise ArgumentInvalid("--once judges one recording; leave out --window and --hop")
    from serein.audio.microphone import check_duration

    check_duration(once)


def _judge_once(
    recognizer: Recognizer,
    seconds: float,
    profile: SpeakerProfile | None,
    device: str | None,
    file: str | None,
    *,
    play: bool,
) -> Prediction | SereinError:
    from serein.cli.live_once import judge_beginning, judge_recording

    if file is not None:
        return judge_beginning(recognizer, seconds, profile, file=file)
    found = _microphone(device)
    return judge_recording(recognizer, seconds, profile, device=found, name=MICROPHONE, play=play)


def _microphone(device: str | None) -> Device:
    from serein.audio.devices import find_device

    try:
        return find_device("microphone", device)
    except DeviceUnavailable as error:
        if device is None:
            raise
        # As with every other value of an option that names what is not there.
        raise ArgumentInvalid(error.message) from error
