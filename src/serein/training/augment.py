"""Augmentation of features: of mel bands in decibels, before they are normalised, and masks."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from serein.features.spectral import FloatArray
from serein.recognition import SpeakerProfile
from serein.training.network_recipe import AugmentOptions

LOUD = 95.0  # percentile of a clip's levels that noise is measured against


@dataclass(frozen=True)
class Change:
    """One change of a clip, as another speaker, microphone or room might have given it.

    Attributes
    ----------
    rate
        How many times as fast.
    shift
        Bands by which all bands move down.
    tilt
        Gain of each band in dB, shape (bands,).
    snr
        Level of a noise floor below the speech in dB, or None.
    """

    rate: float
    shift: float
    tilt: FloatArray
    snr: float | None

    @classmethod
    def draw(cls, options: AugmentOptions, bands: int, generator: np.random.Generator) -> Change:
        """Draw a change for clips of so many bands."""
        axis = np.linspace(-1.0, 1.0, bands)
        slope, bend = generator.uniform(-options.tilt, options.tilt, 2)
        noisy = generator.random() < options.noise
        return cls(
            rate=1.0 + generator.uniform(-options.stretch, options.stretch),
            shift=generator.uniform(-options.shift, options.shift),
            tilt=(slope * axis + bend * (axis**2 - 1 / 3)).astype(np.float32),
            snr=generator.uniform(options.noise_snr[0], options.noise_snr[-1]) if noisy else None,
        )

    def of_clip(self, log_mel: FloatArray, generator: np.random.Generator) -> FloatArray:
        """Change a clip, shape (frames, bands), dB; the number of frames changes by the rate."""
        if self.rate == 1.0 and self._keeps_bands and self.snr is None:
            return log_mel
        frames = len(log_mel)
        count = max(1, int(frames / self.rate))
        stretched = _interpolate(log_mel, np.minimum(np.arange(count) * self.rate, frames - 1))
        changed = self._shifted(stretched) + self.tilt
        return changed if self.snr is None else _add_noise(changed, self.snr, generator)

    def of_profile(self, profile: SpeakerProfile) -> SpeakerProfile:
        """The profile that the same changed voice and microphone would have given."""
        if self._keeps_bands:
            return profile
        mean, variance = self._shifted(np.stack([profile.mean, profile.variance]))
        return replace(profile, mean=mean + self.tilt, variance=variance)

    @property
    def _keeps_bands(self) -> bool:
        return not self.shift and not self.tilt.any()

    def _shifted(self, rows: FloatArray) -> FloatArray:
        bands = rows.shape[1]
        return _interpolate(rows.T, np.clip(np.arange(bands) + self.shift, 0, bands - 1)).T


def _interpolate(
    values: FloatArray, positions: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> FloatArray:
    """Rows of ``values`` at fractional positions."""
    below = positions.astype(np.int64)
    above = np.minimum(below + 1, len(values) - 1)
    weight = (positions - below)[:, None].astype(np.float32)
    result: FloatArray = values[below] * (1 - weight) + values[above] * weight
    return result


def _add_noise(log_mel: FloatArray, snr: float, generator: np.random.Generator) -> FloatArray:
    """Add the power of a stationary noise with a random smooth spectrum."""
    bands = log_mel.shape[1]
    colour = np.interp(np.linspace(0, 4, bands), np.arange(5), generator.normal(0.0, 6.0, 5))
    level = np.percentile(log_mel, LOUD) - snr
    # A noise band's power in one frame scatters as a chi-square with a few degrees of freedom.
    scatter = 10 * np.log10(generator.gamma(4.0, 0.25, log_mel.shape) + 1e-3)
    noise = (level + colour + scatter).astype(np.float32)
    total: FloatArray = 10 * np.log10(10 ** (log_mel / 10) + 10 ** (noise / 10))
    return total


def mask(
    normalized: FloatArray, options: AugmentOptions, generator: np.random.Generator
) -> FloatArray:
    """Blank stretches of time and of frequency with zeros, the mean of normalised features.

    Source: Park et al., "SpecAugment: A Simple Data Augmentation Method for Automatic Speech
    Recognition", Interspeech 2019.

    Parameters
    ----------
    normalized
        Shape (frames, bands).
    """
    if not options.masks:
        return normalized
    masked = normalized.copy()
    for along in (masked, masked.T):
        size = len(along)
        for _ in range(options.masks):
            width = int(generator.uniform(0, options.mask_share) * size)
            begin = generator.integers(0, size - width + 1)
            along[begin : begin + width] = 0.0
    return masked
