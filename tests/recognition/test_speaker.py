"""Speaker profiles: the algebra against the frames themselves, the shrinkage, and the file."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import serein
from serein.bundle import Bundle, Normalization, Output, Voice
from serein.errors import ArgumentInvalid, NotFound, ProfileInvalid
from serein.features import Features
from serein.recognition import (
    ClipStatistics,
    Recognizer,
    Reference,
    SpeakerProfile,
    clip_statistics,
    judge,
    make_profile,
)
from serein.recognition.speaker import LIMIT
from tests.builders import PRIOR_CLIPS, build_bundle, speech_like

RATE = 16_000
FloatArray = npt.NDArray[np.float32]

RESPONSE = np.array([1.0, 0.0, 2.5], dtype=np.float32)
NORMALIZATION = Normalization(
    np.array([-50.0, 1.0, 3.0], dtype=np.float32), np.array([10.0, 2.0, 0.5], dtype=np.float32), 4.0
)


def clip_of(length: int, level: float, seed: int) -> Features:
    generator = np.random.default_rng(seed)
    values = generator.normal([-40, 2, 5], [8, 1, 0.3], (length, 3)).astype(np.float32)
    return Features(values, level, 0.0)


def profile_of(clips: list[Features]) -> SpeakerProfile:
    statistics = [ClipStatistics.of(clip) for clip in clips]
    return SpeakerProfile.of(statistics, model="tiny:0", gain_response=RESPONSE)


@pytest.fixture(scope="module")
def clips() -> list[tuple[FloatArray, int]]:
    return [(speech_like(1.0, seed=20, level=0.1 * (n + 1))[n * 500 :], RATE) for n in range(4)]


@pytest.fixture
def profile(recognizer: Recognizer, clips: list[tuple[FloatArray, int]]) -> SpeakerProfile:
    return recognizer.enroll(clips)


@pytest.fixture
def profile_of_either(either: Recognizer, clips: list[tuple[FloatArray, int]]) -> SpeakerProfile:
    return either.enroll(clips)


def numbers(recognizer: Recognizer, source: Any, profile: SpeakerProfile | None) -> list[float]:
    return list(recognizer.predict(source, speaker=profile).probabilities.values())


# --- algebra ----------------------------------------------------------------------------------


@given(
    cases=st.lists(
        st.tuples(st.integers(1, 50), st.floats(-50.0, -5.0), st.integers(0, 1000)),
        min_size=1,
        max_size=6,
    )
)
@settings(max_examples=40, deadline=None)
def test_profile_is_that_of_the_frames_themselves(cases: list[tuple[int, float, int]]) -> None:
    clips = [clip_of(*case) for case in cases]
    found = profile_of(clips)
    level = np.mean([clip.level for clip in clips])
    # Every frame at its clip's own level beside the speaker's, every clip weighing the same.
    frames = [clip.values.astype(np.float64) + (clip.level - level) * RESPONSE for clip in clips]
    weights = np.concatenate([np.full(len(part), 1 / len(part)) for part in frames]) / len(clips)
    pooled = np.concatenate(frames)
    mean = weights @ pooled
    variance = weights @ (pooled - mean) ** 2
    assert found.clips == len(clips)
    assert found.level == pytest.approx(level)
    np.testing.assert_allclose(found.mean, mean, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found.variance, variance, rtol=1e-4, atol=1e-4)


def test_clip_many_times_is_the_clip() -> None:
    clip = clip_of(30, -20.0, 1)
    one, many = profile_of([clip]), profile_of([clip] * 5)
    assert (one.clips, many.clips) == (1, 5)
    np.testing.assert_allclose(many.mean, one.mean, rtol=1e-6)
    np.testing.assert_allclose(many.variance, one.variance, rtol=1e-5)


def test_order_of_the_clips_does_not_matter() -> None:
    clips = [clip_of(10 * n + 5, -10.0 * n, n) for n in range(4)]
    one, other = profile_of(clips), profile_of(clips[::-1])
    np.testing.assert_allclose(one.mean, other.mean, rtol=1e-6)
    np.testing.assert_allclose(one.variance, other.variance, rtol=1e-5)


def test_no_clip_makes_no_profile() -> None:
    with pytest.raises(ArgumentInvalid, match="at least one clip"):
        profile_of([])


# --- shrinkage --------------------------------------------------------------------------------


def test_unknown_speaker_has_the_reference_of_the_training() -> None:
    reference = Reference.of(NORMALIZATION, None)
    np.testing.assert_array_equal(reference.mean, NORMALIZATION.mean)
    np.testing.assert_array_equal(reference.std, NORMALIZATION.std)
    assert reference.level is None
    clip = clip_of(20, -35.0, 3)
    expected = (clip.values - NORMALIZATION.mean) / NORMALIZATION.std
    np.testing.assert_array_equal(reference.normalize(clip, RESPONSE), expected)


@pytest.mark.parametrize("count", [1, 4, 12])
def test_reference_is_the_mean_of_the_prior_and_the_speaker(count: int) -> None:
    profile = replace(profile_of([clip_of(50, -20.0, 5)]), clips=count)
    reference = Reference.of(NORMALIZATION, profile)
    weight = count / (count + 4.0)
    assert reference.weight == pytest.approx(weight)
    np.testing.assert_allclose(
        reference.mean, weight * profile.mean + (1 - weight) * NORMALIZATION.mean, rtol=1e-5
    )
    np.testing.assert_allclose(
        reference.std**2,
        weight * profile.variance + (1 - weight) * NORMALIZATION.std**2,
        rtol=1e-5,
    )


def test_reference_goes_to_the_speaker_with_the_number_of_clips() -> None:
    profile = profile_of([clip_of(50, -20.0, 5)])
    gaps = []
    for count in (1, 10, 100, 10_000_000):
        reference = Reference.of(NORMALIZATION, replace(profile, clips=count))
        gaps.append(float(np.abs(reference.mean - profile.mean).max()))
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[0] > 1.0
    assert gaps[-1] < 1e-3
    np.testing.assert_allclose(reference.std, np.sqrt(profile.variance), rtol=1e-4)


def test_feature_that_never_varied_does_not_divide_by_zero() -> None:
    still = Features(np.ones((10, 3), dtype=np.float32), -20.0, 0.0)
    profile = replace(profile_of([still]), clips=10_000_000)
    normalized = Reference.of(NORMALIZATION, profile).normalize(still, RESPONSE)
    assert np.isfinite(normalized).all()


def test_features_far_off_are_limited() -> None:
    values = np.array([[-1e6, 1e6, 3.0]], dtype=np.float32)
    normalized = Reference.of(NORMALIZATION, None).normalize(Features(values, -20, 0), RESPONSE)
    np.testing.assert_array_equal(normalized, [[-LIMIT, LIMIT, 0.0]])


def test_enrolled_speakers_clip_keeps_its_level_beside_the_profile() -> None:
    profile = replace(profile_of([clip_of(50, -20.0, 5)]), clips=12)  # weighs 12 / 16
    reference = Reference.of(NORMALIZATION, profile)
    clip = clip_of(20, -20.1, 6)
    loud = reference.normalize(replace(clip, level=-19.9), RESPONSE)
    soft = reference.normalize(clip, RESPONSE)
    assert max(np.abs(loud).max(), np.abs(soft).max()) < LIMIT
    expected = 0.75 * 0.2 * RESPONSE / reference.std
    np.testing.assert_allclose(loud - soft, np.tile(expected, (20, 1)), rtol=1e-3, atol=1e-4)


# --- through the recogniser -------------------------------------------------------------------


def test_profile_changes_the_judgement_and_says_so(
    either: Recognizer, clips: list[tuple[FloatArray, int]]
) -> None:
    profile = either.enroll(clips)
    prediction = either.predict(clips[0], speaker=profile)
    assert prediction.enrolled
    assert sum(prediction.probabilities.values()) == pytest.approx(1.0)
    unknown = numbers(either, clips[0], None)
    assert np.abs(np.array(numbers(either, clips[0], profile)) - unknown).max() > 0.01


def compared_by_features(bundle: Bundle, clip: Features, others: list[Features]) -> Output:
    """What the graph for enrolled speakers gives, its input written out."""
    response, prior = bundle.manifest.features.gain_response, bundle.manifest.normalization
    weight = len(others) / (len(others) + PRIOR_CLIPS)
    level = np.mean([other.level for other in others])
    raised = [other.values + (other.level - level) * response for other in others]
    mean = np.mean([rows.mean(axis=0) for rows in raised], axis=0)
    variance = np.mean([((rows - mean) ** 2).mean(axis=0) for rows in raised], axis=0)
    std = np.sqrt(weight * variance + (1 - weight) * prior.std**2)
    center = weight * mean + (1 - weight) * prior.mean
    values = clip.values + weight * (clip.level - level) * response
    inputs = np.clip((values - center) / std, -LIMIT, LIMIT).astype(np.float32)
    return bundle.run([inputs], mode="enrolled")


def compared_by_descriptions(bundle: Bundle, clip: Features, others: list[Features]) -> Output:
    """The same of a model that describes clips."""
    prior = bundle.manifest.normalization
    plain = [np.clip((c.values - prior.mean) / prior.std, -LIMIT, LIMIT) for c in (clip, *others)]
    descriptions = bundle.run(plain).description
    assert descriptions is not None
    weight = len(others) / (len(others) + PRIOR_CLIPS)
    scale = 1 / np.sqrt(weight * descriptions[1:].var(axis=0) + 1 - weight)
    level = weight * (clip.level - np.mean([other.level for other in others]))
    voice = Voice(
        weight * descriptions[1:].mean(axis=0), scale, np.array([level], dtype=np.float32)
    )
    return bundle.run(plain[:1], speaker=voice, mode="enrolled")


def test_enrolled_judgement_uses_its_own_graph_and_temperature(
    either: Recognizer, clips: list[tuple[FloatArray, int]]
) -> None:
    bundle = either.bundle
    others = [bundle.manifest.features.extract(samples) for samples, _ in clips]
    compared = compared_by_descriptions if bundle.describes else compared_by_features
    logits = compared(bundle, others[1], others).logits[0].astype(np.float64)
    powers = np.exp(logits / bundle.manifest.graphs["enrolled"].temperature)
    found = numbers(either, clips[1], either.enroll(clips))
    np.testing.assert_allclose(found, powers / powers.sum(), atol=1e-4)


def test_batch_of_a_speaker_is_judged_as_its_clips_alone(
    either: Recognizer, clips: list[tuple[FloatArray, int]], profile_of_either: SpeakerProfile
) -> None:
    bundle = either.bundle
    # More than a graph is given at once, of unlike lengths and levels.
    features = [
        bundle.manifest.features.extract(samples[400 * n :])
        for samples, _ in clips
        for n in range(6)
    ]
    together = judge(bundle, features, speaker=profile_of_either)
    for one, clip in zip(together, features, strict=True):
        (alone,) = judge(bundle, [clip], speaker=profile_of_either)
        np.testing.assert_allclose(one.probabilities, alone.probabilities, atol=1e-5)


def test_order_of_the_enrolled_clips_does_not_matter(
    either: Recognizer, clips: list[tuple[FloatArray, int]], profile_of_either: SpeakerProfile
) -> None:
    turned = either.enroll(clips[::-1])
    np.testing.assert_allclose(turned.mean, profile_of_either.mean, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(turned.variance, profile_of_either.variance, rtol=1e-4, atol=1e-5)


def test_description_of_a_clip_knows_nothing_of_a_profile(
    recognizer: Recognizer, clips: list[tuple[FloatArray, int]], profile: SpeakerProfile
) -> None:
    """Or profiles of enrolled clips would be other ones than those of the same clips before."""
    clip = recognizer.bundle.manifest.features.extract(clips[0][0])
    (unknown,) = judge(recognizer.bundle, [clip])
    (enrolled,) = judge(recognizer.bundle, [clip], speaker=profile)
    assert unknown.description is not None
    assert enrolled.description is not None
    np.testing.assert_array_equal(unknown.description, enrolled.description)


def test_profile_of_descriptions_is_their_mean_and_variance(
    recognizer: Recognizer, clips: list[tuple[FloatArray, int]]
) -> None:
    bundle = recognizer.bundle
    features = [bundle.manifest.features.extract(samples) for samples, _ in clips]
    voices = clip_statistics(bundle, features)
    found = make_profile(bundle, voices)
    descriptions = np.array([one.description for one in judge(bundle, features)])
    assert np.ptp([clip.level for clip in features]) > 6  # of which a description is not told
    np.testing.assert_allclose(found.mean, descriptions.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(found.variance, descriptions.var(axis=0), atol=1e-5)
    assert found.clips == len(clips)
    assert found.level == pytest.approx(np.mean([clip.level for clip in features]))
    assert found.mean.size == bundle.profile_size
    with pytest.raises(ArgumentInvalid, match="at least one clip"):
        make_profile(bundle, clip_statistics(bundle, []))


def test_statistics_of_other_models_are_those_of_their_features(
    folders: dict[str, Path], clips: list[tuple[FloatArray, int]]
) -> None:
    for name in ("plain", "classical"):
        bundle = Bundle.load(folders[name])
        features = [bundle.manifest.features.extract(samples) for samples, _ in clips]
        for found, clip in zip(clip_statistics(bundle, features), features, strict=True):
            expected = ClipStatistics.of(clip)
            np.testing.assert_array_equal(found.mean, expected.mean)
            np.testing.assert_array_equal(found.square, expected.square)
        assert bundle.profile_size == bundle.manifest.features.dimensions


def test_profile_of_a_speaker_like_all_others_compares_with_all_others(
    recognizer: Recognizer, clips: list[tuple[FloatArray, int]]
) -> None:
    """Zero mean and unit variance is what all training clips have, however many are of one."""
    clip = recognizer.bundle.manifest.features.extract(clips[0][0])
    size = recognizer.bundle.profile_size
    average = SpeakerProfile(
        recognizer.bundle.fingerprint,
        1,
        clip.level,
        np.zeros(size, dtype=np.float32),
        np.ones(size, dtype=np.float32),
    )
    few, many = (
        judge(recognizer.bundle, [clip], speaker=replace(average, clips=count))[0].probabilities
        for count in (1, 1000)
    )
    np.testing.assert_allclose(few, many, atol=1e-6)


def test_gain_of_the_microphone_cancels_where_all_clips_have_it(
    either: Recognizer, clips: list[tuple[FloatArray, int]]
) -> None:
    half = [(samples * np.float32(0.5), rate) for samples, rate in clips]
    before = numbers(either, clips[2], either.enroll(clips))
    after = numbers(either, half[2], either.enroll(half))
    np.testing.assert_allclose(after, before, atol=1e-3)


def test_clip_is_compared_by_its_level_beside(
    recognizer: Recognizer, clips: list[tuple[FloatArray, int]], profile: SpeakerProfile
) -> None:
    """What a gain changes of a clip is a gain's share of the profile's weight, and no more."""
    bundle = recognizer.bundle
    clip = bundle.manifest.features.extract(clips[0][0])
    loud = bundle.manifest.features.extract(clips[0][0] * np.float32(2.0))
    assert loud.level - clip.level == pytest.approx(20 * np.log10(2), abs=1e-3)
    (found,) = judge(bundle, [loud], speaker=profile)
    told = replace(clip, level=loud.level)
    (expected,) = judge(bundle, [told], speaker=profile)
    np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=1e-4)
    (as_it_was,) = judge(bundle, [clip], speaker=profile)
    assert np.abs(found.probabilities - as_it_was.probabilities).max() > 1e-3
    (unknown,), (same,) = judge(bundle, [clip]), judge(bundle, [told])
    np.testing.assert_array_equal(unknown.probabilities, same.probabilities)


def test_loudness_beside_the_profile_counts(
    recognizer: Recognizer, clips: list[tuple[FloatArray, int]], profile: SpeakerProfile
) -> None:
    samples, rate = clips[0]
    soft, loud = (samples * np.float32(0.1), rate), (samples * np.float32(3.0), rate)
    difference = np.subtract(numbers(recognizer, soft, profile), numbers(recognizer, loud, profile))
    assert np.abs(difference).max() > 0.01


def test_many_are_judged_with_the_profile(
    recognizer: Recognizer, clips: list[tuple[FloatArray, int]], profile: SpeakerProfile
) -> None:
    found = list(recognizer.predict_many(clips, speaker=profile))
    assert found == [recognizer.predict(clip, speaker=profile) for clip in clips]


def test_silent_clips_are_no_part_of_a_profile(
    recognizer: Recognizer, clips: list[tuple[FloatArray, int]], profile: SpeakerProfile
) -> None:
    silence = (np.zeros(RATE, dtype=np.float32), RATE)
    with_silence = recognizer.enroll([silence, *clips, silence])
    assert with_silence.as_dict() == profile.as_dict()
    with pytest.raises(ArgumentInvalid, match="at least one clip that can be judged"):
        recognizer.enroll([silence])
    with pytest.raises(ArgumentInvalid, match="at least one clip"):
        recognizer.enroll([])


def test_bad_clip_is_an_error_of_the_enrolment(
    recognizer: Recognizer, clips: list[tuple[FloatArray, int]], tmp_path: Path
) -> None:
    with pytest.raises(NotFound):
        recognizer.enroll([*clips, tmp_path / "nothing.wav"])


def test_long_clip_counts_by_its_pieces(recognizer: Recognizer) -> None:
    assert recognizer.enroll([(np.tile(speech_like(4.0), 10), RATE)]).clips == 4


# --- the file ---------------------------------------------------------------------------------


def test_profile_survives_its_file_exactly(
    recognizer: Recognizer,
    clips: list[tuple[FloatArray, int]],
    profile: SpeakerProfile,
    tmp_path: Path,
) -> None:
    path = tmp_path / "profile.json"
    profile.save(path)
    found = SpeakerProfile.load(str(path))
    assert found.as_dict() == profile.as_dict()
    for name in ("mean", "variance"):
        assert getattr(found, name).dtype == np.float32
        np.testing.assert_array_equal(getattr(found, name), getattr(profile, name))
    assert numbers(recognizer, clips[0], found) == numbers(recognizer, clips[0], profile)


def test_profile_holds_no_sound(profile: SpeakerProfile) -> None:
    text = json.dumps(profile.as_dict())
    assert set(json.loads(text)) == {
        "format",
        "format_version",
        "model",
        "clips",
        "level",
        "mean",
        "variance",
        "prosody",
    }


def test_profile_of_another_model_is_refused(
    profile: SpeakerProfile, clips: list[tuple[FloatArray, int]], tmp_path: Path
) -> None:
    other = serein.load(build_bundle(tmp_path / "other", seed=9))
    with pytest.raises(ProfileInvalid, match="made with the model 'tiny:"):
        other.predict(clips[0], speaker=profile)
    # A profile is nothing that the audio could be blamed for, but the clips go on.
    (found,) = other.predict_many(clips[:1], speaker=profile)
    assert isinstance(found, ProfileInvalid)


def test_profile_of_another_size_is_refused(
    either: Recognizer, profile_of_either: SpeakerProfile, clips: list[tuple[FloatArray, int]]
) -> None:
    cut = replace(
        profile_of_either, mean=profile_of_either.mean[:5], variance=profile_of_either.variance[:5]
    )
    size = either.bundle.profile_size
    needs = f"5 dimensions, the model '{either.name}' needs {size}; make it anew"
    with pytest.raises(ProfileInvalid, match=needs):
        either.predict(clips[0], speaker=cut)


@pytest.mark.parametrize(
    "change",
    [
        lambda v: v.pop("mean"),
        lambda v: v.pop("format"),
        lambda v: v.update(format="other"),
        lambda v: v.update(format_version=2),
        lambda v: v.update(clips=0),
        lambda v: v.update(clips="many"),
        lambda v: v.update(clips=float("inf")),
        lambda v: v.update(level=float("nan")),
        lambda v: v.update(mean=[1.0]),
        lambda v: v.update(mean=3.0, variance=3.0),
        lambda v: v.update(mean=[[1.0]], variance=[[1.0]]),
        lambda v: v["variance"].__setitem__(0, -1.0),
        lambda v: v["mean"].__setitem__(0, float("nan")),
        lambda v: v["mean"].__setitem__(0, 1e300),
        lambda v: v["mean"].__setitem__(0, "x"),
    ],
)
def test_damaged_profile_is_refused(
    profile: SpeakerProfile, tmp_path: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    values = profile.as_dict()
    change(values)
    path = tmp_path / "profile.json"
    path.write_text(json.dumps(values), encoding="utf-8")
    with pytest.raises(ProfileInvalid, match="serein enroll") as caught:
        SpeakerProfile.load(path)
    assert caught.value.file == str(path)


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"3", b"null", b"\xff\xfe", b"[" * 99_999])
def test_file_that_is_no_profile_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "profile.json"
    path.write_bytes(content)
    with pytest.raises(ProfileInvalid, match="not a speaker profile"):
        SpeakerProfile.load(path)


def test_missing_profile_says_how_to_make_one(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.json", tmp_path):
        with pytest.raises(ProfileInvalid, match="serein enroll"):
            SpeakerProfile.load(path)
