from __future__ import annotations

import io
import math
from collections.abc import Callable

import numpy as np
import pytest
import scipy.signal
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from serein.audio import active_level, active_span
from serein.audio.perturbation import (
    CODECS,
    add_noise,
    amplify,
    band_limit,
    change_pitch,
    change_speed,
    change_tempo,
    clip,
    encode,
    made_response,
    mu_law,
    pink_noise,
    read_response,
    reverberate,
    shift,
    telephone,
    white_noise,
)
from serein.errors import ArgumentInvalid, EmptyFile, NotFound
from tests.audio.sounds import RATE, Array, encoded, voice
from tests.builders import speech_like, tone

Change = Callable[[Array], Array]


def _generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def _room(seconds: float = 0.4, rate: int = RATE, *, delay: int = 0) -> Array:
    """Direct sound, then noise that decays by 60 dB."""
    count = round(seconds * rate)
    tail = 0.05 * _generator(2).standard_normal(count) * 10 ** (-3 * np.arange(count) / count)
    tail[0] = 1.0
    response: Array = np.r_[np.zeros(delay), tail].astype(np.float32)
    return response


# Every change, with whether it keeps the length.
CHANGES: dict[str, tuple[Change, bool]] = {
    "white noise": (
        lambda x: add_noise(
            x, RATE, white_noise(500, _generator(1)), snr=5.0, generator=_generator()
        ),
        True,
    ),
    "pink noise": (
        lambda x: add_noise(
            x, RATE, pink_noise(9000, _generator(1)), snr=-5.0, generator=_generator()
        ),
        True,
    ),
    "room": (lambda x: reverberate(x, RATE, _room(delay=70)), True),
    "band": (lambda x: band_limit(x, RATE, low=500.0, high=2000.0), True),
    "telephone": (lambda x: telephone(x, RATE), True),
    "mu-law": (mu_law, True),
    "opus": (lambda x: encode(x, RATE, codec="opus", bit_rate=12_000), True),
    "mp3": (lambda x: encode(x, RATE, codec="mp3", bit_rate=16_000), True),
    "gain": (lambda x: amplify(x, decibels=-7.0), True),
    "clip": (lambda x: clip(x, share=0.05), True),
    "speed": (lambda x: change_speed(x, factor=1.1), False),
    "tempo": (lambda x: change_tempo(x, RATE, factor=0.8), False),
    "higher": (lambda x: change_pitch(x, RATE, semitones=2.0), True),
    "lower": (lambda x: change_pitch(x, RATE, semitones=-3.0), True),
    "late start": (lambda x: shift(x, RATE, seconds=0.005), False),
    "early start": (lambda x: shift(x, RATE, seconds=-0.005), False),
}


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("count", [0, 1, 2, 160, 161, 1600])
def test_the_shortest_sounds_and_silence(name: str, count: int) -> None:
    change, keeps_length = CHANGES[name]
    for samples in (
        speech_like(1.0)[4000 : 4000 + count],
        np.zeros(count, np.float32),
        np.ones(count, np.float32),
    ):
        changed = change(samples)
        assert changed.dtype == np.float32
        assert np.isfinite(changed).all()
        if keeps_length:
            assert len(changed) == count
        if not samples.any():
            # Codecs may add a whisper to silence, nothing else may.
            assert np.abs(changed).max(initial=0.0) < (1e-3 if name in CODECS else 1e-12)


@pytest.mark.parametrize("name", CHANGES)
def test_the_original_stays_and_the_same_comes_out_again(name: str) -> None:
    change, _ = CHANGES[name]
    samples = speech_like(0.7)
    before = samples.copy()
    first = change(samples)
    first_before = first.copy()
    np.testing.assert_array_equal(change(samples), first)
    assert not np.shares_memory(first, samples)
    np.testing.assert_array_equal(samples, before)
    assert len(first) != len(samples) or not np.array_equal(first, samples)
    np.testing.assert_array_equal(first, first_before)


# Noise


@pytest.mark.parametrize("snr", [20.0, 5.0, 0.0, -10.0])
@pytest.mark.parametrize("length", [700, 16_000, 90_000])
def test_the_ratio_is_that_ratio(snr: float, length: int) -> None:
    samples = speech_like(2.0, seed=3)
    for noise in (white_noise(length, _generator()), pink_noise(length, _generator())):
        mixed = add_noise(samples, RATE, noise, snr=snr, generator=_generator())
        added = (mixed - samples).astype(np.float64)
        level = 10 * np.log10(np.square(added).mean())
        assert active_level(samples, RATE) - level == pytest.approx(snr, abs=0.01)


