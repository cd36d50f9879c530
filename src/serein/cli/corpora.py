"""``serein corpora``: known corpora, and the table of one that lies on this machine."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serein.cli.output import complain, print_json

if TYPE_CHECKING:
    from serein.corpora import Corpus, ScanReport

app = typer.Typer(
    help="Known corpora: list them, describe one, scan one into an utterance table.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]


@app.command("list", epilog="Example: serein corpora list")
def list_corpora(as_json: AsJson = False) -> None:
    """List the corpora that Serein knows."""
    from serein.corpora import CORPORA

    if as_json:
        for corpus in CORPORA.values():
            print_json(_describe(corpus))
        return
    from rich.table import Table

    from serein.cli.console import console, print_table

    table = Table("name", "language", "labels", box=None)
    table.add_column("clips", justify="right")
    table.add_column("speakers", justify="right")
    table.add_column("licence")
    for corpus in CORPORA.values():
        table.add_row(
            corpus.name,
            " ".join(corpus.languages),
            str(len(corpus.clips_by_emotion)),
            str(corpus.clips),
            str(len(corpus.clips_by_speaker)),
            corpus.licence,
        )
    print_table(console(), table)


@app.command(epilog="Example: serein corpora info ravdess")
def info(
    name: Annotated[str, typer.Argument(help="A corpus of 'serein corpora list'.")],
    as_json: AsJson = False,
) -> None:
    """Describe one corpus: where it is to be had, its licence, its labels and its layout."""
    from serein.corpora import find_corpus

    corpus = find_corpus(name)
    if as_json:
        print_json(_describe(corpus))
        return
    labels = (f"{own} → {canonical or 'none'}" for own, canonical in corpus.labels.items())
    from rich.table import Table

    from serein.cli.console import console, print_table

    table = Table(box=None, show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    rows = {
        "title": corpus.title,
        "language": ", ".join(corpus.languages),
        "clips": f"{corpus.clips} by {len(corpus.clips_by_speaker)} speakers",
        "emotions": ", ".join(f"{name} {count}" for name, count in corpus.clips_by_emotion.items()),
        "labels": ", ".join(labels),
        **{f"loss in {own}": why for own, why in corpus.lossy.items()},
        "layout": " or ".join(corpus.layout),
        "licence": corpus.licence,
        "cite": corpus.citation,
        "get it at": corpus.url,
    }
    for key, value in rows.items():
        table.add_row(key, value)
    print_table(console(), table)


@app.command(epilog="Example: serein corpora scan ravdess corpora/ravdess -o ravdess.parquet")
def scan(
    name: Annotated[str, typer.Argument(help="A corpus of 'serein corpora list'.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder that holds it.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The table, a Parquet file.")],
    workers: Annotated[
        int | None, typer.Option(min=1, help="Threads that decode; one a processor by default.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Scan a corpus into an utterance table, and say what is missing or amiss.

    An incomplete corpus is a warning; a folder without any clip of it is an error.
    """
    from serein.cli.console import counted
    from serein.corpora import scan as scan_corpus

    with counted(f"scanning {name}") as progress:
        report = scan_corpus(name, folder, workers=workers, progress=progress)
    report.table.write(output)
    if as_json:
        print_json(report.as_dict() | {"table": output.as_posix()})
    else:
        _print_scan(report, output)
    for warning in report.warnings:
        complain("warning", warning)


def _print_scan(report: ScanReport, output: Path) -> None:
    from rich.table import Table

    from serein.cli.console import console, print_table

    utterances = report.table.utterances
    sexes = sorted({item.sex or "unknown" for item in utterances})
    cells = Counter((str(item.emotion), item.sex or "unknown") for item in utterances)
    table = Table("emotion", box=None)
    for column in (*sexes, "clips"):
        table.add_column(column, justify="right")
    for emotion in sorted({emotion for emotion, _ in cells}):
        counts = [cells[emotion, sex] for sex in sexes]
        table.add_row(emotion, *map(str, counts), str(sum(counts)))
    speakers = {item.speaker: item.sex or "unknown" for item in utterances if item.speaker}
    by_sex = Counter(speakers.values())
    table.add_row("speakers", *(str(by_sex[sex]) for sex in sexes), str(len(speakers)), style="dim")
    print_table(console(), table)
    hours = sum(item.duration for item in utterances) / 3600
    state = "complete" if report.complete else "incomplete"
    typer.echo(
        f"{report.corpus.name}, {state}: {len(utterances)} clips, {hours:.2f} hours, in {output}"
    )


def _describe(corpus: Corpus) -> dict[str, object]:
    return {
        "name": corpus.name,
        "title": corpus.title,
        "languages": list(corpus.languages),
        "clips": corpus.clips,
        "speakers": len(corpus.clips_by_speaker),
        "emotions": dict(corpus.clips_by_emotion),
        "labels": dict(corpus.labels),
        "lossy": dict(corpus.lossy),
        "layout": list(corpus.layout),
        "licence": corpus.licence,
        "citation": corpus.citation,
        "url": corpus.url,
    }
