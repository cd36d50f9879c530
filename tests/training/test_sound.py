from __future__ import annotations

import json
import math
import pickle
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats
import soundfile

from serein.audio import active_level, decode
from serein.audio.sources import Samples
from serein.corpora import UtteranceTable
from serein.corpora.recordings import half_of
from serein.errors import ArgumentInvalid, DataInvalid, RecipeInvalid, SereinError
from serein.features import Features, FeatureSpec
from serein.training import extraction
from serein.training.data import Dataset, load_dataset
from serein.training.extraction import Clip, hear
from serein.training.non_speech import non_speech_sounds
from serein.training.recipe import Recipe, load_recipe, recipe_from_dict, with_recordings
from serein.training.sound import RECORDED, SoundChange, SoundChanges, SoundOptions
from serein.training.store import FeatureStore, key_of
from tests.builders import recording_names, speech_like, tone
from tests.training.synthetic import RATE, network_values, utterance

SPEC = FeatureSpec(kind="log_mel", bands=16)
ALL: dict[str, Any] = {
    "white_noise": (5.0, 20.0),
    "background": (0.0, 10.0),
    "shift": (-0.5, 0.5),
    "pitch": (-2.5, 2.5),
    "speed": (0.9, 1.1),
    "tempo": (0.8, 1.2),
    "gain": (-12.0, 6.0),
    "band": (200.0, 3000.0),
    "telephone": True,
    "codecs": ("opus-16", "mp3-32"),
    "rooms": True,
}


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """In each half a source of one noise, another of three, and two rooms."""
    root = tmp_path_factory.mktemp("recordings")
    generator = np.random.default_rng(0)
    counts = {"rain": 1, "street": 3, "rooms": 2}
    for source, number in counts.items():
        (root / source).mkdir()
        for name in recording_names("training", number) + recording_names("test", number):
            sound = 0.1 * generator.standard_normal(RATE // 4)
            if source == "rooms":
                sound *= np.exp(-np.arange(len(sound)) / 700)
            soundfile.write(root / source / f"{name}.wav", sound, RATE)
    return root


@pytest.fixture
def everything(recordings: Path) -> SoundOptions:
    return SoundOptions(copies=3, recordings=str(recordings), **ALL)


@pytest.fixture
def table(tmp_path: Path) -> UtteranceTable:
    return _table(tmp_path / "clips", 4)


def _table(folder: Path, count: int) -> UtteranceTable:
    folder.mkdir()
    for number in range(count):
        soundfile.write(folder / f"{number}.wav", speech_like(0.8, seed=number), RATE)
    clips = [utterance(("happy", "sad")[n % 2], path=f"{n}.wav") for n in range(count)]
    return UtteranceTable(folder, "ravdess", tuple(clips))


def _keys(count: int) -> list[bytes]:
    return [key_of(str(number).encode()) for number in range(count)]


def _drawn(options: SoundOptions, count: int = 200) -> list[SoundChange]:
    changes = SoundChanges.of(options)
    return [changes.draw(key, 1) for key in _keys(count)]


def _only(name: str, value: Any, **more: Any) -> list[SoundChange]:
    """Draws where nothing but one change is wanted."""
    return _drawn(SoundOptions(copies=1, plain=False, **{name: value}, **more), 20)


# What each change promises


@pytest.mark.parametrize("source", ["white_noise", "background"])
@pytest.mark.parametrize("recorded", [False, True])
def test_the_ratio_is_the_one_that_is_told(source: str, recorded: bool, recordings: Path) -> None:
    samples = speech_like(1.5, seed=3)
    for change in _only(source, (3.0, 25.0), recordings=str(recordings) if recorded else ""):
        added = change.apply(samples, RATE).astype(np.float64) - samples
        ratio = active_level(samples, RATE) - 10 * np.log10(np.square(added).mean())
        assert ratio == pytest.approx(change.values[0], abs=0.5)
        assert f"{change.values[0]:.0f} dB" in str(change)


@pytest.mark.parametrize("name", ["speed", "tempo"])
def test_the_length_goes_by_the_factor(name: str) -> None:
    samples = tone(220.0, 2.0)
    for change in _only(name, (0.7, 1.4)):
        (factor,) = change.values
        changed = change.apply(samples, RATE)
        assert len(changed) == round(len(samples) / factor)
        wanted = 220.0 * (factor if name == "speed" else 1.0)
        assert _partial(changed, wanted) == pytest.approx(wanted, rel=0.005)


def test_the_pitch_moves_by_so_many_semitones() -> None:
    samples = tone(220.0, 2.0)
    for change in _only("pitch", (-2.5, 2.5))[:8]:
        changed = change.apply(samples, RATE)
        assert len(changed) == len(samples)
        wanted = 220.0 * 2 ** (change.values[0] / 12)
        moved = 12 * math.log2(_partial(changed, wanted) / 220.0)
        assert moved == pytest.approx(change.values[0], abs=0.1)


def _partial(samples: Samples, near: float) -> float:
    """Frequency in Hz of the strongest partial within 8 % of a frequency."""
    middle = samples[len(samples) // 8 : -len(samples) // 8]
    size = 1 << 19
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), size))
    frequencies = np.fft.rfftfreq(size, 1 / RATE)
    band = np.abs(frequencies / near - 1) < 0.08
    return float(frequencies[band][np.argmax(spectrum[band])])


