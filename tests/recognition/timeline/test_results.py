"""Windows held as numbers, and what a time line says of itself."""

from __future__ import annotations

import json
import pickle
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serein.errors import ArgumentInvalid
from serein.labels import LABEL_SETS, regroup
from serein.recognition.timeline.results import Window, Windows
from serein.results import most_probable
from tests.recognition.timeline.timelines import LABELS, segment, silence, timeline_of

SHARES = st.lists(st.floats(0.01, 1.0), min_size=len(LABELS), max_size=len(LABELS))


@st.composite
def windows_of(draw: st.DrawFn) -> Window:
    start = draw(st.floats(0, 1e6))
    speech, speaker = draw(st.floats(0, 1)), draw(st.sampled_from([None, "Anna", "日本", ""]))
    if draw(st.booleans()):
        return Window(start, start + 3, speech, speaker=speaker)
    weights = draw(SHARES)
    values = [weight / sum(weights) for weight in weights]
    probabilities = MappingProxyType(dict(zip(LABELS, values, strict=True)))
    label, confidence = most_probable(probabilities)
    female = draw(st.floats(0, 1))
    sex = MappingProxyType({"female": female, "male": 1 - female})
    return Window(
        start=start,
        end=start + 3,
        speech=speech,
        label=label,
        confidence=confidence,
        probabilities=probabilities,
        sex=draw(st.sampled_from([None, sex])),
        decided=draw(st.booleans()),
        speaker=speaker,
    )


@given(st.lists(windows_of(), max_size=150))
def test_windows_come_back_as_they_went_in(windows: list[Window]) -> None:
    held = Windows(LABELS)
    for window in windows:
        held.append(window)
    assert len(held) == len(windows)
    assert list(held) == windows
    assert held[1:-1] == windows[1:-1]
    assert list(reversed(held)) == windows[::-1]
    if windows:
        assert held[-1] == windows[-1]
    for index in (len(windows), -len(windows) - 1):
        with pytest.raises(IndexError):
            held[index]
    assert held.starts.tolist() == [one.start for one in windows]
    assert held.ends.tolist() == [one.end for one in windows]
    assert held.speech.tolist() == [one.speech for one in windows]
    assert held.decided.tolist() == [one.decided for one in windows]
    assert held.probabilities.shape == (len(windows), len(LABELS))
    assert np.isnan(held.probabilities).all(axis=1).tolist() == [
        one.probabilities is None for one in windows
    ]
    assert np.isnan(held.sex).all(axis=1).tolist() == [one.sex is None for one in windows]
    assert [None if index < 0 else held.names[index] for index in held.speakers] == [
        one.speaker for one in windows
    ]


def test_windows_of_a_label_set_say_so() -> None:
    classes = LABEL_SETS["sex-emotion"].classes
    held = Windows(classes, "sex-emotion")
    even = MappingProxyType(dict.fromkeys(classes, 1 / len(classes)))
    window = Window(0, 3, 0.9, classes[0], 1 / len(classes), even, label_set="sex-emotion")
    held.append(window)
    assert held[0] == window


def test_window_in_another_view() -> None:
    window = segment(1, 4, "happy", confidence=0.7)
    view = window.view("three")
    assert view is not None
    assert view.probabilities == pytest.approx({"positive": 0.75, "neutral": 0.1, "negative": 0.15})
    assert view.label == "positive"
    assert view.confidence == pytest.approx(0.75)
    assert window.as_dict("three")["view"] == view.as_dict()
    assert (silence(0, 3).view("three"), silence(0, 3).as_dict("three")["view"]) == (None, None)
    with pytest.raises(ArgumentInvalid, match="the views are"):
        window.view("nothing")
    assert window.probabilities is not None
    sexes = window.view("sex-emotion")
    assert sexes is not None
    assert sexes.probabilities == regroup(window.probabilities, "sex-emotion", sex=window.sex)[0]


def test_timeline_is_json_and_travels() -> None:
    windows = [segment(0, 3, speaker="Anna"), silence(1, 4)]
    timeline = timeline_of([segment(0, 2.5)], windows=windows, speakers=["Anna"])
    values = timeline.as_dict("three")
    assert list(values) == [
        "file",
        "duration",
        "model",
        "window",
        "hop",
        "enrolled",
        "warnings",
        "summary",
        "speakers",
        "windows",
        "segments",
    ]
    assert json.loads(json.dumps(values, allow_nan=False)) == values
    assert [len(values["windows"]), len(values["segments"])] == [2, 1]
    assert values["windows"][1]["probabilities"] is None
    assert values["windows"][0]["view"]["label"] == "negative"
    assert "view" not in timeline.as_dict()["windows"][0]
    again = pickle.loads(pickle.dumps(timeline))
    assert again.as_dict("three") == values
    assert again.labels == timeline.labels == LABELS
    assert windows[0].duration == 3
