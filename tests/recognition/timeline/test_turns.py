"""Who speaks when: every way that it is told in, and every way that this can go wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyannote.core import Annotation
from pyannote.core import Segment as Stretch

import serein.recognition.timeline.turns
from serein.errors import DataInvalid, NotAFile, NotFound
from serein.recognition.timeline.formats import write_timeline
from serein.recognition.timeline.turns import Turn, read_turns
from tests.recognition.timeline.timelines import segment, timeline_of


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("turns")


def rttm(*turns: tuple[str, float, float, str]) -> str:
    return "".join(
        f"SPEAKER {recording} 1 {start} {duration} <NA> <NA> {speaker} <NA> <NA>\n"
        for recording, start, duration, speaker in turns
    )


def read(folder: Path, content: str | bytes, recording: str | None = None) -> tuple[Turn, ...]:
    path = folder / "turns.any"
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return read_turns(path, recording=recording)


def test_rttm_is_read_in_the_order_of_time(folder: Path) -> None:
    text = (
        ";; made by hand\n\n"
        "SPKR-INFO meeting 1 <NA> <NA> <NA> unknown Bob <NA> <NA>\n"
        "SPEAKER meeting 1 5.0 2.5 <NA> <NA> Bob <NA> <NA>\r\n"
        "SPEAKER\tmeeting  1 0 3 <NA> <NA> Anna 0.9\n"  # older ones have nine fields or eight
        "SPEAKER meeting 1 2 1 <NA> <NA> <NA>\n"
        "SPEAKER meeting 1 4 0.0 <NA> <NA> Nobody <NA> <NA>\n"
    )
    assert read(folder, text) == (Turn(0, 3, "Anna"), Turn(2, 3), Turn(5, 7.5, "Bob"))


@given(
    st.lists(
        st.tuples(
            st.integers(0, 10**7), st.integers(1, 10**5), st.sampled_from(["Anna", "日本", "<x>"])
        ),
        min_size=1,
        unique=True,
    )
)
def test_rttm_of_pyannote_is_read(folder: Path, turns: list[tuple[int, int, str]]) -> None:
    annotation = Annotation(uri="meeting")
    for number, (start, duration, speaker) in enumerate(turns):
        annotation[Stretch(start / 1000, (start + duration) / 1000), number] = speaker
    found = read(folder, annotation.to_rttm())
    assert sorted((round(1000 * a.start), round(1000 * a.end), a.speaker or "") for a in found) == (
        sorted((start, start + duration, speaker) for start, duration, speaker in turns)
    )
    assert [(one.start, one.end) for one in found] == sorted((one.start, one.end) for one in found)


def test_our_own_rttm_is_read(folder: Path) -> None:
    path = folder / "own.rttm"
    timeline = timeline_of([segment(1, 2.5, "sad", speaker="Anna"), segment(3, 4, "happy")])
    with path.open("w", encoding="utf-8") as out:
        write_timeline(timeline, out, "rttm")
    assert read_turns(path) == (Turn(1, 2.5, "Anna:sad"), Turn(3, 4, "happy"))


SEVERAL = rttm(("monday", 0, 1, "Anna"), ("my_call", 1, 1, "Bob"), ("a.b", 2, 1, "Cy"))


@pytest.mark.parametrize(
    ("recording", "speaker"),
    [
        ("monday", "Anna"),
        ("calls/monday.wav", "Anna"),
        ("my call.mp3", "Bob"),
        ("a.b", "Cy"),
        ("a.b.flac", "Cy"),
    ],
)
def test_recording_is_found_among_several(folder: Path, recording: str, speaker: str) -> None:
    (turn,) = read(folder, SEVERAL, recording)
    assert turn.speaker == speaker


def test_recording_that_is_not_among_several_is_refused(folder: Path) -> None:
    with pytest.raises(DataInvalid, match=r"monday, my_call, a\.b, and not of 'friday'"):
        read(folder, SEVERAL, "friday.wav")
    with pytest.raises(DataInvalid, match="say which one is meant"):
        read(folder, SEVERAL)
    many = rttm(*((f"call{number}", 0.0, 1.0, "A") for number in range(40)))
    with pytest.raises(DataInvalid, match="call0, call1, call2, call3, call4 and 35 more"):
        read(folder, many, "friday.wav")


def test_only_recording_needs_no_name(folder: Path) -> None:
    for recording in (None, "another.wav"):
        assert read(folder, rttm(("meeting", 0, 1, "A")), recording) == (Turn(0, 1, "A"),)


def whisper(*segments: object) -> str:
    return json.dumps({"text": " Hello.", "segments": list(segments), "language": "en"})


def test_json_of_whisper_and_whisperx_is_read(folder: Path) -> None:
    spoken = whisper(
        {"id": 1, "start": 4.0, "end": 6.5, "text": " there.", "speaker": "SPEAKER_01"},
        {"id": 0, "start": 0, "end": 4.0, "text": "Hello", "words": [{"word": "Hello"}]},
        {"id": 2, "start": 7.0, "end": 7.0, "text": ""},
        {"id": 3, "start": 8.0, "end": 9.0, "text": "!", "speaker": None},
        {"id": 4, "start": 9.0, "end": 9.5, "text": "", "speaker": ""},
    )
    wanted = (Turn(0, 4), Turn(4, 6.5, "SPEAKER_01"), Turn(8, 9), Turn(9, 9.5))
    assert read(folder, "\ufeff\n" + spoken) == wanted
    assert read(folder, spoken, "whatever.wav") == wanted


def test_turns_that_overlap_are_kept(folder: Path) -> None:
    wanted = (Turn(0, 4, "A"), Turn(1, 3, "B"), Turn(3, 5, "A"), Turn(3, 6, "B"))
    turns = [("m", one.start, one.end - one.start, one.speaker or "") for one in wanted]
    assert read(folder, rttm(*turns)) == read(folder, rttm(*turns[::-1])) == wanted


@pytest.mark.parametrize("value", ["-1", "nan", "inf", "1e999"])
@pytest.mark.parametrize("field", ["start", "duration"])
def test_time_that_is_none_is_refused_with_its_line(folder: Path, value: str, field: str) -> None:
    times = f"{value} 1" if field == "start" else f"1 {value}"
    text = rttm(("m", 0, 1, "A")) + f"SPEAKER m 1 {times} <NA> <NA> A <NA> <NA>\n"
    with pytest.raises(DataInvalid, match="line 2: a turn from"):
        read(folder, text)


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), 10**400])
@pytest.mark.parametrize("field", ["start", "end"])
def test_time_that_is_none_is_refused_with_its_segment(
    folder: Path, value: float, field: str
) -> None:
    with pytest.raises(DataInvalid, match="segment 2: a turn from"):
        read(folder, whisper({"start": 0, "end": 1}, {"start": 1, "end": 2, field: value}))


def test_turn_that_ends_before_it_starts_is_refused(folder: Path) -> None:
    with pytest.raises(DataInvalid, match="segment 1: a turn from 2 to 1 s"):
        read(folder, whisper({"start": 2, "end": 1}))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "has no turn in it; expected are RTTM"),
        ("\n;; nothing\n", "has no turn"),
        ("SPKR-INFO m 1 <NA> <NA> <NA> unknown A <NA> <NA>\n", "has no turn"),
        (rttm(("m", 1, 0, "A")), "has no turn"),
        (whisper(), "has no turn"),
        ("start,end\n0,1\n", "line 1 is no line of RTTM"),
        ("SPEAKER my meeting 1 0 1 <NA> <NA> A <NA> <NA>\n", "no name with a space"),
        ("SPEAKER m 1 0 1 <NA> <NA>\n", "line 1 is no line of RTTM"),
        ("SPEAKER m 1 zero 1 <NA> <NA> A <NA> <NA>\n", "line 1: start and duration are 'zero'"),
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[]", "without a list of 'segments'"),
        ('{"segments": {}}', "without a list of 'segments'"),
        (whisper("Hello"), "segment 1 is no object"),
        (whisper({"start": 0, "text": "Hello"}), "segment 1: end is None"),
        (whisper({"start": "0", "end": 1}), "segment 1: start is '0'"),
        (whisper({"start": False, "end": True}), "segment 1: start is False"),
        (whisper({"start": 0, "end": 1, "speaker": 1}), "speaker is 1; it must be a text"),
        (b"RIFF\xff\xfe\x00\x00WAVE", "no text in UTF-8"),
    ],
)
def test_what_tells_no_turns_is_refused(folder: Path, content: Any, reason: str) -> None:
    with pytest.raises(DataInvalid, match=reason) as caught:
        read(folder, content)
    assert caught.value.file == str(folder / "turns.any")
    assert "turns.any" in caught.value.message


def test_file_that_is_no_list_of_turns_is_not_read_to_its_end(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = rttm(("a", 0, 1, "Anna"))
    monkeypatch.setattr(serein.recognition.timeline.turns, "LARGEST", len(content))
    assert len(read(folder, content)) == 1
    with pytest.raises(DataInvalid, match=f"over {len(content)} bytes"):
        read(folder, content + "\n")


def test_path_where_nothing_can_be_read(tmp_path: Path) -> None:
    for path in (tmp_path / "none.rttm", "no\0path", __file__ + "/below"):
        with pytest.raises(NotFound, match="There is no file") as missing:
            read_turns(path)
        assert missing.value.file == str(path)
    with pytest.raises(NotAFile, match="could not be read"):
        read_turns(tmp_path)
