"""Microphones and loudspeakers as the system tells of them, by way of sounddevice and PortAudio."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from serein.errors import DependencyMissing, DeviceUnavailable

Kind = Literal["microphone", "loudspeaker"]


@dataclass(frozen=True)
class Device:
    """A device as PortAudio tells of it; one that does both has inputs and outputs.

    Attributes
    ----------
    number
        What it is chosen by; it may be another after something was plugged in.
    name
        As the system calls it.
    inputs, outputs
        The most channels that it records and plays; 0 where it does not.
    sampling_rate
        Its own, in Hz.
    """

    number: int
    name: str
    inputs: int
    outputs: int
    sampling_rate: int

    def does(self, kind: Kind) -> bool:
        """Whether it is a microphone, or a loudspeaker."""
        return (self.inputs if kind == "microphone" else self.outputs) > 0


def devices() -> tuple[Device, ...]:
    """All devices that were there when the process first asked, microphones and loudspeakers.

    Raises
    ------
    DependencyMissing
        If sounddevice or PortAudio is not installed.
    DeviceUnavailable
        If the system's sound cannot be asked.
    """
    library = portaudio()
    try:
        return tuple(_device(told) for told in library.query_devices())
    except library.PortAudioError as error:
        raise DeviceUnavailable(f"The sound devices cannot be listed: {error}.") from error


def find_device(kind: Kind, device: int | str | None = None) -> Device:
    """Find a microphone or a loudspeaker.

    Parameters
    ----------
    kind
        ``microphone`` or ``loudspeaker``.
    device
        Its number, or a part of its name in any case: of several the one that has just this name,
        or else the first. The system's default if None.

    Raises
    ------
    DeviceUnavailable
        If there is none, or none of this number or name; the message lists those that there are.
    DependencyMissing
        If sounddevice or PortAudio is not installed.
    """
    known = [one for one in devices() if one.does(kind)]
    if not known:
        raise DeviceUnavailable(
            f"There is no {kind}: none of the system's devices is one. Plug one in or switch it on."
        )
    if device is None:
        return _default(kind, known)
    wanted = str(device).strip().lower()
    for fits in (
        lambda one: str(one.number) == wanted,
        lambda one: one.name.lower() == wanted,
        lambda one: wanted and not wanted.isdecimal() and wanted in one.name.lower(),
    ):
        if found := next(filter(fits, known), None):
            return found
    listed = ", ".join(f"{one.number} {one.name!r}" for one in known)
    raise DeviceUnavailable(f"There is no {kind} {str(device)!r}; there are {listed}.")


def portaudio() -> Any:
    """The module sounddevice, once PortAudio answers.

    Raises
    ------
    DependencyMissing
        If it or PortAudio is not installed.
    DeviceUnavailable
        If PortAudio cannot use the system's sound.
    """
    try:
        import sounddevice
    except ImportError as error:
        raise DependencyMissing(
            "The microphone and the loudspeaker need sounddevice; install it with:"
            ' pip install "serein[microphone]"'
        ) from error
    except OSError as error:
        raise DependencyMissing(
            "sounddevice needs the library PortAudio, which is not installed. On Debian and Ubuntu:"
            " apt install libportaudio2. On macOS and Windows it comes with: pip install"
            " --force-reinstall sounddevice"
        ) from error
    except Exception as error:  # its own class of errors cannot be imported either
        raise DeviceUnavailable(f"The system's sound cannot be used: {error}.") from error
    return sounddevice


def _default(kind: Kind, known: list[Device]) -> Device:
    library = portaudio()
    side = "input" if kind == "microphone" else "output"
    try:
        return _device(library.query_devices(kind=side))
    except (library.PortAudioError, ValueError):
        # The system names none.
        return known[0]


def _device(told: Any) -> Device:
    return Device(
        number=int(told["index"]),
        name=str(told["name"]),
        inputs=int(told["max_input_channels"]),
        outputs=int(told["max_output_channels"]),
        sampling_rate=round(told["default_samplerate"]),
    )
