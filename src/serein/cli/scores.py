"""Scores as a person reads them in a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from serein.cli.output import complain, printable

if TYPE_CHECKING:
    from rich.table import Table

_COLUMNS = {
    "UAR U": "uar",
    "WA U": "wa",
    "UAR E": "uar_enrolled",
    "WA E": "wa_enrolled",
    "ECE U": "ece",
}


def print_scores(metrics: Mapping[str, Any]) -> None:
    """A table of one run: a row a corpus, and their mean."""
    from serein.cli.console import console, print_table

    corpora = metrics["corpora"]
    table = _table("corpus", "classes", "speakers", "clips")
    for corpus, line in corpora.items():
        counts = (len(line["classes"]), line["speakers"], line["clips"])
        table.add_row(printable(corpus), *map(str, counts), *_cells(line))
    if len(corpora) > 1:
        total = ("", str(metrics["speakers"]), str(metrics["clips"]))
        table.add_row("mean", *total, *_cells(metrics), style="bold")
    if four := metrics.get("four_classes"):
        for corpus, line in four["corpora"].items():
            counts = (len(line["classes"]), line["speakers"], line["clips"])
            table.add_row(f"{printable(corpus)}, four classes", *map(str, counts), *_cells(line))
        if len(four["corpora"]) > 1:
            table.add_row("mean, four classes", "", "", "", *_cells(four), style="bold")
    seeds = metrics["seeds"]
    typer.echo(
        printable(
            f"{metrics['recipe']}, {metrics['protocol']}, {seeds} seed{'s' if seeds > 1 else ''}, "
            "per cent"
        )
    )
    print_table(console(), table)
    print_decisions(metrics["decided"])
    if enrolment := metrics.get("enrolment"):
        print_enrolment(enrolment)


def print_decisions(decided: Mapping[str, Any]) -> None:
    """How many clips are decided, and how often that is right: the means over the corpora."""
    parts = []
    for board, suffix in (("U", ""), ("E", "_enrolled")):
        share, accuracy = decided["share" + suffix], decided["accuracy" + suffix]
        right = "" if accuracy is None else f", {100 * accuracy:.1f} % of these right"
        parts.append(f"{board} {100 * share:.1f} % of the clips{right}")
    typer.echo(f"decided from a confidence of {decided['minimum_confidence']:.0%}: {parts[0]}")
    typer.echo(f"{'':>33}{parts[1]}")


def print_enrolment(enrolment: Mapping[str, Any]) -> None:
    """What a profile gains, by the number of its clips: a row a corpus, and their mean."""
    from serein.cli.console import console, print_table

    points = enrolment["points"]
    table = _table("clips of the voice", scores=())
    for point in points:
        table.add_column(str(point["clips"] or "all"), justify="right")
    for corpus in enrolment["corpora"]:
        gains = (f"{100 * point['corpora'][corpus]['gain']:+.1f}" for point in points)
        table.add_row(printable(corpus), *gains)
    if len(enrolment["corpora"]) > 1:
        table.add_row("mean", *(f"{100 * point['gain']:+.1f}" for point in points), style="bold")
    typer.echo("\nUAR that a profile gains over U, in points")
    print_table(console(), table)


def print_gap(metrics: Mapping[str, Any]) -> None:
    """How much a random split claims over one that keeps speakers apart, where both were run."""
    if failed := metrics.get("speakers_apart_failed"):
        complain("warning", f"there is no score with speakers kept apart beside this one: {failed}")
    apart = metrics.get("speakers_apart")
    if apart is None:
        return
    claimed, honest = 100 * metrics["uar"], 100 * apart["uar"]
    typer.echo(
        f"UAR U: {metrics['protocol']} {claimed:.1f}, {apart['protocol']} {honest:.1f}: "
        f"a gap of {claimed - honest:.1f} points between voices it knows and voices it does not"
    )


def print_folder(folder: Path) -> None:
    """Where the outcome lies, the page first."""
    from serein.evaluation.outcome import METRICS_FILE, REPORT_FILE

    typer.echo(printable(str(folder / REPORT_FILE)))
    typer.echo(printable(str(folder / METRICS_FILE)))


def print_comparison(comparison: Mapping[str, Any]) -> None:
    """Runs side by side, and for every pair what chance allows."""
    from serein.cli.console import console, print_table

    out = console()
    table = _table("run", "recipe", "protocol")
    for run in comparison["runs"]:
        names = (printable(str(run[key])) for key in ("name", "recipe", "protocol"))
        table.add_row(*names, *_cells(run))
    typer.echo(
        f"{comparison['clips']} clips of {comparison['speakers']} speakers that all runs judged, "
        "per cent"
    )
    print_table(out, table)
    differences = _table("first", "second", scores=())
    for column in ("UAR U", "95 % interval", "p", "UAR E", "95 % interval", "p"):
        differences.add_column(column, justify="right")
    for pair in comparison["pairs"]:
        cells = [cell for suffix in ("", "_enrolled") for cell in _difference(pair, suffix)]
        differences.add_row(printable(pair["first"]), printable(pair["second"]), *cells)
    typer.echo("\nthe first less the second, paired over speakers")
    print_table(out, differences)


def _table(first: str, *others: str, scores: tuple[str, ...] = tuple(_COLUMNS)) -> Table:
    from rich.table import Table

    table = Table(first, box=None)
    for name in others:
        numeric = name in ("classes", "speakers", "clips")
        table.add_column(name, justify="right" if numeric else "left")
    for name in scores:
        table.add_column(name, justify="right")
    return table


def _cells(line: Mapping[str, Any]) -> list[str]:
    return [f"{100 * line[key]:.1f}" for key in _COLUMNS.values()]


def _difference(pair: Mapping[str, Any], suffix: str) -> tuple[str, str, str]:
    difference = f"{100 * pair['difference' + suffix]:+.1f}"
    if pair["interval" + suffix] is None:
        return difference, "", ""
    low, high = (100 * end for end in pair["interval" + suffix])
    return difference, f"{low:+.1f} to {high:+.1f}", f"{pair['p' + suffix]:.3f}"
