"""A table by its path, or a corpus scanned on the way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from serein.corpora.readers import CORPORA
from serein.corpora.report import ScanReport
from serein.corpora.scan import Progress, scan
from serein.corpora.table import UtteranceTable
from serein.errors import ArgumentInvalid


def load_table(
    spec: str | Path,
    *,
    workers: int | None = None,
    progress: Progress | None = None,
    on_scan: Callable[[ScanReport], None] | None = None,
) -> UtteranceTable:
    """Read a Parquet table, or scan ``corpus=DIR`` (``csv=TABLE.csv`` for a table of one's own).

    Parameters
    ----------
    spec
        A path such as ``tables/ravdess.parquet``, or a known corpus and its place such as
        ``ravdess=corpora/ravdess``, ``folder=my-recordings`` or ``csv=my-table.csv``.
    workers, progress
        As in :func:`serein.corpora.scan`, where a folder is scanned.
    on_scan
        Called with the report of a scan, whose warnings a person should see.

    Raises
    ------
    ArgumentInvalid
        Neither an existing path nor a known corpus stands before the ``=``.
    DataInvalid
        The table cannot be read, or the place holds no clip of the corpus.
    """
    name, equals, folder = str(spec).partition("=")
    if not equals or Path(spec).exists():
        return UtteranceTable.read(spec)
    if name not in CORPORA:
        raise ArgumentInvalid(
            f"{spec}: {name!r} is no known corpus; give a Parquet table, or corpus=DIR with one of "
            f"{', '.join(CORPORA)}"
        )
    report = scan(name, folder, workers=workers, progress=progress)
    if on_scan is not None:
        on_scan(report)
    return report.table
