"""Time lines put together by hand."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

import numpy as np

from serein.recognition.timeline.results import Summary, Timeline, Window, Windows

LABELS = ("angry", "happy", "sad", "surprised")


def segment(
    start: float,
    end: float,
    label: str = "angry",
    *,
    confidence: float = 0.7,
    decided: bool = True,
    speaker: str | None = None,
) -> Window:
    """A stretch in which somebody speaks, the labels but one equally probable."""
    rest = (1 - confidence) / (len(LABELS) - 1)
    shares = {name: confidence if name == label else rest for name in LABELS}
    return Window(
        start=start,
        end=end,
        speech=0.9,
        label=label,
        confidence=confidence,
        probabilities=MappingProxyType(shares),
        sex=MappingProxyType({"female": 0.75, "male": 0.25}),
        decided=decided,
        speaker=speaker,
    )


def silence(start: float, end: float) -> Window:
    """A stretch in which nobody speaks."""
    return Window(start=start, end=end, speech=0.05)


def timeline_of(
    segments: Sequence[Window],
    *,
    windows: Sequence[Window] = (),
    duration: float = 60.0,
    file: str | None = "meeting.wav",
    speakers: Sequence[str] = (),
) -> Timeline:
    """A time line of these segments, with a summary that says nothing."""
    nothing = Summary(0.0, MappingProxyType({}), 0, ())
    held = Windows(LABELS)
    for window in windows:
        held.append(window)
    return Timeline(
        windows=held,
        segments=tuple(segments),
        summary=nothing,
        speakers=MappingProxyType(dict.fromkeys(speakers, nothing)),
        warnings=(),
        duration=duration,
        model="tiny",
        window=3.0,
        hop=1.0,
        file=file,
        enrolled=False,
        waveform=np.zeros((4, 2), dtype=np.float32),
    )
