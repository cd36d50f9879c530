"""Tempo, pitch, and where a recording begins."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from serein.audio.perturbation.length import fitted, resampled
from serein.audio.sources import Samples
from serein.errors import ArgumentInvalid

SLOWEST, FASTEST = 0.25, 4.0
"""Factors of tempo and speed that are allowed."""

# Half a frame holds a period of the deep voices, the range of the search that of any.
_HALF_FRAME = 0.015  # seconds
_SEARCH = 0.010  # seconds to either side


def change_speed(samples: Samples, *, factor: float) -> Samples:
    """Play faster or slower, as a tape does: tempo and pitch change together.

    Parameters
    ----------
    samples
        float32 (n,).
    factor
        How many times as fast, 0.25 to 4.

    Returns
    -------
    samples
        float32 (round(n / factor),).

    Raises
    ------
    ArgumentInvalid
        If the factor is out of range.
    """
    _check_factor(factor)
    return fitted(resampled(samples, factor, 1.0), round(len(samples) / factor))


def change_tempo(samples: Samples, sampling_rate: int, *, factor: float) -> Samples:
    """Speak faster or slower at the same pitch.

    Frames of the sound are moved closer together or further apart, each to where it best goes on
    from the one before (WSOLA: Verhelst & Roelands, "An overlap-add technique based on waveform
    similarity (WSOLA) for high quality time-scale modification of speech", ICASSP 1993). FFmpeg's
    filter ``atempo`` does the same, but moves the sound by up to 50 ms and swallows short ones.

    Parameters
    ----------
    samples
        float32 (n,).
    sampling_rate
        Hz.
    factor
        How many times as fast, 0.25 to 4.

    Returns
    -------
    samples
        float32 (round(n / factor),). What sounds at second t sounds at t / factor, to some 10 ms
        at factors near 1 and 35 ms at one half.

    Raises
    ------
    ArgumentInvalid
        If the factor is out of range.
    """
    _check_factor(factor)
    if factor == 1.0 or not len(samples):
        return samples.copy()
    length = round(len(samples) / factor)
    half = max(1, round(_HALF_FRAME * sampling_rate))
    search = max(1, round(_SEARCH * sampling_rate))
    starts = np.arange(-half, length, half)
    wanted = np.round((starts + half) * factor).astype(np.int64) - half
    # So much silence around that neither the search nor the last frame looks beyond the ends.
    before = half + search
    after = max(0, int(wanted[-1]) + 3 * half + search - len(samples))
    padded = np.pad(samples.astype(np.float64), (before, after))
    window = np.hanning(2 * half + 1)[:-1]
    total = np.zeros(int(starts[-1]) + 3 * half)
    place = int(wanted[0]) + before
    for number, (start, target) in enumerate(zip(starts + half, wanted + before, strict=True)):
        if number:
            follower = padded[place + half : place + 3 * half]
            area = padded[target - search : target + search + 2 * half]
            place = int(target) - search + _best_match(area, follower)
        total[start : start + 2 * half] += window * padded[place : place + 2 * half]
    changed: Samples = total[half : half + length].astype(np.float32)
    return changed


def change_pitch(samples: Samples, sampling_rate: int, *, semitones: float) -> Samples:
    """Move the pitch, and the formants with it, at the same tempo.

    Parameters
    ----------
    samples
        float32 (n,).
    sampling_rate
        Hz.
    semitones
        Upwards where positive; -24 to 24.

    Returns
    -------
    samples
        float32 (n,).

    Raises
    ------
    ArgumentInvalid
        If it is more than two octaves.
    """
    if not -24.0 <= semitones <= 24.0:
        raise ArgumentInvalid(f"the pitch moves by -24 to 24 semitones, not by {semitones}")
    ratio = 2.0 ** (semitones / 12.0)
    moved = change_tempo(change_speed(samples, factor=ratio), sampling_rate, factor=1.0 / ratio)
    return fitted(moved, len(samples))


def shift(samples: Samples, sampling_rate: int, *, seconds: float) -> Samples:
    """Let a recording begin later, with its beginning cut off, or earlier, with silence before.

    Parameters
    ----------
    samples
        float32 (n,).
    sampling_rate
        Hz.
    seconds
        So much is cut off the beginning; negative puts so much silence before it.
    """
    if not math.isfinite(seconds):
        raise ArgumentInvalid(f"a beginning moves by a number of seconds, not by {seconds}")
    count = round(seconds * sampling_rate)
    return samples[count:].copy() if count >= 0 else np.pad(samples, (-count, 0))


def _best_match(area: npt.NDArray[np.float64], wanted: npt.NDArray[np.float64]) -> int:
    """Where in the area a stretch is most like the wanted one; in the middle if nowhere."""
    products = np.correlate(area, wanted, mode="valid")
    sums = np.concatenate([[0.0], np.cumsum(np.square(area))])
    energies = sums[len(wanted) :] - sums[: -len(wanted)]
    # The floor, far below anything heard, keeps the likeness of next to nothing out of it.
    likeness = products / np.sqrt(np.maximum(energies, 1e-12 + 1e-6 * sums[-1]))
    best = int(np.argmax(likeness))
    return best if likeness[best] > 0.0 else len(likeness) // 2


def _check_factor(factor: float) -> None:
    if not SLOWEST <= factor <= FASTEST:
        raise ArgumentInvalid(f"the factor is {SLOWEST:g} to {FASTEST:g}, not {factor}")
