"""The specification: read strictly, and the same features whatever the gain and however often."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import savgol_filter

from serein.audio import active_level
from serein.errors import ArgumentInvalid
from serein.features import KINDS, FeatureSpec
from serein.features.frame_features import FRAME_FEATURES, frame_features
from serein.features.functionals import functional_names, functionals
from serein.features.shortterm import short_term
from serein.features.spec import REFERENCE_LEVEL, ROWS
from serein.features.spectral import cepstrum, decibels, mel_filterbank, power_spectrogram
from tests.builders import speech_like

FloatArray = npt.NDArray[np.float32]

# openSMILE is an extra of its own licence, which few have.
HERE = tuple(kind for kind in KINDS if kind != "opensmile" or find_spec("opensmile"))
OVER_TIME = tuple(kind for kind in KINDS if kind not in ROWS)
SPECS = {kind: FeatureSpec(kind=kind) for kind in HERE}
FINISHED = {
    "deltas": FeatureSpec(kind="mfcc", deltas=2),
    "standardized": FeatureSpec(kind="log_spectrogram", skip=0.2, standardized=True, frames=40),
    "all": FeatureSpec(kind="log_mel", deltas=1, standardized=True, frames=40, masked=True),
}
EVERY = SPECS | FINISHED


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
@pytest.mark.parametrize("name", EVERY)
def test_features_of_any_sound_are_finite(name: str, samples: FloatArray) -> None:
    spec = EVERY[name]
    features = spec.extract(samples)
    assert features.values.dtype == np.float32
    assert features.values.ndim == 2
    assert features.values.shape[1] == spec.dimensions
    assert np.isfinite(features.values).all()
    assert -100.0 <= features.level <= 10.0
    assert 0.0 <= features.duration <= samples.size / 16_000


@pytest.mark.parametrize("name", EVERY)
def test_features_are_the_same_twice_to_the_bit(name: str) -> None:
    for samples in (speech_like(1.0, seed=1), np.zeros(8_000, dtype=np.float32)):
        first, second = EVERY[name].extract(samples), EVERY[name].extract(samples.copy())
        np.testing.assert_array_equal(first.values, second.values)
        assert (first.level, first.duration) == (second.level, second.duration)


@pytest.mark.parametrize("kind", HERE)
def test_the_samples_are_left_as_they_are(kind: str) -> None:
    samples = speech_like(0.3, seed=1)
    kept = samples.copy()
    SPECS[kind].extract(samples)
    np.testing.assert_array_equal(samples, kept)


# openSMILE counts and picks peaks, so a rounding can move one; test_opensmile.py has exact gains.
@pytest.mark.parametrize("name", [name for name in EVERY if name != "opensmile"])
@given(gain=st.floats(-50.0, 10.0), seed=st.integers(0, 20))
@settings(max_examples=10, deadline=None)
def test_features_do_not_depend_on_the_gain(name: str, gain: float, seed: int) -> None:
    samples = speech_like(1.0, seed=seed)
    louder = samples * np.float32(10 ** (gain / 20))
    before, after = EVERY[name].extract(samples), EVERY[name].extract(louder)
    assert before.values.shape == after.values.shape
    np.testing.assert_allclose(after.values, before.values, atol=5e-3, rtol=1e-3)
    assert after.level - before.level == pytest.approx(gain, abs=1e-3)
    assert after.duration == before.duration


def described(kind: str, samples: FloatArray) -> FloatArray:
    """Features of samples as they are, by the functions that the specification stands for."""
    if kind == "functionals":
        parts = short_term(
            samples, sampling_rate=16_000, frame_length=400, hop_length=160, fft_length=512
        )
        return functionals(parts, hop=0.01)[None, :]
    if kind == "short_term":
        return frame_features(samples, sampling_rate=16_000, frame_length=400, hop_length=160)
    power = power_spectrogram(samples, frame_length=400, hop_length=160, fft_length=512)
    if kind == "log_spectrogram":
        return decibels(power, dynamic_range=80.0)
    filters = mel_filterbank(sampling_rate=16_000, fft_length=512, bands=64, low=60.0, high=7600.0)
    levels = decibels(power @ filters, dynamic_range=80.0)
    return cepstrum(levels, 13) if kind == "mfcc" else levels


@pytest.mark.parametrize("gain", [-15.0, 8.0])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "opensmile"])
def test_level_put_back_gives_the_features_of_the_clip_at_that_level(
    kind: str, gain: float
) -> None:
    """``values + gain * gain_response`` are the features as they are without levelling."""
    spec = FeatureSpec(kind=kind, trim_below_peak=0.0)
    samples = noise_floor(speech_like(1.2, seed=6))
    features = spec.extract(samples)
    wanted = REFERENCE_LEVEL + gain
    at_level = samples * np.float32(10 ** ((wanted - features.level) / 20))
    assert active_level(at_level, 16_000) == pytest.approx(wanted, abs=1e-3)
    found = features.values + np.float32(gain) * spec.gain_response
    np.testing.assert_allclose(found, described(kind, at_level), atol=0.02)


@pytest.mark.parametrize("kind", ["log_mel", "mfcc", "log_spectrogram"])
def test_a_level_moves_neither_change_nor_what_is_standardised(kind: str) -> None:
    plain = FeatureSpec(kind=kind)
    response = FeatureSpec(kind=kind, deltas=2).gain_response
    np.testing.assert_array_equal(response[: plain.dimensions], plain.gain_response)
    assert response.shape == (3 * plain.dimensions,)
    assert not response[plain.dimensions :].any()
    assert not FeatureSpec(kind=kind, standardized=True).gain_response.any()


@pytest.mark.parametrize("kind", OVER_TIME)
def test_longer_clips_are_cut_and_shorter_ones_left(kind: str) -> None:
    spec, samples = FeatureSpec(kind=kind), speech_like(1.0, seed=3)
    whole = spec.extract(samples).values
    assert len(whole) > 40
    for masked in (False, True):
        cut = replace(spec, frames=40, masked=masked).extract(samples).values
        np.testing.assert_array_equal(cut, whole[:40])
        longer = replace(spec, frames=len(whole) + 7, masked=masked).extract(samples).values
        np.testing.assert_array_equal(longer, whole)


def test_a_fixed_length_is_filled_up_with_zeros() -> None:
    clip = np.random.default_rng(0).normal(size=(2, 5, 13)).astype(np.float32)
    spec = FeatureSpec(kind="mfcc", frames=8)
    assert spec.padded_frames == 8
    padded = spec.pad(clip)
    np.testing.assert_array_equal(padded[:, :5], clip)
    assert padded.shape == (2, 8, 13)
    assert not padded[:, 5:].any()
    np.testing.assert_array_equal(spec.pad(clip[0]), padded[0])
    np.testing.assert_array_equal(spec.pad(padded), padded)
    # Where the model is told of padding, or any length will do, nothing is filled up.
    for other in (replace(spec, masked=True), FeatureSpec(kind="mfcc")):
        assert other.padded_frames == 0
        np.testing.assert_array_equal(other.pad(clip), clip)


def test_the_beginning_is_skipped() -> None:
    plain = FeatureSpec(kind="log_mel", trim_below_peak=0.0)
    skipping = replace(plain, skip=0.2)
    samples = speech_like(1.0, seed=4)
    expected = plain.extract(samples[3_200:])
    found = skipping.extract(samples)
    np.testing.assert_array_equal(found.values, expected.values)
    assert found.level == expected.level
    assert found.duration == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("seconds", "skipped"), [(0.0, 0.0), (0.3, 0.0), (0.5, 0.0), (0.6, 0.1), (0.7, 0.2), (2, 0.2)]
)
def test_what_is_skipped_leaves_the_least_duration(seconds: float, skipped: float) -> None:
    spec = FeatureSpec(kind="log_mel", trim_below_peak=0.0, skip=0.2, minimum_duration=0.5)
    samples = speech_like(2.0, seed=4)[: round(seconds * 16_000)]
    assert spec.extract(samples).duration == pytest.approx(seconds - skipped)


@pytest.mark.parametrize("orders", [1, 2])
@pytest.mark.parametrize("kind", OVER_TIME)
def test_deltas_stand_beside_the_features(kind: str, orders: int) -> None:
    spec, samples = FeatureSpec(kind=kind), speech_like(1.0, seed=5)
    plain = spec.extract(samples).values[:30]
    with_deltas = replace(spec, deltas=orders, frames=30)
    found = with_deltas.extract(samples).values
    assert found.shape == (30, with_deltas.dimensions) == (30, (1 + orders) * spec.dimensions)
    expected = [plain.astype(np.float64)]
    for _ in range(orders):  # of the frames that are left, so that nothing is told of others
        # A straight line through five points is a filter of Savitzky and Golay.
        expected.append(savgol_filter(expected[-1], 5, 1, deriv=1, axis=0, mode="nearest"))
    np.testing.assert_allclose(found, np.concatenate(expected, axis=1), atol=2e-3, rtol=1e-5)


@pytest.mark.parametrize("kind", OVER_TIME)
def test_standardised_features_have_zero_mean_and_unit_variance(kind: str) -> None:
    spec = FeatureSpec(kind=kind, deltas=1, frames=50)
    samples = noise_floor(speech_like(1.0, seed=6))
    plain = spec.extract(samples).values.astype(np.float64)
    found = replace(spec, standardized=True).extract(samples).values.astype(np.float64)
    np.testing.assert_allclose(found.mean(axis=0), 0.0, atol=1e-5)
    varies = np.ptp(plain, axis=0) > 0
    np.testing.assert_allclose(found.std(axis=0), varies, atol=1e-4)
    expected = (plain - plain.mean(axis=0))[:, varies] / plain.std(axis=0)[varies]
    np.testing.assert_allclose(found[:, varies], expected, atol=1e-3)


@pytest.mark.parametrize("seed", range(4))
def test_what_is_constant_in_a_clip_is_standardised_to_zero(seed: int) -> None:
    """Bands above a telephone's lie on the floor in all frames; rounding must not tell of them."""
    generator = np.random.default_rng(seed)
    narrow = np.fft.rfft(speech_like(3.0, seed=seed) * generator.uniform(0.5, 1.0))
    narrow[len(narrow) // 2 :] = 0
    samples = np.fft.irfft(narrow).astype(np.float32)
    spec = FeatureSpec(kind="log_mel", trim_below_peak=0.0, dynamic_range=50.0)
    plain = spec.extract(samples).values
    constant = np.ptp(plain, axis=0) == 0
    assert constant.sum() > 10
    found = replace(spec, standardized=True).extract(samples).values
    assert np.abs(found[:, constant]).max() < 1e-3
    assert found[:, ~constant].std() > 0.5


@pytest.mark.parametrize("kind", ["log_mel", "mfcc"])
@pytest.mark.parametrize("seconds", [0.0, 0.01, 0.2, 0.499])
def test_short_clips_are_padded_to_the_minimum(kind: str, seconds: float) -> None:
    spec = FeatureSpec(kind=kind, trim_below_peak=0.0)
    samples = speech_like(1.0, seed=1)[: round(seconds * 16_000)]
    frames = 1 + (8_000 - 400) // 160
    assert spec.extract(samples).values.shape == (frames, spec.dimensions)


def test_padding_is_silence_after_the_sound() -> None:
    spec = FeatureSpec(kind="log_mel", trim_below_peak=0.0)
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
    kept = FeatureSpec(kind="log_mel", trim_below_peak=0.0)
    whole = kept.extract(np.concatenate([silence, sound, silence]))
    assert whole.duration == pytest.approx(1.0 + 2 * seconds)
    assert len(whole.values) == 1 + (sound.size + 2 * silence.size - 400) // 160


@pytest.mark.parametrize("skip", [0.0, 0.7])
@pytest.mark.parametrize("trimmed", [0.0, 40.0])
def test_span_is_what_the_features_are_of(skip: float, trimmed: float) -> None:
    spec = FeatureSpec(kind="log_mel", skip=skip, trim_below_peak=trimmed)
    samples = np.pad(speech_like(1.0, seed=2), (12_000, 20_000))
    begin, end = spec.span(samples)
    assert begin >= 16_000 * skip
    assert (end - begin) / 16_000 == spec.extract(samples).duration
    plain = replace(spec, skip=0.0, trim_below_peak=0.0)
    expected = plain.extract(samples[begin:end])
    np.testing.assert_array_equal(spec.extract(samples).values, expected.values)


def test_digital_silence_has_the_level_of_the_floor() -> None:
    features = SPECS["log_mel"].extract(np.zeros(16_000, dtype=np.float32))
    assert features.level == -100.0
    assert features.duration == 1.0
    np.testing.assert_allclose(features.values, -100.0, atol=1e-4)


@given(
    kind=st.sampled_from(KINDS),
    common=st.fixed_dictionaries(
        {
            "bands": st.integers(13, 128),
            "low": st.floats(0.0, 500.0),
            "trim_below_peak": st.just(0.0) | st.floats(10.0, 60.0),
            "centered": st.booleans(),
            "skip": st.floats(0.0, 2.0),
        }
    ),
    over_time=st.fixed_dictionaries(
        {
            "deltas": st.integers(0, 2),
            "standardized": st.booleans(),
            "frames": st.integers(0, 2_000),
            "masked": st.booleans(),
        }
    ),
)
@settings(max_examples=30, deadline=None)
def test_a_specification_survives_the_manifest(
    kind: str, common: dict[str, Any], over_time: dict[str, Any]
) -> None:
    spec = FeatureSpec(kind=kind, **common, **(over_time if kind in OVER_TIME else {}))
    plain = json.loads(json.dumps(spec.as_dict()))
    assert FeatureSpec.from_dict(plain) == spec


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
        ({"trim_below_peak": None}, "trim_below_peak"),
        ({"skip": -0.1}, "skip"),
        ({"skip": 60.1}, "skip"),
        ({"skip": math.nan}, "skip"),
        ({"deltas": -1}, "deltas must lie between 0 and 2"),
        ({"deltas": 3}, "deltas must lie between 0 and 2"),
        ({"deltas": True}, "deltas"),
        ({"standardized": 1}, "standardized"),
        ({"frames": -1}, "frames"),
        ({"frames": 100_001}, "frames"),
        ({"frames": 2.5}, "frames"),
        ({"masked": "yes"}, "masked"),
        ({"kind": "functionals", "deltas": 1}, "for features over time"),
        ({"kind": "functionals", "standardized": True}, "for features over time"),
        ({"kind": "functionals", "frames": 100}, "for features over time"),
        ({"kind": "opensmile", "masked": True}, "for features over time"),
        ({"kind": "short_term", "frame_length": 19}, "frame_length of at least 20"),
        *(
            ({"kind": kind, "sampling_rate": 4_000, "high": 2000.0}, "sampling_rate")
            for kind in ("functionals", "short_term", "opensmile")
        ),
        ({"kind": "functionals", "frame_length": 159}, "10 ms"),
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
    assert FeatureSpec(kind="short_term").dimensions == len(FRAME_FEATURES) == 36
    assert FeatureSpec(kind="log_spectrogram", fft_length=441).dimensions == 221
    assert FeatureSpec(kind="opensmile").dimensions == 6373
    assert FeatureSpec(kind="mfcc", coefficients=20, deltas=2).dimensions == 60
    assert FeatureSpec(kind="log_mel", hop_length=80).hop == 0.005
