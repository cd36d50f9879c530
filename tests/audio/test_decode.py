from __future__ import annotations

import contextlib
import io
import os
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
import soxr
from hypothesis import given
from hypothesis import strategies as st

import serein.audio.readers
import serein.audio.sources
from serein.audio import Limits, Recording, decode
from serein.audio.decode import Mixer, Sound, open_sound
from serein.audio.sources import open_bytes
from serein.errors import (
    ArgumentInvalid,
    AudioError,
    EmptyFile,
    NotAFile,
    NotAudio,
    NotFinite,
    NotFound,
    TooLarge,
    TooLongDuration,
    Truncated,
    Unsupported,
)
from tests.audio.sounds import RATE, encoded, media, voice


def listen(source: Any, **options: Any) -> Recording:
    return decode(source, **{"sampling_rate": RATE, **options})


# The tolerance is the step of each code near the level of the sound.
@pytest.mark.parametrize(
    ("container", "subtype", "tolerance"),
    [
        ("WAV", "PCM_U8", 1 / 100),
        ("WAV", "PCM_16", 1e-4),
        ("WAV", "PCM_24", 1e-6),
        ("WAV", "PCM_32", 1e-7),
        ("WAV", "FLOAT", 0.0),
        ("WAV", "DOUBLE", 0.0),
        ("WAV", "ULAW", 0.02),
        ("WAV", "ALAW", 0.02),
        ("WAV", "IMA_ADPCM", 0.2),
        ("WAVEX", "PCM_16", 1e-4),
        ("RF64", "PCM_16", 1e-4),
        ("W64", "PCM_16", 1e-4),
        ("AIFF", "PCM_16", 1e-4),
        ("FLAC", "PCM_16", 1e-4),
    ],
)
def test_every_subtype_gives_the_samples(container: str, subtype: str, tolerance: float) -> None:
    samples = voice()
    recording = listen(encoded(samples, format=container, subtype=subtype))
    assert recording.samples.dtype == np.float32
    assert recording.samples[: len(samples)] == pytest.approx(samples, abs=tolerance)
    assert (recording.original_sampling_rate, recording.channels) == (RATE, 1)
    assert recording.duration == pytest.approx(1.0, abs=0.05)
    assert not recording.truncated
    assert recording.clipped_share == 0.0


@pytest.mark.parametrize(("container", "subtype"), [("MP3", None), ("OGG", None), ("OGG", "OPUS")])
def test_lossy_codecs(container: str, subtype: str | None) -> None:
    samples = voice()
    recording = listen(encoded(samples, format=container, subtype=subtype))
    assert recording.duration == pytest.approx(1.0)
    assert np.corrcoef(recording.samples, samples)[0, 1] > 0.8
    assert not recording.truncated


