"""The commands that make a model and its scores again, as its card tells them."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from serein.bundle import Manifest
from serein.training.card_scores import folds_of
from serein.training.recipe import available_recipes, load_recipe

_EVALUATED = "unseen"  # how the protocol of an evaluation begins


def reproduction(manifest: Manifest) -> Iterator[str]:
    """How to make a model and its scores again, in Markdown; nothing without a recipe."""
    recipe = manifest.recipe
    if "name" not in recipe or "from" in recipe:
        return
    yield from ("", "## How to make it again", "")
    if made_by := recipe.get("made_by"):
        yield from (f"In a checkout of Serein, `{made_by}`. Step by step:", "")
    yield "```console"
    for command in _commands(manifest):
        yield f"$ {command}"
    yield from ("```", "")
    yield (
        "Each DIR is the folder of that corpus, or of noises and rooms. Everything that was set, "
        "and the day of the training, stands under `recipe` in manifest.json."
    )


def _commands(manifest: Manifest) -> Iterator[str]:
    scores = manifest.scores
    if "fold" in scores:  # a model of a cross-validation, made by that alone
        yield _crossval(manifest, scores)
        return
    yield _train(manifest)
    for run in (scores, *scores.get("further", ())):
        protocol = str(run.get("protocol", ""))
        if protocol.startswith(_EVALUATED):
            words = (shlex.quote(manifest.name), *_data(run["corpora"]), *_measures(run))
            yield f"serein evaluate {' '.join(words)} -o scores"
        elif protocol:
            yield _crossval(manifest, run)


def _train(manifest: Manifest) -> str:
    name = manifest.name
    named = [] if name == manifest.recipe["name"] else [f"--name {shlex.quote(name)}"]
    seed = [f"--seed {value}"] if (value := manifest.recipe.get("seed")) else []
    words = (*_recipe(manifest), *_data(manifest.corpora), *seed, *named)
    return f"serein train {' '.join(words)} -o {shlex.quote(name)}"


def _crossval(manifest: Manifest, run: Mapping[str, Any]) -> str:
    # What stands in brackets behind a protocol is said of it and no part of its name.
    protocol = str(run["protocol"]).partition(" (")[0]
    # Where folds are missing, corpora may have been trained on and not tested.
    folds = folds_of(run)
    corpora = sorted({*manifest.corpora, *run["corpora"]}) if folds else run["corpora"]
    words = [*_recipe(manifest), *_data(corpora), f"--protocol {protocol}"]
    words += [f"--fold {shlex.quote(fold)}" for fold in folds]
    if run["seeds"] > 1:
        words.append(f"--seeds {run['seeds']}")
    words += _measures(run)
    return f"serein crossval {' '.join(words)} -o scores"


def _measures(run: Mapping[str, Any]) -> Iterator[str]:
    """What was measured besides, which scores of the first run tell."""
    if robustness := run.get("robustness"):
        recorded = any(
            family == "room" or family.startswith("noise ") for family in robustness["losses"]
        )
        yield "--noise DIR" if recorded else "--robustness"
    if "enrolment" in run:
        yield "--enrolment"


def _recipe(manifest: Manifest) -> Iterator[str]:
    """The recipe by its name, and what the command line added to it."""
    name = str(manifest.recipe["name"])
    if name not in available_recipes():
        yield shlex.quote(f"{name}.toml")
        return
    yield name
    if manifest.recipe.get("sound", {}).get("recordings"):
        yield "--recordings DIR"
    packaged = load_recipe(name)
    network = manifest.recipe.get("network")
    if packaged.network is None or not network:
        return
    for key in ("epochs", "clips_per_epoch"):
        value = network["training"].get(key)
        if value and value != getattr(packaged.network.training, key):
            yield f"--{key.replace('_', '-')} {value}"


def _data(corpora: Iterable[str]) -> Iterator[str]:
    for corpus in corpora:
        yield f"--data {corpus}=DIR"
