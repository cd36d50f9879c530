from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedGroupKFold

from serein.corpora import (
    PROTOCOLS,
    Utterance,
    leave_one_corpus_out,
    leave_one_speaker_out,
    marks,
    official_folds,
    parse_protocol,
    random_folds,
    speaker_folds,
    stratified_folds,
)
from serein.errors import ArgumentInvalid, DataInvalid, DependencyMissing
from tests.corpora.test_splits import clip, collections, corpus_of, ravdess, speakers


def parted(speaker: str, split: str | None, *, number: int, corpus: str = "a") -> Utterance:
    """A clip of one of a corpus's official parts."""
    emotion = ("happy", "sad")[number % 2]
    return replace(clip(corpus, speaker, number=number, emotion=emotion), split=split)


def held(utterances: Sequence[Utterance], indexes: Sequence[int]) -> set[str | None]:
    return {utterances[index].split for index in indexes}


def test_names_of_protocols() -> None:
    utterances = ravdess(range(1, 25))
    apart = parse_protocol("speakers:6", utterances)
    assert list(apart.folds) == speaker_folds(utterances, 6)
    assert (apart.name, apart.title, apart.speakers_apart) == ("speakers:6", "speakers:6", True)
    loso = parse_protocol("loso", utterances, seed=3)
    assert list(loso.folds) == leave_one_speaker_out(utterances, seed=3)
    assert len(loso.folds) == 24
    for wrong in (
        "",
        "speaker:6",
        "speakers",
        "speakers:",
        "speakers:six",
        "stratified",
        "stratified:six",
        "loso:2",
        "random:",
        "random:x",
        "corpus:2",
        "official:1",
        "speakers:-1",
        "speakers:²",
    ):
        with pytest.raises(ArgumentInvalid, match="allowed are speakers:K, stratified:K, loso, c"):
            parse_protocol(wrong, utterances)
    for number in (0, 1, 25):
        with pytest.raises(ArgumentInvalid, match="allowed are 2 to 24 folds"):
            parse_protocol(f"speakers:{number}", utterances)
        with pytest.raises(ArgumentInvalid, match="allowed are 2 to 24 folds"):
            parse_protocol(f"stratified:{number}", utterances)
    for name in ("loso", "random", "speakers:2", "stratified:2"):
        with pytest.raises(DataInvalid, match="no clip has a label"):
            parse_protocol(name, [replace(item, emotion=None) for item in utterances])
    assert {name.partition(":")[0] for name in PROTOCOLS} == {
        *("speakers", "stratified", "loso", "corpus", "official", "random")
    }


def lopsided(corpus: str, seed: int) -> list[Utterance]:
    """Speakers of whom each says one emotion more often than the others, in any order."""
    chance = random.Random(seed)
    found = []
    for speaker in range(9):
        emotions = ["happy", "sad", "angry"] + 4 * [("happy", "sad", "angry")[speaker % 3]]
        found += [
            clip(corpus, str(speaker), number=10 * speaker + number, emotion=emotion)
            for number, emotion in enumerate(emotions + chance.choices(emotions, k=speaker % 4))
        ]
    chance.shuffle(found)
    return found


@pytest.mark.parametrize("seed", range(3))
def test_stratified_folds_are_those_of_scikit_learn(seed: int) -> None:
    utterances = [*lopsided("a", seed), clip("a", "0", number=99, emotion=None), *lopsided("b", 7)]
    protocol = parse_protocol("stratified:3", utterances, seed=seed)
    protocol.check(utterances)
    assert protocol.honest
    labelled = [index for index, item in enumerate(utterances) if item.emotion is not None]
    strata = [f"{utterances[index].corpus} {utterances[index].emotion}" for index in labelled]
    voices = [utterances[index].speaker for index in labelled]
    oracle = StratifiedGroupKFold(3, shuffle=True, random_state=seed)
    expected = [
        {labelled[place] for place in test} for _, test in oracle.split(labelled, strata, voices)
    ]
    assert [set(fold.test) for fold in protocol.folds] == expected
    assert sorted(index for fold in protocol.folds for index in fold.test) == labelled
    # Dealt as even as here, no fold is far from its third of any emotion of any corpus.
    for stratum, count in Counter(strata).items():
        for fold in protocol.folds:
            held = sum(
                f"{utterances[i].corpus} {utterances[i].emotion}" == stratum for i in fold.test
            )
            assert abs(held - count / 3) <= 0.25 * count


def test_stratified_folds_depend_on_the_seed_and_on_no_order() -> None:
    utterances = ravdess(range(1, 25))
    shuffled = list(utterances)
    random.Random(5).shuffle(shuffled)

    def tested(items: Sequence[Utterance], seed: int) -> list[set[str | None]]:
        folds = stratified_folds(items, 4, seed=seed)
        return [speakers(items, fold.test) for fold in folds]

    assert tested(utterances, 1) == tested(shuffled, 1)
    assert tested(utterances, 1) != tested(utterances, 2)


