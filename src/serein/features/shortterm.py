"""Short-term descriptors of a voice: energy, spectral shape, cepstrum, chroma, pitch, quality."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from serein.features.pitch import Pitch, track_pitch
from serein.features.spectral import (
    FloatArray,
    cepstrum,
    decibels,
    frames,
    mel_filterbank,
    power_spectrogram,
)

MEL_BANDS = 26
CEPSTRAL_BANDS = 40
CEPSTRAL_COEFFICIENTS = 14
CHROMA = ("c", "c_sharp", "d", "d_sharp", "e", "f", "f_sharp", "g", "g_sharp", "a", "a_sharp", "b")
ROLLOFFS = (0.25, 0.5, 0.75, 0.9)
ENERGY_BLOCKS = 10
DYNAMIC_RANGE = 80.0  # dB below the loudest band of a clip

SPECTRAL_NAMES: tuple[str, ...] = (
    "level",
    "zero_crossing_rate",
    "energy_entropy",
    "spectral_centroid",
    "spectral_spread",
    "spectral_skewness",
    "spectral_kurtosis",
    "spectral_entropy",
    "spectral_flux",
    *(f"spectral_rolloff_{int(100 * share)}" for share in ROLLOFFS),
    "alpha_ratio",
    "hammarberg_index",
    "slope_0_500",
    "slope_500_1500",
    "chroma_deviation",
    *(f"mfcc_{k}" for k in range(CEPSTRAL_COEFFICIENTS)),
    *(f"mel_{k}" for k in range(MEL_BANDS)),
    *(f"chroma_{name}" for name in CHROMA),
)
VOICE_NAMES: tuple[str, ...] = ("pitch", "harmonicity", "jitter", "shimmer", "h1_h2", "h1_a3")


@dataclass(frozen=True)
class ShortTerm:
    """Descriptors of one clip over time.

    Attributes
    ----------
    spectral
        Shape (frames, len(SPECTRAL_NAMES)): defined in every frame. Levels, slopes and ratios
        in dB (slopes in dB a kHz), centroid, spread and rolloff in kHz, entropies from 0 to 1.
    voice
        Shape (frames, len(VOICE_NAMES)): meant for voiced frames alone. Pitch in semitones
        above 27.5 Hz, harmonicity, shimmer and the harmonic differences in dB, jitter in
        semitones.
    voiced
        Shape (frames,), bool.
    """

    spectral: FloatArray
    voice: FloatArray
    voiced: npt.NDArray[np.bool_]


def short_term(
    samples: FloatArray, *, sampling_rate: int, frame_length: int, hop_length: int, fft_length: int
) -> ShortTerm:
    """Describe a clip frame by frame.

    Parameters
    ----------
    samples
        Mono, shape (n,).
    sampling_rate
        In Hz, at least 8000.
    """
    signal = frames(samples, frame_length=frame_length, hop_length=hop_length)
    power = power_spectrogram(
        samples, frame_length=frame_length, hop_length=hop_length, fft_length=fft_length
    )
    log_mel = _mel_levels(power, sampling_rate, fft_length, MEL_BANDS)
    mfcc = cepstrum(
        _mel_levels(power, sampling_rate, fft_length, CEPSTRAL_BANDS), CEPSTRAL_COEFFICIENTS
    )
    chroma = _chroma(power, sampling_rate, fft_length)
    level = decibels(np.mean(signal * signal, axis=1), dynamic_range=DYNAMIC_RANGE)
    columns = [
        level,
        _zero_crossing_rate(signal),
        _energy_entropy(signal),
        *_shape(power, sampling_rate, fft_length),
        *_tilt(power, sampling_rate, fft_length),
        chroma.std(axis=1),
    ]
    spectral = np.concatenate([np.stack(columns, axis=1), mfcc, log_mel, chroma], axis=1)
    pitch = track_pitch(
        samples, sampling_rate=sampling_rate, hop_length=hop_length, count=len(power)
    )
    voice = _voice(pitch, level, power, sampling_rate, fft_length)
    return ShortTerm(spectral.astype(np.float32), voice.astype(np.float32), pitch.voiced)


def _mel_levels(power: FloatArray, sampling_rate: int, fft_length: int, bands: int) -> FloatArray:
    filterbank = mel_filterbank(
        sampling_rate=sampling_rate,
        fft_length=fft_length,
        bands=bands,
        low=50.0,
        high=sampling_rate / 2,
    )
    return decibels(power @ filterbank, dynamic_range=DYNAMIC_RANGE)


def _zero_crossing_rate(signal: FloatArray) -> FloatArray:
    positive = signal >= 0
    rate: FloatArray = np.mean(positive[:, 1:] != positive[:, :-1], axis=1, dtype=np.float32)
    return rate


def _entropy(shares: FloatArray) -> FloatArray:
    """Shannon entropy of rows that sum to 1, as a share of its largest value."""
    surprise = np.where(shares > 0, shares * np.log(np.maximum(shares, 1e-12)), 0.0)
    entropy: FloatArray = -surprise.sum(axis=1) / np.float32(np.log(shares.shape[1]))
    return entropy


def _energy_entropy(signal: FloatArray) -> FloatArray:
    """Entropy of the energy over the parts of a frame: low where a sound begins or ends."""
    usable = signal.shape[1] // ENERGY_BLOCKS * ENERGY_BLOCKS
    blocks = signal[:, :usable].reshape(len(signal), ENERGY_BLOCKS, -1)
    energy = np.square(blocks).sum(axis=2) + 1e-10
    return _entropy(energy / energy.sum(axis=1, keepdims=True))


def _shape(power: FloatArray, sampling_rate: int, fft_length: int) -> list[FloatArray]:
    """Moments, entropy, flux and rolloff of the spectrum taken as a distribution.

    Source: Peeters, "A large set of audio features for sound description", IRCAM 2004.
    """
    kilohertz = (np.arange(power.shape[1]) * sampling_rate / fft_length / 1000).astype(np.float32)
    shares = (power + 1e-10) / (power + 1e-10).sum(axis=1, keepdims=True)
    centroid = shares @ kilohertz
    offset = kilohertz - centroid[:, None]
    square = offset * offset
    variance = (shares * square).sum(axis=1)
    spread = np.sqrt(variance)
    skewness = (shares * square * offset).sum(axis=1) / spread**3
    kurtosis = (shares * square * square).sum(axis=1) / variance**2
    root = np.sqrt(shares)
    flux = np.zeros_like(centroid)
    flux[1:] = np.square(np.diff(root, axis=0)).sum(axis=1)
    cumulated = np.cumsum(shares, axis=1)
    rolloffs = [kilohertz[np.argmax(cumulated >= share, axis=1)] for share in ROLLOFFS]
    # Logarithms tame the long tails of the higher moments, which a linear model cannot.
    return [
        centroid,
        spread,
        np.sign(skewness) * np.log1p(np.abs(skewness)),
        np.log(kurtosis),
        _entropy(shares),
        flux,
        *rolloffs,
    ]


def _tilt(power: FloatArray, sampling_rate: int, fft_length: int) -> list[FloatArray]:
    """Balance of low against high frequencies, in dB, and slopes, in dB a kHz.

    Source: Eyben et al., "The Geneva Minimalistic Acoustic Parameter Set (GeMAPS)", IEEE
    Transactions on Affective Computing 7(2), 2016.
    """
    hertz = np.arange(power.shape[1]) * sampling_rate / fft_length

    def band(low: float, high: float) -> FloatArray:
        return power[:, (hertz >= low) & (hertz < high)]

    alpha = decibels(band(50, 1000).sum(axis=1)) - decibels(band(1000, 5000).sum(axis=1))
    hammarberg = decibels(band(0, 2000).max(axis=1)) - decibels(band(2000, 5000).max(axis=1))
    slopes = []
    for low, high in ((0, 500), (500, 1500)):
        kilohertz = hertz[(hertz >= low) & (hertz < high)].astype(np.float32) / 1000
        axis = kilohertz - kilohertz.mean()
        slopes.append(decibels(band(low, high)) @ (axis / np.square(axis).sum()))
    return [alpha, hammarberg, *slopes]


@lru_cache(maxsize=8)
def _chroma_map(sampling_rate: int, fft_length: int, bins: int) -> FloatArray:
    hertz = np.arange(1, bins) * sampling_rate / fft_length
    semitones = np.round(12 * np.log2(hertz / 440.0) + 9).astype(int) % 12  # 440 Hz is an a
    classes = np.zeros((bins, 12), dtype=np.float32)
    classes[np.arange(1, bins), semitones] = 1.0
    return classes


def _chroma(power: FloatArray, sampling_rate: int, fft_length: int) -> FloatArray:
    """Share of the power in each of the twelve pitch classes, shape (frames, 12)."""
    energy = power @ _chroma_map(sampling_rate, fft_length, power.shape[1])
    shares: FloatArray = energy / (energy.sum(axis=1, keepdims=True) + 1e-10)
    return shares


def _voice(
    pitch: Pitch, level: FloatArray, power: FloatArray, sampling_rate: int, fft_length: int
) -> FloatArray:
    """Pitch, its regularity and the balance of the first harmonics (see :class:`ShortTerm`)."""
    semitones = np.where(pitch.voiced, 12 * np.log2(np.maximum(pitch.frequency, 1.0) / 27.5), 0.0)
    strength = np.clip(pitch.strength, 1e-3, 1 - 1e-3)
    harmonicity = 10 * np.log10(strength / (1 - strength))
    both = pitch.voiced.copy()
    both[1:] &= pitch.voiced[:-1]
    both[:1] = False
    jitter = np.zeros_like(semitones)
    jitter[1:] = np.abs(np.diff(semitones))
    shimmer = np.zeros_like(level)
    shimmer[1:] = np.abs(np.diff(level))
    levels = decibels(power)
    rows = np.arange(len(levels))
    resolution = sampling_rate / fft_length

    def harmonic(order: int) -> FloatArray:
        centre = np.round(order * pitch.frequency / resolution).astype(int)
        around = np.clip(centre[:, None] + np.array([-1, 0, 1]), 0, levels.shape[1] - 1)
        peak: FloatArray = levels[rows[:, None], around].max(axis=1)
        return peak

    third = levels[:, int(2000 / resolution) : int(3500 / resolution)].max(axis=1)
    first = harmonic(1)
    columns = [
        semitones,
        harmonicity,
        np.where(both, jitter, 0.0),
        np.where(both, shimmer, 0.0),
        first - harmonic(2),
        first - third,
    ]
    return np.stack(columns, axis=1)
