from __future__ import annotations

import copy
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serein.errors import DependencyMissing
from serein.evaluation.evaluate import SEEN, UNCHECKED, UNKNOWN
from serein.evaluation.report import words, write_comparison, write_report
from serein.evaluation.report.charts import hundred
from serein.evaluation.report.curves import degrees
from serein.evaluation.report.numbers import between, per_cent, points, whole
from serein.evaluation.scores import SUFFIX
from serein.training import dependencies
from tests.browser import runs

VOID = {"meta", "link", "img", "br", "hr", "input", "source"}


@dataclass
class Node:
    tag: str
    attributes: dict[str, str]
    children: list[Node | str] = field(default_factory=list)

    @property
    def text(self) -> str:
        parts = [one if isinstance(one, str) else one.text for one in self.children]
        return " ".join("".join(parts).split())

    def all(self, *tags: str, **attributes: str) -> Iterator[Node]:
        for one in self.children:
            if isinstance(one, str):
                continue
            same = all(one.attributes.get(key) == value for key, value in attributes.items())
            if same and (not tags or one.tag in tags):
                yield one
            yield from one.all(*tags, **attributes)

    def one(self, *tags: str, **attributes: str) -> Node:
        (found,) = self.all(*tags, **attributes)
        return found


class Tree(HTMLParser):
    """A page as nodes; one whose tags are not closed in order is no page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.root = Node("", {})
        self._open = [self.root]
        self.feed(text)
        self.close()
        assert self._open == [self.root], f"{self._open[-1].tag} is not closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            last = self._open[-1].children[-1]
            assert isinstance(last, Node)
            self._open.append(last)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(set(names)) == len(names), f"{tag} has an attribute twice"
        values = {name: value or "" for name, value in attrs}
        self._open[-1].children.append(Node(tag, values))

    def handle_endtag(self, tag: str) -> None:
        assert self._open[-1].tag == tag, f"{tag} closes {self._open[-1].tag}"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        self._open[-1].children.append(data)


Show = Callable[[dict[str, Any]], Node]


@pytest.fixture
def show(tmp_path: Path) -> Show:
    def draw(metrics: dict[str, Any]) -> Node:
        path = tmp_path / "report.html"
        (write_comparison if "runs" in metrics else write_report)(metrics, path)
        return Tree(path.read_text(encoding="utf-8")).root

    return draw


@pytest.fixture(scope="module")
def metrics() -> dict[str, Any]:
    return runs.full("crema-d", "emovo")


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return runs.comparison(tmp_path_factory.mktemp("compared"))


@pytest.fixture(scope="module")
def written(
    metrics: dict[str, Any], compared: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("reports")
    write_report(metrics, folder / "full.html")
    write_report(runs.leaking(), folder / "leaking.html")
    write_report(runs.minimal(), folder / "minimal.html")
    write_comparison(compared, folder / "comparison.html")
    return {path.stem: path.read_text(encoding="utf-8") for path in folder.iterdir()}


@pytest.fixture(scope="module")
def drawn(written: dict[str, str]) -> Node:
    """The report of all that there can be."""
    return Tree(written["full"]).root


PAGES = ("full", "leaking", "minimal", "comparison")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_loads_nothing_and_runs_nothing(written: dict[str, str], name: str) -> None:
    text = written[name]
    assert "http:" not in text.lower().replace("http-equiv", "")
    assert "https:" not in text.lower()
    assert "@import" not in text
    assert set(re.findall(r"url\((.)", text)) <= {"#"}
    root = Tree(text).root
    for node in root.all():
        assert node.tag not in {"script", "link", "img", "iframe", "object", "embed", "base"}
        assert not {"src", "srcset", "background"} & set(node.attributes)
        assert not [key for key in node.attributes if key.startswith("on")]
        for key in ("href", "xlink:href"):
            assert node.attributes.get(key, "#").startswith("#")


@pytest.mark.parametrize("name", PAGES)
def test_ids_are_unique_and_references_lead_somewhere(written: dict[str, str], name: str) -> None:
    text = written[name]
    nodes = list(Tree(text).root.all())
    ids = [node.attributes["id"] for node in nodes if "id" in node.attributes]
    assert len(set(ids)) == len(ids)
    wanted = {
        node.attributes["href"].removeprefix("#") for node in nodes if "href" in node.attributes
    }
    wanted |= set(re.findall(r"url\(#([^)]+)\)", text))
    assert wanted <= set(ids)
    assert wanted > {"scores"} or "runs" in wanted


@pytest.mark.parametrize("name", PAGES)
def test_a_page_can_be_read_without_seeing_it(written: dict[str, str], name: str) -> None:
    root = Tree(written[name]).root
    assert root.one("html").attributes["lang"] == "en"
    assert len(next(root.all("title")).text) > 10
    levels = [int(node.tag[1]) for node in root.all("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    charts = list(root.all("svg"))
    assert charts
    for chart in charts:
        assert chart.attributes["role"] == "img"
        assert len(chart.attributes["aria-label"]) > 10
    for figure in root.all("figure"):
        assert figure.one("figcaption").text
        figure.one("svg")
    for table in root.all("table"):
        assert table.one("caption").text
        assert all(head.attributes["scope"] for head in table.all("th"))
        assert all(head.text for head in table.all("th"))


@pytest.mark.parametrize("name", PAGES)
def test_figures_take_every_colour_from_the_style_sheet(written: dict[str, str], name: str) -> None:
    style = Tree(written[name]).root.one("style").text
    for chart in Tree(written[name]).root.all("svg"):
        for node in chart.all():
            drawn = node.attributes.get("style", "")
            assert not re.search(r"#[0-9a-f]{3,8}\b(?!\))", drawn), drawn
            assert "font-family" not in drawn
            for variable in re.findall(r"var\((--[\w-]+)\)", drawn):
                assert f"{variable}:" in style


def test_every_variable_has_a_colour_in_dark_too(written: dict[str, str]) -> None:
    style = Tree(written["full"]).root.one("style").text
    light, dark = re.findall(r":root \{(.*?)\}", style)[:2]
    names = re.compile(r"(--[\w-]+):")
    assert set(names.findall(dark)) == set(names.findall(light))


def _rows(table: Node) -> list[list[str]]:
    """The cells of the rows of a table's body, those of the headings first."""
    return [
        [cell.text for cell in row.all("th", "td")]
        for body in table.all("tbody")
        for row in body.all("tr")
    ]


