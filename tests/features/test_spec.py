"""The specification: read strictly, and the same features whatever the gain and however often."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serein.audio import active_level
from serein.errors import ArgumentInvalid
from serein.features import KINDS, FeatureSpec
from serein.features.functionals import functional_names, functionals
from serein.features.shortterm import short_term
from serein.features.spec import REFERENCE_LEVEL
from serein.features.spectral import cepstrum, decibels, mel_filterbank, power_spectrogram
from tests.builders import speech_like

FloatArray = npt.NDArray[np.float32]

SPECS = {kind: FeatureSpec(kind=kind) for kind in KINDS}


def noise_floor(samples: FloatArray) -> FloatArray:
    """Add noise 60 dB below, so that no descriptor reaches an absolute floor."""
    hiss = 3e-4 * np.random.default_rng(9).standard_normal(samples.size)
    return (samples + hiss).astype(np.float32)


@st.composite
def difficult_sounds(draw: st.DrawFn) -> FloatArray:
    """Silence, direct current, clicks, noise and voices, from nothing to a second, at any level."""
    size = draw(st.sampled_from([0, 1, 2, 79, 160, 400, 401, 3_000, 16_000]))
    level = 10.0 ** draw(st.integers(-6, 0))
    what = draw(st.sampled_from(["silence", "direct", "click", "noise", "voice", "square"]))
    samples = np.zeros(size)
    if what == "direct":
        samples += level
    elif what == "click" and size:
        samples[draw(st.integers(0, size - 1))] = level
    elif what == "noise":
        samples = level * np.random.default_rng(size).standard_normal(size)
    elif what == "voice":
        samples = speech_like(size / 16_000, seed=size, level=level).astype(np.float64)
    elif what == "square":
        samples = level * np.sign(np.sin(np.arange(size) * 0.09))
    return samples.astype(np.float32)


@given(samples=difficult_sounds())
@settings(max_examples=40, deadline=None)
@pytest.mark.parametrize("kind", KINDS)
def test_features_of_any_sound_are_finite(kind: str, samples: FloatArray) -> None:
    spec = SPECS[kind]
    features = spec.extract(samples)
    assert features.values.dtype == np.float32
    assert features.values.ndim == 2
    assert features.values.shape[1] == spec.dimensions
    assert np.isfinite(features.values).all()
    assert -100.0 <= features.level <= 10.0
    assert 0.0 <= features.duration <= samples.size / 16_000


@pytest.mark.parametrize("kind", KINDS)
def test_features_are_the_same_twice_to_the_bit(kind: str) -> None:
    for samples in (speech_like(1.0, seed=1), np.zeros(8_000, dtype=np.float32)):
        first, second = SPECS[kind].extract(samples), SPECS[kind].extract(samples.copy())
        np.testing.assert_array_equal(first.values, second.values)
        assert (first.level, first.duration) == (second.level, second.duration)


@pytest.mark.parametrize("kind", KINDS)
def test_the_samples_are_left_as_they_are(kind: str) -> None:
    samples = speech_like(0.3, seed=1)
    kept = samples.copy()
    SPECS[kind].extract(samples)
    np.testing.assert_array_equal(samples, kept)


@pytest.mark.parametrize("kind", KINDS)
@given(gain=st.floats(-50.0, 10.0), seed=st.integers(0, 20))
@settings(max_examples=10, deadline=None)
def test_features_do_not_depend_on_the_gain(kind: str, gain: float, seed: int) -> None:
    samples = speech_like(1.0, seed=seed)
    louder = samples * np.float32(10 ** (gain / 20))
    before, after = SPECS[kind].extract(samples), SPECS[kind].extract(louder)
    assert before.values.shape == after.values.shape
    np.testing.assert_allclose(after.values, before.values, atol=5e-3, rtol=1e-3)
    assert after.level - before.level == pytest.approx(gain, abs=1e-3)
    assert after.duration == before.duration


@pytest.mark.parametrize("gain", [-15.0, 8.0])
@pytest.mark.parametrize("kind", KINDS)
def test_level_put_back_gives_the_features_of_the_clip_at_that_level(
    kind: str, gain: float
) -> None:
    """``values + gain * gain_response`` are the features as they are without levelling."""
    spec = FeatureSpec(kind=kind, trim_below_peak=None)
    samples = noise_floor(speech_like(1.2, seed=6))
    features = spec.extract(samples)
    wanted = REFERENCE_LEVEL + gain
    at_level = samples * np.float32(10 ** ((wanted - features.level) / 20))
    assert active_level(at_level, 16_000) == pytest.approx(wanted, abs=1e-3)
    if kind == "functionals":
        described = short_term(
            at_level, sampling_rate=16_000, frame_length=400, hop_length=160, fft_length=512
        )
        expected = functionals(described, hop=0.01)[None, :]
    else:
        power = power_spectrogram(at_level, frame_length=400, hop_length=160, fft_length=512)
        filters = mel_filterbank(
            sampling_rate=16_000, fft_length=512, bands=64, low=60.0, high=7600.0
        )
        expected = decibels(power @ filters, dynamic_range=80.0)
        if kind == "mfcc":
            expected = cepstrum(expected, 13)
    found = features.values + np.float32(gain) * spec.gain_response
    np.testing.assert_allclose(found, expected, atol=0.02)


@pytest.mark.parametrize("kind", ["log_mel", "mfcc"])
@pytest.mark.parametrize("seconds", [0.0, 0.01, 0.2, 0.499])
def test_short_clips_are_padded_to_the_minimum(kind: str, seconds: float) -> None:
    spec = FeatureSpec(kind=kind, trim_below_peak=None)
    samples = speech_like(1.0, seed=1)[: round(seconds * 16_000)]
    frames = 1 + (8_000 - 400) // 160
    assert spec.extract(samples).values.shape == (frames, spec.dimensions)


def test_padding_is_silence_after_the_sound() -> None:
    spec = FeatureSpec(kind="log_mel", trim_below_peak=None)
    values = spec.extract(speech_like(0.25, seed=1)).values
    silent = 4_000 // 160 + 1  # the first frame that begins after the sound
    assert (values[silent:] == values.min()).all()
    assert values[: silent - 4].max() > values.min() + 60


@pytest.mark.parametrize("seconds", [0.3, 0.75])
def test_silence_at_the_ends_is_trimmed_and_the_rest_measured(seconds: float) -> None:
    spec, sound = FeatureSpec(kind="log_mel"), speech_like(1.0, seed=2)
    silence = np.zeros(round(seconds * 16_000), dtype=np.float32)
    features = spec.extract(np.concatenate([silence, sound, silence]))
    # 0.1 s are kept on both sides; frames of the search are 10 ms apart.
    assert features.duration == pytest.approx(1.2, abs=0.06)
    assert len(features.values) * spec.hop == pytest.approx(1.2, abs=0.06)
    kept = FeatureSpec(kind="log_mel", trim_below_peak=None)
    whole = kept.extract(np.concatenate([silence, sound, silence]))
    assert whole.duration == pytest.approx(1.0 + 2 * seconds)
    assert len(whole.values) == 1 + (sound.size + 2 * silence.size - 400) // 160


def test_digital_silence_has_the_level_of_the_floor() -> None:
    features = SPECS["log_mel"].extract(np.zeros(16_000, dtype=np.float32))
    assert features.level == -100.0
    assert features.duration == 1.0
    np.testing.assert_allclose(features.values, -100.0, atol=1e-4)


@given(
    kind=st.sampled_from(KINDS),
    bands=st.integers(13, 128),
    low=st.floats(0.0, 500.0),
    trim=st.none() | st.floats(10.0, 60.0),
    centered=st.booleans(),
)
@settings(max_examples=30, deadline=None)
def test_a_specification_survives_the_manifest(
    kind: str, bands: int, low: float, trim: float | None, centered: bool
) -> None:
    spec = FeatureSpec(kind=kind, bands=bands, low=low, trim_below_peak=trim, centered=centered)
    assert FeatureSpec.from_dict(spec.as_dict()) == spec


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"kind": "wavelets"}, "wavelets"),
        ({"kind": 3}, "kind"),
        ({"colour": "red"}, "colour"),
        ({"bands": "many"}, "bands"),
        ({"bands": 40.5}, "bands"),
        ({"bands": True}, "bands"),
        ({"bands": 0}, "coefficients"),
        ({"centered": 1}, "centered"),
        ({"hop_length": 0}, "hop_length"),
        ({"frame_length": 513}, "frame_length"),
        ({"frame_length": 0}, "frame_length"),
        ({"low": -1.0}, "low"),
        ({"low": 7600.0}, "low"),
        ({"high": 8001.0}, "high"),
        ({"low": math.nan}, "low"),
        ({"sampling_rate": 0}, "sampling_rate"),
        ({"coefficients": 65}, "coefficients"),
        ({"coefficients": 0}, "coefficients"),
        ({"version": 2}, "version"),
        ({"dynamic_range": -1.0}, "dynamic_range"),
        ({"dynamic_range": math.nan}, "dynamic_range"),
        ({"trim_below_peak": -3.0}, "trim_below_peak"),
        ({"trim_below_peak": "no"}, "trim_below_peak"),
        ({"minimum_duration": -1.0}, "minimum_duration"),
        ({"minimum_duration": math.inf}, "minimum_duration"),
        ({"minimum_duration": math.nan}, "minimum_duration"),
        ({"kind": "functionals", "sampling_rate": 4_000, "high": 2000.0}, "sampling_rate"),
    ],
)
def test_impossible_specifications_are_refused(change: dict[str, Any], named: str) -> None:
    values = {**FeatureSpec(kind="log_mel").as_dict(), **change}
    with pytest.raises(ArgumentInvalid, match=named):
        FeatureSpec.from_dict(values)


def test_kind_must_be_given() -> None:
    with pytest.raises(ArgumentInvalid, match="kind"):
        FeatureSpec.from_dict({})


def test_a_whole_number_stands_for_a_float() -> None:
    assert FeatureSpec.from_dict({"kind": "log_mel", "low": 50}).low == 50.0


def test_dimensions_are_those_of_the_kind() -> None:
    assert FeatureSpec(kind="log_mel", bands=40).dimensions == 40
    assert FeatureSpec(kind="mfcc", coefficients=20).dimensions == 20
    assert FeatureSpec(kind="functionals").dimensions == len(functional_names())
    assert FeatureSpec(kind="log_mel", hop_length=80).hop == 0.005
