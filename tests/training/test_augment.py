from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from serein.features import Features
from serein.recognition import ClipStatistics, SpeakerProfile
from serein.training.augment import Change, mask
from serein.training.network_recipe import AugmentOptions

Array = npt.NDArray[np.float32]

OFF = AugmentOptions()
EVERYTHING = AugmentOptions(
    stretch=0.3, shift=4.0, tilt=10.0, noise=1.0, noise_snr=(0.0, 20.0), masks=3, mask_share=0.4
)


def _generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def _clip(frames: int = 60, bands: int = 24, seed: int = 0) -> Array:
    return _generator(seed).normal(-30, 12, (frames, bands)).astype(np.float32)


def _changed(clip: Array, options: AugmentOptions, seed: int = 0) -> Array:
    generator = _generator(seed)
    return Change.draw(options, clip.shape[1], generator).of_clip(clip, generator)


def _still(bands: int, **changes: object) -> Change:
    still = Change(rate=1.0, shift=0.0, tilt=np.zeros(bands, np.float32), snr=None)
    return replace(still, **changes)  # type: ignore[arg-type]


def test_everything_off_changes_nothing() -> None:
    clip = _clip()
    np.testing.assert_array_equal(_changed(clip, OFF), clip)
    np.testing.assert_array_equal(mask(clip, OFF, _generator()), clip)


@pytest.mark.parametrize("rate", [0.8, 0.9, 1.0, 1.17, 1.25])
def test_stretch_changes_the_length_by_its_factor(rate: float) -> None:
    # A ramp over time: played so many times as fast it is so many times as steep, and as short.
    ramp = np.repeat(np.arange(200, dtype=np.float32)[:, None], 3, axis=1)
    changed = _still(3, rate=rate).of_clip(ramp, _generator())
    assert abs(len(changed) - 200 / rate) <= 1
    expected = np.minimum(np.arange(len(changed)) * rate, 199)
    np.testing.assert_allclose(changed, np.repeat(expected[:, None], 3, axis=1), atol=1e-3)


def test_stretch_is_drawn_from_its_whole_range() -> None:
    rates = [Change.draw(AugmentOptions(stretch=0.2), 3, _generator(s)).rate for s in range(300)]
    assert 0.8 <= min(rates) < 0.82
    assert 1.18 < max(rates) <= 1.2


def test_shift_is_drawn_from_its_whole_range() -> None:
    shifts = [Change.draw(AugmentOptions(shift=2.5), 9, _generator(s)).shift for s in range(300)]
    assert -2.5 <= min(shifts) < -2.3
    assert 2.3 < max(shifts) <= 2.5


@pytest.mark.parametrize("shift", [-3.0, -1.0, 2.0, 4.0])
def test_shift_moves_a_peak_by_so_many_bands(shift: float) -> None:
    clip = np.full((5, 24), -60, dtype=np.float32)
    clip[:, 12] = 0
    changed = _still(24, shift=shift).of_clip(clip, _generator())
    np.testing.assert_array_equal(changed.argmax(axis=1), 12 - int(shift))
    np.testing.assert_allclose(changed.max(axis=1), 0)


@pytest.mark.parametrize("shift", [-2.5, 0.25, 1.7])
def test_shift_by_a_fraction_is_that_of_scipy(shift: float) -> None:
    clip = _clip()
    expected = ndimage.shift(clip, (0, -shift), order=1, mode="nearest")
    changed = _still(24, shift=shift).of_clip(clip, _generator())
    np.testing.assert_allclose(changed, expected, atol=1e-3)


def test_tilt_is_one_gain_a_band_of_bounded_size() -> None:
    clip = _clip()
    gains = []
    for seed in range(100):
        difference = _changed(clip, AugmentOptions(tilt=6.0), seed) - clip
        np.testing.assert_allclose(difference, difference[:1].repeat(len(clip), axis=0), atol=1e-4)
        gains.append(difference[0])
    # A slope and a bend of 6 dB each: at the ends 6 + 6 * 2/3.
    assert 5.0 < np.abs(gains).max() <= 10.0 + 1e-4


