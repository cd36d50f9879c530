"""What is imported, and when: nothing heavy before it is needed, nothing of the training side."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

SAMPLES = Path(__file__).resolve().parents[1] / "src" / "serein" / "samples"

# Not on the way of a prediction, whatever else is installed.
FORBIDDEN = {
    "accelerate",
    "av",  # only for containers that libsndfile does not read
    "librosa",
    "onnx",
    "pandas",
    "pyarrow",
    "scipy",
    "skl2onnx",
    "sklearn",
    "torch",
}


def imported_by(code: str, *arguments: str) -> set[str]:
    """Top-level modules, other than ours and the standard library's, that a fresh process loads."""
    program = f"""
import sys
before = set(sys.modules)
{code}
loaded = {{name.partition(".")[0] for name in set(sys.modules) - before}}
print("LOADED", *sorted(loaded - set(sys.stdlib_module_names) - {{"serein"}}))
"""
    process = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert process.returncode == 0, process.stderr
    return set(process.stdout.rpartition("LOADED")[2].split())


@pytest.fixture
def wav(tmp_path: Path) -> str:
    samples, sampling_rate = soundfile.read(SAMPLES / "neutral.flac")
    path = tmp_path / "neutral.wav"
    soundfile.write(path, samples, sampling_rate)
    return str(path)


def test_import_of_the_package_loads_nothing_else() -> None:
    loaded = imported_by("import serein")
    assert not loaded, f"import serein also imports {sorted(loaded)}"


def test_prediction_loads_only_what_it_needs(wav: str) -> None:
    loaded = imported_by("import serein\nserein.load().predict(sys.argv[1])", wav)
    assert {"numpy", "onnxruntime"} <= loaded  # the probe itself sees imports
    assert not loaded & FORBIDDEN, f"predict imports {sorted(loaded & FORBIDDEN)}"


@pytest.mark.parametrize(
    "code",
    [
        "serein.load().timeline(sys.argv[1])",
        "serein.load().timeline(sys.argv[1], adapt=True, detector='level')",
        "stream = serein.load().stream(sampling_rate=48_000); stream.push([0.0]); stream.flush()",
    ],
)
def test_emotion_over_time_loads_only_what_it_needs(wav: str, code: str) -> None:
    loaded = imported_by(f"import serein\n{code}", wav)
    assert {"numpy", "onnxruntime"} <= loaded
    assert not loaded & FORBIDDEN, f"{code} imports {sorted(loaded & FORBIDDEN)}"


def test_model_is_loaded_without_what_is_for_time_alone() -> None:
    """A prediction does not wait for the formats of time lines, nor for what smooths them."""
    code = """
import serein
serein.load()
late = ("formats", "plot", "recording", "segments", "stream", "turns")
print("LATE", *(name for name in late if f"serein.recognition.timeline.{name}" in sys.modules))
"""
    process = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}"], capture_output=True, text=True, check=True
    )
    assert process.stdout.split() == ["LATE"]


def test_predict_command_loads_only_what_it_needs(wav: str) -> None:
    code = """
sys.argv = ["serein", "predict", sys.argv[1]]
from serein.cli.main import main
try:
    status = main()
except SystemExit as stop:
    status = stop.code
assert not status, f"exit status {status}"
"""
    loaded = imported_by(code, wav)
    assert {"numpy", "onnxruntime"} <= loaded
    assert not loaded & FORBIDDEN, f"serein predict imports {sorted(loaded & FORBIDDEN)}"
