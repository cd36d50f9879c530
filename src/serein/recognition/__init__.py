"""Recognition: judging sounds with a bundle."""

from serein.recognition.judge import Judgement, judge, softmax
from serein.recognition.recognizer import Recognizer, load
from serein.recognition.speaker import ClipStatistics, Reference, SpeakerProfile

__all__ = [
    "ClipStatistics",
    "Judgement",
    "Recognizer",
    "Reference",
    "SpeakerProfile",
    "judge",
    "load",
    "softmax",
]
