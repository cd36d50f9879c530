"""``serein live`` without ``--once``: what it judges, whatever shows it."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from serein import Recognizer, SpeakerProfile, load
from serein.audio import Source
from serein.cli import live_sound
from serein.cli.live_lines import JsonLines
from serein.cli.live_screen import last_minute, meter
from serein.cli.live_session import Moment, Session, Told
from serein.cli.live_sound import Clock, from_file, from_microphone
from serein.cli.output import stamp
from serein.recognition.timeline.results import Window
from serein.recognition.timeline.stream import Stream
from tests.audio.portaudio import FakeSounddevice, Machine
from tests.builders import build_bundle, speech_like
from tests.cli.conftest import Run, process

RATE = 16_000
OPTIONS = ["--window", "1", "--hop", "0.5"]


class Slept:
    """A clock that does not wait, but counts what it would have waited."""

    def __init__(self) -> None:
        self.time = 100.0

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.time += seconds

    @property
    def clock(self) -> Clock:
        return Clock(now=lambda: self.time, sleep=self.sleep)


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> Slept:
    slept = Slept()
    monkeypatch.setattr(live_sound, "Clock", lambda: slept.clock)
    return slept


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Speech, silence, speech: 5.2 s in stereo at another rate than the model's."""
    path = tmp_path_factory.mktemp("talk") / "talk.flac"
    parts = [speech_like(2.0, 22_050, seed=1), np.zeros(33_075, np.float32)]
    sound = np.concatenate([*parts, speech_like(1.7, 22_050, seed=2)])
    soundfile.write(path, np.stack([sound, 0.5 * sound], axis=1), 22_050)
    return path


def timeline(
    recognizer: Recognizer, source: Source, speaker: SpeakerProfile | None = None
) -> list[Window]:
    return list(recognizer.timeline(source, window=1.0, hop=0.5, speaker=speaker).windows)


def stream_of(recognizer: Recognizer, sampling_rate: int) -> Stream:
    return recognizer.stream(sampling_rate=sampling_rate, window=1.0, hop=0.5)


def assert_same(shown: list[dict[str, Any]], windows: list[Window]) -> None:
    assert len(shown) == len(windows)
    for one, window in zip(shown, windows, strict=True):
        expected = window.as_dict()
        assert one["label"] == expected["label"]
        assert one["decided"] == expected["decided"]
        for name in ("start", "end", "speech"):
            assert one[name] == pytest.approx(expected[name], abs=1e-5)
        for name in ("probabilities", "sex"):
            known = expected[name]
            assert one[name] == (known and pytest.approx(known, abs=1e-5))


def test_json_is_the_time_line_at_the_pace_of_the_sound(
    run: Run, bundle: Path, talk: Path, slept: Slept
) -> None:
    ended = run("live", "--file", talk, "--json", "--model", bundle, *OPTIONS)
    assert ended.status == 0
    shown = [json.loads(line) for line in ended.out.splitlines()]
    assert_same(shown, timeline(load(bundle), str(talk)))
    assert slept.time == pytest.approx(100.0 + 5.2, abs=1e-3)
    assert {one["label"] is None for one in shown} == {True, False}
    assert ended.err.startswith("serein: 0:05.2 heard, somebody spoke in ")


def test_label_view_and_profile(
    run: Run, bundle: Path, talk: Path, clips: list[Path], slept: Slept, tmp_path: Path
) -> None:
    recognizer = load(bundle)
    profile = recognizer.enroll(clips)
    profile.save(tmp_path / "anna.json")
    settings = ["--labels", "three", "--speaker", tmp_path / "anna.json", "--model", bundle]
    ended = run("live", "--file", talk, "--json", *settings, *OPTIONS)
    shown = [json.loads(line) for line in ended.out.splitlines()]
    windows = timeline(recognizer, str(talk), profile)
    assert_same(shown, windows)
    for one, window in zip(shown, windows, strict=True):
        view = window.view("three")
        assert (one["view"] and one["view"]["label"]) == (view and view.label)