def _score(line: dict[str, Any], key: str, end: str) -> str:
    text = f"{100 * line[key + end]:.1f}"
    interval = line.get(f"{key}{end}_interval") if key == "uar" else None
    if not interval:
        return text
    low, high = (int(100 * value + 0.5) for value in interval)
    return f"{text} ({low} to {high})"


def _expected(line: dict[str, Any]) -> list[list[str]]:
    return [
        [letter, *(_score(line, key, end) for key in ("uar", "wa", "macro_f1", "ece"))]
        for letter, end in (("U", ""), ("E", "_enrolled"))
    ]


def test_the_table_of_scores_holds_the_metrics(metrics: dict[str, Any], drawn: Node) -> None:
    rows = _rows(drawn.one("table", id="score-table"))
    lines = [*metrics["corpora"].items(), ("Mean over the corpora", metrics)]
    assert len(rows) == 3 * len(lines)
    for place, (name, line) in enumerate(lines):
        heading, *scores = rows[3 * place : 3 * place + 3]
        assert heading[0].startswith(name)
        assert scores == _expected(line)
        if line is not metrics:
            assert f"{line['clips']} clips" in heading[0]
            assert f"{line['speakers']} speakers" in heading[0]


def test_the_spread_over_seeds_is_told(show: Show) -> None:
    metrics = runs.outcome(runs.judgements("emovo", seeds=2), seeds=2)
    line = metrics["corpora"]["emovo"]
    table = show(metrics).one("table", id="score-table")
    assert [head.text for head in table.one("thead").all("th")][-1] == "spread"
    for row, end in zip(_rows(table)[1:], SUFFIX.values(), strict=True):
        assert row[-1] == f"{100 * line[f'uar{end}_spread']:.1f}"


def test_four_classes_and_listeners_are_shown(metrics: dict[str, Any], drawn: Node) -> None:
    captions = {table.one("caption").text: table for table in drawn.all("table")}
    (four,) = [table for text, table in captions.items() if "Four emotions" in text]
    names = [*metrics["four_classes"]["corpora"], "Mean over the corpora"]
    assert len(_rows(four)) == 3 * len(names)
    assert _rows(four)[-2:] == _expected(metrics["four_classes"])
    (heard,) = [table for text, table in captions.items() if "What people hear" in text]
    found = metrics["corpora"]["crema-d"]["listeners"]
    assert f"{100 * found['agreement']:.1f}" in heard.one("caption").text
    assert _rows(heard) == [
        ["U", per_cent(found["uar"]), per_cent(found["wa"])],
        ["E", per_cent(found["uar_enrolled"]), per_cent(found["wa_enrolled"])],
    ]


