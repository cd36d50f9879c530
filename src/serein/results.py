"""What a judgement is made of: plain, frozen, and the same in every interface."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from serein.errors import SereinError
from serein.explanation import Explanation
from serein.labels import regroup


@dataclass(frozen=True)
class InputWarning:
    """Something about the input that makes the judgement doubtful.

    Attributes
    ----------
    code
        One of the codes documented for the public interface, such as ``clipped``.
    message
        What was found, with its number, and what to do about it.
    """

    code: str
    message: str

    def as_dict(self) -> dict[str, str]:
        """The object of the command line and the service."""
        return {"code": self.code, "message": self.message}


class Portable:
    """Base of results: read-only mappings cannot be pickled, so they travel as plain ones."""

    def __getstate__(self) -> dict[str, Any]:
        return {
            name: dict(value) if isinstance(value, Mapping) else value
            for name, value in vars(self).items()
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            kept = MappingProxyType(value) if isinstance(value, dict) else value
            object.__setattr__(self, name, kept)


@dataclass(frozen=True)
class LabelView(Portable):
    """A judgement regrouped into another set of classes.

    Attributes
    ----------
    name
        Name of the view, such as ``three``.
    label, confidence
        The most probable class and its probability.
    probabilities
        Probability of each class; sums to 1.
    dropped
        Probability mass of the labels that the view leaves out, 0 to 1, before the rest was
        renormalised.
    """

    name: str
    label: str
    confidence: float
    probabilities: Mapping[str, float]
    dropped: float

    def as_dict(self) -> dict[str, Any]:
        """The ``view`` object of the command line and the service."""
        return {
            "name": self.name,
            "label": self.label,
            "confidence": self.confidence,
            "probabilities": dict(self.probabilities),
            "dropped": self.dropped,
        }


@dataclass(frozen=True)
class Prediction(Portable):
    """The judgement of one clip.

    Attributes
    ----------
    label, confidence
        The most probable emotion and its calibrated probability. ``label`` is the top class
        even where ``decided`` is False.
    probabilities
        Calibrated probability of each label that the model knows; sums to 1.
    sex
        Probability of ``female`` and ``male``, or None where the model does not judge it.
    decided
        False where the model is too unsure, or the input too poor, for the label to be relied
        upon: "not sure" is an answer.
    warnings
        What is doubtful about the input.
    duration
        Length of the recording in seconds.
    model
        Name of the model bundle.
    file
        The source as the caller gave it, or None for bytes, file objects and arrays.
    enrolled
        True where a speaker profile was used.
    label_set
        Name of the label set whose classes the labels are, such as ``esd``; None where they are
        canonical emotions.
    speech
        Probability that the recording is speech at all, or None where the model does not judge it.
    explanation
        What the model attended to and how the voice sounds, where it was asked for.
    """

    label: str
    confidence: float
    probabilities: Mapping[str, float]
    sex: Mapping[str, float] | None
    decided: bool
    warnings: tuple[InputWarning, ...]
    duration: float
    model: str
    file: str | None = None
    enrolled: bool = False
    label_set: str | None = None
    speech: float | None = None
    explanation: Explanation | None = None

    def view(self, name: str) -> LabelView:
        """The same judgement in another label view.

        Raises
        ------
        ArgumentInvalid
            If the view is unknown or does not fit the model: it has none of its labels, needs a
            sex that is not judged, or tells apart what the model judges as one.
        """
        probabilities, dropped = regroup(
            self.probabilities, name, sex=self.sex, trained_on=self.label_set
        )
        label, confidence = most_probable(probabilities)
        return LabelView(name, label, confidence, probabilities, dropped)

    def as_dict(self) -> dict[str, Any]:
        """The object that ``serein predict --json`` prints."""
        values = {
            "file": self.file,
            "label": self.label,
            "confidence": self.confidence,
            "probabilities": dict(self.probabilities),
            "sex": None if self.sex is None else dict(self.sex),
            "speech": self.speech,
            "decided": self.decided,
            "warnings": [warning.as_dict() for warning in self.warnings],
            "duration": self.duration,
            "model": self.model,
        }
        if self.explanation is not None:
            values["explanation"] = self.explanation.as_dict()
        return values


def most_probable(probabilities: Mapping[str, float]) -> tuple[str, float]:
    """The label with the highest probability, and that probability."""
    label = max(probabilities, key=lambda name: probabilities[name])
    return label, probabilities[label]


def failure_as_dict(error: SereinError) -> dict[str, Any]:
    """The object that stands in the place of a judgement for a file that failed."""
    return {"file": error.file, "error": error.as_dict()}
