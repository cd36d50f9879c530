"""``--from``: a new head on a bundle's embedding, in the place of a recipe."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serein.cli.data import load_features, load_tables, utterances_of
from serein.cli.output import complain

if TYPE_CHECKING:
    from serein.bundle import Bundle
    from serein.corpora import UtteranceTable
    from serein.training.head_recipe import HeadRecipe

From = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="BUNDLE",
        help="In place of a RECIPE: put a new head on the embedding of this model.",
    ),
]
OwnLabels = Annotated[
    bool,
    typer.Option(
        "--own-labels", help="With --from: take the labels as they are written, canonical or not."
    ),
]


def check_usage(
    recipe: str | None, base: str | None, *, own_labels: bool, **of_networks: object
) -> None:
    """Refuse what does not go together.

    Raises
    ------
    ArgumentInvalid
        Of a recipe and a bundle to start from not just one is given, or an option goes only with
        the other.
    """
    from serein.errors import ArgumentInvalid

    if (recipe is None) == (base is None):
        raise ArgumentInvalid(
            "give either a RECIPE, by which a whole model is trained, or --from BUNDLE, which puts "
            "a new head on that model's embedding"
        )
    if base is None and own_labels:
        raise ArgumentInvalid(
            "--own-labels goes with --from BUNDLE; a recipe tells canonical emotions apart"
        )
    given = [name for name, value in of_networks.items() if value is not None]
    if base is not None and given:
        raise ArgumentInvalid(
            "a head has no epochs, and hears the clips alone; leave out "
            f"--{' and --'.join(given).replace('_', '-')}"
        )


def prepare_head(
    base: str,
    data: Sequence[str],
    *,
    own_labels: bool,
    name: str | None = None,
    unheard: bool = False,
) -> tuple[HeadRecipe, list[UtteranceTable]]:
    """What a head is to be trained by, and the tables; before any feature is computed.

    With ``unheard``, clips of voices that the bundle was trained on are left out.
    """
    from serein.bundle import Bundle
    from serein.training.head_recipe import head_recipe, require_embedding

    bundle = Bundle.load(base)
    require_embedding(bundle)
    tables = load_tables(data, own_labels=own_labels)
    if unheard:
        tables = _unheard(bundle, tables)
    called = name or f"{bundle.manifest.name}-head"
    recipe = head_recipe(bundle, utterances_of(tables), name=called, own_labels=own_labels)
    return recipe, tables


def train_head(
    base: str,
    data: Sequence[str],
    output: Path,
    *,
    name: str | None,
    own_labels: bool,
    seed: int,
    workers: int | None,
    store: Path | None,
    no_store: bool,
) -> None:
    """Train a head and write its bundle."""
    from serein.bundle import require_vacant
    from serein.corpora import for_training
    from serein.training.head import train_head as fit_head
    from serein.training.head_recipe import doubts
    from serein.training.train import Split

    require_vacant(output)
    recipe, tables = prepare_head(base, data, name=name, own_labels=own_labels)
    dataset = load_features(
        tables, recipe.features, workers=workers, store=store, no_store=no_store
    )
    kept = for_training(dataset.utterances).kept
    for doubt in doubts(recipe, [dataset.utterances[index] for index in kept]):
        complain("warning", doubt)
    bundle = fit_head(recipe, dataset, Split(kept, ()), output, seed=seed)
    manifest = bundle.manifest
    chosen = manifest.recipe["chosen"]
    complain(
        "held out",
        f"UAR {100 * chosen['held_out_uar_unknown']:.1f} U, "
        f"{100 * chosen['held_out_uar_enrolled']:.1f} E where clips were held out in turn to "
        "choose by; 'serein crossval --from' gives a score",
    )
    complain("trained", f"{manifest.parameters:,} parameters, {', '.join(manifest.labels)}")
    typer.echo(str(output))


def _unheard(bundle: Bundle, tables: Sequence[UtteranceTable]) -> list[UtteranceTable]:
    from dataclasses import replace

    from serein.errors import DataInvalid
    from serein.evaluation.evaluate import unheard_clips

    name = bundle.manifest.name
    if not bundle.manifest.heard:
        complain(
            "warning",
            f"the model {name!r} does not say whom it was trained on, so its speakers may be among "
            "these",
        )
    utterances = utterances_of(tables)
    unheard = set(unheard_clips(bundle, utterances))
    left_out = len(utterances) - len(unheard)
    if left_out == len(utterances):
        raise DataInvalid(
            f"the model {name!r} heard all of these voices in its own training, so no score of a "
            "head on it could be honest; give recordings of others"
        )
    if left_out:
        complain(
            "warning",
            f"{left_out} clips are left out: the model {name!r} heard them, or their speakers, in "
            "its own training",
        )
    places = iter(range(len(utterances)))
    return [
        replace(
            table,
            utterances=tuple(one for one in table.utterances if next(places) in unheard),
        )
        for table in tables
    ]
