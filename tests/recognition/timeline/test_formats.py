"""Time lines as files: read back by the readers of other people, and never broken by a name."""

from __future__ import annotations

import doctest
import io
import json
import mimetypes
import os
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from serein.errors import ArgumentInvalid
from serein.recognition.timeline.formats import FORMATS, format_of, text, write_timeline
from serein.recognition.timeline.results import Timeline, Window
from tests.recognition.timeline.readers import (
    Found,
    elan_tiers,
    read_audacity,
    read_csv,
    read_elan,
    read_rttm,
    read_srt,
    read_vtt,
    textgrid_tiers,
    written,
)
from tests.recognition.timeline.timelines import LABELS, segment, silence, timeline_of

NASTY = (
    "Ann-Marie <b>& Söhne</b>",
    'the "boss"',
    "a --> b",
    "tab\tand\nnew\r\nline",
    "\u2028\x85\x1e\x00\x0b",
    "broken \udcff\ud800 name",
    "\ufffe\uffff",
    "日本 👩‍👩‍👧",
    "",
    "]]> &amp; <!-- -->",
    ";; NA",
)
"""Names that break a careless writer or its reader."""

# What the reader of RTTM, by way of pandas, takes for no name at all.
MISSING = {"na", "nan", "none", "null", "n/a", "<na>", "#na", "#n/a", "-nan"}


def without_speaker(found: Found) -> tuple[int, int, str]:
    """Times and label alone, whether or not a speaker stands before it and a per cent behind."""
    return found.start, found.end, found.text.rpartition(":")[2].split()[0]


@st.composite
def timelines(draw: st.DrawFn) -> Timeline:
    """Segments of several speakers at once, each of whom says one thing after the other."""
    names = st.one_of(st.none(), st.sampled_from(NASTY), st.text(st.characters(), max_size=8))
    segments: list[Window] = []
    files = names.filter(lambda name: name is None or name.lower() not in MISSING)
    for speaker in draw(st.lists(names, max_size=3, unique=True)):
        times = draw(st.lists(st.integers(0, 100 * 3_600_000), max_size=12, unique=True))
        edges = [(time + draw(st.floats(-0.4, 0.4))) / 1000 for time in sorted(times)]
        used = [max(0.0, edge) for edge in edges]
        step = draw(st.sampled_from([1, 2]))  # side by side, or with gaps
        for start, end in zip(used[:-1:step], used[1::step], strict=False):
            segments.append(
                segment(
                    start,
                    end,
                    draw(st.sampled_from(LABELS)),
                    confidence=draw(st.floats(0.3, 1.0)),
                    decided=draw(st.booleans()),
                    speaker=speaker,
                )
            )
    ordered = sorted(segments, key=lambda one: (one.start, one.end))
    last = max((one.end for one in ordered), default=0.0)
    return timeline_of(ordered, duration=last + draw(st.floats(0, 9)), file=draw(files))


def expected(timeline: Timeline) -> list[tuple[int, int, str]]:
    """Times to the millisecond, and the label; in the order that other programs want them in."""
    return sorted(
        (
            round(one.start * 1000),
            round(one.end * 1000),
            f"{one.label}{'' if one.decided else '?'}",
        )
        for one in timeline.segments
    )


@given(timelines())
def test_every_segment_comes_back_from_every_reader(timeline: Timeline) -> None:
    wanted = expected(timeline)
    for found in (read_audacity(timeline), read_srt(timeline), read_vtt(timeline)):
        assert [(one.start, one.end) for one in found] == [(start, end) for start, end, _ in wanted]
        assert sorted(map(without_speaker, found)) == wanted
    turns = read_rttm(timeline)[1] if wanted else []
    assert sorted(map(without_speaker, turns)) == wanted
    told = [one for tier in elan_tiers(read_elan(timeline)).values() for one in tier]
    assert sorted(map(without_speaker, told)) == wanted
    grid = [one for tier in textgrid_tiers(timeline).values() for one in tier if one.text]
    assert sorted(map(without_speaker, grid)) == wanted


