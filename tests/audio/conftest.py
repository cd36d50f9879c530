from __future__ import annotations

from pathlib import Path

import pytest
import soundfile

from tests.audio.sounds import RATE, voice


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.wav"
    soundfile.write(path, voice(), RATE)
    return path