def test_pauses_do_not_change_the_noise() -> None:
    """Twice the pauses, the same words: the noise is as loud."""
    words = speech_like(1.0, seed=1)
    pause = np.zeros(RATE, np.float32)
    noise = white_noise(4 * RATE, _generator())
    levels = []
    for samples in (np.r_[words, pause], np.r_[words, pause, pause]):
        mixed = add_noise(samples, RATE, noise, snr=10.0, generator=_generator())
        levels.append(np.std(mixed - samples))
    assert levels[0] == pytest.approx(levels[1], rel=0.01)


def test_a_short_noise_goes_round() -> None:
    noise = white_noise(100, _generator())
    added = add_noise(np.ones(1000, np.float32), RATE, noise, snr=0.0, generator=_generator(3)) - 1
    np.testing.assert_allclose(added[:900], added[100:], atol=1e-6)
    start = int(
        np.argmin([np.abs(np.roll(noise, -k)[:100] - added[:100]).sum() for k in range(100)])
    )
    scale = np.std(added[:100]) / np.std(noise)
    np.testing.assert_allclose(added[:100], scale * np.roll(noise, -start), atol=1e-5)


def test_a_long_noise_is_cut_from_anywhere() -> None:
    noise = np.arange(1, 100_001, dtype=np.float32)
    samples = np.full(500, 1e-3, np.float32)
    starts = set()
    for seed in range(20):
        added = add_noise(samples, RATE, noise, snr=-60.0, generator=_generator(seed)) - samples
        rise = (added[-1] - added[0]) / 499  # of one sample of the noise
        starts.add(round(float(added[0] / rise)))
        assert (np.diff(added) > 0).all()  # never over the end
    assert len(starts) == 20
    assert max(starts) > 60_000
    assert min(starts) < 40_000


def test_a_noise_with_long_silences_is_heard_all_the_same() -> None:
    noise = np.zeros(20 * RATE, np.float32)
    noise[15 * RATE : 15 * RATE + 200] = 1.0
    samples = speech_like(0.5)
    for seed in range(5):
        mixed = add_noise(samples, RATE, noise, snr=3.0, generator=_generator(seed))
        level = 10 * np.log10(np.square((mixed - samples).astype(np.float64)).mean())
        assert active_level(samples, RATE) - level == pytest.approx(3.0, abs=0.1)


@pytest.mark.parametrize("noise", [np.zeros(0, np.float32), np.zeros(100, np.float32)])
def test_silent_noise_is_refused(noise: Array) -> None:
    with pytest.raises(ArgumentInvalid, match="silent"):
        add_noise(voice(), RATE, noise, snr=3.0, generator=_generator())


@pytest.mark.parametrize(("make", "slope"), [(white_noise, 0.0), (pink_noise, -10.0)])
def test_colour_of_the_noise(
    make: Callable[[int, np.random.Generator], Array], slope: float
) -> None:
    """White is flat, pink falls by 3 dB an octave, 10 dB a decade."""
    noise = make(1 << 18, _generator(4))
    frequencies, power = scipy.signal.welch(noise, RATE, nperseg=4096)
    band = (frequencies > 20) & (frequencies < 7500)
    fitted = np.polyfit(np.log10(frequencies[band]), 10 * np.log10(power[band]), 1)
    assert fitted[0] == pytest.approx(slope, abs=0.3)
    assert np.square(noise).mean() == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("make", [white_noise, pink_noise])
def test_noise_is_seeded(make: Callable[[int, np.random.Generator], Array]) -> None:
    np.testing.assert_array_equal(make(1000, _generator(1)), make(1000, _generator(1)))
    assert not np.array_equal(make(1000, _generator(1)), make(1000, _generator(2)))
    for count in (0, 1, 2, 3):
        assert make(count, _generator()).shape == (count,)
        assert np.isfinite(make(count, _generator())).all()


# Rooms


def test_reverberation_is_convolution() -> None:
    samples, response = speech_like(1.0), _room()
    expected = scipy.signal.fftconvolve(samples, response)[: len(samples)]
    expected *= 10 ** ((active_level(samples, RATE) - active_level(expected, RATE)) / 20)
    np.testing.assert_allclose(reverberate(samples, RATE, response), expected, atol=1e-6)