@given(timelines())
def test_textgrid_covers_the_recording_without_a_seam(timeline: Timeline) -> None:
    last = max(1, round(timeline.duration * 1000))
    for intervals in textgrid_tiers(timeline).values():
        assert intervals[0].start == 0
        assert intervals[-1].end == last
        assert [one.end for one in intervals[:-1]] == [one.start for one in intervals[1:]]
        assert all(one.start < one.end for one in intervals)


@given(timelines())
def test_elan_document_is_as_its_schema_wants_it(timeline: Timeline) -> None:
    root = ElementTree.fromstring(written(timeline, "elan").encode("utf-8"))
    assert root.attrib["FORMAT"] == root.attrib["VERSION"] == "3.0"
    assert datetime.fromisoformat(root.attrib["DATE"]).tzinfo is not None
    times = [int(slot.attrib["TIME_VALUE"]) for slot in root.iter("TIME_SLOT")]
    assert times == sorted(times)
    for element, key in (
        ("TIME_SLOT", "TIME_SLOT_ID"),
        ("ALIGNABLE_ANNOTATION", "ANNOTATION_ID"),
        ("TIER", "TIER_ID"),
    ):
        names = [one.attrib[key] for one in root.iter(element)]
        assert len(names) == len(set(names))
    order = [child.tag for child in root]
    assert order == ["HEADER", "TIME_ORDER", *["TIER"] * (len(order) - 3), "LINGUISTIC_TYPE"]


@given(timelines(), st.sampled_from([None, "three", "sex-emotion"]))
def test_json_is_the_object_of_the_time_line(timeline: Timeline, view: str | None) -> None:
    full = replace(timeline, windows=timeline_of([], windows=timeline.segments).windows)
    told = written(full, "json", view)
    assert told.count("\n") == 1
    assert json.loads(told) == json.loads(json.dumps(full.as_dict(view)))
    assert list(json.loads(told)) == list(full.as_dict())


@given(timelines())
def test_csv_holds_every_number_of_every_segment(timeline: Timeline) -> None:
    rows = read_csv(timeline)
    assert len(rows) == len(timeline.segments)
    for row, one in zip(rows, timeline.segments, strict=True):
        assert one.probabilities is not None
        assert {name: float(row[name]) for name in LABELS} == one.probabilities
        numbers = (one.start, one.end, one.speech, one.confidence)
        assert (
            tuple(float(row[name]) for name in ("start", "end", "speech", "confidence")) == numbers
        )
        assert (row["label"], row["decided"]) == (one.label, str(one.decided))
        assert row["speaker"] == text.one_line(one.speaker or "")


def test_csv_leaves_the_cells_empty_where_nobody_speaks() -> None:
    (row,) = read_csv(timeline_of([silence(1, 2)]))
    assert row.pop("decided") == "False"
    assert {name: value for name, value in row.items() if value} == {
        "start": "1",
        "end": "2",
        "speech": "0.05",
    }


CONVERSATION = timeline_of(
    [
        segment(0.0, 2.5, "happy", confidence=0.81, speaker="Anna"),
        segment(2.0, 4.0, "sad", confidence=0.4, decided=False, speaker="B < C"),
        segment(5.0, 6.25, "angry", confidence=0.996),
        silence(7.0, 9.0),
    ],
    duration=10.0,
    file="calls/my meeting.wav",
    speakers=["Anna", "B < C", "Quiet"],
)


def test_subtitles_name_the_speaker_and_how_sure_it_is() -> None:
    assert written(CONVERSATION, "srt") == (
        "1\n00:00:00,000 --> 00:00:02,500\nAnna: happy 81%\n\n"
        "2\n00:00:02,000 --> 00:00:04,000\nB < C: sad? 40%\n\n"
        "3\n00:00:05,000 --> 00:00:06,250\nangry 100%\n\n"
    )
    assert read_vtt(CONVERSATION) == [
        Found(0, 2500, "happy 81%", "Anna"),
        Found(2000, 4000, "sad? 40%", "B < C"),
        Found(5000, 6250, "angry 100%"),
    ]
    head, note, *_ = written(CONVERSATION, "vtt").split("\n\n")
    assert head == "WEBVTT"
    assert note.startswith("NOTE Emotion in my meeting.wav, as the model tiny judges it")


