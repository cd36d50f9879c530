"""Pitch on sounds whose pitch is known, and against librosa's probabilistic YIN."""

from __future__ import annotations

import librosa
import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from serein.features.pitch import Pitch, track_pitch
from tests.builders import tone
from tests.features.conftest import SAMPLE_CLIPS

FloatArray = npt.NDArray[np.float32]


def track(samples: FloatArray, sampling_rate: int = 16_000) -> Pitch:
    """The pitch in every 10 ms."""
    hop, frame = sampling_rate // 100, sampling_rate // 40
    count = 1 + (samples.size - frame) // hop
    return track_pitch(samples, sampling_rate=sampling_rate, hop_length=hop, count=count)


@pytest.mark.parametrize("frequency", [70, 95, 123.4, 150, 200, 261.6, 333, 440, 500])
@pytest.mark.parametrize("sampling_rate", [8_000, 16_000, 44_100])
def test_pitch_of_a_harmonic_tone_is_found_within_one_percent(
    frequency: float, sampling_rate: int
) -> None:
    pitch = track(tone(frequency, 0.6, sampling_rate, tilt=1.5), sampling_rate)
    inside = slice(3, -4)  # a frame of 50 ms hangs over the ends of the sound
    assert pitch.voiced[inside].all()
    np.testing.assert_allclose(pitch.frequency[inside], frequency, rtol=0.01)
    assert pitch.strength[inside].min() > 0.9


@pytest.mark.parametrize("frequency", [290.0, 340.1, 413.1, 470.0, 498.5])
def test_pitch_of_a_bright_high_tone_is_not_an_octave_too_low(frequency: float) -> None:
    pitch = track(tone(frequency, 0.6, tilt=1.0))
    np.testing.assert_allclose(pitch.frequency[3:-4], frequency, rtol=0.01)


def test_pitch_follows_a_glide() -> None:
    rate, seconds = 16_000, 1.5
    time = np.arange(int(rate * seconds)) / rate
    frequency = 100.0 * 3.0 ** (time / seconds)  # 100 to 300 Hz
    phase = 2 * np.pi * np.cumsum(frequency) / rate
    samples = np.sum([np.sin(k * phase) / k for k in range(1, 15)], axis=0).astype(np.float32)
    pitch = track(0.2 * samples)
    centres = np.arange(len(pitch.frequency)) * 160 + 200
    error = np.abs(pitch.frequency / frequency[centres] - 1)[3:-4]
    assert pitch.voiced[3:-4].all()
    assert error.max() < 0.01


def test_octave_is_not_lost_where_the_fundamental_is_missing() -> None:
    time = np.arange(16_000) / 16_000
    samples = np.sum([np.sin(2 * np.pi * 120 * k * time) for k in range(2, 9)], axis=0)
    pitch = track((0.1 * samples).astype(np.float32))
    assert np.median(pitch.frequency) == pytest.approx(120, rel=0.01)


def test_noise_is_unvoiced() -> None:
    noise = 0.1 * np.random.default_rng(3).standard_normal(32_000)
    assert track(noise.astype(np.float32)).voiced.mean() < 0.05


def test_voice_is_told_from_noise_and_silence_around_it() -> None:
    noise = (0.05 * np.random.default_rng(4).standard_normal(8_000)).astype(np.float32)
    voice, silence = tone(180, 0.5), np.zeros(8_000, dtype=np.float32)
    pitch = track(np.concatenate([noise, voice, silence]))
    assert pitch.voiced[:45].mean() < 0.1
    assert pitch.voiced[55:95].all()
    assert not pitch.voiced[105:].any()
    assert (pitch.frequency[~pitch.voiced] == 0).all()


@pytest.mark.parametrize("samples", [np.zeros(8_000), np.ones(8_000), np.zeros(0), np.ones(7)])
def test_what_has_no_pitch_has_none(samples: npt.NDArray[np.float64]) -> None:
    pitch = track_pitch(samples.astype(np.float32), sampling_rate=16_000, hop_length=160, count=12)
    assert pitch.frequency.shape == pitch.strength.shape == pitch.voiced.shape == (12,)
    assert np.isfinite(pitch.strength).all()
    assert not pitch.voiced[: max(0, samples.size // 160 - 4)].any()


def test_pitch_does_not_depend_on_the_gain() -> None:
    samples = tone(170, 0.5)
    loud, quiet = track(samples), track(samples * np.float32(0.01))
    np.testing.assert_array_equal(loud.voiced, quiet.voiced)
    np.testing.assert_allclose(loud.frequency, quiet.frequency, rtol=1e-4)


@pytest.mark.parametrize("path", SAMPLE_CLIPS[:3], ids=lambda path: str(path.stem))
def test_pitch_of_speech_is_that_of_librosas_pyin(path: str) -> None:
    samples, _ = soundfile.read(path, dtype="float32")
    pitch = track(samples)
    # librosa's frame t is centred on t * hop, ours on 12.5 ms later.
    theirs, their_voiced, _ = librosa.pyin(
        samples[200:], fmin=60, fmax=600, sr=16_000, frame_length=1024, hop_length=160
    )
    count = min(len(theirs), len(pitch.voiced))
    both = pitch.voiced[:count] & their_voiced[:count]
    assert both.sum() > 30
    semitones = 12 * np.log2(pitch.frequency[:count][both] / theirs[:count][both])
    assert np.median(np.abs(semitones)) < 1.0
    assert np.mean(np.abs(semitones) < 1.0) > 0.85
    assert np.mean(pitch.voiced[:count] == their_voiced[:count]) > 0.7
