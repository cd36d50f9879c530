"""``serein train`` and ``serein crossval``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serein.cli.data import (
    Data,
    Enrol,
    Noise,
    NoStore,
    Robust,
    Store,
    Workers,
    enrolment_over,
    load_features,
    load_tables,
    measured_prosody,
    robustness_over,
    utterances_of,
    wanted_conditions,
)
from serein.cli.heads import From, OwnLabels, check_usage, prepare_head, train_head
from serein.cli.output import complain
from serein.cli.scores import print_folder, print_gap, print_scores

if TYPE_CHECKING:
    from serein.corpora import UtteranceTable
    from serein.evaluation import FoldDone
    from serein.training.head_recipe import AnyRecipe
    from serein.training.network import EpochReport, Report
    from serein.training.recipe import Recipe

Track = Annotated[
    str | None,
    typer.Option(
        "--track",
        metavar="TRACKER",
        help="Record the curves of the training: tensorboard or mlflow.",
    ),
]
Logs = Annotated[
    Path, typer.Option("--logs", metavar="DIR", help="Where --track writes, beside other runs.")
]
Epochs = Annotated[
    int | None,
    typer.Option(min=1, help="Epochs of a network, in place of the recipe's: a shorter training."),
]
ClipsPerEpoch = Annotated[
    int | None,
    typer.Option(min=2, help="Clips drawn in each epoch, in place of the recipe's."),
]
Recordings = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Folder of noises and rooms that the training hears as well; half of them, the other "
        "half is for --robustness.",
    ),
]
RecipeArgument = Annotated[
    str | None, typer.Argument(metavar="RECIPE", help="Name of a recipe, or a TOML file.")
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
    data: Data,
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the new bundle.")],
    recipe: RecipeArgument = None,
    base: From = None,
    own_labels: OwnLabels = False,
    name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="What the model is called; by default as the recipe."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything random.")] = 0,
    epochs: Epochs = None,
    clips_per_epoch: ClipsPerEpoch = None,
    recordings: Recordings = None,
    track: Track = None,
    logs: Logs = Path("runs"),
    workers: Workers = None,
    store: Store = None,
    no_store: NoStore = False,
) -> None:
    """Train one model and write its bundle.

    Some of the training speakers are held out to choose the epoch and to calibrate. With --from a
    new head is put on the embedding of a model that is there, for one's own labels: that takes
    seconds, and a few dozen clips.
    """
    from serein.bundle import require_vacant
    from serein.corpora import split_validation
    from serein.training.dependencies import require_training
    from serein.training.recipe import load_recipe, with_epochs, with_recordings
    from serein.training.train import Split, add_prosody, train_bundle, training_labels

    check_usage(
        recipe,
        base,
        own_labels=own_labels,
        epochs=epochs,
        clips_per_epoch=clips_per_epoch,
        recordings=recordings,
        track=track,
    )
    if base is not None:
        train_head(
            base,
            data,
            output,
            name=name,
            own_labels=own_labels,
            seed=seed,
            workers=workers,
            store=store,
            no_store=no_store,
        )
        return
    require_training()
    require_vacant(output)
    loaded = with_epochs(load_recipe(str(recipe)), epochs, clips_per_epoch)
    loaded = with_recordings(loaded, recordings)
    _check_tracker(track, loaded)
    tables = load_tables(data)
    # Data that cannot do are refused before hours of features.
    training_labels(loaded, utterances_of(tables, loaded.label_set))
    dataset = load_features(
        tables,
        loaded.features,
        sound=loaded.sound,
        label_set=loaded.label_set,
        workers=workers,
        store=store,
        no_store=no_store,
    )
    split = split_validation(dataset.utterances, seed=seed)
    for warning in split.warnings:
        complain("warning", warning)
    with _tracked(track, logs, loaded, [output.name], seed=seed) as report:
        bundle = train_bundle(
            loaded,
            dataset,
            Split(split.train, split.validation),
            output,
            seed=seed,
            name=name,
            report=report,
        )
    bundle = add_prosody(bundle, measured_prosody(tables, dataset, split.train))
    manifest = bundle.manifest
    complain("trained", f"{manifest.parameters:,} parameters, {', '.join(manifest.labels)}")
    typer.echo(str(output))


def crossval(
    data: Data,
    protocol: Annotated[
        str,
        typer.Option(
            metavar="P",
            help="speakers:K (K folds of speakers), stratified:K (such folds, even in emotion), "
            "loso (one speaker a fold), corpus (one corpus a fold), official (the corpus's own "
            "parts), random (speakers leak: shows the gap).",
        ),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="New folder for scores, folds, predictions.")
    ],
    recipe: RecipeArgument = None,
    base: From = None,
    own_labels: OwnLabels = False,
    fold: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Run this fold alone; may be given several times."),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of every fold.")] = 1,
    quick: Annotated[
        bool, typer.Option("--quick", help="A few clips and epochs: proves the way, no score.")
    ] = False,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on where it was broken off: the folds whose models lie in the folder are "
            "judged, and not trained again.",
        ),
    ] = False,
    epochs: Epochs = None,
    clips_per_epoch: ClipsPerEpoch = None,
    recordings: Recordings = None,
    track: Track = None,
    logs: Logs = Path("runs"),
    sentences_apart: Annotated[
        bool,
        typer.Option(
            "--sentences-apart", help="Refuse folds in which a sentence is trained on and tested."
        ),
    ] = False,
    robustness: Robust = False,
    noise: Noise = None,
    enrolment: Enrol = False,
    workers: Workers = None,
    store: Store = None,
    no_store: NoStore = False,
) -> None:
    """Score a recipe on speakers that its training never saw.

    Prints UAR and accuracy on leaderboard U (unknown speaker) and E (enrolled speaker: a profile
    of the speaker's clips, without labels), and writes metrics.json, report.html, the folds, the
    predictions and the model of each fold. With the protocol random the score on folds that keep
    speakers apart is told beside it. With --from a new head on a model's embedding is scored, on
    clips of voices that this model did not hear either.
    """
    from serein.bundle import require_vacant
    from serein.corpora import parse_protocol
    from serein.evaluation import crossvalidate
    from serein.evaluation.crossvalidation import (
        choose_folds,
        require_trainable,
        run_names,
    )
    from serein.evaluation.outcome import prepare_folder
    from serein.evaluation.quick import quick_recipe
    from serein.training.dependencies import require_training
    from serein.training.recipe import load_recipe, with_epochs, with_recordings

    check_usage(
        recipe,
        base,
        own_labels=own_labels,
        epochs=epochs,
        clips_per_epoch=clips_per_epoch,
        recordings=recordings,
        track=track,
    )
    require_training()
    if not (resume and output.is_dir()):
        require_vacant(output)
    conditions = wanted_conditions(robustness, noise)
    loaded: AnyRecipe
    if base is not None:
        loaded, tables = prepare_head(base, data, own_labels=own_labels, unheard=True)
        if quick:
            tables = _quick_tables(tables)
    else:
        loaded = with_recordings(load_recipe(str(recipe)), recordings)
        _check_tracker(track, loaded)
        tables = load_tables(data)
        if quick:
            loaded, tables = quick_recipe(loaded), _quick_tables(tables)
        loaded = with_epochs(loaded, epochs, clips_per_epoch)
    # Asked for in vain, a protocol, fold or label is refused before hours of features.
    utterances = utterances_of(tables, loaded.label_set)
    chosen = choose_folds(parse_protocol(protocol, utterances), fold or ())
    for one in chosen.folds:
        require_trainable(loaded, utterances, one)
    profiles = enrolment_over(enrolment, utterances, loaded.classes)
    prepare_folder(output, resume=resume)
    dataset = load_features(
        tables,
        loaded.features,
        sound=loaded.sound,
        label_set=loaded.label_set,
        workers=workers,
        store=store,
        no_store=no_store,
    )
    names = [
        f"{output.name}/{name}" for seed in range(seeds) for name in run_names(chosen, seeds, seed)
    ]
    with _tracked(track, logs, loaded, names, seeds=seeds) as report:
        metrics = crossvalidate(
            loaded,
            dataset,
            protocol,
            output,
            seeds=seeds,
            only=fold or (),
            sentences_apart=sentences_apart,
            quick=quick,
            resume=resume,
            robustness=robustness_over(conditions, tables, loaded.classes, workers),
            enrolment=profiles,
            report=report,
            on_fold=_report_fold,
        )
    print_scores(metrics)
    print_gap(metrics)
    print_folder(output)


def _quick_tables(tables: Sequence[UtteranceTable]) -> list[UtteranceTable]:
    from serein.evaluation.quick import quick_table

    complain("warning", "--quick proves that the way works; its figures are no score")
    return [quick_table(table) for table in tables]


def _check_tracker(tracker: str | None, recipe: Recipe) -> None:
    from serein.errors import ArgumentInvalid

    if tracker is not None and recipe.network is None:
        raise ArgumentInvalid(
            f"--track records epochs, and the recipe {recipe.name!r} has none: it trains no network"
        )


@contextmanager
def _tracked(
    tracker: str | None, logs: Path, recipe: AnyRecipe, runs: Sequence[str], **seeds: int
) -> Iterator[Report]:
    """What is told of every epoch: to the person, and to a tracker if one is asked for."""
    if tracker is None:
        yield _report_epoch
        return
    from serein.training.tracking import Tracking

    configuration = recipe.as_dict() | seeds
    with Tracking(tracker, logs, runs=runs, configuration=configuration) as tracking:

        def report(done: EpochReport) -> None:
            _report_epoch(done)
            tracking.report(done)

        yield report


def _report_epoch(done: EpochReport) -> None:
    told = f"loss {done.loss:.3f}"
    if scores := done.validation:
        unknown, enrolled = 100 * scores["unknown"], 100 * scores["enrolled"]
        told += f", validation UAR {unknown:.1f} U, {enrolled:.1f} E"
    complain(f"epoch {done.epoch} of {done.epochs}", told)


def _report_fold(done: FoldDone) -> None:
    for warning in done.warnings:
        complain("warning", f"fold {done.name}: {warning}")
    complain(
        f"{f'seed {done.seed}, ' if done.seed else ''}fold {done.name} "
        f"({done.number} of {done.count})",
        f"UAR {100 * done.scores['uar']:.1f} U, {100 * done.scores['uar_enrolled']:.1f} E",
    )
