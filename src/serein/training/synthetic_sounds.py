"""Sounds made by chance that nobody takes for speech: noises, hums, signals, engines, clicks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from serein.training.synthetic_music import Sound, drums, music, sine

Maker = Callable[[int, int, np.random.Generator], Sound]
"""What draws a sound of so many samples at a rate in Hz: float64 (n,), of no certain level."""

DTMF_LOW = (697.0, 770.0, 852.0, 941.0)  # Hz, ITU-T Q.23
DTMF_HIGH = (1209.0, 1336.0, 1477.0, 1633.0)  # Hz
DIAL_TONES = ((350.0, 440.0), (425.0,), (440.0, 480.0), (480.0, 620.0))  # Hz
MAINS = (50.0, 60.0)  # Hz


def coloured(
    sound: Sound, rate: int, generator: np.random.Generator, *, most: float = 18.0
) -> Sound:
    """Give a sound another colour: gains by chance in every octave, without steps between them.

    Parameters
    ----------
    sound
        float64 (n,).
    rate
        Hz.
    most
        dB, the standard deviation of the gains is drawn up to it.
    """
    size = 1 << max(1, (len(sound) - 1).bit_length())
    octaves = np.log2(np.fft.rfftfreq(size, 1.0 / rate).clip(30.0))
    knots = np.arange(np.log2(30.0), np.log2(rate), 1.0)
    gains = generator.uniform(0.0, most) * generator.standard_normal(len(knots))
    spectrum = np.fft.rfft(sound, size) * 10.0 ** (np.interp(octaves, knots, gains) / 20.0)
    return np.fft.irfft(spectrum, size)[: len(sound)]


def stationary_noise(count: int, rate: int, generator: np.random.Generator) -> Sound:
    """Noise of any colour: white, pink, brown, blue, or of a band."""
    size = 1 << max(1, (count - 1).bit_length())
    frequencies = np.fft.rfftfreq(size, 1.0 / rate).clip(20.0)
    spectrum = np.fft.rfft(generator.standard_normal(size))
    spectrum *= (frequencies / 1000.0) ** generator.uniform(-1.3, 0.6)
    if generator.random() < 0.3:
        centre = 10 ** generator.uniform(2.0, np.log10(0.45 * rate))
        octaves = generator.uniform(0.1, 1.5)
        spectrum *= np.exp(-0.5 * (np.log2(frequencies / centre) / octaves) ** 2)
    return np.fft.irfft(spectrum, size)[:count]


def modulated_noise(count: int, rate: int, generator: np.random.Generator) -> Sound:
    """Noise that comes and goes: as often as syllables do, evenly or not, or as wind."""
    speed = 10 ** generator.uniform(-0.5, 1.3)  # a second
    knots = max(2, round(speed * count / rate) + 1)
    heights = generator.uniform(0.0, 1.0, knots) ** generator.uniform(0.5, 4.0)
    if generator.random() < 0.4:
        heights[::2], heights[1::2] = 1.0, generator.uniform(0.0, 0.3)
    shape = np.interp(np.arange(count), np.linspace(0, max(1, count - 1), knots), heights)
    return stationary_noise(count, rate, generator) * shape


def hum(count: int, rate: int, generator: np.random.Generator) -> Sound:
    """The mains and its harmonics, in a transformer or a bad cable, with some hiss."""
    frequency = MAINS[generator.integers(2)] * generator.uniform(0.998, 1.002)
    return _buzz(count, rate, np.full(count, frequency), generator) + 10 ** generator.uniform(
        -3.0, 0.0
    ) * stationary_noise(count, rate, generator)


def engine(count: int, rate: int, generator: np.random.Generator) -> Sound:
    """Strokes of a motor that runs up and down, and noise that goes with them."""
    knots = 10 ** generator.uniform(1.2, 2.5) * 2 ** generator.uniform(-0.6, 0.6, 4)  # Hz
    frequencies = np.interp(np.arange(count), np.linspace(0, max(1, count - 1), 4), knots)
    strokes = _buzz(count, rate, frequencies, generator)
    beat = 1.0 + sine(np.cumsum(frequencies / generator.integers(1, 5)) / rate)
    noise = stationary_noise(count, rate, generator) * beat ** generator.uniform(0.5, 3.0)
    return strokes + 10 ** generator.uniform(-1.0, 0.7) * _scaled(noise)


def siren(count: int, rate: int, generator: np.random.Generator) -> Sound:
    """A horn whose pitch wails up and down, evenly or between two notes."""
    time = np.arange(count) / rate
    swing = sine(10 ** generator.uniform(-0.7, 0.9) * time + generator.uniform())
    if generator.random() < 0.4:
        swing = np.sign(swing)
    low = generator.uniform(250.0, 1200.0)
    return _buzz(count, rate, low * 2 ** (swing * generator.uniform(0.1, 0.8)), generator)


def sweep(count: int, rate: int, generator: np.random.Generator) -> Sound:
    """Whistles that glide from one pitch to another."""
    pieces = int(generator.integers(1, 6))
    ends = generator.uniform(np.log(80.0), np.log(0.45 * rate), pieces + 1)
    path = np.interp(np.arange(count), np.linspace(0, max(1, count - 1), pieces + 1), ends)
    sound = sine(np.cumsum(np.exp(path)) / rate)
    return sound if generator.random() < 0.5 else sound * _pulses(count, rate, generator)


def beeps(count: int, rate: int, generator: np.random.Generator) -> Sound:
    """Alarms and ring tones: one or a few pitches, switched on and off."""
    time = np.arange(count) / rate
    pitches = generator.uniform(300.0, 0.4 * rate, int(generator.integers(1, 4)))
    turn = (time * generator.uniform(0.5, 20.0)).astype(int) % len(pitches)
    tone = sine(np.cumsum(pitches[turn]) / rate)
    if generator.random() < 0.3:
        tone = np.sign(tone)
    return tone * _pulses(count, rate, generator)


def telephone_tones(count: int, rate: int, generator: np.random.Generator) -> Sound:
    """Dialling, ringing and engaged tones, and the keys of a telephone."""
    time = np.arange(count) / rate
    if generator.random() < 0.5:
        chosen = DIAL_TONES[generator.integers(len(DIAL_TONES))]
        sound: Sound = np.sum([sine(one * time) for one in chosen], axis=0)
        steady = generator.random() < 0.3
        return sound if steady else sound * _pulses(count, rate, generator)
    key = (time / generator.uniform(0.06, 0.4)).astype(int)
    low = np.asarray(generator.choice(DTMF_LOW, key.max() + 1))[key]
    high = np.asarray(generator.choice(DTMF_HIGH, key.max() + 1))[key]
    sound = sine(low * time) + sine(high * time)
    return sound * _pulses(count, rate, generator)


def clicks(count: int, rate: int, generator: np.random.Generator) -> Sound:
    """Knocks, ticks and crackling: short bodies that ring, evenly or by chance."""
    sound = np.zeros(count)
    often = 10 ** generator.uniform(0.0, 2.0)  # a second
    number = max(1, round(often * count / rate))
    if generator.random() < 0.4:
        starts = np.linspace(0, max(0, count - 1), number, endpoint=False).astype(int)
    else:
        starts = generator.integers(0, count, number)
    time = np.arange(round(0.1 * rate)) / rate
    damped = np.exp(-time * 10 ** generator.uniform(1.3, 3.3))
    ringing = sine(generator.uniform(100.0, 0.4 * rate) * time)
    body = damped * (ringing + generator.uniform(0, 1) * generator.standard_normal(len(time)))
    sizes = generator.uniform(0.1, 1.0, number)
    np.add.at(sound, starts, sizes)
    size = 1 << (count + len(body) - 1).bit_length()
    return np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(body, size), size)[:count]


def faint_noise(count: int, rate: int, generator: np.random.Generator) -> Sound:
    """A silent room or a muted line: next to nothing, perhaps with stretches of nothing at all."""
    steps = np.round(generator.normal(0.0, generator.uniform(0.2, 2.0), count))  # of 16 bits
    begin, end = np.sort(generator.integers(0, count + 1, 2))
    if generator.random() < 0.5:
        steps[begin:end] = 0.0
    return steps / 32768.0


def _buzz(count: int, rate: int, frequencies: Sound, generator: np.random.Generator) -> Sound:
    """Harmonics of chance of a frequency that may move."""
    cycles = np.cumsum(frequencies) / rate
    orders = np.arange(1, min(16, max(2, int(0.47 * rate / frequencies.max()))))
    sizes = generator.uniform(0.0, 1.0, len(orders)) / orders ** generator.uniform(0.0, 2.0)
    offsets = generator.uniform(0.0, 1.0, len(orders))
    sound = np.zeros(count)
    for order, size, offset in zip(orders, sizes, offsets, strict=True):
        sound += size * sine(order * cycles + offset)
    return sound


def _pulses(count: int, rate: int, generator: np.random.Generator) -> Sound:
    """On and off, again and again, 1 and 0 with slopes of 2 ms."""
    period = 10 ** generator.uniform(-1.0, 0.5)  # seconds
    share = generator.uniform(0.2, 0.9)
    within: Sound = np.arange(count) / rate % period
    slopes: Sound = np.minimum(within, share * period - within).clip(0.0, 0.002) / 0.002
    return slopes


def _scaled(sound: Sound) -> Sound:
    scaled: Sound = sound / (np.abs(sound).max(initial=0.0) + 1e-12)
    return scaled


MAKERS: Mapping[str, Maker] = MappingProxyType(
    {
        "music": music,
        "drums": drums,
        "stationary noise": stationary_noise,
        "modulated noise": modulated_noise,
        "hum": hum,
        "engine": engine,
        "siren": siren,
        "sweep": sweep,
        "beeps": beeps,
        "telephone tones": telephone_tones,
        "clicks": clicks,
        "faint noise": faint_noise,
    }
)