def test_a_matrix_holds_shares_of_each_row(metrics: dict[str, Any], drawn: Node) -> None:
    tables = list(drawn.one("section", id="mistakes").all("table"))
    place = 0
    for line in metrics["corpora"].values():
        for key in ("confusion", "confusion_enrolled"):
            table = tables[place + (key == "confusion_enrolled")]
            for row, counts in zip(table.one("tbody").all("tr"), line[key], strict=True):
                cells = list(row.all("td"))
                total = sum(counts)
                shares = [str(int(100 * number / total + 0.5)) for number in counts]
                assert [cell.text for cell in cells] == shares
                for cell, number in zip(cells, counts, strict=True):
                    assert cell.attributes["title"].startswith(f"{number} of {total} clips")
                    assert cell.attributes["style"] == f"--share: {cell.text}"
            hits = [cell for cell in table.all("td") if cell.attributes["class"] == "hit"]
            assert len(hits) == len(line["classes"])
        recalls = _rows(tables[place + 2])
        for name, *shown in recalls:
            assert shown == [
                per_cent(line[key + end][name])
                for key in ("recalls", "precisions")
                for end in SUFFIX.values()
            ]
        place += 3
    assert place == len(tables)


def test_differences_between_groups_are_weighed(show: Show) -> None:
    metrics = runs.outcome(runs.judgements("aesdd"))
    women, men = (metrics["groups"]["sex"]["groups"][name] for name in ("female", "male"))
    for end, low in (("", 0.01), ("_enrolled", -0.01)):
        women |= {f"uar{end}": 0.6, f"difference{end}": 0.1}
        women[f"difference{end}_interval"] = [low, 0.2]
        men |= {f"uar{end}": 0.5, f"difference{end}": -0.1}
        men[f"difference{end}_interval"] = [-0.2, -low]
    said = show(metrics).one("section", id="groups").text
    assert "U: women better than men by 10.0 points (+1.0 to +20.0), more than chance" in said
    assert "E: women better than men by 10.0 points (−1.0 to +20.0), which may be chance" in said
    for one in (women, men):
        one |= {"difference_interval": None, "difference_enrolled_interval": None}
    assert "U: too few speakers" in show(metrics).one("section", id="groups").text


def test_of_three_groups_only_those_apart_are_named() -> None:
    groups = {
        name: {"uar": 0.5, "difference": difference, "difference_interval": interval}
        for name, difference, interval in (
            ("aesdd", -0.2, [-0.3, -0.1]),
            ("emovo", 0.02, [-0.1, 0.2]),
            ("nemo", 0.18, [0.05, 0.3]),
        )
    }
    worse, better, rest = words.fairness("corpus", groups, "unknown")
    assert worse.startswith("aesdd worse than the mean of the others by 20.0 points")
    assert better.startswith("nemo better than the mean of the others by 18.0 points")
    assert rest == "for the others the difference may be chance."


def test_every_condition_is_drawn_and_told(metrics: dict[str, Any], drawn: Node) -> None:
    section = drawn.one("section", id="wild")
    conditions = metrics["robustness"]["conditions"]
    families = {one["family"] for one in conditions}
    titles = [figure.one("strong").text for figure in section.all("figure")]
    assert sorted(titles) == sorted(families)
    shown = {tuple(row[:4]) for row in _rows(section.one("table")) if len(row) > 1}
    for one in conditions:
        loss = points(one["loss"]).removeprefix("+")
        assert (one["name"], per_cent(one["uar"]), loss, per_cent(one["same_label"])) in shown
    worst = max(conditions, key=lambda one: float(one["loss"]))
    assert f"Hardest is {worst['family']}, {worst['name']}" in section.text
    tips = [title.text for title in section.all("title")]
    for one in conditions:
        assert any(f"{one['name']}: UAR {per_cent(one['uar'])}" in tip for tip in tips)


