"""From any source to float32, mono, at the sampling rate that a model wants."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from serein.audio.readers import Reader, open_reader
from serein.audio.sources import Samples, Source, boundary, source_name
from serein.errors import (
    ArgumentInvalid,
    EmptyFile,
    NotFinite,
    TooLongDuration,
    Truncated,
    Unsupported,
)

SAMPLING_RATES = (1_000, 768_000)
"""The lowest and the highest sampling rate in Hz that is read."""

SHORTEST_REMAINDER = 0.5
"""Seconds that must decode of a file cut short for it to be judged."""

CLIPPED_RUN = 3
"""So many samples in a row at full scale are clipped; one or two may be a true peak."""

# Floats in the scale of 32-bit integers reach 2e9; what is above is no sound, and its energy
# would overflow.
_LARGEST_SAMPLE = 1e10
# The mean of N unrelated channels has 1/N of their energy. Under a tenth of that (-13 dB for
# stereo) the channels must be opposed.
_CANCELLED_SHARE = 0.1


@dataclass(frozen=True)
class Limits:
    """How much `decode` accepts.

    Two hours of mono at 16 kHz are 460 MB, about what one process should hold for one sound;
    longer recordings are read in blocks. The duration is checked in the header and again while
    decoding, because a few kilobytes of FLAC may claim little and hold hours of silence.

    Parameters
    ----------
    max_bytes
        Largest file in bytes.
    max_seconds
        Longest sound in seconds.
    """

    max_bytes: int = 2 * 1024**3
    max_seconds: float = 2 * 3600.0


@dataclass(frozen=True, eq=False)
class Recording:
    """A decoded sound and what was seen on the way.

    Parameters
    ----------
    samples
        float32 (n,), mono, at `sampling_rate`; full scale is ±1.
    sampling_rate
        Hz, as asked for.
    original_sampling_rate
        Hz, of the source.
    channels
        Channels of the source.
    duration
        Seconds, of the source.
    name
        The path as given, or None.
    truncated
        The source ends earlier than it says.
    out_of_phase
        The channels cancel when averaged; `samples` is the louder one.
    clipped_share
        Share (0 to 1) of the source's samples in runs of three or more at full scale, in the
        channel where it is largest.
    """

    samples: Samples
    sampling_rate: int
    original_sampling_rate: int
    channels: int
    duration: float
    name: str | None = None
    truncated: bool = False
    out_of_phase: bool = False
    clipped_share: float = 0.0


def decode(source: Source, *, sampling_rate: int, limits: Limits | None = None) -> Recording:
    """Decode a whole sound.

    Parameters
    ----------
    source
        A path, the bytes of a file, a binary file object (a seekable one is read from its
        beginning), or (samples, sampling_rate). Samples have shape (n,) or (n, channels), as
        soundfile returns them; where the second axis is longer they are taken as (channels, n),
        as torchaudio returns them. Integers are scaled by the full scale of their dtype.
    sampling_rate
        Hz of the result, 1,000 to 768,000.
    limits
        Largest and longest sound; see `Limits`.

    Raises
    ------
    NotFound, NotAFile
        Nothing is at the path, or nothing that can be read.
    EmptyFile, NotAudio, Truncated, Unsupported, NotFinite
        There is no sound in it, too little of it is left, or it is of a kind that is not read.
    TooLarge, TooLongDuration
        It is over the limits.
    ArgumentInvalid
        The source or `sampling_rate` is not as described.

    Examples
    --------
    >>> import numpy as np
    >>> decode((np.zeros(48_000), 48_000), sampling_rate=16_000).samples.shape
    (16000,)
    """
    lowest, highest = SAMPLING_RATES
    if not lowest <= sampling_rate <= highest:
        raise ArgumentInvalid(f"sampling_rate is {lowest} to {highest} Hz, not {sampling_rate}.")
    limits = limits or Limits()
    name = source_name(source)
    with boundary(name), open_reader(source, max_bytes=limits.max_bytes) as reader:
        _check_header(reader, limits)
        tally = Tally(reader, limits)
        samples = _gather(tally.mono(), reader.sampling_rate, sampling_rate)
        _check_length(tally, reader, samples)
        if tally.out_of_phase:
            channel = int(np.argmax(tally.energies))
            single = (block[:, channel] for block in reader.blocks())
            samples = _gather(single, reader.sampling_rate, sampling_rate)
        return Recording(
            samples=samples,
            sampling_rate=sampling_rate,
            original_sampling_rate=reader.sampling_rate,
            channels=reader.channels,
            duration=tally.frames / reader.sampling_rate,
            name=name,
            truncated=reader.cut_short,
            out_of_phase=tally.out_of_phase,
            clipped_share=tally.clipped_share,
        )


class Tally:
    """Mixes a reader's blocks to mono, and counts on the way what only the original shows."""

    def __init__(self, reader: Reader, limits: Limits) -> None:
        self._reader = reader
        self._limits = limits
        self.frames = 0
        self.energies = np.zeros(reader.channels)
        self._mean_energy = 0.0
        self._clipped = np.zeros(reader.channels, dtype=np.int64)
        self._last_full = np.zeros((CLIPPED_RUN, reader.channels), dtype=bool)

    @property
    def out_of_phase(self) -> bool:
        """Whether the channels cancel when averaged."""
        channels = self._reader.channels
        unrelated = float(self.energies.mean()) / channels
        return channels > 1 and self._mean_energy < _CANCELLED_SHARE * unrelated

    @property
    def clipped_share(self) -> float:
        """Share of samples in clipped runs, in the channel where it is largest."""
        return float(self._clipped.max()) / max(1, self.frames)

    def mono(self) -> Iterator[Samples]:
        """Yield float32 (n,) blocks, the mean over the channels."""
        for block in self._reader.blocks():
            self.frames += len(block)
            _check_duration(self.frames, self._reader.sampling_rate, self._limits)
            self._count_clipped(block)
            if self._reader.channels == 1:
                yield block[:, 0]
                continue
            # Channel by channel: a mean over so short an axis is ten times slower in numpy.
            mean = np.zeros(len(block), dtype=np.float32)
            for index, channel in enumerate(block.T):
                mean += channel
                self.energies[index] += float(np.dot(channel, channel))
            mean /= np.float32(self._reader.channels)
            self._mean_energy += float(np.dot(mean, mean))
            yield mean

    def _count_clipped(self, block: Samples) -> None:
        highest, lowest = float(block.max()), float(block.min())
        if not (highest < _LARGEST_SAMPLE and lowest > -_LARGEST_SAMPLE):
            raise NotFinite("The samples hold NaN, infinity or numbers beyond any scale.")
        reached = max(highest, -lowest) >= self._reader.full_scale
        if not reached and not self._last_full.any():
            return
        # A run of L >= 3 has L - 2 triples and one beginning: together with 2 more, L samples.
        # The last rows of the block before are carried, so that blocks do not split a run.
        full = np.concatenate([self._last_full, np.abs(block) >= self._reader.full_scale])
        triples = full[:-2] & full[1:-1] & full[2:]
        begins = triples[1:] & ~triples[:-1]
        self._clipped += triples[1:].sum(axis=0) + (CLIPPED_RUN - 1) * begins.sum(axis=0)
        self._last_full = full[-CLIPPED_RUN:]


