"""Speaker profiles: what a few unlabelled clips tell about a voice."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from serein.bundle import Normalization
from serein.errors import ArgumentInvalid, ProfileInvalid
from serein.explanation import Prosody
from serein.features import Features
from serein.features.prosody import ProsodyReference
from serein.features.spectral import FloatArray
from serein.writing import written_whole

FORMAT = "serein-speaker-profile"
FORMAT_VERSION = 1

LEAST_VARIANCE = 1e-4
"""Share of the variance over all speakers that is the least a speaker can have."""

LIMIT = 8.0
"""Standard deviations at which normalised features are cut: further out lie only artefacts."""


@dataclass(frozen=True)
class ClipStatistics:
    """What a profile takes from one clip.

    Attributes
    ----------
    mean, square
        Mean of the features and of their squares over the frames, or for a model that describes
        clips the description and its square; shape (dimensions,).
    level
        Speech level in dBFS.
    """

    mean: FloatArray
    square: FloatArray
    level: float

    @classmethod
    def of(cls, clip: Features) -> ClipStatistics:
        """Gather the statistics of a clip."""
        values = clip.values.astype(np.float64)
        return cls(values.mean(axis=0), np.square(values).mean(axis=0), clip.level)

    @classmethod
    def of_description(cls, description: FloatArray, level: float) -> ClipStatistics:
        """The same of a clip that a model describes."""
        wide: Any = description.astype(np.float64)
        return cls(wide, np.square(wide), level)


@dataclass(frozen=True)
class SpeakerProfile:
    """Statistics of one speaker's features, without any label.

    Attributes
    ----------
    model
        Fingerprint of the bundle whose features these are.
    clips
        Number of clips.
    level
        Mean speech level of the clips in dBFS.
    mean, variance
        Statistics of the features over all frames, every clip weighing the same, with each clip
        at its own level relative to ``level``; or of the model's descriptions of the clips. Shape
        (dimensions,).
    prosody
        How the speaker usually sounds, for explanations; None where it was not measured.
    """

    model: str
    clips: int
    level: float
    mean: FloatArray
    variance: FloatArray
    prosody: ProsodyReference | None = None

    @classmethod
    def of(
        cls,
        clips: Sequence[ClipStatistics],
        *,
        model: str,
        gain_response: FloatArray,
        prosody: Sequence[Prosody] = (),
    ) -> SpeakerProfile:
        """Gather the statistics of a speaker's clips, and what was measured of their prosody.

        Raises
        ------
        ArgumentInvalid
            If there is no clip.
        """
        if not clips:
            raise ArgumentInvalid("a speaker profile needs at least one clip that can be judged")
        level = float(np.mean([clip.level for clip in clips]))
        gains = np.array([[clip.level - level] for clip in clips]) * gain_response
        means = np.array([clip.mean for clip in clips])
        # The square of a sum, for a clip that is so much louder than the speaker's mean.
        squares = np.array([clip.square for clip in clips]) + 2 * gains * means + gains**2
        mean = (means + gains).mean(axis=0)
        variance = np.maximum(squares.mean(axis=0) - mean**2, 0.0)
        return cls(
            model,
            len(clips),
            level,
            mean.astype(np.float32),
            variance.astype(np.float32),
            ProsodyReference.of(prosody) if prosody else None,
        )

    def save(self, path: str | Path) -> None:
        """Write the profile as JSON.

        Raises
        ------
        ArgumentInvalid
            If nothing can be written there.
        """
        with written_whole(path) as part:
            part.write_text(json.dumps(self.as_dict()) + "\n", encoding="utf-8")

    def as_dict(self) -> dict[str, Any]:
        """The profile as plain values."""
        return {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "model": self.model,
            "clips": self.clips,
            "level": self.level,
            "mean": self.mean.tolist(),
            "variance": self.variance.tolist(),
            "prosody": None if self.prosody is None else self.prosody.as_dict(),
        }

    @classmethod
    def load(cls, path: str | Path) -> SpeakerProfile:
        """Read a profile that :meth:`save` wrote.

        Raises
        ------
        ProfileInvalid
            If it cannot be read or is damaged.
        """
        try:
            values = json.loads(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise ProfileInvalid(
                f"the speaker profile {path} cannot be read ({error.strerror}); make one with "
                "'serein enroll'",
                file=str(path),
            ) from error
        except (ValueError, RecursionError) as error:
            raise ProfileInvalid(
                f"{path} is not a speaker profile ({error}); make one with 'serein enroll'",
                file=str(path),
            ) from error
        return cls.from_dict(values, file=str(path))

    @classmethod
    def from_dict(cls, values: Any, *, file: str | None = None) -> SpeakerProfile:
        """Read a profile as :meth:`as_dict` gives it.

        Raises
        ------
        ProfileInvalid
            If anything is missing or out of range.
        """
        try:
            if values["format"] != FORMAT or values["format_version"] != FORMAT_VERSION:
                raise ValueError("it has another format or version")
            with np.errstate(over="ignore"):  # what is too large becomes infinite
                profile = cls(
                    str(values["model"]),
                    int(values["clips"]),
                    float(values["level"]),
                    np.asarray(values["mean"], dtype=np.float32),
                    np.asarray(values["variance"], dtype=np.float32),
                    None
                    if (prosody := values.get("prosody")) is None
                    else ProsodyReference.from_dict(prosody),
                )
            numbers = [float(profile.clips), profile.level, *profile.mean, *profile.variance]
            finite = np.isfinite(numbers).all()
            same = profile.mean.ndim == 1 and profile.mean.shape == profile.variance.shape
            if profile.clips < 1 or not finite or not same or (profile.variance < 0).any():
                raise ValueError("its numbers are out of range")
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise ProfileInvalid(
                f"not a speaker profile of this version ({error}); make it anew with "
                "'serein enroll'",
                file=file,
            ) from error
        return profile


@dataclass(frozen=True)
class Reference:
    """What a clip is normalised by: the training speakers, drawn towards one speaker.

    With ``n`` clips of a speaker the statistics weigh ``n / (n + prior_clips)``, the estimate
    under a conjugate prior: a profile of one clip changes little, one of many nearly all.
    """

    mean: FloatArray
    std: FloatArray
    level: float | None
    weight: float

    @classmethod
    def of(cls, normalization: Normalization, profile: SpeakerProfile | None) -> Reference:
        """The reference for a clip of an unknown speaker (no profile) or of an enrolled one."""
        if profile is None:
            return cls(normalization.mean, normalization.std, None, 0.0)
        weight = profile.clips / (profile.clips + normalization.prior_clips)
        mean = weight * profile.mean + (1 - weight) * normalization.mean
        variance = weight * profile.variance + (1 - weight) * normalization.std**2
        std = np.sqrt(np.maximum(variance, LEAST_VARIANCE * normalization.std**2))
        return cls(mean.astype(np.float32), std.astype(np.float32), profile.level, weight)

    def normalize(self, clip: Features, gain_response: FloatArray) -> FloatArray:
        """The graph's input: features in standard deviations from the reference.

        An enrolled speaker's clip keeps its level relative to the profile; of an unknown speaker
        the level tells nothing but the gain of the microphone, so there it is left out.
        """
        values = clip.values
        if self.level is not None:
            gain = np.float32(self.weight * (clip.level - self.level))
            values = values + gain * gain_response
        normalized: FloatArray = (values - self.mean) / self.std
        return np.clip(normalized, -LIMIT, LIMIT)
