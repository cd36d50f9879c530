from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

import serein
from serein.labels import LABEL_SETS, LABELS, VIEWS
from tests.builders import build_bundle, speech_like
from tests.cli.conftest import COMMAND, Run, environment, process

KEYS = [
    "file",
    "label",
    "confidence",
    "probabilities",
    "sex",
    "speech",
    "decided",
    "warnings",
    "duration",
    "model",
]


def test_json_is_the_prediction(run: Run, bundle: Path, clips: list[Path]) -> None:
    ended = run("predict", "--json", "--top", "1", "--model", bundle, *clips)
    assert (ended.status, ended.err) == (0, "")
    found = [json.loads(line) for line in ended.out.splitlines()]
    assert [list(value) for value in found] == [KEYS] * 3
    expected = [serein.load(bundle).predict(str(path)).as_dict() for path in clips]
    assert found == expected
    assert len(found[0]["probabilities"]) == 4  # --top is for people


@pytest.mark.parametrize("view", VIEWS)
def test_json_with_a_view(run: Run, tmp_path: Path, clips: list[Path], view: str) -> None:
    model = build_bundle(tmp_path / "nine", labels=LABELS)
    ended = run("predict", "--json", "--labels", view, "--model", model, clips[0])
    value = json.loads(ended.out)
    assert list(value) == [*KEYS, "view"]
    assert value["view"] == serein.load(model).predict(clips[0]).view(view).as_dict()
    assert run("predict", "--labels", view, "--model", model, *clips).status == 0


def test_view_that_needs_a_sex(run: Run, tmp_path: Path, clips: list[Path]) -> None:
    model = build_bundle(tmp_path / "sexless", sex=False)
    ended = run("predict", "--labels", "sex-emotion", "--model", model, clips[0])
    assert (ended.status, ended.out) == (2, "")
    assert "speaker's sex" in ended.err
    assert json.loads(run("predict", "--json", "--model", model, clips[0]).out)["sex"] is None


def test_view_that_tells_apart_what_the_model_does_not(
    run: Run, tmp_path: Path, clips: list[Path]
) -> None:
    classes = LABEL_SETS["sex-emotion"].classes
    model = build_bundle(tmp_path / "pairs", labels=classes, sex=False, label_set="sex-emotion")
    # Before any file is opened, even one that is not there.
    words = ("predict", "--json", "--labels", "seven", "--model", model)
    ended = run(*words, tmp_path / "none.wav", *clips)
    assert (ended.status, ended.out) == (2, "")
    assert "angry and disgusted as one" in ended.err
    value = json.loads(run("predict", "--json", "--model", model, clips[0]).out)
    assert list(value) == KEYS
    assert value["label"] in value["probabilities"].keys() == set(classes)
    assert set(value["sex"]) == {"female", "male"}
    shown = run("predict", "--top", "2", "--model", model, clips[0]).out
    assert value["label"] in shown


def test_view_is_refused_before_any_file(run: Run, tmp_path: Path, clips: list[Path]) -> None:
    model = build_bundle(tmp_path / "bored", labels=("bored", "calm"))
    ended = run("predict", "--json", "--labels", "sex-emotion", "--model", model, *clips)
    assert ended.status == 0
    ended = run("predict", "--json", "--labels", "nothing", "--model", model, *clips)
    assert (ended.status, ended.out) == (2, "")


def test_one_clip_for_people(run: Run, bundle: Path, clips: list[Path]) -> None:
    prediction = serein.load(bundle).predict(clips[0])
    shown = run("predict", "--model", bundle, clips[0]).out
    lines = shown.splitlines()
    assert lines[0].startswith(str(clips[0]))  # a piped line is never cut
    assert "2.0 s" in lines[0]
    assert prediction.label in lines[1]
    ranked = sorted(prediction.probabilities, key=lambda name: -prediction.probabilities[name])
    assert [line.split()[0] for line in lines[3:]] == ranked
    assert "\x1b" not in shown
    short = run("predict", "--top", "2", "--model", bundle, clips[0]).out.splitlines()
    assert short == lines[:5]


def test_not_sure_for_people(run: Run, tmp_path: Path, clips: list[Path]) -> None:
    model = build_bundle(tmp_path / "shy", minimum_confidence=1.0)
    assert "not sure; most likely" in run("predict", "--model", model, clips[0]).out
    assert run("predict", "--model", model, *clips).out.count("not sure") == 3


