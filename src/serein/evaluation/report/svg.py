"""Figures as SVG that lives inside a page: its colours, its font, and ids that clash with nobody's.

Matplotlib knows colours only by value. So it draws with colours that stand for those of the page,
and each of them is replaced by the variable of the style sheet that says what it is in light and in
dark.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from serein.drawing import fontless, readable, rounded, settings

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure

INK = "#010101"
MUTED = "#020202"
LINE = "#030303"
UNKNOWN = "#040404"
ENROLLED = "#050505"
SOFT = "#060606"
UNKNOWN_SOFT = "#080808"
ENROLLED_SOFT = "#090909"
CARD = "#070707"

_VARIABLES = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    LINE: "var(--line)",
    UNKNOWN: "var(--unknown)",
    ENROLLED: "var(--enrolled)",
    SOFT: "var(--soft)",
    UNKNOWN_SOFT: "var(--unknown-soft)",
    ENROLLED_SOFT: "var(--enrolled-soft)",
    CARD: "var(--card)",
}

FONT = 12.0
"""Size of the text in a figure; one unit is a pixel where the figure is drawn at its own size."""

_TIP = "tip "
_STYLE = {
    "font.size": FONT,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": LINE,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.major.size": 0.0,
    "ytick.major.size": 0.0,
    "grid.color": LINE,
    "grid.linewidth": 0.8,
    "hatch.linewidth": 1.0,
    "path.simplify": False,
}


def draw(
    paint: Callable[[Figure], None], *, width: float, height: float, name: str, label: str
) -> str:
    """Draw a figure and give it as an ``<svg>`` element.

    Parameters
    ----------
    paint
        Draws into the empty figure, with the colours of this module.
    width, height
        In units of the figure, 72 to matplotlib's inch.
    name
        A name that no other figure of the page has, of letters, digits and hyphens.
    label
        What a person who cannot see the figure is told.
    """
    from matplotlib.figure import Figure

    sink = io.StringIO()
    with settings({**_STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(width / 72, height / 72), dpi=72)
        paint(figure)
        figure.savefig(sink, format="svg", metadata={"Date": None})
    return _inline(sink.getvalue(), width, height, name, label)


def tip(artist: Artist, text: str) -> None:
    """Show a text where the mouse rests on a part of a figure."""
    artist.set_gid(_TIP + readable(text))


def _inline(source: str, width: float, height: float, name: str, label: str) -> str:
    root = ElementTree.fromstring(source)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        element.attrib = {key.rpartition("}")[2]: text for key, text in element.attrib.items()}
    _remove(root, {"metadata", "style"})
    links = [link for element in root.iter() for link in _links(element)]
    ids = {old: f"{name}-{number}" for number, old in enumerate(dict.fromkeys(links))}
    for element in list(root.iter()):
        _tidy(element, ids)
    root.attrib = {
        "class": "chart",
        "viewBox": f"0 0 {width:g} {height:g}",
        "style": f"--natural: {width:g}px",
        "role": "img",
        "aria-label": readable(label),
    }
    return ElementTree.tostring(root, encoding="unicode")


def _remove(root: ElementTree.Element, tags: set[str]) -> None:
    """Remove who made it, and a style that would hold for the whole page."""
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in tags:
                parent.remove(child)


def _links(element: ElementTree.Element) -> list[str]:
    """The ids that an element refers to."""
    found: list[str] = re.findall(r"url\(#([^)]+)\)", " ".join(element.attrib.values()))
    return [*found, element.attrib["href"][1:]] if "href" in element.attrib else found


def _tidy(element: ElementTree.Element, ids: dict[str, str]) -> None:
    """Keep of an element what is seen, and of its id what is referred to."""
    if element.tag not in {"text", "tspan"}:
        element.text = None
    element.tail = None
    old = element.attrib.pop("id", "")
    if old in ids:
        element.set("id", ids[old])
    elif old.startswith(_TIP):
        title = ElementTree.Element("title")
        title.text = old.removeprefix(_TIP)
        element.insert(0, title)
    for key, value in element.attrib.items():
        if key == "style":
            value = _style(value)
        elif key in {"d", "x", "y", "width", "height", "transform"}:
            value = rounded(value)
        elif key == "href":
            value = "#" + ids[value[1:]]
        element.set(key, re.sub(r"url\(#([^)]+)\)", lambda match: f"url(#{ids[match[1]]})", value))
    if element.get("transform", "").startswith("rotate(-0 "):
        del element.attrib["transform"]


def _style(style: str) -> str:
    """A style in the page's colours and font."""
    found = fontless(style)
    return re.sub(r"#[0-9a-f]{6}\b", lambda match: _VARIABLES.get(match[0], match[0]), found)
