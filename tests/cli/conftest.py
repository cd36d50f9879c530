"""The command line as a user meets it: in this process, or as one of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import soundfile

from serein.cli.main import main
from tests.builders import build_bundle, speech_like

COMMAND = [sys.executable, "-m", "serein.cli.main"]


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str


Run = Callable[..., Ended]


def environment() -> dict[str, str]:
    """As it is, without what would change colours or widths."""
    dropped = {"COLUMNS", "FORCE_COLOR", "NO_COLOR", "PYTHONIOENCODING"}
    return {key: value for key, value in os.environ.items() if key not in dropped}


def process(*arguments: str, stdin: bytes = b"", cwd: Path | None = None) -> Ended:
    """Run the command as a process of its own."""
    ended = subprocess.run(
        [*COMMAND, *arguments],
        input=stdin,
        capture_output=True,
        cwd=cwd,
        env=environment() | {"PYTHONUTF8": "1"},
        check=False,
        timeout=60,
    )
    return Ended(ended.returncode, ended.stdout.decode(), ended.stderr.decode())


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command in this process."""
    for name in ("COLUMNS", "FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: str | Path) -> Ended:
        status = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Ended(status, captured.out, captured.err)

    return call


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_bundle(tmp_path_factory.mktemp("bundle") / "tiny")


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three clips without any fault."""
    folder = tmp_path_factory.mktemp("clips")
    paths = [folder / f"clip{seed}.wav" for seed in range(3)]
    for seed, path in enumerate(paths):
        soundfile.write(path, speech_like(2.0, seed=seed), 16_000)
    return paths
