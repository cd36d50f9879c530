"""What a comparison of runs says: which is really better, and which cannot be told apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from serein.bundle import Mode
from serein.evaluation.report.numbers import points, points_between, whole
from serein.evaluation.report.words import Banner, apart, emotions, guessing


def verdict(pair: Mapping[str, Any], mode: Mode) -> tuple[str, str]:
    """What a pair of runs comes to: ``better``, ``open`` or ``unknown``, and the sentence."""
    end = "" if mode == "unknown" else "_enrolled"
    difference, interval = pair[f"difference{end}"], pair[f"interval{end}"]
    if interval is None:
        return "unknown", "too few speakers to tell"
    if not apart(interval):
        return "open", "cannot be told apart"
    return "better", f"the {'first' if difference > 0 else 'second'} is better"


def conclusions(pairs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Every pair in a sentence, on leaderboard U; those that differ come first."""
    found: dict[str, list[str]] = {"better": [], "open": [], "unknown": []}
    for pair in pairs:
        kind, said = verdict(pair, "unknown")
        by = points(abs(pair["difference"])).lstrip("+")
        if kind == "better":
            better, other = pair["first"], pair["second"]
            if pair["difference"] < 0:
                better, other = other, better
            found[kind].append(f"{better} is better than {other}, by {by} points.")
        elif kind == "open":
            span = points_between(pair["interval"])
            found[kind].append(f"{pair['first']} and {pair['second']} {said} ({span}).")
        else:
            found[kind].append(f"{pair['first']} and {pair['second']}: {said}.")
    return [*found["better"], *found["open"], *found["unknown"]]


def banners(comparison: Mapping[str, Any]) -> list[Banner]:
    """What must be known before any figure is looked at."""
    runs = comparison["runs"]
    found = []
    if quick := [run["name"] for run in runs if run.get("quick")]:
        found.append(
            Banner(
                "stop",
                "No score: quick runs",
                f"{', '.join(quick)}: a few clips and a few rounds of training prove that the "
                "way works. Such figures say nothing of how good a recipe is.",
            )
        )
    leaking = [run for run in runs if not run["speakers_kept_apart"]]
    if leaking:
        named = "; ".join(f"{run['name']}: {run['protocol']}" for run in leaking)
        found.append(
            Banner(
                "stop",
                "Speakers were not kept apart in every run",
                f"{named}. What a model reaches on people whom it may have heard in training "
                "flatters, and is not to be held against one that was tested on strangers.",
            )
        )
    titles = list(dict.fromkeys(run["protocol"] for run in runs))
    if len(titles) > 1:
        found.append(
            Banner(
                "stop" if leaking else "note",
                "The runs were tested in different ways",
                f"{'; '.join(titles)}. They were trained on different parts of the data, so that "
                "a difference may come from that and not from the recipe.",
            )
        )
    return found


def summary(comparison: Mapping[str, Any]) -> list[str]:
    """Which run is highest on leaderboard U, and above whom it really stands."""
    runs = comparison["runs"]
    best = max(runs, key=lambda run: float(run["uar"]))
    found = [
        f"On the clips that all runs share, {best['name']} recognises most: the emotion of "
        f"{whole(best['uar'])} of 100 clips, averaged over "
        f"{emotions(comparison['corpora'].values())}; guessing would get "
        f"{whole(guessing(comparison['corpora'].values()))}."
    ]
    own = [pair for pair in comparison["pairs"] if best["name"] in (pair["first"], pair["second"])]
    kinds: dict[str, list[str]] = {"better": [], "open": [], "unknown": []}
    for pair in own:
        other = pair["second"] if pair["first"] == best["name"] else pair["first"]
        kinds[verdict(pair, "unknown")[0]].append(other)
    said = {
        "better": "It is better by more than chance than",
        "open": "It cannot be told apart from",
        "unknown": "There are too few speakers to tell it from",
    }
    sentences = [f"{said[kind]} {', '.join(names)}." for kind, names in kinds.items() if names]
    return [*found, " ".join(sentences)] if sentences else found
