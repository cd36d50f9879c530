"""Spectrograms, mel bands and cepstra against librosa and SciPy."""

from __future__ import annotations

from typing import Any

import librosa
import numpy as np
import numpy.typing as npt
import pytest
import scipy.fft
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from serein.features import FeatureSpec
from serein.features.spec import REFERENCE_LEVEL
from serein.features.spectral import (
    cepstrum,
    cosine_basis,
    decibels,
    deltas,
    frames,
    hann,
    mel_filterbank,
    power_spectrogram,
)
from tests.builders import speech_like

FloatArray = npt.NDArray[np.float32]

SPECS = [
    FeatureSpec(kind="log_mel"),
    FeatureSpec(kind="log_mel", centered=True),
    FeatureSpec(kind="log_mel", bands=40, low=0.0, high=8000.0, dynamic_range=60.0),
    FeatureSpec(kind="log_mel", frame_length=512, hop_length=256, bands=80, fft_length=1024),
    FeatureSpec(kind="mfcc"),
    FeatureSpec(kind="mfcc", centered=True, bands=128, coefficients=40, fft_length=2048, low=0.0),
    FeatureSpec(
        kind="log_mel",
        sampling_rate=8_000,
        frame_length=200,
        hop_length=80,
        fft_length=256,
        bands=32,
        high=3800.0,
    ),
    FeatureSpec(
        kind="mfcc",
        sampling_rate=22_050,
        frame_length=552,
        hop_length=220,
        fft_length=1024,
        bands=64,
        high=11_025.0,
        coefficients=20,
        centered=True,
    ),
    FeatureSpec(kind="log_spectrogram"),
    FeatureSpec(
        kind="log_spectrogram",
        sampling_rate=22_050,
        frame_length=441,
        hop_length=220,
        fft_length=441,
        centered=True,
    ),
]


def spec_id(spec: FeatureSpec) -> str:
    where = "centered" if spec.centered else "uncentered"
    return f"{spec.kind}-{spec.sampling_rate}-{spec.bands}-{where}"


def untrimmed(spec: FeatureSpec) -> FeatureSpec:
    return FeatureSpec.from_dict(
        {**spec.as_dict(), "trim_below_peak": 0.0, "minimum_duration": 0.0}
    )


def by_librosa(samples: npt.NDArray[np.float64], spec: FeatureSpec) -> npt.NDArray[np.float64]:
    """The same features, (frames, dimensions), by librosa in double precision."""
    if not spec.centered:
        # librosa centres a short window in its FFT frame: shift the signal so that the window
        # of frame t begins at sample t * hop_length.
        left = (spec.fft_length - spec.frame_length) // 2
        samples = np.pad(samples, (left, spec.fft_length - spec.frame_length - left))
    spectrum = librosa.stft(
        samples,
        n_fft=spec.fft_length,
        hop_length=spec.hop_length,
        win_length=spec.frame_length,
        window="hann",
        center=spec.centered,
        pad_mode="constant",
        dtype=np.complex128,
    )
    power = np.abs(spectrum) ** 2
    if spec.kind != "log_spectrogram":
        filters = librosa.filters.mel(
            sr=spec.sampling_rate,
            n_fft=spec.fft_length,
            n_mels=spec.bands,
            fmin=spec.low,
            fmax=spec.high,
            dtype=np.float64,
        )
        power = filters @ power
    levels: Any = librosa.power_to_db(power, ref=1.0, amin=1e-10, top_db=spec.dynamic_range)
    if spec.kind == "mfcc":
        levels = librosa.feature.mfcc(S=levels, n_mfcc=spec.coefficients)
    return np.asarray(levels).T


def assert_as_librosa(samples: FloatArray, spec: FeatureSpec) -> None:
    spec = untrimmed(spec)
    if spec.sampling_rate != 16_000:
        samples = librosa.resample(
            samples, orig_sr=16_000, target_sr=spec.sampling_rate, res_type="soxr_hq"
        )
    features = spec.extract(samples)
    gain = 10 ** ((REFERENCE_LEVEL - features.level) / 20)
    expected = by_librosa(samples.astype(np.float64) * gain, spec)
    assert features.values.shape == expected.shape
    np.testing.assert_allclose(features.values, expected, atol=1e-3)


@pytest.mark.parametrize("spec", SPECS, ids=spec_id)
def test_features_of_the_sample_clips_are_those_of_librosa(
    sample_clip: FloatArray, spec: FeatureSpec
) -> None:
    assert_as_librosa(sample_clip, spec)


@pytest.mark.parametrize("spec", SPECS, ids=spec_id)
def test_features_of_real_clips_are_those_of_librosa(
    real_clips: list[FloatArray], spec: FeatureSpec
) -> None:
    for clip in real_clips:
        assert_as_librosa(clip, spec)