def test_what_leaves_at_the_end_comes_in_at_the_start() -> None:
    samples = speech_like(1.0)
    for change in _only("shift", (-0.5, 1.5)):
        changed = change.apply(samples, RATE)
        count = round(change.values[0] * RATE) % len(samples)
        np.testing.assert_array_equal(
            changed, np.r_[samples, samples][len(samples) - count :][:RATE]
        )


def test_the_gain_is_that_gain() -> None:
    samples = speech_like(1.0)
    for change in _only("gain", (-20.0, 10.0)):
        ratio = np.std(change.apply(samples, RATE)) / np.std(samples)
        assert 20 * math.log10(ratio) == pytest.approx(change.values[0], abs=0.01)


@pytest.mark.parametrize(
    ("name", "value", "low", "high"),
    [("band", (400.0, 2000.0), 400.0, 2000.0), ("telephone", True, 300.0, 3400.0)],
)
def test_a_band_has_its_energy_inside(name: str, value: Any, low: float, high: float) -> None:
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, 2 * RATE).astype(np.float32)
    changed = _only(name, value)[0].apply(samples, RATE)
    power = np.square(np.abs(np.fft.rfft(changed)))
    frequencies = np.fft.rfftfreq(len(changed), 1 / RATE)
    inside = (frequencies > low - 120) & (frequencies < high + 120)
    assert power[~inside].sum() < 1e-2 * power.sum()
    before = np.square(np.abs(np.fft.rfft(samples)))
    core = (frequencies > low) & (frequencies < high)
    assert power[core].sum() == pytest.approx(before[core].sum(), rel=0.02)


def test_codecs_and_rooms_keep_the_words_in_their_place(recordings: Path) -> None:
    samples = speech_like(1.0, seed=2)
    coded = _only("codecs", ("opus-24", "mp3-32"))
    assert {(one.name, one.values) for one in coded} == {("opus", (24.0,)), ("mp3", (32.0,))}
    in_rooms = _only("rooms", True, recordings=str(recordings))
    names = {f"room {name}" for name in recording_names("training", 2)}
    assert {str(one) for one in in_rooms} == {"room made", *names}
    recorded = [one for one in in_rooms if one.recording is not None]
    for change in (*coded[:6], *recorded[:6]):
        changed = change.apply(samples, RATE)
        assert len(changed) == len(samples)
        assert not np.array_equal(changed, samples)
        envelopes = [np.convolve(np.abs(one), np.ones(400), "same") for one in (samples, changed)]
        assert np.corrcoef(envelopes)[0, 1] > 0.8


def test_plain_is_no_change() -> None:
    samples = speech_like(0.3)
    changed = SoundChange("plain").apply(samples, RATE)
    np.testing.assert_array_equal(changed, samples)
    assert SoundChange("plain").key(b"key") == b"key"
    assert str(SoundChange("plain")) == "no change"


