from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serein.corpora import (
    Fold,
    Utterance,
    check_leakage,
    folds_as_dict,
    folds_from_dict,
    for_training,
    leave_one_speaker_out,
    speaker_folds,
    split_validation,
)
from serein.errors import DataInvalid

Make = Callable[..., Utterance]


def clip(
    corpus: str,
    speaker: str | None,
    *,
    number: int = 0,
    sex: str | None = None,
    emotion: str | None = "sad",
    sentence: str | None = None,
    sound: str | None = None,
    silent: bool = False,
) -> Utterance:
    path = f"{speaker}/{number}.wav"
    return Utterance(
        path=path,
        corpus=corpus,
        speaker=speaker and f"{corpus}-{speaker}",
        sex=sex,
        language="en",
        emotion=emotion,
        original_emotion=str(emotion),
        intensity=None,
        sentence=sentence,
        split=None,
        duration=1.0,
        sampling_rate=16000,
        sha256=sound or f"{corpus}/{path}",
        silent=silent,
    )


def corpus_of(name: str, women: int, men: int, unknown: int, clips: int) -> list[Utterance]:
    sexes = ["female"] * women + ["male"] * men + [None] * unknown
    return [
        clip(
            name,
            f"{speaker:02d}",
            number=number,
            sex=sex,
            emotion=(None, "happy", "sad")[number % 3],
            sentence=str(number // 3),
        )
        for speaker, sex in enumerate(sexes)
        for number in range(clips)
    ]


@st.composite
def collections(draw: st.DrawFn) -> list[Utterance]:
    """Clips of one to three corpora, of which one may have a speaker or two and no more."""
    sizes = st.integers(1, 6)
    found = corpus_of("a", draw(sizes), draw(sizes), draw(sizes), draw(st.integers(5, 8)))
    if draw(st.booleans()):
        found += corpus_of("b", draw(st.integers(0, 1)), 1, 0, draw(st.integers(7, 20)))
    if draw(st.booleans()):
        found += corpus_of("c", draw(sizes), 0, draw(sizes), 5)
    random.Random(draw(st.integers(0, 99))).shuffle(found)
    return found


def speakers(utterances: Sequence[Utterance], indexes: Sequence[int]) -> set[str | None]:
    return {utterances[index].speaker for index in indexes}


@settings(max_examples=60, deadline=None)
@given(utterances=collections(), data=st.data())
def test_folds_hold_their_promises(utterances: list[Utterance], data: st.DataObject) -> None:
    per_corpus = Counter(corpus for corpus, _ in {(u.corpus, u.speaker) for u in utterances})
    count = data.draw(st.integers(2, max(per_corpus.values())))
    seed = data.draw(st.integers(0, 5))
    for folds in (
        speaker_folds(utterances, count, seed=seed),
        leave_one_speaker_out(utterances, seed=seed),
    ):
        labelled = [i for i, item in enumerate(utterances) if item.emotion is not None]
        assert sorted(i for fold in folds for i in fold.test) == labelled
        for fold in folds:
            check_leakage(utterances, fold)
            assert sorted((*fold.train, *fold.validation, *fold.test)) == labelled
            assert not speakers(utterances, fold.test) & speakers(
                utterances, (*fold.train, *fold.validation)
            )
            assert fold.warnings == ()


@settings(max_examples=30, deadline=None)
@given(utterances=collections(), seed=st.integers(0, 3), order=st.integers(0, 99))
def test_folds_do_not_depend_on_the_order(
    utterances: list[Utterance], seed: int, order: int
) -> None:
    shuffled = list(utterances)
    random.Random(order).shuffle(shuffled)
    first = speaker_folds(utterances, 3, seed=seed)
    second = speaker_folds(shuffled, 3, seed=seed)
    assert folds_from_dict(json.loads(json.dumps(folds_as_dict(first, utterances))), shuffled) == (
        second
    )
    assert folds_from_dict(folds_as_dict(second, shuffled), utterances) == first


@settings(max_examples=30, deadline=None)
@given(women=st.integers(0, 20), men=st.integers(0, 20), count=st.integers(2, 8))
def test_folds_are_even_in_number_and_sex(women: int, men: int, count: int) -> None:
    if women + men < count:
        return
    utterances = corpus_of("a", women, men, 0, 2)
    folds = speaker_folds(utterances, count)
    for wanted in ({"female"}, {"male"}, {"female", "male"}):
        sizes = [
            len({utterances[i].speaker for i in fold.test if utterances[i].sex in wanted})
            for fold in folds
        ]
        assert max(sizes) - min(sizes) <= 1


def test_dealing_women_first_then_men() -> None:
    men_first = [clip("a", name, sex="male") for name in ("1", "2", "3")]
    utterances = [*men_first, *(clip("a", name, sex="female") for name in ("4", "5"))]
    folds = speaker_folds(utterances, 3)
    # 4, 5, 1, 2, 3 dealt into three.
    assert [fold.name for fold in folds] == ["1", "2", "3"]
    assert [speakers(utterances, fold.test) for fold in folds] == [
        {"a-4", "a-2"},
        {"a-5", "a-3"},
        {"a-1"},
    ]


def ravdess(actors: range) -> list[Utterance]:
    return [
        clip("ravdess", f"{actor:02d}", number=number, sex="male" if actor % 2 else "female")
        for actor in actors
        for number in range(2)
    ]


def test_ravdess_in_six_folds_goes_by_convention() -> None:
    utterances = ravdess(range(1, 25))
    for number, fold in enumerate(speaker_folds(utterances, 6)):
        actors = range(4 * number + 1, 4 * number + 5)
        assert speakers(utterances, fold.test) == {f"ravdess-{actor:02d}" for actor in actors}
        validation = {(utterances[i].speaker, utterances[i].sex) for i in fold.validation}
        assert sorted(Counter(sex for _, sex in validation).values()) == [1, 2]
    assert speakers(utterances, speaker_folds(utterances, 4)[0].test) != {
        f"ravdess-{actor:02d}" for actor in range(1, 7)
    }
    # A part of the corpus that would leave a fold empty is dealt.
    few = ravdess(range(1, 9))
    assert all(fold.test for fold in speaker_folds(few, 6))


def test_corpus_with_fewer_speakers_than_folds() -> None:
    tess = [
        clip("tess", name, number=word, sex="female", sentence=f"word {word}")
        for name in ("OAF", "YAF")
        for word in range(30)
    ]
    utterances = [*ravdess(range(1, 25)), *tess]
    folds = speaker_folds(utterances, 6)

    def of_tess(indexes: Sequence[int]) -> list[Utterance]:
        return [utterances[index] for index in indexes if utterances[index].corpus == "tess"]

    assert {item.speaker for item in of_tess(folds[0].test)} == {"tess-OAF"}
    assert {item.speaker for item in of_tess(folds[1].test)} == {"tess-YAF"}
    assert all(not of_tess(fold.test) for fold in folds[2:])
    # One speaker is left: validation is apart by sentence.
    train, validation = of_tess(folds[0].train), of_tess(folds[0].validation)
    assert (len(train), len(validation)) == (25, 5)
    assert not {item.sentence for item in train} & {item.sentence for item in validation}
    # Two speakers are left: one validates.
    assert len({item.speaker for item in of_tess(folds[4].validation)}) == 1
    assert len({item.speaker for item in of_tess(folds[4].train)}) == 1


@pytest.mark.parametrize(("count", "held"), [(2, 1), (3, 1), (5, 1), (20, 3), (76, 13)])
def test_one_in_six_speakers_validates(count: int, held: int) -> None:
    utterances = corpus_of("a", count // 2, count - count // 2, 0, 3)
    split = split_validation(utterances)
    chosen = {(utterances[i].speaker, utterances[i].sex) for i in split.validation}
    assert len(chosen) == held
    sexes = Counter(sex for _, sex in chosen)
    assert abs(sexes["female"] - sexes["male"]) <= 1
    assert split == split_validation(utterances)
    assert not speakers(utterances, split.train) & speakers(utterances, split.validation)


def test_seed_and_name_choose_who_validates() -> None:
    utterances = corpus_of("a", 20, 20, 0, 3)
    others = [split_validation(utterances, seed=seed).validation for seed in range(5)]
    others += [split_validation(utterances, name=name).validation for name in "xyz"]
    assert len(set(others)) == 8


def test_unknown_speakers() -> None:
    utterances = [clip("web", None, number=number) for number in range(60)]
    split = split_validation(utterances)
    assert (len(split.train), len(split.validation)) == (50, 10)
    assert split.warnings == ("web: speakers are unknown, so validation is by random clip",)
    for make in (leave_one_speaker_out, lambda items: speaker_folds(items, 2)):
        with pytest.raises(DataInvalid, match="speakers of web are not known"):
            make(utterances)


def test_one_speaker_without_sentences() -> None:
    lone = [clip("diary", "me", number=number) for number in range(12)]
    utterances = [*corpus_of("a", 2, 2, 0, 3), *lone]
    fold = speaker_folds(utterances, 3)[1]
    assert fold.warnings == (
        "diary: one speaker and no sentences, so validation is by random clip",
    )
    check_leakage(utterances, fold)
    with pytest.raises(DataInvalid, match="only speaker"):
        leave_one_speaker_out(lone)


def test_a_sound_that_is_tested_is_not_trained_on() -> None:
    utterances = corpus_of("a", 3, 3, 0, 3)
    twin = utterances[1]
    utterances.append(clip("a", "05", number=9, sex="male", emotion="happy", sound=twin.sha256))
    folds = leave_one_speaker_out(utterances)
    assert sum(len(fold.warnings) for fold in folds) >= 2
    for fold in folds:
        check_leakage(utterances, fold)
    assert sorted(i for fold in folds for i in fold.test) == [
        i for i, item in enumerate(utterances) if item.emotion
    ]


def test_for_training() -> None:
    utterances = [
        clip("a", "1", number=0, emotion=None, sound="x"),
        clip("a", "1", number=1, emotion="sad", sound="x"),
        clip("a", "1", number=2, emotion="sad", sound="y"),
        clip("a", "1", number=3, emotion="happy", sound="y"),
        clip("a", "1", number=4, emotion="happy", sound="z"),
        clip("a", "2", number=5, emotion="happy", sound="z"),
        clip("a", "2", number=6, emotion="happy", silent=True),
    ]
    choice = for_training(utterances)
    assert choice.kept == (1, 4, 5)
    assert choice.left_out == {
        "no canonical label": (0,),
        "the same sound with different labels": (2, 3),
        "digital silence": (6,),
    }
    for fold in leave_one_speaker_out(utterances):
        assert {2, 3, 6}.isdisjoint((*fold.train, *fold.validation))


LEAKS = [
    clip("a", "1", number=0, sentence="one"),
    clip("a", "1", number=1, sentence="two"),
    clip("a", "2", number=2, sentence="one"),
    clip("a", "3", number=3, sentence="three", sound="same"),
    clip("b", "4", number=4, sentence="one", sound="same"),
    clip("b", "4", number=5, sentence="one"),
    clip("b", "4", number=6, sentence="two"),
    clip("w", None, number=7),
]


@pytest.mark.parametrize(
    ("train", "validation", "test", "message"),
    [
        ((0, 2), (), (1,), "speaker a-1 stands in both train and test"),
        ((2,), (0,), (1,), "speaker a-1 stands in both validation and test"),
        ((0, 2), (1,), (3,), "speaker a-1 stands in both train and validation"),
        ((3,), (), (4,), r"same sound \(3/3.wav, 4/4.wav\) stands in both train and test"),
        ((3,), (4,), (0,), r"same sound \(3/3.wav, 4/4.wav\) stands in both train and validation"),
        ((4,), (5, 6), (0,), "sentence 'one' of b-4 stands in both train and validation"),
        ((7,), (), (7,), "clip None/7.wav of w stands in both train and test"),
        ((7,), (7,), (0,), "clip None/7.wav of w stands in both train and validation"),
        ((0,), (), (99,), "test names clip 99, but there are only 8"),
    ],
)
def test_planted_leak_is_caught(
    train: tuple[int, ...], validation: tuple[int, ...], test: tuple[int, ...], message: str
) -> None:
    with pytest.raises(DataInvalid, match=message):
        check_leakage(LEAKS, Fold("1", train, validation, test))


def test_sentences_are_held_apart_on_demand() -> None:
    fold = Fold("1", (0,), (), (2,))
    check_leakage(LEAKS, fold)
    with pytest.raises(DataInvalid, match="sentence 'one' of a stands in both train and test"):
        check_leakage(LEAKS, fold, sentences=True)
    # The same text in another corpus is another recording situation, and no leak.
    check_leakage(LEAKS, Fold("1", (0,), (), (5,)), sentences=True)
    check_leakage(LEAKS, Fold("1", (4, 5), (6,), (0,)))


def test_silence_is_no_shared_sound() -> None:
    utterances = [clip("a", str(n), sound="zeros", silent=True) for n in range(2)]
    check_leakage(utterances, Fold("1", (0,), (), (1,)))


def test_saved_folds_that_do_not_fit() -> None:
    utterances = ravdess(range(1, 25))
    saved = folds_as_dict(speaker_folds(utterances, 6), utterances)
    with pytest.raises(DataInvalid, match=r"name 24/1.wav of ravdess, which the tables lack"):
        folds_from_dict(saved, utterances[:-1])
    with pytest.raises(DataInvalid, match="format 7 are not read, only 1"):
        folds_from_dict(saved | {"format": 7}, utterances)
    with pytest.raises(DataInvalid, match="lack 'folds'"):
        folds_from_dict({key: saved[key] for key in ("format", "utterances")}, utterances)
    with pytest.raises(DataInvalid, match="damaged"):
        folds_from_dict(saved | {"utterances": []}, utterances)


def test_speakers_of_every_corpus_are_dealt_apart() -> None:
    utterances = [*corpus_of("a", 3, 3, 0, 2), *corpus_of("b", 2, 1, 0, 2)]
    tested: defaultdict[str, list[int]] = defaultdict(list)
    for fold in speaker_folds(utterances, 3):
        for corpus in ("a", "b"):
            held = {utterances[i].speaker for i in fold.test if utterances[i].corpus == corpus}
            tested[corpus].append(len(held))
    assert tested == {"a": [2, 2, 2], "b": [1, 1, 1]}
