"""Small measurements on a mono signal: levels, where the sound is, noise, spectrum.

All but the levels themselves do not change when the signal is amplified. Levels are in dBFS: 0 is
the mean square of a full-scale square wave (1.0), a full-scale sine has -3.01.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from serein.audio.sources import Samples

FRAME = 0.025
"""Seconds in a frame of `frame_levels`; five steps of 5 ms."""

HOP = 0.010
"""Seconds from one frame to the next; two steps of 5 ms."""

_STEP = 0.005
_STEPS_IN_FRAME = 5
_STEPS_IN_HOP = 2

# What lies further below the loudest frame is no part of the sound: digital silence, fades.
_SOUND_RANGE = 60.0  # dB
_ACTIVE_RANGE = 30.0  # dB
_NOISE_RANGE = 80.0  # dB
_QUIETEST_SHARE = 0.10
_FEWEST_FRAMES = 20
_LEAST_SNR = -20.0  # dB
# A long sound would take many times its memory otherwise.
_FRAMES_AT_ONCE = 256
_SPECTRUM_SECONDS = 0.032

Levels = npt.NDArray[np.float64]


def frame_levels(samples: Samples, sampling_rate: int) -> Levels:
    """Measure the level of every 25 ms, each 10 ms.

    Parameters
    ----------
    samples
        float (n,).
    sampling_rate
        Hz. Frame and hop are made of whole steps of ``round(0.005 * sampling_rate)`` samples.

    Returns
    -------
    levels
        float64 (frames,), dBFS, -inf for digital silence. An end shorter than a frame is left
        out; a signal shorter than a frame is one frame.
    """
    return _decibels(_frame_energies(samples, sampling_rate))


def active_level(samples: Samples, sampling_rate: int) -> float:
    """Measure the level of the speech in dBFS, pauses left out.

    It is the mean energy of the frames at most 30 dB below the loud ones (the 95th percentile),
    a plain relative of the active speech level of ITU-T P.56. Amplifying by g adds
    ``20 * log10(g)`` exactly; digital silence has -inf.

    Parameters
    ----------
    samples
        float (n,).
    sampling_rate
        Hz.
    """
    energies = _frame_energies(samples, sampling_rate)
    loud = _loud_energy(energies)
    if loud == 0.0:
        return -math.inf
    active = energies[energies >= loud * _ratio(-_ACTIVE_RANGE)]
    return 10.0 * math.log10(float(active.mean()))


def active_span(
    samples: Samples, sampling_rate: int, *, below_peak: float = 40.0, margin: float = 0.1
) -> tuple[int, int]:
    """Find where the sound begins and ends.

    Parameters
    ----------
    samples
        float (n,).
    sampling_rate
        Hz.
    below_peak
        A frame belongs to the sound if it is at most so many dB below the loud frames (the 95th
        percentile).
    margin
        Seconds that are added on both sides.

    Returns
    -------
    start, end
        Sample indexes, for ``samples[start:end]``. Digital silence gives the whole signal.
    """
    energies = _frame_energies(samples, sampling_rate)
    loud = _loud_energy(energies)
    step = _step(sampling_rate)
    heard = np.flatnonzero(energies >= loud * _ratio(-below_peak))
    if loud == 0.0 or len(energies) < 2 or len(heard) == 0:
        return 0, len(samples)
    widened = round(margin * sampling_rate)
    start = max(0, int(heard[0]) * _STEPS_IN_HOP * step - widened)
    if heard[-1] == len(energies) - 1:  # nobody has measured the end that fills no frame
        return start, len(samples)
    end = (int(heard[-1]) * _STEPS_IN_HOP + _STEPS_IN_FRAME) * step + widened
    return start, min(len(samples), end)


def estimate_snr(samples: Samples, sampling_rate: int) -> float:
    """Estimate the signal-to-noise ratio in dB from the levels of the frames alone.

    Speech has gaps, so that the quietest tenth of the frames shows the noise floor (the idea of
    minimum statistics, R. Martin, IEEE Trans. Speech and Audio Processing 9(5), 2001, and of the
    NIST speech quality tool stnr); the speech is what the active frames have above it. Speech
    without gaps, such as a held vowel, is underestimated.

    Parameters
    ----------
    samples
        float (n,).
    sampling_rate
        Hz.

    Returns
    -------
    snr
        dB, at least -20; nan where less than 0.2 s of sound is there to tell.
    """
    energies = _frame_energies(samples, sampling_rate)
    # Digital silence before, after or between the words says nothing about the noise.
    energies = energies[energies > energies.max(initial=0.0) * _ratio(-_NOISE_RANGE)]
    if len(energies) < _FEWEST_FRAMES:
        return math.nan
    quietest = max(1, round(_QUIETEST_SHARE * len(energies)))
    noise = float(np.partition(energies, quietest)[:quietest].mean())
    active = float(energies[energies >= _loud_energy(energies) * _ratio(-_ACTIVE_RANGE)].mean())
    return 10.0 * math.log10(max(active / noise - 1.0, _ratio(_LEAST_SNR)))


def power_spectrum(
    samples: Samples, sampling_rate: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Average the power spectra of Hann windows of 32 ms, side by side (Bartlett's method).

    Parameters
    ----------
    samples
        float (n,).
    sampling_rate
        Hz.

    Returns
    -------
    frequencies, power
        float64 (bins,), Hz, and float64 (bins,), of no absolute scale.
    """
    length = max(2, min(round(_SPECTRUM_SECONDS * sampling_rate), len(samples)))
    padded = samples if len(samples) >= length else np.pad(samples, (0, length - len(samples)))
    frames = padded[: len(padded) // length * length].reshape(-1, length)
    window = np.hanning(length + 1)[:-1].astype(np.float32)
    power: Levels = np.zeros(length // 2 + 1)
    for first in range(0, len(frames), _FRAMES_AT_ONCE):
        spectra = np.fft.rfft(frames[first : first + _FRAMES_AT_ONCE] * window)
        power += np.einsum("ij,ij->j", spectra.real, spectra.real)
        power += np.einsum("ij,ij->j", spectra.imag, spectra.imag)
    frequencies = np.arange(length // 2 + 1, dtype=np.float64) * (sampling_rate / length)
    return frequencies, power


def _step(sampling_rate: int) -> int:
    return max(1, round(_STEP * sampling_rate))


def _ratio(decibels: float) -> float:
    return float(10.0 ** (decibels / 10.0))


def _decibels(energies: npt.NDArray[np.float64]) -> Levels:
    with np.errstate(divide="ignore"):
        return 10.0 * np.log10(energies)


def _frame_energies(samples: Samples, sampling_rate: int) -> npt.NDArray[np.float64]:
    step = _step(sampling_rate)
    steps = len(samples) // step
    if steps < _STEPS_IN_FRAME:
        squares = np.square(samples, dtype=np.float64)
        return np.array([squares.mean()]) if len(samples) else np.zeros(0)
    blocks = samples[: steps * step].reshape(steps, step)
    energies = np.einsum("ij,ij->i", blocks, blocks).astype(np.float64)
    frames = (steps - _STEPS_IN_FRAME) // _STEPS_IN_HOP + 1
    total = np.zeros(frames)
    for first in range(_STEPS_IN_FRAME):
        total += energies[first::_STEPS_IN_HOP][:frames]
    means: Levels = total / (_STEPS_IN_FRAME * step)
    return means


def _loud_energy(energies: npt.NDArray[np.float64]) -> float:
    """Return the 95th percentile of the energies within 60 dB of the largest, 0 for silence."""
    sound = energies[energies > energies.max(initial=0.0) * _ratio(-_SOUND_RANGE)]
    if len(sound) == 0:
        return 0.0
    return float(np.partition(sound, int(0.95 * (len(sound) - 1)))[int(0.95 * (len(sound) - 1))])
