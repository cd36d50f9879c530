"""Short-term descriptors: sounds with known answers, and the textbook in a plain loop."""

from __future__ import annotations

from itertools import pairwise

import librosa
import numpy as np
import numpy.typing as npt
import pytest

from serein.features.shortterm import (
    CHROMA,
    ENERGY_BLOCKS,
    ROLLOFFS,
    SPECTRAL_NAMES,
    VOICE_NAMES,
    ShortTerm,
    short_term,
)
from serein.features.spectral import power_spectrogram
from tests.builders import speech_like, tone

RATE, FRAME, HOP, FFT = 16_000, 400, 160, 512
FloatArray = npt.NDArray[np.float32]
Wide = npt.NDArray[np.float64]


def describe(samples: FloatArray) -> ShortTerm:
    return short_term(
        samples, sampling_rate=RATE, frame_length=FRAME, hop_length=HOP, fft_length=FFT
    )


def column(described: ShortTerm, name: str) -> FloatArray:
    return described.spectral[:, SPECTRAL_NAMES.index(name)]


def voice_column(described: ShortTerm, name: str) -> FloatArray:
    return described.voice[:, VOICE_NAMES.index(name)]


def sine(frequency: float, seconds: float = 0.5, amplitude: float = 0.5) -> FloatArray:
    time = np.arange(round(seconds * RATE)) / RATE
    return (amplitude * np.sin(2 * np.pi * frequency * time)).astype(np.float32)


def noise(seconds: float = 1.0) -> FloatArray:
    return (0.1 * np.random.default_rng(5).standard_normal(round(seconds * RATE))).astype(
        np.float32
    )


@pytest.fixture(scope="module")
def samples() -> FloatArray:
    return speech_like(1.0, RATE, seed=3)


@pytest.fixture(scope="module")
def power(samples: FloatArray) -> Wide:
    found = power_spectrogram(samples, frame_length=FRAME, hop_length=HOP, fft_length=FFT)
    return found.astype(np.float64)


def test_shapes_and_names(samples: FloatArray) -> None:
    described = describe(samples)
    count = 1 + (samples.size - FRAME) // HOP
    assert described.spectral.shape == (count, len(SPECTRAL_NAMES))
    assert described.voice.shape == (count, len(VOICE_NAMES))
    assert described.voiced.shape == (count,)
    assert len(set(SPECTRAL_NAMES + VOICE_NAMES)) == len(SPECTRAL_NAMES) + len(VOICE_NAMES)
    assert np.isfinite(described.spectral).all()
    assert np.isfinite(described.voice).all()