def _noise(snr: float, seed: int) -> Array:
    """What noise fills the silence of a clip whose other half is loud, in dB."""
    clip = np.full((80, 24), -150, dtype=np.float32)
    clip[::2] = 0
    options = AugmentOptions(noise=1.0, noise_snr=(snr, snr))
    changed = _changed(clip, options, seed)
    np.testing.assert_array_less(-0.01, changed[::2])  # it adds power
    return changed[1::2]


def test_noise_lies_below_the_speech_by_the_drawn_ratio() -> None:
    # In a random colour, hence the mean over many draws; a chi-square's logarithm is biased.
    levels = [_noise(10.0, seed).mean() for seed in range(300)]
    assert np.mean(levels) == pytest.approx(-10.0, abs=1.5)


def test_noise_follows_the_ratio_exactly() -> None:
    np.testing.assert_allclose(_noise(10.0, 5) - _noise(30.0, 5), 20.0, atol=0.01)


def test_share_of_noisy_clips_and_range_of_the_ratio() -> None:
    options = AugmentOptions(noise=0.3, noise_snr=(5.0, 40.0))
    drawn = [Change.draw(options, 24, _generator(seed)).snr for seed in range(500)]
    ratios = [snr for snr in drawn if snr is not None]
    assert len(ratios) / len(drawn) == pytest.approx(0.3, abs=0.08)  # four standard errors
    assert 5.0 <= min(ratios) < 8.0
    assert 37.0 < max(ratios) <= 40.0


@pytest.mark.parametrize("masks", [1, 2, 3])
def test_masks_blank_at_most_the_promised_share(masks: int) -> None:
    options = AugmentOptions(masks=masks, mask_share=0.15)
    clip = np.ones((200, 40), dtype=np.float32)
    shares = []
    for seed in range(60):
        blank = mask(clip, options, _generator(seed)) == 0
        rows, columns = blank.all(axis=1), blank.all(axis=0)
        # Whole frames and whole bands, nothing else.
        np.testing.assert_array_equal(blank, rows[:, None] | columns[None, :])
        shares.append((rows.mean(), columns.mean()))
    most = np.max(shares, axis=0)
    assert (most <= masks * 0.15).all()
    assert (most > 0.1).all()
    np.testing.assert_array_equal(clip, 1)  # the clip itself is left alone


def test_a_changed_profile_fits_the_changed_clips() -> None:
    """The profile of a changed voice is the profile that its changed clips would give."""
    clips = [Features(_clip(seed=seed), -26.0, 0.0) for seed in range(4)]
    change = _still(24, tilt=np.linspace(-3, 3, 24, dtype=np.float32), shift=2.0)

    def profile(sounds: list[Features]) -> SpeakerProfile:
        statistics = [ClipStatistics.of(sound) for sound in sounds]
        return SpeakerProfile.of(statistics, model="", gain_response=np.ones(24, np.float32))

    changed = [replace(clip, values=change.of_clip(clip.values, _generator())) for clip in clips]
    expected, found = profile(changed), change.of_profile(profile(clips))
    np.testing.assert_allclose(found.mean, expected.mean, atol=1e-3)
    np.testing.assert_allclose(found.variance, expected.variance, atol=1e-3)
    assert (found.level, found.clips) == (expected.level, expected.clips)


def test_same_seed_same_clip() -> None:
    clip = _clip()
    first, second, other = (_changed(clip, EVERYTHING, seed) for seed in (7, 7, 8))
    np.testing.assert_array_equal(first, second)
    assert first.shape != other.shape or not np.array_equal(first, other)


@settings(max_examples=50, deadline=None)
@given(
    frames=st.integers(1, 40),
    bands=st.integers(2, 30),
    level=st.floats(-200, 60),
    seed=st.integers(0, 2**32 - 1),
)
def test_always_finite(frames: int, bands: int, level: float, seed: int) -> None:
    clip = _clip(frames, bands, seed) + np.float32(level)
    generator = _generator(seed)
    changed = Change.draw(EVERYTHING, bands, generator).of_clip(clip, generator)
    masked = mask(changed, EVERYTHING, generator)
    assert changed.shape[1] == bands
    assert len(changed) >= 1
    assert masked.shape == changed.shape
    assert masked.dtype == np.float32
    assert np.isfinite(masked).all()
