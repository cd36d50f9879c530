"""Ten pieces of music from notes on paper, by another way than any that a model was trained with.

Waves are rich in overtones and are filtered (subtractive synthesis), loudness follows straight
lines, and an echo stands for the room.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import signal

RATE = 16_000
Sound = npt.NDArray[np.float32]
Beat = tuple[str, float]
"""Names of notes that sound together, such as ``C4 E4``, "" for a rest; and their beats."""


def even(names: str, beats: float = 1.0) -> list[Beat]:
    """Notes of one length, one after the other."""
    return [(name, beats) for name in names.split()]


ODE = even("E4 E4 F4 G4 G4 F4 E4 D4")
ELISE = [*even("E5 D#5 E5 D#5 E5 B4 D5 C5 A4", 0.5), ("A3 C4 E4", 1.5)]
BROTHER = even("C4 D4 E4 C4 C4 D4 E4 C4 E4 F4")
CADENCE = [("C4 E4 G4", 2), ("A3 C4 E4", 2), ("F3 A3 C4", 2), ("G3 B3 D4", 2), ("C3 G4 C5", 2)]
HYMN = [("C3 G3 E4 C5", 2), ("F3 A3 C4 F4", 2), ("G3 B3 D4 G4", 2), ("C3 G3 C4 E4", 3)]
BASS = [("E2", 0.5), ("", 0.5), ("E2", 0.5), ("G2", 0.5), ("A2", 0.5), ("", 0.5), ("B2", 1)] * 2
SCALE = even("C4 D4 E4 F4 G4 A4 B4 C5 B4 A4 G4 F4 E4 D4 C4", 0.5)
CHIME = [*even("E6 C6 D6", 0.5), ("G5", 1.5), *even("G5 D6", 0.5), ("E6", 2)]
ARPEGGIO = even("A3 C4 E4 A4 E4 C4 F3 A3 C4 F4 C4 A3", 0.25) * 2
WALTZ = [("C3", 1), ("E4 G4", 1), ("E4 G4", 1), ("G2", 1), ("D4 F4", 1), ("D4 F4", 1), ("C3", 1)]


@dataclass(frozen=True)
class Instrument:
    """A wave, the overtones that the filter leaves it, and its loudness over a note.

    Attributes
    ----------
    wave
        ``sawtooth``, ``square`` or ``triangle``.
    cutoff
        Hz.
    attack, release
        Seconds in which a note comes and goes.
    hold
        Loudness, 0 to 1, to which it has fallen at its end.
    """

    wave: str
    cutoff: float
    attack: float
    hold: float
    release: float = 0.05

    def play(self, name: str, seconds: float) -> npt.NDArray[np.float64]:
        time = np.arange(round(seconds * RATE)) / RATE
        phase = 2 * np.pi * frequency(name) * time
        width = {"sawtooth": 1.0, "triangle": 0.5}.get(self.wave)
        raw = signal.square(phase) if width is None else signal.sawtooth(phase, width)
        low = signal.butter(4, self.cutoff, fs=RATE, output="sos")
        corners = [0.0, min(self.attack, 0.4 * seconds), seconds - self.release, seconds]
        loudness = np.interp(time, corners, [0.0, 1.0, self.hold, 0.0])
        sound: npt.NDArray[np.float64] = signal.sosfilt(low, raw) * loudness
        return sound


ORGAN = Instrument("square", 1800, attack=0.03, hold=1.0)
PIANO = Instrument("triangle", 5000, attack=0.004, hold=0.15)
STRINGS = Instrument("sawtooth", 2500, attack=0.12, hold=0.8)
FLUTE = Instrument("triangle", 1500, attack=0.06, hold=0.9)
LEAD = Instrument("sawtooth", 6000, attack=0.005, hold=0.6)

PIECES: dict[str, tuple[Sequence[Beat], Instrument, float, bool]] = {
    "ode on the organ": (ODE, ORGAN, 120, False),
    "elise on the piano": (ELISE, PIANO, 130, False),
    "brother james on a flute": (BROTHER, FLUTE, 140, False),
    "cadence of strings": (CADENCE, STRINGS, 150, False),
    "hymn on the organ": (HYMN, ORGAN, 110, False),
    "bass with drums": (BASS, LEAD, 110, True),
    "scale on the piano": (SCALE, PIANO, 120, False),
    "chime": (CHIME, PIANO, 100, False),
    "arpeggio with drums": (ARPEGGIO, LEAD, 120, True),
    "waltz of strings": (WALTZ, STRINGS, 150, False),
}


def frequency(name: str) -> float:
    """Hz of a note such as ``C#4``, in equal temperament with A4 at 440 Hz."""
    steps = {"C": -9, "D": -7, "E": -5, "F": -4, "G": -2, "A": 0, "B": 2}
    semitones = steps[name[0]] + ("#" in name) + 12 * (int(name[-1]) - 4)
    return float(440.0 * 2.0 ** (semitones / 12.0))


def pieces() -> Iterator[tuple[str, Sound]]:
    """Name and sound of each piece, float32 (n,) at 16 kHz, 3 to 6 s."""
    for name, (beats, instrument, tempo, drums) in PIECES.items():
        notes = []
        for names, length in beats:
            seconds = length * 60.0 / tempo
            silence = np.zeros(round(seconds * RATE))
            notes.append(sum((instrument.play(one, seconds) for one in names.split()), silence))
        sound = np.concatenate(notes)
        if drums:
            sound = sound + 0.8 * np.abs(sound).max() * _beat(len(sound), tempo)
        late = round(0.11 * RATE)
        sound[late:] += 0.25 * sound[:-late]
        yield name, (0.5 * sound / np.abs(sound).max()).astype(np.float32)


def _beat(count: int, tempo: float) -> npt.NDArray[np.float64]:
    """A chirp falling to a thud at every beat, and a burst of noise between them."""
    time = np.arange(round(0.2 * RATE)) / RATE
    thud = signal.chirp(time, 180.0, 0.2, 45.0) * np.linspace(1.0, 0.0, len(time)) ** 2
    noise = np.random.default_rng(1).uniform(-1.0, 1.0, len(time))
    burst = noise * np.linspace(1.0, 0.0, len(time)) ** 4
    sound = np.zeros(count)
    step = round(60.0 / tempo * RATE)
    for start in range(0, count, step):
        for hit, begin in ((thud, start), (0.5 * burst, start + step // 2)):
            end = min(count, begin + len(hit))
            sound[begin:end] += hit[: max(0, end - begin)]
    return sound