def test_shape_of_the_spectrum_is_the_textbooks(samples: FloatArray, power: Wide) -> None:
    described = describe(samples)
    kilohertz = [k * RATE / FFT / 1000 for k in range(FFT // 2 + 1)]
    before = None
    for t in range(0, len(power), 7):
        total = sum(power[t])
        shares = [value / total for value in power[t]]
        centroid = sum(p * f for p, f in zip(shares, kilohertz, strict=True))
        moment = {
            order: sum(p * (f - centroid) ** order for p, f in zip(shares, kilohertz, strict=True))
            for order in (2, 3, 4)
        }
        spread = moment[2] ** 0.5
        skewness = moment[3] / spread**3
        kurtosis = moment[4] / moment[2] ** 2
        entropy = -sum(p * np.log2(p) for p in shares) / np.log2(len(shares))
        expected = {
            "spectral_centroid": centroid,
            "spectral_spread": spread,
            "spectral_skewness": np.sign(skewness) * np.log(1 + abs(skewness)),
            "spectral_kurtosis": np.log(kurtosis),
            "spectral_entropy": entropy,
        }
        if t:
            before = power[t - 1] / sum(power[t - 1])
            flux = sum((np.sqrt(shares) - np.sqrt(before)) ** 2)
            expected["spectral_flux"] = flux
        for name, value in expected.items():
            assert column(described, name)[t] == pytest.approx(value, rel=2e-3, abs=1e-4), name


def test_centroid_and_rolloff_are_those_of_librosa(samples: FloatArray, power: Wide) -> None:
    described = describe(samples)
    centroid = librosa.feature.spectral_centroid(S=power.T, sr=RATE, n_fft=FFT)[0]
    np.testing.assert_allclose(
        1000 * column(described, "spectral_centroid"), centroid, rtol=1e-3, atol=0.5
    )
    for share in ROLLOFFS:
        rolloff = librosa.feature.spectral_rolloff(
            S=power.T, sr=RATE, n_fft=FFT, roll_percent=share
        )[0]
        found = 1000 * column(described, f"spectral_rolloff_{int(100 * share)}")
        # A share that is met on the edge of two bins falls to one of them.
        assert np.abs(found - rolloff).max() <= RATE / FFT + 1
        assert np.mean(np.abs(found - rolloff) < 1) > 0.95


def test_time_descriptors_are_the_textbooks(samples: FloatArray) -> None:
    described = describe(samples)
    for t in range(0, len(described.voiced), 9):
        frame = samples[t * HOP : t * HOP + FRAME].astype(np.float64)
        changes = sum((a >= 0) != (b >= 0) for a, b in pairwise(frame))
        blocks = [float(np.sum(part**2)) for part in np.split(frame, ENERGY_BLOCKS)]
        shares = [block / sum(blocks) for block in blocks]
        entropy = -sum(p * np.log(p) for p in shares) / np.log(ENERGY_BLOCKS)
        assert column(described, "zero_crossing_rate")[t] == pytest.approx(changes / (FRAME - 1))
        assert column(described, "energy_entropy")[t] == pytest.approx(entropy, abs=1e-3)
        assert column(described, "level")[t] == pytest.approx(
            10 * np.log10(np.mean(frame**2)), abs=1e-3
        )


@pytest.mark.parametrize("frequency", [250.0, 1000.0, 3500.0])
def test_sine_lies_where_it_sounds(frequency: float) -> None:
    described = describe(sine(frequency))
    for name in ("spectral_centroid", "spectral_rolloff_25", "spectral_rolloff_75"):
        # A Hann window of 25 ms is 80 Hz wide, half of it on either side.
        np.testing.assert_allclose(column(described, name), frequency / 1000, atol=0.045)
    np.testing.assert_allclose(
        column(described, "zero_crossing_rate"), 2 * frequency / RATE, atol=2 / FRAME
    )
    assert column(described, "spectral_spread").max() < 0.1
    assert column(described, "spectral_entropy").max() < 0.3
    assert column(described, "spectral_flux").max() < 0.01
    assert column(described, "energy_entropy").min() > 0.99
    # A sine of amplitude a has a mean square of a^2 / 2.
    np.testing.assert_allclose(column(described, "level"), 10 * np.log10(0.5**2 / 2), atol=0.05)


def test_white_noise_is_flat() -> None:
    described = describe(noise())
    assert column(described, "spectral_centroid").mean() == pytest.approx(4.0, abs=0.1)
    assert column(described, "zero_crossing_rate").mean() == pytest.approx(0.5, abs=0.02)
    assert column(described, "spectral_rolloff_50").mean() == pytest.approx(4.0, abs=0.2)
    assert column(described, "spectral_entropy").min() > 0.85
    # Uniform from 0 to 8 kHz: the spread is 8 / sqrt(12).
    assert column(described, "spectral_spread").mean() == pytest.approx(8 / 12**0.5, abs=0.1)
    assert abs(column(described, "spectral_skewness").mean()) < 0.1


def test_click_has_no_entropy_of_energy() -> None:
    click = np.zeros(FRAME, dtype=np.float32)
    click[210] = 0.9
    assert column(describe(click), "energy_entropy")[0] < 0.01


def test_flux_is_large_where_the_sound_changes() -> None:
    described = describe(np.concatenate([sine(500, 0.32), sine(3000, 0.32)]))
    flux = column(described, "spectral_flux")
    assert flux[0] == 0
    assert 29 <= flux.argmax() <= 33
    # 2 is the distance of two spectra that share nothing.
    assert 0.5 < flux.max() <= 2.0
    assert np.median(flux) < 0.001


def test_balance_of_the_spectrum() -> None:
    low, high = describe(sine(500)), describe(sine(3000))
    for name in ("alpha_ratio", "hammarberg_index"):
        assert column(low, name).min() > 20
        assert column(high, name).max() < -20
    both = describe(sine(500, amplitude=0.1) + sine(3000, amplitude=0.01))
    np.testing.assert_allclose(column(both, "alpha_ratio"), 20.0, atol=0.5)
    np.testing.assert_allclose(column(both, "hammarberg_index"), 20.0, atol=1.5)


def test_slope_is_that_of_a_line_through_the_levels(samples: FloatArray, power: Wide) -> None:
    described = describe(samples)
    hertz = np.arange(FFT // 2 + 1) * RATE / FFT
    for name, low, high in (("slope_0_500", 0, 500), ("slope_500_1500", 500, 1500)):
        band = (hertz >= low) & (hertz < high)
        levels = 10 * np.log10(power[:, band])
        expected = np.polyfit(hertz[band] / 1000, levels.T, 1)[0]
        np.testing.assert_allclose(column(described, name), expected, rtol=0.02, atol=0.5)


@pytest.mark.parametrize(("frequency", "name"), [(440.0, "a"), (880.0, "a"), (1046.5, "c")])
def test_chroma_names_the_note(frequency: float, name: str) -> None:
    described = describe(sine(frequency))
    shares = described.spectral[:, -len(CHROMA) :]
    np.testing.assert_allclose(shares.sum(axis=1), 1.0, atol=1e-3)
    assert CHROMA[int(shares.mean(axis=0).argmax())] == name


def test_pitch_in_semitones_and_voice_quality_of_a_steady_tone() -> None:
    described = describe(tone(220, 0.6, tilt=1.5))
    inside = slice(4, -5)
    assert described.voiced[inside].all()
    # 220 Hz are three octaves above 27.5 Hz.
    np.testing.assert_allclose(voice_column(described, "pitch")[inside], 36.0, atol=0.1)
    assert voice_column(described, "jitter")[inside].max() < 0.05
    assert voice_column(described, "shimmer")[inside].max() < 0.4
    assert voice_column(described, "harmonicity")[inside].min() > 10


def test_first_harmonics_of_a_known_spectrum() -> None:
    time = np.arange(8_000) / RATE
    # The first 12 dB above the second, both on the bins of the transform.
    parts = [np.sin(2 * np.pi * 250 * time), 10 ** (-12 / 20) * np.sin(2 * np.pi * 500 * time)]
    described = describe((0.2 * np.sum(parts, axis=0)).astype(np.float32))
    inside = slice(4, -5)
    np.testing.assert_allclose(voice_column(described, "h1_h2")[inside], 12.0, atol=0.7)


def test_tremolo_is_shimmer_and_noise_lowers_harmonicity() -> None:
    steady = tone(200, 0.6, tilt=1.5)
    time = np.arange(steady.size) / RATE
    tremolo = (steady * (1 + 0.5 * np.sin(2 * np.pi * 8 * time))).astype(np.float32)
    hoarse = steady + 0.3 * noise(0.6)
    inside = slice(5, -6)
    assert (
        voice_column(describe(tremolo), "shimmer")[inside].mean()
        > 5 * voice_column(describe(steady), "shimmer")[inside].mean()
    )
    assert (
        voice_column(describe(hoarse), "harmonicity")[inside].mean()
        < voice_column(describe(steady), "harmonicity")[inside].mean() - 3
    )
