"""``serein train`` and ``serein crossval``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from serein.cli.output import complain

if TYPE_CHECKING:
    from serein.corpora import ScanReport, UtteranceTable
    from serein.evaluation import FoldDone
    from serein.training.data import Dataset
    from serein.training.network import EpochReport
    from serein.training.recipe import Recipe

RecipeArgument = Annotated[
    str, typer.Argument(metavar="RECIPE", help="Name of a recipe, or a TOML file.")
]
Data = Annotated[
    list[str],
    typer.Option(
        "--data",
        metavar="TABLE",
        help="Utterance table (Parquet) or corpus=DIR; may be given several times.",
    ),
]
Workers = Annotated[
    int | None, typer.Option(min=1, help="Processes for decoding; by default one a core.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command(
        "train",
        epilog="Example: serein train functionals-svm --data ravdess=corpora/ravdess -o my-model",
    )(train)
    app.command(
        "crossval",
        epilog="Example: serein crossval functionals-svm --data ravdess=corpora/ravdess "
        "--protocol speakers:6 -o scores",
    )(crossval)


def train(
    recipe: RecipeArgument,
    data: Data,
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the new bundle.")],
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything random.")] = 0,
    workers: Workers = None,
) -> None:
    """Train one model and write its bundle.

    Some of the training speakers are held out to choose the epoch and to calibrate.
    """
    from serein.bundle import require_vacant
    from serein.corpora import split_validation
    from serein.training.dependencies import require_training
    from serein.training.recipe import load_recipe
    from serein.training.train import Split, train_bundle

    require_training()
    require_vacant(output)
    loaded = load_recipe(recipe)
    dataset = _dataset(_tables(data), loaded, workers)
    split = split_validation(dataset.utterances, seed=seed)
    for warning in split.warnings:
        complain("warning", warning)
    bundle = train_bundle(
        loaded,
        dataset,
        Split(split.train, split.validation),
        output,
        seed=seed,
        report=_report_epoch,
    )
    manifest = bundle.manifest
    complain("trained", f"{manifest.parameters:,} parameters, {', '.join(manifest.labels)}")
    typer.echo(str(output))


def crossval(
    recipe: RecipeArgument,
    data: Data,
    protocol: Annotated[
        str, typer.Option(help="speakers:K (K folds of speakers) or loso (one speaker a fold).")
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="New folder for scores, folds, predictions.")
    ],
    fold: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Run this fold alone; may be given several times."),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of every fold.")] = 1,
    quick: Annotated[
        bool, typer.Option("--quick", help="A few clips and epochs: proves the way, no score.")
    ] = False,
    workers: Workers = None,
) -> None:
    """Score a recipe on speakers that its training never saw.

    Prints UAR and accuracy on leaderboard U (unknown speaker) and E (enrolled speaker: a profile
    of the speaker's clips, without labels).
    """
    from serein.bundle import require_vacant
    from serein.evaluation.crossvalidation import METRICS_FILE, crossvalidate
    from serein.training.dependencies import require_training
    from serein.training.recipe import load_recipe

    require_training()
    require_vacant(output)
    loaded, tables = load_recipe(recipe), _tables(data)
    if quick:
        loaded, tables = _quick(loaded, tables)
    metrics = crossvalidate(
        loaded,
        _dataset(tables, loaded, workers),
        protocol,
        output,
        seeds=seeds,
        only=fold or (),
        report=_report_epoch,
        on_fold=_report_fold,
    )
    _print_scores(metrics)
    typer.echo(str(output / METRICS_FILE))


def _quick(recipe: Recipe, tables: list[UtteranceTable]) -> tuple[Recipe, list[UtteranceTable]]:
    from serein.evaluation.crossvalidation import quick_recipe, quick_table

    complain("warning", "--quick proves that the way works; its figures are no score")
    return quick_recipe(recipe), [quick_table(table) for table in tables]


def _print_scores(metrics: dict[str, Any]) -> None:
    from rich.table import Table

    from serein.cli.console import console, print_table

    table = Table("corpus", box=None)
    for name in ("classes", "speakers", "clips", "UAR U", "WA U", "UAR E", "WA E", "ECE U"):
        table.add_column(name, justify="right")
    for corpus, line in metrics["corpora"].items():
        counts = (len(line["classes"]), line["speakers"], line["clips"])
        names = ("uar", "wa", "uar_enrolled", "wa_enrolled", "ece")
        table.add_row(corpus, *map(str, counts), *(f"{100 * line[name]:.1f}" for name in names))
    typer.echo(f"{metrics['recipe']}, {metrics['protocol']}, {metrics['seeds']} seed(s), per cent")
    print_table(console(), table)


def _report_epoch(done: EpochReport) -> None:
    scores = done.validation
    complain(
        f"epoch {done.epoch} of {done.epochs}",
        f"loss {done.loss:.3f}, validation UAR {100 * scores['unknown']:.1f} U, "
        f"{100 * scores['enrolled']:.1f} E",
    )


def _report_fold(done: FoldDone) -> None:
    for warning in done.warnings:
        complain("warning", f"fold {done.name}: {warning}")
    complain(
        f"fold {done.name} ({done.number} of {done.count})",
        f"UAR {100 * done.scores['uar']:.1f} U, {100 * done.scores['uar_enrolled']:.1f} E",
    )


def _tables(specs: list[str]) -> list[UtteranceTable]:
    from serein.cli.console import counted
    from serein.corpora import load_table

    reports: list[ScanReport] = []
    tables = []
    for spec in specs:
        with counted(f"scanning {spec}") as progress:
            tables.append(load_table(spec, progress=progress, on_scan=reports.append))
    for report in reports:
        for warning in report.warnings:
            complain("warning", f"{report.corpus.name}: {warning}")
    return tables


def _dataset(tables: list[UtteranceTable], recipe: Recipe, workers: int | None) -> Dataset:
    from serein.cli.console import counted
    from serein.training.data import load_dataset

    with counted("features") as progress:
        dataset = load_dataset(tables, recipe.features, workers=workers, progress=progress)
    left_out = sum(len(table) for table in tables) - len(dataset) - len(dataset.failures)
    if left_out:
        complain("warning", f"{left_out} clips have no canonical emotion and are left out")
    for error in dataset.failures:
        complain("warning", f"{error.message} It is left out.", file=error.file)
    return dataset
