"""Recordings of every kind over time."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from soxr import resample

import serein
import serein.audio.readers
from serein.audio import Limits
from serein.errors import (
    ArgumentInvalid,
    EmptyFile,
    NotAudio,
    NotFinite,
    NotFound,
    ProfileInvalid,
    SereinError,
    TooLarge,
    TooLongDuration,
    Truncated,
)
from serein.recognition import Recognizer
from serein.recognition.timeline.results import Timeline
from serein.recognition.timeline.turns import Turn
from serein.results import most_probable
from tests.audio.sounds import encoded, media
from tests.builders import build_bundle, speech_like
from tests.recognition.timeline.recordings import RATE, assert_same, talk

Make = Callable[[], tuple[npt.NDArray[Any], int]]


def codes(timeline: Timeline) -> set[str]:
    return {warning.code for warning in timeline.warnings}


def assert_sound(timeline: Timeline) -> None:
    """What holds for every time line."""
    starts, ends = timeline.windows.starts, timeline.windows.ends
    assert (starts[:-1] <= starts[1:]).all()
    assert (starts < ends).all()
    assert (starts >= 0).all()
    assert (ends <= timeline.duration + 2 / RATE).all()  # as far as resampling rounds
    for window in timeline.windows:
        spoken = window.label is not None
        assert spoken == (window.speech >= 0.5)
        assert spoken == (window.probabilities is not None) == (window.confidence is not None)
        assert spoken or not window.decided
    for segment in timeline.segments:
        assert 0 <= segment.start < segment.end <= timeline.duration
        assert segment.probabilities is not None
        assert sum(segment.probabilities.values()) == pytest.approx(1.0, abs=1e-5)
        assert (segment.label, segment.confidence) == most_probable(segment.probabilities)
    order = [(segment.start, segment.end) for segment in timeline.segments]
    assert order == sorted(order)
    for speaker in {segment.speaker for segment in timeline.segments}:
        own = [segment for segment in timeline.segments if segment.speaker == speaker]
        assert all(before.end <= after.start for before, after in pairwise(own))
    assert timeline.summary.speech == pytest.approx(sum(one.duration for one in timeline.segments))
    assert len(timeline.waveform) <= 4096


@given(
    seconds=st.floats(0.01, 20.0),
    rate=st.sampled_from([1_000, 8_000, 11_025, 16_000, 44_100, 192_000]),
    layout=st.sampled_from([(3.0, 1.0), (0.7, 0.31), (0.5, 0.5), (30.0, 7.0)]),
    detector=st.sampled_from([None, "level"]),
    seed=st.integers(0, 10**6),
)
@settings(max_examples=20, deadline=None)
def test_every_timeline_is_sound(
    hearing: Recognizer,
    seconds: float,
    rate: int,
    layout: tuple[float, float],
    detector: str | None,
    seed: int,
) -> None:
    samples = talk(seconds, min(rate, 48_000), seed=seed)[: round(seconds * rate)]
    window, hop = layout
    timeline = hearing.timeline((samples, rate), window=window, hop=hop, detector=detector)
    assert_sound(timeline)
    assert timeline.duration == pytest.approx(len(samples) / rate)
    assert (timeline.window, timeline.hop, timeline.model) == (window, hop, "tiny")
    assert (timeline.file, timeline.enrolled, dict(timeline.speakers)) == (None, False, {})
    expected = [samples.min(initial=0.0), samples.max(initial=0.0)]
    if rate == RATE:
        extremes = timeline.waveform
        assert [extremes.min(initial=0.0), extremes.max(initial=0.0)] == expected


# --- what a recording may be ------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [0.001, 0.1, 0.4])
def test_recording_shorter_than_a_window_is_one(recognizer: Recognizer, seconds: float) -> None:
    samples = speech_like(2.0)[1600:][: round(seconds * RATE)]
    timeline = recognizer.timeline((samples, RATE))
    (window,) = timeline.windows
    assert (window.start, window.end) == (0.0, seconds)
    assert not window.decided
    assert "too_short" in codes(timeline)
    assert_sound(timeline)


def test_short_recording_has_a_segment(recognizer: Recognizer) -> None:
    samples = speech_like(2.0)[3000:4600]
    (segment,) = recognizer.timeline((samples, RATE)).segments
    assert (segment.start, segment.end, segment.decided) == (0.0, 0.1, False)


@pytest.mark.parametrize("detector", ["model", "level"])
def test_digital_silence(hearing: Recognizer, detector: str) -> None:
    timeline = hearing.timeline((np.zeros(10 * RATE), RATE), detector=detector)
    assert (len(timeline.windows), timeline.segments) == (8, ())
    assert {window.label for window in timeline.windows} == {None}
    assert {window.speech for window in timeline.windows} == {0.0}
    assert codes(timeline) == {"silent", "no_speech"}
    assert (timeline.summary.speech, timeline.summary.changes) == (0, 0)
    assert_sound(timeline)


def test_noise_is_no_speech_and_not_silent(hearing: Recognizer) -> None:
    noise = 0.1 * np.random.default_rng(0).standard_normal(10 * RATE)
    timeline = hearing.timeline((noise, RATE))
    assert timeline.segments == ()
    assert "no_speech" in codes(timeline)
    assert "silent" not in codes(timeline)


def test_click_in_silence_is_not_silent(hearing: Recognizer) -> None:
    samples = np.zeros(60 * RATE, dtype=np.float32)
    samples[17 * RATE] = 0.5  # in no excerpt, perhaps
    found = codes(hearing.timeline((samples, RATE), window=0.5, hop=0.5))
    assert "no_speech" in found
    assert "silent" not in found


def test_pause_is_no_window_and_parts_segments(hearing: Recognizer) -> None:
    voice = speech_like(8.0, seed=1)
    samples = np.concatenate([voice, np.zeros(8 * RATE, dtype=np.float32), voice])
    timeline = hearing.timeline((samples, RATE))
    silent = [window for window in timeline.windows if window.label is None]
    assert all(window.start >= 7.5 and window.end <= 16.5 for window in silent)
    assert len(silent) >= 5
    assert not any(one.start < 15.5 and one.end > 8.5 for one in timeline.segments)
    assert {one.end <= 8.5 for one in timeline.segments} == {True, False}


def test_two_voices_change_the_segment(recognizer: Recognizer) -> None:
    """Where a clip of each alone has another label, so have the halves of both."""
    clips = {seed: speech_like(15.0, seed=seed) for seed in range(12)}
    judged = {seed: recognizer.predict((clips[seed], RATE)) for seed in clips}
    first = max(judged, key=lambda seed: judged[seed].confidence)
    others = [seed for seed in judged if judged[seed].label != judged[first].label]
    second = max(others, key=lambda seed: judged[seed].confidence)
    both = np.concatenate([clips[first], clips[second]])
    timeline = recognizer.timeline((both, RATE))
    longest: dict[str | None, float] = {}
    for half in (True, False):
        for segment in timeline.segments:
            if (segment.end <= 16.5) == half:
                label = segment.label
                longest[label] = longest.get(label, 0.0) + segment.duration
    assert judged[first].label in longest
    assert judged[second].label in longest
    assert timeline.summary.changes >= 1


@pytest.mark.parametrize("kind", ["path", "text", "bytes", "file", "array", "pipe"])
def test_every_kind_of_source_is_the_same(
    recognizer: Recognizer, tmp_path: Path, kind: str
) -> None:
    class Pipe(io.RawIOBase):
        def __init__(self, content: bytes) -> None:
            self._file = io.BytesIO(content)

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            return self._file.readinto(buffer)

    samples = talk(7.3, seed=2)
    path = tmp_path / "talk.wav"
    soundfile.write(path, samples, RATE, subtype="FLOAT")
    content = path.read_bytes()
    source: Any = {
        "path": path,
        "text": str(path),
        "bytes": content,
        "file": io.BytesIO(content),
        "array": (samples, RATE),
        "pipe": Pipe(content),
    }[kind]
    timeline = recognizer.timeline(source, adapt=True)
    expected = recognizer.timeline(path, adapt=True)
    assert_same(timeline.windows, expected.windows)
    assert timeline.segments == expected.segments
    assert timeline.file == (str(path) if kind in ("path", "text") else None)
    assert (timeline.waveform == expected.waveform).all()


@pytest.mark.parametrize(
    ("container", "codec", "video"),
    [("mp4", "aac", "mpeg4"), ("webm", "libopus", None), ("matroska", "pcm_s16le", "mpeg4")],
)
def test_video_is_heard(
    recognizer: Recognizer, tmp_path: Path, container: str, codec: str, video: str | None
) -> None:
    path = media(tmp_path / "film.bin", container, codec, video=video)
    for adapt in (False, True):
        timeline = recognizer.timeline(path, window=0.5, hop=0.25, adapt=adapt)
        assert timeline.duration == pytest.approx(1.0, abs=0.07)
        assert len(timeline.windows) in (3, 4)  # a codec adds some milliseconds
        assert_sound(timeline)


@pytest.mark.parametrize("rate", [8_000, 192_000])
def test_other_rates_are_resampled(recognizer: Recognizer, rate: int) -> None:
    samples = resample(speech_like(3.5, seed=1), RATE, rate)
    timeline = recognizer.timeline((samples, rate))
    assert len(timeline.windows) == 2
    assert timeline.windows[-1].end == pytest.approx(3.5, abs=1e-4)
    assert ("narrow_band" in codes(timeline)) == (rate == 8_000)


@pytest.mark.parametrize("format", ["WAV", "FLAC", "MP3", "OGG"])
def test_blocks_and_passes_do_not_matter(
    recognizer: Recognizer, monkeypatch: pytest.MonkeyPatch, format: str
) -> None:
    content = encoded(talk(9.0, 44_100, seed=6), 44_100, format=format)
    whole = recognizer.timeline(content, adapt=True)
    monkeypatch.setattr(serein.audio.readers, "BLOCK_SAMPLES", 12_347)
    blocks = recognizer.timeline(content, adapt=True)
    # The profile is rounded otherwise, as its windows are run in other batches.
    assert_same(blocks.windows, whole.windows, tolerance=1e-4)
    assert_same(blocks.segments, whole.segments, tolerance=1e-4)
    assert (blocks.waveform == whole.waveform).all()


@pytest.mark.parametrize("adapt", [False, True])
def test_of_channels_that_cancel_the_louder_is_judged(recognizer: Recognizer, adapt: bool) -> None:
    samples = talk(7.0, seed=3)
    opposed = np.stack([-0.9 * samples, samples], axis=1)
    timeline = recognizer.timeline((opposed, RATE), adapt=adapt)
    alone = recognizer.timeline((samples, RATE), adapt=adapt)
    assert_same(timeline.windows, alone.windows)
    assert timeline.segments == alone.segments
    assert codes(timeline) - codes(alone) == {"multichannel", "out_of_phase"}
    assert (timeline.waveform == alone.waveform).all()


def test_channels_are_averaged(recognizer: Recognizer) -> None:
    left, right = talk(5.0, seed=3), talk(5.0, seed=4)
    timeline = recognizer.timeline((np.stack([left, right], axis=1), RATE))
    assert_same(timeline.windows, recognizer.timeline(((left + right) / 2, RATE)).windows)
    assert "multichannel" in codes(timeline)


@pytest.mark.parametrize("format", ["WAV", "FLAC", "MP3"])
@pytest.mark.parametrize("adapt", [False, True])
def test_file_cut_short_is_judged_as_far_as_it_goes(
    recognizer: Recognizer, tmp_path: Path, format: str, adapt: bool
) -> None:
    content = encoded(talk(12.0, seed=5), RATE, format=format)
    path = tmp_path / "cut.bin"
    path.write_bytes(content[: 2 * len(content) // 3])
    timeline = recognizer.timeline(path, adapt=adapt)
    assert 6.0 < timeline.duration < 9.5
    assert len(timeline.windows) >= 4
    if format != "MP3":  # which has no length in it, as libsndfile writes it
        assert "truncated" in codes(timeline)
    path.write_bytes(content[:600])
    with pytest.raises((Truncated, NotAudio, EmptyFile)) as caught:
        recognizer.timeline(path, adapt=adapt)
    assert caught.value.file == str(path)


def clipped() -> tuple[npt.NDArray[Any], int]:
    return np.clip(20 * speech_like(4.0), -1, 1), RATE


def quiet() -> tuple[npt.NDArray[Any], int]:
    return speech_like(4.0, level=0.002), RATE


def noisy() -> tuple[npt.NDArray[Any], int]:
    return speech_like(4.0) + 0.3 * np.random.default_rng(1).standard_normal(4 * RATE), RATE


def long() -> tuple[npt.NDArray[Any], int]:
    return np.tile(speech_like(4.0), 9), RATE


@pytest.mark.parametrize(
    ("make", "expected"),
    [(clipped, "clipped"), (quiet, "too_quiet"), (noisy, "noisy"), (long, None)],
)
def test_what_is_doubtful_is_warned_of(
    recognizer: Recognizer, make: Make, expected: str | None
) -> None:
    timeline = recognizer.timeline(make())
    assert expected is None or expected in codes(timeline)
    assert "too_long" not in codes(timeline)  # that is what a time line is for
    assert expected is not None or codes(timeline) == set()


# --- what fails -------------------------------------------------------------------------------


@pytest.mark.parametrize("adapt", [False, True])
def test_file_without_a_sample_is_empty(
    recognizer: Recognizer, tmp_path: Path, adapt: bool
) -> None:
    path = tmp_path / "none.wav"
    soundfile.write(path, np.zeros(0), RATE)
    for source in (path, path.read_bytes(), (np.zeros(0), RATE)):
        with pytest.raises(EmptyFile) as caught:
            recognizer.timeline(source, adapt=adapt)
        assert caught.value.file == (str(path) if source is path else None)


def test_error_carries_the_name_of_the_file(recognizer: Recognizer, tmp_path: Path) -> None:
    text = tmp_path / "text.wav"
    text.write_text("No sound is in these words.\n" * 40, encoding="utf-8")
    poisoned = tmp_path / "nan.wav"
    samples = speech_like(6.0)
    samples[80_000] = np.nan
    soundfile.write(poisoned, samples, RATE, subtype="FLOAT")
    kinds: dict[Path, type[SereinError]] = {
        text: NotAudio,
        poisoned: NotFinite,
        tmp_path / "nothing.wav": NotFound,
    }
    for path, kind in kinds.items():
        with pytest.raises(kind) as caught:
            recognizer.timeline(path)
        assert caught.value.file == str(path)
    with pytest.raises(NotFinite) as caught:
        recognizer.timeline(poisoned.read_bytes())
    assert caught.value.file is None


@pytest.mark.parametrize("error", [ValueError("ours"), RuntimeError("ours"), OSError("ours")])
def test_fault_of_our_own_is_not_blamed_on_the_file(
    recognizer: Recognizer, tmp_path: Path, error: Exception
) -> None:
    path = tmp_path / "talk.wav"
    soundfile.write(path, speech_like(4.0), RATE)

    def fail(*_: object) -> None:
        raise error

    with pytest.raises(type(error), match="ours") as caught:
        recognizer.timeline(path, progress=fail)
    assert not isinstance(caught.value, SereinError)


def test_what_cannot_be_meant_is_refused_before_anything_is_read(
    recognizer: Recognizer, enrolled: serein.SpeakerProfile
) -> None:
    refused: list[tuple[dict[str, Any], str]] = [
        ({"window": 0.1}, "a window has"),
        ({"hop": 5.0}, "a hop has"),
        ({"detector": "ears"}, "there are model, level, silero"),
        ({"detector": "model"}, "does not tell speech from other sounds"),
        ({"turns": "meeting.rttm"}, "read the file with serein.read_turns"),
    ]
    for options, message in refused:
        with pytest.raises(ArgumentInvalid, match=message):
            recognizer.timeline("nothing.wav", **options)
    with pytest.raises(ProfileInvalid):
        recognizer.timeline("nothing.wav", speaker=enrolled)


def test_limits_hold_where_they_are_given(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = (speech_like(4.0), RATE)
    strict = serein.load(folders["network"], limits=Limits(max_seconds=3.0))
    with pytest.raises(TooLongDuration):
        strict.timeline(source)
    small = serein.load(folders["network"], limits=Limits(max_bytes=1_000))
    with pytest.raises(TooLarge):
        small.timeline(encoded(source[0], RATE))
    # Those of `predict` do not count: an hour of silence at a low rate is far over a minute.
    monkeypatch.setattr(Limits.__init__, "__defaults__", (2 * 1024**3, 60.0))
    silence = (np.zeros(3600 * 1_000, dtype=np.int8), 1_000)
    bare = serein.load(folders["network"])
    with pytest.raises(TooLongDuration):
        bare.predict(silence)
    timeline = bare.timeline(silence, window=30.0, hop=30.0)
    assert (timeline.duration, len(timeline.windows)) == (3600.0, 120)


# --- turns ------------------------------------------------------------------------------------


def test_windows_lie_within_turns_and_name_who_speaks(hearing: Recognizer) -> None:
    samples = np.concatenate([speech_like(6.0, seed=1), speech_like(6.0, seed=2)])
    turns = [
        Turn(0.5, 5.5, "Anna"),
        Turn(5.0, 9.0, "Bob"),  # into Anna's
        Turn(5.0, 9.0, "Cy"),  # all of Bob's
        Turn(9.1, 9.3, "Anna"),
        Turn(10.0, 11.0),
        Turn(20.0, 30.0, "Dan"),  # after the end
    ]
    timeline = hearing.timeline((samples, RATE), turns=turns)
    found = [(one.start, one.end, one.speaker) for one in timeline.windows]
    assert found == [
        (0.5, 3.5, "Anna"),
        (1.5, 4.5, "Anna"),
        (2.5, 5.5, "Anna"),
        (5.0, 8.0, "Bob"),
        (5.0, 8.0, "Cy"),
        (6.0, 9.0, "Bob"),
        (6.0, 9.0, "Cy"),
        (9.1, 9.3, "Anna"),
        (10.0, 11.0, None),
    ]
    for window in timeline.windows:
        part = samples[round(window.start * RATE) : round(window.end * RATE)]
        alone = hearing.predict((part, RATE))
        assert window.speech == pytest.approx(alone.speech, abs=1e-5)
        assert window.label in (alone.label, None)
    assert set(timeline.speakers) == {"Anna", "Bob", "Cy"}
    assert_sound(timeline)
    for segment in timeline.segments:
        assert any(
            turn.start <= segment.start and segment.end <= turn.end
            for turn in turns
            if turn.speaker == segment.speaker
        )
    bob, cy = (
        [(one.start, one.end, one.label) for one in timeline.segments if one.speaker == name]
        for name in ("Bob", "Cy")
    )
    assert bob == cy != []


@pytest.mark.parametrize("end", [9.0, 10.0, 400.0])
def test_last_turn_is_cut_where_the_recording_ends(recognizer: Recognizer, end: float) -> None:
    """As if it ended there: shorter than half a window, it is still a window."""
    samples = speech_like(9.0, seed=1)
    turns = [Turn(0.0, 5.0, "Anna"), Turn(5.0, 7.0, "Anna"), Turn(8.0, end, "Anna")]
    timeline = recognizer.timeline((samples, RATE), turns=turns)
    found = [(one.start, one.end) for one in timeline.windows]
    assert found == [(0, 3), (1, 4), (2, 5), (5, 7), (8, 9)]
    assert timeline.segments[-1].end == 9.0


@pytest.mark.parametrize("turns", [[], [Turn(20.0, 30.0, "Anna")]])
def test_turns_that_hold_nothing(recognizer: Recognizer, turns: list[Turn]) -> None:
    for adapt in (False, True):
        timeline = recognizer.timeline((speech_like(5.0), RATE), turns=turns, adapt=adapt)
        assert (len(timeline.windows), timeline.segments, timeline.enrolled) == (0, (), False)
        assert codes(timeline) == {"no_speech"}  # and not silent
        assert timeline.duration == 5.0


# --- progress and memory ----------------------------------------------------------------------


@pytest.mark.parametrize("opposed", [False, True])
@pytest.mark.parametrize("adapt", [False, True])
def test_progress_rises_to_its_total(
    recognizer: Recognizer, monkeypatch: pytest.MonkeyPatch, adapt: bool, opposed: bool
) -> None:
    monkeypatch.setattr(serein.audio.readers, "BLOCK_SAMPLES", 10_000)
    samples = talk(5.0, seed=1)
    told: list[tuple[float, float | None]] = []
    source = encoded(np.stack([samples, -samples], axis=1) if opposed else samples, RATE)
    recognizer.timeline(source, adapt=adapt, progress=lambda *now: told.append(now))
    done = [seconds for seconds, _ in told]
    assert done == sorted(done)
    assert len(done) > 7
    assert all(total is not None and seconds <= total for seconds, total in told)
    assert {round(total or 0, 3) for _, total in told} <= {5.0, 10.0, 15.0}
    passes = 1 + adapt + opposed
    assert done[-1] == told[-1][1] == pytest.approx(5.0 * passes)
    assert told[0][1] == pytest.approx(5.0 * (1 + adapt))


def test_memory_does_not_grow_with_the_recording(
    recognizer: Recognizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serein.audio.readers, "BLOCK_SAMPLES", 1 << 16)
    minute = talk(60.0, seed=4)
    peaks = []
    for minutes in (1, 4):
        path = tmp_path / f"{minutes}.wav"
        soundfile.write(path, np.tile(minute, minutes), RATE)
        tracemalloc.start()
        try:
            recognizer.timeline(path, window=3.0, hop=3.0)
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    # Three minutes more of samples would be 11.5 MB; of windows they are a few kilobytes.
    assert peaks[1] < peaks[0] + 1_000_000


def test_model_that_judges_no_sex_says_none(tmp_path: Path) -> None:
    recognizer = serein.load(build_bundle(tmp_path / "sexless", sex=False))
    timeline = recognizer.timeline((speech_like(5.0), RATE))
    assert {one.sex for one in (*timeline.windows, *timeline.segments)} == {None}
    assert len(timeline.segments) >= 1
