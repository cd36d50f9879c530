"""Label sets and views, recomputed by hand from the table of the public interface."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serein.errors import ArgumentInvalid
from serein.labels import (
    CLASSES,
    LABEL_SETS,
    LABELS,
    SEXES,
    VIEWS,
    LabelSet,
    find_label_set,
    judged_sex,
    ordered,
    regroup,
)

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
    assert VIEWS == (
        *("all", "three", "five", "six", "seven", "esd", "emodb"),
        *("sex-emotion", "sex"),
    )
    assert ("all", *LABEL_SETS) == VIEWS


# What each set is trained on: class by class, the labels that are its own as a whole.
TRAINED = {
    "three": {
        "positive": {"happy"},
        "neutral": {"neutral", "calm", "bored"},
        "negative": {"angry", "fearful", "disgusted"},
    },
    "five": {
        **{name: {name} for name in ("angry", "happy", "sad", "fearful")},
        "neutral": {"neutral", "calm", "bored"},
    },
    "six": {
        **{name: {name} for name in ("angry", "disgusted", "fearful", "happy", "sad")},
        "neutral": {"neutral", "calm", "bored"},
    },
    "seven": {
        **{name: {name} for name in ("angry", "disgusted", "fearful", "happy", "sad")},
        "surprised": {"surprised"},
        "neutral": {"neutral", "calm", "bored"},
    },
    "esd": {
        **{name: {name} for name in ("angry", "happy", "sad", "surprised")},
        "neutral": {"neutral", "calm", "bored"},
    },
    "emodb": {
        **{name: {name} for name in ("angry", "bored", "disgusted", "fearful", "happy", "sad")},
        "neutral": {"neutral", "calm"},
    },
    "sex-emotion": {
        "calm": {"neutral", "calm", "bored"},
        **{name: {name} for name in ("happy", "sad", "fearful", "surprised")},
        "dislike": {"angry", "disgusted"},
    },
}


@pytest.mark.parametrize("name", TRAINED)
def test_what_each_class_is_trained_on(name: str) -> None:
    own = LABEL_SETS[name]
    expected = {label: emotion for emotion, labels in TRAINED[name].items() for label in labels}
    for label in LABELS:
        for sex in SEXES:
            emotion = expected.get(label)
            paired = f"{sex}_{emotion}" if name == "sex-emotion" and emotion else emotion
            assert own.class_of(label, sex) == paired
        if own.by_sex:
            assert own.class_of(label, None) is None
        else:
            assert own.class_of(label, None) == expected.get(label)
    assert len(own.classes) == len(TRAINED[name]) * (2 if own.by_sex else 1)


def test_sex_alone() -> None:
    own = LABEL_SETS["sex"]
    assert own.classes == ("female", "male")
    assert [own.class_of("angry", sex) for sex in ("female", "male", None)] == [
        *("female", "male", None)
    ]


@pytest.mark.parametrize("own", LABEL_SETS.values(), ids=list(LABEL_SETS))
def test_no_share_of_a_label_is_lost_or_counted_twice(own: LabelSet) -> None:
    named = {label for parts in own.emotions.values() for label in parts}
    assert named <= set(LABELS)
    for label in LABELS:
        shares = own.shares(label)
        assert sum(shares.values()) == (1.0 if label in named else 0.0)
        assert set(shares) <= set(own.emotions)
    for name in own.classes:
        assert own.sex_of(name) in (SEXES if own.by_sex else (None,))
        assert (own.emotion_of(name) in own.emotions) == bool(own.emotions)


@pytest.mark.parametrize(
    ("name", "losses"),
    [
        (
            "three",
            (
                "happy counts as positive",
                "bored and calm count as neutral",
                "angry, disgusted and fearful count as negative",
                "sad is half neutral and half negative, and left out of training",
                "surprised is half positive and half neutral, and left out of training",
            ),
        ),
        ("esd", ("bored and calm count as neutral", "disgusted and fearful are left out")),
        ("emodb", ("calm counts as neutral", "surprised is left out")),
        ("seven", ("bored and calm count as neutral",)),
        (
            "sex-emotion",
            (
                "bored and neutral count as calm",
                "angry and disgusted count as dislike",
                "speakers of unknown sex are left out",
            ),
        ),
        ("sex", ("emotions are not told apart", "speakers of unknown sex are left out")),
    ],
)
def test_losses_are_said(name: str, losses: tuple[str, ...]) -> None:
    assert LABEL_SETS[name].losses == losses


def test_one_order_of_labels_and_classes() -> None:
    assert ordered(reversed(LABELS)) == LABELS
    assert ordered(["sad", None, "female_calm", "sad", "calm"]) == ("calm", "female_calm", "sad")
    for own in LABEL_SETS.values():
        assert own.classes == ordered(own.classes)
        assert set(own.classes) <= set(CLASSES)


def test_unknown_set_names_those_that_there_are() -> None:
    with pytest.raises(ArgumentInvalid, match="unknown label set 'eight'; the label sets are"):
        find_label_set("eight")


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
        (
            "emodb",
            {
                "angry": 0.30,
                "bored": 0.01,
                "disgusted": 0.05,
                "fearful": 0.07,
                "happy": 0.25,
                "neutral": 0.13 + 0.02,
                "sad": 0.11,
            },
            0.06,
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
        assert view in {"five", "six", "esd", "emodb"}
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


def test_view_of_the_sex_alone() -> None:
    assert regroup(NINE, "sex", sex=SEX) == (SEX, 0.0)


@pytest.mark.parametrize("view", ["sex-emotion", "sex"])
def test_view_by_sex_needs_a_model_that_judges_it(view: str) -> None:
    with pytest.raises(ArgumentInvalid, match="judges the speaker's sex"):
        regroup(NINE, view)


# --- models that were trained on a label set ---------------------------------------------------


@st.composite
def judgements(draw: st.DrawFn) -> tuple[str, dict[str, float]]:
    """A label set, and probabilities of some of its classes or of all."""
    name = draw(st.sampled_from(list(LABEL_SETS)))
    classes = LABEL_SETS[name].classes
    known = draw(st.lists(st.sampled_from(classes), min_size=2, unique=True))
    weights = [draw(st.floats(0.01, 1.0)) for _ in known]
    return name, {one: weight / sum(weights) for one, weight in zip(known, weights, strict=True)}


@given(judgement=judgements())
def test_the_view_of_its_own_set_changes_nothing(judgement: tuple[str, dict[str, float]]) -> None:
    name, probabilities = judgement
    for view in (name, "all"):
        # Without a sex beside: the pairs say it themselves.
        assert regroup(probabilities, view, trained_on=name) == (probabilities, 0.0)


@given(judgement=judgements(), view=st.sampled_from(list(LABEL_SETS)), female=st.floats(0.0, 1.0))
def test_a_set_regroups_as_its_labels_would_or_not_at_all(
    judgement: tuple[str, dict[str, float]], view: str, female: float
) -> None:
    """However a class's mass lies on its members, a view that is given is the members' own."""
    name, probabilities = judgement
    sex = {"female": female, "male": 1 - female}
    try:
        found, dropped = regroup(probabilities, view, sex=sex, trained_on=name)
    except ArgumentInvalid:
        return
    assert sum(found.values()) == pytest.approx(1.0)
    assert 0.0 <= dropped < 1.0
    if view in (name, "sex"):
        return
    own = LABEL_SETS[name]
    for choose in (min, max):
        labels: dict[str, float] = {}
        for one, probability in probabilities.items():
            member = choose(own.emotions[own.emotion_of(one) or ""])
            labels[member] = labels.get(member, 0.0) + probability
        expected, lost = regroup(labels, view, sex=sex)
        assert dict(found) == pytest.approx(dict(expected))
        assert dropped == pytest.approx(lost)


# Every set that was trained on, and the views that it still gives.
_FITTING = {
    "three": {"three", "sex"},
    "five": {"three", "five", "six", "seven", "esd", "sex-emotion", "sex"},
    "six": {"three", "five", "six", "seven", "esd", "sex-emotion", "sex"},
    "seven": {"three", "five", "six", "seven", "esd", "sex-emotion", "sex"},
    "esd": {"three", "five", "six", "seven", "esd", "sex-emotion", "sex"},
    "emodb": set(LABEL_SETS),
    "sex-emotion": {"three", "sex-emotion", "sex"},
    "sex": {"sex"},
}


def _fits(view: str, trained_on: str) -> bool:
    classes = LABEL_SETS[trained_on].classes
    try:
        regroup(dict.fromkeys(classes, 1 / len(classes)), view, sex=SEX, trained_on=trained_on)
    except ArgumentInvalid:
        return False
    return True


@pytest.mark.parametrize("name", LABEL_SETS)
def test_views_that_tell_apart_what_was_trained_as_one_are_refused(name: str) -> None:
    assert {view for view in LABEL_SETS if _fits(view, name)} == _FITTING[name]


def test_a_refused_view_is_explained() -> None:
    pairs = {"female_dislike": 0.5, "male_sad": 0.5}
    told = (
        "this model judges angry and disgusted as one ('female_dislike'), which the view 'six' "
        "tells apart; choose one of the views all, three, sex-emotion, sex, or another model"
    )
    with pytest.raises(ArgumentInvalid) as caught:
        regroup(pairs, "six", sex=SEX, trained_on="sex-emotion")
    assert caught.value.message == told


def test_pairs_of_both_sexes_in_three_classes() -> None:
    pairs = {"female_dislike": 0.1, "male_dislike": 0.2, "female_sad": 0.3, "male_calm": 0.4}
    three, dropped = regroup(pairs, "three", trained_on="sex-emotion")
    assert dict(three) == pytest.approx({"neutral": 0.4 + 0.15, "negative": 0.1 + 0.2 + 0.15})
    assert dropped == 0.0


def test_the_sex_that_pairs_tell() -> None:
    pairs = {"female_calm": 0.1, "male_calm": 0.2, "female_sad": 0.4, "male_happy": 0.3}
    assert judged_sex(pairs, "sex-emotion") == pytest.approx({"female": 0.5, "male": 0.5})
    assert judged_sex({"female": 0.8, "male": 0.2}, "sex") == {"female": 0.8, "male": 0.2}
    # Whoever heard women alone knows nothing of the sex.
    assert judged_sex({"female_calm": 0.5, "female_sad": 0.5}, "sex-emotion") is None
    assert judged_sex(NINE, "seven") is None
    assert judged_sex(NINE, None) is None


def test_view_without_any_of_the_models_labels_is_refused() -> None:
    with pytest.raises(ArgumentInvalid, match="surprised"):
        regroup({"surprised": 0.5, "disgusted": 0.5}, "five")
