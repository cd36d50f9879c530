"""Prosody on sounds whose pitch, tempo and loudness are known, and what is usual of several."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serein.errors import ArgumentInvalid
from serein.explanation import Prosody
from serein.features.prosody import (
    DYNAMIC_RANGE,
    PIECE,
    ProsodyReference,
    differences,
    measure_prosody,
)
from tests.builders import speech_like, tone

RATE = 16_000
FloatArray = npt.NDArray[np.float32]


def syllables(pitch: float, tempo: float, seconds: float = 4.0, *, depth: float = 30.0) -> Any:
    """A tone that swells and fades so many times a second, by so many dB."""
    time = np.arange(round(seconds * RATE)) / RATE
    level = 0.5 * depth * (np.cos(2 * np.pi * tempo * (time - 0.5 / tempo)) - 1.0)
    return (tone(pitch, seconds, tilt=1.5) * 10 ** (level / 20)).astype(np.float32)


@pytest.mark.parametrize("pitch", [90.0, 160.0, 310.0])
@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100])
def test_tone_has_its_pitch_and_hardly_any_range(pitch: float, rate: int) -> None:
    found = measure_prosody(tone(pitch, 1.0, rate, tilt=1.5), sampling_rate=rate)
    assert found.pitch == pytest.approx(pitch, rel=0.01)
    assert found.pitch_range == pytest.approx(0.0, abs=0.3)
    assert found.voiced_share == pytest.approx(1.0, abs=0.05)
    assert found.dynamics == pytest.approx(0.0, abs=1.0)
    assert found.tempo is not None
    assert found.tempo < 1.5


def test_glide_over_an_octave_ranges_over_nine_tenths_of_it() -> None:
    time = np.arange(2 * RATE) / RATE
    phase = 2 * np.pi * np.cumsum(120.0 * 2.0 ** (time / 2.0)) / RATE
    samples = sum(np.sin(k * phase) / k**1.5 for k in range(1, 12))
    found = measure_prosody(np.asarray(0.2 * samples, np.float32), sampling_rate=RATE)
    assert found.pitch == pytest.approx(120.0 * 2**0.5, rel=0.02)
    assert found.pitch_range == pytest.approx(0.9 * 12.0, abs=0.5)


@pytest.mark.parametrize("tempo", [2.0, 4.0, 6.0])
def test_tempo_is_that_of_the_swells(tempo: float) -> None:
    found = measure_prosody(syllables(150.0, tempo), sampling_rate=RATE)
    assert found.tempo == pytest.approx(tempo, rel=0.1)


def test_dynamics_follow_the_depth_of_the_swells() -> None:
    depths = [6.0, 12.0, 18.0]
    found = [
        measure_prosody(syllables(150.0, 2.0, depth=depth), sampling_rate=RATE).dynamics
        for depth in depths
    ]
    # A cosine spends 90 % of its time within 98.8 % of its range.
    assert found == pytest.approx([0.988 * depth for depth in depths], rel=0.1)


def test_level_is_that_of_the_sound() -> None:
    found = measure_prosody(tone(440.0, level=1.0), sampling_rate=RATE)
    samples = tone(440.0, level=1.0).astype(np.float64)
    assert found.level == pytest.approx(10 * np.log10(np.mean(samples**2)), abs=0.05)


def test_half_a_voice_is_half_voiced() -> None:
    hiss = 0.05 * np.random.default_rng(0).standard_normal(RATE)
    samples = np.concatenate([tone(150.0, 1.0), hiss]).astype(np.float32)
    assert measure_prosody(samples, sampling_rate=RATE).voiced_share == pytest.approx(0.5, abs=0.06)


@given(gain=st.floats(-40.0, 6.0), seed=st.integers(0, 20))
@settings(max_examples=15, deadline=None)
def test_gain_changes_the_level_alone(gain: float, seed: int) -> None:
    samples = speech_like(1.0, seed=seed)
    one = measure_prosody(samples, sampling_rate=RATE)
    other = measure_prosody(samples * np.float32(10 ** (gain / 20)), sampling_rate=RATE)
    assert one.level is not None
    assert other.level == pytest.approx(one.level + gain, abs=0.01)
    expected = replace(one, level=other.level).as_dict()
    assert other.as_dict() == pytest.approx(expected, rel=1e-3, abs=1e-3)


def test_silence_at_the_ends_counts_for_nothing() -> None:
    samples = syllables(150.0, 4.0)
    around = np.pad(samples, 2 * RATE)
    one, other = (measure_prosody(each, sampling_rate=RATE) for each in (samples, around))
    # A tenth of a second is left on either side.
    assert other.as_dict() == pytest.approx(one.as_dict(), rel=0.07)


def test_long_recording_is_measured_like_its_parts() -> None:
    part = syllables(150.0, 4.0, PIECE)
    one = measure_prosody(part, sampling_rate=RATE)
    # With digital silence for so long that a whole piece has nothing in it.
    long = np.concatenate([part, part, part])
    found = measure_prosody(long, sampling_rate=RATE)
    assert found.as_dict() == pytest.approx(one.as_dict(), rel=0.02, abs=0.02)
    pause = np.zeros(round(PIECE * RATE), np.float32)
    paused = measure_prosody(np.concatenate([part, pause, part]), sampling_rate=RATE)
    assert paused.pitch == pytest.approx(one.pitch, rel=0.001)
    assert one.tempo is not None
    assert paused.tempo == pytest.approx(one.tempo * 2 / 3, rel=0.02)


@pytest.mark.parametrize("samples", [np.zeros(0, np.float32), np.zeros(8_000, np.float32)])
def test_nothing_has_no_prosody(samples: FloatArray) -> None:
    assert measure_prosody(samples, sampling_rate=RATE) == Prosody()


def test_noise_has_no_pitch() -> None:
    hiss = 0.1 * np.random.default_rng(1).standard_normal(RATE).astype(np.float32)
    found = measure_prosody(hiss, sampling_rate=RATE)
    assert (found.pitch, found.pitch_range, found.dynamics) == (None, None, None)
    assert found.level is not None
    assert found.voiced_share == pytest.approx(0.0, abs=0.1)


@pytest.mark.parametrize("rate", [1_000, 2_000, 48_000])
@pytest.mark.parametrize("count", [1, 5, 40, 3_000])
def test_any_rate_and_length_can_be_measured(rate: int, count: int) -> None:
    samples = np.random.default_rng(count).standard_normal(count).astype(np.float32)
    found = measure_prosody(samples, sampling_rate=rate)
    assert found.level is not None
    assert all(value is None or np.isfinite(value) for value in found.as_dict().values())


def test_floor_lies_far_below_speech() -> None:
    assert DYNAMIC_RANGE > 60.0


# --- differences and what is usual ------------------------------------------------------------


def test_differences_are_in_units_that_are_heard() -> None:
    usual = Prosody(100.0, 6.0, -30.0, 20.0, 4.0, 0.5)
    found = differences(Prosody(200.0, 9.0, -24.0, 18.0, 5.0, 0.6), usual)
    assert found == pytest.approx(
        {
            "pitch": 12.0,
            "pitch_range": 3.0,
            "level": 6.0,
            "dynamics": -2.0,
            "tempo": 25.0,
            "voiced_share": 10.0,
        }
    )
    assert set(differences(usual, usual).values()) == {0.0}
    assert differences(Prosody(pitch=100.0), Prosody(level=-30.0)) == {}
    assert differences(usual, replace(usual, tempo=0.0)).keys() == found.keys() - {"tempo"}


def test_usual_is_the_median_and_spread_a_deviation() -> None:
    generator = np.random.default_rng(0)
    pitch = 200.0 * 2 ** (generator.normal(0.0, 3.0, 2000) / 12.0)
    tempo = 4.0 * (1 + generator.normal(0.0, 0.2, 2000))
    clips = [Prosody(pitch=float(a), tempo=float(b)) for a, b in zip(pitch, tempo, strict=True)]
    found = ProsodyReference.of(clips)
    assert found.clips == 2000
    assert found.usual.pitch == pytest.approx(200.0, rel=0.02)
    assert found.usual.level is None
    assert found.spread == pytest.approx({"pitch": 3.0, "tempo": 20.0}, rel=0.08)


def test_one_clip_is_usual_without_spread() -> None:
    one = measure_prosody(speech_like(1.0), sampling_rate=RATE)
    found = ProsodyReference.of([one])
    assert found.usual.as_dict() == pytest.approx(one.as_dict(), abs=1e-4)
    assert set(found.spread.values()) == {0.0}
    with pytest.raises(ArgumentInvalid, match="at least one"):
        ProsodyReference.of([])


def test_order_of_the_clips_does_not_matter() -> None:
    clips = [measure_prosody(speech_like(1.0, seed=seed), sampling_rate=RATE) for seed in range(5)]
    assert ProsodyReference.of(clips) == ProsodyReference.of(clips[::-1])


def test_reference_survives_json() -> None:
    clips = [measure_prosody(speech_like(1.0, seed=seed), sampling_rate=RATE) for seed in range(3)]
    for reference in (
        ProsodyReference.of(clips),
        ProsodyReference.of([replace(clip, level=None) for clip in clips]),
        ProsodyReference.of([Prosody()]),
    ):
        text = json.dumps(reference.as_dict(), allow_nan=False)
        assert ProsodyReference.from_dict(json.loads(text)) == reference


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"clips": 0}, "at least one clip"),
        ({"clips": "3"}, "at least one clip"),
        ({"usual": {"pitch": 0.0}}, "above 0 Hz"),
        ({"usual": {"pitch": -100.0}}, "from 0 on"),
        ({"usual": {"pitch": float("nan")}}, "finite"),
        ({"usual": {"level": float("-inf")}}, "level"),
        ({"usual": {"height": 1.0}}, "unknown key height"),
        ({"usual": {"pitch": "high"}}, "a number"),
        ({"spread": {"pitch": -1.0}}, "from 0 on"),
        ({"spread": {"pitch": "wide"}}, "in finite numbers"),
        ({"spread": {"height": 1.0}}, "knows no height"),
        ({"spread": 5}, "clips, usual and spread"),
    ],
)
def test_damaged_reference_is_refused(change: dict[str, Any], told: str) -> None:
    whole = ProsodyReference.of([Prosody(pitch=100.0)]).as_dict()
    with pytest.raises(ArgumentInvalid, match=told):
        ProsodyReference.from_dict(whole | change)
    for missing in whole:
        part = {key: value for key, value in whole.items() if key != missing}
        with pytest.raises(ArgumentInvalid, match=missing):
            ProsodyReference.from_dict(part)
