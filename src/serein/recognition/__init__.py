"""Recognition: judging sounds with a bundle."""

from serein.recognition.judge import Judgement, clip_statistics, judge, make_profile, softmax
from serein.recognition.recognizer import Recognizer, load
from serein.recognition.speaker import ClipStatistics, Reference, SpeakerProfile

__all__ = [
    "ClipStatistics",
    "Judgement",
    "Recognizer",
    "Reference",
    "SpeakerProfile",
    "clip_statistics",
    "judge",
    "load",
    "make_profile",
    "softmax",
]
