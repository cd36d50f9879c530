"""The microphone and the loudspeaker, by way of sounddevice and PortAudio."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Event
from typing import Any, Literal

import numpy as np

from serein.audio.decode import decode
from serein.audio.sources import Array, Samples
from serein.errors import ArgumentInvalid, DependencyMissing, DeviceUnavailable

DURATIONS = (0.5, 60.0)
"""The shortest and the longest recording, in seconds."""

# Seconds without a sign of life after which a device is given up. Headsets without a cable take
# about two to wake.
_PATIENCE = 5.0
# Seconds between two looks at the player: on Windows, Ctrl-C is only heard in between.
_LOOK = 0.1
# PortAudio's paDeviceUnavailable and paInvalidSampleRate.
_BUSY = -9985
_WRONG_RATE = -9997

Kind = Literal["microphone", "loudspeaker"]


@dataclass(frozen=True)
class Device:
    """A device as PortAudio tells of it; one that does both has inputs and outputs.

    Attributes
    ----------
    number
        What it is chosen by; it may be another after something was plugged in.
    name
        As the system calls it.
    inputs, outputs
        The most channels that it records and plays; 0 where it does not.
    sampling_rate
        Its own, in Hz.
    """

    number: int
    name: str
    inputs: int
    outputs: int
    sampling_rate: int

    def does(self, kind: Kind) -> bool:
        """Whether it is a microphone, or a loudspeaker."""
        return (self.inputs if kind == "microphone" else self.outputs) > 0


def devices() -> tuple[Device, ...]:
    """All devices that were there when the process first asked, microphones and loudspeakers.

    Raises
    ------
    DependencyMissing
        If sounddevice or PortAudio is not installed.
    DeviceUnavailable
        If the system's sound cannot be asked.
    """
    library = _portaudio()
    try:
        return tuple(_device(told) for told in library.query_devices())
    except library.PortAudioError as error:
        raise DeviceUnavailable(f"The sound devices cannot be listed: {error}.") from error


def find_device(kind: Kind, device: int | str | None = None) -> Device:
    """Find a microphone or a loudspeaker.

    Parameters
    ----------
    kind
        ``microphone`` or ``loudspeaker``.
    device
        Its number, or a part of its name in any case: of several the one that has just this name,
        or else the first. The system's default if None.

    Raises
    ------
    DeviceUnavailable
        If there is none, or none of this number or name; the message lists those that there are.
    DependencyMissing
        If sounddevice or PortAudio is not installed.
    """
    known = [one for one in devices() if one.does(kind)]
    if not known:
        raise DeviceUnavailable(
            f"There is no {kind}: none of the system's devices is one. Plug one in or switch it on."
        )
    if device is None:
        return _default(kind, known)
    wanted = str(device).strip().lower()
    for fits in (
        lambda one: str(one.number) == wanted,
        lambda one: one.name.lower() == wanted,
        lambda one: wanted and not wanted.isdecimal() and wanted in one.name.lower(),
    ):
        if found := next(filter(fits, known), None):
            return found
    listed = ", ".join(f"{one.number} {one.name!r}" for one in known)
    raise DeviceUnavailable(f"There is no {kind} {str(device)!r}; there are {listed}.")


def check_duration(seconds: float) -> None:
    """Refuse a recording that is too short to be judged, or longer than anybody means.

    Raises
    ------
    ArgumentInvalid
    """
    shortest, longest = DURATIONS
    if not shortest <= seconds <= longest:
        raise ArgumentInvalid(f"A recording has {shortest:g} to {longest:g} s, not {seconds:g}.")


def record(
    seconds: float,
    *,
    device: int | str | None = None,
    sampling_rate: int | None = None,
    listener: Callable[[Samples], None] | None = None,
) -> Array:
    """Record from a microphone.

    Parameters
    ----------
    seconds
        How long, 0.5 to 60.
    device
        See :func:`find_device`.
    sampling_rate
        Hz; the device's own if None.
    listener
        Is given every block as it comes, float32 (n,), the first once the device records.

    Returns
    -------
    samples
        float32 (n,), mono. Of a device that gives only several channels their mean, or the
        loudest where they cancel.
    sampling_rate
        Hz.

    Raises
    ------
    ArgumentInvalid
        If `seconds` is not as described.
    DeviceUnavailable
        If there is no such device, it is busy or refuses the rate, or it was unplugged.
    DependencyMissing
        If sounddevice or PortAudio is not installed.
    """
    check_duration(seconds)
    found = find_device("microphone", device)
    rate = found.sampling_rate if sampling_rate is None else sampling_rate
    left = wanted = math.ceil(seconds * rate)
    blocks: SimpleQueue[Samples | None] = SimpleQueue()
    stop = _portaudio().CallbackStop

    def take(block: Samples, frames: int, *_: object) -> None:
        nonlocal left
        blocks.put(block[:left].copy())
        left -= frames
        if left <= 0:
            raise stop

    with _running(found, "microphone", rate, take, lambda: blocks.put(None)):
        taken = _gather(found, blocks, wanted, listener)
    return decode((taken, rate), sampling_rate=rate).samples, rate


def play(samples: Any, sampling_rate: int, *, device: int | str | None = None) -> None:
    """Play a sound to its end, in mono and at the rate that the loudspeaker has by itself.

    Parameters
    ----------
    samples
        Shape (n,) or (n, channels), as :func:`serein.audio.decode` takes them.
    sampling_rate
        Hz.
    device
        See :func:`find_device`.

    Raises
    ------
    DeviceUnavailable
        If there is no such device, it is busy, or it was unplugged.
    DependencyMissing
        If sounddevice or PortAudio is not installed.
    AudioError, ArgumentInvalid
        If the samples are no sound.
    """
    found = find_device("loudspeaker", device)
    rate = found.sampling_rate
    sound = decode((samples, sampling_rate), sampling_rate=rate).samples
    given = 0
    finished = Event()
    stop = _portaudio().CallbackStop

    def give(block: Samples, frames: int, *_: object) -> None:
        nonlocal given
        part = sound[given : given + frames]
        block[: len(part)] = part[:, np.newaxis]
        block[len(part) :] = 0.0
        given += frames
        if given >= len(sound):
            raise stop

    with _running(found, "loudspeaker", rate, give, finished.set):
        end = time.monotonic() + len(sound) / rate + _PATIENCE
        while not finished.wait(_LOOK) and time.monotonic() < end:
            pass
    if not finished.is_set() or given < len(sound):
        raise _gone(found, "playing")


def _gather(
    device: Device,
    blocks: SimpleQueue[Samples | None],
    frames: int,
    listener: Callable[[Samples], None] | None,
) -> Samples:
    """Wait for so many frames, which the device gives in a thread of its own."""
    taken: list[Samples] = []
    while frames > 0:
        try:
            block = blocks.get(timeout=_PATIENCE)
        except Empty:
            block = None
        if block is None:
            raise _gone(device, "recording")
        taken.append(block)
        frames -= len(block)
        if listener is not None:
            listener(block.mean(axis=1))
    return np.concatenate(taken)


@contextmanager
def _running(
    device: Device,
    kind: Kind,
    rate: int,
    callback: Callable[..., None],
    finished: Callable[[], None],
) -> Iterator[None]:
    """A stream that runs while the block does, and ends at once with it, by Ctrl-C as well."""
    library = _portaudio()
    try:
        stream = _open(library, device, kind, rate, callback=callback, finished_callback=finished)
        try:
            stream.start()
            yield
        finally:
            stream.abort()
            stream.close()
    except library.PortAudioError as error:
        raise _refused(device, kind, rate, error) from error


def _open(library: Any, device: Device, kind: Kind, rate: int, **calls: Callable[..., None]) -> Any:
    """Open in mono, or with all channels where the system does not mix."""
    microphone = kind == "microphone"
    make = library.InputStream if microphone else library.OutputStream
    options = {"device": device.number, "samplerate": rate, "dtype": "float32", **calls}
    try:
        return make(channels=1, **options)
    except library.PortAudioError:
        channels = device.inputs if microphone else device.outputs
        if channels == 1:
            raise
        return make(channels=channels, **options)


def _refused(device: Device, kind: Kind, rate: int, error: Exception) -> DeviceUnavailable:
    code = error.args[1] if len(error.args) > 1 else None
    what = f"The {kind} {device.name!r} cannot be used"
    if code == _BUSY:
        return DeviceUnavailable(
            f"{what}: it is busy. Close the program that uses it, or choose another device."
        )
    if code == _WRONG_RATE:
        return DeviceUnavailable(
            f"{what} at {rate} Hz; its own sampling rate is {device.sampling_rate} Hz."
        )
    return DeviceUnavailable(
        f"{what}: {error}. Look whether it is plugged in, free, and allowed by the system's"
        " settings, or choose another device."
    )


def _gone(device: Device, doing: str) -> DeviceUnavailable:
    return DeviceUnavailable(
        f"{device.name!r} stopped while {doing}. Look whether it is still plugged in and try again."
    )


def _default(kind: Kind, known: list[Device]) -> Device:
    library = _portaudio()
    side = "input" if kind == "microphone" else "output"
    try:
        return _device(library.query_devices(kind=side))
    except (library.PortAudioError, ValueError):
        # The system names none.
        return known[0]


def _device(told: Any) -> Device:
    return Device(
        number=int(told["index"]),
        name=str(told["name"]),
        inputs=int(told["max_input_channels"]),
        outputs=int(told["max_output_channels"]),
        sampling_rate=round(told["default_samplerate"]),
    )


def _portaudio() -> Any:
    """The module sounddevice, once PortAudio answers."""
    try:
        import sounddevice
    except ImportError as error:
        raise DependencyMissing(
            "The microphone and the loudspeaker need sounddevice; install it with:"
            ' pip install "serein[microphone]"'
        ) from error
    except OSError as error:
        raise DependencyMissing(
            "sounddevice needs the library PortAudio, which is not installed. On Debian and Ubuntu:"
            " apt install libportaudio2. On macOS and Windows it comes with: pip install"
            " --force-reinstall sounddevice"
        ) from error
    except Exception as error:  # its own class of errors cannot be imported either
        raise DeviceUnavailable(f"The system's sound cannot be used: {error}.") from error
    return sounddevice
