from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

import serein
from tests.builders import build_bundle
from tests.cli.conftest import Run, process


def test_profile_is_that_of_the_library(
    run: Run, bundle: Path, clips: list[Path], tmp_path: Path
) -> None:
    profile = tmp_path / "anna.json"
    ended = run("enroll", *clips, "-o", profile, "--model", bundle)
    assert (ended.status, ended.err) == (0, "")
    assert "3 of 3 clips" in ended.out
    made = serein.SpeakerProfile.load(profile)
    assert made.as_dict() == serein.load(bundle).enroll(clips).as_dict()


def test_files_that_fail_are_left_out(
    run: Run, bundle: Path, clips: list[Path], tmp_path: Path
) -> None:
    profile = tmp_path / "anna.json"
    silent = tmp_path / "silent.wav"
    soundfile.write(silent, np.zeros(16_000), 16_000)
    files = [clips[0], tmp_path / "missing.wav", silent, clips[1]]
    ended = run("enroll", *files, "-o", profile, "--model", bundle)
    assert ended.status == 1
    assert "missing.wav: There is no file" in ended.err
    assert "silent.wav: left out of the profile" in ended.err
    assert "2 of 4 clips" in ended.out
    expected = serein.load(bundle).enroll(clips[:2]).as_dict()
    assert serein.SpeakerProfile.load(profile).as_dict() == expected


def test_files_without_speech_are_left_out(run: Run, clips: list[Path], tmp_path: Path) -> None:
    model = build_bundle(tmp_path / "hearing", speech=True)
    noise, profile = tmp_path / "noise.wav", tmp_path / "anna.json"
    soundfile.write(noise, 0.1 * np.random.default_rng(0).standard_normal(32_000), 16_000)
    ended = run("enroll", noise, *clips, "-o", profile, "--model", model)
    assert ended.status == 0
    assert "noise.wav: The probability of speech is" in ended.err
    assert "noise.wav: left out of the profile" in ended.err
    assert "3 of 4 clips" in ended.out
    expected = serein.load(model).enroll(clips).as_dict()
    assert serein.SpeakerProfile.load(profile).as_dict() == expected
    ended = run("enroll", noise, "-o", tmp_path / "nobody.json", "--model", model)
    assert ended.status == 1
    assert "there is no profile" in ended.err


def test_no_file_that_can_be_used(run: Run, bundle: Path, tmp_path: Path) -> None:
    profile = tmp_path / "anna.json"
    ended = run("enroll", tmp_path / "missing.wav", "-o", profile, "--model", bundle)
    assert (ended.status, ended.out) == (1, "")
    assert "there is no profile" in ended.err
    assert not profile.exists()


def test_standard_input(bundle: Path, clips: list[Path], tmp_path: Path) -> None:
    profile = tmp_path / "anna.json"
    arguments = ["enroll", "-", "-o", str(profile), "--model", str(bundle)]
    assert process(*arguments, stdin=clips[0].read_bytes()).status == 0
    expected = serein.load(bundle).enroll(clips[:1]).as_dict()
    assert serein.SpeakerProfile.load(profile).as_dict() == expected