def test_what_a_profile_gains_is_drawn_and_told(metrics: dict[str, Any], drawn: Node) -> None:
    section = drawn.one("section", id="profiles")
    enrolment = metrics["enrolment"]
    names = [*enrolment["corpora"], "Mean over the corpora"]
    assert [figure.one("strong").text for figure in section.all("figure")] == names
    rows = [row for row in _rows(section.one("table")) if len(row) > 1]
    lines = [
        line
        for name in names
        for line in (point["corpora"].get(name, point) for point in enrolment["points"])
    ]
    assert [row[1] for row in rows] == [per_cent(line["uar"]) for line in lines]
    assert [row[2].split(" ")[0] for row in rows] == [points(line["gain"]) for line in lines]
    assert [row[0] for row in rows] == 3 * ["1", "2", "5", "10", "20", "all"]
    # The first corpus is harmed by one clip, and by more than chance; the second perhaps.
    assert f"explains: {names[0]} with 1 clip (−3.0)" in section.text
    assert f"{names[1]} with 1 clip (−1.0)" in section.text.partition("may be chance")[2]


def test_a_profile_that_harms_nobody_is_said_to(show: Show, metrics: dict[str, Any]) -> None:
    harmless = copy.deepcopy(metrics)
    for point in harmless["enrolment"]["points"]:
        for line in (point, *point["corpora"].values()):
            line |= {"gain": 0.02, "gain_interval": [0.01, 0.03]}
    text = show(harmless).one("section", id="profiles").text
    assert "With no number of clips does it harm" in text
    assert "may be chance" not in text


def test_a_point_stands_where_its_gain_is(metrics: dict[str, Any], drawn: Node) -> None:
    """Points of all curves lie on one scale: what is twice as high gains twice as much."""
    scales = []
    charts = [figure.one("svg") for figure in drawn.one("section", id="profiles").all("figure")]
    for chart, name in zip(charts, metrics["enrolment"]["corpora"], strict=False):
        marks = [float(node.attributes["y"]) for node in chart.all("use") if node.attributes]
        gains = [point["corpora"][name]["gain"] for point in metrics["enrolment"]["points"]]
        heights = marks[-len(gains) :]
        assert heights == sorted(heights, reverse=True)
        scales.append((heights[0] - heights[-1]) / (gains[-1] - gains[0]))
    assert scales[0] == pytest.approx(scales[1], rel=1e-3)


def test_what_is_decided_is_told(metrics: dict[str, Any], drawn: Node) -> None:
    decided = metrics["decided"]
    told = drawn.one("section", id="certainty").text
    for name, line in metrics["corpora"].items():
        for end in ("", "_enrolled"):
            own = decided["corpora"][name]
            assert f"on {whole(own['share' + end])} of 100 clips" in told
            assert f"right in {per_cent(own['accuracy' + end])} % of these" in told
            gain = points(line["gain_at_coverage" + end])
            surest = per_cent(line["accuracy_at_coverage" + end])
            assert f"{surest} % are judged right, {gain} points" in told
    assert f"decides on {whole(decided['share'])} of 100 clips" in drawn.one("header").text


def test_folds_are_listed_with_whom_they_tested(metrics: dict[str, Any], drawn: Node) -> None:
    section = drawn.one("section", id="folds")
    rows = _rows(section.one("table"))
    assert len(rows) == len(metrics["folds"])
    for row, fold in zip(rows, metrics["folds"], strict=True):
        assert row[0] == fold["name"]
        assert row[1:4] == [str(fold["clips"][part]) for part in ("train", "validation", "test")]
        assert row[4] == per_cent(fold["uar"])
        assert row[8] == per_cent(fold["uar_enrolled"])
        assert all(speaker in row[-1] for speaker in fold["test_speakers"])
    assert metrics["folds"][0]["warnings"][0] in section.text
    assert "1 file could not be read" in section.text
    assert "broken/one.wav" in section.text


def test_a_mark_stands_where_its_score_is(metrics: dict[str, Any], drawn: Node) -> None:
    """The axis runs from 8 to 344 of 360 units, from 0 to 100 %."""
    chart = next(drawn.one("section", id="scores").all("svg"))
    for name, line in metrics["corpora"].items():
        for letter, end in (("U", ""), ("E", "_enrolled")):
            (group,) = [
                node
                for node in chart.all("g")
                if any(
                    isinstance(child, Node)
                    and child.tag == "title"
                    and child.text.startswith(f"{name}, {letter}: ")
                    for child in node.children
                )
            ]
            x = float(group.one("use").attributes["x"])
            assert x == pytest.approx(8 + 336 * line["uar" + end], abs=0.01)


