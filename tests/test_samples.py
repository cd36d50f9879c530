"""The sample clips are sound, described, and what the script makes."""

from __future__ import annotations

import tomllib

import numpy as np
import pytest
import soundfile

from scripts import make_samples

FOLDER = make_samples.FOLDER
FILES = [clip.file for clip in make_samples.CLIPS]


def test_clips_are_those_of_the_index() -> None:
    index = (FOLDER / "index.toml").read_text(encoding="utf-8")
    assert index == make_samples.index()
    described = [clip["file"] for clip in tomllib.loads(index)["clip"]]
    assert sorted(described) == sorted(path.name for path in FOLDER.glob("*.flac"))
    assert "Synthetic" in tomllib.loads(index)["statement"]


def test_clips_are_small_enough_for_the_package() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 600_000


@pytest.mark.parametrize("file", FILES)
def test_clip_is_good_input(file: str) -> None:
    samples, sampling_rate = soundfile.read(FOLDER / file)
    assert sampling_rate == 16_000
    assert samples.ndim == 1
    assert 1.0 <= len(samples) / sampling_rate <= 5.0
    assert np.abs(samples).max() < 0.95
    assert make_samples.level_of(samples) > -40.0


@pytest.mark.needs("espeak-ng")
@pytest.mark.parametrize("clip", make_samples.CLIPS, ids=FILES)
def test_script_makes_the_clip_again(clip: make_samples.Clip) -> None:
    kept, _ = soundfile.read(FOLDER / clip.file)
    if make_samples.espeak_version() != make_samples.ESPEAK_VERSION:
        pytest.skip(f"espeak-ng {make_samples.ESPEAK_VERSION}, with which the clips were made")
    made = make_samples.make(clip)
    assert len(made) == len(kept)
    assert np.corrcoef(kept, made)[0, 1] > 0.99