@pytest.mark.parametrize("file", [None, "-"])
def test_what_has_no_name_is_not_given_one(file: str | None) -> None:
    timeline = replace(CONVERSATION, file=file)
    assert "\nNOTE Emotion, as the model tiny judges it" in written(timeline, "vtt")
    assert written(timeline, "rttm").startswith("SPEAKER unnamed 1 ")
    assert read_elan(timeline).get_linked_files() == []


def test_labels_of_audacity_name_the_speaker_and_how_sure_it_is() -> None:
    assert read_audacity(CONVERSATION)[:2] == [
        Found(0, 2500, "Anna: happy 81%"),
        Found(2000, 4000, "B < C: sad? 40%"),
    ]


def test_rttm_compares_what_each_speaker_feels() -> None:
    assert read_rttm(CONVERSATION) == (
        "my_meeting",
        [
            Found(0, 2500, "Anna:happy"),
            Found(2000, 4000, "B_<_C:sad?"),
            Found(5000, 6250, "angry"),
        ],
    )
    fields = written(CONVERSATION, "rttm").splitlines()[0].split(" ")
    assert fields == [
        *("SPEAKER", "my_meeting", "1", "0.000", "2.500"),
        *("<NA>", "<NA>", "Anna:happy", "0.810", "<NA>"),
    ]


def test_every_speaker_has_a_tier_and_so_has_what_nobody_was_named_for() -> None:
    grid = {
        name: [one for one in tier if one.text]
        for name, tier in textgrid_tiers(CONVERSATION).items()
    }
    assert grid == {
        "emotion": [Found(5000, 6250, "angry")],
        "emotion: Anna": [Found(0, 2500, "happy")],
        "emotion: B < C": [Found(2000, 4000, "sad?")],
        "emotion: Quiet": [],
    }
    document = read_elan(CONVERSATION)
    assert elan_tiers(document) == {
        name: [replace(one, speaker=name.partition(": ")[2] or None) for one in tier]
        for name, tier in grid.items()
    }
    assert document.get_properties() == [("model", "tiny")]


def test_elan_finds_the_recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # As Windows has it, whose registry knows WAV by another name than ELAN does.
    monkeypatch.setitem(mimetypes.types_map, ".wav", "audio/wav")

    def media(file: str | None) -> list[dict[str, str]]:
        return list(read_elan(replace(CONVERSATION, file=file)).get_linked_files())

    file = tmp_path / "ein  Gespräch & mehr.wav"
    (absolute,) = media(str(file))
    assert absolute["MEDIA_URL"] == "file:///" + file.as_posix().lstrip("/")
    assert absolute["RELATIVE_MEDIA_URL"] == f"./{file.name}"
    assert absolute["MIME_TYPE"] == "audio/x-wav"
    (relative,) = media("calls/monday.mp3")
    assert relative["MEDIA_URL"] == relative["RELATIVE_MEDIA_URL"] == "./calls/monday.mp3"
    assert relative["MIME_TYPE"] == "audio/mpeg"
    (odd,) = media("calls/monday.\"'odd")
    assert odd["MIME_TYPE"] == "unknown"
    assert media(None) == media("-") == []


def test_no_tier_holds_two_things_at_once() -> None:
    """Turns of one speaker may overlap, as transcribers write them; a tier's intervals may not."""
    overlapping = timeline_of(
        [segment(0, 4, "happy"), segment(1, 2, "sad"), segment(3, 6, "angry")], duration=6
    )
    wanted = [Found(0, 4000, "happy"), Found(4000, 6000, "angry")]
    assert textgrid_tiers(overlapping) == {"emotion": wanted}
    assert elan_tiers(read_elan(overlapping)) == {"emotion": wanted}
    assert len(read_srt(overlapping)) == 3


