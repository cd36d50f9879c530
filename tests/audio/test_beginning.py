from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from serein.audio import Limits
from serein.audio.beginning import beginning
from serein.errors import EmptyFile, NotFound, TooLarge
from tests.audio.sounds import RATE, encoded, media, voice


def test_first_seconds_as_soundfile_reads_them() -> None:
    stereo = np.stack([voice(2.0), -0.5 * voice(2.0)], axis=1)
    content = encoded(stereo, format="FLAC")
    first = beginning(content, 1.25)
    assert first is not None
    expected, rate = soundfile.read(io.BytesIO(content), frames=20_000, dtype="float32")
    assert first[1] == rate
    np.testing.assert_array_equal(first[0], expected)


@pytest.mark.parametrize("seconds", [1.0, 1.001, 60.0])
def test_sound_that_ends_before(clip: Path, seconds: float) -> None:
    assert beginning(clip, seconds) is None  # it has just one
    assert beginning((voice(), RATE), seconds) is None


def test_sound_over_several_blocks_and_of_a_video_codec(tmp_path: Path) -> None:
    long = (np.zeros((40 * RATE, 1), np.int16), RATE)
    first = beginning(encoded(*long), 35.0)  # a block has 33 s
    assert first is not None
    assert first[0].shape == (35 * RATE, 1)
    first = beginning(media(tmp_path / "clip.m4a", "ipod", "aac"), 0.5)
    assert first is not None
    assert (first[0].shape, first[1]) == ((24_000, 1), 48_000)


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as caught:
        beginning(str(tmp_path / "no.wav"), 1.0)
    assert caught.value.file == str(tmp_path / "no.wav")
    with pytest.raises(EmptyFile):
        beginning(b"", 1.0)
    with pytest.raises(TooLarge):
        beginning(encoded(voice()), 1.0, limits=Limits(max_bytes=100))
