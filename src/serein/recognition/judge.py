"""From features to calibrated probabilities: the step that serving and scoring share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from serein.bundle import Bundle, Mode, Output
from serein.errors import ProfileInvalid
from serein.features import Features
from serein.features.spectral import FloatArray
from serein.recognition.speaker import Reference, SpeakerProfile

BATCH = 16
"""Clips run through a graph at once: bounds the memory of a long list."""


@dataclass(frozen=True)
class Judgement:
    """What the model says of one clip.

    Attributes
    ----------
    probabilities
        Calibrated, in the order of the bundle's labels, shape (labels,), sums to 1.
    sex
        Probabilities of female and male, shape (2,), or None.
    embedding
        Shape (dimensions,), or None.
    """

    probabilities: FloatArray
    sex: FloatArray | None
    embedding: FloatArray | None


def judge(
    bundle: Bundle, clips: Sequence[Features], *, speaker: SpeakerProfile | None = None
) -> list[Judgement]:
    """Judge clips by their features, all of them of an unknown or of one enrolled speaker.

    Raises
    ------
    ProfileInvalid
        If the profile was made with another model, or does not fit it.
    """
    manifest = bundle.manifest
    if speaker is not None and speaker.model != bundle.fingerprint:
        raise ProfileInvalid(
            f"the speaker profile was made with the model {speaker.model!r}, this one is "
            f"{bundle.fingerprint!r}; make the profile anew with 'serein enroll'"
        )
    if speaker is not None and speaker.mean.shape != manifest.normalization.mean.shape:
        raise ProfileInvalid(
            f"the speaker profile has {speaker.mean.size} features, the model "
            f"{manifest.name!r} needs {manifest.normalization.mean.size}; make it anew with "
            "'serein enroll'"
        )
    mode: Mode = "unknown" if speaker is None else "enrolled"
    population = Reference.of(manifest.normalization, None)
    own = Reference.of(manifest.normalization, speaker)
    both = speaker is not None and bundle.takes_relative(mode)
    response = manifest.features.gain_response
    temperature = manifest.graphs[mode].temperature
    judgements: list[Judgement] = []
    for begin in range(0, len(clips), BATCH):
        batch = clips[begin : begin + BATCH]
        inputs = [own.normalize(clip, response) for clip in batch]
        if both:
            plain = [population.normalize(clip, response) for clip in batch]
            output = bundle.run(plain, relative=inputs, mode=mode)
        else:
            output = bundle.run(inputs, mode=mode)
        judgements += _judgements(output, temperature)
    return judgements


def softmax(logits: FloatArray) -> FloatArray:
    """Probabilities from logits over the last axis, in float64 for sums of exactly about 1."""
    wide = np.asarray(logits, dtype=np.float64)
    powers = np.exp(wide - wide.max(axis=-1, keepdims=True))
    shares: FloatArray = powers / powers.sum(axis=-1, keepdims=True)
    return shares


def _judgements(output: Output, temperature: float) -> list[Judgement]:
    probabilities = softmax(output.logits / temperature)
    sexes = None if output.sex is None else softmax(output.sex)
    return [
        Judgement(
            probabilities[row],
            None if sexes is None else sexes[row],
            None if output.embedding is None else output.embedding[row],
        )
        for row in range(len(probabilities))
    ]
