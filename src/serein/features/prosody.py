"""How a voice sounds, measured: pitch, its range, loudness, tempo; and what is usual."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from serein.audio.signal import HOP, active_level, active_span, frame_levels
from serein.errors import ArgumentInvalid
from serein.explanation import Prosody
from serein.features.spec import REFERENCE_LEVEL
from serein.features.spectral import FloatArray
from serein.options import from_mapping

MEASURES: tuple[str, ...] = tuple(field.name for field in fields(Prosody))
FEWEST_VOICED = 10
"""Voiced frames (0.1 s) below which nothing is said of the pitch."""
PIECE = 10.0
"""Seconds that are followed at once: bounds the memory of a long recording."""
DYNAMIC_RANGE = 80.0
"""dB below the loudest frame at which quieter ones are floored."""
_RANGE = (0.05, 0.95)
_ONE_SIGMA = (0.16, 0.84)  # quantiles of a normal distribution, one deviation around the mean
_DECIMALS = 4


def measure_prosody(samples: FloatArray, *, sampling_rate: int) -> Prosody:
    """Measure a recording of any length, without the silence at its ends.

    Amplifying the recording changes the level and nothing else.

    Parameters
    ----------
    samples
        Mono, shape (n,), finite; may be empty or silent, which gives no measurements.
    sampling_rate
        Hz.
    """
    begin, end = active_span(samples, sampling_rate)
    samples = samples[begin:end]
    level = active_level(samples, sampling_rate)
    if not math.isfinite(level):
        return Prosody()
    length = max(1, round(PIECE * sampling_rate))
    pieces = [samples[start : start + length] for start in range(0, samples.size, length)]
    floor = float(frame_levels(samples, sampling_rate).max()) - DYNAMIC_RANGE - level
    tracks = [_follow(piece, sampling_rate, level, floor) for piece in pieces]
    voiced = np.concatenate([track.voiced for track in tracks])
    pitch = np.concatenate([track.pitch for track in tracks])[voiced]
    levels = np.concatenate([track.levels for track in tracks])[voiced]
    enough = pitch.size >= FEWEST_VOICED
    return Prosody(
        pitch=float(np.median(pitch)) if enough else None,
        pitch_range=float(np.ptp(np.quantile(12.0 * np.log2(pitch), _RANGE))) if enough else None,
        level=level,
        dynamics=float(np.ptp(np.quantile(levels, _RANGE))) if enough else None,
        tempo=sum(track.peaks for track in tracks) * sampling_rate / samples.size,
        voiced_share=float(voiced.mean()),
    )


def differences(measured: Prosody, usual: Prosody) -> dict[str, float]:
    """How far measurements lie from the usual, for each that both know.

    Pitch in semitones, its range in semitones too, level and dynamics in dB, tempo in per cent
    of the usual, the voiced share in percentage points.
    """
    found: dict[str, float] = {}
    for name in MEASURES:
        value, other = getattr(measured, name), getattr(usual, name)
        if value is None or other is None:
            continue
        if name == "pitch":
            found[name] = 12.0 * math.log2(value / other)
        elif name == "tempo":
            if other > 0:
                found[name] = 100.0 * (value / other - 1.0)
        else:
            found[name] = (value - other) * (100.0 if name == "voiced_share" else 1.0)
    return found


@dataclass(frozen=True)
class ProsodyReference:
    """What is usual of a speaker, or of many.

    Attributes
    ----------
    clips
        Number of recordings that it was measured on.
    usual
        The median of each measure over them.
    spread
        About one standard deviation of each from there, in the units of :func:`differences`;
        what is missing was measured on no clip.
    """

    clips: int
    usual: Prosody
    spread: Mapping[str, float]

    @classmethod
    def of(cls, clips: Sequence[Prosody]) -> Self:
        """Gather what is usual of recordings, each weighing the same.

        Raises
        ------
        ArgumentInvalid
            If there is none.
        """
        if not clips:
            raise ArgumentInvalid("what is usual needs at least one recording to be measured on")
        known = {
            name: [value for clip in clips if (value := getattr(clip, name)) is not None]
            for name in MEASURES
        }
        usual = Prosody(
            **{
                name: round(float(np.median(values)), _DECIMALS)
                for name, values in known.items()
                if values
            }
        )
        apart = [differences(clip, usual) for clip in clips]
        spread = {
            name: round(float(np.ptp(np.quantile(values, _ONE_SIGMA))) / 2.0, _DECIMALS)
            for name in MEASURES
            if (values := [one[name] for one in apart if name in one])
        }
        return cls(len(clips), usual, spread)

    def as_dict(self) -> dict[str, Any]:
        """The reference as plain values."""
        return {
            "clips": self.clips,
            "usual": self.usual.as_dict(),
            "spread": dict(self.spread),
        }

    @classmethod
    def from_dict(cls, values: Any) -> Self:
        """Read a reference as :meth:`as_dict` gives it.

        Raises
        ------
        ArgumentInvalid
            If anything is missing, unknown or out of range.
        """
        try:
            clips, spread = values["clips"], dict(values["spread"])
            usual = from_mapping(Prosody, values["usual"], where="usual", error=ArgumentInvalid)
        except (KeyError, TypeError, ValueError) as error:
            raise ArgumentInvalid(f"prosody needs clips, usual and spread ({error})") from error
        known = {name: value for name, value in usual.as_dict().items() if value is not None}
        if not isinstance(clips, int) or clips < 1 or known.get("pitch") == 0:
            raise ArgumentInvalid("prosody needs at least one clip, and a pitch above 0 Hz")
        if unknown := sorted(map(str, set(spread) - set(MEASURES))):
            raise ArgumentInvalid(f"prosody knows no {unknown[0]}, but {', '.join(MEASURES)}")
        numbers = [*spread.values(), *(known[name] for name in known if name != "level")]
        if not all(isinstance(value, int | float) and 0 <= value < math.inf for value in numbers):
            raise ArgumentInvalid("prosody must be given in finite numbers from 0 on")
        if not math.isfinite(known.get("level", 0.0)):
            raise ArgumentInvalid("the level of prosody must be finite")
        return cls(clips, usual, {name: float(value) for name, value in spread.items()})


@dataclass(frozen=True)
class _Track:
    """One piece over time: pitch in Hz, level in dB, and voicing, shape (frames,) each."""

    pitch: FloatArray
    levels: npt.NDArray[np.float64]
    voiced: npt.NDArray[np.bool_]
    peaks: int


def _follow(samples: FloatArray, sampling_rate: int, level: float, floor: float) -> _Track:
    """Follow one piece; ``floor`` and the levels are in dB above ``level``."""
    from serein.features.functionals import syllable_peaks
    from serein.features.pitch import track_pitch

    levels = np.maximum(frame_levels(samples, sampling_rate) - level, floor)
    # The hop of the levels, in whole steps of half of it.
    hop = 2 * max(1, round(HOP / 2 * sampling_rate))
    pitch = track_pitch(samples, sampling_rate=sampling_rate, hop_length=hop, count=levels.size)
    peaks = syllable_peaks(levels + REFERENCE_LEVEL)
    return _Track(pitch.frequency, levels, pitch.voiced, len(peaks))
