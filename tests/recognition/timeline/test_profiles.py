"""Profiles of those who speak, from the recording itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import serein
from serein.errors import ArgumentInvalid
from serein.recognition import Recognizer, SpeakerProfile, clip_statistics, make_profile
from serein.recognition.timeline.profiles import MOST_CLIPS
from serein.recognition.timeline.results import Window
from serein.recognition.timeline.turns import Turn
from tests.builders import FloatArray, speech_like
from tests.recognition.timeline.recordings import RATE, assert_same, shares, talk


def by_hand(
    recognizer: Recognizer, samples: FloatArray, spans: Sequence[tuple[float, float]]
) -> SpeakerProfile:
    """A profile from these stretches, but for those in which nobody speaks."""
    bundle = recognizer.bundle
    parts = [samples[round(start * RATE) : round(end * RATE)] for start, end in spans]
    spoken = []
    for part in parts:
        told = recognizer.predict((part, RATE)).warnings
        if not {"silent", "no_speech"} & {warning.code for warning in told}:
            spoken.append(bundle.manifest.features.extract(part))
    assert spoken
    return make_profile(bundle, clip_statistics(bundle, spoken))


@pytest.mark.parametrize("kind", ["hearing", "network", "plain", "classical"])
def test_adapting_is_to_enrol_by_windows_side_by_side(
    hearing: Recognizer, folders: dict[str, Any], kind: str
) -> None:
    recognizer = hearing if kind == "hearing" else serein.load(folders[kind])
    samples = talk(20.4, seed=1)
    noise = np.random.default_rng(0).standard_normal(3 * RATE)
    samples[6 * RATE : 9 * RATE] = 0.1 * noise  # a model that can tell leaves it out
    # Of 3 s each; 2.4 s are left, which is more than half.
    spans = [(start, min(start + 3.0, 20.4)) for start in np.arange(0.0, 20.0, 3.0).tolist()]
    profile = by_hand(recognizer, samples, spans)
    adapted = recognizer.timeline((samples, RATE), adapt=True)
    expected = recognizer.timeline((samples, RATE), speaker=profile)
    assert_same(adapted.windows, expected.windows)
    assert_same(adapted.segments, expected.segments)
    assert adapted.enrolled
    plain = recognizer.timeline((samples, RATE))
    assert not plain.enrolled
    assert any(
        shares(one) != pytest.approx(shares(other), abs=1e-3)
        for one, other in zip(adapted.windows, plain.windows, strict=True)
        if one.label is not None
    )


def test_each_speaker_is_compared_with_himself(hearing: Recognizer) -> None:
    low, high = speech_like(6.0, seed=3), speech_like(6.0, seed=8, level=0.1)
    samples = np.concatenate([low, high])
    turns = [Turn(0.0, 6.0, "Anna"), Turn(6.0, 12.0, "Bob")]
    found = hearing.timeline((samples, RATE), turns=turns, adapt=True)
    assert [found.windows[0].speaker, found.windows[-1].speaker] == ["Anna", "Bob"]
    expected: list[Window] = []
    for begin, sound in ((0.0, low), (6.0, high)):
        profile = by_hand(hearing, sound, [(0.0, 3.0), (3.0, 6.0)])
        alone = hearing.timeline((sound, RATE), speaker=profile).windows
        for window, one in zip(
            [window for window in found.windows if begin <= window.start < begin + 6.0],
            alone,
            strict=True,
        ):
            assert window.start == begin + one.start
            assert shares(window) == pytest.approx(shares(one), abs=1e-5)
            expected.append(one)
    assert len(found.windows) == len(expected) == 8


def test_silence_makes_no_profile(hearing: Recognizer) -> None:
    timeline = hearing.timeline((np.zeros(5 * RATE), RATE), adapt=True)
    assert not timeline.enrolled
    assert timeline.segments == ()


def test_speaker_whom_nobody_hears_has_no_profile(hearing: Recognizer) -> None:
    samples = np.concatenate([speech_like(6.0, seed=3), np.zeros(6 * RATE, dtype=np.float32)])
    turns = [Turn(0.0, 6.0, "Anna"), Turn(6.0, 12.0, "Bob")]
    timeline = hearing.timeline((samples, RATE), turns=turns, adapt=True)
    assert timeline.enrolled
    assert {window.speaker for window in timeline.windows} == {"Anna", "Bob"}
    assert {segment.speaker for segment in timeline.segments} == {"Anna"}
    assert timeline.speakers["Bob"].speech == 0


def test_profile_of_a_long_recording_is_taken_evenly(
    hearing: Recognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = []

    def counting(bundle: Any, statistics: Sequence[Any], **options: Any) -> SpeakerProfile:
        counted.append(len(statistics))
        return make_profile(bundle, statistics, **options)

    monkeypatch.setattr("serein.recognition.timeline.profiles.make_profile", counting)
    samples = np.tile(speech_like(5.0), 30)
    hearing.timeline((samples, RATE), window=0.5, hop=0.5, adapt=True)
    assert MOST_CLIPS / 2 <= counted[0] <= MOST_CLIPS


def test_profile_and_adapting_are_refused_together(
    hearing: Recognizer, enrolled: SpeakerProfile
) -> None:
    with pytest.raises(ArgumentInvalid, match="leave one of them out"):
        hearing.timeline("nothing.wav", speaker=enrolled, adapt=True)
