"""A sheet to draw on, in pixels from its upper left corner: areas, lines, text; PNG or SVG."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from serein.drawing import fontless, rounded

if TYPE_CHECKING:
    from matplotlib.artist import Artist

FONTS = ("DejaVu Sans", "Noto Sans CJK JP", "Hiragino Sans", "Microsoft YaHei", "Malgun Gothic")
"""What a PNG's letters are looked for in, as far as it is installed."""

_UNITS = 72  # pixels to matplotlib's inch
_SHARPNESS = 2  # pixels of a PNG to one of the sheet, for a screen that has as many
_SVG_FONTS = "'DejaVu Sans', Verdana, sans-serif"  # of the same width

Points = Iterable[tuple[float, float]]


def settings_for(suffix: str) -> dict[str, Any]:
    """The settings of matplotlib under which a sheet is drawn and saved."""
    chosen = {"path.simplify": False, "svg.hashsalt": "serein", "hatch.linewidth": 1.4}
    if suffix == ".svg":  # the same on every machine
        return chosen
    from matplotlib import font_manager

    installed = set(font_manager.get_font_names())
    return chosen | {"font.family": [name for name in FONTS if name in installed]}


@dataclass(frozen=True)
class Description:
    """What a person who does not see the picture is told: a title, and a few sentences."""

    title: str
    text: str


class Canvas:
    """A sheet of a width and a height in pixels; `paper` is its colour.

    It is made, drawn upon and saved under the settings of :func:`settings_for`.
    """

    def __init__(self, width: float, height: float, paper: str) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self._size = width, height
        size = (width / _UNITS, height / _UNITS)
        self._figure = Figure(figsize=size, dpi=_UNITS, facecolor=paper)
        FigureCanvasAgg(self._figure)
        self._axes = self._figure.add_axes((0, 0, 1, 1))
        self._axes.set_xlim(0, width)
        self._axes.set_ylim(height, 0)
        self._axes.axis("off")
        self._tips: dict[str, str] = {}
        self._layers = 0

    def area(
        self,
        outlines: Iterable[Points],
        colour: str,
        *,
        edge: str | None = None,
        hatched: bool = False,
        name: str | None = None,
        tip: str | None = None,
    ) -> None:
        """Fill the inside of closed outlines, which are one thing.

        Parameters
        ----------
        outlines
            Points of each.
        colour
            Of the inside.
        edge
            Colour of a fine line around it, and of the hatching.
        hatched
            Whether it is hatched.
        name
            Its id in an SVG.
        tip
            What an SVG tells of it where the mouse rests on it.
        """
        from matplotlib.patches import PathPatch
        from matplotlib.path import Path

        vertices: list[tuple[float, float]] = []
        codes: list[Any] = []
        for outline in outlines:
            points = list(outline)
            vertices += [*points, points[0]]
            codes += [Path.MOVETO, *[Path.LINETO] * (len(points) - 1), Path.CLOSEPOLY]
        if not vertices:
            return
        patch = PathPatch(
            Path(vertices, codes),
            facecolor=colour,
            edgecolor=edge or "none",
            linewidth=0.0 if edge is None or hatched else 0.5,
            hatch="///" if hatched else None,
        )
        if name is not None:
            patch.set_gid(name)
            self._tips |= {} if tip is None else {name: tip}
        self._add(patch)

    def line(self, start: tuple[float, float], end: tuple[float, float], colour: str) -> None:
        """Draw a fine straight line."""
        from matplotlib.lines import Line2D

        self._add(Line2D(*zip(start, end, strict=True), color=colour, linewidth=0.8))

    def text(
        self,
        place: tuple[float, float],
        text: str,
        colour: str,
        *,
        size: float,
        bold: bool = False,
        align: str = "left",
    ) -> None:
        """Write a line of text, its middle at the height of `place`."""
        self._axes.text(
            *place,
            text,
            color=colour,
            fontsize=size,
            fontweight="bold" if bold else "normal",
            horizontalalignment=align,
            verticalalignment="center_baseline",
            clip_on=False,
            zorder=self._layer(),
        )

    def _add(self, artist: Artist) -> None:
        self._axes.add_artist(artist)
        artist.set_clip_on(False)
        artist.set_zorder(self._layer())

    def _layer(self) -> int:
        """What comes later lies above."""
        self._layers += 1
        return self._layers

    def save(self, suffix: str, description: Description) -> bytes:
        """The picture as a file's content; `suffix` is ``.png`` or ``.svg``."""
        sink = io.BytesIO()
        if suffix == ".svg":
            self._figure.savefig(sink, format="svg")
            return _described(sink.getvalue(), self._size, description, self._tips)
        told = {"Title": description.title, "Description": description.text, "Software": None}
        self._figure.savefig(sink, format="png", dpi=_SHARPNESS * _UNITS, metadata=told)
        return sink.getvalue()


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """How wide a line of text is, in pixels."""
    from matplotlib.backends import backend_agg
    from matplotlib.font_manager import FontProperties

    font = FontProperties(size=size, weight="bold" if bold else "normal")
    renderer: Any = backend_agg.RendererAgg  # has no types
    width: float = renderer(8, 8, _UNITS).get_text_width_height_descent(text, font, False)[0]
    return width


def fitted(text: str, width: float, size: float, *, bold: bool = False) -> str:
    """As much of a text as is so wide, its middle left out where it has to be."""
    kept = len(text)
    shown = text
    while kept > 2 and text_width(shown, size, bold=bold) > width:
        kept -= max(1, kept // 16)
        shown = f"{text[: (kept + 1) // 2]}…{text[len(text) - kept // 2 :]}"
    return shown


def rectangle(
    left: float, top: float, right: float, bottom: float
) -> Sequence[tuple[float, float]]:
    """The corners of an upright rectangle."""
    return (left, top), (right, top), (right, bottom), (left, bottom)


def _described(
    source: bytes, size: tuple[float, float], description: Description, tips: dict[str, str]
) -> bytes:
    """Matplotlib's SVG without what nobody sees, and with words for who does not see it."""
    root = ElementTree.fromstring(source)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        element.attrib = {key.rpartition("}")[2]: text for key, text in element.attrib.items()}
        for key in element.attrib.keys() & {"d", "x", "y", "width", "height", "transform"}:
            element.set(key, rounded(element.attrib[key]))
        if element.get("transform", "").startswith("rotate(-0 "):
            del element.attrib["transform"]
        if "style" in element.attrib:
            element.set("style", fontless(element.attrib["style"]))
        if (tip := tips.get(element.attrib.get("id", ""))) is not None:
            element.insert(0, _worded("title", tip))
    for child in [one for one in root if one.tag == "metadata"]:
        root.remove(child)
    width, height = size
    root.attrib = {
        "xmlns": "http://www.w3.org/2000/svg",
        "width": f"{width:g}",
        "height": f"{height:g}",
        "viewBox": f"0 0 {width:g} {height:g}",
        "role": "img",
        "aria-labelledby": "picture-title picture-text",
        "font-family": _SVG_FONTS,
    }
    root.insert(0, _worded("title", description.title, id="picture-title"))
    root.insert(1, _worded("desc", description.text, id="picture-text"))
    return f"{ElementTree.tostring(root, encoding='unicode')}\n".encode()


def _worded(tag: str, text: str, **attributes: str) -> ElementTree.Element:
    element = ElementTree.Element(tag, attributes)
    element.text = text
    return element
