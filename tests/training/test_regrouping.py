"""Clips in the classes of a label set: what they become, and what is said of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from serein.corpora import RegroupedUtterance
from serein.errors import ArgumentInvalid
from serein.labels import LABEL_SETS, LABELS
from serein.training.data import Dataset
from serein.training.regrouping import left_out_as, regroup_utterances, what_is_lost
from tests.training.synthetic import FUNCTIONALS, made_up, utterance

CLIPS = tuple(
    utterance(label, path=f"{label}-{sex}.wav", sex=sex)
    for label in (*LABELS, None)
    for sex in ("female", "male", None)
)


@pytest.mark.parametrize("name", LABEL_SETS)
def test_each_clip_becomes_what_the_table_says_and_nothing_else_changes(name: str) -> None:
    regrouped = regroup_utterances(CLIPS, name)
    for before, after in zip(CLIPS, regrouped, strict=True):
        expected = before.emotion and LABEL_SETS[name].class_of(before.emotion, before.sex)
        assert after.emotion == expected
        assert after == RegroupedUtterance(**{**vars(before), "emotion": expected})
    held = {one.emotion for one in regrouped} - {None}
    assert held == set(LABEL_SETS[name].classes)


def test_without_a_label_set_nothing_changes() -> None:
    assert regroup_utterances(CLIPS, None) == CLIPS


@pytest.mark.parametrize(
    ("name", "votes"),
    [
        ("esd", {"neutral": 5.0, "angry": 1.0, "fearful": 2.0, "sad": 2.0}),
        (
            "sex-emotion",
            {"male_calm": 5.0, "male_dislike": 1.0, "male_fearful": 2.0, "male_sad": 2.0},
        ),
        ("three", {"neutral": 6.0, "negative": 4.0}),
        ("sex", None),
    ],
)
def test_votes_are_regrouped_and_none_is_lost(name: str, votes: dict[str, float] | None) -> None:
    """What the set leaves out was heard as well: its votes keep their name and can win."""
    heard = {"neutral": 3.0, "bored": 2.0, "angry": 1.0, "fearful": 2.0, "sad": 2.0}
    (found,) = regroup_utterances([utterance("sad", sex="male", votes=heard)], name)
    assert found.votes == votes


def test_losses_are_said_and_what_is_left_out_is_counted() -> None:
    after = regroup_utterances(CLIPS, "esd")
    assert what_is_lost(CLIPS, after, "esd") == (
        "labels 'esd': bored and calm count as neutral",
        "labels 'esd': disgusted and fearful are left out",
        "labels 'esd': 6 clips are left out: 3 disgusted, 3 fearful",
    )
    unknown = [one for one in CLIPS if one.emotion == "sad"]
    told = what_is_lost(unknown, regroup_utterances(unknown, "sex"), "sex")
    assert told[-1] == "labels 'sex': 1 clip is left out: 1 sad of unknown sex"
    known = [one for one in CLIPS if one.emotion == "sad" and one.sex]
    assert what_is_lost(known, regroup_utterances(known, "sex"), "sex") == told[:-1]


def test_why_a_clip_is_left_out() -> None:
    clip = utterance("fearful", sex=None)
    assert left_out_as(clip, "esd") == left_out_as(clip, None) == "fearful"
    assert left_out_as(clip, "sex-emotion") == "fearful of unknown sex"
    assert left_out_as(replace(clip, sex="male"), "sex-emotion") == "fearful"


@pytest.fixture
def dataset() -> Dataset:
    return made_up([one for one in CLIPS if one.emotion is not None], FUNCTIONALS)


def test_a_regrouped_dataset_keeps_every_clip_in_its_place(dataset: Dataset) -> None:
    found = dataset.regrouped("sex-emotion")
    assert len(found) == len(dataset)
    assert [one.path for one in found.utterances] == [one.path for one in dataset.utterances]
    assert found.features is dataset.features
    assert found.label_set == "sex-emotion"
    assert found.labels == found.corpus_labels("ravdess") == LABEL_SETS["sex-emotion"].classes
    assert dataset.labels == LABELS
    targets = found.targets(found.labels)
    for one, target in zip(found.utterances, targets, strict=True):
        assert (one.emotion is None) == (one.sex is None) == (target == -1)
    assert "labels 'sex-emotion': 9 clips are left out" in found.warnings[-1]
    assert dataset.warnings == ()


def test_regrouped_once_and_no_more(dataset: Dataset) -> None:
    assert dataset.regrouped(None) is dataset
    found = dataset.regrouped("esd")
    assert found.regrouped("esd") is found
    for other in (None, "three"):
        with pytest.raises(ArgumentInvalid, match="already regrouped into the label set 'esd'"):
            found.regrouped(other)
    with pytest.raises(ArgumentInvalid, match="unknown label set 'eight'"):
        dataset.regrouped("eight")
