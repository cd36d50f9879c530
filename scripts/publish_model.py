"""Put measured scores into a model's manifest and card.

Run it from a checkout, after the model was trained and its recipe scored::

    python scripts/publish_model.py src/serein/bundles/bundled scores/joint scores/corpora

The first run gives the scores of the card; others, such as that of left-out corpora, stand beside
it; robustness and enrolment are taken from the first run that measured them. The weights, their
checksums and everything else that the manifest says stay as they are.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from serein.bundle import Bundle
from serein.errors import SereinError
from serein.evaluation.outcome import METRICS_FILE, read_metrics
from serein.evaluation.published import published_scores
from serein.training.train import add_scores


def publish(folder: Path, runs: Sequence[Path], *, made_by: str | None = None) -> Bundle:
    """Write the scores of runs into a bundle.

    Parameters
    ----------
    folder
        Of the bundle, which is changed in place.
    runs
        Folders of ``serein crossval`` or ``serein evaluate``, or their ``metrics.json``.
    made_by
        The one command that makes model and scores again, told in the card.

    Raises
    ------
    BundleInvalid
        The folder is no bundle, or its weights are not those it was made of.
    DataInvalid
        A run cannot be read, is of another recipe, or is no score on unseen speakers.
    """
    bundle = Bundle.load(folder)
    manifest = bundle.manifest
    folders = [run.parent if run.name == METRICS_FILE else run for run in runs]
    names = {manifest.name, str(manifest.recipe.get("name", manifest.name))}
    scores = published_scores([read_metrics(run) for run in folders], names)
    return add_scores(bundle, scores, made_by=made_by)


def main(arguments: Sequence[str] | None = None) -> int:
    """Publish what the command line names; the exit status is 0 if that was possible."""
    summary = (__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser(description=summary)
    parser.add_argument("bundle", type=Path, help="folder of the model")
    parser.add_argument("runs", type=Path, nargs="+", help="folders of runs, the main one first")
    parser.add_argument("--made-by", help="the command that makes all this again: make model")
    given = parser.parse_args(arguments)
    try:
        bundle = publish(given.bundle, given.runs, made_by=given.made_by)
    except SereinError as error:
        print(f"error: {error.message}", file=sys.stderr)
        return 1
    print(f"{bundle.folder}: {bundle.manifest.scores['protocol']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
