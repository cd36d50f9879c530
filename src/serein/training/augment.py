"""Augmentation of log-mel features, in decibels, before they are normalised."""

from __future__ import annotations

import numpy as np

from serein.features.spectral import FloatArray
from serein.training.recipe import AugmentOptions

LOUD = 95.0  # percentile of a clip's levels that noise is measured against


def augment(
    log_mel: FloatArray, options: AugmentOptions, generator: np.random.Generator
) -> FloatArray:
    """A clip as another speaker, microphone or room might have given it.

    Parameters
    ----------
    log_mel
        Shape (frames, bands), dB.

    Returns
    -------
    numpy.ndarray
        Shape (new frames, bands), dB.
    """
    warped = _warp(log_mel, options, generator)
    if options.tilt:
        axis = np.linspace(-1.0, 1.0, warped.shape[1], dtype=np.float32)
        slope, bend = generator.uniform(-options.tilt, options.tilt, 2).astype(np.float32)
        warped = warped + slope * axis + bend * (axis**2 - np.float32(1 / 3))
    if generator.random() < options.noise:
        warped = _add_noise(warped, options.noise_snr, generator)
    return warped


def _warp(
    log_mel: FloatArray, options: AugmentOptions, generator: np.random.Generator
) -> FloatArray:
    """Stretch time and shift bands, both by linear interpolation."""
    rate = 1.0 + generator.uniform(-options.stretch, options.stretch)
    shift = generator.uniform(-options.shift, options.shift)
    frames, bands = log_mel.shape
    count = max(1, int(frames / rate))
    along = _interpolate(log_mel, np.minimum(np.arange(count) * rate, frames - 1))
    return _interpolate(along.T, np.clip(np.arange(bands) + shift, 0, bands - 1)).T


def _interpolate(
    values: FloatArray, positions: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> FloatArray:
    """Rows of ``values`` at fractional positions."""
    below = positions.astype(np.int64)
    above = np.minimum(below + 1, len(values) - 1)
    weight = (positions - below)[:, None].astype(np.float32)
    result: FloatArray = values[below] * (1 - weight) + values[above] * weight
    return result


def _add_noise(
    log_mel: FloatArray, snr: tuple[float, ...], generator: np.random.Generator
) -> FloatArray:
    """Add the power of a stationary noise with a random smooth spectrum."""
    bands = log_mel.shape[1]
    knots = generator.normal(0.0, 6.0, 5)
    colour = np.interp(np.linspace(0, 4, bands), np.arange(5), knots)
    level = np.percentile(log_mel, LOUD) - generator.uniform(snr[0], snr[-1])
    # A noise band's power in one frame scatters as a chi-square with a few degrees of freedom.
    scatter = 10 * np.log10(generator.gamma(4.0, 0.25, log_mel.shape) + 1e-3)
    noise = (level + colour + scatter).astype(np.float32)
    total: FloatArray = 10 * np.log10(10 ** (log_mel / 10) + 10 ** (noise / 10))
    return total.astype(np.float32)


def mask(
    normalized: FloatArray, options: AugmentOptions, generator: np.random.Generator
) -> FloatArray:
    """Blank stretches of time and of frequency with zeros, the mean of normalised features.

    Source: Park et al., "SpecAugment: A Simple Data Augmentation Method for Automatic Speech
    Recognition", Interspeech 2019.
    """
    if not options.masks:
        return normalized
    masked = normalized.copy()
    for axis, size in enumerate(masked.shape):
        for _ in range(options.masks):
            width = int(generator.uniform(0, options.mask_share) * size)
            begin = generator.integers(0, size - width + 1)
            masked[(slice(None),) * axis + (slice(begin, begin + width),)] = 0.0
    return masked
