"""The conditions that a model is stressed by: what a sound may meet on its way to the model."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from serein.audio import active_span, decode
from serein.audio.perturbation import (
    add_noise,
    amplify,
    change_pitch,
    change_speed,
    clip,
    encode,
    mu_law,
    pink_noise,
    read_response,
    reverberate,
    shift,
    telephone,
    white_noise,
)
from serein.audio.sources import Samples
from serein.corpora.readers.base import AUDIO_EXTENSIONS, is_audio
from serein.errors import DataInvalid

ROOMS = "rooms"
"""The subfolder of a noise folder that holds impulse responses of rooms."""

SNRS = (20.0, 10.0, 5.0, 0.0)  # dB
OPUS_RATES = (24, 16, 12, 8, 6)  # kbit/s
MP3_RATES = (32, 16, 8)  # kbit/s; MPEG-2 has no lower one
GAINS = (-20.0, -10.0, 10.0)  # dB
CLIPPED_SHARES = (0.01, 0.05, 0.20)
SPEEDS = (0.9, 1.1)
SEMITONES = (-2.0, -1.0, 1.0, 2.0)
OFFSETS = (0.05, 0.10, 0.25, 0.50)  # seconds

MOST_RECORDINGS = 150
"""So many recordings of a source are used at most, chosen by a hash of their names."""

LONGEST_RECORDING = 30.0
"""Seconds of a noise recording that are used, from its beginning."""

_CHECKED_AT = 16_000  # Hz

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

    Raises
    ------
    DataInvalid
        If there is no such folder, no sound in it, or a silent one.
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
    root = _existing(folder)
    below = [path for path in sorted(root.iterdir()) if path.is_dir() and path.name != ROOMS]
    sources = [(root.name, [path for path in sorted(root.iterdir()) if _is_sound(path)])]
    sources += [(path.name, _sounds(path)) for path in below]
    if not any(paths for _, paths in sources) and not (root / ROOMS).is_dir():
        raise _no_sound(root)
    for name, paths in sources:
        used = sorted(paths, key=lambda path: _hash(path.relative_to(root)))[:MOST_RECORDINGS]
        for path in used:
            _require_sound(path, _read_recording(path, _CHECKED_AT))
        if used:
            yield from _degrees(
                f"noise {name}", "{:g} dB", SNRS, _with_recorded_noise, paths=tuple(sorted(used))
            )


def _rooms(noise: str | Path | None, rooms: str | Path | None) -> Iterator[Condition]:
    if rooms is None:
        if noise is None or not (Path(noise) / ROOMS).is_dir():
            return
        rooms = Path(noise) / ROOMS
    root = _existing(rooms)
    paths = _sounds(root)
    if not paths:
        raise _no_sound(root)
    for number, path in enumerate(paths):
        _require_sound(path, read_response(path, sampling_rate=_CHECKED_AT))
        name = path.relative_to(root).with_suffix("").as_posix()
        yield Condition("room", name, number, partial(_in_room, path=path))


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
    noise = _recording(paths[int(generator.integers(len(paths)))], rate)
    return add_noise(samples, rate, noise, snr=degree, generator=generator)


def _in_room(samples: Samples, rate: int, _: np.random.Generator, *, path: Path) -> Samples:
    return reverberate(samples, rate, _response(path, rate))


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


def _read_recording(path: Path, sampling_rate: int) -> Samples:
    """A noise without the silence at its ends."""
    samples = decode(path, sampling_rate=sampling_rate).samples
    begin, end = active_span(samples[: round(LONGEST_RECORDING * sampling_rate)], sampling_rate)
    return samples[begin:end].copy()


@lru_cache(maxsize=MOST_RECORDINGS)
def _recording(path: Path, sampling_rate: int) -> Samples:
    return _read_recording(path, sampling_rate)


@lru_cache(maxsize=64)
def _response(path: Path, sampling_rate: int) -> Samples:
    return read_response(path, sampling_rate=sampling_rate)


def _existing(folder: str | Path) -> Path:
    root = Path(folder).resolve()
    if not root.is_dir():
        raise DataInvalid(
            f"{folder}: is no folder; give one of sound files, or one of folders of them",
            file=str(folder),
        )
    return root


def _sounds(root: Path) -> list[Path]:
    """Every sound below a folder, sorted."""
    return sorted(path for path in root.rglob("*") if _is_sound(path))


def _is_sound(path: Path) -> bool:
    hidden = path.name.startswith(".")  # also what macOS adds to archives: ._name.wav
    return is_audio(path) and not hidden and path.is_file()


def _require_sound(path: Path, samples: Samples) -> None:
    if not samples.any():
        raise DataInvalid(f"{path}: is silent; take it out of the folder", file=str(path))


def _no_sound(root: Path) -> DataInvalid:
    return DataInvalid(
        f"{root}: no sound is in it; looked for files such as {', '.join(AUDIO_EXTENSIONS[:2])} "
        "and .opus, there and in the folders below",
        file=str(root),
    )


def _hash(path: Path) -> bytes:
    return hashlib.sha256(path.as_posix().encode()).digest()
