"""``serein timeline``: for people, for programs, and into files."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import serein
from serein.cli.main import main
from serein.errors import SereinError
from serein.recognition.timeline.formats import FORMATS, write_timeline
from serein.recognition.timeline.results import Timeline
from serein.recognition.timeline.turns import Turn, read_turns
from serein.recognition.timeline.views import in_view
from tests.builders import build_bundle, speech_like
from tests.cli.conftest import COMMAND, Run, environment, process
from tests.recognition.timeline.recordings import RATE, talk

posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that tells speech."""
    return build_bundle(tmp_path_factory.mktemp("hearing") / "tiny", speech=True)


@pytest.fixture(scope="module")
def meeting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("meeting") / "meeting.wav"
    voices = [talk(12.0, seed=1), np.zeros(3 * RATE, dtype=np.float32), speech_like(9.0, seed=7)]
    soundfile.write(path, np.concatenate(voices), RATE)
    return path


@pytest.fixture(scope="module")
def expected(model: Path, meeting: Path) -> Timeline:
    return serein.load(model).timeline(str(meeting))


def written(timeline: Timeline, format: str, view: str | None = None) -> str:
    out = io.StringIO(newline="")
    write_timeline(timeline, out, format, view=view)
    return out.getvalue()


def undated(document: str) -> str:
    """Without the moment of writing, which ELAN's schema demands."""
    return re.sub(r'DATE="[^"]*"', "", document)


def files_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


# --- for people -------------------------------------------------------------------------------


def test_segments_for_people(run: Run, model: Path, meeting: Path, expected: Timeline) -> None:
    ended = run("timeline", "--model", model, meeting)
    assert (ended.status, "\x1b" in ended.out) == (0, False)
    head, strip, legend, _, *rest = ended.out.splitlines()
    assert head.startswith(f"{meeting}  ")
    assert "model tiny" in head
    assert 0 < len(strip.strip()) <= 64
    letters = {one.split()[1]: one.split()[0] for one in legend.split(", ")}
    assert set(letters) == set(expected.labels)
    assert len(set(letters.values())) == len(letters)
    assert set(strip) - {" "} <= {letters[one.label] for one in expected.segments if one.label}
    shown = rest[: len(expected.segments)]
    for line, segment in zip(shown, expected.segments, strict=True):
        assert f" {segment.label} " in line
        assert f"{segment.confidence:4.0%}" in line
        assert ("(not sure)" in line) != segment.decided
    blank, summary, moments = rest[len(expected.segments) :]
    assert blank == ""
    for label, share in expected.summary.shares.items():
        assert f"{label} {share:.0%}" in summary
    strongest = expected.summary.strongest[0]
    told = f"{strongest.label}{'' if strongest.decided else '?'} {strongest.confidence:.0%} at "
    assert moments.startswith(f"strongest moments: {told}")


def test_another_view_for_people(run: Run, model: Path, meeting: Path, expected: Timeline) -> None:
    ended = run("timeline", "--model", model, "--labels", "three", meeting)
    segments = in_view(expected, "three").segments
    for segment, line in zip(segments, ended.out.splitlines()[4:], strict=False):
        view = segment.view("three")
        assert view is not None
        assert f" {view.label} " in line
    assert not any(f" {label} " in ended.out for label in expected.labels if label != "neutral")


def test_silence_for_people(run: Run, model: Path, tmp_path: Path) -> None:
    path = tmp_path / "silence.wav"
    soundfile.write(path, np.zeros(5 * RATE), RATE)
    ended = run("timeline", "--model", model, path)
    assert ended.status == 0
    assert ended.out.splitlines()[1:] == ["no speech heard"]
    assert f"serein: warning: {path}: " in ended.err
    assert "probability of speech" in ended.err


@pytest.mark.parametrize("columns", ["20", "80"])
def test_narrow_terminal_that_knows_only_ascii(model: Path, meeting: Path, columns: str) -> None:
    variables = {"PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii", "COLUMNS": columns}
    ended = subprocess.run(
        [*COMMAND, "timeline", "--model", str(model), str(meeting)],
        capture_output=True,
        env=environment() | variables,
        check=True,
    )
    text = ended.stdout.decode("ascii")
    assert "strongest moments: " in text
    assert "\\u" not in text