@pytest.mark.parametrize(("unknown", "enrolled"), [(0.475, 0.6), (0.6, 0.475), (1.0, 1.0), (0, 0)])
def test_a_hundred_clips_are_a_hundred_marks(unknown: float, enrolled: float) -> None:
    chart = hundred(
        {"unknown": unknown, "enrolled": enrolled}, 0.125, name="hundred", label="A hundred"
    )
    marks = [node.attributes["style"] for node in Tree(chart).root.all("use")]
    assert len(marks) == 100
    right = int(100 * unknown + 0.5)
    more = max(0, int(100 * enrolled + 0.5) - right)
    assert sum("var(--unknown)" in style for style in marks) == right
    assert sum("var(--enrolled)" in style for style in marks) == more


def test_the_result_is_said_in_a_sentence(show: Show) -> None:
    metrics = runs.outcome(runs.judgements("ravdess"))
    metrics |= {"uar": 0.6249, "uar_enrolled": 0.7051, "uar_interval": [0.55, 0.7]}
    first, second = words.summary(metrics)
    assert first == (
        "Of voices it has never heard, it recognises the emotion in 62 of 100 clips, averaged over "
        "8 emotions; guessing would get 13."
    )
    assert "55 to 70" in second
    assert "71 of 100" in second
    assert first in show(metrics).one("header").text
    metrics["protocol"] = "random (speakers leak)"
    metrics["speakers_kept_apart"] = False
    first, second = words.summary(metrics)
    assert "never heard" not in first
    assert "other speakers" not in second


@pytest.mark.parametrize(
    ("head", "kind", "said"),
    [
        ({}, None, ""),
        ({"quick": True}, "stop", "No score: a quick run"),
        (
            {"protocol": "random (speakers leak)", "speakers_kept_apart": False},
            "stop",
            "random (speakers leak)",
        ),
        (
            {"protocol": "random (speakers unknown)", "speakers_kept_apart": False},
            "stop",
            "random (speakers unknown)",
        ),
        ({"protocol": SEEN, "speakers_kept_apart": False}, "stop", SEEN),
        ({"protocol": UNKNOWN, "speakers_kept_apart": False}, "stop", UNKNOWN),
        ({"protocol": UNCHECKED, "speakers_kept_apart": False}, "note", UNCHECKED),
    ],
)
def test_what_is_no_honest_score_says_so(
    head: dict[str, Any], kind: str | None, said: str, show: Show
) -> None:
    root = show(runs.minimal() | head)
    banners = [node for node in root.all("div") if "banner" in node.attributes.get("class", "")]
    if kind is None:
        assert not banners
        return
    (banner,) = banners
    assert banner.attributes["class"] == f"banner {kind}"
    assert said in banner.one("h2").text


def test_a_leak_is_told_with_its_gap(show: Show) -> None:
    metrics = runs.leaking()
    text = show(metrics).one("div", role="note").text
    assert f"25.0 instead of {per_cent(metrics['uar'])}" in text
    assert f"a gap of {100 * (metrics['uar'] - 0.25):.1f} points" in text
    assert f"37.5 instead of {per_cent(metrics['uar_enrolled'])}" in text


def test_little_makes_a_page_too(show: Show) -> None:
    metrics = runs.minimal()
    assert metrics["corpora"]["ravdess"]["uar_interval"] is None
    root = show(metrics)
    rows = _rows(root.one("table", id="score-table"))
    assert rows[1:] == _expected(metrics["corpora"]["ravdess"])
    assert " to " not in rows[1][1]
    sections = [node.attributes["id"] for node in root.all("section")]
    assert sections == ["scores", "mistakes", "certainty", "folds", "reading"]
    links = [node.attributes["href"][1:] for node in root.one("nav").all("a")]
    assert links == sections
    (fold,) = _rows(root.one("section", id="folds").one("table"))
    assert fold == ["all", str(metrics["clips"]), "s-0, s-1"]


def test_a_class_without_clips_has_dashes(show: Show) -> None:
    judged = [one for one in runs.judgements("aesdd") if one.utterance.emotion != "happy"]
    tables = list(show(runs.outcome(judged)).one("section", id="mistakes").all("table"))
    place = runs.CORPORA["aesdd"][0].index("happy")
    assert _rows(tables[0])[place] == ["happy", *"––––"]
    assert _rows(tables[2])[place] == ["happy", *"––––"]


