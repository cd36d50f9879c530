"""The colours of judgements in a terminal that has them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from serein.cli.judgements import colour_of
from serein.colours import COLOURS
from tests.builders import build_bundle
from tests.cli.conftest import Run

OWN = ("bliss", "grief", "rage")
_BAR = re.compile(r"^  (\w+) +\x1b\[38;2;([\d;]+)m", re.MULTILINE)


def test_an_emotion_has_its_own_colour_beside_any_others() -> None:
    for name, colour in COLOURS.items():
        assert colour_of(name) == colour_of(name, OWN) == colour_of(name, COLOURS) == colour


def test_labels_of_ones_own_are_told_apart_by_colour(
    run: Run, tmp_path: Path, clips: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len({colour_of(name, OWN) for name in OWN}) == len(OWN)
    model = build_bundle(tmp_path / "own", labels=OWN)
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.setenv("FORCE_COLOR", "1")
    drawn = dict(_BAR.findall(run("predict", "--model", model, clips[0]).out))
    assert set(drawn) == set(OWN)
    assert len(set(drawn.values())) == len(OWN)
