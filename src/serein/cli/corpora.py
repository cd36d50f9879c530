"""``serein corpora``: known corpora, and the table of one that lies on this machine."""

from __future__ import annotations

import sys
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
            str(len({*corpus.labels.values()} - {None})),
            str(corpus.clips or ""),
            str(len(corpus.clips_by_speaker) or ""),
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
    from rich.table import Table

    from serein.cli.console import console, print_table

    table = Table(box=None, show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    speakers = len(corpus.clips_by_speaker)
    labels = (f"{own} → {canonical or 'none'}" for own, canonical in corpus.labels.items())
    counts = (f"{name or 'none'} {count}" for name, count in corpus.clips_by_emotion.items())
    rows = {
        "title": corpus.title,
        "language": ", ".join(corpus.languages),
        "clips": f"{corpus.clips or ''}{f' by {speakers} speakers' if speakers else ''}",
        "emotions": ", ".join(counts),
        "labels": ", ".join(labels),
        **{f"loss in {own}": why for own, why in corpus.lossy.items()},
        "layout": " or ".join(corpus.layout),
        "licence": corpus.licence,
        "cite": corpus.citation,
        "voices": corpus.voices_of and f"those of {corpus.voices_of}",
        "get it at": corpus.url,
        "archives": ", ".join(archive.url for archive in corpus.archives),
        "how": corpus.obtain,
    }
    for key, value in rows.items():
        if value:
            table.add_row(key, value)
    print_table(console(), table)


@app.command(epilog="Example: serein corpora scan ravdess corpora/ravdess -o ravdess.parquet")
def scan(
    name: Annotated[str, typer.Argument(help="A corpus of 'serein corpora list'.")],
    folder: Annotated[
        Path,
        typer.Argument(metavar="DIR", help="The folder that holds it; for csv also the table."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The table, a Parquet file.")],
    workers: Annotated[
        int | None, typer.Option(min=1, help="Threads that decode; one a processor by default.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Scan a corpus into an utterance table, and say what is missing or amiss.

    An incomplete corpus is a warning; a folder without any clip of it is an error. Recordings of
    your own are the corpus 'folder', laid out as [SPLIT/][SPEAKER/]EMOTION/file.wav, or the corpus
    'csv', a table with the columns path and emotion and, as known, speaker, sex, language, split,
    sentence and intensity.
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


@app.command(epilog="Example: serein corpora download ravdess corpora/ravdess")
def download(
    name: Annotated[str, typer.Argument(help="A corpus of 'serein corpora list'.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where it is to lie.")],
) -> None:
    """Fetch a corpus, or say how it is to be had where a program may not.

    After an interruption the same command goes on where it stopped.
    """
    from serein.cli.console import weighed
    from serein.corpora import find_corpus
    from serein.corpora.download import download as download_corpus
    from serein.corpora.download import scan_command

    with weighed(name) as progress:
        fetched = download_corpus(name, folder, announce=_announce, progress=progress)
    typer.echo(f"{name} is in {folder}{'' if fetched else ' already'}")
    typer.echo(f"next: {scan_command(find_corpus(name), folder)}")


def _announce(corpus: Corpus, size: int | None) -> None:
    from rich.filesize import decimal

    lines = {
        "size": "" if size is None else decimal(size),
        "licence": corpus.licence,
        "cite": corpus.citation,
    }
    # Printed, not echoed: that leaves the line of the progress bar alone.
    print(corpus.title, file=sys.stderr)
    for key, value in lines.items():
        if value:
            print(f"  {key:<8} {value}", file=sys.stderr)


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
        "clips": corpus.clips or None,
        "speakers": len(corpus.clips_by_speaker) or None,
        # As the counts of a scan name what has no canonical label.
        "emotions": {name or "None": count for name, count in corpus.clips_by_emotion.items()},
        "labels": dict(corpus.labels),
        "lossy": dict(corpus.lossy),
        "layout": list(corpus.layout),
        "licence": corpus.licence,
        "citation": corpus.citation,
        "url": corpus.url,
        "archives": [archive.url for archive in corpus.archives],
        "obtain": corpus.obtain,
        "commercial": corpus.commercial,
        "voices_of": corpus.voices_of,
    }
