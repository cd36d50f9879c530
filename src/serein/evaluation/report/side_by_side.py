"""What stands in each section of a comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from serein.bundle import MODES
from serein.drawing import shortened
from serein.evaluation.report import charts, versus, words
from serein.evaluation.report.marks import Dot, Row
from serein.evaluation.scores import SUFFIX


def contents(comparison: Mapping[str, Any]) -> dict[str, Any]:
    """All that the template of a comparison shows, by name."""
    corpora, pairs = comparison["corpora"], comparison["pairs"]
    chance = words.guessing(corpora.values())
    sections = {
        "runs": "Side by side",
        "differences": "Which is better" if pairs else "",
        "corpora": "Corpus by corpus",
        "reading": "How to read this",
    }
    return {
        "comparison": comparison,
        "modes": [(mode, SUFFIX[mode]) for mode in MODES],
        "banners": versus.banners(comparison),
        "summary": versus.summary(comparison),
        "chance": chance,
        "hundreds": [
            (
                run,
                charts.hundred(
                    {mode: run["uar" + SUFFIX[mode]] for mode in MODES},
                    chance,
                    name=f"hundred-{number}",
                    label=f"{run['name']}: a hundred clips as dots",
                ),
            )
            for number, run in enumerate(comparison["runs"])
        ],
        "scores": charts.dots(
            [_row(run, chance) for run in comparison["runs"]],
            name="scores",
            label="UAR of each run in per cent",
        ),
        "conclusions": versus.conclusions(pairs),
        "pairs": [(pair, {mode: versus.verdict(pair, mode) for mode in MODES}) for pair in pairs],
        "differences": _differences(pairs) if pairs else None,
        "corpora": [
            _corpus(number, name, line) for number, (name, line) in enumerate(corpora.items())
        ],
        "contents": [(name, title) for name, title in sections.items() if title],
    }


def _row(run: Mapping[str, Any], chance: float) -> Row:
    return Row(
        run["name"],
        {mode: Dot(run["uar" + end], run[f"uar{end}_interval"]) for mode, end in SUFFIX.items()},
        chance,
    )


def _differences(pairs: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        Row(
            " less ".join(shortened(pair[which], 17) for which in ("first", "second")),
            {
                mode: Dot(pair["difference" + end], pair["interval" + end])
                for mode, end in SUFFIX.items()
            },
        )
        for pair in pairs
    ]
    return charts.differences(rows, name="differences", label="Differences of UAR in points")


def _corpus(number: int, name: str, line: Mapping[str, Any]) -> dict[str, Any]:
    chance = words.guessing([line])
    return {
        "name": name,
        "line": line,
        "chance": chance,
        "chart": charts.dots(
            [_row(run, chance) for run in line["runs"]],
            name=f"corpus-{number}",
            label=f"UAR on {name} in per cent",
        ),
        "best": {
            emotion: max((run["recalls"].get(emotion) or 0.0) for run in line["runs"])
            for emotion in line["classes"]
        },
    }
