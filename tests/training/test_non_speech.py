from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import soundfile

from serein.audio.sources import Samples
from serein.training.non_speech import LEVELS, LONGEST, SHORTEST, non_speech_sounds
from serein.training.synthetic_music import music, sine
from serein.training.synthetic_sounds import MAKERS, hum, stationary_noise, telephone_tones

RATE = 16_000


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A whistle that nothing else has, and a recording shorter than any piece."""
    folder = tmp_path_factory.mktemp("noise")
    time = np.arange(8 * RATE) / RATE
    soundfile.write(folder / "whistle.wav", 0.2 * np.sin(2 * np.pi * 7777 * time), RATE)
    short = 0.1 * np.random.default_rng(0).standard_normal(RATE // 5)
    soundfile.write(folder / "short.wav", short, RATE)
    return [folder / "whistle.wav", folder / "short.wav"]


def _drawn(count: int, seed: int = 0, **options: object) -> list[Samples]:
    return list(non_speech_sounds(count, seed=seed, sampling_rate=RATE, **options))  # type: ignore[arg-type]


def _spectrum(sound: Samples | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    power = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
    return np.fft.rfftfreq(len(sound), 1 / RATE), power


def test_sounds_are_sounds(recordings: list[Path]) -> None:
    for samples in _drawn(60, recordings=recordings):
        assert samples.dtype == np.float32
        assert SHORTEST * RATE <= len(samples) <= LONGEST * RATE
        peak = np.abs(samples).max()
        assert 10 ** (LEVELS[0] / 20) * 0.999 <= peak <= 1.0


def test_seed_decides_and_few_begin_as_many(recordings: list[Path]) -> None:
    few, many = _drawn(5, recordings=recordings), _drawn(12, recordings=recordings)
    for one, other in zip(few, many, strict=False):
        np.testing.assert_array_equal(one, other)
    others = _drawn(5, seed=1, recordings=recordings)
    assert all(one.tobytes() != other.tobytes() for one, other in zip(few, others, strict=True))
    assert len({samples.tobytes() for samples in many}) == 12


def test_recordings_are_heard_only_where_there_are_any(recordings: list[Path]) -> None:
    """The whistle is heard as it is, slower or faster: a line of 5 to 11 kHz, or folded back."""

    def loudest(samples: Samples) -> float:
        frequencies, power = _spectrum(samples)
        return float(frequencies[power.argmax()])

    with_them = np.array([loudest(one) for one in _drawn(40, recordings=recordings[:1])])
    without = np.array([loudest(one) for one in _drawn(40)])
    assert np.mean(np.abs(with_them - 7777) < 2) > 0.05
    assert not np.any(np.abs(without - 7777) < 2)


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("count", [800, RATE + 1])
def test_every_maker_gives_what_is_asked_for(name: str, count: int) -> None:
    sounds = [MAKERS[name](count, RATE, np.random.default_rng(seed)) for seed in range(10)]
    assert all(sound.shape == (count,) and np.isfinite(sound).all() for sound in sounds)
    assert sum(sound.any() for sound in sounds) >= 8  # chance may begin with a rest
    assert len({sound.tobytes() for sound in sounds}) >= 8


@pytest.mark.parametrize("rate", [8_000, 22_050, 48_000])
def test_any_sampling_rate_will_do(rate: int) -> None:
    for samples in islice(non_speech_sounds(30, seed=3, sampling_rate=rate), 30):
        assert SHORTEST * rate <= len(samples) <= LONGEST * rate
        assert np.isfinite(samples).all()


def test_quick_sine_is_a_sine() -> None:
    cycles = np.linspace(-1000.0, 50_000.0, 10_001)
    np.testing.assert_allclose(sine(cycles), np.sin(2 * np.pi * (cycles % 1.0)), atol=2e-6)


def test_music_has_pitches_of_notes_and_noise_has_none() -> None:
    """Most of the energy of music is in few bins, that of noise in none."""

    def share_of_few(sound: np.ndarray) -> float:
        power = np.sort(_spectrum(sound)[1])[::-1]
        return float(power[: len(power) // 50].sum() / power.sum())

    generators = [np.random.default_rng(seed) for seed in range(20)]
    notes = np.median([share_of_few(music(2 * RATE, RATE, one)) for one in generators])
    white = share_of_few(np.random.default_rng(0).standard_normal(2 * RATE))
    assert notes > 0.7 > 0.3 > white


def test_noise_has_many_colours() -> None:
    centres = []
    for seed in range(30):
        frequencies, power = _spectrum(stationary_noise(RATE, RATE, np.random.default_rng(seed)))
        centres.append(float((frequencies * power).sum() / power.sum()))
    assert min(centres) < 200
    assert max(centres) > 5000


def test_hum_is_at_the_mains_harmonics() -> None:
    for seed in range(8):
        frequencies, power = _spectrum(hum(2 * RATE, RATE, np.random.default_rng(seed)))
        loudest = frequencies[power.argmax()]
        off = min(abs(loudest / mains - round(loudest / mains)) for mains in (50, 60))
        assert off < 0.05


def test_telephone_tones_are_the_standard_ones() -> None:
    known = np.array([350, 425, 440, 480, 620, 697, 770, 852, 941, 1209, 1336, 1477, 1633])
    for seed in range(10):
        tones = telephone_tones(2 * RATE, RATE, np.random.default_rng(seed))
        frequencies, power = _spectrum(tones)
        assert np.abs(known - frequencies[power.argmax()]).min() < 25  # pulses widen the lines
