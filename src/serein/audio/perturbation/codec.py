"""A round trip through a lossy codec."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from serein.audio.perturbation.length import fitted, resampled
from serein.audio.sources import Samples
from serein.errors import ArgumentInvalid, DependencyMissing


@dataclass(frozen=True)
class Codec:
    """How FFmpeg encodes.

    Attributes
    ----------
    encoder, container
        FFmpeg's names. The container is what knows how many samples of delay to leave out.
    sampling_rates
        Hz that the encoder takes, ascending.
    options
        Of the encoder.
    """

    encoder: str
    container: str
    sampling_rates: tuple[int, ...]
    options: dict[str, str] = field(default_factory=dict)


CODECS = {
    # Made for speech, at half of libopus's effort, which takes half the time.
    "opus": Codec(
        "libopus",
        "ogg",
        (8_000, 12_000, 16_000, 24_000, 48_000),
        {"application": "voip", "compression_level": "5"},
    ),
    "mp3": Codec(
        "libmp3lame",
        "mp3",
        (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000),
    ),
}
"""The codecs of `encode`: for Opus RFC 6716, for MP3 MPEG-1, 2 and 2.5 layer III."""


def encode(samples: Samples, sampling_rate: int, *, codec: str, bit_rate: int) -> Samples:
    """Encode and decode, in memory; the delay of the codec is left out.

    Parameters
    ----------
    samples
        float32 (n,).
    sampling_rate
        Hz. Where the codec does not take it, the next higher one is used inside.
    codec
        ``opus`` or ``mp3``.
    bit_rate
        Bits a second. MP3 takes the nearest that it has, which is 8,000 at least at 8 to 24 kHz
        and 32,000 above; Opus is made for 6,000 and more.

    Returns
    -------
    samples
        float32 (n,), in step with the original to a few samples.

    Raises
    ------
    ArgumentInvalid
        If the codec or the bit rate is not one.
    DependencyMissing
        If PyAV's FFmpeg was built without the encoder.
    """
    if codec not in CODECS:
        raise ArgumentInvalid(f"the codec is {' or '.join(CODECS)}, not {codec!r}")
    if bit_rate <= 0:
        raise ArgumentInvalid(f"a bit rate is a positive number of bits a second, not {bit_rate}")
    if not len(samples):
        return samples.copy()
    chosen = CODECS[codec]
    rates = chosen.sampling_rates
    inside = next((rate for rate in rates if rate >= sampling_rate), rates[-1])
    file = _write(resampled(samples, sampling_rate, inside), inside, chosen, bit_rate)
    decoded, outside = _read(file)
    return fitted(resampled(decoded, outside, sampling_rate), len(samples))


def _write(samples: Samples, sampling_rate: int, codec: Codec, bit_rate: int) -> io.BytesIO:
    import av

    file = io.BytesIO()
    try:
        with av.open(file, "w", format=codec.container) as output:
            stream: Any = output.add_stream(
                codec.encoder, rate=sampling_rate, layout="mono", options=codec.options
            )
            stream.bit_rate = bit_rate
            frame = av.AudioFrame.from_ndarray(samples[np.newaxis], "flt", "mono")
            frame.sample_rate = sampling_rate
            stream.codec_context.open()
            resampler = av.AudioResampler(stream.format, "mono", sampling_rate, stream.frame_size)
            for part in [*resampler.resample(frame), *resampler.resample(None)]:
                output.mux(stream.encode(part))
            output.mux(stream.encode(None))
    except av.codec.codec.UnknownCodecError as error:
        raise DependencyMissing(
            f"the FFmpeg inside PyAV has no encoder {codec.encoder}; install PyAV's own wheel: "
            "pip install --force-reinstall av"
        ) from error
    except av.FFmpegError as error:
        raise ArgumentInvalid(
            f"{codec.encoder} does not encode at {bit_rate} bits a second ({error}); give another "
            "bit rate"
        ) from error
    file.seek(0)
    return file


def _read(file: io.BytesIO) -> tuple[Samples, int]:
    import av

    with av.open(file, "r") as media:
        frames = list(media.decode(audio=0))
    if not frames:
        return np.zeros(0, dtype=np.float32), 1
    parts = [frame.to_ndarray().reshape(-1) for frame in frames]
    return np.concatenate(parts).astype(np.float32, copy=False), int(frames[0].sample_rate)
