from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from serein.colours import COLOURS
from serein.errors import ArgumentInvalid, DependencyMissing
from serein.recognition.timeline import plot
from serein.recognition.timeline.plot import check_picture, draw_timeline
from serein.recognition.timeline.plot.picture import DARK, LIGHT, MOST_SPEAKERS
from serein.recognition.timeline.results import Timeline, Window
from tests.recognition.timeline.timelines import LABELS, segment, silence, timeline_of

SVG = "{http://www.w3.org/2000/svg}"
STRANGE = 'a/$x_1^2$ <b>&"日本語 😀\x07\ud800.wav'

Draw = Callable[..., ET.Element]


def talk(*segments: Window, duration: float = 60.0) -> Timeline:
    """A recording of these segments, with a window each second and a waveform."""
    windows = [
        next(
            (
                segment(start, start + 3.0, one.label or "")
                for one in segments
                if one.start <= start + 1.5 < one.end
            ),
            silence(start, start + 3.0),
        )
        for start in np.arange(0.0, max(duration - 2, 0.5), 1.0).tolist()
    ]
    wave = np.random.default_rng(0).uniform(0.1, 0.5, 4096).astype(np.float32)
    timeline = timeline_of(segments, windows=windows, duration=duration, file="a/talk.mp3")
    return replace(timeline, waveform=np.stack([-wave, wave], axis=1))


@pytest.fixture
def two() -> Timeline:
    return talk(segment(2, 20, "angry"), segment(20, 30, "happy"), segment(40, 41, "sad"))


@pytest.fixture
def draw(tmp_path: Path) -> Draw:
    def drawn(timeline: Timeline, **options: object) -> ET.Element:
        path = tmp_path / "picture.svg"
        draw_timeline(timeline, path, **options)  # type: ignore[arg-type]
        return ET.parse(path).getroot()

    return drawn


def texts(picture: ET.Element) -> list[str]:
    return [text.text or "" for text in picture.iter(f"{SVG}text")]


def groups(picture: ET.Element, start: str) -> dict[str, ET.Element]:
    found = {group.get("id", ""): group for group in picture.iter(f"{SVG}g")}
    return {name: group for name, group in found.items() if name.startswith(start)}


def fill(group: ET.Element) -> str:
    paths = list(group.iter(f"{SVG}path"))
    assert len(paths) == 1
    found = re.search("fill: (#[0-9a-f]{6})", paths[0].get("style", ""))
    assert found is not None
    return found[1]


def across(group: ET.Element) -> tuple[float, float]:
    """The leftmost and the rightmost point of what is drawn."""
    numbers = [
        float(x)
        for path in group.iter(f"{SVG}path")
        for x in re.findall(r"[ML] (-?[\d.]+) ", path.get("d", ""))
    ]
    return min(numbers), max(numbers)


def png_size(path: Path) -> tuple[int, int]:
    content = path.read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", content[16:24])
    return width, height


def test_each_segment_is_a_part_of_the_waveform_in_its_colour(two: Timeline, draw: Draw) -> None:
    parts = groups(draw(two), "segment-")
    assert list(parts) == ["segment-1", "segment-2", "segment-3"]
    assert [fill(part) for part in parts.values()] == [
        COLOURS[name] for name in ("angry", "happy", "sad")
    ]


def test_parts_lie_where_their_time_is(two: Timeline, draw: Draw) -> None:
    picture = draw(two)
    begin, end = across(groups(picture, "silence")["silence"])
    scale = (end - begin) / 60.0
    for number, one in enumerate(two.segments, start=1):
        (part,) = groups(picture, f"segment-{number}").values()
        expected = (begin + one.start * scale, begin + one.end * scale)
        assert across(part) == pytest.approx(expected, abs=0.02)


def test_a_segment_tells_what_it_is(two: Timeline, draw: Draw) -> None:
    parts = groups(draw(two), "segment-")
    assert parts["segment-2"].findtext(f"{SVG}title") == "0:20.0 to 0:30.0: happy 70%"
    doubtful = talk(segment(2, 20, "sad", decided=False, speaker="Anna_1"))
    (part,) = groups(draw(doubtful), "segment-").values()
    assert part.findtext(f"{SVG}title") == "0:02.0 to 0:20.0: sad 70%, not sure, Anna_1"


def test_what_is_not_sure_is_pale_and_has_a_question_mark(draw: Draw) -> None:
    picture = draw(talk(segment(2, 20, "angry", decided=False), segment(20, 50, "angry")))
    pale, full = (fill(part) for part in groups(picture, "segment-").values())
    assert (pale != full, full) == (True, COLOURS["angry"])
    assert {"angry?", "pale, with ?: not sure"} <= set(texts(picture))
    assert not any("not sure" in text for text in texts(draw(talk(segment(2, 20)))))