def test_no_speech_for_people(run: Run, tmp_path: Path, clips: list[Path]) -> None:
    model = build_bundle(tmp_path / "hearing", speech=True)
    noise = tmp_path / "noise.wav"
    soundfile.write(noise, 0.1 * np.random.default_rng(0).standard_normal(32_000), 16_000)
    ended = run("predict", "--model", model, noise)
    assert ended.status == 0
    assert ended.out.splitlines()[1].startswith("no speech heard; were it a voice, most likely")
    assert "female" not in ended.out
    assert "noise.wav: no speech: The probability of speech is" in ended.err
    ended = run("predict", "--top", "2", "--model", model, clips[0], noise)
    voice, other = ended.out.splitlines()
    assert "no speech" not in voice
    assert other.startswith("no speech heard ")
    assert other.index(str(noise)) == voice.index(str(clips[0]))
    value = json.loads(run("predict", "--json", "--model", model, noise).out)
    assert value["decided"] is False
    assert value["label"] in value["probabilities"]
    assert value["speech"] < 0.5


def test_many_clips_for_people(run: Run, bundle: Path, clips: list[Path]) -> None:
    lines = run("predict", "--model", bundle, *clips).out.splitlines()
    recognizer = serein.load(bundle)
    assert len(lines) == 3
    for line, path in zip(lines, clips, strict=True):
        assert line.split()[0] == recognizer.predict(path).label
        assert str(path) in line


