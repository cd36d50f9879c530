"""Tiny sounds and the files that hold them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import soundfile

RATE = 16_000

Array = npt.NDArray[np.float32]


def voice(seconds: float = 1.0, rate: int = RATE, *, level: float = 0.3) -> Array:
    """Make something like speech: harmonics and hiss, in syllables with gaps."""
    time = np.arange(round(seconds * rate)) / rate
    generator = np.random.default_rng(7)
    harmonics = np.sum([np.sin(2 * np.pi * 150 * k * time) / k for k in range(1, 20)], axis=0)
    hiss = 0.5 * generator.standard_normal(len(time))
    syllables = np.clip(1.4 * np.sin(2 * np.pi * 2 * time), 0.0, 1.0) ** 2
    sound = (harmonics + hiss) * syllables
    scaled: Array = (level * sound / np.abs(sound).max()).astype(np.float32)
    return scaled


def encoded(samples: npt.NDArray[Any], rate: int = RATE, **options: Any) -> bytes:
    """Encode with libsndfile."""
    file = io.BytesIO()
    soundfile.write(file, samples, rate, **{"format": "WAV", **options})
    return file.getvalue()


def media(path: Path, container: str, codec: str | None, *, video: str | None = None) -> Path:
    """Write one second at 48 kHz with FFmpeg, with or without sound and pictures."""
    options = {"movflags": "faststart"} if container in ("mp4", "ipod") else {}
    with av.open(str(path), "w", format=container, options=options) as output:
        # All streams come first: the first packet writes the header.
        pictures: Any = output.add_stream(video, rate=10) if video else None
        stream: Any = output.add_stream(codec, rate=48_000, layout="mono") if codec else None
        if pictures:
            pictures.width = pictures.height = 64
            pictures.pix_fmt = "yuv420p"
            for _ in range(10):
                picture = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), "rgb24")
                output.mux(pictures.encode(picture))
            output.mux(pictures.encode(None))
        if stream:
            frame = av.AudioFrame.from_ndarray(voice(1.0, 48_000).reshape(1, -1), "flt", "mono")
            frame.sample_rate = 48_000
            resampler = av.AudioResampler(stream.format, "mono", 48_000, stream.frame_size or 960)
            for part in [*resampler.resample(frame), *resampler.resample(None)]:
                output.mux(stream.encode(part))
            output.mux(stream.encode(None))
    return path
