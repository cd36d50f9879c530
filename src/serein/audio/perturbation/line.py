"""What microphones and telephone lines do to a sound: level, clipping, band, companding."""

from __future__ import annotations

import numpy as np

from serein.audio.perturbation.length import fitted, resampled
from serein.audio.sources import Samples
from serein.errors import ArgumentInvalid

TELEPHONE_BAND = (300.0, 3400.0)
"""Hz."""

TELEPHONE_RATE = 8_000
"""Hz."""

_ROLL_OFF = 100.0  # Hz
_RINGING = 0.05  # seconds; far longer than a roll-off of 100 Hz rings

# ITU-T G.711 numbers the amplitudes of the mu-law by 14 bits, sign included.
_MU_LAW_SCALE = 8192.0
_MU_LAW_BIAS = 33.0
_MU_LAW_LARGEST = 8158.0
_MU_LAW_STEPS = 16  # in a segment


def amplify(samples: Samples, *, decibels: float) -> Samples:
    """Change the level by so many dB; what goes beyond full scale is not clipped.

    Parameters
    ----------
    samples
        float32 (n,).
    decibels
        Gain in dB, of any sign.
    """
    return samples * np.float32(10.0 ** (decibels / 20.0))


def clip(samples: Samples, *, share: float) -> Samples:
    """Cut off the loudest samples, as a converter does that is driven too hard.

    Parameters
    ----------
    samples
        float32 (n,).
    share
        So many of the samples, 0 to 1, are above the level at which they are cut off. Samples of
        the very same size are cut off all or none: then it is somewhat less.

    Raises
    ------
    ArgumentInvalid
        If the share is not 0 to 1.
    """
    if not 0.0 <= share <= 1.0:
        raise ArgumentInvalid(f"the share of clipped samples is 0 to 1, not {share}")
    kept = len(samples) - round(share * len(samples))
    if kept == len(samples):
        return samples.copy()
    # Where all are to be clipped, nothing but silence would be exact: the quietest sample stays.
    place = max(0, kept - 1)
    level = np.partition(np.abs(samples), place)[place]
    return np.clip(samples, -level, level)


def band_limit(samples: Samples, sampling_rate: int, *, low: float, high: float) -> Samples:
    """Keep a band of frequencies, without any delay.

    Parameters
    ----------
    samples
        float32 (n,).
    sampling_rate
        Hz.
    low, high
        Hz. Between them the gain is 1; outside it falls to 0 within 100 Hz.

    Returns
    -------
    samples
        float32 (n,).

    Raises
    ------
    ArgumentInvalid
        If not 0 <= low < high.
    """
    if not 0.0 <= low < high:
        raise ArgumentInvalid(f"0 <= low < high must hold for a band, not {low} and {high} Hz")
    if not len(samples):
        return samples.copy()
    padding = round(_RINGING * sampling_rate)
    size = 1 << (len(samples) + padding - 1).bit_length()
    frequencies = np.fft.rfftfreq(size, 1.0 / sampling_rate)
    outside = np.maximum(low - frequencies, frequencies - high).clip(0.0, _ROLL_OFF)
    gain = 0.5 + 0.5 * np.cos(np.pi * outside / _ROLL_OFF)
    spectrum = np.fft.rfft(samples.astype(np.float64), size)
    limited: Samples = np.fft.irfft(spectrum * gain, size)[: len(samples)].astype(np.float32)
    return limited


def telephone(samples: Samples, sampling_rate: int) -> Samples:
    """Send a sound over a telephone line: sampled at 8 kHz, 300 to 3400 Hz, and back.

    The quantisation of the line is apart, in `mu_law`.

    Parameters
    ----------
    samples
        float32 (n,).
    sampling_rate
        Hz, at which the result is again.
    """
    low, high = TELEPHONE_BAND
    narrow = resampled(samples, sampling_rate, TELEPHONE_RATE)
    limited = band_limit(narrow, TELEPHONE_RATE, low=low, high=high)
    return fitted(resampled(limited, TELEPHONE_RATE, sampling_rate), len(samples))


def mu_law(samples: Samples) -> Samples:
    """Quantise to the 8 bits of the mu-law and back, as telephones in North America and Japan do.

    Source: ITU-T Recommendation G.711, "Pulse code modulation (PCM) of voice frequencies", 1988,
    table 2: eight segments of sixteen steps on either side of zero, every segment's steps twice
    as large as those of the one below. Full scale is ±1, as in libsndfile and FFmpeg.

    Parameters
    ----------
    samples
        float32 (n,); what is beyond full scale is clipped.
    """
    sizes = np.minimum(np.round(np.abs(samples, dtype=np.float64) * _MU_LAW_SCALE), _MU_LAW_LARGEST)
    biased = sizes + _MU_LAW_BIAS
    step = 2.0 ** np.floor(np.log2(biased)) / _MU_LAW_STEPS
    middle = (np.floor(biased / step) + 0.5) * step - _MU_LAW_BIAS
    decoded: Samples = (np.sign(samples) * middle / _MU_LAW_SCALE).astype(np.float32)
    return decoded
