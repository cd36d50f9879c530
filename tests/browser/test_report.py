"""Reports in a real browser: what no reading of the page's text can tell."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from serein.evaluation.report import write_report
from tests.browser import runs

# A person with playwright but no browser, or the other way round, still runs the other tests.
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is missing")

pytestmark = pytest.mark.needs("chromium")

PAGES = ("full", "leaking", "minimal", "comparison")
WIDTHS = (390, 1440)
SCHEMES = ("light", "dark")
SMALLEST_TEXT = 9.0  # pixels
CONTRAST = 4.5  # AA of the Web Content Accessibility Guidelines, for text of any size

# The text that is seen, each with its contrast against what lies behind it.
_CONTRASTS = """() => {
  const parse = text => {
    const srgb = text.startsWith("color(");
    const found = text.match(/[\\d.]+(?:e-?\\d+)?/g).map(Number);
    const channels = found.slice(0, 3).map(one => srgb ? 255 * one : one);
    return [...channels, found.length > 3 ? found[3] : 1];
  };
  const over = (top, below) => top.slice(0, 3)
    .map((one, place) => one * top[3] + below[place] * (1 - top[3])).concat(1);
  const luminance = colour => {
    const [r, g, b] = colour.slice(0, 3).map(one => {
      const share = one / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = element => {
    const layers = [];
    for (let one = element; one; one = one.parentElement) {
      const colour = parse(getComputedStyle(one).backgroundColor);
      layers.push(colour);
      if (colour[3] === 1) break;
    }
    return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255, 1]);
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility()) continue;
    if (element.closest("title")) continue;
    const style = getComputedStyle(element);
    const ground = behind(element);
    const ink = over(parse(element.closest("svg") ? style.fill : style.color), ground);
    const [dark, light] = [luminance(ink), luminance(ground)].sort((a, b) => a - b);
    found.push([(light + 0.05) / (dark + 0.05), walker.currentNode.data.trim().slice(0, 40)]);
  }
  return found;
}"""

# Of every figure: its box, and the box and size of each text in it.
_FIGURES = """() => [...document.querySelectorAll("svg")].map(chart => {
  const box = one => {
    const { left, top, right, bottom } = one.getBoundingClientRect();
    return [left, top, right, bottom];
  };
  const scale = chart.getBoundingClientRect().width / chart.viewBox.baseVal.width;
  return {
    name: chart.getAttribute("aria-label").slice(0, 60),
    box: box(chart),
    shown: chart.checkVisibility(),
    texts: [...chart.querySelectorAll("text")].filter(one => one.textContent.trim()).map(one => ({
      text: one.textContent,
      box: box(one),
      size: scale * parseFloat(getComputedStyle(one).fontSize),
    })),
  };
})"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=shutil.which("chromium"), headless=True, args=["--no-sandbox"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    write_report(runs.full("crema-d", "ravdess", clips=2, seeds=2), folder / "full.html")
    write_report(runs.leaking(), folder / "leaking.html")
    write_report(runs.minimal(), folder / "minimal.html")
    runs.comparison(folder)
    (folder / "comparison" / "comparison.html").rename(folder / "comparison.html")
    return folder


@pytest.fixture(scope="module", params=[f"{name}-{width}" for name in PAGES for width in WIDTHS])
def window(request: pytest.FixtureRequest, browser: Any, folder: Path) -> Iterator[Any]:
    """A page as it is shown on a phone or a large screen."""
    name, _, width = str(request.param).partition("-")
    page = browser.new_page(viewport={"width": int(width), "height": 900})
    page.heard = []
    page.on("console", lambda message: page.heard.append(message.text))
    page.on("pageerror", lambda error: page.heard.append(str(error)))
    page.on("request", lambda wanted: page.heard.append(wanted.url))
    page.goto((folder / f"{name}.html").as_uri())
    yield page
    page.close()


