"""From any source to float32, mono, at the sampling rate that a model wants."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from serein.audio.readers import LOSSY_FULL_SCALE, Reader, open_reader
from serein.audio.resample import resample_blocks
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
    with boundary(source_name(source)), open_sound(source, limits=limits) as sound:
        samples = _gather(sound.mono(), sound.sampling_rate, sampling_rate)
        if sound.out_of_phase:
            samples = _gather(sound.mono(), sound.sampling_rate, sampling_rate)
        sound.refuse_nothing(len(samples))
        return sound.recording(samples, sampling_rate)


class Mixer:
    """Mixes blocks to mono, and counts on the way what only the original shows.

    Parameters
    ----------
    channels
        Of every block.
    full_scale
        What a sample must reach to count as clipped.
    """

    def __init__(self, channels: int, full_scale: float = LOSSY_FULL_SCALE) -> None:
        self.channels = channels
        self.frames = 0
        self.energies = np.zeros(channels)
        self._full_scale = full_scale
        self._mean_energy = 0.0
        self._clipped = np.zeros(channels, dtype=np.int64)
        self._last_full = np.zeros((CLIPPED_RUN, channels), dtype=bool)

    @property
    def out_of_phase(self) -> bool:
        """Whether the channels cancel when averaged."""
        unrelated = float(self.energies.mean()) / self.channels
        return self.channels > 1 and self._mean_energy < _CANCELLED_SHARE * unrelated

    @property
    def loudest(self) -> int:
        """Index of the channel with the most energy."""
        return int(np.argmax(self.energies))

    @property
    def clipped_share(self) -> float:
        """Share of samples in clipped runs, in the channel where it is largest."""
        return float(self._clipped.max()) / max(1, self.frames)

    def mix(self, block: Samples) -> Samples:
        """The mean over the channels, float32 (n,), of a block of shape (n, channels), n > 0.

        Raises
        ------
        NotFinite
            If the samples are no numbers; nothing of the block is counted then.
        """
        highest, lowest = float(block.max()), float(block.min())
        if not (highest < _LARGEST_SAMPLE and lowest > -_LARGEST_SAMPLE):
            raise NotFinite("The samples hold NaN, infinity or numbers beyond any scale.")
        self.frames += len(block)
        self._count_clipped(block, max(highest, -lowest))
        if self.channels == 1:
            return block[:, 0]
        # Channel by channel: a mean over so short an axis is ten times slower in numpy.
        mean = np.zeros(len(block), dtype=np.float32)
        for index, channel in enumerate(block.T):
            mean += channel
            self.energies[index] += float(np.dot(channel, channel))
        mean /= np.float32(self.channels)
        self._mean_energy += float(np.dot(mean, mean))
        return mean

    def _count_clipped(self, block: Samples, peak: float) -> None:
        if peak < self._full_scale and not self._last_full.any():
            return
        # A run of L >= 3 has L - 2 triples and one beginning: together with 2 more, L samples.
        # The last rows of the block before are carried, so that blocks do not split a run.
        full = np.concatenate([self._last_full, np.abs(block) >= self._full_scale])
        triples = full[:-2] & full[1:-1] & full[2:]
        begins = triples[1:] & ~triples[:-1]
        self._clipped += triples[1:].sum(axis=0) + (CLIPPED_RUN - 1) * begins.sum(axis=0)
        self._last_full = full[-CLIPPED_RUN:]


class Sound:
    """An opened sound that is read block by block, as often as wanted, however long it is.

    Parameters
    ----------
    reader
        Decodes it.
    limits
        Its duration is checked in the header and again on the way.
    name
        The path as given, or None.
    """

    def __init__(self, reader: Reader, limits: Limits, name: str | None) -> None:
        lowest, highest = SAMPLING_RATES
        if not lowest <= reader.sampling_rate <= highest:
            raise Unsupported(
                f"A sampling rate of {reader.sampling_rate} Hz is not read; {lowest} to {highest}"
                " Hz are."
            )
        self.sampling_rate = reader.sampling_rate
        self.name = name
        self.mixer = Mixer(reader.channels, reader.full_scale)
        self._reader = reader
        self._limits = limits
        self._read_once = False
        self._check_duration(reader.expected_frames or 0)

    @property
    def expected_frames(self) -> int | None:
        """What the header promises, exactly or not."""
        return self._reader.expected_frames

    @property
    def duration(self) -> float:
        """Seconds that were read."""
        return self.mixer.frames / self.sampling_rate

    @property
    def out_of_phase(self) -> bool:
        """Whether the channels cancel, known once all was read: then it is to be read again."""
        return self._read_once and self.mixer.out_of_phase

    def mono(self) -> Iterator[Samples]:
        """Yield float32 (n,) blocks: the mean over the channels, or the loudest if they cancel.

        Raises
        ------
        NotFinite, TooLongDuration, Truncated
        """
        with boundary(self.name):
            yield from self._again() if self._read_once else self._first()

    def _first(self) -> Iterator[Samples]:
        for block in self._reader.blocks():
            self._check_duration(self.mixer.frames + len(block))
            yield self.mixer.mix(block)
        self._read_once = True
        self._check_remainder()

    def _again(self) -> Iterator[Samples]:
        channel = self.mixer.loudest
        mixer = Mixer(self.mixer.channels)
        for block in self._reader.blocks():
            yield block[:, channel] if self.out_of_phase else mixer.mix(block)

    def refuse_nothing(self, samples: int) -> None:
        """Refuse a sound of which nothing came.

        Parameters
        ----------
        samples
            That came of it at the wanted rate.

        Raises
        ------
        EmptyFile
        """
        if samples == 0:
            raise EmptyFile(
                "The file holds no samples."
                if self.mixer.frames == 0
                else f"The sound has {self.mixer.frames} samples at {self.sampling_rate} Hz,"
                " which is less than one at the wanted rate.",
                file=self.name,
            )

    def recording(self, samples: Samples, sampling_rate: int) -> Recording:
        """What was read, as a recording with these samples."""
        return Recording(
            samples=samples,
            sampling_rate=sampling_rate,
            original_sampling_rate=self.sampling_rate,
            channels=self.mixer.channels,
            duration=self.duration,
            name=self.name,
            truncated=self._reader.cut_short,
            out_of_phase=self.out_of_phase,
            clipped_share=self.mixer.clipped_share,
        )

    def _check_duration(self, frames: int) -> None:
        if frames > self._limits.max_seconds * self.sampling_rate:
            raise TooLongDuration(
                f"The sound is longer than the {self._limits.max_seconds:g} seconds that are"
                " allowed at once; cut it, judge it over time by a time line, or raise"
                " Limits.max_seconds."
            )

    def _check_remainder(self) -> None:
        frames = self.mixer.frames
        cut_short = self._reader.cut_short or (frames == 0 and bool(self.expected_frames))
        if cut_short and self.duration < SHORTEST_REMAINDER:
            raise Truncated(
                f"The file is cut short: {self.duration:.2f} s of it decode, at least"
                f" {SHORTEST_REMAINDER} s are needed. Copy or record it again."
            )


@contextmanager
def open_sound(source: Source, *, limits: Limits | None = None) -> Iterator[Sound]:
    """Open a sound to be read block by block.

    Parameters
    ----------
    source, limits
        See :func:`decode`.

    Raises
    ------
    AudioError, ArgumentInvalid
        As :func:`decode` raises them, on opening or while it is read.
    """
    limits = limits or Limits()
    name = source_name(source)
    with ExitStack() as opened:
        # What goes wrong while the caller works with the sound is not the sound's fault.
        with boundary(name):
            reader = opened.enter_context(open_reader(source, max_bytes=limits.max_bytes))
            sound = Sound(reader, limits, name)
        yield sound


def _gather(blocks: Iterator[Samples], original: int, wanted: int) -> Samples:
    parts = list(resample_blocks(blocks, original, wanted))
    whole: npt.NDArray[np.float32] = (
        parts[0] if len(parts) == 1 else np.concatenate([np.zeros(0, dtype=np.float32), *parts])
    )
    return np.ascontiguousarray(whole)