def test_an_emotion_that_few_say_is_no_obstacle_to_stratified_folds() -> None:
    utterances = [*lopsided("a", 0), clip("a", "3", number=99, emotion="bored")]
    folds = stratified_folds(utterances, 9)
    assert sum(len(speakers(utterances, fold.test)) for fold in folds) == 9
    few = [
        clip("a", str(speaker), number=speaker, emotion=emotion)
        for speaker, emotion in enumerate(("sad", "happy", "angry", "sad"))
    ]
    with pytest.raises(ArgumentInvalid, match="stratified:3 is not possible; allowed are 2 to 2"):
        stratified_folds(few, 3)


def test_stratified_folds_need_names_and_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    nameless = [replace(item, speaker=None) for item in lopsided("a", 0)]
    with pytest.raises(DataInvalid, match="the speakers of a are not known"):
        stratified_folds(nameless, 3)
    monkeypatch.setitem(sys.modules, "sklearn.model_selection", None)
    with pytest.raises(DependencyMissing, match=r'pip install "serein\[train\]"'):
        stratified_folds(lopsided("a", 0), 3)


def test_official_parts_ask_nothing_of_a_corpus_without_labels() -> None:
    utterances = [
        parted(str(speaker), "test" if speaker > 2 else "train", number=number)
        for speaker in range(5)
        for number in range(4)
    ]
    others = [replace(clip("b", "x", number=number), emotion=None) for number in range(4)]
    (fold,) = official_folds([*utterances, *others])
    assert {utterances[index].corpus for index in fold.test} == {"a"}


@settings(max_examples=40, deadline=None)
@given(utterances=collections(), count=st.integers(2, 6), seed=st.integers(0, 3))
def test_random_folds_test_every_clip_once(
    utterances: list[Utterance], count: int, seed: int
) -> None:
    protocol = parse_protocol(f"random:{count}", utterances, seed=seed)
    labelled = [i for i, item in enumerate(utterances) if item.emotion is not None]
    assert sorted(i for fold in protocol.folds for i in fold.test) == labelled
    protocol.check(utterances)
    for fold in protocol.folds:
        assert sorted((*fold.train, *fold.validation, *fold.test)) == labelled
        # Every corpus and emotion is dealt as evenly as whole clips can be.
        for key in {(utterances[i].corpus, utterances[i].emotion) for i in labelled}:
            of_key = Counter(
                (utterances[i].corpus, utterances[i].emotion) == key for i in labelled
            )[True]
            tested = sum((utterances[i].corpus, utterances[i].emotion) == key for i in fold.test)
            assert of_key // count <= tested <= -(-of_key // count)


def test_random_split_is_called_what_it_is() -> None:
    known = ravdess(range(1, 25))
    protocol = parse_protocol("random", known)
    assert protocol.title == "random (speakers leak)"
    assert not protocol.speakers_apart
    assert len(protocol.folds) == 5
    fold = protocol.folds[0]
    assert speakers(known, fold.test) & speakers(known, fold.train)
    unknown = [replace(item, speaker=None) for item in known]
    assert parse_protocol("random:3", unknown).title == "random (speakers unknown)"
    for number in (0, 1, 49):
        with pytest.raises(ArgumentInvalid, match="allowed are 2 to 48 folds"):
            random_folds(known, number)
        with pytest.raises(ArgumentInvalid, match="allowed are 2 to 48 folds"):
            parse_protocol(f"random:{number}", known)


def test_random_folds_do_not_depend_on_the_order() -> None:
    utterances = corpus_of("a", 3, 3, 0, 6)
    shuffled = list(utterances)
    random.Random(5).shuffle(shuffled)

    def tested(items: Sequence[Utterance]) -> list[set[str]]:
        return [{items[i].path for i in fold.test} for fold in random_folds(items, 4, seed=2)]

    assert tested(utterances) == tested(shuffled)


def test_random_split_keeps_sounds_apart_all_the_same() -> None:
    utterances = corpus_of("a", 3, 3, 0, 6)
    utterances.append(replace(utterances[1], path="twin.wav"))
    protocol = parse_protocol("random", utterances)
    protocol.check(utterances)
    lost = [warning for fold in protocol.folds for warning in fold.warnings]
    assert any("their very sound" in warning for warning in lost)


def test_one_corpus_is_left_out_at_a_time() -> None:
    utterances = [*corpus_of("a", 2, 2, 0, 3), *corpus_of("b", 1, 1, 0, 3)]
    utterances += [clip("w", None, number=number) for number in range(20)]
    protocol = parse_protocol("corpus", utterances)
    protocol.check(utterances)
    assert [fold.name for fold in protocol.folds] == ["a", "b", "w"]
    for fold in protocol.folds:
        assert {utterances[i].corpus for i in fold.test} == {fold.name}
        assert fold.name not in {utterances[i].corpus for i in (*fold.train, *fold.validation)}
    with pytest.raises(DataInvalid, match="there is a alone"):
        leave_one_corpus_out(corpus_of("a", 2, 2, 0, 3))