@pytest.mark.parametrize(
    ("container", "codec", "video"),
    [
        ("ipod", "aac", None),
        ("webm", "libopus", None),
        ("mp4", "aac", "mpeg4"),
        ("matroska", "pcm_s16le", "mpeg4"),
        ("matroska", "pcm_s16le", None),
        ("adts", "aac", None),
    ],
)
def test_media_that_only_ffmpeg_reads(
    tmp_path: Path, container: str, codec: str, video: str | None
) -> None:
    path = media(tmp_path / "sound.bin", container, codec, video=video)
    for source in (path, path.read_bytes()):
        recording = listen(source)
        assert recording.original_sampling_rate == 48_000
        assert recording.duration == pytest.approx(1.0, abs=0.07)
        assert not recording.truncated
        expected = soxr.resample(voice(1.0, 48_000), 48_000, RATE, quality="HQ")
        shared = min(len(recording.samples), len(expected))
        # An encoder's delay may shift the sound: compare envelopes, not samples.
        envelopes = [
            np.abs(x[: shared // 800 * 800]).reshape(-1, 800).mean(axis=1)
            for x in (recording.samples, expected)
        ]
        assert np.corrcoef(*envelopes)[0, 1] > 0.9


def test_every_kind_of_source_is_the_same(clip: Path) -> None:
    content = clip.read_bytes()
    expected = listen(clip)
    assert expected.name == str(clip)
    with clip.open("rb") as file:
        sources = [str(clip), content, bytearray(content), memoryview(content), io.BytesIO(content)]
        for source in [*sources, file, soundfile.read(clip, dtype="float32")]:
            assert np.array_equal(listen(source).samples, expected.samples)
        assert not file.closed
    assert listen(content).name is None


def test_extension_is_not_believed(clip: Path) -> None:
    for name in ("clip.raw", "clip.mp3", "clip"):
        assert listen(clip.rename(clip.with_name(name))).duration == 1.0
        clip = clip.with_name(name)
        with clip.open("rb") as file:
            assert listen(file).duration == 1.0


class Pipe(io.RawIOBase):
    """What can be read once: some bytes, and then zeros."""

    def __init__(self, content: bytes, zeros: int = 0) -> None:
        self._file = io.BytesIO(content)
        self._zeros = zeros

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if read := self._file.readinto(buffer):
            return read
        length = min(len(buffer), self._zeros)
        buffer[:length] = bytes(length)
        self._zeros -= length
        return length


@pytest.mark.parametrize("held", [10, 1 << 24])
def test_pipe_is_read_whole(clip: Path, held: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serein.audio.sources, "_HELD_BYTES", held)
    pipe: Any = Pipe(clip.read_bytes())
    assert np.array_equal(listen(pipe).samples, listen(clip).samples)
    endless: Any = Pipe(bytes(5_000))
    with pytest.raises(TooLarge, match="2000 bytes"):
        listen(endless, limits=Limits(max_bytes=2_000))


def test_long_pipe_takes_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serein.audio.sources, "_HELD_BYTES", 1 << 20)
    header = io.BytesIO()
    soundfile.write(header, np.zeros(1, np.int16), RATE, format="WAV")
    pipe: Any = Pipe(header.getvalue(), zeros=1 << 25)
    tracemalloc.start()
    try:
        with open_bytes(pipe, max_bytes=1 << 30) as file:
            assert file.seek(0, os.SEEK_END) == len(header.getvalue()) + (1 << 25)
        assert tracemalloc.get_traced_memory()[1] < 1 << 23
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("rate", [1_000, 8_000, 44_100, 192_000])
def test_resampling_is_that_of_soxr(rate: int) -> None:
    samples = voice(0.5, rate)
    recording = listen((samples, rate))
    assert np.array_equal(recording.samples, soxr.resample(samples, rate, RATE, quality="HQ"))
    assert recording.duration == pytest.approx(0.5)


@pytest.mark.parametrize("suffix", ["WAV", "FLAC", "MP3", "OGG"])
def test_blocks_do_not_change_the_samples(suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    loud = np.clip(3 * voice(1.0, 44_100), -0.3, 0.3) / 0.3
    content = encoded(np.stack([loud, 0.5 * loud], axis=1), 44_100, format=suffix)
    whole = listen(content)
    monkeypatch.setattr(serein.audio.readers, "BLOCK_SAMPLES", 2 * 1_237)
    blocks = listen(content)
    assert np.array_equal(blocks.samples, whole.samples)
    assert blocks.clipped_share == whole.clipped_share


def test_seven_channels_extensible() -> None:
    samples = np.stack([voice(level=0.1 * k) for k in range(1, 8)], axis=1)
    recording = listen(encoded(samples, format="WAVEX", subtype="FLOAT"))
    assert recording.channels == 7
    assert recording.samples == pytest.approx(samples.mean(axis=1), abs=1e-6)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64"])
def test_integers_are_scaled_by_their_full_scale(dtype: str) -> None:
    limits = np.iinfo(dtype)
    middle = 0 if limits.min else (limits.max + 1) // 2
    samples = np.array([limits.min, middle, limits.max] * 100, dtype=dtype)
    decoded = listen((samples, RATE)).samples
    assert decoded.min() == -1.0
    assert decoded[1] == 0.0
    assert decoded.max() == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", ">f4"])
def test_floats_and_both_orientations(dtype: str) -> None:
    samples = np.stack([voice(), 0.5 * voice()]).astype(dtype)
    expected = samples.astype(np.float32).mean(axis=0)
    assert listen((samples, RATE)).samples == pytest.approx(expected, abs=1e-6)
    assert listen((samples.T, RATE)).samples == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    "source",
    [
        (np.zeros((2, 3, 100)), RATE),
        (np.float32(0), RATE),
        (np.zeros(100, dtype=complex), RATE),
        (np.zeros(100, dtype=bool), RATE),
        (np.array(["a"]), RATE),
        (np.zeros((2_000, 2_000)), RATE),
        (np.zeros(100), 16_000.5),
        (np.zeros(100), float("nan")),
        (np.zeros(100), "fast"),
        (RATE, np.zeros(100)),
        (np.zeros(100),),
        io.StringIO("text"),
        17,
        None,
    ],
)
def test_sources_that_are_none(source: Any) -> None:
    with pytest.raises(ArgumentInvalid):
        listen(source)


@pytest.mark.parametrize("rate", [0, -1, 999, 768_001])
def test_sampling_rates_out_of_range(rate: int) -> None:
    with pytest.raises(Unsupported, match="768000"):
        listen((np.zeros(100), rate))
    with pytest.raises(ArgumentInvalid, match="768000"):
        decode((np.zeros(100), RATE), sampling_rate=rate)


def test_paths_without_a_file(tmp_path: Path) -> None:
    for missing in (tmp_path / "none.wav", tmp_path / ("x" * 300), f"{tmp_path}/a\0b"):
        with pytest.raises(NotFound) as caught:
            listen(missing)
        assert caught.value.file == str(missing)
    with pytest.raises(NotAFile, match="directory"):
        listen(tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="no FIFO on Windows")
def test_fifo_and_device_do_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    for path in (tmp_path / "pipe.wav", Path(os.devnull)):
        with pytest.raises(NotAFile, match="pipe or a device"):
            listen(path)


def test_operating_system_errors_are_mapped(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: Any) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", forbidden)
    with pytest.raises(NotAFile, match="Permission denied"):
        listen(clip)


@pytest.mark.parametrize(
    "content", [b"", encoded(np.zeros(0)), encoded(np.zeros(0), format="AIFF")]
)
def test_empty(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "empty.wav"
    path.write_bytes(content)
    with pytest.raises(EmptyFile) as caught:
        listen(path)
    assert caught.value.file == str(path)


def test_empty_arrays() -> None:
    for shape in ((0,), (0, 2), (2, 0)):
        with pytest.raises(EmptyFile):
            listen((np.zeros(shape), RATE))


@pytest.mark.parametrize(
    "content",
    [
        b"This is a text named .wav.\n" * 50,
        b"\xff\xd8\xff\xe0\0\x10JFIF\0" + bytes(500),
        np.random.default_rng(1).bytes(4_000),
        bytes(4_000),
        b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
    ],
)
def test_not_audio(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "text.wav"
    path.write_bytes(content)
    with pytest.raises(NotAudio) as caught:
        listen(path)
    assert caught.value.file == str(path)


def test_video_without_sound(tmp_path: Path) -> None:
    with pytest.raises(Unsupported, match="no audio stream"):
        listen(media(tmp_path / "mute.mp4", "mp4", None, video="mpeg4"))


@given(
    st.sampled_from([b"", b"RIFF\0\0\0\0WAVEfmt ", b"fLaC", b"OggS\0", b"ID3\3\0", b"\xff\xfb"]),
    st.binary(max_size=300),
)
def test_nothing_but_the_tree_escapes(magic: bytes, content: bytes) -> None:
    with contextlib.suppress(AudioError):
        assert len(listen(magic + content).samples) > 0


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30, 1e300])
def test_not_finite(value: float) -> None:
    samples = voice().astype(np.float64)
    samples[500] = value
    for source in ((samples, RATE), encoded(samples, subtype="DOUBLE")):
        with pytest.raises(NotFinite):
            listen(source)


@pytest.mark.parametrize("container", ["WAV", "AIFF", "FLAC", "MP3", "OGG"])
def test_cut_in_the_middle(container: str, tmp_path: Path) -> None:
    content = encoded(voice(4.0), format=container)
    recording = listen(content[: len(content) * 6 // 10])
    assert recording.truncated
    assert 1.0 < recording.duration < 3.5
    path = tmp_path / "cut"
    path.write_bytes(content[: len(content) // 20])
    with pytest.raises(Truncated) as caught:
        listen(path)
    assert caught.value.file == str(path)


@pytest.mark.parametrize(("container", "codec"), [("ipod", "aac"), ("matroska", "pcm_s16le")])
def test_media_cut_in_the_middle(tmp_path: Path, container: str, codec: str) -> None:
    content = media(tmp_path / "whole", container, codec).read_bytes()
    recording = listen(content[: len(content) * 8 // 10])
    assert recording.truncated
    assert 0.5 < recording.duration < 0.9
    with pytest.raises(Truncated):
        listen(content[: len(content) * 3 // 10])


def test_mp4_without_its_index(tmp_path: Path) -> None:
    content = media(tmp_path / "whole", "ipod", "aac").read_bytes()
    with pytest.raises(Truncated, match="moov"):
        listen(content[:200])


@pytest.mark.parametrize("container", ["WAV", "FLAC", "AIFF"])
def test_header_without_samples_is_truncated(container: str) -> None:
    content = encoded(voice(), format=container)
    with pytest.raises(Truncated):
        listen(content[:60] if container != "FLAC" else content[:90])


@pytest.mark.parametrize("size", [0, 0x7FFFFFFF, 0x7FFFF000, 0x80000000, 0xFFFFFFFF])
def test_streamed_wav_is_whole(size: int) -> None:
    samples = voice()
    content = encoded(samples, subtype="PCM_16")
    header, data = content[:44], content[44:]
    for form in (0, size, len(content) - 8):
        streamed = header[:4] + struct.pack("<I", form) + header[8:40] + struct.pack("<I", size)
        recording = listen(streamed + data)
        assert not recording.truncated
        assert recording.samples == pytest.approx(samples, abs=1e-4)


def test_wav_with_chunks_around_the_data(clip: Path) -> None:
    content = clip.read_bytes()
    note = b"LIST" + struct.pack("<I", 5) + b"INFOx\0"
    recording = listen(content[:12] + note + content[12:] + note)
    assert recording.duration == 1.0
    assert not recording.truncated


def test_limits(clip: Path) -> None:
    with pytest.raises(TooLarge, match="1000 bytes"):
        listen(clip, limits=Limits(max_bytes=1_000))
    for source in (clip, (voice(), RATE)):
        with pytest.raises(TooLongDuration, match=r"0\.9 seconds"):
            listen(source, limits=Limits(max_seconds=0.9))
        assert listen(source, limits=Limits(max_seconds=1.0)).duration == 1.0


def test_bomb_is_stopped_by_header_and_while_decoding() -> None:
    content = bytearray(encoded(np.zeros(20 * RATE, np.int16), format="FLAC"))
    assert len(content) < 20_000
    limits = Limits(max_seconds=10.0)
    with pytest.raises(TooLongDuration):
        listen(bytes(content), limits=limits)
    # The total number of frames is 36 bits in STREAMINFO; 0 means unknown.
    content[21] &= 0xF0
    content[22:26] = bytes(4)
    with pytest.raises(TooLongDuration):
        listen(bytes(content), limits=limits)
    assert listen(bytes(content)).duration == 20.0


def test_ten_milliseconds() -> None:
    recording = listen(encoded(voice(0.01)))
    assert len(recording.samples) == 160
    assert recording.duration == pytest.approx(0.01)


def test_less_than_a_sample_is_empty() -> None:
    with pytest.raises(EmptyFile, match="less"):
        decode((np.ones(1), 192_000), sampling_rate=1_000)


@pytest.mark.parametrize("louder", [0, 1])
def test_opposed_channels_take_the_louder(louder: int) -> None:
    samples = np.stack([voice(), -voice()], axis=1)
    samples[:, louder] *= 1.1
    for source in ((samples, RATE), encoded(samples, subtype="FLOAT")):
        recording = listen(source)
        assert recording.out_of_phase
        assert np.array_equal(recording.samples, samples[:, louder])


def test_other_channels_are_averaged() -> None:
    generator = np.random.default_rng(3)
    unrelated = generator.standard_normal((RATE, 32)).astype(np.float32)
    one_sided = np.stack([voice(), 0 * voice()], axis=1)
    for samples in (unrelated, one_sided, np.zeros((RATE, 2), np.float32)):
        recording = listen((samples, RATE))
        assert not recording.out_of_phase
        assert recording.samples == pytest.approx(samples.mean(axis=1), abs=1e-6)


def clipped_share(samples: Any, full_scale: float) -> float:
    """Count run by run, as the definition says."""
    clipped = run = 0
    for value in [*samples, 0.0]:
        if abs(value) >= full_scale:
            run += 1
        else:
            clipped += run if run >= 3 else 0
            run = 0
    return clipped / len(samples)


@given(st.lists(st.sampled_from([0, 100, 32_767, -32_768]), min_size=1), st.integers(3, 7))
def test_clipped_share_is_the_definition(values: list[int], block: int) -> None:
    samples = np.array(values, dtype=np.int16)
    expected = clipped_share(samples / 32_768, 32_767 / 32_768)
    assert listen((samples, RATE)).clipped_share == pytest.approx(expected)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(serein.audio.readers, "BLOCK_SAMPLES", block)
        assert listen(encoded(samples)).clipped_share == pytest.approx(expected)


@pytest.mark.parametrize(
    "subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "ULAW", "ALAW"]
)
def test_full_scale_of_every_format(subtype: str) -> None:
    samples = voice()
    samples[100:110] = 1.0
    samples[200:210] = -1.0
    # Rounding to 8 bits may lift neighbours, but not by ten samples.
    assert listen(encoded(samples, subtype=subtype)).clipped_share == pytest.approx(20 / RATE)
    samples[100:110] = 0.9
    samples[200:210] = 0.0
    assert listen(encoded(samples, subtype=subtype)).clipped_share == 0.0


# --- block by block ---------------------------------------------------------------------------


def blocks_of(sound: Sound) -> npt.NDArray[np.float32]:
    return np.concatenate([np.zeros(0, dtype=np.float32), *sound.mono()])


@pytest.mark.parametrize("suffix", ["WAV", "FLAC", "MP3", "OGG"])
def test_sound_is_read_as_often_as_wanted(suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    content = encoded(np.stack([voice(), 0.2 * voice()], axis=1), format=suffix)
    expected = listen(content)
    monkeypatch.setattr(serein.audio.readers, "BLOCK_SAMPLES", 2 * 1_237)
    with open_sound(content) as sound:
        assert not sound.out_of_phase
        for _ in range(3):
            assert np.array_equal(blocks_of(sound), expected.samples)
            assert sound.duration == expected.duration
            assert sound.mixer.clipped_share == expected.clipped_share


@pytest.mark.parametrize("container", ["webm", "matroska"])
def test_media_are_read_as_often_as_wanted(tmp_path: Path, container: str) -> None:
    path = media(tmp_path / "sound.bin", container, "libopus", video=None)
    with open_sound(path) as sound:
        first, second = blocks_of(sound), blocks_of(sound)
    assert np.array_equal(first, second)
    assert len(first) / 48_000 == pytest.approx(1.0, abs=0.07)


@pytest.mark.parametrize("suffix", ["WAV", "FLAC", "MP3"])
def test_file_cut_short_is_read_again_as_far_as_it_goes(suffix: str) -> None:
    content = encoded(voice(3.0), format=suffix)
    with open_sound(content[: len(content) // 2]) as sound:
        first, second = blocks_of(sound), blocks_of(sound)
        assert sound.duration == len(first) / RATE
    assert len(first) > 0.5 * RATE
    assert np.array_equal(first, second)


def test_channels_that_cancel_are_known_once_all_was_read() -> None:
    samples = voice()
    with open_sound((np.stack([-0.5 * samples, samples], axis=1) * 0.9, RATE)) as sound:
        mean = blocks_of(sound)
        # Half of one is left: they do not cancel enough.
        assert not sound.out_of_phase
        assert np.array_equal(blocks_of(sound), mean)
    with open_sound((np.stack([-0.9 * samples, samples], axis=1), RATE)) as sound:
        assert not sound.out_of_phase
        blocks_of(sound)
        assert sound.out_of_phase
        assert np.array_equal(blocks_of(sound), samples)


@pytest.mark.parametrize("error", [ValueError, RuntimeError, OSError, soundfile.SoundFileError])
def test_fault_of_who_reads_is_not_blamed_on_the_sound(clip: Path, error: type[Exception]) -> None:
    def read() -> None:
        with open_sound(clip) as sound:
            next(sound.mono())
            raise error("ours")

    with pytest.raises(error, match="ours") as caught:
        read()
    assert not isinstance(caught.value, AudioError)


def test_error_on_the_way_carries_the_name(tmp_path: Path) -> None:
    samples = voice()
    samples[9_000] = np.nan
    path = tmp_path / "nan.wav"
    path.write_bytes(encoded(samples, subtype="FLOAT"))
    with open_sound(path) as sound, pytest.raises(NotFinite) as caught:
        blocks_of(sound)
    assert caught.value.file == str(path)
    path.write_bytes(encoded(np.zeros(0)))
    with open_sound(path) as sound:
        assert len(blocks_of(sound)) == 0
        with pytest.raises(EmptyFile, match="no samples") as empty:
            sound.refuse_nothing(0)
    assert empty.value.file == str(path)


@given(st.lists(st.integers(1, 400), min_size=1, max_size=30), st.integers(1, 3))
def test_mixing_does_not_depend_on_the_blocks(sizes: list[int], channels: int) -> None:
    generator = np.random.default_rng(sum(sizes))
    samples = generator.standard_normal((sum(sizes), channels)).astype(np.float32)
    samples = np.clip(samples, -1.0, 1.0)
    whole, parts = Mixer(channels), Mixer(channels)
    expected = whole.mix(samples)
    found = [parts.mix(block) for block in np.split(samples, np.cumsum(sizes)[:-1])]
    assert np.array_equal(np.concatenate(found), expected)
    assert (parts.frames, parts.clipped_share) == (whole.frames, whole.clipped_share)
    assert parts.energies == pytest.approx(whole.energies, rel=1e-4)
    assert expected == pytest.approx(samples.mean(axis=1), abs=1e-6)


def test_block_that_is_no_sound_is_not_counted() -> None:
    mixer = Mixer(2)
    mixer.mix(np.full((10, 2), 0.5, dtype=np.float32))
    before = (mixer.frames, mixer.energies.tolist(), mixer.clipped_share)
    for wrong in (np.nan, np.inf, -np.inf, 1e11):
        block = np.ones((10, 2), dtype=np.float32)
        block[3, 1] = wrong
        with pytest.raises(NotFinite):
            mixer.mix(block)
    assert (mixer.frames, mixer.energies.tolist(), mixer.clipped_share) == before
