"""What the documentation says is true: its Python runs, and it names what there is."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import serein
from serein.audio import Thresholds
from serein.cli.commands import COMMANDS
from serein.cli.main import main

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
SAMPLES = sorted((ROOT / "src/serein/samples").glob("*.flac"))


def test_python_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["clip.wav", *(f"anna{number}.wav" for number in range(1, 5))]
    for name, sample in zip(names, SAMPLES, strict=False):
        shutil.copyfile(sample, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names_of_the_code: dict[str, Any] = {
        "paths": ["clip.wav", "missing.wav"],
        "samples": np.zeros(16_000, dtype=np.float32),
    }
    exec(compile(code, "README.md", "exec"), names_of_the_code)
    assert isinstance(names_of_the_code["result"], serein.SereinError)  # the last of the paths
    assert Path("anna.json").is_file()


def test_python_of_the_page_on_time_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (ROOT / "docs/timeline.md").read_text(encoding="utf-8")
    voice, rate = soundfile.read(SAMPLES[0], dtype="float32")
    meeting = np.tile(voice, 1 + 6 * rate // len(voice))
    soundfile.write(tmp_path / "meeting.wav", meeting, rate)
    rttm = "SPEAKER meeting 1 0.0 4.0 <NA> <NA> anna <NA> <NA>\n"
    (tmp_path / "meeting.rttm").write_text(rttm, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"chunks": np.array_split(np.resize(meeting, 5 * 48_000), 7)}
    for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(compile(code, "timeline.md", "exec"), names)
    printed = capsys.readouterr().out.splitlines()
    segments, windows = printed[:-2], printed[-2:]
    assert segments
    assert all(line.split()[2] == "anna" for line in segments)
    # The third window ends with the sound, and its last samples wait in the resampler.
    assert [line.split()[0] for line in windows] == ["0.0", "1.0"]


def _speak(path: Path, emotion: str, number: int) -> None:
    """A hum whose pitch is the emotion's, as plain as no voice has it."""
    pitch = {"angry": 250.0, "happy": 180.0, "sad": 110.0}[emotion] + 3 * number
    seconds = np.arange(int(0.8 * 16_000)) / 16_000
    hum = sum(np.sin(2 * np.pi * pitch * k * seconds) / k for k in range(1, 8))
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.1 * hum, 16_000)


def test_page_on_own_data_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Three emotions, six files a class; scanned, trained, evaluated, predicted as written."""
    page = (ROOT / "docs/your-own-data.md").read_text(encoding="utf-8")
    for emotion in ("angry", "happy", "sad"):
        for number in range(1, 7):
            _speak(tmp_path / f"my-recordings/{emotion}/{number:02d}.wav", emotion, number)
            _speak(tmp_path / f"new-recordings/{emotion}/{number:02d}.wav", emotion, number + 10)
            for place, speaker in enumerate(("anna", "bert", "carla"), start=3):
                file = f"my-speakers/{speaker}/{emotion}/{number:02d}.wav"
                _speak(tmp_path / file, emotion, number + 10 * place)
    tables = re.findall(r"```csv\n(.*?)```", page, re.DOTALL)
    for name, table in zip(("my-table.csv", "my-calls.csv"), tables, strict=True):
        (tmp_path / name).write_text(table, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    commands = [
        line.removeprefix("$ ")
        for block in re.findall(r"```console\n(.*?)```", page, re.DOTALL)
        for line in block.splitlines()
    ]
    for command in commands:
        program, *arguments = shlex.split(command)
        assert program == "serein"
        assert main(arguments) == 0, f"{command}\n{capsys.readouterr().err}"
    printed = capsys.readouterr()
    assert "random (speakers unknown)" in printed.out
    assert "seen in training (no score)" in printed.out
    assert "functionals-svm, loso, 1 seed" in printed.out
    for folder in ("my-scores", "my-evaluation", "my-fit", "my-speaker-scores", "my-table-scores"):
        assert {"metrics.json", "report.html", "folds.json", "predictions.parquet"} <= {
            path.name for path in (tmp_path / folder).iterdir()
        }


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
