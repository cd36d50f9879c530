"""What the documentation says is true: its Python runs, and it names what there is."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

import serein
from serein.audio import Thresholds
from serein.cli.commands import COMMANDS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
SAMPLES = sorted((ROOT / "src/serein/samples").glob("*.flac"))


def test_python_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["clip.wav", *(f"anna{number}.wav" for number in range(1, 5))]
    for name, sample in zip(names, SAMPLES, strict=False):
        shutil.copyfile(sample, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names_of_the_code: dict[str, Any] = {"paths": ["clip.wav", "missing.wav"]}
    exec(compile(code, "README.md", "exec"), names_of_the_code)
    assert isinstance(names_of_the_code["result"], serein.SereinError)  # the last of the paths
    assert Path("anna.json").is_file()


def test_readme_names_every_command() -> None:
    for name in COMMANDS:
        assert re.search(rf"\bserein {name}\b", README), f"README.md does not name 'serein {name}'"


def test_readme_names_the_files_it_links() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), f"README.md links {target}, which is not there"


def test_readme_gives_the_thresholds_of_the_code() -> None:
    thresholds = Thresholds()
    for said in (
        f"over {100 * thresholds.clipped_share:g} % of the samples",
        f"under {thresholds.silent_peak:g} dBFS",
        f"under {thresholds.quiet_level:g} dBFS",
        f"under {thresholds.shortest:g} s",
        f"over {thresholds.longest:g} s",
        f"under {thresholds.noisy_snr:g} dB",
    ):
        assert said in README, said
