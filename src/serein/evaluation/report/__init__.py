"""Reports: one page that shows a run, or several side by side, and needs nothing else.

A page holds its style and its figures, loads nothing, runs no script, and is the same to the byte
for the same numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from serein.evaluation.report.page import require_report, write_page

__all__ = ["write_comparison", "write_report"]


def write_report(metrics: Mapping[str, Any], path: Path) -> None:
    """Write the report of a run.

    Parameters
    ----------
    metrics
        The contents of ``metrics.json``, as a cross-validation or an evaluation writes it.
    path
        The page to write.

    Raises
    ------
    DependencyMissing
        If jinja2 or matplotlib is not installed.
    """
    require_report()
    from serein.evaluation.report.sections import contents

    write_page("report.html.j2", contents(metrics), path)


def write_comparison(comparison: Mapping[str, Any], path: Path) -> None:
    """Write the report of several runs side by side.

    Parameters
    ----------
    comparison
        ``runs`` with their scores on the clips that all of them share, ``clips``, ``speakers``,
        ``left_out``, ``corpora``, ``pairs`` with the differences, and ``warnings``.
    path
        The page to write.

    Raises
    ------
    DependencyMissing
        If jinja2 or matplotlib is not installed.
    """
    require_report()
    from serein.evaluation.report.side_by_side import contents

    write_page("comparison.html.j2", contents(comparison), path)
