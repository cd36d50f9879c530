"""Sound in: decoding, small measurements, and whether a recording is fit to be judged."""

from serein.audio.decode import Limits, Recording, decode
from serein.audio.fitness import Thresholds, inspect, inspect_speech
from serein.audio.signal import (
    active_level,
    active_span,
    estimate_snr,
    frame_levels,
)
from serein.audio.sources import Source
from serein.results import InputWarning

__all__ = [
    "InputWarning",
    "Limits",
    "Recording",
    "Source",
    "Thresholds",
    "active_level",
    "active_span",
    "decode",
    "estimate_snr",
    "frame_levels",
    "inspect",
    "inspect_speech",
]
