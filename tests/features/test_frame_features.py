"""Every definition written out from the books, in loops, against the vectorised features."""

from __future__ import annotations

from itertools import pairwise
from math import ceil, cos, log2, log10, pi, sqrt

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serein.errors import ArgumentInvalid
from serein.features.frame_features import FRAME_FEATURES, frame_features
from serein.features.spectral import frames
from tests.builders import speech_like, tone

FloatArray = npt.NDArray[np.float32]
Wide = npt.NDArray[np.float64]

RATE, FRAME, HOP = 16_000, 400, 160
CHROMA = [name for name in FRAME_FEATURES if name.startswith("chroma_")][:12]


def describe(samples: FloatArray, frame_length: int = FRAME) -> FloatArray:
    return frame_features(samples, sampling_rate=RATE, frame_length=frame_length, hop_length=HOP)


def column(described: FloatArray, name: str) -> FloatArray:
    return described[:, FRAME_FEATURES.index(name)]


def sine(frequency: float, seconds: float = 0.5) -> FloatArray:
    time = np.arange(round(seconds * RATE)) / RATE
    return (0.5 * np.sin(2 * np.pi * frequency * time)).astype(np.float32)


def noise(seconds: float = 0.5) -> FloatArray:
    values = np.random.default_rng(5).standard_normal(round(seconds * RATE))
    return (0.1 * values).astype(np.float32)