@pytest.fixture
def opened(window: Any) -> Any:
    """That page, in light and with all that is folded open."""
    window.emulate_media(media="screen", color_scheme="light")
    _fold(window, opened=True)
    return window


def _fold(page: Any, *, opened: bool) -> None:
    page.evaluate(
        "open => document.querySelectorAll('details').forEach(one => { one.open = open })", opened
    )


def test_a_page_asks_for_nothing_and_complains_of_nothing(opened: Any) -> None:
    assert opened.heard == [opened.url]


def test_a_page_is_never_wider_than_the_screen(opened: Any) -> None:
    wide, screen = opened.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide <= screen


def test_figures_are_seen_and_their_text_is_readable(opened: Any) -> None:
    screen = opened.viewport_size["width"]
    figures = opened.evaluate(_FIGURES)
    assert figures
    for figure in figures:
        left, top, right, bottom = figure["box"]
        assert figure["shown"], figure["name"]
        assert right - left > 90, figure["name"]
        assert bottom - top > 40, figure["name"]
        assert 0 <= left, figure["name"]
        assert right <= screen, figure["name"]
        for text in figure["texts"]:
            assert text["size"] >= SMALLEST_TEXT, (figure["name"], text)
            x, y, beyond, below = text["box"]
            # Half a letter may stand out of a figure, into the margin of its card.
            assert left - 6 <= x < beyond <= right + 6, (figure["name"], text)
            assert top - 6 <= y < below <= bottom + 6, (figure["name"], text)


def test_texts_of_a_figure_do_not_overlap(opened: Any) -> None:
    for figure in opened.evaluate(_FIGURES):
        for place, one in enumerate(figure["texts"]):
            for other in figure["texts"][:place]:
                width, height = (
                    min(one["box"][end], other["box"][end]) - max(one["box"][i], other["box"][i])
                    for i, end in ((0, 2), (1, 3))
                )
                # Boxes are taller than letters: they may touch above and below.
                assert width <= 1 or height <= 4, (figure["name"], one["text"], other["text"])


@pytest.mark.parametrize("scheme", SCHEMES)
def test_text_stands_out_from_what_is_behind_it(opened: Any, scheme: str) -> None:
    opened.emulate_media(color_scheme=scheme)
    contrasts = opened.evaluate(_CONTRASTS)
    assert len(contrasts) > 100
    faint = [(round(contrast, 2), text) for contrast, text in contrasts if contrast < CONTRAST]
    assert not faint


def test_light_and_dark_are_two(opened: Any) -> None:
    grounds = []
    for scheme in SCHEMES:
        opened.emulate_media(color_scheme=scheme)
        colour = opened.evaluate("getComputedStyle(document.body).backgroundColor")
        grounds.append(sum(map(int, colour[4:-1].split(","))))
    assert grounds[0] > 600
    assert grounds[1] < 150


def test_paper_is_white_and_shows_what_was_folded(opened: Any) -> None:
    _fold(opened, opened=False)
    opened.emulate_media(media="print", color_scheme="dark")
    colour = opened.evaluate("getComputedStyle(document.body).backgroundColor")
    assert colour == "rgb(255, 255, 255)"
    hidden = """[...document.querySelectorAll("details table, details dl, details ul")]
        .filter(one => one.getBoundingClientRect().height < 10).length"""
    assert opened.evaluate(hidden) == 0


def test_wide_tables_scroll_by_keyboard(browser: Any, folder: Path) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 900})
    page.goto((folder / "full.html").as_uri())
    table = page.locator("#folds .scroll").first
    assert table.evaluate("one => one.scrollWidth > one.clientWidth")
    table.focus()
    page.keyboard.press("ArrowRight")
    for _ in range(100):  # it scrolls smoothly
        if table.evaluate("one => one.scrollLeft") > 0:
            break
        page.wait_for_timeout(50)
    assert table.evaluate("one => one.scrollLeft") > 0
    page.close()
