"""``serein evaluate`` and ``serein compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

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
    robustness_over,
    utterances_of,
    wanted_conditions,
)
from serein.cli.output import complain, print_json, printable
from serein.cli.scores import print_comparison, print_folder, print_scores


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command(
        "evaluate",
        epilog="Example: serein evaluate bundled --data emovo=corpora/emovo -o scores",
    )(evaluate)
    app.command(
        "compare",
        epilog="Example: serein compare scores/svm scores/network -o comparison",
    )(compare)


def evaluate(
    bundle: Annotated[
        str, typer.Argument(metavar="BUNDLE", help="A model of 'serein models list', or a folder.")
    ],
    data: Data,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="New folder for scores, predictions, report.")
    ],
    robustness: Robust = False,
    noise: Noise = None,
    enrolment: Enrol = False,
    workers: Workers = None,
    store: Store = None,
    no_store: NoStore = False,
) -> None:
    """Score a model as it is on voices that it did not hear in training.

    Clips of speakers that the model was trained on are left out and counted. Where there are no
    others they are judged all the same, and the outcome is called "seen in training (no score)".
    """
    from serein.bundle import Bundle, require_vacant
    from serein.evaluation import evaluate as evaluate_bundle
    from serein.evaluation.evaluate import SEEN, UNCHECKED, UNKNOWN
    from serein.evaluation.outcome import prepare_folder

    require_vacant(output)
    model = Bundle.load(bundle)
    conditions = wanted_conditions(robustness, noise)
    tables = load_tables(data, own_labels=model.manifest.own_labels)
    labels = model.manifest.labels
    profiles = enrolment_over(enrolment, utterances_of(tables), labels)
    prepare_folder(output)
    dataset = load_features(
        tables, model.manifest.features, workers=workers, store=store, no_store=no_store
    )
    metrics = evaluate_bundle(
        model,
        dataset,
        output,
        robustness=robustness_over(conditions, tables, labels, workers),
        enrolment=profiles,
    )
    if metrics["left_out"]:
        complain(
            "warning",
            f"{metrics['left_out']} clips are left out: the model heard them, or their speakers, "
            "in training",
        )
    for label, count in metrics["unscored"].items():
        complain("warning", f"{count} clips are not scored: the model does not know {label!r}")
    warnings = {
        SEEN: "the model heard all of these voices in training: this shows how well it fits them, "
        "and nothing of how it does on others",
        UNKNOWN: "the speakers are unknown, so nobody can tell whether the model has heard them",
        UNCHECKED: "the model does not say whom it was trained on, so its speakers may be among "
        "these",
    }
    if metrics["protocol"] in warnings:
        complain("warning", warnings[metrics["protocol"]])
    print_scores(metrics)
    print_folder(output)


def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="DIR", help="Folders of 'serein crossval' or 'serein evaluate'."),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="New folder for the comparison and its page.")
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object on standard output.")
    ] = False,
) -> None:
    """Put several runs side by side, over the clips that all of them judged.

    Each pair is compared by a paired bootstrap over speakers: the interval of the difference, and
    how likely chance alone would reach it.
    """
    from serein.evaluation.compare import COMPARISON_PAGE
    from serein.evaluation.compare import compare as compare_runs

    comparison = compare_runs(runs, output)
    for warning in comparison["warnings"]:
        complain("warning", warning)
    if as_json:
        print_json(comparison)
        return
    print_comparison(comparison)
    typer.echo(printable(str(output / COMPARISON_PAGE)))
