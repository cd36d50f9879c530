"""``serein live`` as a person at a terminal meets it."""

from __future__ import annotations

import re
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import soundfile

from tests.builders import speech_like
from tests.cli.conftest import COMMAND

if sys.platform == "win32":
    pytest.skip("Windows has no such terminals", allow_module_level=True)

if TYPE_CHECKING or sys.platform != "win32":
    from tests.cli.terminal import Terminal

OPTIONS = ["--window", "0.5", "--hop", "0.1"]
SHOW_CURSOR = "\x1b[?25h"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "voice.wav"
    soundfile.write(path, speech_like(1.5, seed=4), 16_000)
    return path


@pytest.fixture(scope="module")
def hour(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nobody waits for its end."""
    path = tmp_path_factory.mktemp("hour") / "voice.flac"
    with soundfile.SoundFile(path, "w", 8_000, 1) as file:
        minute = speech_like(60.0, 8_000)
        for _ in range(60):
            file.write(minute)
    return path


def live(bundle: Path, file: Path, *options: str, **settings: int | str) -> Terminal:
    arguments = ["live", "--model", bundle, "--file", file, *OPTIONS, *options]
    return Terminal(*COMMAND, *arguments, **settings)  # type: ignore[arg-type]


def bars(frames: list[str]) -> list[str]:
    """The line of one emotion in each frame that has one."""
    return [line for frame in frames for line in frame.splitlines() if line.startswith("  happy")]


def elapsed(frame: str) -> str:
    found = re.search(r"(?:reading|paused) +(\d:\d\d\.\d)", frame)
    return found[1] if found else ""


def test_bars_move_and_the_end_sums_up(bundle: Path, clip: Path) -> None:
    with live(bundle, clip) as terminal:
        assert terminal.end() == 0
        assert len(set(bars(terminal.frames))) >= 5
        moving = [frame for frame in terminal.frames if "last minute" in frame]
        times = list(dict.fromkeys(map(elapsed, moving)))  # the last is drawn twice
        assert times == [f"0:0{tenth / 10}" for tenth in range(1, 16)]
        assert {"●" in frame for frame in moving} == {True, False}  # the dot blinks
        assert "listening" in moving[0]
        assert "space pause   q quit" in moving[0]
        assert re.search(r"-\d\d dBFS", moving[5])
        assert terminal.frames[-1].startswith("0:01.5 heard, somebody spoke in ")
        assert terminal.restored
        assert SHOW_CURSOR in terminal.drawn


def test_pause_go_on_and_quit(bundle: Path, hour: Path) -> None:
    with live(bundle, hour) as terminal:
        terminal.until(lambda frames: "reading" in frames[-1])
        assert not terminal.restored  # a key is heard without Enter
        terminal.press(" ")
        terminal.until(lambda frames: "paused" in frames[-1])
        paused = len(terminal.frames)
        terminal.until(lambda frames: len(frames) > paused + 3)
        assert len({elapsed(frame) for frame in terminal.frames[paused - 1 : -1]}) == 1
        assert "space go on" in terminal.frames[-2]
        terminal.press(" ")
        terminal.until(lambda frames: "reading" in frames[-1])
        going_on = len(terminal.frames)
        terminal.until(lambda frames: len(frames) > going_on + 3)
        assert elapsed(terminal.frames[-2]) > elapsed(terminal.frames[paused])
        terminal.press("q")
        assert terminal.end() == 0
        assert " heard, somebody spoke in " in terminal.frames[-1]
        assert terminal.restored


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 128 + signal.SIGTERM)]
)
def test_signals_leave_the_terminal_as_it_was(
    bundle: Path, hour: Path, number: signal.Signals, status: int
) -> None:
    with live(bundle, hour) as terminal:
        terminal.until(lambda frames: "reading" in frames[-1])
        if number == signal.SIGINT:
            terminal.press("\x03")
        else:
            terminal.process.send_signal(number)
        assert terminal.end() == status
        assert " heard" in terminal.frames[-1]
        assert terminal.restored
        assert SHOW_CURSOR in terminal.drawn


def test_narrow_terminal_without_utf8(bundle: Path, clip: Path) -> None:
    settings = {"PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii", "NO_COLOR": "1"}
    with live(bundle, clip, columns=40, **settings) as terminal:
        assert terminal.end() == 0
        moving = [frame for frame in terminal.frames if "last minute" in frame]
        assert len(moving) >= 15
        assert all(frame.isascii() for frame in moving)
        assert max(len(line) for frame in moving for line in frame.splitlines()) <= 40
        assert "#" in bars(terminal.frames)[-1]
        strip = next(line for line in moving[-1].splitlines() if "last minute" in line)
        assert set(strip.removeprefix("last minute")) & set("ahns.")  # letters stand for colours


def test_terminal_that_cannot_draw_gets_lines(bundle: Path, clip: Path) -> None:
    with live(bundle, clip, TERM="dumb") as terminal:
        assert terminal.end() == 0
        assert re.match(r"0:00\.0-0:00\.5  \w+", terminal.drawn)
        assert "\x1b" not in terminal.drawn


def test_json_in_a_terminal_heeds_the_keys(bundle: Path, hour: Path) -> None:
    with live(bundle, hour, "--json") as terminal:
        terminal.until(lambda frames: '"speech"' in frames[-1])
        terminal.press("Q")
        assert terminal.end() == 0
        assert terminal.restored


SHELL = """
import os, signal, subprocess, sys, termios, time
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
def in_front():
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpid())
child = subprocess.Popen(sys.argv[1:], preexec_fn=in_front)
while True:
    _, status = os.waitpid(child.pid, os.WUNTRACED)
    if not os.WIFSTOPPED(status):
        break
    os.tcsetpgrp(0, os.getpid())
    echo = bool(termios.tcgetattr(0)[3] & termios.ECHO)
    print(f"stopped by {os.WSTOPSIG(status)}, echo {echo}", flush=True)
    os.tcsetpgrp(0, child.pid)
    os.killpg(child.pid, signal.SIGCONT)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def test_suspended_and_brought_back(bundle: Path, hour: Path) -> None:
    """Ctrl-Z gives the terminal back as a shell expects it, and 'fg' goes on drawing."""
    arguments: list[str | Path] = [*COMMAND, "live", "--model", bundle, "--file", hour, *OPTIONS]
    with Terminal(sys.executable, "-c", SHELL, *arguments) as terminal:
        terminal.until(lambda frames: "reading" in frames[-1])
        terminal.press("\x1a")
        terminal.until(lambda frames: any("stopped by" in frame for frame in frames))
        assert f"stopped by {signal.SIGTSTP.value}, echo True" in terminal.drawn
        stopped = len(terminal.frames)
        terminal.until(lambda frames: len(frames) > stopped + 3 and "reading" in frames[-1])
        terminal.press("q")
        assert terminal.end() == 0
        assert terminal.restored
