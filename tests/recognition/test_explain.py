"""Explanations: true to what was heard, the same at every gain, and asked for or absent."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

import serein
from serein.bundle import Bundle
from serein.explanation import Explanation, Prosody
from serein.features import FeatureSpec
from serein.features.prosody import ProsodyReference, measure_prosody
from serein.recognition import Recognizer, SpeakerProfile
from serein.recognition.explain import explain_judgement
from tests.builders import build_bundle, speech_like, tone

RATE = 16_000
FloatArray = npt.NDArray[np.float32]

ORDINARY = Prosody(200.0, 8.0, -20.0, 20.0, 4.0, 0.6)
USUAL = replace(ORDINARY, level=None)
WOMEN = ProsodyReference(100, USUAL, {"pitch": 4.0, "tempo": 10.0})
MEN = ProsodyReference(100, replace(USUAL, pitch=100.0), {"pitch": 4.0})
FEMALE = {"female": 0.9, "male": 0.1}


def told(prosody: Prosody, **changes: Any) -> Explanation:
    """An explanation without attention, of a voice that is judged female."""
    given: dict[str, Any] = {
        "duration": 2.0,
        "speech": True,
        "sex": FEMALE,
        "speaker": None,
        "known": {"female": WOMEN, "male": MEN},
    }
    return explain_judgement([], prosody, **(given | changes))


def explained(recognizer: Recognizer, source: Any, **options: Any) -> Explanation:
    found = recognizer.predict(source, explain=True, **options).explanation
    assert found is not None
    return found


def knowing(recognizer: Recognizer) -> Recognizer:
    """The same model, which knows what is usual."""
    bundle = recognizer.bundle
    known = {"female": WOMEN, "male": MEN}
    return Recognizer(Bundle(bundle.folder, replace(bundle.manifest, prosody=known)))


# --- sentences --------------------------------------------------------------------------------


def test_each_measure_is_compared_in_its_own_words() -> None:
    voice = Prosody(200.0 * 2 ** (4 / 12), 12.4, -20.0, 16.0, 5.0, 0.45)
    found = told(voice)
    assert found.compared_with == "female"
    assert found.usual == USUAL
    assert found.sentences == (
        "The model does not say which moments weighed most.",
        "The voice is 4 semitones higher than usual for the women in the training data "
        "(median pitch 252 Hz).",
        "The pitch range is 4 semitones wider than usual (pitch range 12 semitones).",
        "The loudness range is 4 dB narrower than usual (loudness range 16 dB).",
        "The tempo is 25 % faster than usual (5.0 syllable-like peaks a second).",
        "The voiced share is 15 percentage points smaller than usual (voiced 45 % of the time).",
    )


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"pitch": 100.0}, "The voice is 12 semitones lower than usual"),
        ({"pitch_range": 5.0}, "The pitch range is 3 semitones narrower than usual"),
        ({"dynamics": 26.0}, "The loudness range is 6 dB wider than usual"),
        ({"tempo": 3.0}, "The tempo is 25 % slower than usual"),
        ({"voiced_share": 0.7}, "The voiced share is 10 percentage points larger than usual"),
    ],
)
def test_what_differs_is_said_and_the_rest_is_as_usual(
    change: dict[str, float], sentence: str
) -> None:
    _, different, ordinary = told(replace(ORDINARY, **change)).sentences
    assert different.startswith(f"{sentence} for the women in the training data (")
    assert ordinary.startswith("About as usual: ")
    assert ordinary.count(",") == 3


def test_differences_within_the_spread_are_usual() -> None:
    usual = told(replace(ORDINARY, pitch=200.0 * 2 ** (1.9 / 12)))
    assert usual.sentences[1].startswith("About as usual for the women in the training data: ")
    assert len(usual.sentences) == 2
    assert "higher" in told(replace(ORDINARY, pitch=200.0 * 2 ** (2.1 / 12))).sentences[1]


def test_other_sex_other_reference() -> None:
    found = told(ORDINARY, sex={"female": 0.1, "male": 0.9})
    assert found.compared_with == "male"
    assert "12 semitones higher than usual for the men" in found.sentences[1]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"sex": {"female": 0.6, "male": 0.4}}, "a woman or a man is not clear"),
        ({"sex": None}, "does not judge the sex"),
        ({"known": {}}, "does not know what is usual"),
        ({"known": {}, "sex": None}, "does not know what is usual"),
        ({"known": {"male": MEN}}, "does not know what is usual"),
    ],
)
def test_where_nothing_can_be_compared_it_is_measured(change: dict[str, Any], why: str) -> None:
    found = told(ORDINARY, **change)
    assert (found.compared_with, found.usual) == (None, None)
    _, measured, reason = found.sentences
    assert measured == (
        "Measured: median pitch 200 Hz, pitch range 8 semitones, loudness range 20 dB, "
        "4.0 syllable-like peaks a second, voiced 60 % of the time."
    )
    assert why in reason


def test_what_cannot_be_measured_is_not_compared() -> None:
    found = told(Prosody(level=-20.0, tempo=4.0, voiced_share=0.0))
    assert not any("pitch range" in sentence for sentence in found.sentences)
    assert "nothing is said of the pitch" in found.sentences[-1]


@pytest.mark.parametrize("change", [{"speech": False}, {"prosody": Prosody()}])
def test_without_speech_there_is_nothing_to_tell(change: dict[str, Any]) -> None:
    found = told(change.pop("prosody", ORDINARY), **change)
    assert found.sentences == ("There is no speech in the recording to describe.",)


# --- from the recogniser ----------------------------------------------------------------------


def test_only_where_it_is_asked_for(recognizer: Recognizer) -> None:
    source = (speech_like(1.5), RATE)
    plain = recognizer.predict(source)
    assert plain.explanation is None
    assert "explanation" not in plain.as_dict()
    asked = recognizer.predict(source, explain=True)
    # The judgement itself is the same.
    assert replace(asked, explanation=None) == plain
    (many,) = recognizer.predict_many([source], explain=True)
    assert many == asked


def test_json_and_pickle_hold_all_of_it(recognizer: Recognizer) -> None:
    source = (speech_like(1.5), RATE)
    profile = recognizer.enroll([source])
    for found in (
        recognizer.predict(source, explain=True),
        recognizer.predict(source, explain=True, speaker=profile),
    ):
        assert pickle.loads(pickle.dumps(found)) == found
        value = json.loads(json.dumps(found.as_dict(), allow_nan=False))["explanation"]
        assert value == found.as_dict()["explanation"]
        assert found.explanation is not None
        assert list(value) == [
            "attention",
            "moments",
            "prosody",
            "compared_with",
            "usual",
            "sentences",
        ]
        assert value["sentences"] == list(found.explanation.sentences)
        assert sum(value["attention"]["weights"]) == pytest.approx(1.0)
        assert value["prosody"] == found.explanation.prosody.as_dict()


def test_attention_is_the_models_own_on_the_time_of_the_recording(recognizer: Recognizer) -> None:
    # The made-up model attends to the loudest frame.
    quiet, loud = speech_like(1.0, level=0.05), tone(200.0, 0.3, level=0.8)
    samples = np.concatenate([np.zeros(RATE, np.float32), quiet, loud, quiet])
    found = explained(recognizer, (samples, RATE))
    assert found.attention is not None
    weights = np.array(found.attention.weights)
    times = found.attention.hop * (np.arange(len(weights)) + 0.5)
    assert len(weights) == round(samples.size / RATE / found.attention.hop)
    assert weights[(times > 2.0) & (times < 2.3)].sum() > 0.9
    assert weights[times < 0.85].sum() == 0.0  # trimmed
    (moment,) = found.moments
    assert (moment.start, moment.end) == pytest.approx((2.0, 2.3), abs=0.16)
    assert f"listened most to {moment.start:.2f} to {moment.end:.2f} s" in found.sentences[0]


def test_attention_of_a_long_recording_is_that_of_its_pieces(recognizer: Recognizer) -> None:
    piece = speech_like(10.0, seed=4)
    samples = np.concatenate([piece, piece, np.zeros(10 * RATE, np.float32), piece])
    found = explained(recognizer, (samples, RATE)).attention
    single = explained(recognizer, (piece, RATE)).attention
    assert found is not None
    assert single is not None
    weights = np.array(found.weights).reshape(4, -1)
    np.testing.assert_allclose(weights[2], 0.0, atol=1e-9)
    for row in (0, 1, 3):
        np.testing.assert_allclose(3 * weights[row], single.weights, atol=1e-5)


def test_model_without_attention_says_so(folders: dict[str, Path]) -> None:
    found = explained(serein.load(folders["classical"]), (speech_like(1.5), RATE))
    assert (found.attention, found.moments) == (None, ())
    assert found.prosody.pitch is not None
    assert found.sentences[0] == "The model does not say which moments weighed most."


def test_attention_to_padding_is_left_out(tmp_path: Path) -> None:
    spec = FeatureSpec(kind="log_mel", bands=24, frames=300)
    recognizer = serein.load(build_bundle(tmp_path, features=spec))
    samples = np.concatenate([speech_like(0.6, level=0.05), tone(200.0, 0.2, level=0.8)])
    found = explained(recognizer, (np.concatenate([samples, samples[:3_200]]), RATE)).attention
    assert found is not None
    weights = np.array(found.weights)
    # The model is given 3 s, of which 1 s is sound.
    assert len(weights) == 20
    assert weights.sum() == pytest.approx(1.0)
    assert weights[12:16].sum() > 0.8


@given(gain=st.sampled_from([-30.0, -12.0, -3.0, 3.0]), seed=st.integers(0, 6))
@settings(max_examples=10, deadline=None)
def test_gain_changes_no_sentence_of_an_unknown_speaker(
    recognizer: Recognizer, gain: float, seed: int
) -> None:
    model = knowing(recognizer)
    samples = speech_like(1.5, seed=seed)
    louder = samples * np.float32(10 ** (gain / 20))
    one, other = explained(model, (samples, RATE)), explained(model, (louder, RATE))
    assert one.sentences == other.sentences
    assert [moment.start for moment in one.moments] == [moment.start for moment in other.moments]
    assert one.prosody.level is not None
    assert other.prosody.level == pytest.approx(one.prosody.level + gain, abs=0.01)


def test_voice_is_compared_with_its_own_profile(recognizer: Recognizer) -> None:
    samples = speech_like(2.0, seed=2, level=0.05)
    profile = recognizer.enroll([(samples, RATE)])
    same = explained(recognizer, (samples, RATE), speaker=profile)
    assert same.compared_with == "speaker"
    assert same.usual is not None
    assert same.usual.as_dict() == pytest.approx(same.prosody.as_dict(), abs=1e-3)
    assert same.sentences[1].startswith("About as usual for this speaker: median pitch")
    louder = explained(recognizer, (4 * samples, RATE), speaker=profile)
    assert louder.sentences[1].startswith(
        "The recording is 12 dB louder than usual for this speaker (level "
    )
    # Played at another speed, everything is as much higher and faster.
    faster = explained(recognizer, (samples, round(RATE * 2 ** (4 / 12))), speaker=profile)
    assert faster.sentences[1].startswith("The voice is 4 semitones higher than usual for this")
    assert any("% faster than usual" in sentence for sentence in faster.sentences)


def test_profile_goes_before_the_training_speakers(recognizer: Recognizer) -> None:
    source = (speech_like(1.5), RATE)
    model = knowing(recognizer)
    profile = model.enroll([source])
    assert explained(model, source, speaker=profile).compared_with == "speaker"
    # A profile of earlier versions says nothing of prosody.
    older = replace(profile, prosody=None)
    assert explained(model, source, speaker=older).compared_with != "speaker"


def test_silence_is_not_described(recognizer: Recognizer) -> None:
    found = explained(recognizer, (np.zeros(RATE, np.float32), RATE))
    assert found.sentences == ("There is no speech in the recording to describe.",)
    assert found.prosody == Prosody()


# --- the profile ------------------------------------------------------------------------------


def test_profile_keeps_what_is_usual_of_its_clips(recognizer: Recognizer, tmp_path: Path) -> None:
    clips = [(speech_like(1.0, seed=seed), RATE) for seed in range(3)]
    silent = (np.zeros(RATE, np.float32), RATE)
    profile = recognizer.enroll([*clips, silent])
    measured = [measure_prosody(samples, sampling_rate=RATE) for samples, _ in clips]
    assert profile.prosody == ProsodyReference.of(measured)
    profile.save(tmp_path / "anna.json")
    assert SpeakerProfile.load(tmp_path / "anna.json").prosody == profile.prosody


def test_profile_without_prosody_still_loads(recognizer: Recognizer, tmp_path: Path) -> None:
    values = recognizer.enroll([(speech_like(1.0), RATE)]).as_dict()
    for older in (
        {key: value for key, value in values.items() if key != "prosody"},
        values | {"prosody": None},
    ):
        assert SpeakerProfile.from_dict(older).prosody is None
    path = tmp_path / "clip.wav"
    soundfile.write(path, speech_like(1.0), RATE)
    profile = SpeakerProfile.from_dict(older)
    assert recognizer.predict(path, speaker=profile).enrolled


@pytest.mark.parametrize("prosody", [5, [], {"clips": 1}, {"clips": 1, "usual": 2, "spread": {}}])
def test_profile_with_damaged_prosody_is_refused(recognizer: Recognizer, prosody: Any) -> None:
    values = recognizer.enroll([(speech_like(1.0), RATE)]).as_dict() | {"prosody": prosody}
    with pytest.raises(serein.SereinError, match="not a speaker profile"):
        SpeakerProfile.from_dict(values)
