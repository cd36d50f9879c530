"""What a model keeps of its scores: the tables of its card, without curves and single clips."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from serein.errors import DataInvalid
from serein.evaluation.judging import Judged
from serein.evaluation.scores import MEANS, SUFFIX, score_corpora

Metrics = Mapping[str, Any]

_DIGITS = 6
_UARS = tuple(f"uar{end}{kind}" for end in SUFFIX.values() for kind in ("", "_interval"))
_OF_FOLD = (
    *("classes", "speakers", "clips"),
    *(name + end for end in SUFFIX.values() for name in (*MEANS, "recalls")),
    *(f"uar{end}_interval" for end in SUFFIX.values()),
)
_OF_FOUR = ("speakers", "clips", *("uar" + end for end in SUFFIX.values()))
_OF_POINT = ("clips", "gain", "gain_interval", "mended", "spoilt")
_GROUPS = ("sex", "language")


def fold_scores(judged: Sequence[Judged]) -> dict[str, dict[str, Any]]:
    """The scores of each corpus that hold for the weights of one fold."""
    return {name: _some(line, _OF_FOLD) for name, line in score_corpora(judged).items()}


def published_scores(runs: Sequence[Metrics], names: Collection[str]) -> dict[str, Any]:
    """The scores of a model, for its manifest and card, from runs of its recipe.

    Parameters
    ----------
    runs
        Contents of ``metrics.json``. The first gives the scores, others by another protocol or
        on other corpora stand beside it; of the rest only what was measured besides is taken.
    names
        What the model and its recipe are called: a run of anything else is refused.

    Returns
    -------
    dict
        ``protocol``, ``seeds``, ``only`` (the folds that were run, if not all), ``corpora``,
        ``four_classes``, ``decided`` and ``groups`` of the first run; ``further``, the same of
        others; and ``robustness`` and ``enrolment`` of the first run that measured them.

    Raises
    ------
    DataInvalid
        If there is no run, or one is of another recipe, no score, or of an older version.
    """
    if not runs:
        raise DataInvalid("scores take one run or more; give folders of 'serein crossval'")
    try:
        for metrics in runs:
            _require_score(metrics, names)
        tables: dict[tuple[str, ...], dict[str, Any]] = {}
        for metrics in runs:
            tables.setdefault((metrics["protocol"], *sorted(metrics["corpora"])), _table(metrics))
        first, *further = tables.values()
        scores = {**first, "further": further}
        for name, compact in (("robustness", _robustness), ("enrolment", _enrolment)):
            measured = [metrics[name] for metrics in runs if name in metrics]
            if measured:
                scores[name] = compact(measured[0])
    except KeyError as error:
        raise DataInvalid(
            f"a run's metrics lack {error}, so another version wrote them; run it again"
        ) from error
    rounded: dict[str, Any] = _rounded(scores)
    return rounded


def _require_score(metrics: Metrics, names: Collection[str]) -> None:
    where = f"the run {metrics['recipe']}, {metrics['protocol']},"
    if metrics["recipe"] not in names:
        raise DataInvalid(
            f"{where} is of another recipe; the model is called {' or '.join(sorted(names))}"
        )
    if metrics["quick"] or not metrics["speakers_kept_apart"]:
        raise DataInvalid(
            f"{where} is no score on unseen speakers; give runs without --quick whose protocol "
            "keeps speakers apart"
        )


def _table(metrics: Metrics) -> dict[str, Any]:
    groups = metrics["groups"]
    found = {
        **_some(metrics, ("protocol", "seeds")),
        **({"only": metrics["only"]} if "only" in metrics else {}),
        "corpora": {name: _some(line, _OF_FOLD) for name, line in metrics["corpora"].items()},
        "coverage": metrics["coverage"],
        "decided": metrics["decided"],
        "groups": {
            kind: {
                "classes": groups[kind]["classes"],
                "groups": {
                    name: _some(line, ("clips", "speakers", *_UARS))
                    for name, line in groups[kind]["groups"].items()
                },
            }
            for kind in _GROUPS
            if kind in groups
        },
    }
    if four := metrics.get("four_classes"):
        lines = four["corpora"].items()
        found["four_classes"] = {"corpora": {name: _some(line, _OF_FOUR) for name, line in lines}}
    return found


def _robustness(outcome: Metrics) -> dict[str, Any]:
    losses: dict[str, dict[str, float]] = {}
    for one in outcome["conditions"]:
        losses.setdefault(one["family"], {})[one["name"]] = one["loss"]
    clean = {"uar": outcome["clean"]["uar"]}
    return {**_some(outcome, ("clips", "corpora")), **clean, "losses": losses}


def _enrolment(outcome: Metrics) -> dict[str, Any]:
    return {
        **_some(outcome, ("clips", "draws", "corpora")),
        "points": [
            {
                **_some(point, _OF_POINT),
                "gains": {name: line["gain"] for name, line in point["corpora"].items()},
            }
            for point in outcome["points"]
        ],
    }


def _some(values: Metrics, names: Sequence[str]) -> dict[str, Any]:
    return {name: values[name] for name in names}


def _rounded(value: Any) -> Any:
    """The same with fewer digits, and those enough: a manifest is read at every start."""
    if isinstance(value, float):
        return round(value, _DIGITS)
    if isinstance(value, Mapping):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return value
