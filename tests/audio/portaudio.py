"""A module that behaves as sounddevice does, with devices made in code."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

BLOCK = 480  # frames


class PortAudioError(Exception):
    """As sounddevice's: a description, then a code."""


class CallbackStop(Exception):
    """As sounddevice's."""


@dataclass
class Machine:
    """A device as its maker would describe it.

    `sound` is what a microphone hears, shape (n, channels); it falls silent after it, unless
    `dies` (it is unplugged there) or `hangs` (it says nothing more). What a loudspeaker plays is
    added to `played`, a block an entry; it dies after as many blocks as `dies_after` says.
    """

    name: str
    inputs: int = 0
    outputs: int = 0
    rate: float = 16_000.0
    mixes: bool = True
    busy: bool = False
    fault: tuple[Any, ...] = ()
    sound: npt.NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 1), np.float32))
    dies: bool = False
    hangs: bool = False
    dies_after: int | None = None
    played: list[npt.NDArray[np.float32]] = field(default_factory=list)

    def heard(self, channels: int) -> Iterable[npt.NDArray[np.float32]]:
        whole = self.sound[: len(self.sound) - len(self.sound) % BLOCK]
        for begin in range(0, len(whole), BLOCK):
            block = whole[begin : begin + BLOCK]
            yield block.mean(axis=1, keepdims=True) if channels == 1 else block
        while not self.dies and not self.hangs:
            yield np.zeros((BLOCK, channels), np.float32)


class Stream:
    """One direction; a thread of its own calls back, as PortAudio's does."""

    def __init__(
        self,
        *,
        machine: Machine,
        channels: int,
        most: int,
        samplerate: float,
        callback: Callable[..., None],
        finished_callback: Callable[[], None],
    ) -> None:
        if machine.fault:
            raise PortAudioError(*machine.fault)
        if machine.busy:
            raise PortAudioError("Error opening stream: Device unavailable", -9985)
        if channels > most or (channels < most and not machine.mixes):
            raise PortAudioError("Error opening stream: Invalid number of channels", -9998)
        if samplerate != machine.rate:
            raise PortAudioError("Error opening stream: Invalid sample rate", -9997)
        self.machine = machine
        self.channels = channels
        self.closed = False
        self._stopped = threading.Event()
        self._callback = callback
        self._finished = finished_callback
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def abort(self) -> None:
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(5)

    def close(self) -> None:
        self.closed = True

    def _run(self) -> None:
        with suppress(CallbackStop):
            self._work()
        if not self.machine.hangs:
            self._finished()

    def _work(self) -> None:
        raise NotImplementedError


class Microphone(Stream):
    def _work(self) -> None:
        for block in self.machine.heard(self.channels):
            if self._stopped.is_set():
                return
            reused = block.copy()
            try:
                self._callback(reused, len(block), None, 0)
            finally:
                reused[:] = np.nan  # PortAudio's memory is only lent


class Loudspeaker(Stream):
    def _work(self) -> None:
        while not self._stopped.is_set() and not self.machine.hangs:
            if len(self.machine.played) == self.machine.dies_after:
                return
            block = np.full((BLOCK, self.channels), np.nan, np.float32)
            try:
                self._callback(block, BLOCK, None, 0)
            finally:
                self.machine.played.append(block)


class FakeSounddevice(ModuleType):
    """To be put into ``sys.modules`` as ``sounddevice``."""

    PortAudioError = PortAudioError
    CallbackStop = CallbackStop

    def __init__(self, *machines: Machine) -> None:
        super().__init__("sounddevice")
        self.machines = machines
        self.defaults: dict[str, int | None] = {"input": None, "output": None}
        self.streams: list[Stream] = []

    def query_devices(self, device: int | None = None, kind: str | None = None) -> Any:
        if kind is not None:
            device = self.defaults[kind]
            if device is None:
                raise PortAudioError("Error querying device -1")
        told = [
            {
                "index": index,
                "name": machine.name,
                "hostapi": 0,
                "max_input_channels": machine.inputs,
                "max_output_channels": machine.outputs,
                "default_samplerate": machine.rate,
            }
            for index, machine in enumerate(self.machines)
        ]
        return tuple(told) if device is None else told[device]

    def InputStream(self, *, device: int, dtype: str, **options: Any) -> Stream:  # noqa: N802
        machine = self.machines[device]
        return self._opened(Microphone, machine, dtype, most=machine.inputs, **options)

    def OutputStream(self, *, device: int, dtype: str, **options: Any) -> Stream:  # noqa: N802
        machine = self.machines[device]
        return self._opened(Loudspeaker, machine, dtype, most=machine.outputs, **options)

    def _opened(self, kind: type[Stream], machine: Machine, dtype: str, **options: Any) -> Stream:
        assert dtype == "float32"
        self.streams.append(kind(machine=machine, **options))
        return self.streams[-1]
