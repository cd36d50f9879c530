from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from serein.evaluation import Judged, score
from serein.evaluation.fairness import fairness
from serein.evaluation.scores import SUFFIX, Strata, score_corpora
from serein.metrics import interval
from tests.evaluation.judgements import answer, voices

SUFFIXES = tuple(SUFFIX.values())


def _sexes(
    women: float,
    men: float,
    *,
    speakers: int = 8,
    prefix: str = "",
    chance: int = 0,
    **changes: Any,
) -> list[Judged]:
    groups = {"female": women, "male": men}
    return [
        one
        for number, (sex, right) in enumerate(groups.items())
        for one in voices(
            [f"{prefix}{sex}-{name}" for name in range(speakers)],
            right,
            chance=chance + number,
            **{"sex": sex, "language": None, **changes},
        )
    ]


def _difference(group: dict[str, Any], suffix: str = "") -> tuple[float, float, float]:
    low, high = group[f"difference{suffix}_interval"]
    return low, group["difference" + suffix], high


@pytest.mark.parametrize(("women", "men"), [(0.9, 0.6), (0.5, 0.8)])
def test_a_difference_between_the_sexes_is_found(women: float, men: float) -> None:
    found = fairness(_sexes(women, men))
    assert set(found) == {"sex"}
    assert found["sex"]["classes"] == ["angry", "happy", "neutral", "sad"]
    groups = found["sex"]["groups"]
    assert list(groups) == ["female", "male"]
    for suffix in SUFFIXES:
        assert groups["female"]["uar" + suffix] == pytest.approx(women, abs=0.1)
        assert groups["male"]["uar" + suffix] == pytest.approx(men, abs=0.1)
        low, difference, high = _difference(groups["female"], suffix)
        assert low < difference < high
        assert difference == pytest.approx(women - men, abs=0.15)
        assert low > 0 or high < 0
    json.dumps(found, allow_nan=False)


def test_no_difference_is_none() -> None:
    """An interval holds what is true as often as it says, and a little less of few speakers."""
    held = 0
    for chance in range(0, 60, 2):
        group = fairness(_sexes(0.7, 0.7, speakers=6, chance=chance))["sex"]["groups"]["male"]
        low, difference, high = _difference(group)
        assert low < difference < high
        held += low <= 0 <= high
    assert 24 <= held < 30


def test_women_and_men_who_are_understood_alike() -> None:
    judged = _sexes(0.8, 0.3)
    women = [one for one in judged if one.utterance.sex == "female"]
    men = [
        replace(
            one, utterance=replace(one.utterance, sex="male", speaker=f"{one.utterance.speaker}-m")
        )
        for one in women
    ]
    for group in fairness([*women, *men])["sex"]["groups"].values():
        low, difference, high = _difference(group)
        assert difference == 0
        assert low < 0 < high


def test_two_groups_mirror_each_other() -> None:
    groups = fairness(_sexes(0.8, 0.7))["sex"]["groups"]
    for suffix in SUFFIXES:
        one, two = (_difference(groups[sex], suffix) for sex in ("female", "male"))
        assert one == pytest.approx(tuple(-value for value in two[::-1]))


def test_groups_are_scored_as_strata() -> None:
    judged = _sexes(0.8, 0.6)
    groups = fairness(judged)["sex"]["groups"]
    draws = {}
    for number, sex in enumerate(("female", "male")):
        own = [one for one in judged if one.utterance.sex == sex]
        assert groups[sex]["uar_enrolled"] == pytest.approx(score(own)["uar_enrolled"])
        assert (groups[sex]["clips"], groups[sex]["speakers"]) == (len(own), 8)
        # Women and men are other people, so they are drawn apart.
        found = Strata.of(own).draws("unknown", seed=1000 * number)
        assert found is not None
        draws[sex] = found
        assert groups[sex]["uar_interval"] == pytest.approx(interval(found))
    expected = np.quantile(draws["female"] - draws["male"], [0.025, 0.975])
    assert groups["female"]["difference_interval"] == pytest.approx(expected)


def test_the_order_of_the_clips_is_of_no_matter() -> None:
    judged = [*_sexes(0.8, 0.6), *_sexes(0.7, 0.7, prefix="b-", corpus="emovo", language="it")]
    assert fairness(judged[::-1]) == fairness(judged)


def test_few_speakers_have_no_interval() -> None:
    women = voices([f"w-{n}" for n in range(2)], 0.8, sex="female", language=None)
    men = voices([f"m-{n}" for n in range(5)], 0.6, sex="male", language=None)
    groups = fairness([*women, *men])["sex"]["groups"]
    for suffix in SUFFIXES:
        assert groups["female"][f"uar{suffix}_interval"] is None
        assert groups["male"][f"uar{suffix}_interval"] is not None
        # A difference from people who cannot be drawn from cannot be drawn either.
        assert groups["female"][f"difference{suffix}_interval"] is None
        assert groups["male"][f"difference{suffix}_interval"] is None
        assert groups["female"]["difference" + suffix] > 0
    assert groups["female"]["speakers"] == 2


def test_few_speakers_of_one_group_leave_no_difference_to_any_other() -> None:
    judged = [
        *voices([f"a-{n}" for n in range(4)], 0.8, language=None),
        *voices([f"b-{n}" for n in range(4)], 0.6, language=None, corpus="emovo"),
        *voices([f"c-{n}" for n in range(2)], 0.4, language=None, corpus="tess"),
    ]
    groups = fairness(judged)["corpus"]["groups"]
    known = {name: group["uar_interval"] is not None for name, group in groups.items()}
    assert known == {"emovo": True, "ravdess": True, "tess": False}
    assert all(group["difference_interval"] is None for group in groups.values())


