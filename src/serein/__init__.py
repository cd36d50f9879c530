"""Serein hears speech and says which emotion is in it, when, how sure it is, and what to doubt.

>>> import serein
>>> recognizer = serein.load()
>>> result = recognizer.predict("clip.wav")  # doctest: +SKIP
>>> result.label, result.confidence  # doctest: +SKIP
('angry', 0.81)
>>> for segment in recognizer.timeline("meeting.mp3").segments:  # doctest: +SKIP
...     print(segment.start, segment.end, segment.label)
0.9 4.25 neutral
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from serein.errors import SereinError
    from serein.explanation import Explanation
    from serein.labels import LABELS, VIEWS
    from serein.recognition.recognizer import Recognizer, load
    from serein.recognition.speaker import SpeakerProfile
    from serein.recognition.timeline.results import Timeline, Window
    from serein.recognition.timeline.stream import Stream
    from serein.recognition.timeline.turns import Turn, read_turns
    from serein.results import InputWarning, LabelView, Prediction

__version__ = "0.1.0"

# Where each public name lives. They are imported when first used, so that `import serein` costs
# next to nothing.
_HOMES = {
    "LABELS": "serein.labels",
    "VIEWS": "serein.labels",
    "Explanation": "serein.explanation",
    "InputWarning": "serein.results",
    "LabelView": "serein.results",
    "Prediction": "serein.results",
    "Recognizer": "serein.recognition.recognizer",
    "SereinError": "serein.errors",
    "SpeakerProfile": "serein.recognition.speaker",
    "Stream": "serein.recognition.timeline.stream",
    "Timeline": "serein.recognition.timeline.results",
    "Turn": "serein.recognition.timeline.turns",
    "Window": "serein.recognition.timeline.results",
    "load": "serein.recognition.recognizer",
    "read_turns": "serein.recognition.timeline.turns",
}

__all__ = [
    "LABELS",
    "VIEWS",
    "Explanation",
    "InputWarning",
    "LabelView",
    "Prediction",
    "Recognizer",
    "SereinError",
    "SpeakerProfile",
    "Stream",
    "Timeline",
    "Turn",
    "Window",
    "load",
    "read_turns",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'serein' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*__all__, "__version__"})
