"""Label views, recomputed by hand from the table of the public interface."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serein.errors import ArgumentInvalid
from serein.labels import LABELS, SEXES, VIEWS, regroup

# Nine labels whose sums by group can be told apart.
NINE = dict(zip(LABELS, (0.30, 0.01, 0.02, 0.05, 0.07, 0.25, 0.13, 0.11, 0.06), strict=True))
SEX = {"female": 0.7, "male": 0.3}


@st.composite
def distributions(draw: st.DrawFn) -> dict[str, float]:
    known = draw(st.lists(st.sampled_from(LABELS), min_size=2, unique=True))
    weights = [draw(st.floats(0.01, 1.0)) for _ in known]
    return {label: weight / sum(weights) for label, weight in zip(known, weights, strict=True)}


def test_the_labels_and_views_are_those_promised() -> None:
    assert LABELS == (
        "angry",
        "bored",
        "calm",
        "disgusted",
        "fearful",
        "happy",
        "neutral",
        "sad",
        "surprised",
    )
    assert VIEWS == ("all", "three", "five", "six", "seven", "esd", "sex-emotion")


def test_nine_labels_sum_to_one() -> None:
    assert sum(NINE.values()) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("view", "masses", "dropped"),
    [
        ("all", NINE, 0.0),
        (
            "three",
            {
                "positive": 0.25 + 0.06 / 2,
                "neutral": 0.13 + 0.02 + 0.01 + 0.06 / 2 + 0.11 / 2,
                "negative": 0.30 + 0.07 + 0.05 + 0.11 / 2,
            },
            0.0,
        ),
        (
            "five",
            {
                "angry": 0.30,
                "happy": 0.25,
                "neutral": 0.13 + 0.02 + 0.01,
                "sad": 0.11,
                "fearful": 0.07,
            },
            0.06 + 0.05,
        ),
        (
            "six",
            {
                "angry": 0.30,
                "disgusted": 0.05,
                "fearful": 0.07,
                "happy": 0.25,
                "neutral": 0.13 + 0.02 + 0.01,
                "sad": 0.11,
            },
            0.06,
        ),
        (
            "seven",
            {
                "angry": 0.30,
                "disgusted": 0.05,
                "fearful": 0.07,
                "happy": 0.25,
                "neutral": 0.13 + 0.02 + 0.01,
                "sad": 0.11,
                "surprised": 0.06,
            },
            0.0,
        ),
        (
            "esd",
            {
                "angry": 0.30,
                "happy": 0.25,
                "neutral": 0.13 + 0.02 + 0.01,
                "sad": 0.11,
                "surprised": 0.06,
            },
            0.05 + 0.07,
        ),
    ],
)
def test_view_of_all_nine_labels(view: str, masses: dict[str, float], dropped: float) -> None:
    found, lost = regroup(NINE, view)
    assert dict(found) == pytest.approx({k: v / (1 - dropped) for k, v in masses.items()})
    assert lost == pytest.approx(dropped, abs=1e-12)


def test_sex_and_emotion_are_taken_as_independent() -> None:
    found, lost = regroup(NINE, "sex-emotion", sex=SEX)
    emotions = {
        "calm": 0.02 + 0.13 + 0.01,
        "happy": 0.25,
        "sad": 0.11,
        "dislike": 0.30 + 0.05,
        "fearful": 0.07,
        "surprised": 0.06,
    }
    expected = {f"{s}_{e}": SEX[s] * p for s in SEXES for e, p in emotions.items()}
    assert len(expected) == 12
    assert dict(found) == pytest.approx(expected)
    assert lost == pytest.approx(0.0, abs=1e-12)


def test_labels_that_the_model_does_not_know_are_left_out() -> None:
    four = {"angry": 0.4, "happy": 0.3, "neutral": 0.2, "sad": 0.1}
    three, lost = regroup(four, "three")
    assert dict(three) == pytest.approx({"positive": 0.3, "neutral": 0.25, "negative": 0.45})
    assert lost == 0.0
    assert set(regroup(four, "six")[0]) == set(four)
    # Nobody can be fearful for a model that does not know fear.
    assert "fearful" not in regroup(four, "five")[0]


def test_sum_is_said_and_the_rest_renormalised_where_a_label_is_dropped() -> None:
    found, lost = regroup({"happy": 0.2, "sad": 0.2, "surprised": 0.6}, "six")
    assert dict(found) == pytest.approx({"happy": 0.5, "sad": 0.5})
    assert lost == pytest.approx(0.6)


@given(probabilities=distributions(), view=st.sampled_from(VIEWS), female=st.floats(0.0, 1.0))
def test_views_of_any_model_sum_to_one(
    probabilities: dict[str, float], view: str, female: float
) -> None:
    try:
        found, lost = regroup(probabilities, view, sex={"female": female, "male": 1 - female})
    except ArgumentInvalid:
        # Only where nothing of the model is in the view.
        assert view in {"five", "six", "esd"}
        assert set(probabilities) <= {"disgusted", "fearful", "surprised"}
        return
    assert sum(found.values()) == pytest.approx(1.0)
    assert all(0.0 <= value <= 1.0 for value in found.values())
    assert 0.0 <= lost < 1.0


@given(probabilities=distributions())
def test_the_view_of_everything_changes_nothing(probabilities: dict[str, float]) -> None:
    assert regroup(probabilities, "all") == (probabilities, 0.0)


def test_a_view_cannot_be_changed_by_who_gets_it() -> None:
    for view in VIEWS:
        found, _ = regroup(NINE, view, sex=SEX)
        with pytest.raises(TypeError):
            found["angry"] = 1.0  # type: ignore[index]


def test_unknown_view_names_those_that_there_are() -> None:
    with pytest.raises(ArgumentInvalid, match="unknown label view 'eight'") as caught:
        regroup(NINE, "eight")
    assert all(view in caught.value.message for view in VIEWS)


def test_view_by_sex_needs_a_model_that_judges_it() -> None:
    with pytest.raises(ArgumentInvalid, match="sex"):
        regroup(NINE, "sex-emotion")


def test_view_without_any_of_the_models_labels_is_refused() -> None:
    with pytest.raises(ArgumentInvalid, match="surprised"):
        regroup({"surprised": 0.5, "disgusted": 0.5}, "five")
