from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from serein import __version__
from serein.cli.commands import COMMANDS, LazyGroup, _import_command
from serein.cli.output import printable
from tests.cli.conftest import COMMAND, Run, environment, process

posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals and pipes")


def test_version_and_help_are_results(run: Run) -> None:
    assert run("--version").out == f"serein {__version__}\n"
    shown = run("--help")
    assert (shown.status, shown.err) == (0, "")
    for name, entry in COMMANDS.items():
        assert name in shown.out
        assert entry.summary in shown.out


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_has_help_with_an_example(run: Run, name: str) -> None:
    shown = run(name, "--help")
    assert shown.status == 0
    command = _import_command(name)
    for inner in getattr(command, "commands", {}):
        assert f"Example: serein {name} {inner}" in run(name, inner, "--help").out
    if not hasattr(command, "commands"):
        assert f"Example: serein {name}" in shown.out


def test_the_table_names_commands_that_exist() -> None:
    for name in COMMANDS:
        assert _import_command(name) is not None
    assert LazyGroup(name="x").get_command(None, "nothing") is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["predikt"], "did you mean 'predict'?"),
        (["xyzzy"], "see 'serein --help'"),
        (["--bogus"], "No such option"),
        (["predict"], "Missing argument"),
        (["predict", "--top", "0", "x.wav"], "--top"),
        (["predict", "--top", "many", "x.wav"], "--top"),
        (["enroll", "x.wav"], "Missing option"),
        (["predict", "--labels", "nine", "x.wav"], "the views are all, three"),
        (["predict", "--model", "no-such-model", "x.wav"], "there is no model 'no-such-model'"),
        (["models", "info", "no-such-model"], "there is no model"),
        (["corpora", "info", "no-such-corpus"], "no known corpus"),
    ],
)
def test_wrong_usage(run: Run, arguments: list[str], message: str) -> None:
    ended = run(*arguments)
    assert (ended.status, ended.out) == (2, "")
    assert message in ended.err
    assert ended.err.startswith("serein: error: ")
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("arguments", [[], ["models"], ["corpora"]])
def test_without_a_command_the_help_is_an_error(run: Run, arguments: list[str]) -> None:
    ended = run(*arguments)
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith("Usage: serein")


def test_what_a_command_does_not_need_is_not_imported(bundle: Path, clips: list[Path]) -> None:
    program = """
import sys
from serein.cli.main import main
main(sys.argv[1:])
print(*(name for name in sys.modules if name.startswith(("serein.", "rich", "pydantic"))))
"""
    arguments = ["predict", "--json", str(clips[0]), "--model", str(bundle)]
    ended = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True
    )
    loaded = set(ended.stdout.splitlines()[-1].split())
    assert "serein.cli.predict" in loaded
    assert not loaded & {"rich", "serein.cli.console", "serein.cli.models", "serein.corpora"}
    # Loaded by some versions of typer for every value, which would double the start.
    assert "pydantic" not in loaded


def test_options_that_need_a_check_still_get_it(
    run: Run, clips: list[Path], bundle: Path, tmp_path: Path
) -> None:
    profile = tmp_path / "p.json"
    assert run("enroll", clips[0], "-o", profile, "--model", bundle).status == 0
    assert profile.is_file()


@pytest.fixture
def _interruptible() -> Iterator[None]:
    """Commands begun here heed Ctrl-C, even where the tests run in the background and do not."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@posix
@pytest.mark.usefixtures("_interruptible")
def test_interrupt_keeps_what_was_judged(bundle: Path, clips: list[Path]) -> None:
    # The second file is standard input, which never ends: the first is printed before.
    arguments = ["predict", "--json", "--model", str(bundle), str(clips[0]), "-"]
    with subprocess.Popen(
        [*COMMAND, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    ) as command:
        assert command.stdout is not None
        assert b'"label"' in command.stdout.readline()
        command.send_signal(signal.SIGINT)
        _, errors = command.communicate(timeout=30)
    assert command.returncode == 130
    assert errors == b"serein: interrupted\n"


@posix
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_reader_that_goes_away(bundle: Path, clips: list[Path], options: list[str]) -> None:
    arguments = ["predict", *options, "--model", str(bundle), *map(str, clips * 40)]
    with subprocess.Popen(
        [*COMMAND, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    ) as command:
        assert command.stdout is not None
        assert command.stderr is not None
        assert command.stdout.readline()
        command.stdout.close()
        errors = command.stderr.read()
    assert command.returncode == 141
    assert errors == b""


def test_output_that_cannot_be_written(bundle: Path, clips: list[Path], tmp_path: Path) -> None:
    missing = tmp_path / "no" / "such" / "folder" / "p.json"
    ended = process("enroll", str(clips[0]), "-o", str(missing), "--model", str(bundle))
    assert (ended.status, ended.out) == (2, "")  # as of any place that cannot be written
    assert ended.err.startswith("serein: error: ")
    assert "Traceback" not in ended.err


@posix
def test_without_standard_streams(bundle: Path, clips: list[Path]) -> None:
    words = [*COMMAND, "predict", "-", str(clips[0]), "--model", str(bundle)]
    ended = subprocess.run(["sh", "-c", '"$@" <&- >&- 2>&-', "sh", *words], check=False)
    assert ended.returncode == 1  # for standard input alone


def test_printable() -> None:
    assert printable("Zoë – 東京.wav") == "Zoë – 東京.wav"
    assert printable("a\x1b[31m\n\udcff.wav") == r"a\x1b[31m\n\udcff.wav"