@pytest.mark.parametrize(
    ("sampling_rate", "fft_length", "bands", "low", "high"),
    [
        (16_000, 512, 64, 60.0, 7600.0),
        (16_000, 512, 26, 50.0, 8000.0),
        (16_000, 2048, 128, 0.0, 8000.0),
        (8_000, 256, 32, 0.0, 4000.0),
        (22_050, 1024, 40, 20.0, 900.0),  # below the break of the scale alone
        (44_100, 2048, 80, 1000.0, 22_050.0),  # above it alone
    ],
)
def test_mel_filters_are_those_of_librosa(
    sampling_rate: int, fft_length: int, bands: int, low: float, high: float
) -> None:
    ours = mel_filterbank(
        sampling_rate=sampling_rate, fft_length=fft_length, bands=bands, low=low, high=high
    )
    theirs = librosa.filters.mel(
        sr=sampling_rate, n_fft=fft_length, n_mels=bands, fmin=low, fmax=high
    )
    np.testing.assert_allclose(ours, theirs.T, rtol=1e-5, atol=1e-8)


@given(bands=st.integers(1, 80), data=st.data())
@settings(max_examples=25, deadline=None)
def test_cepstrum_is_scipys_orthonormal_dct(bands: int, data: st.DataObject) -> None:
    coefficients = data.draw(st.integers(1, bands))
    levels = np.random.default_rng(bands).uniform(-80, 10, (5, bands)).astype(np.float32)
    expected = scipy.fft.dct(levels.astype(np.float64), type=2, norm="ortho", axis=1)
    np.testing.assert_allclose(
        cepstrum(levels, coefficients), expected[:, :coefficients], atol=2e-3, rtol=1e-5
    )


@given(count=st.integers(1, 30), dimensions=st.integers(1, 4), seed=st.integers(0, 100))
@settings(max_examples=25, deadline=None)
def test_deltas_are_slopes_of_lines_through_five_frames(
    count: int, dimensions: int, seed: int
) -> None:
    values = np.random.default_rng(seed).normal(0, 20, (count, dimensions)).astype(np.float32)
    found = deltas(values)
    assert found.dtype == np.float32
    assert found.shape == values.shape
    repeated = np.concatenate([values[[0, 0]], values, values[[-1, -1]]])
    for frame in range(count):
        slope = np.polyfit(np.arange(5), repeated[frame : frame + 5], 1)[0]
        np.testing.assert_allclose(found[frame], slope, atol=1e-4)


def test_whole_cosine_basis_is_orthonormal() -> None:
    basis = cosine_basis(40, 40).astype(np.float64)
    np.testing.assert_allclose(basis.T @ basis, np.eye(40), atol=1e-6)


@pytest.mark.parametrize("length", [1, 2, 199, 400])
def test_window_is_scipys_periodic_hann(length: int) -> None:
    np.testing.assert_allclose(
        hann(length), scipy.signal.get_window("hann", length) if length > 1 else [0.0], atol=1e-6
    )


def test_power_obeys_parseval() -> None:
    samples = speech_like(0.5)
    signal = frames(samples, frame_length=400, hop_length=160) * hann(400)
    power = power_spectrogram(samples, frame_length=400, hop_length=160, fft_length=512)
    both_sides = 2 * power.sum(axis=1) - power[:, 0] - power[:, -1]
    np.testing.assert_allclose(both_sides, 512 * np.square(signal).sum(axis=1), rtol=1e-4)


@given(
    size=st.integers(0, 300),
    frame_length=st.integers(1, 64),
    hop_length=st.integers(1, 64),
    centered=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_frames_lie_where_they_should(
    size: int, frame_length: int, hop_length: int, centered: bool
) -> None:
    samples = np.arange(1, size + 1, dtype=np.float32)
    found = frames(samples, frame_length=frame_length, hop_length=hop_length, centered=centered)
    before = frame_length // 2 if centered else 0
    padded = np.concatenate([np.zeros(before), samples, np.zeros(before)])
    padded = np.pad(padded, (0, max(0, frame_length - padded.size)))
    begins = range(0, padded.size - frame_length + 1, hop_length)
    expected = np.array([padded[begin : begin + frame_length] for begin in begins])
    np.testing.assert_array_equal(found, expected)


def test_decibels_have_a_floor_and_a_range() -> None:
    power = np.array([[1.0, 1e-4, 0.0]], dtype=np.float32)
    np.testing.assert_allclose(decibels(power), [[0.0, -40.0, -100.0]], atol=1e-4)
    np.testing.assert_allclose(decibels(power, dynamic_range=30.0), [[0.0, -30.0, -30.0]])


def test_shared_tables_cannot_be_changed_by_a_caller() -> None:
    tables = [
        hann(400),
        cosine_basis(40, 13),
        mel_filterbank(sampling_rate=16_000, fft_length=512, bands=40, low=0.0, high=8000.0),
    ]
    for table in tables:
        with pytest.raises(ValueError, match="read-only"):
            table[...] = 0.0