def test_names_stand_in_long_segments_and_all_in_the_legend(two: Timeline, draw: Draw) -> None:
    written = texts(draw(two))
    assert [written.count(name) for name in ("angry", "happy", "sad", "surprised")] == [2, 2, 1, 1]
    assert {"62%", "34%", "3%", "–"} <= set(written)


def test_no_name_is_written_over_another(draw: Draw) -> None:
    written = texts(draw(talk(segment(2, 30, "angry"), segment(2, 30, "happy"))))
    assert (written.count("angry"), written.count("happy")) == (2, 1)


def test_the_shortest_segment_can_be_seen(draw: Draw) -> None:
    picture = draw(talk(segment(500, 500.05, speaker="Anna"), duration=3000.0))
    found = {
        **groups(picture, "segment-"),
        **groups(picture, "speaker-"),
        **groups(picture, "ground-"),
    }
    assert len(found) == 3
    for group in found.values():
        left, right = across(group)
        assert right - left == pytest.approx(1.0, abs=0.02)


def test_title_and_axis(two: Timeline, draw: Draw) -> None:
    written = texts(draw(two))
    assert written[0] == "talk.mp3"
    assert written[1].startswith("1:00 min · 29.0 s of speech")
    assert {"0:00", "0:30", "1:00", "0%", "50%", "100%"} <= set(written)
    assert "1:00:00" in texts(draw(talk(segment(2, 4000), duration=4000.0)))
    assert texts(draw(replace(two, file="-")))[0] == "Emotion over time"


def test_every_class_has_a_band_with_gaps_where_nobody_speaks(two: Timeline, draw: Draw) -> None:
    bands = groups(draw(two), "band-")
    assert list(bands) == [f"band-{name}" for name in LABELS]
    assert [fill(band) for band in bands.values()] == [COLOURS[name] for name in LABELS]
    for band in bands.values():
        (path,) = band.iter(f"{SVG}path")
        assert path.get("d", "").count("M") == 2  # 2 to 30 s, and 40 to 41 s


def test_it_is_drawn_in_a_view(two: Timeline, draw: Draw) -> None:
    picture = draw(two, view="three")
    assert list(groups(picture, "band-")) == ["band-negative", "band-neutral", "band-positive"]
    assert {"negative", "neutral", "positive"} <= set(texts(picture))
    assert "angry" not in texts(picture)
    assert len(groups(picture, "segment-")) == 3


def test_the_sexes_are_told_apart_by_hatching(two: Timeline, draw: Draw) -> None:
    picture = draw(two, view="sex-emotion")
    fills = {
        name: next(band.iter(f"{SVG}path")).get("style", "")
        for name, band in groups(picture, "band-").items()
    }
    assert f"fill: {COLOURS['sad']}" in fills["band-female_sad"]
    plain = [
        name for name in fills if "url(" not in ET.tostring(groups(picture, name)[name], "unicode")
    ]
    assert plain == [name for name in fills if name.startswith("band-female")]
    assert "female sad" in texts(picture)


def test_a_hatched_segment_shows_the_paper_between(draw: Draw) -> None:
    one = replace(segment(2, 20, "sad"), sex={"female": 0.1, "male": 0.9})
    picture = draw(talk(one), view="sex-emotion", dark=True)
    (part,) = groups(picture, "segment-").values()
    (name,) = set(re.findall(r"url\(#([^)]+)\)", ET.tostring(part, "unicode")))
    (pattern,) = (one for one in picture.iter(f"{SVG}pattern") if one.get("id") == name)
    drawn = ET.tostring(pattern, "unicode")
    assert (COLOURS["sad"] in drawn, DARK.paper in drawn) == (True, True)


def test_each_speaker_has_a_row(draw: Draw) -> None:
    picture = draw(
        talk(
            segment(2, 20, "angry", speaker="Anna"),
            segment(15, 30, "sad", speaker="Bert"),
            segment(31, 35, "sad", speaker="Anna"),
            segment(40, 50, "happy"),
        )
    )
    assert list(groups(picture, "speaker-")) == [
        "speaker-1-angry",
        "speaker-1-sad",
        "speaker-2-sad",
        "speaker-3-happy",
    ]
    assert {"Anna", "Bert", "unknown"} <= set(texts(picture))


