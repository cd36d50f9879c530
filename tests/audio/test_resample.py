"""Resampling a sound that comes in chunks."""

from __future__ import annotations

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from serein.audio.resample import Resampler, resample_blocks
from tests.audio.sounds import Array, voice

RATES = st.sampled_from([8_000, 16_000, 22_050, 44_100, 48_000, 192_000])
SIZES = st.lists(st.integers(0, 40_000), max_size=8)


def cut(samples: Array, sizes: list[int]) -> list[Array]:
    """The samples in chunks of these sizes, and the rest."""
    edges = np.minimum(np.cumsum(sizes), len(samples))
    return np.split(samples, edges.astype(int))


def pushed(chunks: list[Array], original: int, wanted: int) -> Array:
    resampler = Resampler(original, wanted)
    parts = [resampler.push(chunk) for chunk in chunks]
    whole: Array = np.concatenate([*parts, resampler.finish()])
    return whole


@given(RATES, RATES, st.floats(0.0, 1.5), SIZES)
@settings(max_examples=40, deadline=None)
def test_chunks_are_resampled_as_the_whole(
    original: int, wanted: int, seconds: float, sizes: list[int]
) -> None:
    samples = voice(1.5, 48_000)[: round(seconds * 48_000)]
    expected = (
        samples if original == wanted else soxr.resample(samples, original, wanted, quality="HQ")
    )
    found = pushed(cut(samples, sizes), original, wanted)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expected)
    blocks = [chunk for chunk in cut(samples, sizes) if len(chunk)]
    again = [np.zeros(0, dtype=np.float32), *resample_blocks(iter(blocks), original, wanted)]
    np.testing.assert_array_equal(np.concatenate(again), expected)


@pytest.mark.parametrize("original", [8_000, 44_100])
def test_single_samples_are_resampled_as_the_whole(original: int) -> None:
    samples = voice(0.3, original)
    found = pushed([samples[n : n + 1] for n in range(len(samples))], original, 16_000)
    np.testing.assert_array_equal(found, soxr.resample(samples, original, 16_000, quality="HQ"))


@pytest.mark.parametrize("original", [16_000, 44_100])
def test_nothing_is_nothing(original: int) -> None:
    assert len(pushed([], original, 16_000)) == 0
    assert list(resample_blocks(iter([]), original, 16_000)) == []


@pytest.mark.parametrize(
    ("original", "seconds"), [(8_000, 0.150), (16_000, 0.0), (44_100, 0.060), (48_000, 0.060)]
)
def test_little_is_held_back(original: int, seconds: float) -> None:
    """As much as a live result may be late."""
    resampler = Resampler(original, 16_000)
    came = ready = 0
    for chunk in np.array_split(voice(3.0, original), 300):
        came += len(chunk)
        ready += len(resampler.push(chunk))
        assert came / original - ready / 16_000 <= seconds + 1e-9


def test_the_same_rate_is_passed_through() -> None:
    samples = voice(0.1)
    assert Resampler(16_000, 16_000).push(samples) is samples