def test_every_change_bears_silence_and_next_to_nothing(everything: SoundOptions) -> None:
    drawn = {change.name: change for change in _drawn(everything)}
    assert len(drawn) == len(everything.changes) + 1  # two codecs
    for change in drawn.values():
        for samples in (np.zeros(800, np.float32), speech_like(0.5)[:3], np.zeros(0, np.float32)):
            changed = change.apply(samples, RATE)
            assert changed.dtype == np.float32
            assert np.isfinite(changed).all()
        words = str(change)
        assert words
        assert "{" not in words


# What is drawn


def test_every_change_is_as_likely_as_the_others(everything: SoundOptions) -> None:
    drawn = _drawn(everything, 3000)
    names = Counter("codecs" if one.name in ("opus", "mp3") else one.name for one in drawn)
    assert set(names) == {"plain", *ALL}
    assert scipy.stats.chisquare(list(names.values())).pvalue > 1e-3
    noises = Counter(
        one.recording.parent.name for one in drawn if one.name == "background" and one.recording
    )
    assert scipy.stats.binomtest(noises["rain"], noises.total()).pvalue > 1e-3
    for name in ("background", "rooms"):
        recorded = [one.recording is not None for one in drawn if one.name == name]
        assert scipy.stats.binomtest(sum(recorded), len(recorded), RECORDED).pvalue > 1e-3
    without = _drawn(replace(everything, plain=False), 300)
    assert "plain" not in {one.name for one in without}


@pytest.mark.parametrize("name", ["background", "rooms"])
def test_noises_and_rooms_are_made_where_there_is_no_recording(name: str) -> None:
    drawn = _only(name, ALL[name])
    assert {one.recording for one in drawn} == {None}
    assert all("made" in str(one) for one in drawn)
    samples = speech_like(0.5)
    heard = [one.apply(samples, RATE) for one in drawn[:6]]
    assert len({one.tobytes() for one in heard} - {samples.tobytes()}) == 6


def test_what_is_kept_for_tests_is_never_heard(everything: SoundOptions) -> None:
    drawn = {one.recording for one in _drawn(everything, 2000) if one.recording is not None}
    wanted = Path(everything.recordings).resolve().rglob("*.wav")
    assert drawn == {path for path in wanted if half_of(path) == "training"}


def test_degrees_are_even_over_their_range() -> None:
    values = [
        one.values[0] for one in _drawn(SoundOptions(copies=1, plain=False, gain=(-3.0, 9.0)))
    ]
    assert scipy.stats.kstest(values, scipy.stats.uniform(-3.0, 12.0).cdf).pvalue > 1e-3


def test_a_draw_depends_on_the_clip_and_the_copy_alone(everything: SoundOptions) -> None:
    changes = SoundChanges.of(everything)
    wanted = [(key, number) for key in _keys(20) for number in (1, 2, 3)]
    first = {one: changes.draw(*one) for one in wanted}
    again = pickle.loads(pickle.dumps(SoundChanges.of(replace(everything, copies=9))))
    assert {one: again.draw(*one) for one in reversed(wanted)} == first
    assert len(set(first.values())) > 35
    samples = speech_like(0.5)
    for change in list(first.values())[:15]:
        np.testing.assert_array_equal(change.apply(samples, RATE), change.apply(samples, RATE))


def test_the_key_is_of_all_that_is_heard(tmp_path: Path) -> None:
    noise = tmp_path / "noise.wav"
    noise.write_bytes(b"one")
    change = SoundChange("background", (3.0,), noise, seed=7)
    other = tmp_path / "moved.wav"
    other.write_bytes(b"one")
    assert replace(change, recording=other).key(b"key") == change.key(b"key")
    third = tmp_path / "third.wav"
    third.write_bytes(b"two")
    keys = {
        change.key(b"key"),
        change.key(b"another"),
        replace(change, name="white_noise").key(b"key"),
        replace(change, values=(4.0,)).key(b"key"),
        replace(change, recording=third).key(b"key"),
        replace(change, seed=8).key(b"key"),
    }
    assert len(keys) == 6