@pytest.mark.parametrize("delay", [0, 1, 500, 5000])
@pytest.mark.parametrize("gain", [1.0, -0.01, 50.0])
def test_a_room_without_walls_changes_nothing(delay: int, gain: float) -> None:
    """Neither the way to the microphone nor its gain counts, up to the sign."""
    samples = speech_like(0.6)
    response = np.zeros(6000, np.float32)
    response[delay] = gain
    heard = reverberate(samples, RATE, response)
    np.testing.assert_allclose(heard, math.copysign(1, gain) * samples, atol=1e-6)


@pytest.mark.parametrize("seconds", [0.1, 1.0, 6.0])
def test_reverberation_keeps_the_level(seconds: float) -> None:
    samples = speech_like(1.5)
    heard = reverberate(samples, RATE, _room(seconds, delay=300))
    assert active_level(heard, RATE) == pytest.approx(active_level(samples, RATE), abs=0.01)


def test_a_silent_response_is_refused() -> None:
    with pytest.raises(ArgumentInvalid, match="silent"):
        reverberate(voice(), RATE, np.zeros(10, np.float32))


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
def test_a_room_that_is_made_dies_away_by_60_decibels(rate: int) -> None:
    """The reverberation time, by the backward integration of Schroeder, is what its length says."""
    for seed in range(20):
        response = made_response(rate, _generator(seed))
        assert response.dtype == np.float32
        assert 0.1 * rate - 1 <= len(response) <= 1.2 * rate + 1
        energy = np.square(response[1:], dtype=np.float64)[::-1].cumsum()[::-1]
        fall = 10 * np.log10(energy / energy[0])
        line = np.flatnonzero((fall < -5) & (fall > -35))
        slope = np.polyfit(line / rate, fall[line], 1)[0]
        assert -60 / slope == pytest.approx(len(response) / rate, rel=0.15)


def test_a_room_that_is_made_begins_with_the_direct_sound() -> None:
    samples = speech_like(0.5)
    rooms = [made_response(RATE, _generator(seed)) for seed in range(30)]
    for room in rooms:
        assert room[0] == 1.0
        heard = reverberate(samples, RATE, room)
        expected = scipy.signal.fftconvolve(samples, room)[: len(samples)]
        assert np.corrcoef(heard, expected)[0, 1] > 0.9999  # nothing is cut off at its beginning
    np.testing.assert_array_equal(rooms[0], made_response(RATE, _generator(0)))
    assert len({room.tobytes() for room in rooms}) == 30


def test_the_first_channel_of_a_response() -> None:
    left, right = _room(), -0.5 * _room(delay=10)[: len(_room())]
    content = encoded(np.stack([left, right], axis=1), subtype="FLOAT")
    np.testing.assert_array_equal(read_response(content, sampling_rate=RATE), left)
    assert len(read_response(content, sampling_rate=8_000)) == len(left) // 2
    with pytest.raises(EmptyFile):
        read_response(encoded(np.zeros((0, 2), np.float32)), sampling_rate=RATE)
    with pytest.raises(NotFound):
        read_response("no/such/room.wav", sampling_rate=RATE)


# Lines


def _decibels_of(samples: Array, rate: int) -> tuple[Array, Array]:
    frequencies = np.fft.rfftfreq(len(samples), 1 / rate)
    spectrum = np.fft.rfft(samples * scipy.signal.windows.blackmanharris(len(samples)))
    return frequencies, 20 * np.log10(np.abs(spectrum) + 1e-12)