def test_nobody_is_lost_who_is_called_like_a_row(draw: Draw) -> None:
    picture = draw(talk(segment(2, 20, speaker="unknown"), segment(20, 30)))
    assert len(groups(picture, "speaker-")) == 2


def test_without_speakers_there_is_no_row(two: Timeline, draw: Draw) -> None:
    assert groups(draw(two), "speaker-") == {}


def test_of_many_speakers_the_quiet_ones_share_a_row(draw: Draw) -> None:
    segments = [
        segment(at, at + 1 + (at >= 5), speaker=f"speaker {at}") for at in range(MOST_SPEAKERS + 4)
    ]
    picture = draw(talk(*segments))
    assert len(groups(picture, "speaker-")) == MOST_SPEAKERS
    assert "5 others" in texts(picture)
    assert not {f"speaker {number}" for number in range(5)} & set(texts(picture))


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_paper_and_ink(two: Timeline, draw: Draw, theme: object) -> None:
    picture = draw(two, dark=theme is DARK)
    paper = next(picture.iter(f"{SVG}path")).get("style", "")
    ink = next(picture.iter(f"{SVG}text")).get("style", "")
    chosen = DARK if theme is DARK else LIGHT
    assert (chosen.paper in paper, chosen.ink in ink) == (True, True)


def test_who_does_not_see_it_is_told(two: Timeline, draw: Draw) -> None:
    picture = draw(two)
    title, description = list(picture)[:2]
    assert picture.get("role") == "img"
    assert picture.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"
    assert title.text == "talk.mp3, 1:00 min"
    assert "29.0 s of speech in 3 segments: 62% angry, 34% happy, 3% sad." in str(description.text)


def test_nothing_is_drawn_outside(two: Timeline, draw: Draw) -> None:
    picture = draw(two)
    assert picture.get("viewBox") == f"0 0 1200 {picture.get('height')}"
    for path in picture.iter(f"{SVG}path"):
        for x, y in re.findall(r"[ML] (-?[\d.]+) (-?[\d.]+)", path.get("d", "")):
            assert 0 <= float(x) <= 1200
            assert 0 <= float(y) <= float(picture.get("height", ""))


@pytest.mark.parametrize(
    ("timeline", "word"),
    [
        (timeline_of([], duration=0.0), "no sound"),
        (replace(timeline_of([], duration=0.0), waveform=np.zeros((0, 2), np.float32)), "no sound"),
        (talk(), "nobody speaks"),
        (timeline_of([], windows=[silence(0, 1)], duration=1.0), "nobody speaks"),
    ],
)
def test_where_nobody_speaks(timeline: Timeline, word: str, draw: Draw) -> None:
    picture = draw(timeline)
    assert word in texts(picture)
    assert groups(picture, "segment-") == groups(picture, "band-") == {}
    assert "Nobody speaks." in str(list(picture)[1].text)


def test_a_clip_of_one_window(draw: Draw) -> None:
    short = timeline_of([segment(0, 0.8)], windows=[segment(0, 0.8)], duration=0.8)
    picture = draw(short)
    assert len(groups(picture, "segment-")) == 1
    assert groups(picture, "silence") == {}
    assert {"0:00.0", "0:00.1"} <= set(texts(picture))


def test_a_png_has_its_size_and_its_words(two: Timeline, tmp_path: Path) -> None:
    from matplotlib import image

    path = tmp_path / "picture.PNG"
    draw_timeline(two, path)
    width, height = png_size(path)
    assert width == 2400
    assert 800 < height < 1000
    pixels = image.imread(path)[..., :3].reshape(-1, 3)
    seen = set(map(tuple, np.unique((pixels * 255).round().astype(int), axis=0).tolist()))
    for name in LABELS:
        colour = COLOURS[name]
        assert tuple(int(colour[place : place + 2], 16) for place in (1, 3, 5)) in seen
    assert b"talk.mp3, 1:00 min" in path.read_bytes()
    assert b"Matplotlib" not in path.read_bytes()  # nor its version


@pytest.mark.parametrize("suffix", [".png", ".svg"])
@pytest.mark.parametrize("name", [STRANGE, "", "/", "x" * 500, "世" * 300])
def test_any_name_is_drawn(name: str, suffix: str, tmp_path: Path) -> None:
    timeline = replace(talk(segment(2, 30, speaker=name or None)), file=name, model=name)
    path = tmp_path / f"picture{suffix}"
    draw_timeline(timeline, path)
    if suffix == ".svg":
        root = ET.parse(path).getroot()
        assert len(groups(root, "segment-")) == 1
        assert all(len(text) < 200 for text in texts(root))
        if name == STRANGE:
            assert texts(root)[0] == '$x_1^2$ <b>&"日本語 😀\ufffd\ufffd.wav'
    else:
        assert png_size(path)[0] == 2400


