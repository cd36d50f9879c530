"""Rooms: speech as a microphone at a distance hears it."""

from __future__ import annotations

import math

import numpy as np

from serein.audio.decode import Limits
from serein.audio.readers import open_reader
from serein.audio.resample import resample_blocks
from serein.audio.signal import active_level
from serein.audio.sources import Samples, Source, boundary, source_name
from serein.errors import ArgumentInvalid, EmptyFile

_ONSET = 0.1  # -20 dB below the peak


def read_response(source: Source, *, sampling_rate: int) -> Samples:
    """Read a room's impulse response; of several channels the first.

    Channels are not averaged: the response of each microphone is a room of its own, and in their
    mean the direct sound would be there several times.

    Parameters
    ----------
    source
        As in `serein.audio.decode`.
    sampling_rate
        Hz of the result.

    Raises
    ------
    AudioError
        As in `serein.audio.decode`.
    """
    name = source_name(source)
    with boundary(name), open_reader(source, max_bytes=Limits().max_bytes) as reader:
        first = (block[:, 0] for block in reader.blocks())
        parts = list(resample_blocks(first, reader.sampling_rate, sampling_rate))
        if not parts:
            raise EmptyFile("The file holds no samples; a room's impulse response is needed.")
        return np.ascontiguousarray(np.concatenate(parts))


def made_response(sampling_rate: int, generator: np.random.Generator) -> Samples:
    """Make the impulse response of a room that is not there: noise that dies away.

    The time in which it falls by 60 dB lies between 0.1 and 1.2 s. Source: Polack, "Playing
    billiards in the concert hall: the mathematical foundations of geometrical room acoustics",
    Applied Acoustics 38, 1993.

    Parameters
    ----------
    sampling_rate
        Hz.
    generator
        What is drawn comes from it.

    Returns
    -------
    samples
        float32 (n,), beginning with the direct sound.
    """
    seconds = generator.uniform(0.1, 1.2)
    time = np.arange(round(seconds * sampling_rate)) / sampling_rate
    tail = generator.standard_normal(len(time)) * 10.0 ** (-3.0 * time / seconds)
    tail *= generator.uniform(0.02, 0.3)
    tail[0] = 1.0
    return tail.astype(np.float32)


def reverberate(samples: Samples, sampling_rate: int, response: Samples) -> Samples:
    """Let speech sound in a room.

    The delay before the direct sound is left out, so that nothing moves in time; it begins where
    the response first comes within 20 dB of its peak, after ISO 3382-1. What sounds on after the
    end is cut off, and the level of the speech (`serein.audio.active_level`) stays what it was.

    Parameters
    ----------
    samples
        float32 (n,).
    sampling_rate
        Hz, of both.
    response
        float32 (m,), impulse response of the room.

    Returns
    -------
    samples
        float32 (n,).

    Raises
    ------
    ArgumentInvalid
        If the response is silent.
    """
    if not response.any():
        raise ArgumentInvalid("the room's impulse response is silent; give one with sound in it")
    level = active_level(samples, sampling_rate)
    if level == -math.inf:
        return samples.copy()
    sizes = np.abs(response)
    onset = int(np.argmax(sizes >= _ONSET * sizes.max()))
    heard = response[onset : onset + len(samples)].astype(np.float64)
    wet: Samples = _convolve(samples.astype(np.float64), heard)[: len(samples)].astype(np.float32)
    change = level - active_level(wet, sampling_rate)
    return wet * np.float32(10.0 ** (change / 20.0))


def _convolve(
    one: np.ndarray[tuple[int], np.dtype[np.float64]],
    other: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    length = len(one) + len(other) - 1
    size = 1 << max(1, (length - 1).bit_length())
    return np.fft.irfft(np.fft.rfft(one, size) * np.fft.rfft(other, size), size)[:length]
