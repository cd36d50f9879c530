"""From features to calibrated probabilities: the step that serving and scoring share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from serein.bundle import Bundle, Manifest, Mode, Normalization, Output, Voice
from serein.errors import ProfileInvalid
from serein.explanation import Prosody
from serein.features import Features
from serein.features.spectral import FloatArray
from serein.recognition.speaker import ClipStatistics, Reference, SpeakerProfile

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
    speech
        Probability that it is speech, 0 to 1, or None.
    embedding
        Shape (dimensions,), or None.
    attention
        Weight of each step over time, shape (steps,), summing to 1; or None.
    description
        What a speaker profile is made of, shape (description,), or None.
    """

    probabilities: FloatArray
    sex: FloatArray | None
    speech: float | None
    embedding: FloatArray | None
    attention: FloatArray | None
    description: FloatArray | None


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
    if speaker is not None and speaker.mean.size != bundle.profile_size:
        raise ProfileInvalid(
            f"the speaker profile has {speaker.mean.size} dimensions, the model "
            f"{manifest.name!r} needs {bundle.profile_size}; make it anew with 'serein enroll'"
        )
    mode: Mode = "unknown" if speaker is None else "enrolled"
    described = speaker if bundle.describes else None
    reference = Reference.of(manifest.normalization, None if described else speaker)
    response = manifest.features.gain_response
    temperature = manifest.graphs[mode].temperature
    judgements: list[Judgement] = []
    for begin in range(0, len(clips), BATCH):
        batch = clips[begin : begin + BATCH]
        inputs = [reference.normalize(clip, response) for clip in batch]
        voice = None if described is None else _voice(manifest, described, batch)
        judgements += _judgements(bundle.run(inputs, speaker=voice, mode=mode), temperature)
    return judgements


def clip_statistics(
    bundle: Bundle, clips: Sequence[Features], *, judged: Sequence[Judgement] | None = None
) -> list[ClipStatistics]:
    """What a speaker profile for a model takes from each clip.

    Parameters
    ----------
    judged
        The judgements of the clips as those of an unknown speaker, where they are there already.
    """
    if not bundle.describes:
        return [ClipStatistics.of(clip) for clip in clips]
    judgements = judge(bundle, clips) if judged is None else judged
    return [
        ClipStatistics.of_description(judgement.description, clip.level)
        for judgement, clip in zip(judgements, clips, strict=True)
        if judgement.description is not None
    ]


def make_profile(
    bundle: Bundle, statistics: Sequence[ClipStatistics], *, prosody: Sequence[Prosody] = ()
) -> SpeakerProfile:
    """A speaker's profile for a model, from the :func:`clip_statistics` of some clips.

    Raises
    ------
    ArgumentInvalid
        If there is no clip.
    """
    response = bundle.manifest.features.gain_response
    if bundle.describes:  # clips are described at one level, and compared by it beside
        response = np.zeros(bundle.profile_size, dtype=np.float32)
    return SpeakerProfile.of(
        statistics, model=bundle.fingerprint, gain_response=response, prosody=prosody
    )


def _voice(manifest: Manifest, speaker: SpeakerProfile, clips: Sequence[Features]) -> Voice:
    size = speaker.mean.size
    population = Normalization(
        np.zeros(size, dtype=np.float32),
        np.ones(size, dtype=np.float32),
        manifest.normalization.prior_clips,
    )
    own = Reference.of(population, speaker)
    levels = [own.weight * (clip.level - speaker.level) for clip in clips]
    scale: FloatArray = np.reciprocal(own.std)
    return Voice(own.mean, scale, np.array(levels, dtype=np.float32))


def softmax(logits: FloatArray) -> FloatArray:
    """Probabilities from logits over the last axis, in float64 for sums of exactly about 1."""
    wide = np.asarray(logits, dtype=np.float64)
    powers = np.exp(wide - wide.max(axis=-1, keepdims=True))
    shares: FloatArray = powers / powers.sum(axis=-1, keepdims=True)
    return shares


def _sigmoid(logit: float) -> float:
    """Probability from the logit of one class against the rest; none is too large for it."""
    return 0.5 + 0.5 * math.tanh(0.5 * logit)


def _judgements(output: Output, temperature: float) -> list[Judgement]:
    probabilities = softmax(output.logits / temperature)
    sexes = None if output.sex is None else softmax(output.sex)
    return [
        Judgement(
            probabilities[row],
            None if sexes is None else sexes[row],
            None if output.speech is None else _sigmoid(float(output.speech[row])),
            None if output.embedding is None else output.embedding[row],
            None if output.attention is None else output.attention[row],
            None if output.description is None else output.description[row],
        )
        for row in range(len(probabilities))
    ]
