"""What a recording's emotion over time is made of: windows, segments, and a summary of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from serein.labels import SEXES, regroup
from serein.results import InputWarning, LabelView, Portable, most_probable


@dataclass(frozen=True)
class Window(Portable):
    """The judgement of a stretch of a recording: a window, or a segment of several.

    Attributes
    ----------
    start, end
        Seconds from the recording's beginning.
    speech
        Probability, 0 to 1, that somebody speaks in it.
    label, confidence
        The most probable emotion and its probability; None where nobody speaks.
    probabilities
        Probability of each label that the model knows, summing to 1; None where nobody speaks.
    sex
        Probability of ``female`` and ``male``; None where nobody speaks or the model does not
        judge it.
    decided
        False where the model is too unsure, or the stretch too short, for the label to be relied
        upon, and where nobody speaks.
    speaker
        Who speaks, where it was told; else None.
    label_set
        Name of the label set whose classes the labels are; None where they are canonical emotions.
    """

    start: float
    end: float
    speech: float
    label: str | None = None
    confidence: float | None = None
    probabilities: Mapping[str, float] | None = None
    sex: Mapping[str, float] | None = None
    decided: bool = False
    speaker: str | None = None
    label_set: str | None = None

    @property
    def duration(self) -> float:
        """Seconds from start to end."""
        return self.end - self.start

    def view(self, name: str) -> LabelView | None:
        """The same judgement in another label view; None where nobody speaks.

        Raises
        ------
        ArgumentInvalid
            See :meth:`serein.Prediction.view`.
        """
        if self.probabilities is None:
            return None
        probabilities, dropped = regroup(
            self.probabilities, name, sex=self.sex, trained_on=self.label_set
        )
        label, confidence = most_probable(probabilities)
        return LabelView(name, label, confidence, probabilities, dropped)

    def as_dict(self, view: str | None = None) -> dict[str, Any]:
        """The object of the command line and the service.

        Parameters
        ----------
        view
            A label view that is added as ``view``.
        """
        values: dict[str, Any] = {
            "start": self.start,
            "end": self.end,
            "speech": self.speech,
            "label": self.label,
            "confidence": self.confidence,
            "probabilities": None if self.probabilities is None else dict(self.probabilities),
            "sex": None if self.sex is None else dict(self.sex),
            "decided": self.decided,
            "speaker": self.speaker,
        }
        if view is not None:
            regrouped = self.view(view)
            values["view"] = None if regrouped is None else regrouped.as_dict()
        return values


class Windows(Sequence[Window]):
    """Windows in the order of time, held as numbers: ten hours of them are a few megabytes.

    Attributes
    ----------
    labels
        The emotions that the model knows.
    label_set
        Name of the label set whose classes they are, or None.
    starts, ends, speech
        Of each window, float64 (n,): seconds, and the probability of speech.
    probabilities
        float64 (n, labels), nan where nobody speaks.
    sex
        Probability of female and male, float64 (n, 2), nan where there is none.
    decided
        bool (n,).
    speakers
        Of each window the index into `names`, int32 (n,); -1 where it was not told.
    names
        The speakers' names.
    """

    def __init__(self, labels: Sequence[str], label_set: str | None = None) -> None:
        self.labels = tuple(labels)
        self.label_set = label_set
        self.names: list[str] = []
        self._count = 0
        self._numbers = np.empty((0, 4 + len(self.labels) + len(SEXES)))
        self._speakers = np.empty(0, dtype=np.int32)

    def append(self, window: Window) -> None:
        """Take a window, as a model with these labels judged it."""
        if self._count == len(self._speakers):
            # Twice as much, so that appending costs the same always.
            room = max(64, 2 * self._count)
            self._numbers = _enlarged(self._numbers, room)
            self._speakers = _enlarged(self._speakers, room)
        row = self._numbers[self._count]
        row[:4] = window.start, window.end, window.speech, window.decided
        row[4:] = np.nan
        if window.probabilities is not None:
            row[4 : 4 + len(self.labels)] = [window.probabilities[name] for name in self.labels]
        if window.sex is not None:
            row[-len(SEXES) :] = [window.sex[name] for name in SEXES]
        self._speakers[self._count] = self._index(window.speaker)
        self._count += 1

    def _index(self, speaker: str | None) -> int:
        if speaker is None:
            return -1
        if speaker not in self.names:
            self.names.append(speaker)
        return self.names.index(speaker)

    @property
    def starts(self) -> npt.NDArray[np.float64]:
        """Seconds where each window begins, (n,)."""
        return self._numbers[: self._count, 0]

    @property
    def ends(self) -> npt.NDArray[np.float64]:
        """Seconds where each window ends, (n,)."""
        return self._numbers[: self._count, 1]

    @property
    def speech(self) -> npt.NDArray[np.float64]:
        """Probability of speech in each window, (n,)."""
        return self._numbers[: self._count, 2]

    @property
    def decided(self) -> npt.NDArray[np.bool_]:
        """Whether each window's label can be relied upon, (n,)."""
        return self._numbers[: self._count, 3] > 0

    @property
    def probabilities(self) -> npt.NDArray[np.float64]:
        """Probability of each label, (n, labels); nan where nobody speaks."""
        return self._numbers[: self._count, 4 : 4 + len(self.labels)]

    @property
    def sex(self) -> npt.NDArray[np.float64]:
        """Probability of female and male, (n, 2); nan where there is none."""
        return self._numbers[: self._count, -len(SEXES) :]

    @property
    def speakers(self) -> npt.NDArray[np.int32]:
        """Index of each window's speaker into `names`, (n,); -1 where it was not told."""
        return self._speakers[: self._count]

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Window: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Window]: ...
    def __getitem__(self, index: int | slice) -> Window | Sequence[Window]:
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(self._count))]
        position = range(self._count)[index]
        start, end, speech, decided, *rest = self._numbers[position].tolist()
        shares, sex = rest[: len(self.labels)], rest[len(self.labels) :]
        speaker = int(self._speakers[position])
        spoken = shares[0] == shares[0]  # nan is no number, and differs from itself
        probabilities = MappingProxyType(dict(zip(self.labels, shares, strict=True)))
        label, confidence = most_probable(probabilities) if spoken else (None, None)
        return Window(
            start=start,
            end=end,
            speech=speech,
            label=label,
            confidence=confidence,
            probabilities=probabilities if spoken else None,
            sex=MappingProxyType(dict(zip(SEXES, sex, strict=True))) if sex[0] == sex[0] else None,
            decided=bool(decided),
            speaker=None if speaker < 0 else self.names[speaker],
            label_set=self.label_set,
        )


