"""Noise that is added to speech at a given signal-to-noise ratio."""

from __future__ import annotations

import math

import numpy as np

from serein.audio.signal import active_level
from serein.audio.sources import Samples
from serein.errors import ArgumentInvalid


def white_noise(count: int, generator: np.random.Generator) -> Samples:
    """Draw noise with the same power in every hertz, and a mean square of about 1.

    Parameters
    ----------
    count
        Number of samples.
    generator
        Where the chance comes from.
    """
    return generator.standard_normal(count, dtype=np.float32)


def pink_noise(count: int, generator: np.random.Generator) -> Samples:
    """Draw noise with the same power in every octave, and a mean square of about 1.

    Parameters
    ----------
    count
        Number of samples.
    generator
        Where the chance comes from.
    """
    # A power of two is quick, and one sample alone has but a mean, which is left out.
    length = 1 << max(1, (count - 1).bit_length())
    spectrum = np.fft.rfft(generator.standard_normal(length))
    spectrum[0] = 0.0
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    noise = np.fft.irfft(spectrum, length)
    scaled: Samples = (noise / math.sqrt(np.square(noise).mean())).astype(np.float32)
    return scaled[:count]


def add_noise(
    samples: Samples,
    sampling_rate: int,
    noise: Samples,
    *,
    snr: float,
    generator: np.random.Generator,
) -> Samples:
    """Add a stretch of noise, drawn by chance, at a given signal-to-noise ratio.

    The ratio is that of the level of the speech without its pauses, see
    `serein.audio.active_level`, and of the mean square of all the noise that is added. So the
    pauses of a speaker do not change how much noise the words meet, and the definition is that
    of the NOIZEUS corpus (Hu & Loizou, "Subjective comparison and evaluation of speech
    enhancement algorithms", Speech Communication 49, 2007).

    Parameters
    ----------
    samples
        float32 (n,); silence stays as it is, as no noise has a ratio to it.
    sampling_rate
        Hz, of both.
    noise
        float32 (m,). The stretch begins where there is sound, and goes round where the noise is
        too short.
    snr
        dB.
    generator
        Where the chance comes from.

    Raises
    ------
    ArgumentInvalid
        If the noise is silent.
    """
    if not noise.any():
        raise ArgumentInvalid("the noise is silent; give a recording with sound in it")
    level = active_level(samples, sampling_rate)
    if level == -math.inf:
        return samples.copy()
    stretch = _stretch(noise, len(samples), generator).astype(np.float64)
    energy = float(np.square(stretch).mean())
    wanted = 10.0 ** ((level - snr) / 10.0)
    mixed: Samples = (samples + math.sqrt(wanted / energy) * stretch).astype(np.float32)
    return mixed


def _stretch(noise: Samples, count: int, generator: np.random.Generator) -> Samples:
    """So many samples of the noise from a random one on that is not zero, so never silent."""
    starts = np.flatnonzero(noise[: max(0, len(noise) - count) + 1])
    # A short noise may begin anywhere, as it goes round; so may a long one that begins silent.
    if len(noise) <= count or not len(starts):
        starts = np.flatnonzero(noise)
    start = int(starts[generator.integers(len(starts))])
    return noise.take(np.arange(start, start + count), mode="wrap")
