"""Spectrograms, mel bands and cepstra in numpy: one implementation for training and serving."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]

POWER_FLOOR = 1e-10
"""Least power that is turned into decibels: -100 dB."""


@lru_cache(maxsize=32)
def hann(length: int) -> FloatArray:
    """Periodic Hann window, shape (length,), read-only."""
    window = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(length) / length)
    return _frozen(window)


def frames(
    samples: FloatArray, *, frame_length: int, hop_length: int, centered: bool = False
) -> FloatArray:
    """Overlapping frames of a signal, as a view where no padding is needed.

    Parameters
    ----------
    samples
        Shape (n,).
    frame_length, hop_length
        In samples.
    centered
        Pad with half a frame of zeros at both ends, so that frame t is centred on sample
        ``t * hop_length``; else frame t begins there.

    Returns
    -------
    numpy.ndarray
        Shape (frames, frame_length); at least one frame, zero-padded at its end where the
        signal is shorter than a frame.
    """
    if centered:
        samples = np.pad(samples, frame_length // 2)
    if samples.size < frame_length:
        samples = np.pad(samples, (0, frame_length - samples.size))
    windows = np.lib.stride_tricks.sliding_window_view(samples, frame_length)
    return windows[::hop_length]


def power_spectrogram(
    samples: FloatArray,
    *,
    frame_length: int,
    hop_length: int,
    fft_length: int,
    centered: bool = False,
) -> FloatArray:
    """Squared magnitude of the Hann-windowed short-time Fourier transform.

    Returns
    -------
    numpy.ndarray
        Shape (frames, fft_length // 2 + 1), float32. Bin k lies at
        ``k * sampling_rate / fft_length`` Hz.
    """
    windowed = frames(
        samples, frame_length=frame_length, hop_length=hop_length, centered=centered
    ) * hann(frame_length)
    spectrum = np.fft.rfft(windowed, fft_length)
    power = spectrum.real**2 + spectrum.imag**2
    return power.astype(np.float32, copy=False)


@lru_cache(maxsize=32)
def mel_filterbank(
    *, sampling_rate: int, fft_length: int, bands: int, low: float, high: float
) -> FloatArray:
    """Triangular filters on Slaney's mel scale, each of unit area.

    The scale is linear below 1 kHz and logarithmic above. Source: Slaney, "Auditory Toolbox,
    version 2", Interval Research technical report 1998-010.

    Parameters
    ----------
    low, high
        Edges of the lowest and the highest filter in Hz.

    Returns
    -------
    numpy.ndarray
        Shape (fft_length // 2 + 1, bands), read-only: ``power @ filterbank`` gives the bands.
    """
    lowest, highest = _hertz_to_mel(np.array([low, high], dtype=np.float64))
    edges = _mel_to_hertz(np.linspace(lowest, highest, bands + 2))
    return triangular_filters(edges, sampling_rate=sampling_rate, fft_length=fft_length)


def triangular_filters(
    edges: npt.NDArray[np.float64], *, sampling_rate: int, fft_length: int
) -> FloatArray:
    """Filters of unit area that rise from one edge to the next and fall to the one after it.

    Parameters
    ----------
    edges
        Hz, increasing, two more than there are filters.

    Returns
    -------
    numpy.ndarray
        Shape (fft_length // 2 + 1, filters), read-only.
    """
    bins = np.arange(fft_length // 2 + 1) * sampling_rate / fft_length
    rising = (bins[:, None] - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - bins[:, None]) / np.diff(edges)[1:]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return _frozen(triangles * (2.0 / (edges[2:] - edges[:-2])))


def decibels(power: FloatArray, *, dynamic_range: float | None = None) -> FloatArray:
    """Power in decibels, floored at -100 dB.

    Parameters
    ----------
    dynamic_range
        If given, also floored at so many decibels below the loudest value.
    """
    level: FloatArray = np.float32(10.0) * np.log10(np.maximum(power, np.float32(POWER_FLOOR)))
    if dynamic_range is not None:
        np.maximum(level, level.max() - np.float32(dynamic_range), out=level)
    return level


@lru_cache(maxsize=32)
def cosine_basis(bands: int, coefficients: int) -> FloatArray:
    """Orthonormal discrete cosine transform (type II), shape (bands, coefficients), read-only."""
    angles = np.pi / bands * (np.arange(bands)[:, None] + 0.5) * np.arange(coefficients)
    basis = np.cos(angles) * np.sqrt(2.0 / bands)
    basis[:, 0] = np.sqrt(1.0 / bands)
    return _frozen(basis)


def cepstrum(log_mel: FloatArray, coefficients: int) -> FloatArray:
    """Mel-frequency cepstral coefficients (MFCC) of mel bands in decibels.

    Parameters
    ----------
    log_mel
        Shape (frames, bands).

    Returns
    -------
    numpy.ndarray
        Shape (frames, coefficients), the zeroth first.
    """
    return log_mel @ cosine_basis(log_mel.shape[1], coefficients)


def deltas(values: FloatArray) -> FloatArray:
    """Change a frame: the regression slope over five frames, with those at the ends repeated.

    Source: Young et al., "The HTK Book", section 5.9.

    Parameters
    ----------
    values
        Shape (frames, dimensions).

    Returns
    -------
    numpy.ndarray
        Of the same shape.
    """
    padded = np.pad(values, ((2, 2), (0, 0)), mode="edge")
    slope: FloatArray = (2 * (padded[4:] - padded[:-4]) + padded[3:-1] - padded[1:-3]) / np.float32(
        10.0
    )
    return slope


# Slaney's scale: 200/3 Hz a mel up to 1 kHz (15 mel), then 27 steps to a factor of 6.4.
_HERTZ_PER_MEL = 200.0 / 3.0
_BREAK_HERTZ = 1000.0
_BREAK_MEL = _BREAK_HERTZ / _HERTZ_PER_MEL
_LOG_STEP = np.log(6.4) / 27.0


def _hertz_to_mel(hertz: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    above = np.log(np.maximum(hertz, _BREAK_HERTZ) / _BREAK_HERTZ) / _LOG_STEP + _BREAK_MEL
    return np.where(hertz < _BREAK_HERTZ, hertz / _HERTZ_PER_MEL, above)


def _mel_to_hertz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    above = _BREAK_HERTZ * np.exp(_LOG_STEP * (np.maximum(mel, _BREAK_MEL) - _BREAK_MEL))
    return np.where(mel < _BREAK_MEL, mel * _HERTZ_PER_MEL, above)


def _frozen(values: npt.NDArray[np.float64]) -> FloatArray:
    result = np.ascontiguousarray(values, dtype=np.float32)
    result.flags.writeable = False  # shared by every caller through the cache
    return result