def ten_hours() -> Timeline:
    edges = np.cumsum(np.random.default_rng(2).uniform(2, 12, 5000))
    edges = edges[edges < 36_000].tolist()
    segments = [
        segment(start, end - (number % 3), LABELS[number % 4], speaker=f"speaker {number % 5}")
        for number, (start, end) in enumerate(pairwise(edges))
    ]
    wave = np.random.default_rng(3).uniform(0, 1, (4096, 2)).astype(np.float32) - [[1, 0]]
    windows = [
        segment(float(start), start + 3.0, LABELS[start // 7 % 4]) for start in range(35_998)
    ]
    timeline = timeline_of(segments, windows=windows, duration=36_000.0)
    return replace(timeline, waveform=wave.astype(np.float32))


def test_ten_hours_are_as_small_and_quick(tmp_path: Path) -> None:
    timeline = ten_hours()
    assert len(timeline.segments) > 4000
    before = time.process_time()
    draw_timeline(timeline, tmp_path / "picture.svg")
    draw_timeline(timeline, tmp_path / "picture.png", view="three")
    assert time.process_time() - before < 20
    assert (tmp_path / "picture.svg").stat().st_size < 1_000_000
    assert (tmp_path / "picture.png").stat().st_size < 3_000_000
    root = ET.parse(tmp_path / "picture.svg").getroot()
    assert groups(root, "segment-") == {}
    stretches = groups(root, "stretch-")
    assert 50 < len(stretches) < 400
    assert "mostly" in str(stretches["stretch-1"].findtext(f"{SVG}title"))


def test_the_same_timeline_gives_the_same_bytes(two: Timeline, tmp_path: Path) -> None:
    """In another process, with other settings of matplotlib, without a window or a warning."""
    import pickle

    (tmp_path / "matplotlibrc").write_text("lines.linewidth: 9\nsvg.fonttype: path\n")
    (tmp_path / "timeline.pickle").write_bytes(pickle.dumps(two))
    program = """
import pickle, sys
from pathlib import Path
from serein.recognition.timeline.plot import draw_timeline
assert "matplotlib" not in sys.modules, "imported before it is needed"
folder = Path(sys.argv[1])
timeline = pickle.loads((folder / "timeline.pickle").read_bytes())
for suffix in (".svg", ".png"):
    draw_timeline(timeline, folder / f"other{suffix}", view="sex-emotion")
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
    for suffix in (".svg", ".png"):
        draw_timeline(two, tmp_path / f"one{suffix}", view="sex-emotion")
        one, other = ((tmp_path / f"{name}{suffix}").read_bytes() for name in ("one", "other"))
        assert one == other


@pytest.mark.parametrize("name", ["picture", "picture.jpg", "picture.svg.txt", "", ".png"])
def test_another_ending_is_refused(name: str, two: Timeline) -> None:
    with pytest.raises(ArgumentInvalid, match=r"\.png nor \.svg"):
        draw_timeline(two, name)


@pytest.mark.parametrize(("name", "suffix"), [("a.png", ".png"), (Path("b") / "c.SVG", ".svg")])
def test_an_ending_says_what_is_drawn(name: str | Path, suffix: str) -> None:
    assert check_picture(name) == suffix


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plot, "find_spec", lambda name: None)
    with pytest.raises(DependencyMissing, match=r'matplotlib.*pip install "serein\[plot\]"'):
        check_picture("a.png")


def test_an_unknown_view_is_refused_and_nothing_written(two: Timeline, tmp_path: Path) -> None:
    with pytest.raises(ArgumentInvalid, match="unknown label view"):
        draw_timeline(two, tmp_path / "picture.svg", view="moods")
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_can_be_written(two: Timeline, tmp_path: Path) -> None:
    (tmp_path / "folder.svg").mkdir()
    for path in (tmp_path / "missing" / "a.svg", tmp_path / "folder.svg"):
        with pytest.raises(ArgumentInvalid, match="cannot be written"):
            draw_timeline(two, path)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.svg"]


def test_a_full_disk_leaves_the_old_picture(
    two: Timeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "picture.svg"
    path.write_text("old")
    write = Path.write_bytes

    def half(self: Path, content: bytes) -> int:
        write(self, content[: len(content) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(ArgumentInvalid, match="No space left"):
        draw_timeline(two, path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
