"""The 34 short-term features of pyAudioAnalysis, with harmonic ratio and pitch, in numpy.

Sources: Giannakopoulos, "pyAudioAnalysis: An Open-Source Python Library for Audio Signal
Analysis", PLoS ONE 10(12), 2015; Giannakopoulos & Pikrakis, "Introduction to Audio Analysis",
Academic Press 2014. The values are those of pyAudioAnalysis 0.3.14 wherever its code does what
these define. It differs, and here is done as defined, in that

- bin k lies at ``k * sampling_rate / frame_length`` Hz, where the centroid and the chroma took the
  next bin's frequency and the cepstrum's filters twice the frequency, so that they were set at
  half of their own;
- filters that reach past half the sampling rate are left out;
- a filter's output is floored at 1e-8, below the rounding of 16 bits, where digital silence came to
  2.2e-16 and so lay further from all sound than any sounds are from each other;
- chroma takes the mean power of the bins of each semitone, where the last bin was taken for all and
  divided by the count of another semitone;
- entropies are of shares that sum to one, also where ten blocks leave a rest;
- nothing is added to a divisor: what is undefined in a silent frame is 0;
- harmonic ratio divides by the energies of the two stretches that are compared and is a peak among
  the lags of a voice; the shortest of about equally good periods is the pitch, which needs the
  correlation of a voice, and the limit of zero crossings does not move with the sampling rate.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from serein.errors import ArgumentInvalid
from serein.features.pitch import HIGHEST, LOWEST, VOICING
from serein.features.shortterm import CHROMA
from serein.features.spec import LOWEST_RATE, SHORTEST_FRAME
from serein.features.spectral import FloatArray, cosine_basis, frames, triangular_filters

Wide = npt.NDArray[np.float64]

COEFFICIENTS = 13
BLOCKS = 10
"""Parts of a frame, and of its spectrum, over which entropy is taken."""
ROLLOFF = 0.9
FILTER_FLOOR = 1e-8
PITCH_CLASSES = (*CHROMA[9:], *CHROMA[:9])
NOISE_FREQUENCY = 1200.0  # Hz; 0.15 zero crossings a sample at 16 kHz
PERIOD_SHARE = 0.9  # of the highest peak, from which an earlier one is the period
FRAMES_AT_ONCE = 64

FRAME_FEATURES: tuple[str, ...] = (
    "zero_crossing_rate",
    "energy",
    "energy_entropy",
    "spectral_centroid",
    "spectral_spread",
    "spectral_entropy",
    "spectral_flux",
    "spectral_rolloff",
    *(f"mfcc_{k}" for k in range(1, COEFFICIENTS + 1)),
    *(f"chroma_{name}" for name in PITCH_CLASSES),
    "chroma_deviation",
    "harmonic_ratio",
    "pitch",
)
"""Names of the columns, in pyAudioAnalysis's order: the first cepstral coefficient is the zeroth of
the transform, chroma begins at a."""


def frame_features(
    samples: FloatArray, *, sampling_rate: int, frame_length: int, hop_length: int
) -> FloatArray:
    """Describe every frame of a clip, independent of the clip's gain.

    The clip is freed of its constant part and brought to a peak of 1. Frames are not tapered.

    Parameters
    ----------
    samples
        Mono, shape (n,); may be empty or silent.
    sampling_rate
        In Hz, at least 8000.
    frame_length, hop_length
        In samples, the frame at least 20. A pitch needs two periods in a frame: one of 25 ms
        shows none below 80 Hz.

    Returns
    -------
    numpy.ndarray
        Shape (frames, 36), finite, columns as in :data:`FRAME_FEATURES`; frames as
        :func:`~serein.features.spectral.frames` cuts them. Centroid, spread and rolloff are
        shares of half the sampling rate, entropies bits (up to 3.3), pitch Hz from about 60 to
        600 and 0 where no voice is heard, harmonic ratio 0 to 1.

    Raises
    ------
    ArgumentInvalid
        If the frame or the hop is too short or the sampling rate too low.
    """
    if frame_length < SHORTEST_FRAME or hop_length < 1 or sampling_rate < LOWEST_RATE:
        raise ArgumentInvalid(
            f"frames of {frame_length} samples every {hop_length} at {sampling_rate} Hz cannot be "
            f"described; choose a frame of at least {SHORTEST_FRAME} samples, a hop of at least "
            f"one and at least {LOWEST_RATE} Hz"
        )
    cut = frames(_normalized(samples), frame_length=frame_length, hop_length=hop_length)
    signal = cut.astype(np.float64)
    bins = frame_length // 2
    magnitude = np.abs(np.fft.rfft(signal)[:, :bins]) / bins
    chroma = _chroma(magnitude, sampling_rate, frame_length)
    columns = (
        _zero_crossing_rate(signal),
        np.square(signal).mean(axis=1),
        _entropy(signal),
        *_shape(magnitude, frame_length),
        _cepstrum(magnitude, sampling_rate, frame_length),
        chroma,
        chroma.std(axis=1),
        np.concatenate([_harmonicity(part, sampling_rate) for part in _parts(signal)]),
    )
    described: FloatArray = np.column_stack(columns).astype(np.float32)
    return described


def _normalized(samples: FloatArray) -> FloatArray:
    """Samples without their mean, peak 1; zeros where only rounding is left of them."""
    if not samples.size:
        return samples
    centred = samples - samples.mean(dtype=np.float64)
    peak = np.abs(centred).max()
    if peak <= np.finfo(np.float32).eps * np.abs(samples).max():
        return np.zeros_like(samples)
    normalized: FloatArray = (centred / peak).astype(np.float32)
    return normalized


def _zero_crossing_rate(signal: Wide) -> Wide:
    """Changes of sign a sample; to or from an exact zero is half a change."""
    sign = np.sign(signal).astype(np.int8)
    changes = np.abs(sign[:, 1:] - sign[:, :-1]).sum(axis=1)
    rate: Wide = changes / (2 * (signal.shape[1] - 1))
    return rate


def _shares(values: Wide) -> Wide:
    """Rows divided by their sums; zeros stay zeros."""
    total = values.sum(axis=1, keepdims=True)
    return values / np.where(total > 0, total, 1.0)


def _entropy(values: Wide) -> Wide:
    """Entropy of the energy of ten equal parts of each row, in bits."""
    length = values.shape[1] // BLOCKS
    energy = np.square(values[:, : BLOCKS * length]).reshape(len(values), BLOCKS, length)
    shares = _shares(energy.sum(axis=2))
    surprise = np.log2(shares, out=np.zeros_like(shares), where=shares > 0)
    entropy: Wide = -(shares * surprise).sum(axis=1)
    return np.abs(entropy)  # no negative zero


def _shape(magnitude: Wide, frame_length: int) -> tuple[Wide, ...]:
    """Centroid, spread, entropy, flux and rolloff of the spectrum."""
    position = np.arange(magnitude.shape[1]) * (2 / frame_length)  # 1 is half the sampling rate
    shares = _shares(magnitude)
    centroid = shares @ position
    spread = np.sqrt(np.einsum("tk,tk->t", shares, np.square(position - centroid[:, None])))
    flux = np.zeros(len(shares))
    flux[1:] = np.square(shares[1:] - shares[:-1]).sum(axis=1)
    cumulated = np.cumsum(np.square(magnitude), axis=1)
    rolloff = position[np.argmax(cumulated > ROLLOFF * cumulated[:, -1:], axis=1)]
    return centroid, spread, _entropy(magnitude), flux, rolloff


def _cepstrum(magnitude: Wide, sampling_rate: int, frame_length: int) -> Wide:
    filterbank = _filterbank(sampling_rate, frame_length)
    bands = np.log10(np.maximum(magnitude @ filterbank, FILTER_FLOOR))
    coefficients: Wide = bands @ cosine_basis(bands.shape[1], COEFFICIENTS)
    return coefficients


@lru_cache(maxsize=8)
def _filterbank(sampling_rate: int, frame_length: int) -> FloatArray:
    """Up to 40 filters from 133 to 6854 Hz, shape (frame_length // 2, filters), read-only.

    Source: Slaney, "Auditory Toolbox, version 2", Interval Research technical report 1998-010.
    """
    linear = 133.33 + 200 / 3 * np.arange(13)
    edges = np.concatenate([linear, linear[-1] * 1.0711703 ** np.arange(1, 30)])
    edges = edges[edges <= sampling_rate / 2]
    filters = triangular_filters(edges, sampling_rate=sampling_rate, fft_length=frame_length)
    return filters[: frame_length // 2]


def _chroma(magnitude: Wide, sampling_rate: int, frame_length: int) -> Wide:
    """Mean power of the bins of each semitone, summed over octaves, as shares of all power."""
    shares = _shares(np.square(magnitude[:, 1:]))
    return shares @ _semitones(sampling_rate, frame_length)


@lru_cache(maxsize=8)
def _semitones(sampling_rate: int, frame_length: int) -> FloatArray:
    """Weight of each bin above the constant in each pitch class, from a on."""
    hertz = np.arange(1, frame_length // 2) * sampling_rate / frame_length
    semitone = np.round(12 * np.log2(hertz / 27.5)).astype(int)  # 27.5 Hz is an a
    _, place, count = np.unique(semitone, return_inverse=True, return_counts=True)
    weights = np.zeros((hertz.size, len(PITCH_CLASSES)), dtype=np.float32)
    weights[np.arange(hertz.size), semitone % len(PITCH_CLASSES)] = 1 / count[place]
    weights.flags.writeable = False  # shared by every caller through the cache
    return weights


def _parts(signal: Wide) -> Iterator[Wide]:
    """A few frames at a time: their autocorrelations together would outgrow the caches."""
    for start in range(0, len(signal), FRAMES_AT_ONCE):
        yield signal[start : start + FRAMES_AT_ONCE]


def _harmonicity(signal: Wide, sampling_rate: int) -> FloatArray:
    """Highest peak of the autocorrelation at a voice's periods, and the pitch in Hz, (frames, 2).

    A correlation that changes its sign as often as that of noise counts as none.
    """
    shortest = int(np.ceil(sampling_rate / HIGHEST))
    longest = min(int(sampling_rate / LOWEST), signal.shape[1] // 2)
    correlation = _autocorrelation(signal, longest + 1)
    before, here, after = correlation[:, :-2], correlation[:, 1:-1], correlation[:, 2:]
    is_peak = (here > before) & (here >= after)
    is_peak &= np.logical_or.accumulate(here <= 0, axis=1)
    is_peak[:, : shortest - 1] = False
    # The vertex of the parabola through a peak and its neighbours: periods are no whole samples.
    slope = after - before
    bend = np.where(is_peak, (here - before) + (here - after), 1.0)
    shift = np.where(is_peak, slope / (2 * bend), 0.0)
    height = np.where(is_peak, here + slope * shift / 4, 0.0)
    ratio = np.minimum(height.max(axis=1), 1.0)
    crossings = np.mean((here[:, 1:] < 0) != (here[:, :-1] < 0), axis=1)
    ratio[crossings * sampling_rate / 2 > NOISE_FREQUENCY] = 0.0
    first = np.argmax(is_peak & (height >= PERIOD_SHARE * ratio[:, None]), axis=1)
    period = first + 1 + shift[np.arange(len(first)), first]
    pitch = np.where(ratio >= VOICING, sampling_rate / period, 0.0)
    return np.stack([ratio, pitch.astype(np.float32)], axis=1)


def _autocorrelation(signal: Wide, longest: int) -> FloatArray:
    """Correlation of each frame's end with its beginning, at lags from 0 to the longest one.

    Returns
    -------
    numpy.ndarray
        Shape (frames, longest + 1), -1 to 1; 0 where nothing is compared.
    """
    fft_length = 1 << (signal.shape[1] + longest).bit_length()
    transform = np.fft.rfft(signal, fft_length)
    products = np.fft.irfft(transform * transform.conj())[:, : longest + 1]
    square = np.square(signal)
    energy = square.sum(axis=1, keepdims=True)
    beginning, end = np.tile(energy, longest + 1), np.tile(energy, longest + 1)
    beginning[:, 1:] -= np.cumsum(square[:, : -longest - 1 : -1], axis=1)
    end[:, 1:] -= np.cumsum(square[:, :longest], axis=1)
    # What rounding has left of a silent stretch is no correlation.
    heard = np.minimum(beginning, end) > 1e-12 * energy
    scale = np.sqrt(np.where(heard, beginning * end, np.inf))
    correlation: FloatArray = (products / scale).astype(np.float32)
    return correlation
