from __future__ import annotations

import _thread
import json
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.audio.portaudio import FakeSounddevice, Machine
from tests.builders import build_bundle, speech_like
from tests.cli.conftest import Run, process


@pytest.fixture
def machines(monkeypatch: pytest.MonkeyPatch) -> tuple[Machine, Machine]:
    """A microphone that hears somebody, and a loudspeaker."""
    sound = speech_like(3.0, seed=3)[:, np.newaxis]
    both = Machine("USB Headset", inputs=1, sound=sound), Machine("Screen", outputs=2)
    monkeypatch.setitem(sys.modules, "sounddevice", FakeSounddevice(*both))
    return both


def test_record_hear_and_judge(
    run: Run, bundle: Path, machines: tuple[Machine, Machine], tmp_path: Path
) -> None:
    ended = run("live", "--once", "2", "--json", "--model", bundle)
    assert ended.status == 0
    said = ["serein: recording 2 s from 'USB Headset', speak now", "serein: playing it back"]
    assert ended.err.splitlines() == said
    clip = speech_like(3.0, seed=3)[:32_000]
    np.testing.assert_array_equal(np.concatenate(machines[1].played)[:32_000, 0], clip)
    assert json.loads(ended.out)["file"] == "microphone"
    # The same judgement as of the same clip in a file.
    soundfile.write(tmp_path / "microphone", clip, 16_000, format="WAV", subtype="FLOAT")
    judged = json.loads(run("predict", "--json", "--model", bundle, tmp_path / "microphone").out)
    assert json.loads(ended.out) == judged | {"file": "microphone"}


def test_for_people_as_predict_prints_it(
    run: Run, bundle: Path, machines: tuple[Machine, Machine], tmp_path: Path
) -> None:
    soundfile.write(tmp_path / "clip.wav", machines[0].sound[:16_000], 16_000, subtype="FLOAT")
    options = ["--top", "2", "--labels", "three", "--model", str(bundle)]
    expected = run("predict", *options, tmp_path / "clip.wav").out
    shown = run("live", "--once", "1", "--no-play", *options)
    assert shown.out == expected.replace(str(tmp_path / "clip.wav"), "microphone")
    assert machines[1].played == []
    assert "playing" not in shown.err


def test_with_a_profile(
    run: Run, bundle: Path, machines: tuple[Machine, Machine], clips: list[Path], tmp_path: Path
) -> None:
    profile = tmp_path / "anna.json"
    assert run("enroll", *clips, "-o", profile, "--model", bundle).status == 0
    arguments = ["live", "--once", "2", "--no-play", "--model", str(bundle)]
    assert "enrolled speaker" in run(*arguments, "--speaker", profile).out
    assert "enrolled speaker" not in run(*arguments).out


def test_file_in_the_place_of_the_microphone(
    run: Run, bundle: Path, clips: list[Path], machines: tuple[Machine, Machine]
) -> None:
    judged = run("predict", "--json", "--model", bundle, clips[0])
    for seconds in ("2", "60"):  # the clip has just two
        once = run("live", "--once", seconds, "--file", clips[0], "--json", "--model", bundle)
        assert once == judged
    people = run("live", "--once", "4", "--file", clips[0], "--model", bundle)
    assert people == run("predict", "--model", bundle, clips[0])
    assert machines[1].played == []


def test_first_seconds_of_a_longer_file(
    run: Run, bundle: Path, clips: list[Path], tmp_path: Path
) -> None:
    once = run("live", "--once", "0.75", "--file", clips[0], "--json", "--model", bundle)
    samples, rate = soundfile.read(clips[0], dtype="int16")
    soundfile.write(tmp_path / "first.wav", samples[:12_000], rate, subtype="PCM_16")
    judged = json.loads(run("predict", "--json", "--model", bundle, tmp_path / "first.wav").out)
    assert json.loads(once.out) == judged | {"file": str(clips[0])}


def test_first_seconds_of_hours(run: Run, bundle: Path, tmp_path: Path) -> None:
    """What is too long to be judged whole begins like any other."""
    rate = 8_000
    path = tmp_path / "hours.flac"
    with soundfile.SoundFile(path, "w", rate, 1) as file:
        file.write(speech_like(2.0, rate))
        silence = np.zeros(rate * 600, np.int16)
        for _ in range(13):
            file.write(silence)
    assert run("predict", "--model", bundle, path).status == 1
    once = run("live", "--once", "2", "--file", path, "--json", "--model", bundle)
    assert json.loads(once.out)["duration"] == 2.0


def test_standard_input(bundle: Path, clips: list[Path]) -> None:
    content = clips[0].read_bytes()
    options = ["--json", "--model", str(bundle)]
    once = process("live", "--once", "3", "--file", "-", *options, stdin=content)
    assert once == process("predict", *options, "-", stdin=content)


