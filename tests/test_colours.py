from __future__ import annotations

import colorsys
import re
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pytest

from serein.colours import COLOURS, colours_of, contrast, mixed
from serein.labels import CLASSES, LABELS

PAPERS = ("#ffffff", "#11161c")

# Machado, Oliveira and Fernandes (2009), severity 1, for linear RGB.
VISIONS = {
    "full": np.eye(3).tolist(),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)


def channels(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(part, 16) / 255 for part in re.findall("..", colour[1:]))
    return red, green, blue


def cielab(colour: str, vision: str) -> npt.NDArray[np.float64]:
    values = np.array(channels(colour))
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.array(VISIONS[vision]) @ linear, 0, 1)
    x, y, z = (
        np.cbrt(one) if one > (6 / 29) ** 3 else one / (3 * (6 / 29) ** 2) + 4 / 29
        for one in (TO_XYZ @ seen) / TO_XYZ.sum(axis=1)
    )
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_every_emotion_has_one_colour_of_its_own() -> None:
    assert tuple(COLOURS) == LABELS
    assert len(set(COLOURS.values())) == len(LABELS)
    assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in COLOURS.values())


@pytest.mark.parametrize(
    ("label", "low", "high"),
    [("angry", -20, 20), ("happy", 90, 150), ("sad", 200, 250), ("surprised", 40, 65)],
)
def test_the_usual_colours_are_kept(label: str, low: float, high: float) -> None:
    hue, _, saturation = colorsys.rgb_to_hls(*channels(COLOURS[label]))
    assert low <= (hue * 360 + 90) % 360 - 90 <= high
    assert saturation > 0.3


def test_neutral_is_grey() -> None:
    assert max(channels(COLOURS["neutral"])) - min(channels(COLOURS["neutral"])) < 0.02


@pytest.mark.parametrize("vision", VISIONS)
def test_colours_stay_apart_for_all_eyes(vision: str) -> None:
    seen = {label: cielab(colour, vision) for label, colour in COLOURS.items()}
    nearest = min(
        (float(np.linalg.norm(seen[one] - seen[other])), one, other)
        for one, other in combinations(LABELS, 2)
    )
    assert nearest[0] >= 20, nearest


@pytest.mark.parametrize("paper", PAPERS)
def test_colours_stand_out_from_the_paper(paper: str) -> None:
    assert {label: contrast(colour, paper) >= 2.2 for label, colour in COLOURS.items()} == (
        dict.fromkeys(LABELS, True)
    )


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        ("#000000", "#ffffff", 21.0),
        ("#ffffff", "#000000", 21.0),
        ("#777777", "#ffffff", 4.48),
        ("#123456", "#123456", 1.0),
    ],
)
def test_contrast_is_that_of_wcag(one: str, other: str, ratio: float) -> None:
    assert contrast(one, other) == pytest.approx(ratio, abs=0.005)


def test_a_mixture_lies_between() -> None:
    assert mixed("#102030", "#506070", 0) == "#102030"
    assert mixed("#102030", "#506070", 1) == "#506070"
    assert mixed("#102030", "#506070", 0.5) == "#304050"


def test_every_class_of_every_view_has_a_colour() -> None:
    found = colours_of(CLASSES)
    assert tuple(found) == CLASSES
    assert found["female_calm"] == found["male_calm"] == COLOURS["calm"]
    assert found["positive"] != found["negative"]
    assert found["female"] != found["male"]


@pytest.mark.parametrize("name", CLASSES)
def test_the_colour_of_a_class_does_not_depend_on_the_others(name: str) -> None:
    assert colours_of([name])[name] == colours_of(["a label", *CLASSES])[name]


def test_labels_of_its_own_get_the_colours_that_are_left() -> None:
    found = colours_of(["bliss", "sad", "female_rage", "grief"])
    assert found["sad"] == COLOURS["sad"]
    assert len(set(found.values())) == 4
    assert set(found.values()) <= set(COLOURS.values())


def test_more_labels_than_colours_share_them() -> None:
    names = [f"label {number}" for number in range(20)]
    found = colours_of(names)
    assert list(found) == names
    assert set(found.values()) == set(COLOURS.values())
    assert set(colours_of([*LABELS, "another"]).values()) == set(COLOURS.values())