@pytest.mark.parametrize("rate", [11_025, 16_000, 48_000])
def test_a_telephone_has_its_band(rate: int) -> None:
    impulse = np.zeros(rate, np.float32)
    impulse[rate // 2] = 1.0
    frequencies, decibels = _decibels_of(telephone(impulse, rate), rate)
    assert np.abs(decibels[(frequencies > 310) & (frequencies < 3390)]).max() < 0.1
    assert decibels[(frequencies < 190) | (frequencies > 3510)].max() < -70


@pytest.mark.parametrize("rate", [11_025, 16_000, 48_000])
def test_a_telephone_has_nothing_over_4_khz(rate: int) -> None:
    """Nothing is left of what was there, and nothing comes back as something else."""
    samples = white_noise(2 * rate, _generator())
    frequencies, decibels = _decibels_of(telephone(samples, rate), rate)
    assert decibels[frequencies > 4000].max() < np.median(decibels[frequencies < 3000]) - 80
    high = np.sin(2 * np.pi * 5000 * np.arange(rate) / rate).astype(np.float32)
    heard = telephone(high, rate)[rate // 10 : -rate // 10]
    assert 20 * np.log10(np.std(heard) / np.std(high)) < -80


def test_a_band_keeps_what_is_in_it_where_it_is() -> None:
    time = np.arange(2 * RATE) / RATE
    inside = np.sin(2 * np.pi * 1000 * time).astype(np.float32)
    others = [np.sin(2 * np.pi * frequency * time) for frequency in (300, 2200, 5000)]
    outside = np.sum(others, axis=0).astype(np.float32)
    limited = band_limit(inside + outside, RATE, low=500, high=2000)
    middle = slice(RATE // 4, -RATE // 4)  # the abrupt ends have every frequency
    np.testing.assert_allclose(limited[middle], inside[middle], atol=2e-3)


def test_a_band_does_not_come_round_to_the_other_end() -> None:
    samples = np.zeros(1 << 14, np.float32)
    samples[-1] = 1.0
    assert np.abs(band_limit(samples, RATE, low=300, high=3400)[: 1 << 13]).max() < 1e-4


@pytest.mark.parametrize(("low", "high"), [(-1, 10), (10, 10), (20, 10), (math.nan, 10)])
def test_an_impossible_band(low: float, high: float) -> None:
    with pytest.raises(ArgumentInvalid, match="band"):
        band_limit(voice(), RATE, low=low, high=high)


def test_mu_law_is_that_of_libsndfile() -> None:
    """Sample for sample, for every one of the 14-bit amplitudes."""
    integers = (4 * np.arange(-8191, 8192)).astype(np.int16)
    file = io.BytesIO()
    soundfile.write(file, integers, 8000, format="WAV", subtype="ULAW")
    file.seek(0)
    expected, _ = soundfile.read(file, dtype="float32")
    np.testing.assert_array_equal(mu_law((integers / 32768).astype(np.float32)), expected)


def test_mu_law_is_the_textbook_formula_to_half_a_step() -> None:
    """F(x) = sgn(x) ln(1 + 255 |x|) / ln(256), of which G.711 draws straight segments."""
    samples = np.linspace(-0.98, 0.98, 20_001).astype(np.float32)
    companded = np.sign(samples) * np.log1p(255 * np.abs(samples)) / np.log(256)
    quantized = np.round(companded * 127) / 127
    textbook = np.sign(quantized) * (256 ** np.abs(quantized) - 1) / 255
    decoded = mu_law(samples)
    slope = (1 + 255 * np.abs(samples)) * np.log(256) / 255  # dx / dF
    # A segment's step is at most 1.45 of the smooth curve's: both round by half of theirs.
    assert (np.abs(decoded - textbook) < (0.5 + 0.75) / 127 * slope + 1e-4).all()
    assert len(np.unique(mu_law(np.linspace(-1.2, 1.2, 100_001).astype(np.float32)))) == 255
    np.testing.assert_array_equal(mu_law(decoded), decoded)
    np.testing.assert_array_equal(mu_law(-samples), -decoded)
    assert (np.diff(decoded) >= 0).all()


@pytest.mark.parametrize("scale", [0.5, 0.05])
def test_mu_law_has_38_decibels_whatever_the_level(scale: float) -> None:
    samples = (scale * np.sin(np.arange(50_000) * 0.7)).astype(np.float32)
    error = mu_law(samples) - samples
    ratio = 10 * np.log10(np.square(samples).mean() / np.square(error).mean())
    assert 35 < ratio < 41


@given(st.floats(-60, 60))
def test_gain_is_exact(decibels: float) -> None:
    samples = voice(0.2)
    louder = amplify(samples, decibels=decibels)
    np.testing.assert_allclose(louder, samples * 10 ** (decibels / 20), rtol=1e-6)
    np.testing.assert_allclose(amplify(louder, decibels=-decibels), samples, rtol=1e-6)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.05, 0.2, 0.999])
def test_the_share_that_is_clipped_is_exact(share: float) -> None:
    samples = white_noise(10_000, _generator(6))
    clipped = clip(samples, share=share)
    cut = clipped != samples
    assert cut.sum() == round(share * 10_000)
    level = np.abs(clipped).max()
    assert (np.abs(clipped[cut]) == level).all()
    assert (np.sign(clipped) == np.sign(samples)).all()
    assert (np.abs(samples[cut]) > level).all()
    assert np.abs(samples[~cut]).max() <= level


def test_clipping_everything_leaves_a_square() -> None:
    samples = white_noise(1000, _generator(6))
    np.testing.assert_array_equal(
        clip(samples, share=1.0), np.sign(samples) * np.abs(samples).min()
    )
    for share in (-0.1, 1.1, math.nan):
        with pytest.raises(ArgumentInvalid, match="0 to 1"):
            clip(samples, share=share)


# Codecs


def _lag(changed: Array, samples: Array) -> int:
    products = scipy.signal.correlate(changed, samples)
    return int(np.argmax(products)) - len(samples) + 1


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100])
@pytest.mark.parametrize(
    ("codec", "bit_rate"), [("opus", 24_000), ("opus", 6_000), ("mp3", 32_000), ("mp3", 8_000)]
)
def test_codecs_add_no_delay(codec: str, bit_rate: int, rate: int) -> None:
    samples = np.r_[np.zeros(rate // 5, np.float32), speech_like(1.0, rate, seed=2)]
    decoded = encode(samples, rate, codec=codec, bit_rate=bit_rate)
    assert decoded.shape == samples.shape
    assert abs(_lag(decoded, samples)) <= 8 * max(1, rate // 16_000)
    assert np.corrcoef(decoded, samples)[0, 1] > 0.7
    assert not np.array_equal(decoded, samples)


def _distance(samples: Array, other: Array) -> float:
    """Mean distance of the spectrograms in dB, over what is not far below the loudest."""
    both = [
        20 * np.log10(np.abs(scipy.signal.stft(one, RATE, nperseg=512)[2]) + 1e-4)
        for one in (samples, other)
    ]
    return float(np.abs(both[0] - both[1]).mean())


@pytest.mark.parametrize(("codec", "rates"), [("opus", (6, 12, 24, 64)), ("mp3", (8, 16, 32, 128))])
def test_fewer_bits_are_heard(codec: str, rates: tuple[int, ...]) -> None:
    samples = speech_like(2.0, seed=4)
    distances = [
        _distance(samples, encode(samples, RATE, codec=codec, bit_rate=1000 * rate))
        for rate in rates
    ]
    assert distances == sorted(distances, reverse=True)
    assert distances[0] > 2 * distances[-1]


def test_unknown_codecs_and_bit_rates() -> None:
    with pytest.raises(ArgumentInvalid, match="opus or mp3"):
        encode(voice(), RATE, codec="gsm", bit_rate=13_000)
    for bit_rate in (0, -8000):
        with pytest.raises(ArgumentInvalid, match="positive"):
            encode(voice(), RATE, codec="opus", bit_rate=bit_rate)


# Tempo and pitch


def _partial(samples: Array, near: float) -> float:
    """Frequency in Hz of the strongest partial within 8 % of a frequency."""
    middle = samples[len(samples) // 8 : -len(samples) // 8]
    size = 1 << 19
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), size))
    frequencies = np.fft.rfftfreq(size, 1 / RATE)
    band = np.abs(frequencies / near - 1) < 0.08
    return float(frequencies[band][np.argmax(spectrum[band])])


@pytest.mark.parametrize("factor", [0.5, 0.9, 1.1, 2.0])
def test_speed_changes_tempo_and_pitch(factor: float) -> None:
    samples = tone(200.0, 2.0)
    changed = change_speed(samples, factor=factor)
    assert len(changed) == round(len(samples) / factor)
    for order in (1, 5):
        wanted = 200.0 * order * factor
        assert _partial(changed, wanted) == pytest.approx(wanted, rel=0.002)


@pytest.mark.parametrize("factor", [0.5, 0.8, 0.9, 1.1, 1.5, 2.0])
@pytest.mark.parametrize("pitch", [75.0, 180.0, 410.0])
def test_tempo_keeps_the_pitch(factor: float, pitch: float) -> None:
    samples = tone(pitch, 2.0)
    changed = change_tempo(samples, RATE, factor=factor)
    assert len(changed) == round(len(samples) / factor)
    for order in (1, 4):
        assert _partial(changed, order * pitch) == pytest.approx(order * pitch, rel=0.003)
    level = np.std(changed[2000:-2000]) / np.std(samples[2000:-2000])
    assert 20 * math.log10(level) == pytest.approx(0.0, abs=0.5)


@pytest.mark.parametrize("factor", [0.5, 0.9, 1.1, 2.0])
@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
def test_tempo_moves_everything_to_its_time(factor: float, rate: int) -> None:
    """Beeps begin at t / factor: to the 10 ms of the search, and what half a frame stretches."""
    onsets = np.array([0.3, 0.77, 1.21, 1.6])
    time = np.arange(2 * rate) / rate
    samples = np.zeros(2 * rate, np.float32)
    for onset in onsets:
        beep = (time >= onset) & (time < onset + 0.15)
        samples[beep] = np.sin(2 * np.pi * 500 * time[beep])
    changed = change_tempo(samples, rate, factor=factor)
    loud = np.abs(changed) > 0.3
    found = [int(np.argmax(loud[round((t / factor - 0.06) * rate) :])) for t in onsets]
    errors = np.array(found) / rate - 0.06
    assert np.abs(errors).max() < (0.010 + abs(1 - factor) * 0.015) / factor


@pytest.mark.parametrize("semitones", [-12.0, -2.0, -1.0, 1.0, 2.0, 7.0])
@pytest.mark.parametrize("pitch", [110.0, 200.0, 330.0])
def test_the_pitch_moves_by_so_many_semitones(semitones: float, pitch: float) -> None:
    samples = tone(pitch, 2.0)
    changed = change_pitch(samples, RATE, semitones=semitones)
    assert len(changed) == len(samples)
    for order in (1, 3):
        wanted = order * pitch * 2 ** (semitones / 12)
        moved = 12 * math.log2(_partial(changed, wanted) / (order * pitch))
        assert moved == pytest.approx(semitones, abs=0.05)


def test_pitch_leaves_the_words_where_they_are() -> None:
    samples = np.r_[np.zeros(RATE // 2), speech_like(1.0), np.zeros(RATE // 2)].astype(np.float32)
    for semitones in (-2.0, 2.0):
        changed = change_pitch(samples, RATE, semitones=semitones)
        assert active_span(changed, RATE, margin=0.0) == pytest.approx(
            active_span(samples, RATE, margin=0.0), abs=0.02 * RATE
        )
        assert active_level(changed, RATE) == pytest.approx(active_level(samples, RATE), abs=1.0)


def test_no_change_is_no_change() -> None:
    samples = speech_like(0.5)
    for changed in (
        change_speed(samples, factor=1.0),
        change_tempo(samples, RATE, factor=1.0),
        change_pitch(samples, RATE, semitones=0.0),
        shift(samples, RATE, seconds=0.0),
        amplify(samples, decibels=0.0),
        clip(samples, share=0.0),
    ):
        np.testing.assert_array_equal(changed, samples)
        assert not np.shares_memory(changed, samples)


def test_a_late_and_an_early_start() -> None:
    samples = voice(1.0)
    np.testing.assert_array_equal(shift(samples, RATE, seconds=0.1), samples[1600:])
    early = shift(samples, RATE, seconds=-0.1)
    np.testing.assert_array_equal(early, np.r_[np.zeros(1600, np.float32), samples])
    assert len(shift(samples, RATE, seconds=1.5)) == 0


@pytest.mark.parametrize("factor", [0.0, -1.0, 0.2, 4.1, math.nan, math.inf])
def test_impossible_factors(factor: float) -> None:
    with pytest.raises(ArgumentInvalid, match="factor"):
        change_speed(voice(), factor=factor)
    with pytest.raises(ArgumentInvalid, match="factor"):
        change_tempo(voice(), RATE, factor=factor)


def test_impossible_pitches_and_beginnings() -> None:
    for semitones in (25.0, -25.0, math.nan):
        with pytest.raises(ArgumentInvalid, match="semitones"):
            change_pitch(voice(), RATE, semitones=semitones)
    for seconds in (math.nan, math.inf):
        with pytest.raises(ArgumentInvalid, match="seconds"):
            shift(voice(), RATE, seconds=seconds)
