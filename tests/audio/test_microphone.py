from __future__ import annotations

import builtins
import os
import subprocess
import sys
from collections.abc import Callable
from ctypes.util import find_library
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from serein.audio import microphone
from serein.audio.devices import devices, find_device
from serein.audio.microphone import Listening, listen, play, record
from serein.audio.sources import Samples
from serein.errors import ArgumentInvalid, DependencyMissing, DeviceUnavailable, NotFinite
from tests.audio.portaudio import BLOCK, FakeSounddevice, Machine
from tests.audio.sounds import RATE, voice

Install = Callable[..., FakeSounddevice]

# In CI the library is installed, so there its absence is a failure.
portaudio = pytest.mark.skipif(
    find_library("portaudio") is None and not os.environ.get("CI"), reason="PortAudio is missing"
)


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    def put(*machines: Machine) -> FakeSounddevice:
        fake = FakeSounddevice(*machines)
        monkeypatch.setitem(sys.modules, "sounddevice", fake)
        return fake

    return put


def heard(seconds: float = 1.0, channels: int = 1) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.stack([voice(seconds) * (1 - 0.2 * one) for one in range(channels)], axis=1)


def test_devices_as_the_system_tells_of_them(install: Install) -> None:
    install(Machine("Headset", inputs=1, outputs=2, rate=44_100.0), Machine("HDMI", outputs=8))
    headset, screen = devices()
    assert (headset.number, headset.name, headset.sampling_rate) == (0, "Headset", 44_100)
    assert (headset.does("microphone"), headset.does("loudspeaker")) == (True, True)
    assert (screen.does("microphone"), screen.does("loudspeaker")) == (False, True)


@pytest.mark.parametrize(
    ("asked", "number"),
    [
        (None, 3),
        (1, 1),
        ("1", 1),
        ("2", 2),  # a number is never a part of a name
        ("usb", 1),
        ("USB Microphone 2", 2),  # the whole name goes before a part of another's
        (" usb microphone 2 ", 2),
        ("built", 3),
    ],
)
def test_device_by_number_or_part_of_its_name(
    install: Install, asked: int | str | None, number: int
) -> None:
    fake = install(
        Machine("USB Loudspeaker", outputs=2),
        Machine("USB Microphone 2 Pro", inputs=1),
        Machine("USB Microphone 2", inputs=1),
        Machine("Built-in", inputs=2),
    )
    fake.defaults["input"] = 3
    assert find_device("microphone", asked).number == number


def test_without_a_default_the_first_that_does(install: Install) -> None:
    install(Machine("HDMI", outputs=2), Machine("USB", inputs=1))
    assert find_device("microphone").name == "USB"
    assert find_device("loudspeaker").name == "HDMI"


@pytest.mark.parametrize("asked", ["Bluetooth", 0, 7, "0", "7", "", " "])
def test_unknown_device_lists_what_there_is(install: Install, asked: int | str) -> None:
    install(Machine("HDMI", outputs=2), Machine("USB 7", inputs=1), Machine("Array", inputs=4))
    with pytest.raises(DeviceUnavailable, match=r"there are 1 'USB 7', 2 'Array'\.$"):
        find_device("microphone", asked)


def test_no_device_at_all(install: Install) -> None:
    install()
    assert devices() == ()
    with pytest.raises(DeviceUnavailable, match="There is no microphone"):
        record(1.0)
    with pytest.raises(DeviceUnavailable, match="There is no loudspeaker"):
        play(voice(), RATE)


def test_record_gives_what_was_heard(install: Install) -> None:
    fake = install(Machine("USB", inputs=1, sound=heard(2.0)))
    blocks: list[Any] = []
    samples, rate = record(1.01, listener=blocks.append)
    assert rate == RATE
    assert samples.dtype == np.float32
    assert samples.shape == (16_160,)
    np.testing.assert_array_equal(samples, voice(2.0)[:16_160])
    np.testing.assert_array_equal(np.concatenate(blocks), samples)
    assert all(stream.closed for stream in fake.streams)


def test_record_uses_the_rate_of_the_device(install: Install) -> None:
    install(Machine("USB", inputs=1, rate=44_100.0))
    samples, rate = record(0.5)
    assert (rate, len(samples)) == (44_100, 22_050)
    with pytest.raises(
        DeviceUnavailable, match="at 8000 Hz; its own sampling rate is 44100 Hz"
    ) as caught:
        record(0.5, sampling_rate=8_000)
    assert caught.value.code == "device_unavailable"


def test_device_that_gives_only_stereo_is_averaged(install: Install) -> None:
    stereo = heard(1.0, channels=2)
    fake = install(Machine("Line in", inputs=2, mixes=False, sound=stereo))
    samples, _ = record(0.9)
    assert fake.streams[-1].channels == 2
    np.testing.assert_allclose(samples, stereo.mean(axis=1)[: len(samples)], atol=1e-7)
    mixing = install(Machine("Line in", inputs=2, sound=stereo))
    record(0.9)
    assert [stream.channels for stream in mixing.streams] == [1]


