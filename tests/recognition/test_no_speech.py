"""Whether a sound is speech at all: heard by models that have learnt it, and never guessed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from scipy.special import expit

import serein
from serein.audio import Thresholds, decode
from serein.bundle import DEFAULT_BUNDLE, Bundle
from serein.corpora.recordings import noise_sources
from serein.errors import ArgumentInvalid
from serein.recognition import Recognizer, Reference, judge
from serein.results import Prediction
from tests.builders import build_bundle, speech_like, tone
from tests.recognition.tunes import pieces

RATE = 16_000
MOST_FALSE_ALARMS = 0.01
CLIPS = 300  # of each corpus

FloatArray = npt.NDArray[np.float32]


def hiss(seconds: float = 2.0) -> FloatArray:
    generator = np.random.default_rng(0)
    return (0.1 * generator.standard_normal(round(seconds * RATE))).astype(np.float32)


def codes(prediction: Prediction) -> list[str]:
    return [warning.code for warning in prediction.warnings]


@pytest.fixture(scope="module")
def hearing(tmp_path_factory: pytest.TempPathFactory) -> Recognizer:
    """One that takes what varies over time for speech."""
    folder = tmp_path_factory.mktemp("hearing")
    return serein.load(build_bundle(folder, speech=True, minimum_confidence=0.0))


# --- any model that can tell -------------------------------------------------------------------


def test_voice_is_speech_and_hiss_is_none(hearing: Recognizer) -> None:
    voice = hearing.predict((speech_like(2.0), RATE))
    assert voice.speech is not None
    assert voice.speech > 0.9
    assert voice.decided
    assert "no_speech" not in codes(voice)
    for sound in (hiss(), tone(220.0, 2.0)):
        found = hearing.predict((sound, RATE))
        assert found.speech is not None
        assert found.speech < 0.1
        assert not found.decided
        assert codes(found).count("no_speech") == 1
        assert found.label == max(found.probabilities, key=lambda name: found.probabilities[name])
        assert found.view("three").probabilities.keys() == {"positive", "neutral", "negative"}
        assert found.as_dict()["speech"] == found.speech


def test_probability_is_the_logistic_function_of_the_logit(hearing: Recognizer) -> None:
    manifest = hearing.bundle.manifest
    spec, reference = manifest.features, Reference.of(manifest.normalization, None)
    for seed in range(3):
        sound = speech_like(1.0, seed=seed) + (0.3 * seed) * hiss(1.0)
        clip = reference.normalize(spec.extract(sound), spec.gain_response)
        output = hearing.bundle.run([clip])
        assert output.speech is not None
        assert output.speech.shape == (1,)
        expected = expit(output.speech.astype(np.float64)[0])
        assert hearing.predict((sound, RATE)).speech == pytest.approx(expected, abs=1e-6)


def test_model_that_cannot_tell_never_warns(recognizer: Recognizer) -> None:
    assert not recognizer.bundle.tells_speech
    for sound in (hiss(), tone(220.0, 2.0), np.zeros(RATE, dtype=np.float32)):
        found = recognizer.predict((sound, RATE))
        assert found.speech is None
        assert found.as_dict()["speech"] is None
        assert "no_speech" not in codes(found)


def test_silence_is_no_speech_whatever_the_model_says(tmp_path: Path) -> None:
    """The faintest voice is one to the model, but nothing that anybody could have heard."""
    hearing = serein.load(build_bundle(tmp_path, speech=True))
    whisper = (1e-5 * speech_like(2.0) / 0.3).astype(np.float32)
    (judgement,) = judge(hearing.bundle, [hearing.bundle.manifest.features.extract(whisper)])
    assert judgement.speech is not None
    assert judgement.speech > 0.5
    for sound in (whisper, np.zeros(RATE, dtype=np.float32)):
        found = hearing.predict((sound, RATE))
        assert found.speech == 0.0
        assert codes(found) == ["silent", "no_speech"]
        assert not found.decided


def test_warning_says_how_likely_speech_is(hearing: Recognizer) -> None:
    found = hearing.predict((hiss(), RATE))
    (warning,) = (one for one in found.warnings if one.code == "no_speech")
    assert f"{found.speech:.0%}, under {Thresholds().speech_probability:.0%}" in warning.message
    assert "Give a recording" in warning.message


def test_long_recording_is_speech_by_all_of_its_pieces(hearing: Recognizer) -> None:
    length = 10 * RATE
    parts = [speech_like(10.0), hiss(10.0), speech_like(10.0, seed=1), hiss(10.0), hiss(8.0)]
    found = hearing.predict((np.concatenate(parts), RATE))
    spec = hearing.bundle.manifest.features
    clips = [spec.extract(part[:length]) for part in parts]
    alone = [one.speech for one in judge(hearing.bundle, clips)]
    weights = [clip.duration for clip in clips]
    expected = sum(w * p for w, p in zip(weights, alone, strict=True) if p) / sum(weights)
    assert 0.2 < expected < 0.5
    assert found.speech == pytest.approx(expected, abs=1e-6)
    assert {"too_long", "no_speech"} <= set(codes(found))


def test_speaker_with_a_profile_is_heard_as_well(hearing: Recognizer) -> None:
    clips = [(speech_like(2.0, seed=seed), RATE) for seed in range(4)]
    profile = hearing.enroll(clips)
    assert "no_speech" not in codes(hearing.predict(clips[0], speaker=profile))
    assert "no_speech" in codes(hearing.predict((hiss(), RATE), speaker=profile))


def test_profile_is_made_of_speech_alone(hearing: Recognizer, recognizer: Recognizer) -> None:
    clips = [(speech_like(2.0, seed=seed), RATE) for seed in range(3)]
    noise = (hiss(), RATE)
    mixed = hearing.enroll([noise, *clips, noise])
    assert mixed.as_dict() == hearing.enroll(clips).as_dict()
    with pytest.raises(ArgumentInvalid, match="at least one clip"):
        hearing.enroll([noise, noise])
    assert recognizer.enroll([noise, *clips]).clips == 4  # who cannot tell takes what there is


@pytest.mark.parametrize(("logit", "expected"), [(-1e6, 0.0), (-750, 0.0), (750, 1.0), (1e6, 1.0)])
def test_no_logit_is_too_large(
    hearing: Recognizer, monkeypatch: pytest.MonkeyPatch, logit: float, expected: float
) -> None:
    sound = (speech_like(1.0), RATE)
    output = hearing.bundle.run([hearing.bundle.manifest.features.extract(sound[0]).values])
    sure = replace(output, speech=np.full(1, logit, dtype=np.float32))
    monkeypatch.setattr(Bundle, "run", lambda *_, **__: sure)
    assert hearing.predict(sound).speech == expected


# --- the model that ships ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def shipped() -> Recognizer:
    return serein.load(DEFAULT_BUNDLE)


@pytest.fixture(scope="module")
def noises(corpora_root: Path) -> list[Path]:
    """Ten recordings that no training took, one of each class of ESC-10."""
    folder = corpora_root.parent / "noise" / "esc-10"
    if not folder.is_dir():
        pytest.skip("real noise is missing (noise/esc-10 beside the corpora)")
    return [paths[0] for _, paths in noise_sources(folder, half="test")]


def test_shipped_model_tells_noise(shipped: Recognizer, noises: list[Path]) -> None:
    assert len(noises) == 10
    heard = [path.parent.name for path in noises if "no_speech" not in codes(shipped.predict(path))]
    assert heard == []


def test_shipped_model_tells_music(shipped: Recognizer) -> None:
    music = dict(pieces())
    assert len(music) == 10
    heard = [
        name
        for name, one in music.items()
        if "no_speech" not in codes(shipped.predict((one, RATE)))
    ]
    assert heard == []


def test_shipped_model_tells_silence_and_the_faintest_noise(shipped: Recognizer) -> None:
    for level in (0.0, 1e-5, 1e-3):
        found = shipped.predict(((10 * level * hiss()).astype(np.float32), RATE))
        assert "no_speech" in codes(found)
        assert not found.decided


@pytest.mark.corpora
@pytest.mark.parametrize("name", ["crema-d", "emovo", "nemo", "ravdess", "tess"])
def test_shipped_model_takes_speech_for_speech(
    shipped: Recognizer, corpora_root: Path, name: str
) -> None:
    found = sorted((corpora_root / name).rglob("*.opus"))
    clips = found[:: max(1, len(found) // CLIPS)]
    bundle, spec = shipped.bundle, shipped.bundle.manifest.features
    assert bundle.tells_speech
    features = [
        spec.extract(decode(path, sampling_rate=spec.sampling_rate).samples) for path in clips
    ]
    least = Thresholds().speech_probability
    missed = [
        path.name
        for path, one in zip(clips, judge(bundle, features), strict=True)
        if one.speech is None or one.speech < least
    ]
    assert len(missed) <= MOST_FALSE_ALARMS * len(clips), missed
