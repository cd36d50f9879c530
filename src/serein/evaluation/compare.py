"""Several runs side by side, over the clips that all of them judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from serein.bundle import require_vacant
from serein.errors import ArgumentInvalid, DataInvalid
from serein.evaluation.judging import Judged
from serein.evaluation.outcome import prepare_folder, read_metrics, write_json
from serein.evaluation.predictions import PREDICTIONS_FILE, read_predictions
from serein.evaluation.scores import SUFFIX, Strata, mean_over_corpora, score_corpora, uar_interval
from serein.metrics import interval, two_sided_p

COMPARISON_FILE = "comparison.json"
COMPARISON_PAGE = "comparison.html"

_OF_HEAD = ("recipe", "title", "protocol", "speakers_kept_apart", "quick", "parameters")
_OF_CORPUS = ("uar", "uar_interval", "uar_enrolled", "uar_enrolled_interval", "recalls")


_DIGITS = 12  # what is left beyond them is the rounding of sums, not a difference


@dataclass(frozen=True)
class _Clip:
    """What must agree where two runs have judged the same clip."""

    sha256: str
    emotion: str | None
    speaker: str | None
    classes: tuple[str, ...]


@dataclass(frozen=True)
class _Run:
    name: str
    metrics: Mapping[str, Any]
    judged: Mapping[tuple[str, str], Judged]


def compare(folders: Sequence[Path], output: Path) -> dict[str, Any]:
    """Score runs over the clips that they share, and tell chance from difference.

    Every pair is compared by a paired bootstrap: speakers are resampled, the same ones for both
    runs, and the difference of the UAR is taken each time, as a mean over corpora. Of a run with
    several seeds the first is taken.

    Parameters
    ----------
    folders
        Two or more that ``serein crossval`` or ``serein evaluate`` wrote; a run is called by the
        name of its folder.
    output
        New or empty; gets ``comparison.json`` and ``comparison.html``.

    Returns
    -------
    dict
        The contents of ``comparison.json``: ``runs``, ``corpora``, ``pairs`` (``difference`` is
        that of the first less the second, with a 95 % interval and a two-sided ``p``),
        ``clips``, ``speakers``, ``left_out`` and ``warnings``.

    Raises
    ------
    ArgumentInvalid
        Fewer than two folders, or the output is taken.
    DataInvalid
        A folder cannot be read, runs share no clip, or disagree on what a clip is.
    """
    from serein.evaluation.report import write_comparison

    if len(folders) < 2:
        raise ArgumentInvalid("a comparison takes two runs or more; give two folders at least")
    require_vacant(output)
    runs = [_read(name, folder) for name, folder in zip(_names(folders), folders, strict=True)]
    shared = _shared(runs)
    judged = {run.name: [run.judged[clip] for clip in shared] for run in runs}
    scores = {name: score_corpora(found) for name, found in judged.items()}
    first = judged[runs[0].name]
    comparison = {
        "runs": [_describe(run, judged[run.name], scores[run.name]) for run in runs],
        "clips": len(shared),
        "speakers": len({one.utterance.speaker for one in first if one.utterance.speaker}),
        "left_out": {run.name: len(run.judged) - len(shared) for run in runs},
        "corpora": _by_corpus(scores),
        "pairs": [
            _pair(one.name, two.name, judged[one.name], judged[two.name])
            for one, two in combinations(runs, 2)
        ],
        "warnings": list(_warnings(runs, len(shared))),
    }
    prepare_folder(output)
    write_json(output / COMPARISON_FILE, comparison)
    write_comparison(comparison, output / COMPARISON_PAGE)
    return comparison


def _names(folders: Sequence[Path]) -> list[str]:
    """The shortest ends of the paths that tell them apart."""
    resolved = [folder.resolve() for folder in folders]
    if len(set(resolved)) < len(resolved):
        raise ArgumentInvalid("the same folder is given twice; give each run once")
    for depth in range(1, max(len(path.parts) for path in resolved) + 1):
        names = ["/".join(path.parts[-depth:]) for path in resolved]
        if len(set(names)) == len(names):
            break
    return names


def _read(name: str, folder: Path) -> _Run:
    metrics = read_metrics(folder)
    judged = read_predictions(folder / PREDICTIONS_FILE)
    seed = min(one.seed for one in judged) if judged else 0
    found = {(one.utterance.corpus, one.utterance.path): one for one in judged if one.seed == seed}
    missing = [key for key in _OF_HEAD if key not in metrics]
    missing += [key for key in ("recipe", "protocol") if not isinstance(metrics.get(key, ""), str)]
    if missing or not found:
        what = (
            f"its metrics lack a usable {', '.join(missing)}"
            if missing
            else "it holds no judgement"
        )
        raise DataInvalid(f"{folder}: {what}; run it again with this Serein", file=str(folder))
    return _Run(name, metrics, found)


def _shared(runs: Sequence[_Run]) -> list[tuple[str, str]]:
    """The clips that all runs have judged, in the order of their names."""
    shared = sorted(set.intersection(*(set(run.judged) for run in runs)))
    if not shared:
        raise DataInvalid(
            f"no clip was judged in all of {', '.join(run.name for run in runs)}; compare runs "
            "on the same corpora"
        )
    for clip in shared:
        seen = {run.name: _identity(run.judged[clip]) for run in runs}
        if len(set(seen.values())) > 1:
            told = "; ".join(
                f"{name}: sound {one.sha256[:8]}, {one.emotion} by {one.speaker} of "
                f"{', '.join(one.classes)}"
                for name, one in seen.items()
            )
            raise DataInvalid(
                f"the runs disagree on {clip[1]} of {clip[0]} ({told}); compare runs over the "
                "same table and labels"
            )
    return shared


def _identity(one: Judged) -> _Clip:
    return _Clip(one.utterance.sha256, one.utterance.emotion, one.utterance.speaker, one.classes)


def _describe(
    run: _Run, judged: Sequence[Judged], scores: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    line = {"name": run.name} | {key: run.metrics[key] for key in _OF_HEAD}
    line |= mean_over_corpora(scores.values())
    for mode, suffix in SUFFIX.items():
        line[f"uar{suffix}_interval"] = uar_interval(judged, mode)
    return line


def _by_corpus(scores: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, corpora in scores.items():
        for corpus, line in corpora.items():
            place = found.setdefault(
                corpus, {key: line[key] for key in ("classes", "clips", "speakers")} | {"runs": []}
            )
            place["runs"].append({"name": name} | {key: line[key] for key in _OF_CORPUS})
    return found


def _pair(
    first: str, second: str, judged: Sequence[Judged], others: Sequence[Judged]
) -> dict[str, Any]:
    one, two = Strata.of(judged), Strata.of(others)
    found: dict[str, Any] = {"first": first, "second": second}
    for mode, suffix in SUFFIX.items():
        found["difference" + suffix] = round(one.uar(mode) - two.uar(mode), _DIGITS) + 0.0
        # Both draw the same speakers: what varies is who speaks, not which run.
        drawn, against = one.draws(mode), two.draws(mode)
        if drawn is None or against is None:
            found |= {"interval" + suffix: None, "p" + suffix: None}
        else:
            differences = np.round(drawn - against, _DIGITS) + 0.0  # no minus nought
            found["interval" + suffix] = list(interval(differences))
            # Were every difference in sign an accident, so few speakers would still agree so often.
            found["p" + suffix] = max(two_sided_p(differences), 2.0 ** (1 - one.speakers))
    return found


def _warnings(runs: Sequence[_Run], shared: int) -> list[str]:
    found = []
    if any(len(run.judged) > shared for run in runs):
        found.append(
            f"scored over the {shared} clips that all runs share; the runs' own scores are over "
            "others too"
        )
    protocols = {run.metrics["protocol"] for run in runs}
    if len(protocols) > 1:
        found.append(f"the protocols differ: {', '.join(sorted(protocols))}")
    found += [
        f"{run.name}: {run.metrics['protocol']}: its score may flatter"
        for run in runs
        if not run.metrics["speakers_kept_apart"]
    ]
    found += [
        f"{run.name}: a quick run, its figures are no score" for run in runs if run.metrics["quick"]
    ]
    return found
