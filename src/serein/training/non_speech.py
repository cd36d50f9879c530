"""What is not speech, for a model to learn to tell it from speech."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from serein.audio.perturbation import made_response, reverberate
from serein.audio.sources import Samples
from serein.corpora.recordings import noise_recording
from serein.training.synthetic_music import Sound
from serein.training.synthetic_sounds import MAKERS, coloured

SHORTEST, LONGEST = 1.0, 5.0  # seconds
RECORDED_SHARE = 0.4
"""Share of the sounds that are recordings, where there are any."""

MUSIC_SHARE = 0.4
"""Share of music among those that are made."""

LEVELS = (-36.0, 0.0)
"""dB below full scale between which the peak of a sound lies."""


def non_speech_sounds(
    count: int, *, seed: int, sampling_rate: int, recordings: Sequence[Path] = ()
) -> Iterator[Samples]:
    """Draw sounds that are not speech, one after the other.

    Made ones are of `serein.training.synthetic_sounds.MAKERS`; recorded ones are pieces of
    recordings, faster or slower, or backwards. Either may sound in a room, in another colour, or
    with a second one, and begin late.

    Parameters
    ----------
    count
        Number of sounds.
    seed
        The same seed gives the same sounds; the first of many are those of few.
    sampling_rate
        Hz.
    recordings
        Paths of recordings without speech in them.

    Yields
    ------
    samples
        float32 (n,), 1 to 5 s, within ±1, never silent throughout.
    """
    for number in range(count):
        yield _draw(sampling_rate, recordings, np.random.default_rng([seed, number]))


def _draw(rate: int, recordings: Sequence[Path], generator: np.random.Generator) -> Samples:
    count = round(generator.uniform(SHORTEST, LONGEST) * rate)
    sound = _source(count, rate, recordings, generator)
    if generator.random() < 0.2:
        ratio = 10.0 ** (generator.uniform(-20.0, 20.0) / 20.0)
        sound = sound + ratio * _source(count, rate, recordings, generator)
    if generator.random() < 0.5:
        sound = coloured(sound, rate, generator, most=8.0)
    if generator.random() < 0.3:
        wet = reverberate(sound.astype(np.float32), rate, made_response(rate, generator))
        sound = wet.astype(np.float64)
    if generator.random() < 0.1:
        sound[: generator.integers(count // 2)] = 0.0
    loudest = np.abs(sound).max()
    if loudest == 0.0:  # what was drawn had not yet begun
        return _draw(rate, recordings, generator)
    gain = 10.0 ** (generator.uniform(*LEVELS) / 20.0) / loudest
    if generator.random() < 0.05:
        gain *= generator.uniform(1.0, 8.0)  # into clipping
    samples: Samples = np.clip(gain * sound, -1.0, 1.0).astype(np.float32)
    return samples


def _source(
    count: int, rate: int, recordings: Sequence[Path], generator: np.random.Generator
) -> Sound:
    """A sound at full scale, recorded or made."""
    if recordings and generator.random() < RECORDED_SHARE:
        path = recordings[int(generator.integers(len(recordings)))]
        sound = _piece(noise_recording(path, rate), count, generator)
    elif generator.random() < MUSIC_SHARE:
        sound = MAKERS["music"](count, rate, generator)
    else:
        makers = tuple(MAKERS.values())
        sound = makers[generator.integers(len(makers))](count, rate, generator)
    return sound / max(float(np.abs(sound).max()), 1e-12)


def _piece(recording: Samples, count: int, generator: np.random.Generator) -> Sound:
    """So many samples of a recording, which goes round where it is too short."""
    speed = generator.choice([1.0, generator.uniform(0.7, 1.4)])
    begin = int(generator.integers(max(1, len(recording) - round(speed * count) + 1)))
    places = (begin + speed * np.arange(count)) % len(recording)
    piece: Sound = np.interp(places, np.arange(len(recording)), recording)
    return piece[::-1] if generator.random() < 0.2 else piece
