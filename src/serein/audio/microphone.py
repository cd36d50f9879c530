"""Recording, listening and playing."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any

import numpy as np

from serein.audio.decode import decode
from serein.audio.devices import Device, Kind, find_device, portaudio
from serein.audio.feed import Feed
from serein.audio.sources import Array, Samples
from serein.errors import ArgumentInvalid, DeviceUnavailable

DURATIONS = (0.5, 60.0)
"""The shortest and the longest recording, in seconds."""

BLOCK = 0.1
"""Seconds at least in a block of :func:`listen`."""

# Seconds of sound that wait for one who listens and is busy.
_ROOM = 5.0
# Seconds without a sign of life after which a device is given up. Headsets without a cable take
# about two to wake.
_PATIENCE = 5.0
# Seconds between two looks at the player: on Windows, Ctrl-C is only heard in between.
_LOOK = 0.1
# PortAudio's paDeviceUnavailable and paInvalidSampleRate.
_BUSY = -9985
_WRONG_RATE = -9997


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
        See :func:`serein.audio.devices.find_device`.
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
    feed = Feed(room=wanted)
    stop = portaudio().CallbackStop

    def take(block: Samples, frames: int, *_: object) -> None:
        nonlocal left
        feed.put(block[:left])
        left -= frames
        if left <= 0:
            raise stop

    blocks: list[Samples] = []
    with _running(found, "microphone", rate, take, feed.end):
        while wanted > 0:
            block = _take(feed, found, "recording")
            blocks.append(block)
            wanted -= len(block)
            if listener is not None:
                listener(block.mean(axis=1))
    return _mono(blocks, rate), rate


class Listening:
    """A microphone that is on: iterate for what it hears, without an end.

    The blocks are float32 (n,), of 0.1 s or little more: the device's own channel, or of one that
    gives only several their mean, or the loudest where they cancel. What is not fetched within
    five seconds is lost, the oldest first. Iterating raises :class:`DeviceUnavailable` once the
    device gives nothing more.

    Attributes
    ----------
    device
        What listens.
    sampling_rate
        Hz, of the blocks.
    """

    def __init__(self, device: Device, sampling_rate: int, feed: Feed) -> None:
        self.device = device
        self.sampling_rate = sampling_rate
        self._feed = feed

    @property
    def lost(self) -> float:
        """Seconds of sound that were lost so far, because they were fetched too late."""
        return self._feed.lost / self.sampling_rate

    def __iter__(self) -> Iterator[Samples]:
        while True:
            blocks = [_take(self._feed, self.device, "listening")]
            while sum(map(len, blocks)) < BLOCK * self.sampling_rate:
                blocks.append(_take(self._feed, self.device, "listening"))
            yield _mono(blocks, self.sampling_rate)


@contextmanager
def listen(
    device: int | str | None = None, *, sampling_rate: int | None = None
) -> Iterator[Listening]:
    """Hear a microphone for as long as the block runs.

    Parameters
    ----------
    device
        See :func:`serein.audio.devices.find_device`.
    sampling_rate
        Hz; the device's own if None.

    Raises
    ------
    DeviceUnavailable
        If there is no such device, it is busy or refuses the rate, or, while it is iterated over,
        was unplugged.
    DependencyMissing
        If sounddevice or PortAudio is not installed.

    Examples
    --------
    >>> with listen() as heard:  # doctest: +SKIP
    ...     for block in heard:
    ...         print(f"{abs(block).max():.3f}")
    """
    found = find_device("microphone", device)
    rate = found.sampling_rate if sampling_rate is None else sampling_rate
    feed = Feed(room=round(_ROOM * rate))

    def take(block: Samples, *_: object) -> None:
        feed.put(block)

    with _running(found, "microphone", rate, take, feed.end):
        yield Listening(found, rate, feed)


def play(samples: Any, sampling_rate: int, *, device: int | str | None = None) -> None:
    """Play a sound to its end, in mono and at the rate that the loudspeaker has by itself.

    Parameters
    ----------
    samples
        Shape (n,) or (n, channels), as :func:`serein.audio.decode` takes them.
    sampling_rate
        Hz.
    device
        See :func:`serein.audio.devices.find_device`.

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
    stop = portaudio().CallbackStop

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


def _take(feed: Feed, device: Device, doing: str) -> Samples:
    block = feed.take(_PATIENCE)
    if block is None:
        raise _gone(device, doing)
    return block


def _mono(blocks: list[Samples], rate: int) -> Samples:
    return decode((np.concatenate(blocks), rate), sampling_rate=rate).samples


@contextmanager
def _running(
    device: Device,
    kind: Kind,
    rate: int,
    callback: Callable[..., None],
    finished: Callable[[], None],
) -> Iterator[None]:
    """A stream that runs while the block does, and ends at once with it, by Ctrl-C as well."""
    library = portaudio()
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