def test_file_that_fails(run: Run, bundle: Path, tmp_path: Path) -> None:
    missing = tmp_path / "no.wav"
    once = run("live", "--once", "3", "--file", missing, "--json", "--model", bundle)
    assert once == run("predict", "--json", "--model", bundle, missing)
    assert once.status == 1
    (tmp_path / "silly.wav").write_bytes(b"RIFF nothing else")
    shown = run("live", "--once", "3", "--file", tmp_path / "silly.wav", "--model", bundle)
    assert (shown.status, shown.out) == (1, "")
    assert shown.err.startswith(f"serein: error: {tmp_path / 'silly.wav'}: ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--no-play"], "leave out --no-play"),
        (["--file", "x.wav", "--device", "0"], "leave out --device"),
        (["--device", "Bluetooth"], "there are 0 'USB Headset'"),
        (["--window", "0.1"], "a window has 0.5 to 30 s, not 0.1"),
        (["--hop", "4"], "up to the window's 3 s"),
        (["--file", "no.wav", "--hop", "0"], "a hop has 0.05 s"),
        (["--once", "1", "--hop", "1"], "leave out --window and --hop"),
        (["--once", "1", "--window", "1"], "leave out --window and --hop"),
        (["--once", "0.4"], "0.5 to 60 s, not 0.4"),
        (["--once", "61"], "0.5 to 60 s, not 61"),
        (["--once", "nan"], "0.5 to 60 s, not nan"),
        (["--once", "long"], "--once"),
        (["--once", "1", "--file", "x.wav", "--device", "0"], "leave out --device"),
        (["--once", "1", "--device", "Bluetooth"], "there are 0 'USB Headset'"),
        (["--once", "1", "--labels", "nine"], "the views are all"),
        (["--once", "1", "--model", "no-such-model"], "there is no model"),
    ],
)
def test_wrong_usage(
    run: Run, machines: tuple[Machine, Machine], arguments: list[str], message: str
) -> None:
    ended = run("live", *arguments)
    assert (ended.status, ended.out) == (2, "")
    assert message in ended.err
    assert "speak now" not in ended.err
    assert "heard" not in ended.err


def test_without_a_microphone(
    run: Run, bundle: Path, monkeypatch: pytest.MonkeyPatch, clips: list[Path]
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", FakeSounddevice())
    for once in (["--once", "1"], []):
        ended = run("live", *once, "--model", bundle)
        assert (ended.status, ended.out) == (1, "")
        assert "There is no microphone" in ended.err
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    for once in (["--once", "1"], []):
        ended = run("live", *once, "--model", bundle)
        assert (ended.status, ended.out) == (1, "")
        assert 'pip install "serein[microphone]"' in ended.err
    # A file needs neither.
    assert run("live", "--once", "1", "--file", clips[0], "--model", bundle).status == 0


def test_busy_microphone_lets_nobody_speak(
    run: Run, bundle: Path, machines: tuple[Machine, Machine]
) -> None:
    machines[0].busy = True
    for once in (["--once", "1"], []):
        ended = run("live", *once, "--model", bundle)
        assert (ended.status, ended.out) == (1, "")
        assert "it is busy" in ended.err
        assert "speak now" not in ended.err
        assert "listening" not in ended.err


def test_without_a_loudspeaker_it_is_still_judged(
    run: Run, bundle: Path, machines: tuple[Machine, Machine]
) -> None:
    machines[1].busy = True
    ended = run("live", "--once", "1", "--json", "--model", bundle)
    assert ended.status == 0
    assert json.loads(ended.out)["file"] == "microphone"
    assert "serein: warning: not played back: " in ended.err


@pytest.fixture
def _interruptible() -> Iterator[None]:
    """Ctrl-C is heeded even where the tests run in the background and do not heed it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interruptible")
def test_interrupt_while_recording(
    run: Run, bundle: Path, machines: tuple[Machine, Machine], monkeypatch: pytest.MonkeyPatch
) -> None:
    def hear(channels: int) -> Iterator[Any]:
        yield np.zeros((480, channels), np.float32)
        _thread.interrupt_main()
        while True:
            yield np.zeros((48, channels), np.float32)

    monkeypatch.setattr(machines[0], "heard", hear)
    ended = run("live", "--once", "60", "--model", bundle)
    assert (ended.status, ended.out) == (130, "")
    assert ended.err.splitlines()[-1] == "serein: interrupted"
    library: Any = sys.modules["sounddevice"]
    assert [stream.closed for stream in library.streams] == [True]


def test_meter_of_a_terminal(
    run: Run, bundle: Path, machines: tuple[Machine, Machine], monkeypatch: pytest.MonkeyPatch
) -> None:
    machines[0].sound[:16_000] = 0.0
    machines[0].sound[16_000:] = 1.0
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    ended = run("live", "--once", "2", "--no-play", "--json", "--model", bundle)
    drawn = re.findall(r"m([ █]*)\x1b\[0m\x1b\[2m (\d\.\d) s left", ended.err)
    assert drawn[0] == (" " * 32, "2.0")
    assert drawn[-1] == ("█" * 32, "0.0")
    left = [float(seconds) for _, seconds in drawn]
    assert left == sorted(left, reverse=True)


def test_help_says_what_the_library_allows(run: Run, tmp_path: Path) -> None:
    from serein.audio.microphone import DURATIONS

    shortest, longest = DURATIONS
    assert f"{shortest:g} to {longest:g}" in " ".join(run("live", "--help").out.split())
    model = build_bundle(tmp_path / "sexless", sex=False)
    ended = run("live", "--once", "1", "--labels", "sex-emotion", "--model", model)
    assert (ended.status, ended.out) == (2, "")
