"""Clips, some of them bad, and what a table of a batch holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile

from serein.recognition import Recognizer, load
from tests.builders import build_bundle, speech_like

Rows = list[dict[str, Any]]


def read(folder: Path) -> Rows:
    """The table, as any reader of Parquet sees it, by file and time."""
    rows: Rows = pq.read_table(folder).to_pylist()
    return sorted(rows, key=lambda row: (row["file"], row.get("start") or 0.0))


@dataclass(frozen=True)
class Clips:
    """A folder of clips: most are good, and one is of each kind of bad ones."""

    folder: Path
    good: tuple[str, ...]
    bad: dict[str, str]


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_bundle(tmp_path_factory.mktemp("batch") / "tiny", speech=True)


@pytest.fixture(scope="session")
def recognizer(bundle: Path) -> Recognizer:
    return load(bundle)


@pytest.fixture(scope="session")
def make_clips(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], list[str]]:
    """Makes so many good clips."""

    def make(number: int) -> list[str]:
        folder = tmp_path_factory.mktemp("good")
        sounds = [speech_like(0.6, seed=seed) for seed in range(8)]
        paths = [folder / f"{index:04d}.wav" for index in range(number)]
        for index, path in enumerate(paths):
            soundfile.write(path, (0.5 + 0.5 * index / number) * sounds[index % 8], 16_000)
        return [str(path) for path in paths]

    return make


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Clips:
    folder = tmp_path_factory.mktemp("clips")
    good = []
    for seed, name in enumerate(["a.wav", "b.flac", "c.ogg", "d.mp3", "long/e.wav"]):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, speech_like(32.0 if "long" in name else 1.5, seed=seed), 16_000)
        good.append(str(path))
    soundfile.write(folder / "s.wav", np.zeros(16_000), 16_000)
    good.append(str(folder / "s.wav"))
    (folder / "empty.wav").write_bytes(b"")
    (folder / "text.mp3").write_text("no sound", encoding="utf-8")
    (folder / "cut.wav").write_bytes((folder / "a.wav").read_bytes()[:1000])
    samples = np.full(16_000, np.nan, dtype=np.float32)
    soundfile.write(folder / "nan.wav", samples, 16_000, subtype="FLOAT")
    bad = {
        "empty.wav": "empty",
        "text.mp3": "not_audio",
        "cut.wav": "truncated",
        "nan.wav": "not_finite",
    }
    return Clips(folder, tuple(good), {str(folder / name): code for name, code in bad.items()})
