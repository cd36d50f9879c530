"""A judgement: frozen, the same in every view, plain for JSON, portable between processes."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
from types import MappingProxyType
from typing import Any

import pytest

from serein.errors import ArgumentInvalid, NotAudio, SereinError
from serein.results import InputWarning, LabelView, Prediction, failure_as_dict, most_probable

PROBABILITIES = {"angry": 0.35, "happy": 0.05, "neutral": 0.2, "sad": 0.3, "surprised": 0.1}


@pytest.fixture
def prediction() -> Prediction:
    return Prediction(
        label="angry",
        confidence=0.35,
        probabilities=MappingProxyType(PROBABILITIES),
        sex=MappingProxyType({"female": 0.75, "male": 0.25}),
        decided=False,
        warnings=(InputWarning("noisy", "It is noisy."),),
        duration=2.5,
        model="tiny",
        file="a.wav",
    )


def test_the_object_for_json_is_the_promised_one(prediction: Prediction) -> None:
    found = prediction.as_dict()
    assert json.loads(json.dumps(found)) == found
    assert found == {
        "file": "a.wav",
        "label": "angry",
        "confidence": 0.35,
        "probabilities": PROBABILITIES,
        "sex": {"female": 0.75, "male": 0.25},
        "speech": None,
        "decided": False,
        "warnings": [{"code": "noisy", "message": "It is noisy."}],
        "duration": 2.5,
        "model": "tiny",
    }


def test_what_is_not_judged_is_null(prediction: Prediction) -> None:
    found = dataclasses.replace(prediction, sex=None, file=None).as_dict()
    assert json.loads(json.dumps(found)) == found
    assert found["sex"] is None
    assert found["file"] is None


def test_view_is_named_and_has_its_own_top(prediction: Prediction) -> None:
    view = prediction.view("three")
    # positive 0.05 + 0.05, neutral 0.2 + 0.05 + 0.15, negative 0.35 + 0.15
    assert view.name == "three"
    assert view.label == "negative"
    assert view.confidence == pytest.approx(0.5)
    assert dict(view.probabilities) == pytest.approx(
        {"positive": 0.1, "neutral": 0.4, "negative": 0.5}
    )
    assert json.loads(json.dumps(view.as_dict()))["probabilities"] == dict(view.probabilities)


def test_view_may_have_another_top_than_the_labels(prediction: Prediction) -> None:
    split = {"calm": 0.3, "neutral": 0.3, "angry": 0.4}
    found = dataclasses.replace(prediction, probabilities=split)
    assert found.view("all").label == "angry"
    assert found.view("six").label == "neutral"


def test_view_says_what_it_dropped(prediction: Prediction) -> None:
    view = prediction.view("six")
    assert view.dropped == pytest.approx(0.1)
    assert view.confidence == pytest.approx(0.35 / 0.9)
    assert view.as_dict()["dropped"] == view.dropped


def test_view_by_sex_uses_the_judged_sex(prediction: Prediction) -> None:
    view = prediction.view("sex-emotion")
    assert view.label == "female_dislike"
    assert view.confidence == pytest.approx(0.75 * 0.35)
    with pytest.raises(ArgumentInvalid, match="sex"):
        dataclasses.replace(prediction, sex=None).view("sex-emotion")


def test_view_of_a_model_that_was_trained_on_a_label_set(prediction: Prediction) -> None:
    pairs = MappingProxyType({"female_calm": 0.5, "female_sad": 0.3, "male_dislike": 0.2})
    own = dataclasses.replace(
        prediction, label="female_calm", probabilities=pairs, label_set="sex-emotion"
    )
    # The pairs as they were judged, not the product of sex and emotion.
    assert own.view("sex-emotion").probabilities == pairs
    assert own.view("three").probabilities == pytest.approx({"neutral": 0.65, "negative": 0.35})
    assert own.view("sex").label == "female"
    with pytest.raises(ArgumentInvalid, match="angry and disgusted as one"):
        own.view("seven")
    assert own.as_dict().keys() == prediction.as_dict().keys()


def test_unknown_view_is_refused(prediction: Prediction) -> None:
    with pytest.raises(ArgumentInvalid, match="views are all, three"):
        prediction.view("Three")


def test_judgement_cannot_be_changed(prediction: Prediction) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        prediction.label = "happy"  # type: ignore[misc]
    with pytest.raises(TypeError):
        prediction.probabilities["angry"] = 1.0  # type: ignore[index]


@pytest.mark.parametrize("carry", [lambda x: pickle.loads(pickle.dumps(x)), copy.deepcopy])
def test_judgement_travels_between_processes(prediction: Prediction, carry: Any) -> None:
    for original in (prediction, prediction.view("three")):
        arrived = carry(original)
        assert arrived == original
        assert isinstance(arrived, Prediction | LabelView)
        assert arrived.as_dict() == original.as_dict()
        with pytest.raises(TypeError):
            arrived.probabilities["angry"] = 1.0  # type: ignore[index]


def test_most_probable_takes_the_first_of_equals() -> None:
    assert most_probable({"angry": 0.2, "sad": 0.4, "happy": 0.4}) == ("sad", 0.4)


def test_failure_stands_in_the_place_of_a_judgement() -> None:
    found = failure_as_dict(NotAudio("No sound.", file="a.txt"))
    assert json.loads(json.dumps(found)) == found
    assert found == {"file": "a.txt", "error": {"code": "not_audio", "message": "No sound."}}
    assert failure_as_dict(SereinError("Something."))["file"] is None
