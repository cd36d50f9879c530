"""``serein live --once``: so many seconds, recorded, heard again and judged."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from serein.cli.output import complain, printable
from serein.cli.predict import lasting_source_of
from serein.errors import DeviceUnavailable, SereinError

if TYPE_CHECKING:
    from serein import Prediction, Recognizer, SpeakerProfile
    from serein.audio import Source
    from serein.audio.devices import Device
    from serein.audio.sources import Array, Samples

_METER_WIDTH = 32  # columns


def judge_recording(
    recognizer: Recognizer,
    seconds: float,
    profile: SpeakerProfile | None,
    *,
    device: Device,
    name: str,
    play: bool,
) -> Prediction | SereinError:
    """Record from a microphone, play it back if wanted, and judge it under a name."""
    recording = _record(seconds, device)
    if play:
        _play(recording)
    return _judge(recognizer, recording, profile, name=name)


def judge_beginning(
    recognizer: Recognizer, seconds: float, profile: SpeakerProfile | None, *, file: str
) -> Prediction | SereinError:
    """Judge the first seconds of a file."""
    from serein.audio.beginning import beginning

    source = lasting_source_of(file, recognizer.limits)
    try:
        first = beginning(source, seconds, limits=recognizer.limits)
    except SereinError as error:
        error.file = file
        return error
    return _judge(recognizer, source if first is None else first, profile, name=file)


def _record(seconds: float, device: Device) -> Array:
    from serein.audio import microphone

    with _Meter(seconds, device) as shown:
        return microphone.record(seconds, device=device.number, listener=shown)


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
        from serein.cli.live_screen import BLOCKS

        out = console(stderr=True)
        self._blocks = can_print(out, BLOCKS)
        self._drawn = Live(console=out, auto_refresh=False, transient=True)
        self._drawn.start()

    def _draw(self, block: Samples) -> None:
        from rich.text import Text

        from serein.audio import frame_levels
        from serein.cli.live_screen import meter

        rate = self._device.sampling_rate
        level = float(frame_levels(block, rate).max())
        left = max(0.0, self._seconds - self._frames / rate)
        text = Text.assemble(
            (meter(level, _METER_WIDTH, blocks=self._blocks), "cyan"),
            (f" {left:.1f} s left", "dim"),
        )
        self._drawn.update(text, refresh=True)
