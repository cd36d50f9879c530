from __future__ import annotations

import io
import logging
import re
import threading
import time
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serein.drawing import LONGEST_NAME, fontless, readable, rounded, settings, shortened

STRANGE = "日本語 😀 \x07 $x^2$ العربية"


@given(st.text())
def test_readable_text_can_be_written_in_xml(text: str) -> None:
    found = readable(text)
    assert len(found) == len(text)
    assert ET.fromstring(f"<a>{found.replace('&', '').replace('<', '')}</a>") is not None
    found.encode("utf-8")


def test_readable_keeps_what_can_be_read() -> None:
    assert readable("Zoë, 日本語 & $5") == "Zoë, 日本語 & $5"
    assert readable("a\nb\ud800") == "a\ufffdb\ufffd"


@given(st.text())
def test_a_shortened_name_keeps_its_ends(name: str) -> None:
    found = shortened(name, 9)
    assert len(found) <= 9
    assert (found == readable(name)) == (len(name) <= 9)
    assert (found[:4], found[-4:]) == (readable(name)[:4], readable(name)[-4:])


def test_a_name_may_be_as_long_as_is_said() -> None:
    assert shortened("a" * LONGEST_NAME) == "a" * LONGEST_NAME
    assert len(shortened("a" * (LONGEST_NAME + 1))) <= LONGEST_NAME


@pytest.mark.parametrize(
    ("style", "found"),
    [
        ("font-family: 'DejaVu Sans'; font-size: 12px", "font-size: 12px"),
        (
            "font: 700 12.5px 'DejaVu Sans'; fill: #fff",
            "font-weight: 700; font-size: 12.5px; fill: #fff",
        ),
        ("font: 12px 'DejaVu Sans'", "font-weight: 400; font-size: 12px"),
        ("fill: #fff", "fill: #fff"),
    ],
)
def test_a_style_without_its_font(style: str, found: str) -> None:
    assert fontless(style) == found


def test_numbers_are_rounded_to_a_hundredth_of_a_pixel() -> None:
    assert rounded("M 1.23456 -0.001 \nL 1200.129 7 z ") == "M 1.23 0 L 1200.13 7 z"


def fail_with(width: float) -> None:
    import matplotlib

    with settings({"lines.linewidth": width}):
        raise RuntimeError(matplotlib.rcParams["lines.linewidth"])


def test_nothing_of_the_settings_stays() -> None:
    import matplotlib

    before, level = dict(matplotlib.rcParams), logging.getLogger("matplotlib").level
    with pytest.raises(RuntimeError, match="9"):
        fail_with(9.0)
    assert dict(matplotlib.rcParams) == before
    assert logging.getLogger("matplotlib").level == level


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_strange_letters_are_no_warning(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    from matplotlib.figure import Figure

    sink = io.BytesIO()
    with settings({"font.family": ["DejaVu Sans", "No such font"]}):
        figure = Figure()
        figure.text(0.5, 0.5, readable(STRANGE))
        figure.savefig(sink, format=kind)
    assert not caplog.records
    if kind == "svg":
        assert readable(STRANGE) in re.sub("<[^>]*>", "", sink.getvalue().decode())


def test_one_thread_draws_at_a_time() -> None:
    import matplotlib

    seen: list[tuple[float, float]] = []

    def draw(width: float) -> None:
        for _ in range(20):
            with settings({"lines.linewidth": width}):
                time.sleep(0.001)  # the others' turn, if they do not wait
                seen.append((width, matplotlib.rcParams["lines.linewidth"]))

    before = dict(matplotlib.rcParams)
    threads = [threading.Thread(target=draw, args=(float(width),)) for width in (3, 4, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 60
    assert all(wanted == found for wanted, found in seen)
    assert dict(matplotlib.rcParams) == before
