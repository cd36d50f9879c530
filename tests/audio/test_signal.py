from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serein.audio import (
    active_level,
    active_span,
    estimate_snr,
    frame_levels,
)
from serein.audio.signal import power_spectrum
from tests.audio.sounds import RATE, Array, voice


def noise(seconds: float, level: float) -> Array:
    generator = np.random.default_rng(5)
    return (level * generator.standard_normal(round(seconds * RATE))).astype(np.float32)


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100])
def test_frame_levels_are_the_definition(rate: int) -> None:
    samples = voice(0.5, rate)
    samples += np.float32(1e-4)  # without digital silence, whose level is -inf
    step = round(0.005 * rate)
    expected = [
        10 * np.log10(np.mean(np.square(samples[i : i + 5 * step], dtype=np.float64)))
        for i in range(0, len(samples) // step * step - 5 * step + 1, 2 * step)
    ]
    levels = frame_levels(samples, rate)
    assert levels.dtype == np.float64
    assert levels == pytest.approx(expected, abs=1e-3)


def test_levels_of_a_sine_and_of_silence() -> None:
    sine = np.sin(2 * np.pi * 400 * np.arange(RATE) / RATE).astype(np.float32)
    assert active_level(sine, RATE) == pytest.approx(-3.01, abs=0.01)
    assert frame_levels(sine, RATE) == pytest.approx(-3.01, abs=0.01)
    assert active_level(0 * sine, RATE) == -math.inf
    assert frame_levels(np.zeros(100, np.float32), RATE).tolist() == [-math.inf]
    assert len(frame_levels(np.zeros(0, np.float32), RATE)) == 0


@pytest.mark.parametrize("count", [0, 1, 79, 80, 400, 511, 513])
def test_the_shortest_signals(count: int) -> None:
    for samples in (np.zeros(count, np.float32), np.ones(count, np.float32)):
        assert math.isnan(estimate_snr(samples, RATE))
        assert active_span(samples, RATE) == (0, count)
        assert (power_spectrum(samples, RATE)[1] >= 0.0).all()
        assert active_level(samples, RATE) in (-math.inf, 0.0)


@given(st.floats(-60, 60))
def test_gain(decibels: float) -> None:
    samples = voice() + noise(1.0, 0.001)
    louder = samples * np.float32(10 ** (decibels / 20))
    assert active_level(louder, RATE) - active_level(samples, RATE) == pytest.approx(
        decibels, abs=1e-3
    )
    assert active_span(louder, RATE) == active_span(samples, RATE)
    assert estimate_snr(louder, RATE) == pytest.approx(estimate_snr(samples, RATE), abs=1e-2)


def test_pauses_do_not_change_the_active_level() -> None:
    pause = np.zeros(3 * RATE, np.float32)
    padded = np.concatenate([pause, voice(2.0), pause])
    assert active_level(padded, RATE) == pytest.approx(active_level(voice(2.0), RATE), abs=0.5)


def test_active_span_finds_the_sound() -> None:
    sound = noise(1.0, 0.1)
    quiet = noise(1.0, 0.0001)
    samples = np.concatenate([quiet, sound, quiet])
    start, end = active_span(samples, RATE)
    assert start / RATE == pytest.approx(0.9, abs=0.03)
    assert end / RATE == pytest.approx(2.1, abs=0.03)
    assert active_span(samples, RATE, below_peak=80.0) == (0, len(samples))
    assert active_span(samples, RATE, margin=2.0) == (0, len(samples))
    narrow = active_span(samples, RATE, margin=0.0)
    assert start < narrow[0] < narrow[1] < end


def test_snr_of_modulated_speech_in_white_noise() -> None:
    clean = voice(4.0)
    energy = float(np.mean(np.square(clean)))
    assert estimate_snr(clean + noise(4.0, 1e-5), RATE) > 40.0
    estimates = []
    for snr in (20, 10, 5, 0):
        noisy = clean + noise(4.0, math.sqrt(energy / 10 ** (snr / 10)))
        estimates.append(estimate_snr(noisy, RATE))
        # Loud and active frames lie above the average of the clip: 1 to 3 dB.
        assert estimates[-1] == pytest.approx(snr + 1.0, abs=2.5)
    assert estimates == sorted(estimates, reverse=True)
    assert estimate_snr(noise(4.0, 0.1), RATE) < -3.0


def test_digital_silence_does_not_hide_noise() -> None:
    noisy = voice(4.0) + noise(4.0, 0.05)
    padded = np.concatenate([np.zeros(2 * RATE, np.float32), noisy])
    assert estimate_snr(padded, RATE) == pytest.approx(estimate_snr(noisy, RATE), abs=1.0)


@pytest.mark.parametrize("edge", [1_000, 3_400, 7_000])
def test_power_spectrum_of_a_band(edge: int) -> None:
    spectrum = np.fft.rfft(noise(2.0, 0.1))
    spectrum[np.arange(len(spectrum)) / 2 > edge] = 0
    band = np.fft.irfft(spectrum).astype(np.float32)
    frequencies, power = power_spectrum(band, RATE)
    assert frequencies[0] == 0
    assert frequencies[-1] == RATE / 2
    below = np.cumsum(power) / power.sum()
    assert frequencies[np.searchsorted(below, 0.99)] == pytest.approx(edge, abs=70)
    assert frequencies[np.searchsorted(below, 0.5)] == pytest.approx(edge / 2, rel=0.1)
