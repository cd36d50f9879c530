"""What is computed from a sound: a specification that travels in the bundle with the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from serein.audio.signal import active_level, active_span
from serein.errors import ArgumentInvalid
from serein.features.spectral import (
    FloatArray,
    cepstrum,
    decibels,
    mel_filterbank,
    power_spectrogram,
)
from serein.options import from_mapping

KINDS: tuple[str, ...] = ("log_mel", "mfcc", "functionals")
REFERENCE_LEVEL = -26.0
"""Speech level in dBFS to which a clip is brought before its features are computed."""
LONGEST_MINIMUM = 60.0
"""Seconds to which a specification may have short clips padded."""


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
        ``log_mel`` (dB), ``mfcc``, or ``functionals`` of the short-term descriptors.
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
    trim_below_peak
        dB below the loud frames under which silence at the ends is trimmed; None to keep it.
    minimum_duration
        Seconds to which shorter clips are padded with silence.
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
    trim_below_peak: float | None = 40.0
    minimum_duration: float = 0.5
    version: int = 1

    def __post_init__(self) -> None:
        problems = []
        if self.kind not in KINDS:
            problems.append(f"kind {self.kind!r} is none of {', '.join(KINDS)}")
        if self.version != 1:
            problems.append(f"version {self.version} is unknown, this Serein computes version 1")
        if not 1 <= self.hop_length:
            problems.append("hop_length must be at least one sample")
        if not 1 <= self.frame_length <= self.fft_length:
            problems.append("frame_length must lie between 1 and fft_length")
        if not 0 <= self.low < self.high <= self.sampling_rate / 2:
            problems.append("0 <= low < high <= sampling_rate / 2 must hold")
        if not 1 <= self.coefficients <= self.bands:
            problems.append("coefficients must lie between 1 and bands")
        if not self.dynamic_range > 0:
            problems.append("dynamic_range must be positive")
        if self.trim_below_peak is not None and not self.trim_below_peak > 0:
            problems.append("trim_below_peak must be positive, or None")
        if not 0 <= self.minimum_duration <= LONGEST_MINIMUM:
            problems.append(f"minimum_duration must lie between 0 and {LONGEST_MINIMUM:g} seconds")
        if self.kind == "functionals" and self.sampling_rate < 8000:
            problems.append("functionals need a sampling_rate of at least 8000")
        if self.kind == "functionals" and self.frame_length < self.sampling_rate / 100:
            problems.append("functionals need a frame_length of at least 10 ms")
        if problems:
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
    def dimensions(self) -> int:
        """Number of columns of the features."""
        if self.kind == "functionals":
            from serein.features.functionals import functional_names

            return len(functional_names())
        return self.bands if self.kind == "log_mel" else self.coefficients

    @property
    def gain_response(self) -> FloatArray:
        """Change of the features when the whole clip is one dB louder, shape (dimensions,).

        ``values + gain * gain_response`` are the features of the same clip ``gain`` dB louder,
        so that a level known from elsewhere can be put back.
        """
        if self.kind == "functionals":
            from serein.features.functionals import gain_response

            return gain_response()
        response = np.ones(self.dimensions, dtype=np.float32)
        if self.kind == "mfcc":
            response[:] = 0.0
            response[0] = self.bands**0.5
        return response

    def extract(self, samples: FloatArray) -> Features:
        """Compute the features of a clip.

        Parameters
        ----------
        samples
            Mono at :attr:`sampling_rate`, shape (n,), finite; may be empty or silent.
        """
        if self.trim_below_peak is not None:
            begin, end = active_span(samples, self.sampling_rate, below_peak=self.trim_below_peak)
            samples = samples[begin:end]
        level = active_level(samples, self.sampling_rate)
        if np.isfinite(level):
            samples = samples * np.float32(10.0 ** ((REFERENCE_LEVEL - level) / 20.0))
        duration = samples.size / self.sampling_rate
        shortage = int(self.minimum_duration * self.sampling_rate) - samples.size
        if shortage > 0:
            samples = np.pad(samples, (0, shortage))
        values = self._describe(samples.astype(np.float32, copy=False))
        return Features(values, max(float(level), -100.0), duration)

    def _describe(self, samples: FloatArray) -> FloatArray:
        if self.kind == "functionals":
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
        power = power_spectrogram(
            samples,
            frame_length=self.frame_length,
            hop_length=self.hop_length,
            fft_length=self.fft_length,
            centered=self.centered,
        )
        filterbank = mel_filterbank(
            sampling_rate=self.sampling_rate,
            fft_length=self.fft_length,
            bands=self.bands,
            low=self.low,
            high=self.high,
        )
        log_mel = decibels(power @ filterbank, dynamic_range=self.dynamic_range)
        return log_mel if self.kind == "log_mel" else cepstrum(log_mel, self.coefficients)
