"""Templates filled with what they show."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serein import __version__
from serein.evaluation.report import numbers
from serein.training.dependencies import require_libraries

if TYPE_CHECKING:
    from markupsafe import Markup

_NEEDED = ("jinja2", "matplotlib")


def require_report() -> None:
    """Make sure that a report can be drawn and written.

    Raises
    ------
    DependencyMissing
        If a library is not installed.
    """
    require_libraries("a report", _NEEDED)


def _strong(sentence: str) -> Markup:
    """A sentence with its shares of a hundred in bold."""
    from markupsafe import Markup, escape

    return Markup(re.sub(r"\d+ of 100", r"<strong>\g<0></strong>", str(escape(sentence))))


def write_page(template: str, contents: Mapping[str, Any], path: Path) -> None:
    """Fill a template and write the page; the same contents give the same bytes everywhere."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        {
            name: getattr(numbers, name)
            for name in ("per_cent", "whole", "points", "between", "points_between", "some")
        },
        number=numbers.count,
        strong=_strong,
    )
    page = environment.get_template(template).render(version=__version__, **contents)
    # Bytes, so that no system turns the line ends into its own.
    path.write_bytes(page.encode("utf-8", "replace"))