def _enlarged(values: npt.NDArray[Any], room: int) -> npt.NDArray[Any]:
    """The same rows with room for more, which takes no memory before it is written to."""
    enlarged = np.empty((room, *values.shape[1:]), dtype=values.dtype)
    enlarged[: len(values)] = values
    return enlarged


@dataclass(frozen=True)
class Summary(Portable):
    """What is to be said of a whole recording, or of one speaker in it.

    Attributes
    ----------
    speech
        Seconds in which somebody speaks; where several speak at once, those of each.
    shares
        Share of that time for each label, 0 to 1, the largest first; labels that never come are
        left out.
    changes
        How often one segment's label is followed by another.
    strongest
        The segments that are surest of each label, the surest first.
    """

    speech: float
    shares: Mapping[str, float]
    changes: int
    strongest: tuple[Window, ...]

    def as_dict(self) -> dict[str, Any]:
        """The ``summary`` object of the command line and the service."""
        return {
            "speech": self.speech,
            "shares": dict(self.shares),
            "changes": self.changes,
            "strongest": [
                {name: getattr(one, name) for name in ("start", "end", "label", "confidence")}
                for one in self.strongest
            ],
        }


@dataclass(frozen=True, eq=False)
class Timeline(Portable):
    """The emotion in a recording over time.

    Attributes
    ----------
    windows
        Every window as judged, overlapping where `hop` is shorter than `window`.
    segments
        What a person reads: the windows blended and smoothed, equal neighbours merged, silence
        left out. In the order of time.
    summary
        Of all segments.
    speakers
        The same for each speaker, where it was told who speaks when.
    warnings
        What is doubtful about the recording.
    duration
        Seconds.
    model
        Name of the model bundle.
    window, hop
        Seconds: length of a window, and from the beginning of one to that of the next.
    file
        The source as the caller gave it, or None.
    enrolled
        True where speaker profiles were used, given or made from the recording itself.
    waveform
        Lowest and highest sample of equal stretches of the recording, float32 (stretches, 2), to
        draw it; at most 4,096 of them, whatever the duration.
    """

    windows: Windows
    segments: tuple[Window, ...]
    summary: Summary
    speakers: Mapping[str, Summary]
    warnings: tuple[InputWarning, ...]
    duration: float
    model: str
    window: float
    hop: float
    file: str | None
    enrolled: bool
    waveform: npt.NDArray[np.float32]

    @property
    def labels(self) -> tuple[str, ...]:
        """The emotions that the model knows."""
        return self.windows.labels

    def as_dict(self, view: str | None = None) -> dict[str, Any]:
        """The object that ``serein timeline --format json`` writes.

        Parameters
        ----------
        view
            A label view that is added to every window and segment.
        """
        return {
            "file": self.file,
            "duration": self.duration,
            "model": self.model,
            "window": self.window,
            "hop": self.hop,
            "enrolled": self.enrolled,
            "warnings": [warning.as_dict() for warning in self.warnings],
            "summary": self.summary.as_dict(),
            "speakers": {name: one.as_dict() for name, one in self.speakers.items()},
            "windows": [window.as_dict(view) for window in self.windows],
            "segments": [segment.as_dict(view) for segment in self.segments],
        }
