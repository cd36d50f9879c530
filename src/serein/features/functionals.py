"""Functionals: one fixed-length description of a clip, from its short-term descriptors.

The idea (descriptors, their changes, and statistics over time) is that of Schuller et al., "The
INTERSPEECH 2013 Computational Paralinguistics Challenge", Interspeech 2013; the set is our own.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from serein.features.shortterm import (
    CEPSTRAL_BANDS,
    MEL_BANDS,
    SPECTRAL_NAMES,
    VOICE_NAMES,
    ShortTerm,
)
from serein.features.spectral import FloatArray, deltas

_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_STATIC = (
    "mean",
    "std",
    "skewness",
    *(f"q{int(100 * q):02d}" for q in _QUANTILES),
    "slope",
    "bend",
)
_CHANGE = ("mean_size", "std", "q05", "q95")
_VOICED = ("voiced_mean", "voiced_std", "unvoiced_mean")
_VOICE = ("mean", "std", *(f"q{int(100 * q):02d}" for q in _QUANTILES), "slope", "change")
_RHYTHM = (
    "duration",
    "voiced_share",
    "voiced_runs_per_second",
    "voiced_run_mean",
    "voiced_run_std",
    "unvoiced_run_mean",
    "unvoiced_run_std",
    "peaks_per_second",
    "peak_gap_std",
)


@cache
def functional_names() -> tuple[str, ...]:
    """Names of the functionals, in the order of :func:`functionals`."""
    return (
        *(f"{name}.{statistic}" for statistic in _STATIC for name in SPECTRAL_NAMES),
        *(f"{name}.change.{statistic}" for statistic in _CHANGE for name in SPECTRAL_NAMES),
        *(f"{name}.{statistic}" for statistic in _VOICED for name in SPECTRAL_NAMES),
        *(f"{name}.{statistic}" for statistic in _VOICE for name in VOICE_NAMES),
        *_RHYTHM,
    )


@cache
def gain_response() -> FloatArray:
    """Change of each functional when the whole clip is one dB louder, shape (functionals,).

    Locations of levels move with the gain; spreads, slopes and changes do not.
    """
    moving = {"mean", *(f"q{int(100 * q):02d}" for q in _QUANTILES), "voiced_mean", "unvoiced_mean"}
    # A dB in every band is sqrt(bands) in the zeroth coefficient of an orthonormal cosine basis.
    response = {"level": 1.0, "mfcc_0": CEPSTRAL_BANDS**0.5}
    response |= {f"mel_{k}": 1.0 for k in range(MEL_BANDS)}
    parts = [name.partition(".") for name in functional_names()]
    return np.array(
        [response.get(name, 0.0) if statistic in moving else 0.0 for name, _, statistic in parts],
        dtype=np.float32,
    )


def functionals(short_term: ShortTerm, *, hop: float) -> FloatArray:
    """Describe a clip by statistics of its short-term descriptors.

    Parameters
    ----------
    hop
        Seconds from frame to frame.

    Returns
    -------
    numpy.ndarray
        Shape (len(functional_names()),), float32, finite.
    """
    spectral, voiced = short_term.spectral, short_term.voiced
    change = deltas(spectral)
    parts = [
        _static(spectral),
        np.stack(
            [np.abs(change).mean(axis=0), change.std(axis=0), *_quantiles(change, (0.05, 0.95))]
        ),
        _by_voicing(spectral, voiced),
        _voice(short_term.voice[voiced]),
    ]
    rhythm = _rhythm(spectral[:, SPECTRAL_NAMES.index("level")], voiced, hop)
    return np.concatenate([part.ravel() for part in parts] + [rhythm]).astype(np.float32)


def syllable_peaks(level: npt.NDArray[np.floating]) -> npt.NDArray[np.int64]:
    """Where syllables are loudest: the peaks of the level, smoothed, above its mean.

    Parameters
    ----------
    level
        dB in frames of 10 ms, shape (frames,), of a clip at the reference level.

    Returns
    -------
    numpy.ndarray
        Indexes of frames.
    """
    width = 7  # frames: smooth over less than a syllable
    smooth = np.convolve(level, np.full(width, 1 / width), mode="same")
    rise = (smooth[1:-1] > smooth[:-2]) & (smooth[1:-1] >= smooth[2:])
    # Only peaks above the clip's mean level are syllables; the others are room and breath.
    return np.flatnonzero(rise & (smooth[1:-1] > smooth.mean())) + 1


def _quantiles(values: FloatArray, shares: tuple[float, ...]) -> FloatArray:
    """Linear quantiles over the first axis, shape (shares, columns).

    ``numpy.quantile`` gives the same and takes several times as long.
    """
    ordered = np.sort(values, axis=0)
    position = np.array(shares) * (len(values) - 1)
    below = np.floor(position).astype(int)
    above = np.minimum(below + 1, len(values) - 1)
    weight = (position - below)[:, None].astype(np.float32)
    result: FloatArray = ordered[below] * (1 - weight) + ordered[above] * weight
    return result


def _trend(values: FloatArray) -> FloatArray:
    """Slope and bend over the clip (Legendre coefficients 1 and 2), shape (2, columns)."""
    axis = np.linspace(-1.0, 1.0, len(values)) if len(values) > 1 else np.zeros(1)
    basis = np.stack([axis, 1.5 * axis**2 - 0.5])
    basis -= basis.mean(axis=1, keepdims=True)
    norm = np.square(basis).sum(axis=1, keepdims=True)
    coefficients: FloatArray = (basis / np.maximum(norm, 1e-9)).astype(np.float32) @ values
    return coefficients


def _static(values: FloatArray) -> FloatArray:
    mean, std = values.mean(axis=0), values.std(axis=0)
    offset = values - mean
    skewness = np.mean(offset * offset * offset, axis=0) / np.maximum(std, 1e-4) ** 3
    tamed = np.sign(skewness) * np.log1p(np.abs(skewness))
    return np.concatenate(
        [np.stack([mean, std, tamed]), _quantiles(values, _QUANTILES), _trend(values)]
    )


def _by_voicing(values: FloatArray, voiced: npt.NDArray[np.bool_]) -> FloatArray:
    """Means apart by voicing; where one kind is missing, the mean of all stands in."""
    inside = values[voiced] if voiced.any() else values
    outside = values[~voiced] if not voiced.all() else values
    return np.stack([inside.mean(axis=0), inside.std(axis=0), outside.mean(axis=0)])


def _voice(values: FloatArray) -> FloatArray:
    """Statistics over voiced frames; zeros for a clip without voice."""
    if len(values) < 2:
        return np.zeros((len(_VOICE), len(VOICE_NAMES)), dtype=np.float32)
    return np.concatenate(
        [
            np.stack([values.mean(axis=0), values.std(axis=0)]),
            _quantiles(values, _QUANTILES),
            _trend(values)[:1],
            np.abs(np.diff(values, axis=0)).mean(axis=0, keepdims=True),
        ]
    )


def _rhythm(level: FloatArray, voiced: npt.NDArray[np.bool_], hop: float) -> FloatArray:
    """Tempo: lengths of voiced and unvoiced runs, and syllable-like peaks of the level."""
    duration = len(level) * hop
    edges = np.flatnonzero(np.diff(voiced.astype(np.int8), prepend=2, append=2))
    runs = np.array([b - a for a, b in pairwise(edges)], dtype=np.float64) * hop
    kinds = voiced[edges[:-1]]
    inside, outside = runs[kinds], runs[~kinds]
    peaks = syllable_peaks(level)
    gaps = np.diff(peaks) * hop
    values = [
        np.log(duration),
        float(voiced.mean()),
        len(inside) / duration,
        *(statistic for kind in (inside, outside) for statistic in _mean_and_std(kind)),
        len(peaks) / duration,
        float(gaps.std()) if gaps.size else 0.0,
    ]
    return np.array(values, dtype=np.float32)


def _mean_and_std(values: npt.NDArray[np.float64]) -> tuple[float, float]:
    return (float(values.mean()), float(values.std())) if values.size else (0.0, 0.0)
