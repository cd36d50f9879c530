"""``serein live``: one's own voice, recorded, heard again and judged."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Any, Self

import typer

from serein.cli.output import complain, printable
from serein.cli.predict import (
    AsJson,
    Labels,
    Model,
    Speaker,
    Top,
    lasting_source_of,
    prepare,
    print_outcomes,
)
from serein.errors import ArgumentInvalid, DeviceUnavailable, SereinError

if TYPE_CHECKING:
    from serein import Prediction, Recognizer, SpeakerProfile
    from serein.audio import Source
    from serein.audio.microphone import Device
    from serein.audio.sources import Array, Samples

MICROPHONE = "microphone"
"""What stands for the file's name in the judgement of a recording."""

_METER_RANGE = 60.0  # dB below full scale where the meter's bar begins
_METER_WIDTH = 32  # columns

Once = Annotated[
    float | None,
    typer.Option("--once", metavar="S", help="Record S seconds, 0.5 to 60, and judge them."),
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
        "--file", metavar="F", help="Take the first S seconds of a file; no microphone is needed."
    ),
]
NoPlay = Annotated[bool, typer.Option("--no-play", help="Do not play the recording back.")]


def register(app: typer.Typer) -> None:
    """Add the command to an application."""
    app.command(epilog="Example: serein live --once 4")(live)


def live(
    once: Once = None,
    device: DeviceChoice = None,
    file: File = None,
    no_play: NoPlay = False,
    as_json: AsJson = False,
    top: Top = None,
    labels: Labels = None,
    model: Model = None,
    speaker: Speaker = None,
) -> None:
    """Record one's own voice, play it back and judge which emotion is in it.

    The recording is played on the system's own loudspeaker and is kept nowhere. It is judged and
    printed as 'serein predict' does.
    """
    seconds = _duration(once)
    if file is not None and device is not None:
        raise ArgumentInvalid("--file takes the place of the microphone; leave out --device")
    recognizer, profile = prepare(model, labels=labels, speaker=speaker)
    if file is None:
        recording = _record(seconds, device)
        if not no_play:
            _play(recording)
        outcome = _judge(recognizer, recording, profile, name=MICROPHONE)
    else:
        outcome = _judge_file(recognizer, file, seconds, profile)
    judged = [(file or MICROPHONE, outcome)]
    if print_outcomes(iter(judged), 1, as_json=as_json, top=top, labels=labels):
        raise typer.Exit(1)


def _duration(once: float | None) -> float:
    if once is None:
        raise ArgumentInvalid(
            "say with --once how many seconds are recorded, such as: serein live --once 4"
        )
    from serein.audio.microphone import check_duration

    check_duration(once)
    return once


def _record(seconds: float, device: str | None) -> Array:
    from serein.audio import microphone

    found = _microphone(device)
    with _Meter(seconds, found) as meter:
        return microphone.record(seconds, device=found.number, listener=meter)


def _microphone(device: str | None) -> Device:
    from serein.audio.microphone import find_device

    try:
        return find_device("microphone", device)
    except DeviceUnavailable as error:
        if device is None:
            raise
        # As with every other value of an option that names what is not there.
        raise ArgumentInvalid(error.message) from error


def _play(recording: Array) -> None:
    """Let it be heard; who has no loudspeaker still wants the judgement."""
    from serein.audio import microphone

    samples, rate = recording
    complain("playing it back")
    try:
        microphone.play(samples, rate)
    except DeviceUnavailable as error:
        complain("warning", f"not played back: {error.message}")


def _judge(
    recognizer: Recognizer, source: Source, profile: SpeakerProfile | None, *, name: str
) -> Prediction | SereinError:
    try:
        return replace(recognizer.predict(source, speaker=profile), file=name)
    except SereinError as error:
        error.file = name
        return error


def _judge_file(
    recognizer: Recognizer, file: str, seconds: float, profile: SpeakerProfile | None
) -> Prediction | SereinError:
    from serein.audio.beginning import beginning

    source = lasting_source_of(file, recognizer.limits)
    try:
        first = beginning(source, seconds, limits=recognizer.limits)
    except SereinError as error:
        error.file = file
        return error
    return _judge(recognizer, source if first is None else first, profile, name=file)


class _Meter:
    """Says when to speak, and shows a person the level and the seconds that are left.

    Parameters
    ----------
    seconds
        Of the whole recording.
    device
        What records.
    """

    def __init__(self, seconds: float, device: Device) -> None:
        self._seconds = seconds
        self._device = device
        self._frames = 0
        self._drawn: Any = None
        self._blocks = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._drawn is not None:
            self._drawn.stop()

    def __call__(self, block: Samples) -> None:
        """Take what was just recorded, float32 (n,); with the first of it, recording has begun."""
        if not self._frames:
            name = printable(self._device.name)
            complain(f"recording {self._seconds:g} s from {name!r}, speak now")
            if sys.stderr.isatty():
                self._begin()
        self._frames += len(block)
        if self._drawn is not None:
            self._draw(block)

    def _begin(self) -> None:
        from rich.live import Live

        from serein.cli.console import can_print, console

        out = console(stderr=True)
        self._blocks = can_print(out, "█▏▎▍▌▋▊▉")
        self._drawn = Live(console=out, auto_refresh=False, transient=True)
        self._drawn.start()

    def _draw(self, block: Samples) -> None:
        from rich.text import Text

        from serein.audio import frame_levels
        from serein.cli.console import bar

        rate = self._device.sampling_rate
        level = float(frame_levels(block, rate).max())
        share = min(1.0, max(0.0, 1.0 + level / _METER_RANGE))
        left = max(0.0, self._seconds - self._frames / rate)
        text = Text.assemble(
            (bar(share, _METER_WIDTH, blocks=self._blocks), "cyan"), (f" {left:.1f} s left", "dim")
        )
        self._drawn.update(text, refresh=True)
