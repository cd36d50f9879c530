"""``serein predict --explain``: the same in words, in characters and in JSON."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

import serein
from serein.cli.attention import strip, time_axis
from serein.explanation import Attention
from serein.features.prosody import MEASURES
from serein.recognition.attention import PROMINENT
from serein.recognition.explain import CLEAR_SEX, WORDS
from serein.recognition.hearing import PIECE, POOLED_FROM
from serein.training.prosody import CLIPS_A_SEX
from tests.cli.conftest import COMMAND, Run, environment


def test_json_has_the_explanation_where_it_is_asked_for(
    run: Run, bundle: Path, clips: list[Path]
) -> None:
    plain = json.loads(run("predict", "--json", "--model", bundle, clips[0]).out)
    ended = run("predict", "--json", "--explain", "--labels", "three", "--model", bundle, clips[0])
    value = json.loads(ended.out)
    assert list(value) == [*plain, "explanation", "view"]
    expected = serein.load(bundle).predict(str(clips[0]), explain=True).as_dict()
    assert {key: value[key] for key in expected} == expected


def test_one_clip_is_explained_under_its_bars(run: Run, bundle: Path, clips: list[Path]) -> None:
    plain = run("predict", "--model", bundle, clips[0]).out.splitlines()
    lines = run("predict", "--explain", "--model", bundle, clips[0]).out.splitlines()
    assert lines[: len(plain)] == plain
    blank, shown, axis, *sentences = lines[len(plain) :]
    found = serein.load(bundle).predict(clips[0], explain=True).explanation
    assert found is not None
    assert found.attention is not None
    assert blank == ""
    assert shown.startswith("  attention  ")
    assert shown[13:] == strip(found.attention, 2.0, 32, blocks=True).rstrip()
    assert axis.split() == ["0", "s", "1.0", "s", "2.0", "s"]
    assert len(axis) == 13 + 32
    assert tuple(line.strip() for line in sentences[:-1]) == found.sentences
    assert "does not say why" in sentences[-1]


def test_many_clips_have_a_line_of_words_each(run: Run, bundle: Path, clips: list[Path]) -> None:
    plain = run("predict", "--model", bundle, *clips).out.splitlines()
    lines = run("predict", "--explain", "--model", bundle, *clips).out.splitlines()
    assert lines[::2] == plain
    recognizer = serein.load(bundle)
    for line, clip in zip(lines[1::2], clips, strict=True):
        found = recognizer.predict(clip, explain=True).explanation
        assert found is not None
        assert line.strip() == " ".join(found.sentences)


def test_enrolled_speaker_is_compared_with_the_profile(
    run: Run, bundle: Path, clips: list[Path], tmp_path: Path
) -> None:
    profile = tmp_path / "anna.json"
    assert run("enroll", "--model", bundle, clips[0], "-o", profile).status == 0
    ended = run("predict", "--explain", "--speaker", profile, "--model", bundle, clips[0])
    assert "About as usual for this speaker: median pitch" in ended.out


def test_terminal_of_few_characters(bundle: Path, clips: list[Path]) -> None:
    ended = subprocess.run(
        [*COMMAND, "predict", "--explain", "--model", str(bundle), str(clips[0])],
        capture_output=True,
        env=environment() | {"PYTHONIOENCODING": "ascii"},
        check=True,
    )
    (shown,) = (line for line in ended.stdout.decode("ascii").splitlines() if "attention" in line)
    assert set(shown[13:]) <= set(" .:-=+*%#")
    assert "#" in shown


# --- the strip --------------------------------------------------------------------------------


def test_strip_is_full_where_the_weight_is_and_blank_where_there_is_none() -> None:
    weights = np.array([0.0, 0.0, 0.1, 0.2, 0.4, 0.3])
    attention = Attention(0.5, tuple(weights.tolist()))
    assert strip(attention, 3.0, 6, blocks=True) == "  ▂▄█▆"
    assert strip(attention, 3.0, 6, blocks=False) == "  :=#*"
    assert strip(attention, 3.0, 3, blocks=False) == " =#"


@pytest.mark.parametrize("width", [1, 7, 32, 300])
def test_strip_is_as_wide_as_it_is_asked_to_be(width: int) -> None:
    attention = Attention(0.05, tuple([1 / 41] * 41))
    # The last weight may reach beyond the end.
    assert strip(attention, 2.02, width, blocks=False) == "#" * width


@pytest.mark.parametrize("duration", [0.3, 3.0, 65.4, 7200.0])
def test_axis_has_the_width_of_the_strip(duration: float) -> None:
    axis = time_axis(duration, 32)
    assert len(axis) == 32
    assert axis.startswith("0 s")
    assert axis.endswith(f"{duration:.1f} s")
    middle = f"{duration / 2:.1f} s"
    assert axis.index(middle) + len(middle) / 2 == pytest.approx(16, abs=0.5)


# --- the page ---------------------------------------------------------------------------------

PAGE = Path(__file__).parents[2] / "docs" / "explanations.md"


def test_page_names_every_measure_and_from_where_a_difference_is_told() -> None:
    text = PAGE.read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| .* \| ([\d]+) [^|]*\|$", text, re.MULTILINE))
    assert list(rows) == list(MEASURES)
    assert {name: float(value) for name, value in rows.items()} == {
        name: words.audible for name, words in WORDS.items()
    }


def test_page_gives_the_numbers_of_the_code() -> None:
    text = " ".join(PAGE.read_text(encoding="utf-8").split())
    for said in (
        f"over {POOLED_FROM:g} s is judged in pieces of {PIECE:g} s",
        f"over {PROMINENT:g} times",
        f"at least {100 * CLEAR_SEX:g} %",
        f"up to {CLIPS_A_SEX} clips of each sex",
    ):
        assert said in text, said
