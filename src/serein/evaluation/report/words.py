"""What the numbers of a run say, in sentences that need no knowledge of the field."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from serein.bundle import Mode
from serein.evaluation.report.curves import at
from serein.evaluation.report.numbers import (
    between,
    count,
    per_cent,
    points,
    points_between,
    some,
    whole,
)
from serein.evaluation.scores import COVERAGE

SMALL_LOSS = 0.03
"""A loss of UAR below this is called harmless."""

FEW_CLIPS = 200
"""Fewer changed clips of a corpus than this make small losses doubtful."""

_GOOD_ECE = 0.03
_LANGUAGES: Mapping[str, str] = {
    "de": "German",
    "el": "Greek",
    "en": "English",
    "es": "Spanish",
    "fr": "French",
    "it": "Italian",
    "ja": "Japanese",
    "pl": "Polish",
    "ur": "Urdu",
    "zh": "Chinese",
}
_CHANCE = {True: ", more than chance explains", False: ", which may be chance"}
_SEXES: Mapping[str, str] = {"female": "women", "male": "men"}

# How a protocol is told by its first words; the first that fits.
_PROTOCOLS: Sequence[tuple[str, str, str]] = (
    (
        "speakers:",
        "Of voices it has never heard",
        "The speakers were dealt into parts. Each part was judged by a model that was trained on "
        "the others.",
    ),
    (
        "stratified:",
        "Of voices it has never heard",
        "The speakers were dealt into parts that are even in emotion. Each part was judged by a "
        "model that was trained on the others.",
    ),
    (
        "loso",
        "Of voices it has never heard",
        "Every speaker was judged by a model that was trained on all the others.",
    ),
    (
        "corpus",
        "Of corpora it has never heard",
        "Every corpus was judged by a model that was trained on the others.",
    ),
    (
        "official (speakers unknown)",
        "Of clips it has never heard, by speakers of whom not all are named",
        "The corpus's own parts for training and test were kept.",
    ),
    (
        "official",
        "Of voices it has never heard",
        "The corpus's own parts for training and test were kept.",
    ),
    (
        "random (speakers unknown)",
        "Of clips it has never heard, by speakers whom nobody named",
        "Clips were dealt into parts by chance. Each part was judged by a model that was trained "
        "on the others.",
    ),
    (
        "random",
        "Of people whom it has heard in training",
        "Clips were dealt into parts by chance. Each part was judged by a model that was trained "
        "on the others, and so on other clips of the same people.",
    ),
    (
        "unseen speakers",
        "Of voices it has never heard",
        "A finished model was judged on speakers whom it was not trained on.",
    ),
    (
        "unseen clips",
        "Of clips it has never heard, by speakers whom nobody named",
        "A finished model was judged on clips that it was not trained on.",
    ),
    (
        "seen in training",
        "Of the very clips it was trained on",
        "A finished model was judged on clips that it was trained on.",
    ),
    (
        "unchecked",
        "Of clips that it may have heard in training",
        "A finished model was judged that does not say whom it was trained on.",
    ),
)


@dataclass(frozen=True)
class Banner:
    """A warning above all figures; ``stop`` where they are no honest score, else ``note``."""

    kind: str
    title: str
    text: str


def guessing(lines: Iterable[Mapping[str, Any]]) -> float:
    """The UAR of guessing, 0 to 1: a mean over corpora of one among their classes."""
    shares = [1 / len(line["classes"]) for line in lines]
    return sum(shares) / len(shares)


def summary(metrics: Mapping[str, Any]) -> list[str]:
    """The result in a sentence on leaderboard U, and what is to be added to it."""
    corpora = metrics["corpora"].values()
    opening = _protocol(metrics["protocol"])[0]
    found = [
        f"{opening}, it recognises the emotion in {whole(metrics['uar'])} of 100 clips, averaged "
        f"over {emotions(corpora)}; guessing would get {whole(guessing(corpora))}."
    ]
    more = []
    interval = metrics.get("uar_interval")
    if interval and metrics["speakers_kept_apart"] and not metrics["quick"]:
        more.append(f"With other speakers like these it would most likely be {between(interval)}.")
    unknown, enrolled = whole(metrics["uar"]), whole(metrics["uar_enrolled"])
    if int(enrolled) > int(unknown):
        more.append(
            "Where it knows a speaker's voice from other clips, without being told a single "
            f"emotion, it is {enrolled} of 100."
        )
    else:
        more.append(
            f"To know a speaker's voice from other clips is no help: then it is {enrolled} of 100."
        )
    sure = metrics["decided"]
    if sure["accuracy"] is not None:
        more.append(
            f'Its answer may be "not sure": it decides on {whole(sure["share"])} of 100 clips, and '
            f"of these it judges {whole(sure['accuracy'])} of 100 right."
        )
    return [*found, " ".join(more)]


def emotions(lines: Iterable[Mapping[str, Any]]) -> str:
    """How many emotions are told apart: ``8 emotions``, ``6 to 8 emotions``."""
    numbers = sorted({len(line["classes"]) for line in lines})
    if len(numbers) == 1:
        return some(numbers[0], "emotion", "emotions")
    joined = " or " if numbers[1:] == [numbers[0] + 1] else " to "
    return f"{numbers[0]}{joined}{numbers[-1]} emotions"


def protocol(title: str) -> str:
    """How it was tested, in a sentence."""
    return _protocol(title)[1]


def _protocol(title: str) -> tuple[str, str]:
    for begin, opening, sentence in _PROTOCOLS:
        if title.startswith(begin):
            return opening, sentence
    return "Of clips it has never heard", ""


def banners(metrics: Mapping[str, Any]) -> list[Banner]:
    """What must be known before any figure is looked at."""
    found = []
    title = metrics["protocol"]
    if metrics.get("quick"):
        found.append(
            Banner(
                "stop",
                "No score: a quick run",
                "A few clips and a few rounds of training prove that the way works from end to "
                "end. The figures below say nothing of how good the recipe is.",
            )
        )
    if title.startswith("unchecked"):
        found.append(
            Banner(
                "note",
                f"Protocol: {title}",
                "Whether some of these speakers were in its training cannot be told. If they "
                "were, the figures flatter.",
            )
        )
    elif title.startswith("seen in training"):
        found.append(
            Banner(
                "stop",
                f"No score: {title}",
                "The model has heard all of these clips or their speakers in training. It may "
                "know them by heart, and how it does on others is not told here.",
            )
        )
    elif not metrics.get("speakers_kept_apart", True):
        found.append(_leak(metrics))
    return found


def _leak(metrics: Mapping[str, Any]) -> Banner:
    title = metrics["protocol"]
    if "unknown" in title:
        return Banner(
            "stop",
            f"Speakers are unknown: {title}",
            "Nobody said who speaks in which clip, so the same people may be in training and in "
            "test. If they are, the figures flatter.",
        )
    text = (
        "The same people are heard in training and in test, so the model may know the person "
        "rather than the emotion. "
    )
    if apart := metrics.get("speakers_apart"):
        unknown, honest = metrics["uar"], apart["uar"]
        text += (
            f"With speakers kept apart ({apart['protocol']}) the same recipe reaches a UAR of "
            f"{per_cent(honest)} instead of {per_cent(unknown)}: a gap of "
            f"{points(unknown - honest).lstrip('+')} points. With the voice known (E) it is "
            f"{per_cent(apart['uar_enrolled'])} instead of {per_cent(metrics['uar_enrolled'])}."
        )
    elif failed := metrics.get("speakers_apart_failed"):
        text += f"How it does on strangers could not be found out: {failed}."
    else:
        text += "Only a protocol such as speakers:5 tells how it does on strangers."
    return Banner("stop", f"This score flatters: {title}", text)


def mistakes(line: Mapping[str, Any]) -> list[str]:
    """Which emotion is recognised best and which worst on leaderboard U, and the worst mistake."""
    recalls = {name: value for name, value in line["recalls"].items() if value is not None}
    if len(recalls) < 2:
        return []
    best, worst = max(recalls, key=recalls.__getitem__), min(recalls, key=recalls.__getitem__)
    if recalls[best] == recalls[worst]:
        return [f"All emotions are recognised alike, in {whole(recalls[best])} of 100 clips."]
    found = [
        f"Recognised best is {best}, in {whole(recalls[best])} of 100 clips, and worst is "
        f"{worst}, in {whole(recalls[worst])}."
    ]
    shares = {
        (meant, heard): number / sum(row)
        for meant, row in zip(line["classes"], line["confusion"], strict=True)
        for heard, number in zip(line["classes"], row, strict=True)
        if heard != meant and number
    }
    if shares:
        meant, heard = max(shares, key=shares.__getitem__)
        share = whole(shares[meant, heard])
        found.append(
            f"The most frequent mistake: {share} of 100 {meant} clips are taken for {heard}."
        )
    return found


def sureness(line: Mapping[str, Any], suffix: str) -> str:
    """Whether it is as often right as it says, and what it gains to leave out the doubtful."""
    bins, error = line[f"reliability{suffix}"], line[f"ece{suffix}"]
    clips = sum(one["clips"] for one in bins)
    excess = sum(one["clips"] * (one["confidence"] - one["accuracy"]) for one in bins) / clips
    off = points(error).lstrip("+")
    if error < _GOOD_ECE:
        judged = f"On average what it says holds; it is off by {off} points"
    elif abs(excess) > error / 2:
        which = "too sure of itself" if excess > 0 else "too modest"
        judged = f"On average it is {which}, by {off} points"
    else:
        judged = f"It is now too sure, now too modest, on average by {off} points"
    curve = line[f"risk{suffix}"]
    half, everything = whole(at(curve, 0.5)), whole(at(curve, 1.0))
    surest, gain = line[f"accuracy_at_coverage{suffix}"], line[f"gain_at_coverage{suffix}"]
    return (
        f"{judged}. Of the half of the clips it is surest of, {half} of 100 are judged wrong; of "
        f"all clips, {everything}. Of the surest {whole(COVERAGE)} of 100 clips "
        f"{per_cent(surest)} % are judged right, {points(gain)} points."
    )


def decided(line: Mapping[str, Any], suffix: str, minimum_confidence: float) -> str:
    """How many clips it decides, and how often that is right."""
    share, accuracy = line[f"share{suffix}"], line[f"accuracy{suffix}"]
    level = f"where it is {whole(minimum_confidence)} % sure"
    if accuracy is None:
        return f"It decides {level}: nowhere."
    return (
        f"It decides {level}: on {whole(share)} of 100 clips, and is right in "
        f"{per_cent(accuracy)} % of these."
    )


def group(kind: str, name: str) -> str:
    """The name of a group of people, corpora or languages."""
    if kind == "sex":
        return _SEXES.get(name, name)
    if kind == "language" and name in _LANGUAGES:
        return f"{_LANGUAGES[name]} ({name})"
    return name


def fairness(kind: str, groups: Mapping[str, Mapping[str, Any]], mode: Mode) -> list[str]:
    """Whether groups differ by more than chance."""
    end = "" if mode == "unknown" else "_enrolled"
    told = [(name, line) for name, line in groups.items() if line[f"difference{end}_interval"]]
    if not told:
        return ["too few speakers in a group to tell a difference from chance."]
    if len(groups) == 2:
        best, other = sorted(groups, key=lambda name: -groups[name][f"uar{end}"])
        line = groups[best]
        pair = f"{group(kind, best)} better than {group(kind, other)}"
        return [f"{pair} {_by(line, end)}{_CHANCE[apart(line[f'difference{end}_interval'])]}."]
    found = [
        f"{group(kind, name)} {'better' if line[f'difference{end}'] > 0 else 'worse'} than the "
        f"mean of the others {_by(line, end)}{_CHANCE[True]}."
        for name, line in told
        if apart(line[f"difference{end}_interval"])
    ]
    if len(found) < len(groups):
        found.append(
            f"for {'the others' if found else 'all of them'} the difference may be chance."
        )
    return found


def _by(line: Mapping[str, Any], end: str) -> str:
    by = points(abs(line[f"difference{end}"])).lstrip("+")
    return f"by {by} points ({points_between(line[f'difference{end}_interval'])})"


def apart(interval: Sequence[float] | None) -> bool:
    """Whether an interval of a difference lies wholly on one side of nought."""
    return interval is not None and (interval[0] > 0 or interval[1] < 0)


def robustness(outcome: Mapping[str, Any]) -> list[str]:
    """What harms most, and what does not."""
    conditions = outcome["conditions"]
    clean = outcome["clean"]
    found = []
    if conditions:
        worst = max(conditions, key=lambda one: float(one["loss"]))
        if worst["loss"] >= SMALL_LOSS:
            found.append(
                f"Hardest is {worst['family']}, {worst['name']}: of a UAR of "
                f"{per_cent(clean['uar'])} it leaves {per_cent(worst['uar'])}."
            )
        losses: dict[str, float] = {}
        for one in conditions:
            losses[one["family"]] = max(losses.get(one["family"], -1.0), one["loss"])
        harmless = [family for family, loss in losses.items() if loss < SMALL_LOSS]
        if harmless:
            found.append(
                f"To every degree harmless, with less than {whole(SMALL_LOSS)} points lost: "
                f"{', '.join(harmless)}."
            )
    if any(line["clips"] < FEW_CLIPS for line in clean["corpora"].values()):
        found.append("So few clips were changed that small losses and gains are chance.")
    return found


def changed(outcome: Mapping[str, Any]) -> str:
    """How many clips were changed, of how many, by corpus."""
    parts = [
        f"{count(line['clips'])} of {some(line['of'], 'clip', 'clips')} of {name}"
        for name, line in outcome["clean"]["corpora"].items()
    ]
    return ", ".join(parts)
