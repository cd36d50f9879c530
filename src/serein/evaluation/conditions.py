"""The conditions that a model is stressed by: what a sound may meet on its way to the model."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from serein.audio.perturbation import (
    add_noise,
    amplify,
    change_pitch,
    change_speed,
    clip,
    encode,
    mu_law,
    pink_noise,
    reverberate,
    shift,
    telephone,
    white_noise,
)
from serein.audio.sources import Samples
from serein.corpora.recordings import (
    ROOMS,
    noise_recording,
    noise_sources,
    room_response,
    room_responses,
)
from serein.errors import DataInvalid

SNRS = (20.0, 10.0, 5.0, 0.0)  # dB
OPUS_RATES = (24, 16, 12, 8, 6)  # kbit/s
MP3_RATES = (32, 16, 8)  # kbit/s; MPEG-2 has no lower one
GAINS = (-20.0, -10.0, 10.0)  # dB
CLIPPED_SHARES = (0.01, 0.05, 0.20)
SPEEDS = (0.9, 1.1)
SEMITONES = (-2.0, -1.0, 1.0, 2.0)
OFFSETS = (0.05, 0.10, 0.25, 0.50)  # seconds

Change = Callable[[Samples, int, np.random.Generator], Samples]
"""What changes float32 mono samples of a sampling rate in Hz, by chance drawn from a generator."""


@dataclass(frozen=True)
class Condition:
    """One way in which a sound can be worse than in a studio.

    Attributes
    ----------
    family
        What is done, such as ``noise esc-10``. All that is drawn by chance for a clip is the same
        throughout a family, so that only the degree differs.
    name
        To which degree, such as ``10 dB``.
    value
        The degree as a number, for an axis; of rooms the place in the order of their names.
    change
        What does it. It can be sent to another process.
    """

    family: str
    name: str
    value: float
    change: Change

    def apply(self, samples: Samples, sampling_rate: int, *, clip: str) -> Samples:
        """Change a clip; the same clip always in the same way.

        Parameters
        ----------
        samples
            float32 (n,).
        sampling_rate
            Hz.
        clip
            What tells it from others, such as the hash of its samples.
        """
        seed = hashlib.sha256(f"{clip}/{self.family}".encode()).digest()
        return self.change(samples, sampling_rate, np.random.default_rng(list(seed)))


def conditions(
    noise: str | Path | None = None, rooms: str | Path | None = None
) -> tuple[Condition, ...]:
    """All conditions, in the order of a report.

    White and pink noise, the telephone, codecs, level, clipping, speed, pitch and a late start
    are always among them.

    Parameters
    ----------
    noise
        A folder of noise recordings. Every subfolder is a source, with all that is below it, and
        so are the files that lie in the folder itself; for every clip one recording of a source
        is drawn.
    rooms
        A folder of impulse responses of rooms, each a condition of its own, its first channel
        where there are several; by default the subfolder ``rooms`` of the noise folder if it has
        one, which never counts as noise.

    Of both only the half is used that no training hears, see
    :func:`serein.corpora.recordings.half_of`.

    Raises
    ------
    DataInvalid
        If there is no such folder, no sound in it that is for tests, or a silent one.
    AudioError
        If a sound in it cannot be read.
    """
    return (
        *_noises(noise),
        *_rooms(noise, rooms),
        *_telephones(),
        *_degrees("Opus", "{:g} kbit/s", OPUS_RATES, _encoded, codec="opus"),
        *_degrees("MP3", "{:g} kbit/s", MP3_RATES, _encoded, codec="mp3"),
        *_degrees("gain", "{:+g} dB", GAINS, _amplified),
        *_degrees("clipping", "{:.0%}", CLIPPED_SHARES, _clipped),
        *_degrees("speed", "× {:g}", SPEEDS, _faster),
        *_degrees("pitch", "{:+.1f} semitones", SEMITONES, _higher),
        *_degrees("late start", "{:g} s", OFFSETS, _later),
    )


def _degrees(
    family: str, name: str, values: Sequence[float], change: Callable[..., Samples], **fixed: Any
) -> Iterator[Condition]:
    for value in values:
        yield Condition(
            family, name.format(value), value, partial(change, degree=float(value), **fixed)
        )


def _noises(folder: str | Path | None) -> Iterator[Condition]:
    yield from _degrees("white noise", "{:g} dB", SNRS, _with_made_noise, make=white_noise)
    yield from _degrees("pink noise", "{:g} dB", SNRS, _with_made_noise, make=pink_noise)
    if folder is None:
        return
    sources = noise_sources(folder, half="test")
    if not sources and noise_sources(folder):
        raise _none_for_tests(folder, "noises")
    for name, paths in sources:
        yield from _degrees(f"noise {name}", "{:g} dB", SNRS, _with_recorded_noise, paths=paths)


def _rooms(noise: str | Path | None, rooms: str | Path | None) -> Iterator[Condition]:
    if rooms is None:
        if noise is None or not (Path(noise) / ROOMS).is_dir():
            return
        rooms = Path(noise) / ROOMS
    responses = room_responses(rooms, half="test")
    if not responses:
        raise _none_for_tests(rooms, "rooms")
    for number, (name, path) in enumerate(responses):
        yield Condition("room", name, number, partial(_in_room, path=path))


def _none_for_tests(folder: str | Path, things: str) -> DataInvalid:
    return DataInvalid(
        f"{folder}: no {things} in it are for tests: half of all recordings, by a hash of their "
        "names, are kept for training, and all of these are among them; add some more",
        file=str(folder),
    )


def _telephones() -> Iterator[Condition]:
    yield Condition("telephone", "300-3400 Hz", 0, _through_band)
    yield Condition("telephone", "mu-law", 1, _through_mu_law)
    yield Condition("telephone", "300-3400 Hz, mu-law", 2, _through_line)


# What the conditions do. They are functions of the module, as only those can be sent to processes.


def _with_made_noise(
    samples: Samples,
    rate: int,
    generator: np.random.Generator,
    *,
    make: Callable[[int, np.random.Generator], Samples],
    degree: float,
) -> Samples:
    noise = make(max(1, len(samples)), generator)
    return add_noise(samples, rate, noise, snr=degree, generator=generator)


def _with_recorded_noise(
    samples: Samples,
    rate: int,
    generator: np.random.Generator,
    *,
    paths: Sequence[Path],
    degree: float,
) -> Samples:
    noise = noise_recording(paths[int(generator.integers(len(paths)))], rate)
    return add_noise(samples, rate, noise, snr=degree, generator=generator)


def _in_room(samples: Samples, rate: int, _: np.random.Generator, *, path: Path) -> Samples:
    return reverberate(samples, rate, room_response(path, rate))


def _through_band(samples: Samples, rate: int, _: np.random.Generator) -> Samples:
    return telephone(samples, rate)


def _through_mu_law(samples: Samples, rate: int, _: np.random.Generator) -> Samples:
    return mu_law(samples)


def _through_line(samples: Samples, rate: int, _: np.random.Generator) -> Samples:
    return mu_law(telephone(samples, rate))


def _encoded(
    samples: Samples, rate: int, _: np.random.Generator, *, codec: str, degree: float
) -> Samples:
    return encode(samples, rate, codec=codec, bit_rate=round(1000 * degree))


def _amplified(samples: Samples, rate: int, _: np.random.Generator, *, degree: float) -> Samples:
    return amplify(samples, decibels=degree)


def _clipped(samples: Samples, rate: int, _: np.random.Generator, *, degree: float) -> Samples:
    return clip(samples, share=degree)


def _faster(samples: Samples, rate: int, _: np.random.Generator, *, degree: float) -> Samples:
    return change_speed(samples, factor=degree)


def _higher(samples: Samples, rate: int, _: np.random.Generator, *, degree: float) -> Samples:
    return change_pitch(samples, rate, semitones=degree)


def _later(samples: Samples, rate: int, _: np.random.Generator, *, degree: float) -> Samples:
    return shift(samples, rate, seconds=degree)
