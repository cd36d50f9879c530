from __future__ import annotations

import collections
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import soxr

from serein.audio import Recording, Thresholds, decode, inspect, inspect_speech
from tests.audio.sounds import RATE, Array, encoded, voice

GENERATOR = np.random.default_rng(2)
HISS = GENERATOR.standard_normal(2 * RATE).astype(np.float32)
GOOD = voice(2.0) + 1e-4 * HISS


def listen(samples: npt.NDArray[Any], rate: int = RATE) -> Recording:
    return decode((samples, rate), sampling_rate=RATE)


def codes(recording: Recording) -> list[str]:
    return [warning.code for warning in inspect(recording)]


def telephone(samples: Array) -> Array:
    narrow = soxr.resample(samples, RATE, 8_000, quality="HQ")
    wide: Array = soxr.resample(narrow, 8_000, RATE, quality="HQ")
    return wide


CASES = {
    "clipped": [listen(np.clip(6 * GOOD, -1, 1))],
    "silent": [listen(0 * GOOD), listen(1e-5 * GOOD)],
    "too_quiet": [listen(0.002 * GOOD)],
    "too_short": [listen(GOOD[1_600:8_800])],
    "too_long": [listen(np.tile(GOOD, 16))],
    "narrow_band": [listen(telephone(GOOD)), listen(GOOD[::2], 8_000)],
    "noisy": [listen(GOOD + 0.1 * HISS)],
    "multichannel": [listen(np.stack([GOOD, GOOD], axis=1))],
    "truncated": [decode(encoded(GOOD)[:40_000], sampling_rate=RATE)],
}


def test_a_good_recording_has_no_warning() -> None:
    assert inspect(listen(GOOD)) == ()


@pytest.mark.parametrize("code", CASES)
def test_each_warning_comes_alone(code: str) -> None:
    for recording in CASES[code]:
        assert codes(recording) == [code]


def test_out_of_phase() -> None:
    recording = listen(np.stack([GOOD, -GOOD], axis=1))
    assert codes(recording) == ["multichannel", "out_of_phase"]


def test_messages_have_numbers() -> None:
    messages = {code: inspect(found[0])[0].message for code, found in CASES.items()}
    assert "2 channels" in messages["multichannel"]
    assert "32.0 s" in messages["too_long"]
    assert "0.45 s" in messages["too_short"]
    assert all(any(character.isdigit() for character in text) for text in messages.values())
    assert all(text.endswith(".") for text in messages.values())


def test_thresholds_can_be_changed() -> None:
    assert inspect(listen(0 * GOOD), thresholds=Thresholds(silent_peak=-1e9)) != ()
    strict = Thresholds(longest=1.0)
    assert [w.code for w in inspect(listen(GOOD), thresholds=strict)] == ["too_long"]


def test_limits_are_exclusive() -> None:
    recording = listen(GOOD)
    assert codes(replace(recording, duration=0.5)) == []
    assert codes(replace(recording, duration=30.0)) == []
    assert codes(replace(recording, clipped_share=0.001)) == []


def test_a_model_of_eight_kilohertz_has_no_narrow_band() -> None:
    assert inspect(decode((GOOD, RATE), sampling_rate=8_000)) == ()


def test_speech_is_doubted_under_the_threshold() -> None:
    assert inspect_speech(1.0) == inspect_speech(0.5) == ()
    (warning,) = inspect_speech(0.4999)
    assert warning.code == "no_speech"
    strict = Thresholds(speech_probability=0.9)
    (warning,) = inspect_speech(0.5, thresholds=strict)
    assert "50%, under 90%" in warning.message


def test_what_the_model_does_not_listen_to_may_be_missing() -> None:
    recording = decode((GOOD, RATE), sampling_rate=22_050)
    assert codes(recording) == ["narrow_band"]
    assert inspect(recording, highest=8_000.0) == ()
    (warning,) = inspect(recording, highest=9_000.0)
    assert warning.code == "narrow_band"
    assert "up to 9000 Hz; record at 18000 Hz or more" in warning.message


@pytest.mark.corpora
def test_false_alarms_on_real_speech_are_few(corpora_root: Path) -> None:
    found = sorted(corpora_root.rglob("*.opus"))
    clips = found[:: max(1, len(found) // 100)]
    counts: collections.Counter[str] = collections.Counter()
    missed = 0
    for path in clips:
        recording = decode(path, sampling_rate=RATE)
        counts.update(codes(recording))
        missed += "narrow_band" not in codes(listen(telephone(recording.samples)))
    assert missed == 0
    for code in ("narrow_band", "noisy", "clipped"):
        assert counts[code] <= 0.03 * len(clips), counts
