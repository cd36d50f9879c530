"""One colour for each emotion, the same wherever Serein draws in colour."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import cycle
from types import MappingProxyType

from serein.labels import SEXES

COLOURS: Mapping[str, str] = MappingProxyType(
    {
        "angry": "#ef1e3c",
        "bored": "#63484e",
        "calm": "#00bcf0",
        "disgusted": "#356211",
        "fearful": "#9b418b",
        "happy": "#84bb7a",
        "neutral": "#8c8c8c",
        "sad": "#3d72e5",
        "surprised": "#d3a805",
    }
)
"""Of each canonical label, as ``#rrggbb``.

Found by a search for nine colours of these hues that stay apart for all eyes: the two nearest are
over 20 units of CIELAB from each other for full colour vision and for each kind of dichromat (as
simulated by Machado, Oliveira and Fernandes, IEEE Trans. Visualization and Computer Graphics 15(6),
2009). Each has a contrast of 2.2 or more with white and with nearly black paper; that is enough for
an area, but not for text.
"""

_CLASSES: Mapping[str, str] = MappingProxyType(
    {
        "positive": COLOURS["happy"],
        "negative": COLOURS["angry"],
        "dislike": COLOURS["angry"],
        "female": COLOURS["fearful"],
        "male": COLOURS["calm"],
    }
)


def colours_of(names: Iterable[str]) -> dict[str, str]:
    """A colour for each label or class of a model or a view, as ``#rrggbb``.

    A class by sex (``female_calm``) has the colour of its emotion. Labels that Serein does not
    know, those of a model trained on its own, get the colours that are left, again from the first
    where there are more labels than colours.
    """
    listed = list(dict.fromkeys(names))
    known = {name: found for name in listed if (found := _own(name)) is not None}
    left = [colour for colour in COLOURS.values() if colour not in known.values()]
    others = cycle(left or COLOURS.values())
    return {name: known.get(name) or next(others) for name in listed}


def _own(name: str) -> str | None:
    sex, _, emotion = name.partition("_")
    name = emotion if emotion and sex in SEXES else name
    return COLOURS.get(name) or _CLASSES.get(name)


def mixed(colour: str, other: str, share: float) -> str:
    """A colour with a share, 0 to 1, of another in it."""
    pairs = zip(_channels(colour), _channels(other), strict=True)
    return "#" + "".join(f"{round(one + share * (two - one)):02x}" for one, two in pairs)


def contrast(colour: str, other: str) -> float:
    """The contrast ratio of two colours, 1 to 21 (WCAG 2.2)."""
    darker, lighter = sorted((_luminance(colour), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _channels(colour: str) -> list[int]:
    return [int(colour[place : place + 2], 16) for place in (1, 3, 5)]


def _luminance(colour: str) -> float:
    shares = [one / 255 for one in _channels(colour)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