def spectrum_of(frame: Wide) -> Wide:
    """Magnitudes of the first half of the discrete Fourier transform, by its definition."""
    length = len(frame)
    turns = np.outer(np.arange(length // 2), np.arange(length)) / length
    magnitudes: Wide = np.abs(np.exp(-2j * np.pi * turns) @ frame) / (length // 2)
    return magnitudes


def entropy_of_parts(values: Wide) -> float:
    part = len(values) // 10
    energies = [sum(float(x) ** 2 for x in values[k * part : (k + 1) * part]) for k in range(10)]
    shares = [energy / sum(energies) for energy in energies]
    return -sum(share * log2(share) for share in shares if share > 0)


def shape_by_the_book(spectrum: Wide, before: Wide, rate: int, length: int) -> dict[str, float]:
    hertz = [k * rate / length for k in range(len(spectrum))]
    total = sum(spectrum)
    centroid = sum(f * x for f, x in zip(hertz, spectrum, strict=True)) / total
    variance = sum((f - centroid) ** 2 * x for f, x in zip(hertz, spectrum, strict=True)) / total
    changes = (x / total - y / sum(before) for x, y in zip(spectrum, before, strict=True))
    energy, reached = 0.0, 0
    for k, x in enumerate(spectrum):
        energy += x * x
        if energy > 0.9 * sum(spectrum**2):
            reached = k
            break
    return {
        "spectral_centroid": centroid / (rate / 2),
        "spectral_spread": sqrt(variance) / (rate / 2),
        "spectral_entropy": entropy_of_parts(spectrum),
        "spectral_flux": sum(change**2 for change in changes),
        "spectral_rolloff": hertz[reached] / (rate / 2),
    }


def cepstrum_by_the_book(spectrum: Wide, rate: int, length: int) -> dict[str, float]:
    """Slaney's Auditory Toolbox: 13 filters 200/3 Hz apart, then 27 by a factor of 1.0711703."""
    edges = [133.33 + k * 200 / 3 for k in range(13)]
    edges += [edges[12] * 1.0711703**k for k in range(1, 30)]
    levels = []
    for low, middle, high in zip(edges, edges[1:], edges[2:], strict=False):
        if high > rate / 2:
            break
        band = 0.0
        for k, x in enumerate(spectrum):
            hertz = k * rate / length
            if low < hertz <= middle:
                band += x * 2 / (high - low) * (hertz - low) / (middle - low)
            elif middle < hertz < high:
                band += x * 2 / (high - low) * (high - hertz) / (high - middle)
        levels.append(log10(max(band, 1e-8)))
    count = len(levels)
    coefficients = {}
    for k in range(13):
        norm = sqrt((1 if k == 0 else 2) / count)
        coefficients[f"mfcc_{k + 1}"] = norm * sum(
            level * cos(pi * k * (2 * n + 1) / (2 * count)) for n, level in enumerate(levels)
        )
    return coefficients


def chroma_by_the_book(spectrum: Wide, rate: int, length: int) -> dict[str, float]:
    bins: dict[int, list[float]] = {}
    for k in range(1, len(spectrum)):
        semitone = round(12 * log2(k * rate / length / 440))
        bins.setdefault(semitone, []).append(float(spectrum[k]) ** 2)
    classes = [0.0] * 12
    for semitone, powers in bins.items():
        classes[semitone % 12] += sum(powers) / len(powers)
    total = sum(sum(powers) for powers in bins.values())
    shares = [power / total for power in classes]
    mean = sum(shares) / 12
    deviation = sqrt(sum((share - mean) ** 2 for share in shares) / 12)
    return {**dict(zip(CHROMA, shares, strict=True)), "chroma_deviation": deviation}


def voice_by_the_book(frame: Wide, rate: int) -> dict[str, float]:
    longest = min(rate // 60, len(frame) // 2)
    gamma = []
    for lag in range(longest + 2):
        early, late = frame[: len(frame) - lag], frame[lag:]
        gamma.append(float(early @ late) / sqrt(float(early @ early) * float(late @ late)))
    crossings = sum((gamma[m] < 0) != (gamma[m + 1] < 0) for m in range(1, longest))
    noisy = crossings / (longest - 1) * rate / 2 > 1200
    peaks = []
    for lag in range(ceil(rate / 600), longest + 1):
        left, top, right = gamma[lag - 1 : lag + 2]
        if min(gamma[: lag + 1]) <= 0 and left < top >= right:
            a, b = (left - 2 * top + right) / 2, (right - left) / 2
            peaks.append((lag - b / (2 * a), top - b * b / (4 * a)))
    ratio = 0.0 if noisy else min(1.0, max((height for _, height in peaks), default=0.0))
    pitch = next(rate / lag for lag, height in peaks if height >= 0.9 * ratio) if peaks else 0.0
    return {"harmonic_ratio": ratio, "pitch": pitch if ratio >= 0.45 else 0.0}


def by_the_book(frame: Wide, before: Wide, rate: int) -> dict[str, float]:
    length, spectrum = len(frame), spectrum_of(frame)
    signs = [int(x > 0) - int(x < 0) for x in frame]
    changes = sum(abs(a - b) for a, b in pairwise(signs))
    return {
        "zero_crossing_rate": changes / 2 / (length - 1),
        "energy": sum(x * x for x in frame) / length,
        "energy_entropy": entropy_of_parts(frame),
        **shape_by_the_book(spectrum, spectrum_of(before), rate, length),
        **cepstrum_by_the_book(spectrum, rate, length),
        **chroma_by_the_book(spectrum, rate, length),
        **voice_by_the_book(frame, rate),
    }


@pytest.mark.parametrize(
    ("rate", "length", "hop"), [(16_000, 400, 160), (8_000, 200, 80), (22_050, 551, 220)]
)
def test_features_are_those_of_the_books(rate: int, length: int, hop: int) -> None:
    samples = speech_like(1.0, rate, seed=3)
    described = frame_features(samples, sampling_rate=rate, frame_length=length, hop_length=hop)
    signal = samples.astype(np.float64)
    signal = (signal - signal.mean()) / np.abs(signal - signal.mean()).max()
    voiced = 0
    for t in range(1, len(described), 8):
        frame, before = (signal[s * hop : s * hop + length] for s in (t, t - 1))
        expected = by_the_book(frame, before, rate)
        assert tuple(expected) == FRAME_FEATURES
        for name, value in expected.items():
            assert column(described, name)[t] == pytest.approx(value, rel=1e-3, abs=1e-3), name
        voiced += expected["pitch"] > 0
    assert voiced > 3


@settings(max_examples=40, deadline=None)
@given(
    count=st.integers(0, 2000),
    length=st.integers(20, 400),
    hop=st.integers(1, 400),
    seed=st.integers(0, 9),
)
def test_as_many_frames_as_are_cut_and_all_finite(
    count: int, length: int, hop: int, seed: int
) -> None:
    samples = np.random.default_rng(seed).uniform(-1, 1, count).astype(np.float32)
    described = frame_features(samples, sampling_rate=8000, frame_length=length, hop_length=hop)
    expected = frames(samples, frame_length=length, hop_length=hop)
    assert described.shape == (len(expected), len(FRAME_FEATURES))
    assert described.dtype == np.float32
    assert np.isfinite(described).all()
    assert column(described, "spectral_flux")[0] == 0


@pytest.mark.parametrize("count", [0, 1, 100, 5000])
@pytest.mark.parametrize("value", [0.0, 0.1, -1.0, 1e-30])
def test_a_constant_is_silence(count: int, value: float) -> None:
    described = describe(np.full(count, value, dtype=np.float32))
    quiet = [name for name in FRAME_FEATURES if not name.startswith("mfcc")]
    for name in quiet:
        assert (column(described, name) == 0).all(), name
    # All forty filters lie at their floor: only their mean is there.
    np.testing.assert_allclose(column(described, "mfcc_1"), -8 * sqrt(40), rtol=1e-5)
    np.testing.assert_allclose(column(described, "mfcc_2"), 0, atol=1e-4)


def test_clipped_noise_and_a_click_are_described() -> None:
    click = np.zeros(4000, dtype=np.float32)
    click[2000] = 1.0
    for samples in (np.sign(noise()), np.clip(20 * noise(), -1, 1), click):
        described = describe(samples.astype(np.float32))
        assert np.isfinite(described).all()
        assert described[:, FRAME_FEATURES.index("harmonic_ratio")].max() <= 1


@pytest.mark.parametrize("gain", [1e-4, 0.3, 30.0])
@pytest.mark.parametrize("offset", [0.0, 0.2])
def test_neither_gain_nor_offset_matters(gain: float, offset: float) -> None:
    samples = speech_like(0.6, RATE, seed=4)
    changed = ((samples + np.float32(offset)) * np.float32(gain)).astype(np.float32)
    np.testing.assert_allclose(describe(changed), describe(samples), rtol=1e-3, atol=1e-3)


def test_silence_within_a_clip_is_no_outlier() -> None:
    described = describe(np.concatenate([sine(440), np.zeros(4000, np.float32), 0.001 * noise()]))
    inside = column(described, "mfcc_1")[55:70]
    assert (inside < column(described, "mfcc_1")[80:].min()).all()
    assert inside.min() > -51


@pytest.mark.parametrize(("frequency", "name"), [(440.0, "a"), (523.25, "c"), (1760.0, "a")])
def test_chroma_names_the_note(frequency: float, name: str) -> None:
    shares = describe(sine(frequency))[:, [FRAME_FEATURES.index(n) for n in CHROMA]]
    assert CHROMA[int(shares.mean(axis=0).argmax())] == f"chroma_{name}"


@pytest.mark.parametrize("frequency", [400.0, 1000.0, 2000.0])
def test_sine_lies_where_it_sounds(frequency: float) -> None:
    described = describe(sine(frequency))  # whole periods in a frame: nothing leaks
    for name in ("spectral_centroid", "spectral_rolloff"):
        np.testing.assert_allclose(column(described, name), frequency / 8000, atol=1e-4)
    np.testing.assert_allclose(column(described, "spectral_spread"), 0, atol=1e-2)
    np.testing.assert_allclose(
        column(described, "zero_crossing_rate"), 2 * frequency / RATE, atol=2 / FRAME
    )
    # A sine of peak 1 has a mean square of a half, spread evenly over the frame.
    np.testing.assert_allclose(column(described, "energy"), 0.5, atol=1e-3)
    np.testing.assert_allclose(column(described, "energy_entropy"), log2(10), atol=0.01)


def test_flux_is_large_where_the_sound_changes() -> None:
    flux = column(describe(np.concatenate([sine(400), sine(3200)])), "spectral_flux")
    assert 46 <= flux.argmax() <= 50
    assert np.median(flux) < 1e-6


@pytest.mark.parametrize("frequency", [90.0, 123.0, 220.0, 311.0, 450.0])
@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050])
def test_pitch_of_a_voice_like_tone(frequency: float, rate: int) -> None:
    described = frame_features(
        tone(frequency, 0.5, sampling_rate=rate),
        sampling_rate=rate,
        frame_length=rate // 40,
        hop_length=rate // 100,
    )
    inside = slice(3, -4)
    np.testing.assert_allclose(column(described, "pitch")[inside], frequency, rtol=0.02)
    assert column(described, "harmonic_ratio")[inside].min() > 0.9


def test_noise_has_no_pitch() -> None:
    described = describe(noise())
    assert (column(described, "pitch") == 0).all()
    assert (column(described, "harmonic_ratio") == 0).all()


def test_no_voice_is_heard_above_600_hertz() -> None:
    assert column(describe(sine(800.0)), "pitch").max() < 610


def test_a_pitch_needs_two_periods_in_the_frame() -> None:
    low = sine(70.0)
    assert (column(describe(low), "pitch") == 0).all()
    longer = ceil(2.2 * RATE / 70)
    np.testing.assert_allclose(column(describe(low, longer), "pitch"), 70.0, rtol=0.02)


@pytest.mark.parametrize(
    ("rate", "length", "hop"), [(16_000, 19, 160), (16_000, 400, 0), (4_000, 100, 40)]
)
def test_what_cannot_be_described_is_refused(rate: int, length: int, hop: int) -> None:
    with pytest.raises(ArgumentInvalid, match="at least 20 samples"):
        frame_features(noise(), sampling_rate=rate, frame_length=length, hop_length=hop)