@pytest.mark.parametrize("seconds", [0.0, -1.0, 0.49, 60.1, float("nan"), float("inf")])
def test_duration_that_nobody_means(install: Install, seconds: float) -> None:
    fake = install(Machine("USB", inputs=1))
    with pytest.raises(ArgumentInvalid, match=r"0\.5 to 60 s"):
        record(seconds)
    assert fake.streams == []


def test_busy_and_faulty_devices(install: Install) -> None:
    install(
        Machine("USB", inputs=1, outputs=1, busy=True),
        Machine("Old", inputs=2, fault=("Unanticipated host error", -9999)),
        Machine("Odd", inputs=1, fault=("Error querying device 2",)),
    )
    with pytest.raises(DeviceUnavailable, match="microphone 'USB' cannot be used: it is busy"):
        record(1.0)
    with pytest.raises(DeviceUnavailable, match="loudspeaker 'USB' cannot be used: it is busy"):
        play(voice(), RATE)
    with pytest.raises(DeviceUnavailable, match=r"Unanticipated host error.*choose another"):
        record(1.0, device="old")
    with pytest.raises(DeviceUnavailable, match="Error querying device 2"):
        record(1.0, device="odd")


@pytest.mark.parametrize("way", ["dies", "hangs"])
def test_unplugged_while_recording(
    install: Install, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setattr(microphone, "_PATIENCE", 0.1)
    fake = install(Machine("USB", inputs=1, sound=heard(0.6), **{way: True}))  # type: ignore[arg-type]
    with pytest.raises(DeviceUnavailable, match="'USB' stopped while recording"):
        record(1.0)
    assert fake.streams[-1].closed
    assert len(record(0.5)[0]) == RATE // 2  # what was wanted came before


def test_interrupted_recording_is_closed(install: Install) -> None:
    fake = install(Machine("USB", inputs=1))

    def press(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        record(60.0, listener=press)
    assert fake.streams[-1].closed


def until_unplugged(listening: Listening) -> list[Samples]:
    blocks: list[Samples] = []
    with pytest.raises(DeviceUnavailable, match="stopped while listening"):
        blocks.extend(listening)
    return blocks


def test_listen_gives_what_is_heard_until_it_is_unplugged(install: Install) -> None:
    fake = install(Machine("USB", inputs=1, rate=44_100.0, sound=heard(2.0), dies=True))
    with listen("usb") as listening:
        assert (listening.sampling_rate, listening.device.name) == (44_100, "USB")
        blocks = until_unplugged(listening)
    assert all(block.dtype == np.float32 and block.ndim == 1 for block in blocks)
    assert all(0.1 <= len(block) / 44_100 < 0.1 + BLOCK / 44_100 for block in blocks)
    joined = np.concatenate(blocks)
    np.testing.assert_array_equal(joined, voice(2.0)[: len(joined)])
    assert len(voice(2.0)) - len(joined) < 0.1 * 44_100 + BLOCK
    assert listening.lost == 0.0
    assert fake.streams[-1].closed


def test_listen_gives_up_a_device_that_says_nothing(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(microphone, "_PATIENCE", 0.1)
    install(Machine("USB", inputs=1, sound=heard(0.3), hangs=True))
    with listen() as listening:
        assert len(until_unplugged(listening)) == 2  # and what is no whole block


def test_listen_is_refused_as_record_is(install: Install) -> None:
    install(Machine("USB", inputs=1, busy=True), Machine("Other", inputs=1))
    for arguments, message in [
        ({"device": "usb"}, "it is busy"),
        ({"device": "Bluetooth"}, "there are 0 'USB', 1 'Other'"),
        ({"device": 1, "sampling_rate": 8_000}, "its own sampling rate is 16000 Hz"),
    ]:
        with pytest.raises(DeviceUnavailable, match=message), listen(**arguments):  # type: ignore[arg-type]
            pass


def test_who_listens_too_late_loses_the_oldest(install: Install) -> None:
    """The device was unplugged before anybody asked for what it had heard."""
    sound = heard(9.0)
    fake = install(Machine("USB", inputs=1, sound=sound, dies=True))
    with listen() as listening:
        fake.streams[-1]._thread.join(10)
        kept = np.concatenate(until_unplugged(listening))
    assert len(kept) <= 5.0 * RATE
    whole = len(sound) // BLOCK * BLOCK
    begin = round(listening.lost * RATE)
    assert 0 <= 5.0 * RATE - (whole - begin) < BLOCK
    np.testing.assert_array_equal(kept, sound[begin : begin + len(kept), 0])


def test_listen_takes_the_louder_of_channels_that_cancel(install: Install) -> None:
    stereo = heard(1.0, channels=2) * np.array([1.0, -1.0], np.float32)
    install(Machine("Line in", inputs=2, mixes=False, sound=stereo, dies=True))
    with listen() as listening:
        joined = np.concatenate(until_unplugged(listening))
    np.testing.assert_array_equal(joined, stereo[: len(joined), 0])


def test_samples_that_are_no_sound(install: Install) -> None:
    install(Machine("USB", inputs=1, sound=np.full((RATE, 1), np.nan, np.float32)))
    with pytest.raises(NotFinite):
        record(0.5)


def test_play_gives_every_sample_once(install: Install) -> None:
    machine = Machine("HDMI", outputs=2)
    fake = install(machine)
    play(voice(0.5), RATE)
    played = np.concatenate(machine.played)[:, 0]
    np.testing.assert_array_equal(played[:8_000], voice(0.5))
    assert not played[8_000:].any()
    assert len(played) - 8_000 < BLOCK
    assert fake.streams[-1].closed


def test_loudspeaker_of_another_rate_and_two_channels(install: Install) -> None:
    machine = Machine("HDMI", outputs=2, rate=48_000.0, mixes=False)
    install(machine)
    play(np.stack([voice(0.5), voice(0.5)]), RATE)
    played = np.concatenate(machine.played)
    np.testing.assert_array_equal(played[:, 0], played[:, 1])
    assert 0 <= len(played) - 24_000 < BLOCK
    assert np.corrcoef(played[:24_000:3, 0], voice(0.5))[0, 1] > 0.99


@pytest.mark.parametrize("options", [{"dies_after": 3}, {"hangs": True}])
def test_unplugged_while_playing(
    install: Install, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    monkeypatch.setattr(microphone, "_PATIENCE", 0.1)
    fake = install(Machine("HDMI", outputs=1, **options))
    with pytest.raises(DeviceUnavailable, match="'HDMI' stopped while playing"):
        play(voice(0.2), RATE)
    assert fake.streams[-1].closed


def test_without_sounddevice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(DependencyMissing, match=r'pip install "serein\[microphone\]"'):
        devices()


@pytest.mark.parametrize(
    ("raised", "expected", "message"),
    [
        (OSError("PortAudio library not found"), DependencyMissing, "apt install libportaudio2"),
        (RuntimeError("Error initializing PortAudio"), DeviceUnavailable, "initializing PortAudio"),
    ],
)
def test_without_portaudio(
    monkeypatch: pytest.MonkeyPatch,
    raised: Exception,
    expected: type[Exception],
    message: str,
) -> None:
    imported = builtins.__import__

    def refuse(name: str, *arguments: Any, **options: Any) -> Any:
        if name == "sounddevice":
            raise raised
        return imported(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(expected, match=message):
        devices()


@portaudio
def test_real_portaudio_answers() -> None:
    for device in devices():
        assert device.inputs >= 0
        assert device.outputs >= 0
        assert device.sampling_rate > 0
    assert [device.number for device in devices()] == list(range(len(devices())))


@pytest.fixture
def cable(tmp_path: Path) -> dict[str, str]:
    """An environment in which ALSA has one device, which hears and writes files."""
    configuration = tmp_path / "asound.conf"
    configuration.write_text(
        f"""
</usr/share/alsa/alsa.conf>
pcm.cable {{
  type file
  slave.pcm {{ type null }}
  file "{tmp_path / "played.raw"}"
  infile "{tmp_path / "heard.raw"}"
  format "raw"
  hint {{ show on description "cable" }}
}}
""",
        encoding="utf-8",
    )
    voice(2.0, 44_100).tofile(tmp_path / "heard.raw")
    return os.environ | {"ALSA_CONFIG_PATH": str(configuration)}


@portaudio
@pytest.mark.skipif(
    not Path("/usr/share/alsa/alsa.conf").is_file() and not os.environ.get("CI"),
    reason="ALSA is missing",
)
def test_real_portaudio_records_and_plays(cable: dict[str, str], tmp_path: Path) -> None:
    program = """
import numpy, sys
from serein.audio.microphone import play, record
samples, rate = record(1.0, device="cable")
samples.tofile(sys.argv[1])
play(-samples, rate, device="cable")  # what was recorded is in the file, too
print(rate)
"""
    file = tmp_path / "recorded.raw"
    ended = subprocess.run(
        [sys.executable, "-c", program, str(file)],
        env=cable,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (ended.returncode, ended.stdout) == (0, "44100\n"), ended.stderr
    recorded = np.fromfile(file, np.float32)
    np.testing.assert_array_equal(recorded, voice(2.0, 44_100)[:44_100])
    played = np.fromfile(tmp_path / "played.raw", np.float32)
    assert (-recorded).tobytes() in played.tobytes()
