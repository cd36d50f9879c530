"""Music made by chance: melodies, chords and basses of made instruments, with or without drums."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Sound = npt.NDArray[np.float64]
Instrument = Callable[[float, int], Sound]
"""What makes a note of a pitch in Hz that has so many samples."""

SCALES = (
    (0, 2, 4, 5, 7, 9, 11),  # major
    (0, 2, 3, 5, 7, 8, 10),  # minor
    (0, 2, 4, 7, 9),  # pentatonic
    (0, 3, 5, 6, 7, 10),  # blues
    tuple(range(12)),  # chromatic
)
TEMPI = (50.0, 190.0)  # beats a minute
LOWEST, HIGHEST = 33, 93  # notes as MIDI counts them: 55 Hz and 1760 Hz
MOST_PARTIALS = 14

_CONCERT_PITCH, _CONCERT_NOTE = 440.0, 69  # Hz, MIDI


def music(count: int, rate: int, generator: np.random.Generator) -> Sound:
    """Draw a piece of music, without any voice.

    Parameters
    ----------
    count
        Number of samples.
    rate
        Hz.
    generator
        Where the chance comes from.

    Returns
    -------
    sound
        float64 (count,), of no certain level.
    """
    piece = _Piece.draw(count, rate, generator)
    parts: list[Callable[[], Iterator[_Note]]] = [piece.melody, piece.chords, piece.line]
    chosen = generator.permutation(len(parts))[: generator.integers(1, len(parts) + 1)]
    sound = np.zeros(count)
    for number in chosen.tolist():
        instrument = _instrument(rate, generator)
        loudness = generator.uniform(0.3, 1.0)
        for note in parts[number]():
            _add(sound, loudness * note.strength * instrument(note.pitch, note.count), note.start)
    if generator.random() < 0.4:
        loudest = np.abs(sound).max()
        sound += generator.uniform(0.2, 1.5) * loudest * drums(count, rate, generator)
    return sound


def drums(count: int, rate: int, generator: np.random.Generator) -> Sound:
    """Draw a pattern of drums that goes round; parameters and result as of `music`."""
    sound = np.zeros(count)
    step = round(rate * 60.0 / generator.uniform(*TEMPI) / generator.choice([2, 4]))
    long = round(0.25 * rate)
    time = np.arange(long) / rate
    low, fall = generator.uniform(40, 90), generator.uniform(1, 4)
    swept = low * (1.0 + fall * np.exp(-time * 40.0))
    kick = sine(np.cumsum(swept) / rate) * np.exp(-time * generator.uniform(8, 25))
    rattle = generator.standard_normal(long) * np.exp(-time * generator.uniform(12, 40))
    body = sine(generator.uniform(150, 260) * time) * np.exp(-time * 30.0)
    hiss = np.diff(generator.standard_normal(long + 1)) * np.exp(-time * generator.uniform(30, 120))
    for hit, often in ((kick, 0.3), (rattle + body, 0.2), (0.4 * hiss, 0.6)):
        pattern = (generator.random(16) < often) * generator.uniform(0.4, 1.0, 16)
        for number, start in enumerate(range(0, count, step)):
            if pattern[number % 16]:
                _add(sound, pattern[number % 16] * hit, start)
    return sound


def sine(cycles: Sound) -> Sound:
    """Sine of a phase given in cycles; single precision is quick, and does within one cycle."""
    within = (cycles - np.floor(cycles)).astype(np.float32)
    wave: Sound = np.sin(np.float32(2 * np.pi) * within).astype(np.float64)
    return wave


@dataclass(frozen=True)
class _Note:
    start: int  # sample
    count: int  # samples
    pitch: float  # Hz
    strength: float


@dataclass(frozen=True)
class _Piece:
    """What the parts of a piece of music have in common."""

    count: int
    beat: float  # samples
    scale: tuple[int, ...]
    key: int  # MIDI
    tuning: float  # semitones
    generator: np.random.Generator

    @classmethod
    def draw(cls, count: int, rate: int, generator: np.random.Generator) -> _Piece:
        return cls(
            count=count,
            beat=rate * 60.0 / generator.uniform(*TEMPI),
            scale=SCALES[generator.integers(len(SCALES))],
            key=int(generator.integers(LOWEST + 6, HIGHEST - 18)),
            tuning=generator.uniform(-0.5, 0.5),
            generator=generator,
        )

    def melody(self) -> Iterator[_Note]:
        """A random walk over the scale, with rests."""
        degree = int(self.generator.integers(-3, 8))
        rests = self.generator.uniform(0.0, 0.25)
        held = self.generator.uniform(0.5, 1.1)
        for start, length in self._rhythm((0.25, 0.5, 1.0, 1.5, 2.0)):
            degree = int(np.clip(degree + self.generator.integers(-3, 4), -5, 12))
            if self.generator.random() >= rests:
                yield self._note(start, length * held, degree)

    def chords(self) -> Iterator[_Note]:
        """Thirds upon each other, each chord struck at once or broken."""
        voices = int(self.generator.integers(2, 5))
        broken = self.generator.random() < 0.3
        for start, length in self._rhythm((1.0, 2.0, 4.0)):
            root = int(self.generator.integers(-4, 5))
            for voice in range(voices):
                late = voice * length / voices if broken else 0.0
                yield self._note(start + late, length - late, root + 2 * voice)

    def line(self) -> Iterator[_Note]:
        """An even figure that goes round: a bass, an arpeggio, or one repeated note."""
        figure = self.generator.integers(-7, 8, int(self.generator.integers(1, 9)))
        octave = int(self.generator.integers(-2, 2)) * len(self.scale)
        even = float(self.generator.choice([0.25, 0.5, 1.0]))
        held = self.generator.uniform(0.3, 1.0)
        for number, (start, length) in enumerate(self._rhythm((even,))):
            yield self._note(start, length * held, octave + int(figure[number % len(figure)]))

    def _rhythm(self, lengths: tuple[float, ...]) -> Iterator[tuple[float, float]]:
        start = 0.0
        while start < self.count:
            length = self.beat * lengths[self.generator.integers(len(lengths))]
            yield start, length
            start += length

    def _note(self, start: float, length: float, degree: int) -> _Note:
        octave, step = divmod(degree, len(self.scale))
        number = self.key + 12 * octave + self.scale[step]
        while number > HIGHEST:
            number -= 12
        while number < LOWEST:
            number += 12
        pitch = _CONCERT_PITCH * 2.0 ** ((number + self.tuning - _CONCERT_NOTE) / 12.0)
        count = max(1, min(round(length), self.count - round(start)))
        return _Note(round(start), count, pitch, self.generator.uniform(0.6, 1.0))


def _instrument(rate: int, generator: np.random.Generator) -> Instrument:
    make = (_additive, _additive, _modulated, _plucked)[generator.integers(4)]
    return make(rate, generator)


def _additive(rate: int, generator: np.random.Generator) -> Instrument:
    """Partials of chance, in tune or stretched as those of strings and bells are."""
    orders = np.arange(1, MOST_PARTIALS + 1)
    sizes = generator.uniform(0.2, 1.0, len(orders)) / orders ** generator.uniform(0.3, 2.5)
    if generator.random() < 0.25:
        sizes[1::2] *= 0.05  # as of a clarinet
    stretch = generator.choice([0.0, 0.0, generator.uniform(0.0, 0.02)])
    ratios = orders * np.sqrt(1.0 + stretch * orders**2)
    envelope = _envelope(rate, generator)
    depth = generator.choice([0.0, generator.uniform(0.0, 0.012)])
    speed = generator.uniform(3.0, 8.0)
    dull = generator.uniform(0.0, 2.0)  # by which higher partials die away sooner

    def play(pitch: float, count: int) -> Sound:
        time = np.arange(count) / rate
        cycles = pitch * time
        if depth:
            cycles += pitch * depth / (2 * np.pi * speed) * sine(speed * time)
        sound = np.zeros(count)
        for ratio, size in zip(ratios, sizes, strict=True):
            if ratio * pitch < 0.47 * rate:
                sound += size * sine(ratio * cycles) * np.exp(-dull * (ratio - 1.0) * time)
        return sound * envelope(count)

    return play


def _modulated(rate: int, generator: np.random.Generator) -> Instrument:
    """Frequency modulation: bells, electric pianos, brass.

    Source: Chowning, "The Synthesis of Complex Audio Spectra by Means of Frequency Modulation",
    Journal of the Audio Engineering Society 21(7), 1973.
    """
    ratio = float(generator.choice([0.5, 1.0, 1.41, 2.0, 3.0, 3.5, 7.0]))
    index = generator.uniform(0.3, 5.0)
    fall = generator.uniform(0.0, 6.0)
    envelope = _envelope(rate, generator)

    def play(pitch: float, count: int) -> Sound:
        time = np.arange(count) / rate
        # The more the sound is modulated the wider it is: none of it may fold back.
        most = max(0.0, 0.4 * rate / pitch / ratio - 1.0)
        deep = min(index, most) * np.exp(-fall * time)
        within = deep / (2 * np.pi) * sine(ratio * pitch * time)
        return sine(pitch * time + within) * envelope(count)

    return play


def _plucked(rate: int, generator: np.random.Generator) -> Instrument:
    """A string that is plucked.

    Source: Karplus & Strong, "Digital Synthesis of Plucked-String and Drum Timbres", Computer
    Music Journal 7(2), 1983: noise of one period, averaged with its neighbour at every turn.
    """
    damping = generator.uniform(0.97, 1.0)
    smooth = int(generator.integers(1, 6))

    def play(pitch: float, count: int) -> Sound:
        period = max(2, round(rate / pitch))
        kernel = np.ones(smooth) / smooth
        turn = np.convolve(generator.uniform(-1, 1, period + smooth - 1), kernel, "valid")
        turns = np.empty((-(-count // period), period))
        for row in turns:
            row[:] = turn
            turn = damping * 0.5 * (turn + np.roll(turn, 1))
        return turns.reshape(-1)[:count] * _fade(count, rate)

    return play


def _envelope(rate: int, generator: np.random.Generator) -> Callable[[int], Sound]:
    """Loudness over a note: blown or bowed, or struck and dying away; perhaps trembling."""
    attack = 10 ** generator.uniform(-2.7, -0.9)  # seconds
    decay = generator.choice([0.0, 10 ** generator.uniform(0.0, 1.2)])  # a second
    tremor = generator.choice([0.0, 0.0, generator.uniform(0.1, 0.6)])
    speed = generator.uniform(3.0, 9.0)

    def envelope(count: int) -> Sound:
        time = np.arange(count) / rate
        shape = np.minimum(1.0, time / attack) * np.exp(-decay * time)
        trembling: Sound = shape * (1.0 + tremor * sine(speed * time))
        return trembling * _fade(count, rate)

    return envelope


def _fade(count: int, rate: int) -> Sound:
    """1, and the last 10 ms down to 0, so that no note ends in a click."""
    return np.minimum(1.0, np.arange(count, 0, -1) / (0.01 * rate))


def _add(sound: Sound, part: Sound, start: int) -> None:
    """Add what fits to a sound, in its place."""
    end = min(len(sound), start + len(part))
    sound[start:end] += part[: max(0, end - start)]
