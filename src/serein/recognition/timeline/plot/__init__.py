"""A timeline as a picture: the waveform coloured by emotion, and bands of probability."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

from serein.errors import ArgumentInvalid, DependencyMissing
from serein.recognition.timeline.results import Timeline
from serein.recognition.timeline.views import in_view
from serein.writing import written_whole

__all__ = ["check_picture", "draw_timeline"]

SUFFIXES = (".png", ".svg")


def check_picture(path: str | os.PathLike[str]) -> str:
    """Make sure that a picture can be drawn and has a name that says as what.

    Returns
    -------
    suffix
        ``.png`` or ``.svg``.

    Raises
    ------
    ArgumentInvalid
        If the file's name ends in neither.
    DependencyMissing
        If matplotlib is not installed.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise ArgumentInvalid(
            f"a picture is written as PNG or SVG, and {os.fspath(path)!r} ends in neither .png nor "
            ".svg; give it one of these endings",
            file=os.fspath(path),
        )
    if find_spec("matplotlib") is None:
        raise DependencyMissing(
            'a picture is drawn by matplotlib; install it with: pip install "serein[plot]"'
        )
    return suffix


def draw_timeline(
    timeline: Timeline,
    path: str | os.PathLike[str],
    *,
    view: str | None = None,
    dark: bool = False,
) -> None:
    """Draw a timeline: the waveform in the colour of each segment's emotion, and the probabilities.

    Where it was told who speaks, each speaker has a row of segments. An SVG has its text as text,
    tells of each segment where the mouse rests on it, and is the same in every byte for the same
    timeline; a PNG has 2,400 pixels across. A longer recording is no larger a picture.

    Parameters
    ----------
    timeline
        What to draw.
    path
        The file to write, ``.png`` or ``.svg``.
    view
        A label view to draw it in; by default the model's own labels.
    dark
        Light on dark instead of dark on light.

    Raises
    ------
    ArgumentInvalid
        If the file's name ends in neither, nothing can be written there, or the view is unknown or
        does not fit the model.
    DependencyMissing
        If matplotlib is not installed.
    """
    suffix = check_picture(path)
    from serein.drawing import settings
    from serein.recognition.timeline.plot.canvas import settings_for
    from serein.recognition.timeline.plot.picture import DARK, LIGHT, Picture

    with settings(settings_for(suffix)):
        picture = Picture(in_view(timeline, view), view, DARK if dark else LIGHT)
        content = picture.draw().save(suffix, picture.describe())
    with written_whole(path) as part:
        part.write_bytes(content)