def test_lines_for_people(run: Run, bundle: Path, talk: Path, slept: Slept) -> None:
    ended = run("live", "--file", talk, "--top", "2", "--model", bundle, *OPTIONS)
    lines = ended.out.splitlines()
    windows = timeline(load(bundle), str(talk))
    for line, window in zip(lines, windows, strict=True):
        assert line.startswith(f"{stamp(window.start)}-{stamp(window.end)}  ")
        if window.probabilities is None:
            assert line.endswith("  nobody speaks")
            continue
        (first, most), (second, _) = sorted(
            window.probabilities.items(), key=lambda item: -item[1]
        )[:2]
        assert f"{first} {most:.0%}  {second}" in line
        assert ("not sure" in line) is not window.decided


def test_unsure_judgements_are_named_and_counted(
    run: Run, tmp_path: Path, talk: Path, slept: Slept
) -> None:
    model = build_bundle(tmp_path / "shy", minimum_confidence=0.999)
    ended = run("live", "--file", talk, "--model", model, *OPTIONS)
    assert "  not sure; most likely " in ended.out
    assert ended.err.splitlines()[-1] == "serein: not sure 100%"


def test_summary_counts_what_was_shown(run: Run, bundle: Path, talk: Path, slept: Slept) -> None:
    ended = run("live", "--file", talk, "--json", "--model", bundle, *OPTIONS)
    labels = [json.loads(line)["label"] for line in ended.out.splitlines()]
    spoken = [label for label in labels if label is not None]
    heard, shares = ended.err.splitlines()
    assert heard.endswith(f"somebody spoke in {len(spoken) / len(labels):.0%} of it")
    found = dict(re.findall(r"(\w+) (\d+%)", shares))
    assert found == {one: f"{spoken.count(one) / len(spoken):.0%}" for one in set(spoken)}


def test_shorter_than_a_window_and_without_samples(
    run: Run, bundle: Path, slept: Slept, tmp_path: Path
) -> None:
    soundfile.write(tmp_path / "short.wav", speech_like(0.73), RATE)
    ended = run("live", "--file", tmp_path / "short.wav", "--json", "--model", bundle)
    (shown,) = map(json.loads, ended.out.splitlines())
    assert (shown["start"], shown["end"]) == (0.0, 0.73)
    soundfile.write(tmp_path / "none.wav", np.zeros(0, np.float32), RATE)
    ended = run("live", "--file", tmp_path / "none.wav", "--model", bundle)
    assert (ended.status, ended.out) == (1, "")
    assert ended.err == f"serein: error: {tmp_path / 'none.wav'}: The file holds no samples.\n"


