"""A sound as it is judged: decoded, cut into pieces where it is long, with its doubts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from serein.audio import Limits, Recording, Source, decode, inspect, inspect_speech
from serein.explanation import Prosody
from serein.features import Features, FeatureSpec
from serein.features.prosody import measure_prosody
from serein.recognition.attention import Stretch
from serein.recognition.judge import Judgement
from serein.results import InputWarning

POOLED_FROM = 30.0  # seconds: longer recordings are judged in pieces
PIECE = 10.0  # seconds
UNDECIDABLE = frozenset({"silent", "no_speech"})
"""Warnings after which no label is relied upon, however sure the model is."""


@dataclass(frozen=True)
class Hearing:
    """A decoded recording with its pieces' features: one piece, or several if it is long.

    Attributes
    ----------
    recording
        As decoded.
    warnings
        What is doubtful about it, as far as the sound alone tells.
    pieces
        Where the pieces lie among its samples.
    features
        Of each piece.
    """

    recording: Recording
    warnings: tuple[InputWarning, ...]
    pieces: tuple[slice, ...]
    features: tuple[Features, ...]

    @property
    def weights(self) -> list[float]:
        """What each piece counts by: what is left of it once silence is trimmed."""
        return [one.duration for one in self.features]

    def measure(self) -> Prosody:
        """How the voice sounds."""
        return measure_prosody(self.recording.samples, sampling_rate=self.recording.sampling_rate)

    def speech(self, judgements: Sequence[Judgement]) -> float | None:
        """Probability of speech over all pieces; in silence there is none, whatever a model says.

        None where the model does not tell.
        """
        found = [one.speech for one in judgements if one.speech is not None]
        if not found:
            return None
        if any(warning.code == "silent" for warning in self.warnings):
            return 0.0
        return float(np.average(found, weights=self.weights))

    def warned(self, speech: float | None) -> tuple[InputWarning, ...]:
        """All warnings, once it is known how likely speech is."""
        return self.warnings if speech is None else (*self.warnings, *inspect_speech(speech))


def hear(spec: FeatureSpec, source: Source, *, limits: Limits) -> Hearing:
    """Decode a sound, look whether it is fit to be judged, and compute its features.

    Raises
    ------
    AudioError
        If the source is no sound that can be judged.
    """
    recording = decode(source, sampling_rate=spec.sampling_rate, limits=limits)
    pieces = _pieces(recording)
    features = tuple(spec.extract(recording.samples[piece]) for piece in pieces)
    return Hearing(
        recording, inspect(recording, highest=spec.highest_frequency), tuple(pieces), features
    )


def attended(
    spec: FeatureSpec, hearing: Hearing, judgements: Sequence[Judgement]
) -> Iterator[Stretch]:
    """Where each piece's attention lies in the recording."""
    samples, rate = hearing.recording.samples, hearing.recording.sampling_rate
    parts = zip(hearing.pieces, hearing.features, judgements, strict=True)
    for piece, features, judgement in parts:
        if judgement.attention is None:
            continue
        begin = (piece.start + spec.span(samples[piece])[0]) / rate
        frames = max(len(features.values), spec.padded_frames)
        yield Stretch(
            begin=begin,
            end=begin + frames * spec.hop,
            heard=begin + features.duration,
            weights=judgement.attention,
            share=features.duration,
        )


def _pieces(recording: Recording) -> list[slice]:
    """The whole recording, or pieces of 10 s where it is long; silent pieces are left out."""
    samples, rate = recording.samples, recording.sampling_rate
    if samples.size <= POOLED_FROM * rate:
        return [slice(0, samples.size)]
    length = int(PIECE * rate)
    # Less than half a piece at the end is left out.
    begins = range(0, samples.size - length // 2 + 1, length)
    pieces = [slice(begin, min(begin + length, samples.size)) for begin in begins]
    sounding = [piece for piece in pieces if np.any(samples[piece])]
    return sounding or pieces[:1]