def test_voice_of_two_corpora_is_on_one_side() -> None:
    """Song and speech of one actor are one voice."""
    spoken = ravdess(range(1, 25))
    sung = [
        replace(item, corpus="ravdess-song", path=f"song/{item.path}", sha256=f"sung {item.sha256}")
        for item in spoken
    ]
    utterances = [*sung, *spoken]
    for name in ("speakers:6", "loso"):
        protocol = parse_protocol(name, utterances)
        protocol.check(utterances)
        tested = [speakers(utterances, fold.test) for fold in protocol.folds]
        assert sum(map(len, tested)) == len(set().union(*tested)) == 24
        assert all(
            {utterances[i].corpus for i in fold.test} == {"ravdess", "ravdess-song"}
            for fold in protocol.folds
        )
    assert speakers(utterances, parse_protocol("speakers:6", utterances).folds[0].test) == {
        f"ravdess-{actor:02d}" for actor in range(1, 5)
    }
    others = [*utterances, *corpus_of("a", 3, 3, 0, 3)]
    fold = parse_protocol("corpus", others).folds[1]
    assert {others[i].corpus for i in fold.train} == {"a"}
    assert fold.warnings == ("48 clips left out of training: their speakers are tested",)


@pytest.mark.parametrize("words", [("train", "dev", "test"), ("Training", "Validation", "Test1")])
def test_official_parts(words: tuple[str, str, str]) -> None:
    train, validation, test = words
    utterances = [
        parted(str(speaker), part, number=number)
        for speaker, part in enumerate((train, train, validation, test))
        for number in range(4)
    ]
    (fold,) = parse_protocol("official", utterances).folds
    assert held(utterances, fold.train) == {train}
    assert held(utterances, fold.validation) == {validation}
    assert held(utterances, fold.test) == {test}
    assert len((*fold.train, *fold.validation, *fold.test)) == 16


def test_official_parts_without_validation() -> None:
    utterances = [
        parted(str(speaker), "test" if speaker > 2 else "train", number=number)
        for speaker in range(5)
        for number in range(4)
    ]
    protocol = parse_protocol("official", utterances)
    protocol.check(utterances)
    (fold,) = protocol.folds
    assert held(utterances, fold.test) == {"test"}
    assert not speakers(utterances, fold.train) & speakers(utterances, fold.validation)
    assert len(fold.validation) == 4


def test_official_parts_of_other_names_are_tested_in_turn() -> None:
    utterances = [
        parted(f"{session}{sex}", f"session{session}", number=number)
        for session in range(1, 6)
        for sex in "FM"
        for number in range(3)
    ]
    protocol = parse_protocol("official", utterances)
    protocol.check(utterances)
    assert [fold.name for fold in protocol.folds] == [f"a-session{n}" for n in range(1, 6)]
    for number, fold in enumerate(protocol.folds, start=1):
        assert held(utterances, fold.test) == {f"session{number}"}


def test_official_parts_that_share_speakers_are_refused() -> None:
    utterances = [
        parted(str(number % 3), "train" if number < 6 else "test", number=number)
        for number in range(9)
    ]
    for dev in (False, True):
        items = list(utterances)
        if dev:
            items += [parted("9", "dev", number=number) for number in range(20, 24)]
        with pytest.raises(DataInvalid, match="speaker a-0 stands in both train and test"):
            parse_protocol("official", items).check(items)


def test_official_test_without_names_is_called_so() -> None:
    utterances = [
        replace(parted("x", part, number=number), speaker=None)
        for number, part in enumerate(("train",) * 6 + ("test",) * 4)
    ]
    protocol = parse_protocol("official", utterances)
    protocol.check(utterances)
    assert protocol.title == "official (speakers unknown)"
    assert not protocol.honest
    assert protocol.speakers_apart


def test_a_part_for_evaluation_tests_where_no_other_does() -> None:
    parts = ("train", "train", "eval")
    utterances = [
        parted(str(speaker), part, number=10 * speaker + number)
        for speaker, part in enumerate(parts)
        for number in range(4)
    ]
    (fold,) = parse_protocol("official", utterances).folds
    assert held(utterances, fold.test) == {"eval"}
    only = [item for item in utterances if item.split == "train"]
    decided = [replace(item, split="dev") for item in utterances if item.split == "eval"]
    with pytest.raises(DataInvalid, match="none is named 'test'"):
        parse_protocol("official", [*only, *decided])


def test_corpus_without_official_parts() -> None:
    for split in (None, "train"):
        with pytest.raises(DataInvalid, match="a has no official parts"):
            official_folds([parted("1", split, number=number) for number in range(4)])


def test_marks_tell_voices_and_sounds_without_naming_them() -> None:
    one, two = clip("a", "anna", number=1), clip("a", "anna", number=2)
    # The voice is known again in another recording, and the recording under another name.
    assert marks([one]) & marks([two])
    renamed = replace(one, corpus="b", speaker="b-x")
    assert marks([one]) & marks([renamed])
    assert not marks([one]) & marks([clip("a", "bert")])
    first, second = clip("w", None, number=1), clip("w", None, number=2)
    assert len(marks([first, second])) == 2
    assert all("anna" not in mark for mark in marks([one]))