def test_clips_left_out_are_counted(show: Show) -> None:
    assert "were left out" not in show(runs.minimal()).text
    assert "1,234 clips were left out" in show(runs.minimal() | {"left_out": 1234}).text


NASTY = "<script>alert('x')</script> \"><b onclick=x> {{ 7*7 }} $x_1$ &amp; 漢字"


def _with_nasty_names(metrics: dict[str, Any]) -> dict[str, Any]:
    """The same numbers, with names that somebody thought up to break a page."""
    text = json.dumps(metrics, ensure_ascii=False)
    for name in ("crema-d-1", "crema-d", "white noise", "office-2", "Nothing was trained"):
        text = text.replace(f'"{name}"', json.dumps(NASTY + name, ensure_ascii=False))
    changed: dict[str, Any] = json.loads(text)
    changed |= {"recipe": NASTY, "protocol": NASTY, "unreadable": [f"{NASTY}\x07\ud800.wav"]}
    changed["folds"][0] |= {"name": NASTY, "warnings": [NASTY]}
    return changed


def test_names_are_only_names(metrics: dict[str, Any], show: Show) -> None:
    root = show(_with_nasty_names(metrics))
    assert not list(root.all("script"))
    assert not [node for node in root.all() if "onclick" in node.attributes]
    assert root.one("h1").text == NASTY
    for section in ("scores", "mistakes", "certainty", "groups", "wild", "folds"):
        assert f"{NASTY}" in root.one("section", id=section).text
    assert "49" not in root.one("h1").text
    # In figures too, if shortened.
    assert any("<script>" in node.text for node in root.all("text"))


def test_names_of_runs_are_only_names(compared: dict[str, Any], show: Show) -> None:
    text = json.dumps(compared).replace('"weak"', json.dumps(NASTY))
    root = show(json.loads(text))
    assert not list(root.all("script"))
    assert NASTY in root.one("section", id="runs").text


def test_no_path_of_the_machine_is_told(show: Show) -> None:
    paths = ["/home/somebody/corpora/b/one.wav", "C:\\Users\\somebody\\b\\two.wav"]
    text = show(runs.minimal() | {"unreadable": paths}).text
    assert "somebody" not in text
    assert "b/one.wav" in text
    assert "b/two.wav" in text


def test_the_same_run_gives_the_same_bytes(
    metrics: dict[str, Any], written: dict[str, str], tmp_path: Path
) -> None:
    """In another process, with other settings of matplotlib, without a window or a warning."""
    (tmp_path / "matplotlibrc").write_text("lines.linewidth: 9\nsvg.fonttype: path\n")
    (tmp_path / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    program = """
import json, sys
from pathlib import Path
from serein.evaluation.report import write_report
assert not {"matplotlib", "jinja2"} & set(sys.modules), "imported before they are needed"
folder = Path(sys.argv[1])
write_report(json.loads((folder / "metrics.json").read_text("utf-8")), folder / "report.html")
assert "matplotlib.pyplot" not in sys.modules
import matplotlib
assert matplotlib.rcParams["lines.linewidth"] == 9
"""
    process = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", program, str(tmp_path)],
        capture_output=True,
        text=True,
        env=os.environ | {"MATPLOTLIBRC": str(tmp_path), "PYTHONHASHSEED": "7"},
        check=False,
    )
    assert (process.returncode, process.stderr) == (0, "")
    report = (tmp_path / "report.html").read_bytes()
    assert report == written["full"].encode()
    assert b"\r" not in report


def test_nothing_is_left_behind_in_matplotlib(show: Show) -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)
    show(runs.minimal())
    assert dict(matplotlib.rcParams) == before