def test_textgrid_ends_with_its_last_interval_where_that_is_later() -> None:
    late = timeline_of([segment(0, 2.0006)], duration=2.0)
    assert textgrid_tiers(late) == {"emotion": [Found(0, 2001, "angry")]}


def test_two_speakers_stay_two_where_their_names_look_the_same() -> None:
    both = timeline_of([segment(0, 2, speaker="A\tB"), segment(1, 3, speaker="A B")])
    assert list(textgrid_tiers(both)) == ["emotion: A B", "emotion: A B (2)"]


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("segments", [[], [silence(0, 3)]])
@pytest.mark.parametrize("duration", [0.0, 3.0])
def test_nobody_speaks(format: str, segments: list[Window], duration: float) -> None:
    silent = timeline_of(segments, windows=[silence(0, 3)], duration=duration, file=None)
    told = written(silent, format, "three")
    if format in ("srt", "audacity", "rttm"):
        assert told == ""
    elif format == "textgrid":
        (interval,) = textgrid_tiers(silent)["emotion"]
        assert (interval.start, interval.text) == (0, "")
    elif format == "elan":
        assert elan_tiers(read_elan(silent)) == {"emotion": []}
    elif format == "vtt":
        assert read_vtt(silent) == []
    elif format == "csv":
        header = "start,end,speaker,speech,label,confidence,decided,negative,neutral,positive"
        assert told.splitlines()[0] == header
    else:
        assert json.loads(told)["segments"] == [one.as_dict("three") for one in segments]


def test_a_stretch_of_no_length_is_left_out_of_what_is_told_in_milliseconds() -> None:
    short = timeline_of([segment(1, 2), segment(2, 2.0004), segment(2.0004, 3)])
    wanted = [(1000, 2000), (2000, 3000)]
    for found in (
        *(read_audacity(short), read_srt(short), read_vtt(short), read_rttm(short)[1]),
        *elan_tiers(read_elan(short)).values(),
    ):
        assert [(one.start, one.end) for one in found] == wanted
    assert len(read_csv(short)) == 3


@pytest.mark.parametrize(
    "read",
    [
        read_audacity,
        read_srt,
        read_vtt,
        lambda timeline, view: read_rttm(timeline, view)[1],
        lambda timeline, view: elan_tiers(read_elan(timeline, view))["emotion"],
        lambda timeline, view: [
            one for one in textgrid_tiers(timeline, view)["emotion"] if one.text
        ],
    ],
)
def test_view_takes_the_place_of_the_labels(
    read: Callable[[Timeline, str | None], list[Found]],
) -> None:
    timeline = timeline_of([segment(0, 1, "happy"), segment(1, 2, "angry", decided=False)])
    told = [one.text.split()[0] for one in read(timeline, "three")]
    assert told == ["positive", "negative?"]


def test_view_in_csv_and_json() -> None:
    happy = segment(0, 1, "happy", confidence=0.7)
    timeline = timeline_of([happy, silence(1, 2)], windows=[happy])
    view = happy.view("three")
    assert view is not None
    rows = read_csv(timeline, "three")
    assert list(rows[0])[7:] == ["negative", "neutral", "positive"]
    assert {name: float(rows[0][name]) for name in view.probabilities} == view.probabilities
    assert (rows[0]["label"], float(rows[0]["confidence"])) == ("positive", view.confidence)
    assert rows[1]["label"] == rows[1]["positive"] == ""
    told = json.loads(written(timeline, "json", "three"))
    assert told["segments"][0]["label"] == "happy"
    assert told["segments"][0]["view"] == told["windows"][0]["view"] == view.as_dict()
    assert told["segments"][1]["view"] is None


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("segments", [[], [segment(0, 1)]])
def test_unknown_view_is_refused_before_anything_is_written(
    format: str, segments: list[Window]
) -> None:
    out = io.StringIO()
    with pytest.raises(ArgumentInvalid, match="unknown label view 'four'; the views are all"):
        write_timeline(timeline_of(segments), out, format, view="four")
    assert out.getvalue() == ""