def resample_blocks(blocks: Iterator[Samples], original: int, wanted: int) -> Iterator[Samples]:
    """Resample a sequence of mono blocks; the result does not depend on where they are cut.

    Parameters
    ----------
    blocks
        float32 (n,) each.
    original, wanted
        Sampling rates in Hz.
    """
    if original == wanted:
        yield from blocks
        return
    import soxr

    first = next(blocks, None)
    if first is None:
        return
    second = next(blocks, None)
    if second is None:
        # The same samples bit for bit as from a stream, and up to three times faster.
        yield soxr.resample(first, original, wanted, quality="HQ")
        return
    stream = soxr.ResampleStream(original, wanted, 1, dtype="float32", quality="HQ")
    yield stream.resample_chunk(first)
    yield stream.resample_chunk(second)
    for block in blocks:
        yield stream.resample_chunk(block)
    yield stream.resample_chunk(np.zeros(0, dtype=np.float32), last=True)


def _gather(blocks: Iterator[Samples], original: int, wanted: int) -> Samples:
    parts = list(resample_blocks(blocks, original, wanted))
    whole: npt.NDArray[np.float32] = (
        parts[0] if len(parts) == 1 else np.concatenate([np.zeros(0, dtype=np.float32), *parts])
    )
    return np.ascontiguousarray(whole)


def _check_header(reader: Reader, limits: Limits) -> None:
    lowest, highest = SAMPLING_RATES
    if not lowest <= reader.sampling_rate <= highest:
        raise Unsupported(
            f"A sampling rate of {reader.sampling_rate} Hz is not read; {lowest} to {highest} Hz"
            " are."
        )
    _check_duration(reader.expected_frames or 0, reader.sampling_rate, limits)


def _check_duration(frames: int, sampling_rate: int, limits: Limits) -> None:
    if frames > limits.max_seconds * sampling_rate:
        raise TooLongDuration(
            f"The sound is longer than the {limits.max_seconds:g} seconds that are allowed at once;"
            " cut it, or raise Limits.max_seconds."
        )


def _check_length(tally: Tally, reader: Reader, samples: Samples) -> None:
    seconds = tally.frames / reader.sampling_rate
    cut_short = reader.cut_short or (tally.frames == 0 and bool(reader.expected_frames))
    if cut_short and seconds < SHORTEST_REMAINDER:
        raise Truncated(
            f"The file is cut short: {seconds:.2f} s of it decode, at least {SHORTEST_REMAINDER} s"
            " are needed. Copy or record it again."
        )
    if len(samples) == 0:
        raise EmptyFile(
            "The file holds no samples."
            if tally.frames == 0
            else f"The sound has {tally.frames} samples at {reader.sampling_rate} Hz, which is less"
            " than one at the wanted rate."
        )
