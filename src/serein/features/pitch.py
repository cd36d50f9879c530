"""Pitch of a voice by autocorrelation, followed over time.

Source: Boersma, "Accurate short-term analysis of the fundamental frequency and the
harmonics-to-noise ratio of a sampled sound", IFA Proceedings 17, 1993.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from serein.features.spectral import FloatArray, frames, hann

LOWEST = 60.0  # Hz
HIGHEST = 600.0  # Hz: acted joy and fear go far above a speaking voice
PERIODS = 3  # periods of the lowest pitch in a frame
CANDIDATES = 4
HALF_BAND_TAPS = 31
FINENESS = 2  # lags a sample: the sharp peaks of a bright high voice fall between samples
SILENCE = 0.03  # of the clip's peak: below it a frame counts as unvoiced
VOICING = 0.45  # correlation from which a frame counts as voiced
OCTAVE_COST = 0.01  # a octave, in favour of the higher of two equal candidates
JUMP_COST = 0.35 * 0.01  # a octave between neighbours, scaled to the hop in seconds
SWITCH_COST = 0.14 * 0.01  # between voiced and unvoiced, likewise


@dataclass(frozen=True)
class Pitch:
    """A pitch track.

    Attributes
    ----------
    frequency
        Shape (frames,), Hz; 0 where unvoiced.
    strength
        Shape (frames,): the normalised autocorrelation at the pitch period, 0 to 1; in an
        unvoiced frame that of its best candidate.
    voiced
        Shape (frames,), bool.
    """

    frequency: FloatArray
    strength: FloatArray
    voiced: npt.NDArray[np.bool_]


def track_pitch(samples: FloatArray, *, sampling_rate: int, hop_length: int, count: int) -> Pitch:
    """Follow the pitch of a voice between 60 and 600 Hz.

    Parameters
    ----------
    samples
        Mono, shape (n,).
    hop_length
        Samples from frame to frame; the frames are centred as those of 25 ms are.
    count
        Number of frames to return.
    """
    signal, rate, hop = _halve(samples, sampling_rate, hop_length)
    length = int(PERIODS * rate / LOWEST) // 2 * 2
    # Frames of 50 ms begin 12.5 ms before those of 25 ms, so that their centres agree.
    before = max(0, (length - int(0.025 * rate)) // 2)
    needed = length + hop * (count - 1)
    padded = np.pad(signal, (before, max(0, needed - before - signal.size)))
    blocks = frames(padded, frame_length=length, hop_length=hop)[:count]
    lag, correlation = _candidates(blocks, rate)
    peak = np.abs(blocks).max(axis=1)
    loudest = float(np.abs(signal).max()) if signal.size else 0.0
    quiet = peak / (loudest + 1e-12)
    unvoiced = VOICING + np.maximum(0.0, 2.0 - (quiet / SILENCE) * (1.0 + VOICING))
    frequency = np.where(lag > 0, rate / np.maximum(lag, 1.0), 0.0)
    chosen = _best_path(frequency, correlation, unvoiced, hop / rate)
    rows = np.arange(count)
    voiced = chosen < CANDIDATES
    index = np.where(voiced, chosen, correlation.argmax(axis=1))
    return Pitch(
        np.where(voiced, frequency[rows, index], 0.0).astype(np.float32),
        np.clip(correlation[rows, index], 0.0, 1.0).astype(np.float32),
        voiced,
    )


def _halve(samples: FloatArray, rate: int, hop: int) -> tuple[FloatArray, int, int]:
    """Halve the sampling rate down to 8 kHz: pitch does not need more."""
    while rate >= 16_000 and hop % 2 == 0 and rate % 2 == 0:
        # Without the low-pass, partials from above would fold back between the others.
        smooth = np.convolve(samples, _half_band(), mode="same") if samples.size else samples
        samples, rate, hop = smooth[: samples.size : 2], rate // 2, hop // 2
    return samples, rate, hop


@lru_cache(maxsize=1)
def _half_band() -> FloatArray:
    """Windowed-sinc low-pass at 0.8 of half the Nyquist frequency, shape (HALF_BAND_TAPS,)."""
    offset = np.arange(HALF_BAND_TAPS) - HALF_BAND_TAPS // 2
    taps = np.sinc(0.4 * offset) * np.hamming(HALF_BAND_TAPS)
    normalized: FloatArray = (taps / taps.sum()).astype(np.float32)
    return normalized


@lru_cache(maxsize=8)
def _window_correlation(length: int, fft_length: int) -> FloatArray:
    spectrum = np.fft.rfft(hann(length), fft_length)
    correlation = _correlation(spectrum, fft_length)
    normalized: FloatArray = (correlation / correlation[0]).astype(np.float32)
    return normalized


def _correlation(spectrum: npt.NDArray[np.complexfloating], fft_length: int) -> FloatArray:
    """Autocorrelation at lags of 1 / FINENESS of a sample, interpolated by the longer inverse."""
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    return np.fft.irfft(power, FINENESS * fft_length).astype(np.float32, copy=False)


def _candidates(blocks: FloatArray, rate: int) -> tuple[FloatArray, FloatArray]:
    """Lags (samples, 0 for none) and correlations of the best peaks, (frames, CANDIDATES) each."""
    length = blocks.shape[1]
    fft_length = 1 << int(np.ceil(np.log2(1.5 * length)))
    centred = (blocks - blocks.mean(axis=1, keepdims=True)) * hann(length)
    raw = _correlation(np.fft.rfft(centred, fft_length), fft_length)
    last = FINENESS * min(int(np.ceil(rate / LOWEST)) + 1, length - 1)
    first = FINENESS * max(1, int(rate / HIGHEST) - 1)
    energy = raw[:, :1] + 1e-12
    correlation = raw[:, : last + 1] / energy / _window_correlation(length, fft_length)[: last + 1]
    middle = correlation[:, first:last]
    left, right = correlation[:, first - 1 : last - 1], correlation[:, first + 1 : last + 1]
    peaks = np.where((middle > left) & (middle >= right) & (middle > 0), middle, -1.0)
    lags = np.arange(first, last, dtype=np.float32) / FINENESS
    preferred = np.where(peaks > 0, peaks - OCTAVE_COST * np.log2(lags * LOWEST / rate), -1.0)
    best = np.argpartition(-preferred, CANDIDATES, axis=1)[:, :CANDIDATES]
    rows = np.arange(len(blocks))[:, None]
    a, b, c = left[rows, best], middle[rows, best], right[rows, best]
    found = peaks[rows, best] > 0
    # The vertex of the parabola through a peak and its neighbours.
    bend = np.where(found, a - 2 * b + c, -1.0)
    shift = np.clip(np.where(found, 0.5 * (a - c) / np.minimum(bend, -1e-9), 0.0), -0.5, 0.5)
    height = b - 0.25 * (a - c) * shift
    lag = np.where(found, lags[best] + shift / FINENESS, 0.0)
    return lag.astype(np.float32), np.where(found, height, 0.0).astype(np.float32)


def _best_path(
    frequency: FloatArray, correlation: FloatArray, unvoiced: FloatArray, hop: float
) -> npt.NDArray[np.int64]:
    """The candidate of each frame (CANDIDATES for unvoiced) on the cheapest path (Viterbi)."""
    count = len(frequency)
    found = frequency > 0
    octave = np.log2(np.where(found, frequency, LOWEST))
    local = np.concatenate(
        [
            np.where(found, correlation + OCTAVE_COST * (octave - np.log2(LOWEST)), -np.inf),
            unvoiced[:, None],
        ],
        axis=1,
    ).astype(np.float64)
    jump = np.zeros((max(count - 1, 0), CANDIDATES + 1, CANDIDATES + 1))
    jump[:, :CANDIDATES, :CANDIDATES] = (
        JUMP_COST / hop * np.abs(octave[:-1, :, None] - octave[1:, None, :])
    )
    jump[:, CANDIDATES, :CANDIDATES] = jump[:, :CANDIDATES, CANDIDATES] = SWITCH_COST / hop
    score = local[0]
    origins = np.zeros((count, CANDIDATES + 1), dtype=np.int64)
    for t in range(1, count):
        reached = score[:, None] - jump[t - 1]
        origins[t] = reached.argmax(axis=0)
        score = reached.max(axis=0) + local[t]
    path = np.empty(count, dtype=np.int64)
    path[-1] = score.argmax()
    for t in range(count - 1, 0, -1):
        path[t - 1] = origins[t, path[t]]
    return path