def test_view_that_needs_the_sex_is_refused_where_the_model_does_not_judge_it() -> None:
    unknown = timeline_of([replace(segment(0, 1), sex=None)])
    with pytest.raises(ArgumentInvalid, match="sex"):
        written(unknown, "srt", "sex-emotion")


def test_unknown_format_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ArgumentInvalid, match=r"'TextGrid'.* json, csv, audacity, textgrid, elan"):
        written(CONVERSATION, "TextGrid")


def test_format_is_told_by_the_suffix_in_any_case(tmp_path: Path) -> None:
    for name, one in FORMATS.items():
        assert name == one.name
        assert (
            format_of(f"a.b{one.suffix}") == format_of(tmp_path / f"A{one.suffix.upper()}") == name
        )
    assert format_of("notes.docx") is format_of("csv") is format_of("") is None


@pytest.mark.parametrize("name", NASTY)
def test_no_name_breaks_a_file(name: str) -> None:
    timeline = timeline_of([segment(1, 2, speaker=name)], file=f"{name}.wav", duration=3)
    clean = text.one_line(name) or "unnamed"
    (voiced,) = read_vtt(timeline)
    assert voiced == Found(1000, 2000, "angry 70%", clean)
    assert written(timeline, "vtt").count("-->") == 1
    assert read_audacity(timeline) == [Found(1000, 2000, f"{clean}: angry 70%")]
    (subtitle,) = read_srt(timeline)
    assert subtitle.text.endswith(": angry 70%")
    assert "-->" not in subtitle.text
    recording, turns = read_rttm(timeline)
    assert (len(turns), recording) == (1, text.one_token(text.stem_of(f"{name}.wav")))
    (tier,) = elan_tiers(read_elan(timeline)).items()
    assert tier == (f"emotion: {clean}", [Found(1000, 2000, "angry", clean)])
    assert list(textgrid_tiers(timeline)) == [f"emotion: {clean}"]
    # JSON alone keeps every character, so that the file is found again by its name.
    told = json.loads(written(timeline, "json"))
    assert (told["file"], told["segments"][0]["speaker"]) == (f"{name}.wav", name)


@given(st.text(st.characters()))
@example("a ---> b")
def test_a_name_in_one_line_is_valid_everywhere(name: str) -> None:
    line = text.one_line(name)
    assert ElementTree.fromstring(f"<a>{escape(line)}</a>").text in (line, None)
    assert len(line.splitlines()) <= 1
    assert line == " ".join(line.split()) == text.one_line(line)
    assert len(text.one_token(name).split()) == 1
    assert "-->" not in text.without_arrow(name)
    assert len(text.valid(name)) == len(name)


def test_examples_of_the_texts_hold() -> None:
    assert doctest.testmod(text).failed == 0


def test_ten_hours_are_told_in_ten_hours() -> None:
    hours = timeline_of(
        [segment(at, at + 5, LABELS[at // 5 % 4]) for at in range(0, 36_005, 5)], duration=36_005
    )
    last = Found(36_000_000, 36_005_000, "angry 70%")
    assert read_srt(hours)[-1] == read_vtt(hours)[-1] == last
    assert "10:00:00,000 --> 10:00:05,000" in written(hours, "srt")


def test_json_is_written_without_a_text_of_the_whole() -> None:
    windows = [segment(at, at + 3) for at in range(5_000)]
    timeline = timeline_of(windows, windows=windows)
    tracemalloc.start()
    with Path(os.devnull).open("w", encoding="utf-8") as out:
        write_timeline(timeline, out, "json")
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < len(written(timeline, "json")) / 10
