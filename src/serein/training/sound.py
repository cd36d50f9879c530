"""Changed copies of training clips: each meets one thing that a sound may meet on its way."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from serein.audio.perturbation import (
    CODECS,
    add_noise,
    amplify,
    band_limit,
    change_pitch,
    change_speed,
    change_tempo,
    encode,
    made_response,
    mu_law,
    reverberate,
    telephone,
    white_noise,
)
from serein.audio.sources import Samples, boundary
from serein.corpora.recordings import (
    ROOMS,
    noise_recording,
    noise_sources,
    room_response,
    room_responses,
)
from serein.errors import ArgumentInvalid
from serein.training.non_speech import non_speech_sounds

Thing = TypeVar("Thing")

MOST_COPIES = 20
MOST_NON_SPEECH = 100_000
RECORDED = 0.5
"""Share of the noises and rooms that are recordings, where there are any; the others are made."""
PLAIN = "plain"
"""The change that leaves a sound as it is."""

# What a range may hold, and the unit.
_LIMITS: Mapping[str, tuple[float, float, str]] = {
    "white_noise": (-40.0, 80.0, "dB"),
    "background": (-40.0, 80.0, "dB"),
    "shift": (-60.0, 60.0, "seconds"),
    "pitch": (-24.0, 24.0, "semitones"),
    "speed": (0.25, 4.0, "times"),
    "tempo": (0.25, 4.0, "times"),
    "gain": (-60.0, 60.0, "dB"),
}
_BIT_RATES = {"opus": (6, 256), "mp3": (8, 320)}  # kbit/s
_CODEC = re.compile(rf"({'|'.join(CODECS)})-(\d{{1,3}})")

_WORDS = {
    PLAIN: "no change",
    "white_noise": "white noise at {:.0f} dB",
    "background": "noise {recording} at {:.0f} dB",
    "shift": "rolled round by {:.2f} s",
    "pitch": "pitch {:+.1f} semitones",
    "speed": "speed {:.2f} times",
    "tempo": "tempo {:.2f} times",
    "gain": "gain {:+.1f} dB",
    "band": "{:g} to {:g} Hz alone",
    "telephone": "telephone",
    "rooms": "room {recording}",
    **{codec: codec + " at {:g} kbit/s" for codec in CODECS},
}


@dataclass(frozen=True, kw_only=True)
class SoundOptions:
    """Changes of the sound itself; every training clip is also heard in changed copies.

    A copy gets one of the changes that are named here, each as likely as the others, and its
    degree evenly from the range, the lower and the upper end. An empty range is a change that is
    not wanted.

    Attributes
    ----------
    non_speech
        How many sounds that are not speech there are beside the clips, of
        :func:`serein.training.non_speech.non_speech_sounds`, with ``recordings`` among them.
    copies
        How many of each clip, 0 to 20.
    plain
        Whether to leave the sound as it is counts as one of the changes.
    white_noise
        Signal-to-noise ratio in dB, see :func:`serein.audio.perturbation.add_noise`.
    background
        The same for other noise: made by :func:`serein.training.non_speech.non_speech_sounds`, or
        half of the time, where there are ``recordings``, from one of their sources, each as likely
        as the others.
    shift
        Seconds by which the sound is rolled round: what leaves at the end comes in at the start.
    pitch
        Semitones, at the same tempo.
    speed
        How many times as fast, tempo and pitch together, as a tape.
    tempo
        How many times as fast, at the same pitch.
    gain
        dB. Features of the speech alone do not depend on it, see
        :class:`serein.features.FeatureSpec`, but what a model hears of the level does.
    band
        Lower and upper edge in Hz of what is left of the sound.
    telephone
        Over a telephone line, with the quantisation of the mu-law.
    codecs
        Through a lossy codec and back: ``opus-16`` is Opus at 16 kbit/s, ``mp3-32`` MP3 at 32.
    rooms
        In rooms: made ones, or half of the time, where the subfolder ``rooms`` of ``recordings``
        holds impulse responses, one of those.
    recordings
        Folder of noises and rooms, laid out as for :func:`serein.evaluation.conditions.conditions`;
        in a file relative to it. Half of them are heard, see
        :func:`serein.corpora.recordings.half_of`; the other half is for tests of robustness.

    Raises
    ------
    ArgumentInvalid
        If a value is out of range, or the values do not fit together.
    """

    non_speech: int = 0
    copies: int = 0
    plain: bool = True
    white_noise: tuple[float, ...] = ()
    background: tuple[float, ...] = ()
    shift: tuple[float, ...] = ()
    pitch: tuple[float, ...] = ()
    speed: tuple[float, ...] = ()
    tempo: tuple[float, ...] = ()
    gain: tuple[float, ...] = ()
    band: tuple[float, ...] = ()
    telephone: bool = False
    codecs: tuple[str, ...] = ()
    rooms: bool = False
    recordings: str = ""

    def __post_init__(self) -> None:
        if problems := [*self._ranges(), *self._codecs(), *self._whole()]:
            raise ArgumentInvalid("[sound]: " + "; ".join(problems))

    @property
    def changes(self) -> tuple[str, ...]:
        """The changes that are wanted, ``plain`` among them."""
        names = ("plain", *_LIMITS, "band", "telephone", "codecs", "rooms")
        return tuple(name for name in names if getattr(self, name))

    def beside(self, folder: Path) -> SoundOptions:
        """The same with ``recordings``, if any are named, taken relative to a folder."""
        if not self.recordings:
            return self
        return replace(self, recordings=str((folder / self.recordings).resolve()))

    def as_dict(self) -> dict[str, Any]:
        """The options as plain values, without where the recordings lie on this machine."""
        return asdict(self) | {"recordings": Path(self.recordings).name}

    def _ranges(self) -> list[str]:
        problems = []
        for name, (lowest, highest, unit) in _LIMITS.items():
            ends = getattr(self, name)
            if ends and not (len(ends) == 2 and lowest <= ends[0] <= ends[1] <= highest):
                problems.append(
                    f"{name} must be the lower and the upper end of a range from {lowest:g} to "
                    f"{highest:g} {unit}, not {list(ends)}"
                )
        edges = self.band
        if edges and not (len(edges) == 2 and 0 <= edges[0] < edges[1] < math.inf):
            problems.append(f"band must be a lower and an upper edge in Hz, not {list(edges)}")
        return problems

    def _codecs(self) -> list[str]:
        wrong = [name for name in self.codecs if not _is_codec(name)]
        allowed = (f"{name}-{low} to {name}-{high}" for name, (low, high) in _BIT_RATES.items())
        return [f"unknown codec {name!r}; known are {' and '.join(allowed)}" for name in wrong[:1]]

    def _whole(self) -> list[str]:
        if not 0 <= self.copies <= MOST_COPIES:
            return [f"copies must be 0 to {MOST_COPIES}, not {self.copies}"]
        if not 0 <= self.non_speech <= MOST_NON_SPEECH:
            return [f"non_speech must be 0 to {MOST_NON_SPEECH}, not {self.non_speech}"]
        wanted = set(self.changes) - {PLAIN}
        if self.copies and not wanted:
            return ["copies need a change: name one, such as white_noise = [10, 30]"]
        if wanted and not self.copies:
            return [f"{sorted(wanted)[0]} needs copies to be heard in: set copies to 1 or more"]
        return []


@dataclass(frozen=True)
class SoundChange:
    """One change, with all that was drawn for it.

    Attributes
    ----------
    name
        As in :class:`SoundOptions`, but for a codec ``opus`` or ``mp3``.
    values
        Its degree, in the unit of the option; for a band both edges, for a codec kbit/s.
    recording
        The noise, or the room's impulse response; None for one that is made.
    seed
        Of what is made, and of the part of a recording.
    """

    name: str
    values: tuple[float, ...] = ()
    recording: Path | None = None
    seed: int = 0

    def __str__(self) -> str:
        recording = "made" if self.recording is None else self.recording.stem
        return _WORDS[self.name].format(*self.values, recording=recording)

    def apply(self, samples: Samples, sampling_rate: int) -> Samples:
        """Change a sound; always in the same way.

        Parameters
        ----------
        samples
            float32 (n,).
        sampling_rate
            Hz.

        Returns
        -------
        samples
            float32, of another length if the change is one of tempo.

        Raises
        ------
        AudioError
            If the recording cannot be read.
        DependencyMissing
            If a codec is not there.
        """
        match self.name, self.values:
            case "white_noise" | "background", (snr,):
                return self._with_noise(samples, sampling_rate, snr)
            case "shift", (seconds,):
                return np.roll(samples, round(seconds * sampling_rate))
            case "pitch", (semitones,):
                return change_pitch(samples, sampling_rate, semitones=semitones)
            case "speed", (factor,):
                return change_speed(samples, factor=factor)
            case "tempo", (factor,):
                return change_tempo(samples, sampling_rate, factor=factor)
            case "gain", (decibels,):
                return amplify(samples, decibels=decibels)
            case "band", (low, high):
                return band_limit(samples, sampling_rate, low=low, high=high)
            case "telephone", ():
                return mu_law(telephone(samples, sampling_rate))
            case "rooms", ():
                return reverberate(samples, sampling_rate, self._response(sampling_rate))
            case codec, (rate,):
                return encode(samples, sampling_rate, codec=codec, bit_rate=round(1000 * rate))
        return samples.copy()

    def key(self, content: bytes) -> bytes:
        """What tells the changed sound from all others.

        Parameters
        ----------
        content
            The key of the file, :func:`serein.training.store.key_of`.
        """
        if self.name == PLAIN:
            return content
        recording = b"" if self.recording is None else _digest(self.recording)
        drawn = repr((self.name, self.values, self.seed)).encode()
        return hashlib.sha256(content + recording + drawn).digest()

    def _with_noise(self, samples: Samples, sampling_rate: int, snr: float) -> Samples:
        generator = np.random.default_rng(self.seed)
        if self.recording is not None:
            noise = noise_recording(self.recording, sampling_rate)
        elif self.name == "background":
            noise = next(non_speech_sounds(1, seed=self.seed, sampling_rate=sampling_rate))
        else:
            noise = white_noise(max(1, len(samples)), generator)
        return add_noise(samples, sampling_rate, noise, snr=snr, generator=generator)

    def _response(self, sampling_rate: int) -> Samples:
        if self.recording is not None:
            return room_response(self.recording, sampling_rate)
        return made_response(sampling_rate, np.random.default_rng(self.seed))


@dataclass(frozen=True)
class SoundChanges:
    """Draws the changes of clips; it can be sent to another process.

    Attributes
    ----------
    options
        What may be drawn.
    noises
        The recordings of each source of noise; all of these are made where there is none.
    rooms
        The impulse responses; likewise.
    """

    options: SoundOptions
    noises: tuple[tuple[Path, ...], ...] = ()
    rooms: tuple[Path, ...] = ()

    @classmethod
    def of(cls, options: SoundOptions) -> SoundChanges:
        """Find the recordings that the options need.

        Raises
        ------
        DataInvalid
            If they are not there, or silent.
        AudioError
            If one cannot be read.
        """
        if not options.recordings:
            return cls(options)
        sources = noise_sources(options.recordings, half="training")
        noises = tuple(paths for _, paths in sources)
        rooms: tuple[Path, ...] = ()
        if options.rooms and (responses := Path(options.recordings) / ROOMS).is_dir():
            rooms = tuple(path for _, path in room_responses(responses, half="training"))
        return cls(options, noises, rooms)

    def draw(self, content: bytes, number: int) -> SoundChange:
        """The change of a copy: the same on every machine, whatever else is drawn.

        Parameters
        ----------
        content
            The key of the file, :func:`serein.training.store.key_of`.
        number
            Of the copy, from 1 on.
        """
        digest = hashlib.sha256(content + number.to_bytes(4)).digest()
        generator = np.random.default_rng(list(digest))
        name = _one_of(self.options.changes, generator)
        seed = int(generator.integers(2**32))
        if name in _LIMITS:
            value = float(generator.uniform(*getattr(self.options, name)))
            recording = None
            if name == "background" and self.noises and generator.random() < RECORDED:
                recording = _one_of(_one_of(self.noises, generator), generator)
            return SoundChange(name, (value,), recording, seed)
        if name == "codecs":
            codec, _, rate = _one_of(self.options.codecs, generator).partition("-")
            return SoundChange(codec, (float(rate),))
        if name == "rooms":
            recorded = self.rooms and generator.random() < RECORDED
            return SoundChange(name, (), _one_of(self.rooms, generator) if recorded else None, seed)
        return SoundChange(name, self.options.band if name == "band" else ())


def _one_of(things: tuple[Thing, ...], generator: np.random.Generator) -> Thing:
    return things[int(generator.integers(len(things)))]


def _is_codec(name: str) -> bool:
    if (match := _CODEC.fullmatch(name)) is None:
        return False
    low, high = _BIT_RATES[match[1]]
    return low <= int(match[2]) <= high


@cache
def _digest(path: Path) -> bytes:
    """Hash of a recording's file."""
    with boundary(str(path)):
        return hashlib.sha256(path.read_bytes()).digest()