def test_files_that_fail(run: Run, bundle: Path, slept: Slept, tmp_path: Path, talk: Path) -> None:
    missing = tmp_path / "no.wav"
    ended = run("live", "--file", missing, "--json", "--model", bundle)
    assert (ended.status, ended.err) == (1, "")
    value = json.loads(ended.out)
    assert (value["file"], value["error"]["code"]) == (str(missing), "not_found")
    (tmp_path / "cut.flac").write_bytes(talk.read_bytes()[: talk.stat().st_size * 2 // 3])
    ended = run("live", "--file", tmp_path / "cut.flac", "--model", bundle, *OPTIONS)
    assert ended.status == 0
    assert f"warning: {tmp_path / 'cut.flac'}: the file is cut short" in ended.err
    assert len(ended.out.splitlines()) >= 2


def test_channels_that_cancel_are_told(
    run: Run, bundle: Path, slept: Slept, tmp_path: Path
) -> None:
    voice = speech_like(1.5)
    soundfile.write(tmp_path / "wide.wav", np.stack([voice, -voice], axis=1), RATE)
    ended = run("live", "--file", tmp_path / "wide.wav", "--model", bundle)
    assert "its channels cancel each other" in ended.err


def test_standard_input_without_waiting_for_a_key(bundle: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "clip.wav", speech_like(0.6), RATE)
    content = (tmp_path / "clip.wav").read_bytes()
    ended = process("live", "--file", "-", "--json", "--model", str(bundle), stdin=content)
    assert ended.status == 0
    assert json.loads(ended.out)["end"] == pytest.approx(0.6)


class Noted:
    """A display that keeps everything."""

    def __init__(self) -> None:
        self.windows: list[Window] = []
        self.moments: list[Moment] = []
        self.told: Told | None = None

    def window(self, window: Window) -> None:
        self.windows.append(window)

    def moment(self, moment: Moment) -> None:
        self.moments.append(moment)

    def hide(self) -> None:
        """Nothing is shown."""

    def end(self, told: Told) -> None:
        self.told = told


class Pressing:
    """Keys that are pressed after so many blocks."""

    def __init__(self, **after: str) -> None:
        self._after = {int(block.removeprefix("after_")): key for block, key in after.items()}
        self._asked = -1

    def pressed(self) -> str:
        self._asked += 1
        return self._after.get(self._asked, "")

    def suspend(self) -> None:
        raise AssertionError


def test_paused_file_is_not_read_on(bundle: Path, talk: Path) -> None:
    """What comes after the pause is what would have come without it."""
    recognizer, slept, noted = load(bundle), Slept(), Noted()
    with from_file(str(talk), "talk", limits=recognizer.limits, clock=slept.clock) as heard:
        stream = stream_of(recognizer, heard.sampling_rate)
        Session(heard, stream, noted, Pressing(after_15=" ", after_40=" ")).run()
    expected = timeline(recognizer, str(talk))
    assert_same([window.as_dict() for window in noted.windows], expected)
    assert slept.time == pytest.approx(100.0 + 5.2 + 2.5, abs=1e-3)
    assert [moment.paused for moment in noted.moments[15:40]] == [True] * 25
    assert {round(moment.elapsed, 6) for moment in noted.moments[14:40]} == {1.5}
    assert noted.told is not None
    assert noted.told.elapsed == pytest.approx(5.2, abs=1e-3)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A microphone that hears 4.8 s of somebody and is unplugged."""
    sound = speech_like(4.8, RATE, seed=3)[:, np.newaxis]
    machine = Machine("USB Headset", inputs=1, sound=sound, dies=True)
    monkeypatch.setitem(sys.modules, "sounddevice", FakeSounddevice(machine))
    return machine


BLOCK = 4 * 480
"""Frames that come at once: so many of the device's blocks that they reach 0.1 s."""


def shifted(windows: Iterable[Window], frames: int) -> list[Window]:
    seconds = frames / RATE
    return [replace(one, start=one.start + seconds, end=one.end + seconds) for one in windows]


def test_what_is_said_in_a_pause_is_left_out(bundle: Path, machine: Machine) -> None:
    """Before and after it there are two sounds; no window has something of both."""
    recognizer, noted = load(bundle), Noted()
    with from_microphone(0) as heard:
        stream = stream_of(recognizer, heard.sampling_rate)
        keys = Pressing(after_13=" ", after_20=" ", after_39="q")
        Session(heard, stream, noted, keys).run()
    voice = machine.sound[:, 0]
    pause, end, left = 13 * BLOCK, 20 * BLOCK, 39 * BLOCK
    before = timeline(recognizer, (voice[:pause], RATE))
    after = timeline(recognizer, (voice[end:left], RATE))
    expected = [*before, *shifted(after, pause)]
    assert_same([window.as_dict() for window in noted.windows], expected)
    levels = [moment.level for moment in noted.moments if moment.paused]
    assert levels == [-np.inf] * 7
    assert noted.moments[-1].elapsed == pytest.approx((pause + left - end) / RATE)


def test_unplugged_in_the_middle(run: Run, bundle: Path, machine: Machine) -> None:
    ended = run("live", "--json", "--model", bundle, *OPTIONS)
    assert ended.status == 1
    listening, heard, _, error = ended.err.splitlines()
    assert listening == "serein: listening to 'USB Headset'; Ctrl-C ends it"
    assert heard.startswith("serein: 0:04.8 heard")
    assert error.startswith("serein: error: 'USB Headset' stopped while listening.")
    stream = stream_of(load(bundle), RATE)
    assert_same([json.loads(line) for line in ended.out.splitlines()], stream.push(machine.sound))
    library: Any = sys.modules["sounddevice"]
    assert [one.closed for one in library.streams] == [True]


class Losing:
    """A sound of which a second is lost before one of its blocks."""

    def __init__(self, sound: npt.NDArray[np.float32], before: int) -> None:
        self.name, self.sampling_rate, self.gaps, self.lost = "losing", RATE, 0, 0.0
        self._blocks = iter(np.array_split(sound, len(sound) // 1600))
        self._left = before

    def take(self, *, paused: bool) -> npt.NDArray[np.float32] | None:
        assert not paused
        self._left -= 1
        if self._left == -1:
            self.gaps, self.lost = 1, 1.0
        return next(self._blocks, None)


def test_no_window_spans_what_was_lost(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recognizer, noted, voice = load(bundle), Noted(), speech_like(4.0, RATE, seed=5)
    stream = stream_of(recognizer, RATE)
    Session(Losing(voice, 18), stream, noted, Pressing()).run()
    before = timeline(recognizer, (voice[: 18 * 1600], RATE))
    after = timeline(recognizer, (voice[18 * 1600 :], RATE))
    expected = [*before, *shifted(after, 18 * 1600)]
    assert_same([window.as_dict() for window in noted.windows], expected)
    assert [moment.lost for moment in noted.moments] == [0.0] * 18 + [1.0] * 22
    assert noted.told is not None
    JsonLines(None).end(noted.told)
    assert capsys.readouterr().err.splitlines()[-1].startswith("serein: 1.0 s were lost: ")


def test_interrupt_sums_up(
    run: Run, bundle: Path, talk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept = Slept()

    def sleep(seconds: float) -> None:
        slept.sleep(seconds)
        if slept.time > 103.0:
            raise KeyboardInterrupt

    monkeypatch.setattr(live_sound, "Clock", lambda: Clock(lambda: slept.time, sleep))
    ended = run("live", "--file", talk, "--json", "--model", bundle, *OPTIONS)
    assert ended.status == 130
    assert [json.loads(line)["end"] for line in ended.out.splitlines()] == [
        pytest.approx(1.0 + 0.5 * index) for index in range(4)
    ]
    assert ended.err.splitlines()[0].startswith("serein: 0:03.0 heard")
    assert ended.err.splitlines()[-1] == "serein: interrupted"


def test_late_file_does_not_hurry(talk: Path, bundle: Path) -> None:
    """Who stopped for a minute hears on at the same pace."""
    slept = Slept()
    with from_file(str(talk), "talk", limits=load(bundle).limits, clock=slept.clock) as heard:
        heard.take(paused=False)
        slept.time += 60.0
        for _ in range(11):
            heard.take(paused=False)
    assert slept.time == pytest.approx(100.0 + 0.1 + 60.0 + 1.0)  # one came while it stopped


def test_strip_of_the_last_minute() -> None:
    """One column a second here; what is later stands over what was before."""
    past = [(0.0, 3.0, "happy"), (3.0, 3.5, "sad"), (3.5, 4.0, "")]
    assert last_minute(past[:1], 3.0, 60) == [" "] * 57 + ["happy"] * 3
    assert last_minute(past, 4.0, 60) == [" "] * 56 + ["happy"] * 3 + [""]
    assert last_minute(past[:2], 61.0, 60) == ["happy"] * 2 + ["sad"] + [" "] * 57
    assert last_minute(past, 100.0, 60) == [" "] * 60


def test_level_meter() -> None:
    levels = [-np.inf, -60.0, -30.0, 0.0, 3.0]
    drawn = [meter(level, 10, blocks=False) for level in levels]
    assert [bar.count("#") for bar in drawn] == [0, 0, 5, 10, 10]


def test_stamp() -> None:
    assert [stamp(0.0), stamp(59.96), stamp(3599.94)] == ["0:00.0", "1:00.0", "59:59.9"]
    assert stamp(36_000.0) == "10:00:00.0"
