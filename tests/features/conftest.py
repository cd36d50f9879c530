from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

import serein
from serein.audio import decode

SAMPLE_CLIPS = tuple(sorted((Path(serein.__file__).parent / "samples").glob("*.flac")))
SOUNDS = {".flac", ".mp3", ".opus", ".wav"}


@pytest.fixture(params=SAMPLE_CLIPS, ids=lambda path: str(path.stem))
def sample_clip(request: pytest.FixtureRequest) -> npt.NDArray[np.float32]:
    """One of the bundled clips, 16 kHz."""
    samples, sampling_rate = soundfile.read(request.param, dtype="float32")
    assert sampling_rate == 16_000
    return np.asarray(samples)


@pytest.fixture(scope="session")
def real_clips(corpora_root: Path) -> list[npt.NDArray[np.float32]]:
    """A clip of each corpus that is there, mono, at 16 kHz."""
    clips = []
    for folder in sorted(path for path in corpora_root.iterdir() if path.is_dir()):
        paths = (path for path in sorted(folder.rglob("*")) if path.suffix in SOUNDS)
        if path := next(paths, None):
            clips.append(decode(path, sampling_rate=16_000).samples)
    assert clips, f"no clip below {corpora_root}"
    return clips
