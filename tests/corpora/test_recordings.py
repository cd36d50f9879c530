from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from serein.corpora.recordings import half_of, noise_sources


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    for source in ("rain", "street"):
        (tmp_path / source).mkdir()
        for number in range(20):
            path = tmp_path / source / f"{number}.wav"
            soundfile.write(path, 0.1 * generator.standard_normal(1600), 16_000)
    return tmp_path


def test_halves_are_apart_and_make_the_whole(noise: Path) -> None:
    whole = dict(noise_sources(noise))
    training = dict(noise_sources(noise, half="training"))
    test = dict(noise_sources(noise, half="test"))
    for source, paths in whole.items():
        assert set(training[source]).isdisjoint(test[source])
        assert set(training[source]) | set(test[source]) == set(paths)
        assert 5 <= len(test[source]) <= 15


def test_recording_keeps_its_half_wherever_it_lies() -> None:
    for number in range(50):
        half = half_of(Path(f"{number}.wav"))
        assert half == half_of(Path(f"/elsewhere/{number}.opus"))


def test_parts_of_one_recording_stay_together() -> None:
    for number in range(50):
        assert len({half_of(Path(f"1-{number}-{part}.wav")) for part in "ABCDE"}) == 1


def test_source_without_a_recording_of_the_half_is_left_out(noise: Path) -> None:
    for path in (noise / "rain").iterdir():
        if half_of(path) == "test":
            path.unlink()
    assert [name for name, _ in noise_sources(noise, half="test")] == ["street"]
