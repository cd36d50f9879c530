"""What stands in each section of a report."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from serein.bundle import MODES
from serein.evaluation.report import charts, curves, profiles, words
from serein.evaluation.report.marks import LETTER, Dot, Row
from serein.evaluation.report.numbers import some
from serein.evaluation.scores import SUFFIX

_GROUPS = {"sex": "Women and men", "corpus": "Corpora", "language": "Languages"}
_NO_DEGREES = ("room", "telephone")  # families of things that are no more or less of one


def contents(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """All that the template of a report shows, by name."""
    lines = metrics["corpora"].values()
    outcome, enrolment = metrics.get("robustness"), metrics.get("enrolment")
    found: dict[str, Any] = {
        "metrics": metrics,
        "modes": [(mode, SUFFIX[mode]) for mode in MODES],
        "seeds": metrics["seeds"] > 1,
        "banners": words.banners(metrics),
        "summary": words.summary(metrics),
        "protocol": words.protocol(metrics["protocol"]),
        "hundred": charts.hundred(
            {mode: metrics["uar" + SUFFIX[mode]] for mode in MODES},
            words.guessing(lines),
            name="hundred",
            label=f"A hundred clips. {' '.join(words.summary(metrics))}",
        ),
        "scores": charts.dots(
            [_row(*line) for line in _lines(metrics)],
            name="scores",
            label="UAR of each corpus in per cent",
        ),
        "corpora": [
            _corpus(number, name, line, metrics["decided"])
            for number, (name, line) in enumerate(metrics["corpora"].items())
        ],
        "four": _four(metrics),
        "listeners": [
            (name, line["listeners"])
            for name, line in metrics["corpora"].items()
            if "listeners" in line
        ],
        "groups": [
            _group(kind, metrics["groups"][kind]) for kind in _GROUPS if kind in metrics["groups"]
        ],
        "profiles": profiles.section(enrolment) if enrolment else None,
        "wild": _wild(outcome) if outcome else None,
        "folds": _folds(metrics),
        "unreadable": [_tail(str(path)) for path in metrics.get("unreadable", ())],
    }
    sections = {
        "scores": "Scores",
        "mistakes": "What is taken for what",
        "certainty": "How sure it is",
        "groups": "For whom" if found["groups"] else "",
        "profiles": "Knowing the voice" if found["profiles"] else "",
        "wild": "In the wild" if found["wild"] else "",
        "folds": "How it was tested",
        "reading": "How to read this",
    }
    return {**found, "contents": [(name, title) for name, title in sections.items() if title]}


def _lines(metrics: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any], float]]:
    """The scores of each corpus and their mean, each with what guessing would get."""
    corpora = metrics["corpora"]
    lines = [(name, line, words.guessing([line])) for name, line in corpora.items()]
    if len(lines) > 1:
        lines.append(("Mean over the corpora", metrics, words.guessing(corpora.values())))
    return lines


def _row(name: str, line: Mapping[str, Any], chance: float | None = None) -> Row:
    return Row(
        name,
        {
            mode: Dot(line["uar" + end], line.get(f"uar{end}_interval"))
            for mode, end in SUFFIX.items()
        },
        chance,
    )


def _corpus(
    number: int, name: str, line: Mapping[str, Any], decided: Mapping[str, Any]
) -> dict[str, Any]:
    least = decided["minimum_confidence"]
    return {
        "name": name,
        "line": line,
        "chance": words.guessing([line]),
        "mistakes": words.mistakes(line),
        "sureness": [
            (
                mode,
                f"{words.sureness(line, end)} "
                f"{words.decided(decided['corpora'][name], end, least)}",
            )
            for mode, end in SUFFIX.items()
        ],
        "reliability": [
            (
                mode,
                curves.reliability(
                    line["reliability" + SUFFIX[mode]],
                    mode,
                    name=f"reliability-{number}-{mode}",
                    label=f"Calibration on {name}, leaderboard {LETTER[mode]}",
                ),
            )
            for mode in MODES
        ],
        "risk": curves.risk(
            {mode: line["risk" + SUFFIX[mode]] for mode in MODES},
            name=f"risk-{number}",
            label=f"Mistakes on {name} by the share of clips that are answered",
        ),
    }


def _four(metrics: Mapping[str, Any]) -> dict[str, Any] | None:
    four = metrics.get("four_classes")
    if not four:
        return None
    lines = list(four["corpora"].items())
    if len(lines) > 1:
        lines.append(("Mean over the corpora", four))
    return {"lines": lines, "chance": words.guessing(four["corpora"].values())}


def _group(kind: str, table: Mapping[str, Any]) -> dict[str, Any]:
    groups = table["groups"]
    named = [(words.group(kind, name), line) for name, line in groups.items()]
    both = ", within the corpora that hold both"
    scope = both if kind == "sex" else ": the emotions that all corpora hold"
    return {
        "title": _GROUPS[kind],
        "scope": f"Over {', '.join(table['classes'])}{scope}.",
        "said": [
            (mode, sentence) for mode in MODES for sentence in words.fairness(kind, groups, mode)
        ],
        "chart": charts.dots(
            [_row(name, line) for name, line in named],
            name=f"group-{kind}",
            label=f"{_GROUPS[kind]}: UAR in per cent",
        ),
        "differences": _differences(kind, named),
        "groups": named,
    }


def _differences(kind: str, groups: list[tuple[str, Mapping[str, Any]]]) -> str:
    # Of two groups one difference is the other with its sign turned.
    if len(groups) == 2:
        other = groups[1][0]
        shown = [(f"{name} less {other}", line) for name, line in groups[:1]]
    else:
        shown = [(f"{name} less the others", line) for name, line in groups]
    rows = [
        Row(
            name,
            {
                mode: Dot(line["difference" + end], line[f"difference{end}_interval"])
                for mode, end in SUFFIX.items()
            },
        )
        for name, line in shown
    ]
    label = f"{_GROUPS[kind]}: differences of UAR in points"
    return charts.differences(rows, name=f"difference-{kind}", label=label)


def _wild(outcome: Mapping[str, Any]) -> dict[str, Any]:
    families: dict[str, list[Mapping[str, Any]]] = {}
    for one in outcome["conditions"]:
        families.setdefault(one["family"], []).append(one)
    clean = outcome["clean"]["uar"]
    drawn: dict[str, list[dict[str, str]]] = {"by_degree": [], "by_name": []}
    for number, (family, conditions) in enumerate(families.items()):
        kind = "by_name" if family in _NO_DEGREES else "by_degree"
        draw = curves.by_name if family in _NO_DEGREES else curves.by_degree
        chart = draw(conditions, clean, name=f"wild-{number}", label=f"{family}: UAR in per cent")
        unit = curves.degrees(conditions)[1]
        drawn[kind].append({"name": family, "unit": unit, "chart": chart})
    return {
        **drawn,
        "said": words.robustness(outcome),
        "changed": words.changed(outcome),
        "clean": clean,
        "clean_corpora": outcome["clean"]["corpora"],
        "corpora": outcome["corpora"],
        "conditions": len(outcome["conditions"]),
        "families": list(families.items()),
    }


def _folds(metrics: Mapping[str, Any]) -> dict[str, Any]:
    folds = metrics["folds"]
    scored = all("uar" in fold for fold in folds)
    said = [
        f"Fold {fold['name']}: {warning}" for fold in folds for warning in fold.get("warnings", ())
    ]
    if left_out := metrics.get("left_out"):
        said.append(
            f"{some(left_out, 'clip was', 'clips were')} left out, since the model heard them or "
            "their speakers in training."
        )
    chart = None
    if scored and len(folds) > 1:
        chart = charts.strip(
            {mode: {fold["name"]: fold["uar" + SUFFIX[mode]] for fold in folds} for mode in MODES},
            name="folds",
            label="UAR of each fold in per cent",
        )
    return {
        "lines": folds,
        "scored": scored,
        "parts": [
            part
            for part in ("train", "validation", "test")
            if all(part in fold["clips"] for fold in folds)
        ],
        "heard": [fold for fold in folds if "train_speakers" in fold],
        "said": said,
        "chart": chart,
    }


def _tail(path: str) -> str:
    """The end of a path, so that a report does not tell where on a machine it was made."""
    parts = re.split(r"[\\/]", path)
    return path if len(parts) < 3 else "/".join(parts[-2:])
