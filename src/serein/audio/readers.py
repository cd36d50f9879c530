"""Reading a sound block by block, whatever decodes it.

A reader knows its sampling rate and channels once it is made, and gives the samples as blocks of
bounded size, so that neither `decode` nor a reader of ten-hour files holds more than it wants.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, Protocol

import numpy as np
import numpy.typing as npt
import soundfile

from serein.audio.containers import Container, examine, with_size
from serein.audio.sources import Array, Samples, Source, open_bytes
from serein.errors import ArgumentInvalid, EmptyFile, NotAudio, Truncated, Unsupported

BLOCK_SAMPLES = 1 << 19
"""Samples in a block, over all channels: 2 MiB of float32."""

LOSSY_FULL_SCALE = 0.999
"""Full scale where the format has no largest value: floats and lossy codecs."""

# Half a step below the largest value of each format, as libsndfile scales it.
_FULL_SCALE = {
    "PCM_S8": 126.5 / 128,
    "PCM_U8": 126.5 / 128,
    "PCM_16": 32766.5 / 32768,
    "PCM_24": 1 - 2**-23,
    "PCM_32": 1 - 2**-23,
    "ULAW": 32123.5 / 32768,
    "ALAW": 32255.5 / 32768,
}
_MOST_CHANNELS = 1024  # as libsndfile has it
_UNKNOWN_FRAMES = 1 << 62
# Containers that only hold media. Playlists (HLS, DASH, concat) are left out on purpose: they
# would have FFmpeg open other files and addresses that a stranger wrote into the file.
_CONTAINERS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,eac3,flac,flv,matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,mp3,"
    "mpc,mpc8,mpeg,mpegts,ogg,tak,tta,w64,wav,wv"
)
# What the header of an MP4 or a Matroska file says may include the codec's padding.
_PADDING_SECONDS = 0.15


class Reader(Protocol):
    """A sound that gives its samples block by block.

    `expected_frames` is what the header promises, exactly or not, or None. `cut_short` is final
    once the blocks are used up. Every call of `blocks` begins at the beginning.
    """

    sampling_rate: int
    channels: int
    full_scale: float
    expected_frames: int | None
    cut_short: bool

    def blocks(self) -> Iterator[Samples]:
        """Yield float32 blocks of shape (frames, channels)."""
        ...


@contextmanager
def open_reader(source: Source, *, max_bytes: int) -> Iterator[Reader]:
    """Open any source for reading.

    Raises
    ------
    serein.AudioError
        One of its kinds, as `serein.audio.decode` lists them.
    """
    if isinstance(source, tuple):
        yield ArrayReader(source)
        return
    with open_bytes(source, max_bytes=max_bytes) as file:
        container = examine(file)
        file = with_size(file, container)
        try:
            sound = _Sequential(file)
        except soundfile.SoundFileError:
            file.seek(0)
            yield MediaReader(file, container)
        else:
            with sound:
                yield SoundfileReader(sound, file, container)


class _Sequential(soundfile.SoundFile):  # type: ignore[misc]
    """A file that is read on and on.

    After every read of what it holds seekable soundfile seeks to where it is already. That is
    slow, and MP3 loses the bits that a frame borrows from the one before.
    """

    def seekable(self) -> bool:
        """Say no, whatever the file is."""
        return False


class SoundfileReader:
    """WAV, FLAC, MP3, Ogg, AIFF and whatever else libsndfile decodes."""

    def __init__(self, sound: Any, file: BinaryIO, container: Container) -> None:
        self._sound = sound
        self._file = file
        self._container = container
        self.sampling_rate = int(sound.samplerate)
        self.channels = int(sound.channels)
        self.full_scale = _FULL_SCALE.get(sound.subtype, LOSSY_FULL_SCALE)
        self.expected_frames = sound.frames if sound.frames < _UNKNOWN_FRAMES else None
        self.cut_short = container.cut_short

    def blocks(self) -> Iterator[Samples]:
        """Yield float32 blocks of shape (frames, channels)."""
        if self._sound.tell():
            self._sound.seek(0)
        left = _UNKNOWN_FRAMES if self.expected_frames is None else self.expected_frames
        given = 0
        while left > given:
            wanted = min(left - given, max(1, BLOCK_SAMPLES // self.channels))
            try:
                block = self._sound.read(wanted, dtype="float32", always_2d=True)
            except soundfile.SoundFileError:
                # libsndfile throws a whole block away where a frame of it is damaged.
                self.cut_short = True
                yield from self._rest(given)
                return
            if len(block):
                yield block
            given += len(block)
            if len(block) < wanted:
                break
        # The decoder's delay may be counted or not: two MPEG frames are within the rules.
        if self._container.counts_frames and self.expected_frames is not None:
            self.cut_short |= given < self.expected_frames - 2 * 1152

    def _rest(self, given: int) -> Iterator[Samples]:
        self._file.seek(0)
        try:
            reader = MediaReader(self._file, self._container)
        except (NotAudio, Truncated, Unsupported):
            return
        if (reader.sampling_rate, reader.channels) == (self.sampling_rate, self.channels):
            for block in reader.blocks():
                if len(block) > given:
                    yield block[given:]
                given = max(0, given - len(block))


class MediaReader:
    """WebM, MP4, Matroska and whatever else FFmpeg decodes: the first audio stream."""

    def __init__(self, file: BinaryIO, container: Container) -> None:
        self._file = file
        self._container = container
        self.full_scale = LOSSY_FULL_SCALE
        self.expected_frames: int | None = None
        self.cut_short = container.cut_short
        with self._open() as media:
            stream = media.streams.audio[0]
            first = next(self._frames(media), None)
            known = first if first is not None else stream.codec_context
            self.sampling_rate = int(known.sample_rate or 0)
            self.channels = int(known.layout.nb_channels)
            seconds = self._promised_seconds(media)
            if seconds is not None:
                self.expected_frames = round(seconds * self.sampling_rate)
            elif first is None:
                raise NotAudio("The file holds nothing that decodes to sound.")

    def blocks(self) -> Iterator[Samples]:
        """Yield float32 blocks of shape (frames, channels)."""
        parts: list[Samples] = []
        held = given = 0
        with self._open() as media:
            for part in self._parts(media):
                parts.append(part)
                held += len(part)
                given += len(part)
                if held * self.channels >= BLOCK_SAMPLES:
                    yield np.concatenate(parts)
                    parts, held = [], 0
        if parts:
            yield np.concatenate(parts)
        if self.expected_frames is not None:
            self.cut_short |= given < self.expected_frames - _PADDING_SECONDS * self.sampling_rate

    def _open(self) -> Any:
        import av

        self._file.seek(0)
        try:
            media = av.open(
                self._file, options={"format_whitelist": _CONTAINERS}, metadata_errors="replace"
            )
        except av.FFmpegError as error:
            raise self._refusal() from error
        if not media.streams.audio:
            pictures = len(media.streams.video)
            media.close()
            if not pictures:
                raise self._refusal()
            raise Unsupported("The file has no sound: no audio stream is in it.")
        if media.streams.audio[0].codec_context is None:
            media.close()
            raise Unsupported("The sound's codec is not known; convert it to WAV or FLAC.")
        return media

    def _refusal(self) -> NotAudio | Truncated:
        if self._container.name is None:
            return NotAudio(
                "The file is not a sound that is known; WAV, FLAC, MP3, Ogg, Opus, M4A, WebM and"
                " the usual video files are."
            )
        part = " (the index of an MP4, 'moov', stands at its end)"
        return Truncated(
            f"The file begins as {self._container.name} but cannot be read: it is damaged, or its"
            f" end is missing{part if self._container.name == 'MP4' else ''}. Copy or record it"
            " again."
        )

    def _promised_seconds(self, media: Any) -> float | None:
        # Of a raw stream FFmpeg only guesses the duration, from the bit rate.
        stream = media.streams.audio[0]
        if not self._container.counts_frames:
            return None
        if stream.duration is not None:
            return float(stream.duration * stream.time_base)
        if media.duration is not None and len(media.streams) == 1:
            return float(media.duration) / 1e6
        return None

    def _frames(self, media: Any) -> Iterator[Any]:
        import av

        try:
            yield from media.decode(audio=0)
        except av.FFmpegError:
            self.cut_short = True

    def _parts(self, media: Any) -> Iterator[Samples]:
        import av

        resampler: Any = None
        for frame in self._frames(media):
            # One decoder gives planar floats, another packed integers: all become packed floats.
            if resampler is None:
                resampler = av.AudioResampler("flt", frame.layout, frame.sample_rate)
            for part in resampler.resample(frame):
                packed: Samples = part.to_ndarray()
                yield packed.reshape(-1, self.channels)


class ArrayReader:
    """Samples that the caller already holds."""

    def __init__(self, source: Array) -> None:
        if len(source) != 2 or np.ndim(source[1]) != 0:
            raise ArgumentInvalid(
                "An array is given as (samples, sampling_rate), in this order, with the rate in Hz."
            )
        try:
            rate = float(source[1])
            samples = np.asarray(source[0])
        except (TypeError, ValueError) as error:
            raise ArgumentInvalid(f"(samples, sampling_rate) are numbers: {error}.") from error
        if not rate.is_integer():
            raise ArgumentInvalid(f"The sampling rate is a whole number of Hz, not {source[1]}.")
        self._block = _as_block(samples)
        self.sampling_rate = int(rate)
        self.expected_frames, self.channels = self._block.shape
        self.full_scale = LOSSY_FULL_SCALE
        if np.issubdtype(samples.dtype, np.integer):
            steps = 2.0 ** (8 * samples.dtype.itemsize - 1)
            self.full_scale = max(1 - 1.5 / steps, 0.0) if steps < 2**24 else 1 - 2**-23
        self.cut_short = False

    def blocks(self) -> Iterator[Samples]:
        """Yield the one block, of shape (frames, channels)."""
        yield self._block


def _as_block(samples: npt.NDArray[Any]) -> Samples:
    """Return (n,), (n, channels) or (channels, n) as float32 (n, channels): time is the longer."""
    if samples.ndim not in (1, 2):
        raise ArgumentInvalid(
            f"Samples have shape (n,) or (n, channels), not {samples.shape}; give clips one by one."
        )
    if samples.ndim == 1:
        samples = samples[:, np.newaxis]
    elif samples.shape[0] < samples.shape[1]:
        samples = samples.T
    if samples.size == 0:
        raise EmptyFile("The array holds no samples.")
    if samples.shape[1] > _MOST_CHANNELS:
        raise ArgumentInvalid(
            f"An array has at most {_MOST_CHANNELS} channels, not {samples.shape[1]}; its shape is"
            " (n, channels) or (channels, n)."
        )
    return as_float(samples)


def as_float(samples: npt.NDArray[Any]) -> Samples:
    """Samples of any dtype as float32: integers are scaled by their full scale.

    Raises
    ------
    ArgumentInvalid
        If they are no numbers.
    """
    if np.issubdtype(samples.dtype, np.floating):
        with np.errstate(over="ignore"):  # what becomes infinite is refused later
            return samples.astype(np.float32, copy=False)
    if not np.issubdtype(samples.dtype, np.integer):
        raise ArgumentInvalid(f"Samples are integers or floats, not {samples.dtype}.")
    half = 2.0 ** (8 * samples.dtype.itemsize - 1)
    offset = half if np.issubdtype(samples.dtype, np.unsignedinteger) else 0.0
    scaled: Samples = ((samples.astype(np.float64) - offset) / half).astype(np.float32)
    return scaled