def test_five_corpora_stay_small(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_report(runs.full(*runs.CORPORA, speakers=9, folds=9), path)
    assert path.stat().st_size < 1_000_000


@pytest.mark.parametrize("name", ["jinja2", "matplotlib"])
def test_a_missing_library_is_named(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(
        dependencies, "find_spec", lambda wanted: None if wanted == name else object()
    )
    with pytest.raises(DependencyMissing, match=rf'{name}.*pip install "serein\[train\]"'):
        write_report({}, tmp_path / "report.html")
    assert not list(tmp_path.iterdir())


def test_the_table_of_runs_holds_the_comparison(compared: dict[str, Any], show: Show) -> None:
    root = show(compared)
    rows = _rows(root.one("table", id="score-table"))
    for place, run in enumerate(compared["runs"]):
        heading, *scores = rows[3 * place : 3 * place + 3]
        assert heading[0].startswith(run["name"])
        assert run["protocol"] in heading[0]
        assert scores == _expected(run)
    tables = list(root.one("section", id="corpora").all("table"))
    for table, line in zip(tables, compared["corpora"].values(), strict=True):
        for name, *shown in _rows(table):
            assert shown == [per_cent(run["recalls"][name]) for run in line["runs"]]


def test_a_difference_is_told_from_chance(compared: dict[str, Any], show: Show) -> None:
    section = show(compared).one("section", id="differences")
    rows = _rows(section.one("table"))
    verdicts = set()
    for place, pair in enumerate(compared["pairs"]):
        heading, *lines = rows[3 * place : 3 * place + 3]
        assert heading == [f"{pair['first']} less {pair['second']}"]
        for line, end in zip(lines, SUFFIX.values(), strict=True):
            low, high = pair[f"interval{end}"]
            assert line[1].startswith(points(pair[f"difference{end}"]))
            assert line[2] == f"{pair[f'p{end}']:.3f}"
            expected = "cannot be told apart"
            if low > 0 or high < 0:
                expected = f"the {'first' if low > 0 else 'second'} is better"
            assert line[3] == expected
            verdicts.add(expected)
    assert len(verdicts) > 1
    names = [run["name"] for run in compared["runs"]]
    assert f"{names[0]} is better than {names[1]}" in section.text


def test_too_few_speakers_tell_no_difference(compared: dict[str, Any], show: Show) -> None:
    changed = copy.deepcopy(compared)
    for pair in changed["pairs"]:
        pair |= {"interval": None, "p": None, "interval_enrolled": None, "p_enrolled": None}
    for run in (*changed["runs"], *(run for c in changed["corpora"].values() for run in c["runs"])):
        run |= {"uar_interval": None, "uar_enrolled_interval": None}
    section = show(changed).one("section", id="differences")
    for row in _rows(section.one("table")):
        assert len(row) == 1 or row[2:] == ["–", "too few speakers to tell"]


def test_runs_that_cannot_be_compared_say_so(compared: dict[str, Any], show: Show) -> None:
    def titles(comparison: dict[str, Any]) -> list[tuple[str, str]]:
        return [
            (node.attributes["class"].removeprefix("banner "), node.one("h2").text)
            for node in show(comparison).all("div", role="note")
        ]

    leak, ways = titles(compared)
    assert leak == ("stop", "Speakers were not kept apart in every run")
    assert ways == ("stop", "The runs were tested in different ways")
    honest = copy.deepcopy(compared)
    for run in honest["runs"]:
        run |= {"protocol": "speakers:2", "speakers_kept_apart": True}
    assert titles(honest) == []
    honest["runs"][0]["protocol"] = "loso"
    assert titles(honest) == [("note", ways[1])]
    honest["runs"][0]["quick"] = True
    assert titles(honest)[0] == ("stop", "No score: quick runs")


@given(st.floats(0, 1))
def test_numbers_are_rounded_to_the_nearest(value: float) -> None:
    assert abs(float(per_cent(value)) - 100 * value) <= 0.05 + 1e-9
    assert abs(float(whole(value)) - 100 * value) <= 0.5 + 1e-9
    signed = points(value - 0.5)
    assert abs(float(signed.replace("−", "-")) - 100 * (value - 0.5)) <= 0.05 + 1e-9
    assert (signed[0] in "+−") == (float(signed.replace("−", "-")) != 0)


def test_what_is_not_known_is_a_dash() -> None:
    assert {per_cent(None), whole(None), points(None), between(None)} == {"–"}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["20 dB", "-5 dB"], (["20", "−5"], "dB")),
        (["-2.0 semitones", "+1.0 semitones"], (["−2", "+1"], "semitones")),
        (["0.05 s", "0.5 s"], (["0.05", "0.5"], "s")),
        (["1%", "20%"], (["1%", "20%"], "")),
        (["× 0.9", "× 1.1"], (["× 0.9", "× 1.1"], "")),
        (["20 dB", "3 s"], (["20 dB", "3 s"], "")),
    ],
)
def test_degrees_share_their_unit(names: list[str], expected: tuple[list[str], str]) -> None:
    assert degrees([{"name": name} for name in names]) == expected
