"""``serein models``: the bundles, with the licence of their weights."""

from __future__ import annotations

from collections.abc import Container, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from serein.cli.output import complain, print_json, printable
from serein.errors import SereinError

if TYPE_CHECKING:
    from serein.bundle import Bundle

app = typer.Typer(
    help="List models, describe one, copy one.",
    no_args_is_help=True,
    epilog="Example: serein models info bundled",
)

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
Model = Annotated[
    str, typer.Argument(metavar="M", show_default=False, help="A model's name or folder.")
]


@app.command("list", epilog="Example: serein models list")
def list_models(as_json: AsJson = False) -> None:
    """List the models of this installation, and how to make those that do not ship."""
    from serein.bundle import Bundle, available_bundles

    found: list[Bundle] = []
    failed = False
    bundles = available_bundles()
    for name, folder in bundles.items():
        try:
            found.append(Bundle.load(folder))
        except SereinError as error:
            failed = True
            complain("error", error.message, file=name)
    if as_json:
        for bundle in found:
            print_json(_summary(bundle))
    elif found:
        _print_list(found)
    if not found and not failed:
        complain("there is no model in this installation; install Serein again")
    if not as_json:
        _print_to_make(bundles)
    if failed:
        raise typer.Exit(1)


@app.command(epilog="Example: serein models info bundled --card")
def info(
    model: Model,
    as_json: AsJson = False,
    card: Annotated[bool, typer.Option("--card", help="Print the model card instead.")] = False,
) -> None:
    """Describe a model: labels, features, corpora, scores, and the licence of its weights."""
    from serein.bundle import Bundle

    bundle = Bundle.load(model)
    if card:
        _print_card(bundle)
    elif as_json:
        print_json(_description(bundle))
    else:
        _print_description(_description(bundle))


@app.command(epilog="Example: serein models export bundled --to my-model")
def export(
    model: Model,
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="A folder that is new or empty.")],
) -> None:
    """Copy a model into a folder, card and licence with it."""
    from serein.bundle import Bundle

    bundle = Bundle.load(model)
    folder = bundle.export(to)
    licence = bundle.manifest.licence
    typer.echo(printable(f"{folder}: the model {bundle.manifest.name}, licence {licence}"))


def _summary(bundle: Bundle) -> dict[str, Any]:
    from serein.bundle import CARD_FILE

    manifest = bundle.manifest
    card = bundle.folder / CARD_FILE
    return {
        "name": manifest.name,
        "labels": list(manifest.labels),
        "licence": manifest.licence,
        "parameters": manifest.parameters,
        "bytes": sum(path.stat().st_size for path in bundle.folder.iterdir() if path.is_file()),
        "folder": str(bundle.folder),
        "card": str(card) if card.is_file() else None,
    }


def _description(bundle: Bundle) -> dict[str, Any]:
    manifest = bundle.manifest
    return _summary(bundle) | {
        "features": manifest.features.as_dict(),
        "minimum_confidence": manifest.minimum_confidence,
        "tells_speech": bundle.tells_speech,
        "corpora": dict(manifest.corpora),
        "scores": dict(manifest.scores),
        "recipe": dict(manifest.recipe),
        "fingerprint": bundle.fingerprint,
    }


def _print_list(bundles: list[Bundle]) -> None:
    from rich.table import Table

    from serein.cli.console import console, print_table

    table = Table("name", "labels", box=None)
    table.add_column("parameters", justify="right")
    table.add_column("size", justify="right")
    table.add_column("licence of the weights", overflow="fold")
    for bundle in bundles:
        summary = _summary(bundle)
        table.add_row(
            printable(summary["name"]),
            str(len(summary["labels"])),
            f"{summary['parameters']:,}",
            _size(summary["bytes"]),
            printable(summary["licence"]),
        )
    print_table(console(), table)


def _print_to_make(bundles: Container[str]) -> None:
    """Name the recipes whose models do not ship, each with the command that makes one."""
    from rich.table import Table

    from serein.cli.console import console, print_table
    from serein.training.recipe import available_recipes

    table = Table("made by one command", box=None)
    for name in available_recipes():
        if name not in bundles:
            table.add_row(f"serein train {name} --data ravdess=DIR -o {name}")
    if table.row_count:
        out = console()
        out.print()
        print_table(out, table)


def _print_description(values: Mapping[str, Any]) -> None:
    from rich.table import Table

    from serein.cli.console import console, print_table

    features = dict(values["features"])
    kind, rate = features.pop("kind"), features.pop("sampling_rate")
    rows = {
        "name": values["name"],
        "labels": ", ".join(values["labels"]),
        "licence": f"{values['licence']} (of the weights)",
        "parameters": f"{values['parameters']:,}",
        "size": _size(values["bytes"]),
        "features": f"{kind} at {rate} Hz; {_flat(features)}",
        "speech": f"{'' if values['tells_speech'] else 'not '}told from noise and music",
        "not sure": f"below a confidence of {values['minimum_confidence']:.0%}",
        **{f"corpus {name}": _flat(value) for name, value in values["corpora"].items()},
        **_score_rows(values["scores"]),
        "recipe": str(values["recipe"].get("name", "unknown")),
        "folder": values["folder"],
        "card": values["card"] or "none",
    }
    table = Table(box=None, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for key, value in rows.items():
        table.add_row(printable(key), printable(value))
    print_table(console(), table)


def _score_rows(scores: Mapping[str, Any]) -> dict[str, str]:
    """One row a corpus: what a person wants to know, the rest is in the card."""
    corpora = scores.get("corpora")
    if not isinstance(corpora, Mapping):
        return {}
    from serein.training.card_scores import protocol_of

    rows = {"scored by": protocol_of({"protocol": "unknown", **scores})}
    for name, line in corpora.items():
        parts = (
            f"{title} {100 * line[key]:.1f} %"
            for title, key in (
                ("UAR U", "uar"),
                ("E", "uar_enrolled"),
                ("accuracy U", "wa"),
                ("E", "wa_enrolled"),
            )
            if isinstance(line, Mapping) and isinstance(line.get(key), int | float)
        )
        rows[f"score {name}"] = ", ".join(parts)
    return rows


def _print_card(bundle: Bundle) -> None:
    from serein.cli.console import console

    text = bundle.card
    if not text:
        complain("warning", f"the model {bundle.manifest.name!r} has no card")
        return
    out = console()
    if out.is_terminal:
        from rich.markdown import Markdown

        out.print(Markdown(text))
    else:
        typer.echo(text, nl=not text.endswith("\n"))


def _flat(value: Any) -> str:
    """A value of a manifest as a phrase: ``clips 1440, speakers 24``."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_nested(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_nested(item) for item in value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _nested(value: Any) -> str:
    text = _flat(value)
    return f"({text})" if isinstance(value, Mapping | list | tuple) else text


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"
