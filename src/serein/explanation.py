"""What stands beside a judgement: where the model listened, and how the voice sounds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Attention:
    """How much each part of a recording weighed in the judgement.

    Attributes
    ----------
    hop
        Seconds from one weight to the next; the first one begins at 0.
    weights
        One for each hop of the whole recording, from 0 on, summing to 1. The last one may reach
        beyond the end.
    """

    hop: float
    weights: tuple[float, ...]


@dataclass(frozen=True)
class Moment:
    """A stretch of a recording that weighed much.

    Attributes
    ----------
    start, end
        Seconds.
    share
        Its part of the attention, 0 to 1.
    """

    start: float
    end: float
    share: float


@dataclass(frozen=True)
class Prosody:
    """How a voice sounds, in numbers; None where there is not enough to measure.

    Attributes
    ----------
    pitch
        Median pitch in Hz.
    pitch_range
        Semitones that the pitch of 90 % of the voiced frames lies within.
    level
        Speech level in dBFS: as much the microphone's as the voice's.
    dynamics
        Decibels that the level of 90 % of the voiced frames lies within.
    tempo
        Peaks of the level a second, about one a syllable.
    voiced_share
        Share of the time in which the voice sounds, 0 to 1.
    """

    pitch: float | None = None
    pitch_range: float | None = None
    level: float | None = None
    dynamics: float | None = None
    tempo: float | None = None
    voiced_share: float | None = None

    def as_dict(self) -> dict[str, float | None]:
        """The measurements as plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Explanation:
    """What the model attended to, and how the voice sounds; it does not say why it was judged so.

    Attributes
    ----------
    attention
        None where the model has none.
    moments
        The stretches that weighed most, up to three, the heaviest first; none where no part of
        the recording stands out.
    prosody
        What was measured.
    compared_with
        ``speaker``: the enrolled one; ``female`` or ``male``: the voices of the judged sex that
        the model was trained on; None where there is nothing to compare with.
    usual
        What is usual there.
    sentences
        The same in plain words.
    """

    attention: Attention | None
    moments: tuple[Moment, ...]
    prosody: Prosody
    compared_with: str | None
    usual: Prosody | None
    sentences: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """The ``explanation`` object of the command line and the service."""
        attention = self.attention
        return {
            "attention": None
            if attention is None
            else {"hop": attention.hop, "weights": list(attention.weights)},
            "moments": [asdict(moment) for moment in self.moments],
            "prosody": self.prosody.as_dict(),
            "compared_with": self.compared_with,
            "usual": None if self.usual is None else self.usual.as_dict(),
            "sentences": list(self.sentences),
        }
