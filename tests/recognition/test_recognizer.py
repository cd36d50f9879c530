"""Prediction: the same whatever the source, the company, the gain and the thread."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

import serein
from serein.audio import Limits, Source
from serein.errors import (
    ArgumentInvalid,
    BundleInvalid,
    NotAudio,
    NotFound,
    SereinError,
    TooLongDuration,
)
from serein.labels import LABEL_SETS, VIEWS
from serein.recognition import Recognizer, judge, softmax
from serein.recognition.speaker import LIMIT
from serein.results import Prediction
from tests.builders import EMBEDDING, LABELS, TEMPERATURES, build_bundle, speech_like

RATE = 16_000
FloatArray = npt.NDArray[np.float32]


def numbers(prediction: Prediction) -> list[float]:
    return list(prediction.probabilities.values())


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    path = tmp_path / "clip.wav"
    soundfile.write(path, speech_like(1.5, seed=3), RATE, subtype="FLOAT")
    return path


# --- what a prediction is ---------------------------------------------------------------------


def test_prediction_is_what_it_is_said_to_be(either: Recognizer, wav: Path) -> None:
    prediction = either.predict(wav)
    assert tuple(prediction.probabilities) == either.labels == LABELS
    assert sum(numbers(prediction)) == pytest.approx(1.0, abs=1e-12)
    assert prediction.confidence == max(numbers(prediction))
    assert prediction.probabilities[prediction.label] == prediction.confidence
    assert prediction.duration == pytest.approx(1.5)
    assert prediction.model == either.name
    assert prediction.file == str(wav)
    assert prediction.warnings == ()
    assert not prediction.enrolled
    if prediction.sex is not None:
        assert list(prediction.sex) == ["female", "male"]
        assert sum(prediction.sex.values()) == pytest.approx(1.0, abs=1e-12)


def test_sex_is_judged_where_the_model_can(folders: dict[str, Path], wav: Path) -> None:
    assert serein.load(folders["network"]).predict(wav).sex is not None
    assert serein.load(folders["classical"]).predict(wav).sex is None


def test_different_voices_are_judged_differently(either: Recognizer) -> None:
    found = [numbers(either.predict((speech_like(1.5, seed=s), RATE))) for s in range(4)]
    spread = np.ptp(np.array(found), axis=0)
    assert spread.max() > 0.1


@pytest.mark.parametrize("view", [view for view in VIEWS if view != "esd"])
def test_every_view_of_a_prediction_sums_to_one(
    recognizer: Recognizer, wav: Path, view: str
) -> None:
    found = recognizer.predict(wav).view(view)
    assert sum(found.probabilities.values()) == pytest.approx(1.0)
    assert found.confidence == max(found.probabilities.values())


PAIRS = LABEL_SETS["sex-emotion"].classes


@pytest.mark.parametrize("sex", [True, False])
def test_model_of_sex_and_emotion(tmp_path: Path, wav: Path, sex: bool) -> None:
    folder = build_bundle(tmp_path, labels=PAIRS, sex=sex, label_set="sex-emotion")
    recognizer = serein.load(folder)
    prediction = recognizer.predict(wav)
    assert tuple(prediction.probabilities) == PAIRS
    assert prediction.label in PAIRS
    # The sex agrees with the pairs, also where the graph says something of its own.
    assert prediction.sex is not None
    for which, probability in prediction.sex.items():
        own = (p for name, p in prediction.probabilities.items() if name.startswith(f"{which}_"))
        assert probability == pytest.approx(sum(own))
    assert prediction.view("sex-emotion").probabilities == prediction.probabilities
    assert prediction.view("sex").probabilities == prediction.sex
    for view in ("all", "sex-emotion", "sex", "three"):
        recognizer.require_view(view)
    with pytest.raises(ArgumentInvalid, match="angry and disgusted as one"):
        recognizer.require_view("seven")


def test_model_of_one_sex_leaves_the_sex_to_its_graph(tmp_path: Path, wav: Path) -> None:
    women = [name for name in PAIRS if name.startswith("female")]
    for sex in (True, False):
        folder = build_bundle(tmp_path / str(sex), labels=women, sex=sex, label_set="sex-emotion")
        recognizer = serein.load(folder)
        assert (recognizer.predict(wav).sex is not None) == sex
    with pytest.raises(ArgumentInvalid, match="judges the speaker's sex"):
        recognizer.require_view("sex")


@pytest.mark.parametrize("view", VIEWS)
def test_view_is_refused_beforehand_as_it_would_be(
    either: Recognizer, wav: Path, view: str
) -> None:
    def refusal(ask: Callable[[], object]) -> str | None:
        try:
            ask()
        except ArgumentInvalid as error:
            return error.message
        return None

    prediction = either.predict(wav)
    assert refusal(lambda: either.require_view(view)) == refusal(lambda: prediction.view(view))


def test_probabilities_are_the_tempered_softmax_of_the_logits(either: Recognizer) -> None:
    samples = speech_like(1.0, seed=5)
    manifest = either.bundle.manifest
    clip = manifest.features.extract(samples)
    inputs = (clip.values - manifest.normalization.mean) / manifest.normalization.std
    inputs = np.clip(inputs, -LIMIT, LIMIT)
    logits = either.bundle.run([inputs]).logits[0].astype(np.float64) / TEMPERATURES["unknown"]
    expected = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(numbers(either.predict((samples, RATE))), expected, atol=1e-6)


@pytest.mark.parametrize("shift", [0.0, 1e4, -1e4])
def test_softmax_neither_overflows_nor_depends_on_a_constant(shift: float) -> None:
    logits = np.array([[1, 2, 3], [0, -800, 800]], dtype=np.float32) + np.float32(shift)
    found = softmax(logits)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found.sum(axis=1), 1.0)
    np.testing.assert_allclose(found[0], np.exp([1, 2, 3]) / np.exp([1, 2, 3]).sum())


def test_model_too_unsure_does_not_decide(tmp_path: Path) -> None:
    clip = (speech_like(1.0, seed=3), RATE)
    timid = serein.load(build_bundle(tmp_path / "timid", minimum_confidence=1.0))
    bold = serein.load(build_bundle(tmp_path / "bold", minimum_confidence=0.0))
    assert not timid.predict(clip).decided
    assert bold.predict(clip).decided
    assert timid.predict(clip).label == bold.predict(clip).label


def test_load_refuses_what_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleInvalid):
        serein.load(tmp_path)
    with pytest.raises(BundleInvalid, match="no model"):
        serein.load(tmp_path / "nothing")


# --- sources ----------------------------------------------------------------------------------


def test_every_kind_of_source_is_judged_alike(either: Recognizer, wav: Path) -> None:
    content = wav.read_bytes()
    samples, rate = soundfile.read(wav, dtype="float32")
    with wav.open("rb") as file:
        found = {
            "path": either.predict(wav),
            "text": either.predict(str(wav)),
            "bytes": either.predict(content),
            "bytearray": either.predict(bytearray(content)),
            "file": either.predict(file),
            "buffer": either.predict(io.BytesIO(content)),
            "array": either.predict((samples, rate)),
            "column": either.predict((samples[:, None], rate)),
            "doubles": either.predict((samples.astype(np.float64), rate)),
        }
    for name, prediction in found.items():
        assert numbers(prediction) == numbers(found["path"]), name
        assert prediction.duration == found["path"].duration, name
        assert prediction.file == (str(wav) if name in {"path", "text"} else None)


def test_file_is_the_path_as_given(
    recognizer: Recognizer, wav: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(wav.parent)
    assert recognizer.predict("clip.wav").file == "clip.wav"
    assert recognizer.predict("./clip.wav").file == "./clip.wav"


def test_error_names_the_file(recognizer: Recognizer, tmp_path: Path) -> None:
    with pytest.raises(NotFound) as caught:
        recognizer.predict(tmp_path / "nothing.wav")
    assert caught.value.file == str(tmp_path / "nothing.wav")


def test_limits_hold_for_predictions(folders: dict[str, Path]) -> None:
    strict = serein.load(folders["network"], limits=Limits(max_seconds=1.0))
    with pytest.raises(TooLongDuration):
        strict.predict((speech_like(1.2), RATE))
    assert strict.predict((speech_like(0.9), RATE)).label in LABELS


# --- company ----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1])
def test_clips_of_a_batch_are_judged_as_each_alone(either: Recognizer, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(20)
    spec = either.bundle.manifest.features
    seconds = np.linspace(0.2, 2.5, 20)
    clips = [spec.extract(speech_like(float(s), seed=n)) for n, s in enumerate(seconds)]
    together = judge(either.bundle, [clips[index] for index in order])
    for position, index in enumerate(order):
        (alone,) = judge(either.bundle, [clips[index]])
        np.testing.assert_allclose(together[position].probabilities, alone.probabilities, atol=1e-5)
        assert together[position].probabilities.argmax() == alone.probabilities.argmax()
        for name in ("sex", "embedding"):
            before, after = getattr(alone, name), getattr(together[position], name)
            assert (before is None) == (after is None)
            if before is not None:
                np.testing.assert_allclose(after, before, atol=1e-4)


def test_many_are_judged_as_each_alone_and_in_order(either: Recognizer) -> None:
    clips = [(speech_like(0.3 + 0.2 * n, seed=n), RATE) for n in range(10)]
    alone = [either.predict(clip) for clip in clips]
    for order in (list(range(10)), list(reversed(range(10)))):
        found = list(either.predict_many([clips[index] for index in order]))
        for prediction, index in zip(found, order, strict=True):
            assert isinstance(prediction, Prediction)
            assert prediction == alone[index]


def test_many_are_judged_lazily(recognizer: Recognizer) -> None:
    taken = []

    def sources() -> Iterator[tuple[FloatArray, int]]:
        for number in range(5):
            taken.append(number)
            yield speech_like(0.6, seed=number), RATE

    predictions = recognizer.predict_many(sources())
    assert taken == []
    next(predictions)
    assert taken == [0]
    next(predictions)
    assert taken == [0, 1]


def test_bad_file_yields_its_error_and_the_others_are_done(
    recognizer: Recognizer, wav: Path, tmp_path: Path
) -> None:
    (tmp_path / "text.wav").write_text("I am no sound.", encoding="utf-8")
    (tmp_path / "empty.wav").write_bytes(b"")
    sources: list[Source] = [
        wav,
        tmp_path / "text.wav",
        str(tmp_path / "nothing.wav"),
        b"no sound either",
        tmp_path / "empty.wav",
        tmp_path,
        (np.full(RATE, np.nan), RATE),
        str(wav),
    ]
    found = list(recognizer.predict_many(sources))
    kinds = [one.code if isinstance(one, SereinError) else "fine" for one in found]
    assert kinds == [
        "fine",
        "not_audio",
        "not_found",
        "not_audio",
        "empty",
        "not_a_file",
        "not_finite",
        "fine",
    ]
    assert isinstance(found[1], NotAudio)
    files = [one.file for one in found]
    assert files[:3] == [str(wav), str(tmp_path / "text.wav"), str(tmp_path / "nothing.wav")]
    assert files[3:] == [None, str(tmp_path / "empty.wav"), str(tmp_path), None, str(wav)]


@pytest.mark.parametrize("single", ["clip.wav", b"RIFF", Path("clip.wav"), bytearray(b"RIFF")])
def test_one_source_is_not_taken_for_many(recognizer: Recognizer, single: object) -> None:
    with pytest.raises(ArgumentInvalid, match="put the one clip into a list"):
        recognizer.predict_many(single)  # type: ignore[arg-type]
    with pytest.raises(ArgumentInvalid, match="put the one clip into a list"):
        recognizer.enroll(single)  # type: ignore[arg-type]


def test_threads_get_the_numbers_of_one_alone(folders: dict[str, Path]) -> None:
    clips = [(speech_like(0.7, seed=seed), RATE) for seed in range(6)]
    expected = [numbers(serein.load(folders["network"]).predict(clip)) for clip in clips]
    fresh = serein.load(folders["network"])  # its session is opened by whoever comes first
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda clip: numbers(fresh.predict(clip)), clips * 3))
    assert found == expected * 3


# --- gain, rate, channels ---------------------------------------------------------------------


@given(gain=st.floats(-40.0, 6.0), seed=st.integers(0, 50))
@settings(max_examples=8, deadline=None)
def test_gain_does_not_change_the_judgement_of_an_unknown_speaker(
    either: Recognizer, gain: float, seed: int
) -> None:
    samples = speech_like(1.0, seed=seed)
    before = either.predict((samples, RATE))
    after = either.predict((samples * np.float32(10 ** (gain / 20)), RATE))
    np.testing.assert_allclose(numbers(after), numbers(before), atol=1e-3)


def test_silence_around_the_clip_does_not_change_the_judgement(recognizer: Recognizer) -> None:
    samples = speech_like(1.5, seed=2)
    # By the whole hop of the frames, so that they see the same samples.
    around = np.concatenate([np.zeros(RATE), samples, np.zeros(RATE)]).astype(np.float32)
    twice = np.concatenate([np.zeros(2 * RATE), samples, np.zeros(2 * RATE)]).astype(np.float32)
    assert numbers(recognizer.predict((around, RATE))) == pytest.approx(
        numbers(recognizer.predict((twice, RATE))), abs=1e-5
    )


def test_channels_that_are_alike_are_judged_as_one(recognizer: Recognizer) -> None:
    samples = speech_like(1.0, seed=8)
    alone = recognizer.predict((samples, RATE))
    for stereo in (np.stack([samples, samples], axis=1), np.stack([samples, samples])):
        both = recognizer.predict((stereo, RATE))
        assert numbers(both) == pytest.approx(numbers(alone), abs=1e-6)
        assert [warning.code for warning in both.warnings] == ["multichannel"]


# --- warnings ---------------------------------------------------------------------------------


def clipped() -> tuple[FloatArray, int]:
    return np.clip(20 * speech_like(1.5), -1, 1), RATE


def silent() -> tuple[FloatArray, int]:
    return np.zeros(RATE, dtype=np.float32), RATE


def quiet() -> tuple[FloatArray, int]:
    return speech_like(1.5, level=0.002), RATE


def short() -> tuple[FloatArray, int]:
    return speech_like(0.3), RATE


def long() -> tuple[FloatArray, int]:
    return np.tile(speech_like(4.0), 8), RATE


def telephone() -> tuple[FloatArray, int]:
    return speech_like(1.5, 8_000), 8_000


def noisy() -> tuple[FloatArray, int]:
    hiss = 0.3 * np.random.default_rng(1).standard_normal(3 * RATE // 2)
    return (speech_like(1.5) + hiss).astype(np.float32), RATE


def stereo() -> tuple[FloatArray, int]:
    return np.stack([speech_like(1.5), speech_like(1.5, seed=1)], axis=1), RATE


def opposed() -> tuple[FloatArray, int]:
    return np.stack([speech_like(1.5), -speech_like(1.5)], axis=1), RATE


@pytest.mark.parametrize(
    ("make", "codes"),
    [
        (clipped, {"clipped"}),
        (silent, {"silent"}),
        (quiet, {"too_quiet"}),
        (short, {"too_short"}),
        (long, {"too_long"}),
        (telephone, {"narrow_band"}),
        (noisy, {"noisy"}),
        (stereo, {"multichannel"}),
        (opposed, {"multichannel", "out_of_phase"}),
    ],
)
def test_doubtful_input_is_judged_with_its_warning(
    recognizer: Recognizer, make: Callable[[], tuple[FloatArray, int]], codes: set[str]
) -> None:
    prediction = recognizer.predict(make())
    assert codes <= {warning.code for warning in prediction.warnings}
    assert all(warning.message for warning in prediction.warnings)
    assert sum(numbers(prediction)) == pytest.approx(1.0)


def test_file_cut_short_is_judged_with_its_warning(recognizer: Recognizer, wav: Path) -> None:
    content = wav.read_bytes()
    prediction = recognizer.predict(content[: len(content) // 2])
    assert "truncated" in {warning.code for warning in prediction.warnings}
    assert prediction.duration < 1.0


@pytest.mark.parametrize("seconds", [0.01, 1.0, 40.0])
def test_silence_is_judged_and_not_decided(tmp_path: Path, seconds: float) -> None:
    bold = serein.load(build_bundle(tmp_path / "bold", minimum_confidence=0.0))
    prediction = bold.predict((np.zeros(round(seconds * RATE)), RATE))
    assert not prediction.decided
    assert "silent" in {warning.code for warning in prediction.warnings}
    assert np.isfinite(numbers(prediction)).all()
    assert prediction.confidence == max(numbers(prediction))


# --- long recordings --------------------------------------------------------------------------


def test_long_recording_is_the_mean_of_its_pieces(either: Recognizer) -> None:
    samples = np.concatenate([speech_like(10.0, seed=seed) for seed in range(3)])
    samples = np.concatenate([samples, speech_like(6.0, seed=3), np.zeros(0, dtype=np.float32)])
    pieces = [samples[begin : begin + 10 * RATE] for begin in range(0, samples.size, 10 * RATE)]
    assert [piece.size / RATE for piece in pieces] == [10, 10, 10, 6]
    spec = either.bundle.manifest.features
    weights = np.array([spec.extract(piece).duration for piece in pieces])
    judged = np.array([numbers(either.predict((piece, RATE))) for piece in pieces])
    expected = weights @ judged / weights.sum()
    prediction = either.predict((samples, RATE))
    np.testing.assert_allclose(numbers(prediction), expected, atol=1e-5)
    assert [warning.code for warning in prediction.warnings] == ["too_long"]
    assert prediction.duration == pytest.approx(36.0)


def test_silent_pieces_of_a_long_recording_do_not_count(recognizer: Recognizer) -> None:
    speech, silence = speech_like(10.0, seed=1), np.zeros(20 * RATE, dtype=np.float32)
    long = recognizer.predict((np.concatenate([speech, silence, speech]), RATE))
    alone = recognizer.predict((speech, RATE))
    np.testing.assert_allclose(numbers(long), numbers(alone), atol=1e-5)


def test_little_rest_of_a_long_recording_is_left_out(recognizer: Recognizer) -> None:
    whole = np.concatenate([speech_like(10.0, seed=seed) for seed in range(4)])
    rest = np.concatenate([whole, speech_like(4.0, seed=9)])
    assert numbers(recognizer.predict((rest, RATE))) == pytest.approx(
        numbers(recognizer.predict((whole, RATE))), abs=1e-6
    )


def test_thirty_seconds_are_still_one_clip(recognizer: Recognizer) -> None:
    prediction = recognizer.predict((np.tile(speech_like(3.0), 10), RATE))
    assert prediction.warnings == ()


# --- embedding --------------------------------------------------------------------------------


def test_embedding_is_that_of_the_graph(recognizer: Recognizer, wav: Path) -> None:
    found = recognizer.embed(wav)
    assert found.dtype == np.float32
    assert found.shape == (EMBEDDING,)
    np.testing.assert_array_equal(found, recognizer.embed(wav.read_bytes()))
    other = recognizer.embed((speech_like(1.5, seed=4), RATE))
    assert np.abs(found - other).max() > 0.1


def test_model_without_embedding_says_so(folders: dict[str, Path], wav: Path) -> None:
    with pytest.raises(ArgumentInvalid, match="has no embedding"):
        serein.load(folders["classical"]).embed(wav)