# Features of what is not speech


def _not_speech(table: UtteranceTable, workers: int = 1, **wanted: Any) -> list[bytes]:
    dataset = load_dataset([table], SPEC, sound=SoundOptions(**wanted), workers=workers)
    assert dataset.copies == ((),) * len(dataset)
    return [one.values.tobytes() for one in dataset.non_speech]


def test_sounds_that_are_not_speech_are_beside_the_clips(
    table: UtteranceTable, recordings: Path
) -> None:
    assert _not_speech(table) == []
    few = _not_speech(table, non_speech=5)
    assert few == _not_speech(table, 2, non_speech=40)[:5]
    sounds = non_speech_sounds(5, seed=0, sampling_rate=RATE)
    assert few == [SPEC.extract(sound).values.tobytes() for sound in sounds]
    assert len(set(few)) == 5


def test_recordings_are_among_them_but_none_that_is_kept_for_tests(
    table: UtteranceTable, recordings: Path, tmp_path: Path
) -> None:
    found = _not_speech(table, non_speech=8, recordings=str(recordings))
    assert found != _not_speech(table, non_speech=8)
    half = tmp_path / "half"
    shutil.copytree(recordings, half)
    for path in half.rglob("*.wav"):
        if half_of(path) == "test":
            path.unlink()
    assert _not_speech(table, non_speech=8, recordings=str(half)) == found


# Features of the copies


def _numbers(dataset: Dataset) -> list[list[tuple[bytes, float, float]]]:
    clips = zip(dataset.features, dataset.copies, strict=True)
    return [
        [(one.values.tobytes(), one.level, one.duration) for one in (features, *copies)]
        for features, copies in clips
    ]


def test_copies_are_the_features_of_the_changed_sound(
    table: UtteranceTable, everything: SoundOptions
) -> None:
    dataset = load_dataset([table], SPEC, sound=everything, workers=1)
    changes = SoundChanges.of(everything)
    plain = load_dataset([table], SPEC, workers=1)
    assert plain.copies == ((),) * 4
    for index, one in enumerate(table.utterances):
        path = table.audio_path(one)
        samples = decode(path, sampling_rate=RATE).samples
        assert len(dataset.copies[index]) == 3
        for number, features in enumerate(dataset.copies[index], start=1):
            change = changes.draw(key_of(path.read_bytes()), number)
            expected = SPEC.extract(change.apply(samples, RATE))
            np.testing.assert_array_equal(features.values, expected.values)
            told = hear(Clip(path, number), RATE, changes)
            assert told[1] == change
        np.testing.assert_array_equal(dataset.features[index].values, plain.features[index].values)


def test_the_store_changes_nothing(
    table: UtteranceTable,
    everything: SoundOptions,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = FeatureStore(tmp_path / "store")
    without = load_dataset([table], SPEC, sound=everything, workers=1)
    first = load_dataset([table], SPEC, sound=everything, workers=2, store=store)
    turned = replace(table, utterances=table.utterances[::-1])
    monkeypatch.setattr(extraction, "worker_pool", None)  # nothing is left to be computed
    second = load_dataset([table], SPEC, sound=everything, store=store)
    fewer = load_dataset([turned], SPEC, sound=replace(everything, copies=2), store=store)
    none = load_dataset([table], SPEC, store=store)
    assert _numbers(without) == _numbers(first) == _numbers(second)
    assert _numbers(fewer) == [clip[:3] for clip in reversed(_numbers(without))]
    assert _numbers(none) == [clip[:1] for clip in _numbers(without)]


def test_progress_counts_the_copies(table: UtteranceTable) -> None:
    seen: list[tuple[int, int]] = []
    sound = SoundOptions(copies=2, gain=(-3.0, 3.0))
    load_dataset([table], SPEC, sound=sound, workers=1, progress=lambda *one: seen.append(one))
    assert seen == [(done, 12) for done in range(1, 13)]


def test_a_copy_that_fails_is_left_out_and_told(
    table: UtteranceTable, recordings: Path, tmp_path: Path
) -> None:
    """The noise goes away after it was looked at; that which is made stays."""
    sound = SoundOptions(copies=3, plain=False, background=(0.0, 5.0), recordings=str(recordings))
    lost = SoundChanges.of(sound).noises[0][0].parent / "lost.wav"
    changes = replace(SoundChanges.of(sound), noises=((lost,),))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SoundChanges, "of", lambda _: changes)
        dataset = load_dataset([table], SPEC, sound=sound, workers=1)
    assert len(dataset) == 4
    keys = [key_of(table.audio_path(one).read_bytes()) for one in table.utterances]
    made = [sum(changes.draw(key, n).recording is None for n in (1, 2, 3)) for key in keys]
    assert [len(copies) for copies in dataset.copies] == made
    assert 0 < sum(made) < 12
    (warning,) = dataset.warnings
    assert f"{12 - sum(made)} changed copies" in warning
    assert "lost.wav" in warning