def test_one_group_alone_is_compared_with_nothing() -> None:
    assert fairness(voices(["a", "b", "c"], 0.5, sex="female", language="en")) == {}
    assert fairness(voices(["a", "b", "c"], 0.5, sex=None, language=None)) == {}


def test_sexes_are_compared_where_both_speak() -> None:
    """What women of a corpus of women alone say is of no weight against the men elsewhere."""
    both = _sexes(0.8, 0.8, language="en")
    alone = voices(["t-1", "t-2", "t-3"], 0.1, sex="female", corpus="tess", language="en")
    unknown = voices(["x-1"], 0.1, sex=None, language="en")
    found = fairness([*both, *alone, *unknown])
    assert found["sex"] == fairness(both)["sex"]
    assert found["corpus"]["groups"]["tess"]["difference"] < -0.5
    assert "language" not in found


def test_sexes_are_compared_over_what_both_say() -> None:
    """That women are not asked for what is hard is no merit of theirs."""
    judged = _sexes(0.8, 0.8)
    lacking = [
        one for one in judged if (one.utterance.sex, one.utterance.emotion) != ("female", "sad")
    ]
    shared = [one for one in judged if one.utterance.emotion != "sad"]
    found = fairness(lacking)
    assert found["sex"]["classes"] == ["angry", "happy", "neutral"]
    assert found == fairness(shared)
    # What they say in one corpus is no reason to compare it in another.
    elsewhere = [
        one
        for one in _sexes(0.2, 0.9, prefix="b-", corpus="emovo")
        if one.utterance.sex == "male" or one.utterance.emotion == "sad"
    ]
    assert fairness([*judged, *elsewhere])["sex"] == fairness(judged)["sex"]
    assert "sex" not in fairness(elsewhere)


def test_a_speaker_of_two_corpora_is_one_of_the_group() -> None:
    found = fairness([*_sexes(0.8, 0.7), *_sexes(0.6, 0.7, corpus="emovo")])
    assert {name: group["speakers"] for name, group in found["sex"]["groups"].items()} == {
        "female": 8,
        "male": 8,
    }


def test_corpora_and_languages_over_the_classes_that_all_hold() -> None:
    names = [[f"{corpus}-{number}" for number in range(4)] for corpus in "abc"]
    judged = [
        *voices(names[0], 0.9, language="en", corpus="ravdess"),
        *voices(names[1], 0.6, language="en", corpus="tess", classes=("angry", "bored", "sad")),
        *voices(names[2], 0.3, language="it", corpus="emovo", classes=("angry", "fearful", "sad")),
    ]
    found = fairness(judged)
    assert set(found) == {"corpus", "language"}
    assert found["corpus"]["classes"] == found["language"]["classes"] == ["angry", "sad"]
    groups = found["corpus"]["groups"]
    assert list(groups) == ["emovo", "ravdess", "tess"]
    # Four speakers, two classes, five clips each.
    assert all(group["clips"] == 40 and group["speakers"] == 4 for group in groups.values())
    shared = [one for one in judged if one.utterance.emotion in ("angry", "sad")]
    for corpus, group in groups.items():
        own = [one for one in shared if one.utterance.corpus == corpus]
        columns = [own[0].classes.index(name) for name in ("angry", "sad")]
        for mode, suffix in SUFFIX.items():
            hits: dict[str, list[bool]] = {"angry": [], "sad": []}
            for one in own:
                said = ("angry", "sad")[int(getattr(one, mode)[columns].argmax())]
                hits[str(one.utterance.emotion)].append(said == one.utterance.emotion)
            expected = np.mean([np.mean(values) for values in hits.values()])
            assert group["uar" + suffix] == pytest.approx(expected)
    for corpus, group in groups.items():
        others = [groups[other]["uar"] for other in groups if other != corpus]
        assert group["difference"] == pytest.approx(group["uar"] - np.mean(others))
    languages = found["language"]["groups"]
    assert list(languages) == ["en", "it"]
    assert languages["en"]["clips"] == 80
    # Corpora of one language weigh the same.
    mean = (groups["ravdess"]["uar"] + groups["tess"]["uar"]) / 2
    assert languages["en"]["uar"] == pytest.approx(mean)
    assert languages["it"]["uar"] == pytest.approx(groups["emovo"]["uar"])


def test_corpora_that_share_one_class_at_most_are_not_compared() -> None:
    judged = [
        *voices(["a-1", "a-2"], 0.9, language="en", classes=("angry", "happy")),
        *voices(["b-1", "b-2"], 0.9, language="it", corpus="emovo", classes=("happy", "sad")),
    ]
    assert fairness(judged) == {}


def test_the_first_seed_is_taken() -> None:
    first = _sexes(0.8, 0.6, seed=2)
    second = _sexes(0.1, 0.1, seed=3)
    assert fairness([*second, *first]) == fairness(first)


def test_clips_of_nobody_known_count_but_are_no_speakers() -> None:
    judged = _sexes(0.8, 0.6)
    odd = answer("angry", "angry", speaker=None, sex="female", language=None, path="odd.wav")
    group = fairness([*judged, odd])["sex"]["groups"]["female"]
    before = fairness(judged)["sex"]["groups"]["female"]
    assert group["clips"] == before["clips"] + 1
    assert group["speakers"] == before["speakers"]
    assert score_corpora([*judged, odd])["ravdess"]["speakers"] == 16