def test_standard_input(bundle: Path, clips: list[Path]) -> None:
    content = clips[1].read_bytes()
    ended = process("predict", "--json", "--model", str(bundle), "-", stdin=content)
    value = json.loads(ended.out)
    assert value == serein.load(bundle).predict(content).as_dict() | {"file": "-"}
    ended = process("predict", "--json", "--model", str(bundle), "-")
    assert ended.status == 1
    assert json.loads(ended.out)["file"] == "-"
    assert json.loads(ended.out)["error"]["code"] == "empty"
    assert "-" in process("predict", "--model", str(bundle), "-", stdin=content).out


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A folder of files with a fault each, and a whole one."""
    samples = speech_like(2.0, seed=5)
    folder = tmp_path / "broken"
    (folder / "folder.wav").mkdir(parents=True)
    soundfile.write(folder / "whole.wav", samples, 16_000)
    content = (folder / "whole.wav").read_bytes()
    (folder / "empty.wav").write_bytes(b"")
    (folder / "cut.wav").write_bytes(content[:2000])
    (folder / "half.wav").write_bytes(content[:40_000])
    (folder / "text.wav").write_text("No sound is in these words.\n" * 40, encoding="utf-8")
    soundfile.write(folder / "short.wav", samples[:160], 16_000)
    soundfile.write(folder / "silent.wav", np.zeros(16_000), 16_000)
    poisoned = samples.copy()
    poisoned[100] = np.nan
    soundfile.write(folder / "nan.wav", poisoned, 16_000, subtype="FLOAT")
    soundfile.write(folder / "seven.wav", np.stack([samples] * 7, axis=1), 16_000)
    soundfile.write(folder / "high.wav", speech_like(1.0, 192_000), 192_000)
    return folder


# What each file comes to: the code of an error, or the codes of warnings.
EXPECTED: dict[str, str | set[str]] = {
    "whole.wav": set(),
    "empty.wav": "empty",
    "cut.wav": "truncated",
    "half.wav": {"truncated"},
    "text.wav": "not_audio",
    "folder.wav": "not_a_file",
    "missing.wav": "not_found",
    "short.wav": {"too_short"},
    "silent.wav": {"silent"},
    "nan.wav": "not_finite",
    "seven.wav": {"multichannel"},
    "high.wav": set(),
}


def test_everything_that_can_be_wrong_in_one_call(broken: Path, bundle: Path) -> None:
    ended = process("predict", "--json", "--model", str(bundle), *EXPECTED, cwd=broken)
    assert ended.status == 1
    found = [json.loads(line) for line in ended.out.splitlines()]
    assert [value["file"] for value in found] == list(EXPECTED)
    for value, expected in zip(found, EXPECTED.values(), strict=True):
        if isinstance(expected, str):
            assert list(value) == ["file", "error"]
            assert value["error"]["code"] == expected
            assert value["error"]["message"]
        else:
            # A moment of 10 ms may also be too quiet to measure.
            codes = {warning["code"] for warning in value["warnings"]}
            assert expected <= codes <= expected | {"too_quiet"}
    assert found[8]["decided"] is False  # silence
    assert "Traceback" not in ended.err


def test_faults_for_people(broken: Path, bundle: Path) -> None:
    ended = process("predict", "--model", str(bundle), *EXPECTED, cwd=broken)
    assert ended.status == 1
    for file, expected in EXPECTED.items():
        if isinstance(expected, str):
            assert f"serein: error: {file}: " in ended.err
            assert file not in ended.out
        else:
            assert file in ended.out
    assert "serein: warning: seven.wav: multichannel: " in ended.err
    assert f"{os.sep}*.wav" in ended.err  # how to name what is in a directory
    assert "6 of 12 files failed" in ended.err
    assert "Traceback" not in ended.err


def test_a_warning_of_many_is_said_once(run: Run, bundle: Path, tmp_path: Path) -> None:
    path = tmp_path / "silent.wav"
    soundfile.write(path, np.zeros(16_000), 16_000)
    ended = run("predict", "--model", bundle, *[path] * 9)
    assert ended.status == 0
    assert ended.out.count("silent)") == 9
    assert ended.err.count("serein: warning") == 1
    assert "9 clips" in ended.err


def test_names_that_begin_with_a_dash(bundle: Path, clips: list[Path], tmp_path: Path) -> None:
    (tmp_path / "-loud.wav").write_bytes(clips[0].read_bytes())
    ended = process("predict", "--json", "--model", str(bundle), "--", "-loud.wav", cwd=tmp_path)
    assert json.loads(ended.out)["file"] == "-loud.wav"


@pytest.mark.skipif(os.name != "posix", reason="needs names of any bytes")
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_names_that_are_no_text(
    bundle: Path, clips: list[Path], tmp_path: Path, encoding: str
) -> None:
    name = b"\xff\x1b[31m \xc3\xa9.wav"
    with open(os.fsencode(tmp_path) + b"/" + name, "wb") as file:  # noqa: PTH123
        file.write(clips[0].read_bytes())

    def call(*options: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [*COMMAND, "predict", *options, "--model", str(bundle), name, b"\xfe.wav"],
            capture_output=True,
            cwd=tmp_path,
            env=environment() | {"PYTHONUTF8": "1", "PYTHONIOENCODING": encoding},
            check=False,
        )

    ended = call("--json")
    lines = ended.stdout.decode("utf-8").splitlines()
    assert [os.fsencode(json.loads(line)["file"]) for line in lines] == [name, b"\xfe.wav"]
    ended = call()
    assert ended.returncode == 1
    assert b"\x1b" not in ended.stdout + ended.stderr
    assert b"Traceback" not in ended.stderr
    assert rb"\udcff\x1b[31m" in ended.stdout


def test_speaker(run: Run, bundle: Path, clips: list[Path], tmp_path: Path) -> None:
    profile = tmp_path / "anna.json"
    recognizer = serein.load(bundle)
    recognizer.enroll(clips).save(profile)
    ended = run("predict", "--json", "--speaker", profile, "--model", bundle, clips[0])
    expected = recognizer.predict(
        str(clips[0]), speaker=serein.SpeakerProfile.load(profile)
    ).as_dict()
    assert json.loads(ended.out) == expected
    assert (
        "enrolled speaker" in run("predict", "--speaker", profile, "--model", bundle, clips[0]).out
    )


def test_speaker_of_another_model_is_refused_before_any_file(
    run: Run, bundle: Path, clips: list[Path], tmp_path: Path
) -> None:
    profile = tmp_path / "anna.json"
    serein.load(build_bundle(tmp_path / "other", seed=9)).enroll(clips).save(profile)
    ended = run("predict", "--speaker", profile, "--model", bundle, *clips)
    assert (ended.status, ended.out) == (2, "")
    assert "another" in ended.err or "was made with the model" in ended.err
    profile.write_text("{}", encoding="utf-8")
    assert run("predict", "--speaker", profile, "--model", bundle, *clips).status == 2


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
def test_progress_is_for_a_terminal(bundle: Path, clips: list[Path]) -> None:
    import pty

    ours, theirs = pty.openpty()
    arguments = ["predict", "--json", "--model", str(bundle), *map(str, clips)]
    ended = subprocess.run(
        [*COMMAND, *arguments],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env=environment() | {"TERM": "xterm-256color"},
        check=True,
    )
    os.close(theirs)
    shown = os.read(ours, 1 << 16)
    os.close(ours)
    assert b"of 3" in shown
    assert shown.endswith(b"\x1b[2K")  # nothing is left of it
    assert len(ended.stdout.splitlines()) == 3
    assert b"\x1b" not in ended.stdout
