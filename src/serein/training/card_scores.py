"""The tables of a model card: how well the model does, where, for whom, and how sure it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

Lines = Iterator[str]
Table = Mapping[str, Any]

_GROUPS = {"sex": "the speaker's sex", "language": "language"}
_NAMES = {"female": "women", "male": "men"}
_FOUR = "four classes (angry, happy, neutral with calm, sad)"


def score_sections(scores: Table) -> Lines:
    """What a manifest's ``scores`` say, in Markdown; nothing where there are none."""
    if not scores:
        return
    yield from _heading("## Scores on speakers that the training never saw")
    yield (
        f"Protocol {protocol_of(scores)}; {scores['seeds']} seed(s). U: nothing is known of the "
        "speaker; E: a profile of all the speaker's clips, without labels. UAR is unweighted "
        "average recall, WA accuracy, ECE the calibration error in U, all in per cent; UAR in "
        "brackets: 95 % interval over speakers."
    )
    yield from _tables(scores)
    for further in scores.get("further", ()):
        yield from _heading(f"### Protocol {protocol_of(further)}")
        yield f"{_how(further['protocol'])}{further['seeds']} seed(s)."
        yield from _tables(further)
    if measured := scores.get("enrolment"):
        yield from _enrolment(measured)
    if measured := scores.get("robustness"):
        yield from _robustness(measured)


def protocol_of(scores: Table) -> str:
    """The protocol that scores were found by, and the folds where they are not of all."""
    folds = folds_of(scores)
    if not folds:
        return str(scores["protocol"])
    return f"{scores['protocol']}, fold{'s' if folds[1:] else ''} {', '.join(folds)} alone"


def folds_of(scores: Table) -> list[str]:
    """The folds that scores are of, where others were not run."""
    if "fold" in scores:
        return [str(scores["fold"])]
    only = scores.get("only")
    return [str(fold) for fold in only] if isinstance(only, list) else []


def _how(protocol: str) -> str:
    if protocol == "corpus":
        return "Every corpus was judged by a model that was trained on the others: "
    return ""


def _heading(text: str) -> Lines:
    yield from ("", text, "")


def _tables(scores: Table) -> Lines:
    yield from _corpora(scores["corpora"])
    if four := scores.get("four_classes"):
        yield from _four_classes(four["corpora"])
    for kind, group in scores.get("groups", {}).items():
        yield from _groups(kind, group)
    if "decided" in scores:
        yield from _certainty(scores)


def _corpora(corpora: Mapping[str, Table]) -> Lines:
    yield from _head("corpus", "classes", "speakers", "clips", *_columns("UAR", "WA"), "ECE")
    for name, line in corpora.items():
        yield _row(
            name,
            len(line["classes"]),
            line["speakers"],
            line["clips"],
            *(
                cell
                for end in ("", "_enrolled")
                for cell in (_interval(line, f"uar{end}"), _share(line[f"wa{end}"]))
            ),
            _share(line["ece"]),
        )
    if len(corpora) > 1:
        keys = ("uar", "wa", "uar_enrolled", "wa_enrolled", "ece")
        yield _row("mean", "", "", "", *(_share(_mean(corpora, key)) for key in keys))


def _four_classes(corpora: Mapping[str, Table]) -> Lines:
    yield from ("", f"Over {_FOUR}:")
    yield from _head("corpus", "clips", *_columns("UAR"))
    for name, line in corpora.items():
        yield _row(name, line["clips"], _share(line["uar"]), _share(line["uar_enrolled"]))
    if len(corpora) > 1:
        keys = ("uar", "uar_enrolled")
        yield _row("mean", "", *(_share(_mean(corpora, key)) for key in keys))


def _groups(kind: str, table: Table) -> Lines:
    yield from ("", f"By {_GROUPS[kind]}, over {', '.join(table['classes'])}:")
    yield from _head("", "speakers", "clips", *_columns("UAR"))
    for name, line in table["groups"].items():
        uars = (_interval(line, f"uar{end}") for end in ("", "_enrolled"))
        yield _row(_NAMES.get(name, name), line["speakers"], line["clips"], *uars)


def _certainty(scores: Table) -> Lines:
    decided, coverage = scores["decided"], f"{scores['coverage']:.0%}".replace("%", " %")
    yield from (
        "",
        f"How much is decided, from a confidence of {decided['minimum_confidence']:.0%} on, and "
        f"how often that is right; and the accuracy of the {coverage} of the clips that the model "
        "is surest of, with what that gains over all clips:",
    )
    titles = ("decided", "of these right", f"surest {coverage}")
    yield from _head("corpus", *_columns(*titles))
    for name, line in scores["corpora"].items():
        cells = (
            cell
            for end in ("", "_enrolled")
            for cell in (
                _share(decided["corpora"][name][f"share{end}"]),
                _share(decided["corpora"][name][f"accuracy{end}"]),
                f"{_share(line[f'accuracy_at_coverage{end}'])} "
                f"({_points(line[f'gain_at_coverage{end}'])})",
            )
        )
        yield _row(name, *cells)


def _enrolment(outcome: Table) -> Lines:
    yield from _heading("### What a speaker's profile gains, by its clips")
    yield (
        "Points of UAR over U, on the same clips; the profile is made of other clips of the "
        f"speaker, drawn {outcome['draws']} times, without labels (all: of every clip of the "
        "speaker). In brackets: 95 % interval over speakers, where they are enough."
    )
    yield from _head("clips", *outcome["corpora"], "mean", "mended", "spoilt")
    for point in outcome["points"]:
        mean = _points(point["gain"])
        if found := point["gain_interval"]:
            mean += f" ({_points(found[0])} to {_points(found[1])})"
        yield _row(
            point["clips"] or "all",
            *(_points(point["gains"][name]) for name in outcome["corpora"]),
            mean,
            _share(point["mended"]),
            _share(point["spoilt"]),
        )
    yield ""
    yield (
        "Mended and spoilt: per cent of the clips that are judged right only with, and only "
        "without the profile."
    )


def _robustness(outcome: Table) -> Lines:
    yield from _heading("### What worse sound costs")
    yield (
        f"Points of UAR lost in U, mean over {', '.join(outcome['corpora'])} "
        f"({outcome['clips']} clips, {_share(outcome['uar'])} as they are)."
    )
    yield from _head("condition", "points lost", numbers=False)
    for family, losses in outcome["losses"].items():
        yield _row(family, "; ".join(f"{name}: {_lost(loss)}" for name, loss in losses.items()))


def _columns(*titles: str) -> Sequence[str]:
    return [f"{title} {board}" for board in ("U", "E") for title in titles]


def _head(*titles: str, numbers: bool = True) -> Lines:
    yield ""
    yield _row(*titles)
    rest = "---:" if numbers else "---"
    yield _row("---", *(rest for _ in titles[1:]))


def _row(*cells: object) -> str:
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def _mean(lines: Mapping[str, Table], key: str) -> float:
    values: Iterable[float] = [float(line[key]) for line in lines.values()]
    return sum(values) / len(lines)


def _share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}"


def _points(value: float) -> str:
    return f"{100 * value:+z.1f}"


def _lost(value: float) -> str:
    return f"{100 * value:z.1f}"


def _interval(line: Table, key: str) -> str:
    found = line.get(f"{key}_interval")
    if not isinstance(found, list):
        return _share(line[key])
    return f"{_share(line[key])} ({100 * found[0]:.0f} to {100 * found[1]:.0f})"