def test_a_clip_that_fails_has_no_copies(table: UtteranceTable) -> None:
    (table.root / "1.wav").write_bytes(b"this is no sound" * 100)
    sound = SoundOptions(copies=2, telephone=True)
    dataset = load_dataset([table], SPEC, sound=sound, workers=1)
    assert [len(one) for one in dataset.copies] == [2, 2, 2]
    assert [type(one) for one in dataset.features] == [Features] * 3
    assert len(dataset.failures) == 1
    assert dataset.warnings == ()


# What a recipe may say


@pytest.mark.parametrize(
    ("sound", "told"),
    [
        ({"white_noise": [20.0, 10.0]}, "white_noise must be the lower and the upper end"),
        ({"white_noise": [20.0]}, "-40 to 80 dB"),
        ({"white_noise": [math.nan, 10.0]}, "white_noise must"),
        ({"gain": [0.0, math.inf]}, "gain must"),
        ({"speed": [0.2, 1.0]}, "0.25 to 4 times"),
        ({"tempo": [1.0, 5.0]}, "0.25 to 4 times"),
        ({"pitch": [-30.0, 0.0]}, "-24 to 24 semitones"),
        ({"band": [3000.0, 300.0]}, "band must be a lower and an upper edge"),
        ({"band": [9000.0, 12000.0]}, "lies above 8000 Hz"),
        ({"codecs": ["gsm-13"]}, "unknown codec 'gsm-13'; known are opus-6 to opus-256"),
        ({"codecs": ["opus-0"]}, "unknown codec"),
        ({"codecs": ["mp3"]}, "unknown codec"),
        ({"copies": 21, "telephone": True}, "copies must be 0 to 20, not 21"),
        ({"copies": -1, "telephone": True}, "copies must be 0 to 20, not -1"),
        ({}, "copies need a change"),
        ({"copies": 0, "telephone": True}, "set copies to 1 or more"),
        ({"copies": 0, "non_speech": -1}, "non_speech must be 0 to 100000, not -1"),
        ({"echo": True}, "unknown key echo"),
        ({"gain": "loud"}, "gain must be a list"),
        ({"rooms": 1}, "rooms must be true or false"),
    ],
)
def test_refused(sound: dict[str, Any], told: str) -> None:
    with pytest.raises(RecipeInvalid) as caught:
        _recipe(**{"copies": 2, **sound})
    assert told in caught.value.message
    assert "mine.toml" in caught.value.message or "tiny-network" in caught.value.message


def _recipe(**sound: Any) -> Recipe:
    return recipe_from_dict(network_values() | {"sound": sound}, where="recipe mine.toml")


@pytest.mark.parametrize(
    "sound", [SoundOptions(copies=1, telephone=True), SoundOptions(non_speech=1)]
)
def test_a_classifier_hears_the_clips_alone(sound: SoundOptions) -> None:
    recipe = load_recipe("functionals-svm")
    with pytest.raises(RecipeInvalid, match=r"\[sound\] is for networks"):
        replace(recipe, sound=sound)