@posix
def test_name_with_anything_in_it(model: Path, meeting: Path, tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff\x1b[31mtalk.wav")
    try:
        (tmp_path / name).write_bytes(meeting.read_bytes())
    except OSError:
        pytest.skip("the file system has only valid names")

    def call(*options: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [*COMMAND, "timeline", "--model", str(model), name, *options],
            capture_output=True,
            cwd=tmp_path,
            env=environment(),
            check=True,
        )

    shown = call()
    assert rb"\udcff\x1b[31mtalk.wav" in shown.stdout
    assert b"\x1b" not in shown.stdout + shown.stderr
    assert json.loads(call("--json").stdout)["file"] == name
    outputs = [f"out{one.suffix}" for one in FORMATS.values()]
    call(*(word for output in outputs for word in ("-o", output)))
    for output in outputs:
        assert (tmp_path / output).read_text(encoding="utf-8")


# --- for programs -----------------------------------------------------------------------------


@pytest.mark.parametrize("options", [["--json"], ["--format", "json"], ["--json", "--format=json"]])
def test_json_is_the_timeline(
    run: Run, model: Path, meeting: Path, expected: Timeline, options: list[str]
) -> None:
    ended = run("timeline", "--model", model, *options, meeting)
    (line,) = ended.out.splitlines()
    value = json.loads(line)
    assert value == expected.as_dict()
    assert list(value)[:5] == ["file", "duration", "model", "window", "hop"]
    assert value["file"] == str(meeting)
    assert len(value["windows"]) == 22


def test_json_in_another_view(run: Run, model: Path, meeting: Path, expected: Timeline) -> None:
    ended = run("timeline", "--model", model, "--json", "--labels", "three", meeting)
    value = json.loads(ended.out)
    assert value == expected.as_dict("three")
    assert value["segments"][0]["view"]["name"] == "three"


@pytest.mark.parametrize("format", list(FORMATS))
def test_every_format_on_standard_output(
    run: Run, model: Path, meeting: Path, expected: Timeline, format: str
) -> None:
    ended = run("timeline", "--model", model, "--format", format, meeting)
    assert (ended.status, ended.out) == (0, written(expected, format))


def test_windows_and_hops(run: Run, model: Path, meeting: Path) -> None:
    ended = run("timeline", "--model", model, "--json", "--window", 5, "--hop", "2.5", meeting)
    value = json.loads(ended.out)
    assert (value["window"], value["hop"]) == (5.0, 2.5)
    assert [one["start"] for one in value["windows"]][:3] == [0.0, 2.5, 5.0]


@pytest.mark.parametrize("detector", ["model", "level"])
def test_detectors(run: Run, model: Path, meeting: Path, detector: str) -> None:
    ended = run("timeline", "--model", model, "--json", "--detector", detector, meeting)
    wanted = serein.load(model).timeline(str(meeting), detector=detector)
    assert json.loads(ended.out) == wanted.as_dict()


def test_standard_input(model: Path, meeting: Path, expected: Timeline) -> None:
    words = ("timeline", "--model", str(model), "--json", "-")
    ended = process(*words, stdin=meeting.read_bytes())
    assert json.loads(ended.out) == expected.as_dict() | {"file": "-"}
    ended = process(*words)
    assert ended.status == 1
    assert json.loads(ended.out)["error"]["code"] == "empty"


# --- into files -------------------------------------------------------------------------------


def test_several_files_at_once(
    run: Run, model: Path, meeting: Path, expected: Timeline, tmp_path: Path
) -> None:
    names = [f"out{one.suffix}" for one in FORMATS.values()]
    options = [word for name in names for word in ("-o", tmp_path / name)]
    ended = run("timeline", "--model", model, *options, meeting)
    assert (ended.status, ended.out) == (0, "")
    assert files_in(tmp_path) == set(names)  # and nothing else is left
    for one in FORMATS.values():
        content = (tmp_path / f"out{one.suffix}").read_bytes().decode("utf-8")
        assert undated(content) == undated(written(expected, one.name))
        assert f"out{one.suffix} is written" in ended.err


def test_format_of_a_name_that_says_none(
    run: Run, model: Path, meeting: Path, expected: Timeline, tmp_path: Path
) -> None:
    path = tmp_path / "emotions.data"
    ended = run("timeline", "--model", model, "-o", path, "--format", "csv", meeting)
    assert (ended.status, ended.out) == (0, "")
    rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
    assert len(rows) == len(expected.segments)
    ended = run("timeline", "--model", model, "-o", "-", "--format", "csv", meeting)
    assert ended.out == written(expected, "csv")


def test_json_beside_a_file(
    run: Run, model: Path, meeting: Path, expected: Timeline, tmp_path: Path
) -> None:
    ended = run("timeline", "--model", model, "--json", "-o", tmp_path / "a.csv", meeting)
    assert json.loads(ended.out) == expected.as_dict()
    assert files_in(tmp_path) == {"a.csv"}


def test_file_that_was_there_is_written_anew(
    run: Run, model: Path, meeting: Path, expected: Timeline, tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("old" * 10_000, encoding="utf-8")
    assert run("timeline", "--model", model, "-o", path, meeting).status == 0
    assert path.read_bytes().decode() == written(expected, "csv")


# --- who speaks -------------------------------------------------------------------------------


RTTM = (
    "SPEAKER meeting 1 0.000 6.000 <NA> <NA> Anna <NA> <NA>\n"
    "SPEAKER meeting 1 5.500 5.500 <NA> <NA> Bob <NA> <NA>\n"
    "SPEAKER friday 1 0.000 6.000 <NA> <NA> Cy <NA> <NA>\n"
)
WHISPERX = json.dumps(
    {
        "segments": [
            {"start": 0.0, "end": 6.0, "text": "Hello", "speaker": "Anna"},
            {"start": 5.5, "end": 11.0, "text": "Hi", "speaker": "Bob"},
        ]
    }
)
TURNS = [Turn(0.0, 6.0, "Anna"), Turn(5.5, 11.0, "Bob")]


@pytest.mark.parametrize(("name", "content"), [("t.rttm", RTTM), ("t.json", WHISPERX)])
@pytest.mark.parametrize("adapt", [False, True])
def test_who_speaks_is_told(
    run: Run, model: Path, meeting: Path, tmp_path: Path, name: str, content: str, adapt: bool
) -> None:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    options = ["--segments", path, *(["--adapt"] if adapt else [])]
    ended = run("timeline", "--model", model, "--json", *options, meeting)
    wanted = serein.load(model).timeline(str(meeting), turns=TURNS, adapt=adapt)
    value = json.loads(ended.out)
    assert value == wanted.as_dict()
    assert value["enrolled"] == adapt
    assert list(value["speakers"]) == ["Anna", "Bob"]
    shown = run("timeline", "--model", model, *options, meeting).out
    assert "\nAnna: speech " in shown
    assert ("compared with a profile" in shown) == adapt


def test_what_is_written_tells_who_speaks_when(
    run: Run, model: Path, meeting: Path, expected: Timeline, tmp_path: Path
) -> None:
    path = tmp_path / "own.rttm"
    assert run("timeline", "--model", model, "-o", path, meeting).status == 0
    turns = read_turns(path)
    assert len(turns) == len(expected.segments)
    ended = run("timeline", "--model", model, "--json", "--segments", path, meeting)
    assert {one["speaker"] for one in json.loads(ended.out)["windows"]} == {
        turn.speaker for turn in turns
    }


def test_adapting_and_speaker(run: Run, model: Path, meeting: Path, tmp_path: Path) -> None:
    recognizer = serein.load(model)
    profile = tmp_path / "anna.json"
    recognizer.enroll([meeting]).save(profile)
    ended = run("timeline", "--model", model, "--json", "--speaker", profile, meeting)
    speaker = serein.SpeakerProfile.load(profile)
    assert json.loads(ended.out) == recognizer.timeline(str(meeting), speaker=speaker).as_dict()
    ended = run("timeline", "--model", model, "--json", "--adapt", meeting)
    assert json.loads(ended.out) == recognizer.timeline(str(meeting), adapt=True).as_dict()


# --- what cannot be ---------------------------------------------------------------------------


def test_missing_file(run: Run, model: Path, tmp_path: Path) -> None:
    path = tmp_path / "nothing.wav"
    ended = run("timeline", "--model", model, path)
    assert (ended.status, ended.out) == (1, "")
    assert ended.err.startswith(f"serein: error: {path}: There is no file")
    ended = run("timeline", "--model", model, "--json", path)
    assert (ended.status, ended.err) == (1, "")
    value = json.loads(ended.out)
    assert (value["file"], value["error"]["code"]) == (str(path), "not_found")
    out = tmp_path / "out.json"
    for options in ([], ["--format", "json"]):
        ended = run("timeline", "--model", model, "-o", out, *options, path)
        assert (ended.status, ended.out) == (1, "")  # nothing was asked for there
        assert ended.err.startswith("serein: error: ")
    assert files_in(tmp_path) == set()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--format", "mp3"], "the formats are json, csv"),
        (["-o", "out.xyz"], "does not say a format"),
        (["-o", "-"], "does not say a format"),
        (["--json", "--format", "csv"], "contradict each other"),
        (["-o", "a.csv", "-o", "b.srt", "--format", "csv"], "goes with one --output"),
        (["-o", "no/such/folder/a.csv"], "cannot be written; name a file in a folder"),
        (["-o", "clip.wav/a.csv"], "cannot be written; name a file in a folder"),
        (["-o", ".", "--format", "csv"], "cannot be written; name a file in a folder"),
        (["-o", "", "--format", "csv"], "cannot be written; name a file in a folder"),
        (["--plot", "picture.bmp"], ".png"),
        (["--plot", "no/such/folder/a.png"], "cannot be written; name a file in a folder"),
        (["--window", "0.1"], "a window has 0.5 to 30 s"),
        (["--hop", "7"], "a hop has"),
        (["--hop", "nan"], "a hop has"),
        (["--window", "long"], "a valid number"),
        (["--detector", "ears"], "there are model, level, silero"),
        (["--labels", "nothing"], "the views are"),
        (["--segments", "nothing.rttm"], "There is no file at 'nothing.rttm'"),
        (["--segments", "text.rttm"], "text.rttm: "),
        (["--speaker", "nothing.json"], "nothing.json"),
        (["--model", "nothing"], "nothing"),
    ],
)
def test_wrong_usage_is_refused_before_the_file_is_read(
    run: Run,
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clip.wav").write_bytes(b"")
    (tmp_path / "text.rttm").write_text("These are no turns.\n", encoding="utf-8")
    before = files_in(tmp_path)
    # The file is not there, which would be status 1.
    ended = run("timeline", "--model", model, *words, "nothing.wav")
    assert (ended.status, ended.out) == (2, "")
    assert message in " ".join(ended.err.split())
    assert files_in(tmp_path) == before


def test_speaker_and_adapting_are_refused_together(
    run: Run, model: Path, meeting: Path, tmp_path: Path
) -> None:
    profile = tmp_path / "anna.json"
    serein.load(model).enroll([meeting]).save(profile)
    ended = run("timeline", "--model", model, "--speaker", profile, "--adapt", "nothing.wav")
    assert ended.status == 2
    assert "leave one of them out" in ended.err


@pytest.mark.parametrize("name", ["a.csv", "x" * 250 + ".csv"])
def test_place_that_turns_out_unwritable_keeps_nothing(
    run: Run,
    model: Path,
    meeting: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    """The folder was fine when it was looked at, and is full once all is judged."""
    path = tmp_path / name
    path.write_text("old", encoding="utf-8")

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("serein.recognition.timeline.formats.write_timeline", full)
    ended = run("timeline", "--model", model, "-o", path, meeting)
    assert (ended.status, ended.out) == (2, "")
    assert "No space left on device" in ended.err
    assert path.read_text(encoding="utf-8") == "old"
    assert files_in(tmp_path) == {name}


def test_bad_sound_names_its_file(run: Run, model: Path, tmp_path: Path) -> None:
    path = tmp_path / "text.wav"
    path.write_text("No sound is in these words.\n" * 40, encoding="utf-8")
    ended = run("timeline", "--model", model, path)
    assert (ended.status, ended.out) == (1, "")
    assert ended.err.startswith(f"serein: error: {path}: ")


@posix
def test_interrupted(model: Path, tmp_path: Path) -> None:
    """Ctrl-C while it reads from a pipe that does not end."""
    out = tmp_path / "out.csv"
    with subprocess.Popen(
        [*COMMAND, "timeline", "--model", str(model), "-o", str(out), "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    ) as command:
        assert command.stdin is not None
        command.stdin.write(b"RIFF" * 50_000)  # more than a pipe holds: it is being read
        command.stdin.flush()
        time.sleep(0.2)
        command.send_signal(signal.SIGINT)
        found, errors = command.communicate(timeout=30)
    assert (command.returncode, found) == (130, b"")
    assert errors.endswith(b"serein: interrupted\n")
    assert b"Traceback" not in errors
    assert files_in(tmp_path) == set()


def test_interrupted_while_writing(
    model: Path, meeting: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: Timeline, out: io.TextIOBase, *__: Any, **___: Any) -> None:
        out.write("half")
        raise KeyboardInterrupt

    monkeypatch.setattr("serein.recognition.timeline.formats.write_timeline", interrupted)
    words = ["timeline", "--model", model, "-o", tmp_path / "a.csv", meeting]
    assert main([str(word) for word in words]) == 130
    assert files_in(tmp_path) == set()


@posix
@pytest.mark.parametrize("options", [[], ["--json"], ["--format", "csv"]])
def test_reader_that_goes_away(model: Path, tmp_path: Path, options: list[str]) -> None:
    path = tmp_path / "long.wav"
    soundfile.write(path, np.tile(talk(60.0, seed=1), 5), RATE)
    small = ["--window", "1", "--hop", "0.5"]
    with subprocess.Popen(
        [*COMMAND, "timeline", "--model", str(model), *options, *small, str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    ) as command:
        assert command.stdout is not None
        assert command.stderr is not None
        command.stdout.close()
        errors = command.stderr.read()
    assert command.returncode == 141
    assert errors == b""


def test_fault_of_our_own_is_no_error_of_the_file(
    model: Path, meeting: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> Timeline:
        raise ValueError("ours")

    monkeypatch.setattr("serein.recognition.timeline.recording.make_timeline", fail)
    with pytest.raises(ValueError, match="ours") as caught:
        main(["timeline", "--model", str(model), str(meeting)])
    assert not isinstance(caught.value, SereinError)


def test_what_is_read_is_not_written_over(
    run: Run, model: Path, meeting: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "meeting.wav"
    copy.write_bytes(meeting.read_bytes())
    turns = tmp_path / "turns.rttm"
    turns.write_text("SPEAKER meeting 1 0 9 <NA> <NA> anna <NA> <NA>\n", encoding="utf-8")
    for written in (copy, turns):
        options = ("--segments", turns, "-o", written, "--format", "csv")
        ended = run("timeline", "--model", model, copy, *options)
        assert ended.status == 2
        assert "is what is read" in ended.err
    assert copy.read_bytes() == meeting.read_bytes()


def test_files_of_one_name_are_refused(
    run: Run, model: Path, meeting: Path, tmp_path: Path
) -> None:
    name = tmp_path / "both.svg"
    ended = run(
        "timeline", "--model", model, meeting, *("-o", name, "--format", "json"), "--plot", name
    )
    assert ended.status == 2
    assert "given twice" in ended.err
    assert files_in(tmp_path) == set()


@posix
def test_a_device_is_written_to_as_it_is(run: Run, model: Path, meeting: Path) -> None:
    ended = run("timeline", "--model", model, meeting, "-o", os.devnull, "--format", "csv")
    assert ended.status == 0
    assert Path(os.devnull).is_char_device()


def test_turns_of_another_recording_are_told(
    run: Run, model: Path, meeting: Path, tmp_path: Path
) -> None:
    turns = tmp_path / "other.rttm"
    turns.write_text("SPEAKER other 1 900 5 <NA> <NA> anna <NA> <NA>\n", encoding="utf-8")
    ended = run("timeline", "--model", model, meeting, "--segments", turns)
    assert "None of the turns lies within" in ended.err
