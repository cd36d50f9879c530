"""What is computed from a sound: a specification that travels in the bundle with the model."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from serein.audio.decode import SAMPLING_RATES
from serein.audio.signal import active_level, active_span
from serein.errors import ArgumentInvalid
from serein.features.spectral import (
    FloatArray,
    cepstrum,
    decibels,
    deltas,
    mel_filterbank,
    power_spectrogram,
)
from serein.options import from_mapping

ROWS: tuple[str, ...] = ("functionals", "opensmile")
"""Kinds that give one row a clip; the others give one a frame."""
KINDS: tuple[str, ...] = ("log_mel", "mfcc", "log_spectrogram", "short_term", *ROWS)
REFERENCE_LEVEL = -26.0
"""Speech level in dBFS to which a clip is brought before its features are computed."""
LONGEST_MINIMUM = 60.0
"""Seconds to which a specification may have short clips padded."""
MOST_FRAMES = 100_000
MOST_BANDS = 4096
LONGEST_FFT = 65_536
MOST_DELTAS = 2
LOWEST_RATE = 8000
"""Hz; below it descriptors of the voice say nothing."""
SHORTEST_FRAME = 20
"""Samples; short-term features part a frame, and its spectrum, in ten."""
LEAST_SPREAD = 1e-5
"""Standard deviation within a clip below which a dimension counts as constant."""


@dataclass(frozen=True)
class Features:
    """Features of one clip.

    Attributes
    ----------
    values
        Shape (frames, dimensions), float32; functionals have one row.
    level
        Speech level of the clip in dBFS, before it was brought to the reference level; -100
        for digital silence.
    duration
        Seconds of sound that are left once the silence at the ends is trimmed.
    """

    values: FloatArray
    level: float
    duration: float


@dataclass(frozen=True, kw_only=True)
class FeatureSpec:
    """Kind and parameters of a feature extractor.

    The features do not depend on the gain of the recording: every clip is trimmed of the silence
    at its ends and brought to the same speech level, and the level is handed on beside them.

    Attributes
    ----------
    kind
        ``log_mel`` (dB), ``mfcc``, ``log_spectrogram`` (dB), ``short_term`` (see
        :mod:`serein.features.frame_features`), or one row a clip: ``functionals`` of our own
        descriptors, or ``opensmile`` (see :mod:`serein.features.opensmile_functionals`).
    sampling_rate
        Hz; what the samples must have.
    frame_length, hop_length, fft_length
        In samples.
    centered
        Frames centred on multiples of the hop rather than beginning there.
    bands, low, high
        Number of mel bands and their edges in Hz (``log_mel`` and ``mfcc``).
    coefficients
        Number of cepstral coefficients (``mfcc``).
    dynamic_range
        dB below the loudest band of a clip at which quieter bands are floored.
    skip
        Seconds at the beginning that are left out, as far as ``minimum_duration`` is left.
    trim_below_peak
        dB below the loud frames under which silence at the ends is trimmed; 0 to keep it.
    minimum_duration
        Seconds to which shorter clips are padded with silence.
    deltas
        How many orders of change over time are set beside the features: 0, 1 or 2.
    standardized
        Whether each dimension gets zero mean and unit variance within the clip.
    frames
        Frames to which longer clips are cut; 0 keeps them whole.
    masked
        Whether the model is told which frames are padding. Otherwise clips shorter than ``frames``
        are padded, once they are normalised, with zeros, the mean, and the model takes them for
        frames like others.
    version
        Raised whenever the same parameters would give other numbers.
    """

    kind: str
    sampling_rate: int = 16_000
    frame_length: int = 400
    hop_length: int = 160
    fft_length: int = 512
    centered: bool = False
    bands: int = 64
    low: float = 60.0
    high: float = 7600.0
    coefficients: int = 13
    dynamic_range: float = 80.0
    skip: float = 0.0
    trim_below_peak: float = 40.0
    minimum_duration: float = 0.5
    deltas: int = 0
    standardized: bool = False
    frames: int = 0
    masked: bool = False
    version: int = 1

    def __post_init__(self) -> None:
        if problems := [*_range_problems(self), *_kind_problems(self)]:
            raise ArgumentInvalid("feature specification: " + "; ".join(problems))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> FeatureSpec:
        """Read a specification as :meth:`as_dict` wrote it.

        Raises
        ------
        ArgumentInvalid
            If a key is unknown, missing or of the wrong type, or the values do not fit together.
        """
        return from_mapping(cls, values, where="feature specification", error=ArgumentInvalid)

    def as_dict(self) -> dict[str, Any]:
        """The specification as plain values, for a manifest."""
        return asdict(self)

    @property
    def hop(self) -> float:
        """Seconds from frame to frame."""
        return self.hop_length / self.sampling_rate

    @property
    def highest_frequency(self) -> float:
        """Hz above which a sound does not matter."""
        return self.high if self.kind in ("log_mel", "mfcc") else self.sampling_rate / 2

    @property
    def padded_frames(self) -> int:
        """Frames that every clip has once it is cut and padded; 0 where they differ."""
        return 0 if self.masked else self.frames

    @property
    def dimensions(self) -> int:
        """Number of columns of the features."""
        return self._columns * (1 + self.deltas)

    @property
    def _columns(self) -> int:
        if self.kind == "functionals":
            from serein.features.functionals import functional_names

            return len(functional_names())
        if self.kind == "opensmile":
            from serein.features.opensmile_functionals import FUNCTIONALS

            return FUNCTIONALS
        if self.kind == "short_term":
            from serein.features.frame_features import FRAME_FEATURES

            return len(FRAME_FEATURES)
        if self.kind == "log_spectrogram":
            return self.fft_length // 2 + 1
        return self.bands if self.kind == "log_mel" else self.coefficients

    @property
    def gain_response(self) -> FloatArray:
        """Change of the features when the whole clip is one dB louder, shape (dimensions,).

        ``values + gain * gain_response`` are the features of the same clip ``gain`` dB louder,
        so that a level known from elsewhere can be put back; zeros where it cannot.
        """
        if self.kind == "functionals":
            from serein.features.functionals import gain_response

            return gain_response()
        response = np.zeros(self.dimensions, dtype=np.float32)
        if self.standardized:
            return response
        if self.kind in ("log_mel", "log_spectrogram"):
            response[: self._columns] = 1.0
        elif self.kind == "mfcc":
            response[0] = self.bands**0.5
        return response

    def extract(self, samples: FloatArray) -> Features:
        """Compute the features of a clip.

        Parameters
        ----------
        samples
            Mono at :attr:`sampling_rate`, shape (n,), finite; may be empty or silent.
        """
        rate = self.sampling_rate
        begin, end = self.span(samples)
        samples = samples[begin:end]
        level = active_level(samples, rate)
        if np.isfinite(level):
            samples = samples * np.float32(10.0 ** ((REFERENCE_LEVEL - level) / 20.0))
        duration = samples.size / rate
        shortage = int(self.minimum_duration * rate) - samples.size
        if shortage > 0:
            samples = np.pad(samples, (0, shortage))
        values = self._describe(samples.astype(np.float32, copy=False))
        return Features(self._finished(values), max(float(level), -100.0), duration)

    def span(self, samples: FloatArray) -> tuple[int, int]:
        """The part of a clip that the features are of, as indexes for ``samples[begin:end]``.

        Parameters
        ----------
        samples
            As for :meth:`extract`.
        """
        rate = self.sampling_rate
        spare = max(0, samples.size - int(self.minimum_duration * rate))
        skipped = min(int(self.skip * rate), spare)
        if not self.trim_below_peak:
            return skipped, samples.size
        begin, end = active_span(samples[skipped:], rate, below_peak=self.trim_below_peak)
        return skipped + begin, skipped + end

    def pad(self, normalized: FloatArray) -> FloatArray:
        """Normalised features as a model of fixed length takes them; others as they are.

        Parameters
        ----------
        normalized
            Shape (..., frames, dimensions).

        Returns
        -------
        numpy.ndarray
            Shape (..., :attr:`padded_frames`, dimensions), zeros after the last frame.
        """
        shortage = self.padded_frames - normalized.shape[-2]
        if shortage <= 0:
            return normalized
        sides = [(0, 0)] * (normalized.ndim - 2) + [(0, shortage), (0, 0)]
        return np.pad(normalized, sides)

    def _finished(self, values: FloatArray) -> FloatArray:
        """Cut, with deltas, and standardised, as far as is asked for."""
        if self.frames:
            values = values[: self.frames]
        orders = [values]
        for _ in range(self.deltas):
            orders.append(deltas(orders[-1]))
        if self.deltas:
            values = np.concatenate(orders, axis=1)
        if self.standardized:
            # In double precision, or the rounding of the mean would be all that a constant tells.
            wide = values.astype(np.float64)
            spread = np.maximum(wide.std(axis=0), LEAST_SPREAD)
            values = ((wide - wide.mean(axis=0)) / spread).astype(np.float32)
        return values

    def _describe(self, samples: FloatArray) -> FloatArray:
        if self.kind == "opensmile":
            from serein.features.opensmile_functionals import functionals as opensmile

            return opensmile(samples, sampling_rate=self.sampling_rate)[None, :]
        if self.kind == "short_term":
            from serein.features.frame_features import frame_features

            return frame_features(
                samples,
                sampling_rate=self.sampling_rate,
                frame_length=self.frame_length,
                hop_length=self.hop_length,
            )
        return self._functionals(samples) if self.kind == "functionals" else self._spectral(samples)

    def _functionals(self, samples: FloatArray) -> FloatArray:
        from serein.features.functionals import functionals
        from serein.features.shortterm import short_term

        described = short_term(
            samples,
            sampling_rate=self.sampling_rate,
            frame_length=self.frame_length,
            hop_length=self.hop_length,
            fft_length=self.fft_length,
        )
        return functionals(described, hop=self.hop)[None, :]

    def _spectral(self, samples: FloatArray) -> FloatArray:
        power = power_spectrogram(
            samples,
            frame_length=self.frame_length,
            hop_length=self.hop_length,
            fft_length=self.fft_length,
            centered=self.centered,
        )
        if self.kind == "log_spectrogram":
            return decibels(power, dynamic_range=self.dynamic_range)
        filterbank = mel_filterbank(
            sampling_rate=self.sampling_rate,
            fft_length=self.fft_length,
            bands=self.bands,
            low=self.low,
            high=self.high,
        )
        log_mel = decibels(power @ filterbank, dynamic_range=self.dynamic_range)
        return log_mel if self.kind == "log_mel" else cepstrum(log_mel, self.coefficients)


def _range_problems(spec: FeatureSpec) -> Iterator[str]:
    if spec.version != 1:
        yield f"version {spec.version} is unknown, this Serein computes version 1"
    if not 1 <= spec.hop_length:
        yield "hop_length must be at least one sample"
    slowest, fastest = SAMPLING_RATES
    if not slowest <= spec.sampling_rate <= fastest:
        yield f"sampling_rate must lie between {slowest} and {fastest} Hz"
    if not 1 <= spec.frame_length <= spec.fft_length <= LONGEST_FFT:
        yield f"1 <= frame_length <= fft_length <= {LONGEST_FFT} must hold"
    if not 0 <= spec.low < spec.high <= spec.sampling_rate / 2:
        yield "0 <= low < high <= sampling_rate / 2 must hold"
    if not 1 <= spec.coefficients <= spec.bands <= MOST_BANDS:
        yield f"1 <= coefficients <= bands <= {MOST_BANDS} must hold"
    if not spec.dynamic_range > 0:
        yield "dynamic_range must be positive"
    if not 0 <= spec.trim_below_peak < math.inf:
        yield "trim_below_peak must be positive, or 0 to trim nothing"
    for name in ("minimum_duration", "skip"):
        if not 0 <= getattr(spec, name) <= LONGEST_MINIMUM:
            yield f"{name} must lie between 0 and {LONGEST_MINIMUM:g} seconds"
    if not 0 <= spec.deltas <= MOST_DELTAS:
        yield f"deltas must lie between 0 and {MOST_DELTAS}"
    if not 0 <= spec.frames <= MOST_FRAMES:
        yield f"frames must lie between 1 and {MOST_FRAMES}, or be 0 to cut nothing"


def _kind_problems(spec: FeatureSpec) -> Iterator[str]:
    if spec.kind not in KINDS:
        yield f"kind {spec.kind!r} is none of {', '.join(KINDS)}"
    if spec.kind in ROWS and (spec.deltas or spec.standardized or spec.frames or spec.masked):
        yield (
            "deltas, standardized, frames and masked are for features over time, which "
            f"{spec.kind} are not"
        )
    if spec.kind in (*ROWS, "short_term") and spec.sampling_rate < LOWEST_RATE:
        yield f"{spec.kind} needs a sampling_rate of at least {LOWEST_RATE}"
    if spec.kind == "functionals" and spec.frame_length < spec.sampling_rate / 100:
        yield "functionals need a frame_length of at least 10 ms"
    if spec.kind == "short_term" and spec.frame_length < SHORTEST_FRAME:
        yield f"short_term needs a frame_length of at least {SHORTEST_FRAME}"