def test_recordings_lie_beside_the_recipe(recordings: Path) -> None:
    lines = [
        'name = "mine"',
        'title = "Mine"',
        "[features]",
        'kind = "log_mel"',
        "[sound]",
        "copies = 2",
        "background = [0, 10]",
        'recordings = "../here"',
        "[network]",
        'name = "log-mel-cnn"',
        "[network.training]",
        "epochs = 1",
    ]
    folder = recordings.parent / "recipes"
    folder.mkdir(exist_ok=True)
    (folder / "mine.toml").write_text("\n".join(lines), encoding="utf-8")
    recipe = load_recipe(folder / "mine.toml")
    assert recipe.sound.recordings == str(recordings.parent.resolve() / "here")
    assert recipe.sound.background == (0.0, 10.0)
    # What goes into a bundle does not say where things lay on the machine.
    told = json.dumps(recipe.as_dict())
    assert str(recordings.parent) not in told
    assert recipe_from_dict(json.loads(told), where="again").sound.recordings == "here"


@pytest.mark.parametrize(
    "sound",
    [
        {"copies": 1, "background": [0.0, 10.0]},
        {"copies": 1, "rooms": True, "recordings": "elsewhere"},
        {"non_speech": 3},
    ],
)
def test_recordings_of_ones_own_take_the_place_of_the_recipes(
    sound: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = _recipe(**sound)
    monkeypatch.chdir(tmp_path)
    changed = with_recordings(recipe, Path("mine"))
    named = replace(recipe.sound, recordings=str(tmp_path.resolve() / "mine"))
    assert changed == replace(recipe, sound=named)
    assert with_recordings(recipe, None) is recipe


@pytest.mark.parametrize("sound", [{}, {"copies": 1, "white_noise": [0.0, 10.0]}])
def test_recordings_that_no_training_would_hear(sound: dict[str, Any], tmp_path: Path) -> None:
    recipe = _recipe(**sound)
    with pytest.raises(RecipeInvalid, match="leave out --recordings") as caught:
        with_recordings(recipe, tmp_path)
    assert "background, rooms or non_speech" in caught.value.message
    assert with_recordings(recipe, None) is recipe


def test_recordings_that_are_not_there(recordings: Path, tmp_path: Path) -> None:
    def options(folder: Path, **wanted: Any) -> SoundOptions:
        return SoundOptions(copies=1, recordings=str(folder), **wanted)

    missing: list[SereinError] = []
    for sound in (
        options(tmp_path / "none", background=(0.0, 1.0)),
        options(tmp_path / "none", rooms=True),
        options(tmp_path, rooms=True),
    ):
        with pytest.raises(DataInvalid) as caught:
            SoundChanges.of(sound)
        missing.append(caught.value)
    assert [str(one).count("is no folder") for one in missing] == [1, 1, 0]
    (tmp_path / "rooms").symlink_to(recordings / "rooms")
    alone = SoundChanges.of(options(tmp_path, background=(0.0, 1.0), rooms=True))
    assert (len(alone.noises), len(alone.rooms)) == (0, 2)


def test_recordings_that_are_all_kept_for_tests_are_told(
    table: UtteranceTable, recordings: Path, tmp_path: Path
) -> None:
    noise = tmp_path / "noise"
    shutil.copytree(recordings, noise)
    for path in noise.rglob("*.wav"):
        if half_of(path) == "training":
            path.unlink()
    sound = SoundOptions(copies=3, plain=False, background=(0.0, 5.0), rooms=True)
    with_them = replace(sound, recordings=str(noise))
    datasets = [load_dataset([table], SPEC, sound=one, workers=1) for one in (with_them, sound)]
    told = datasets[0].warnings
    assert [one.split()[1] for one in told] == ["noises", "rooms"]
    assert all(str(noise) in one and "kept for tests" in one for one in told)
    assert datasets[1].warnings == ()
    assert _numbers(datasets[0]) == _numbers(datasets[1])
    options = SoundOptions(non_speech=1, recordings=str(noise))
    (warning,) = load_dataset([table], SPEC, sound=options, workers=1).warnings
    assert warning == told[0]


def test_options_of_ones_own_are_checked_too() -> None:
    with pytest.raises(ArgumentInvalid, match=r"\[sound\]: pitch must"):
        SoundOptions(copies=1, pitch=(3.0, 1.0))
