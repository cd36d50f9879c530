"""Where somebody speaks in a sound of any length: detectors that only look back.

A detector takes the samples as they come and gives a probability of speech for each frame, so that
a live stream and a recording have the same answer. It is the fine look, to find the pauses; whether
a stretch is speech at all is better told by a model that has learnt it.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from serein.audio.sources import Samples
from serein.errors import ArgumentInvalid

DETECTORS = ("level", "silero")
"""Names that `speech_detector` knows; silero needs the extra ``vad``."""

FRAME = 0.010
"""Seconds in a frame of `LevelDetector`."""

QUIETEST = -65.0
"""Level in dBFS under which nothing is speech to `LevelDetector`, however quiet the rest is."""

ABOVE_NOISE = 6.0
"""Decibels above the noise at which speech and no speech are equally likely."""

# Decibels that multiply the odds of speech by e.
_SOFTNESS = 2.0
# Speech is heard over 30 ms: a frame of 10 ms sees the single pulses of a deep voice. The noise
# needs longer, or its quietest moment would stand for it.
_FRAMES_OF_SPEECH = 3
_FRAMES_OF_NOISE = 10
# Words leave a gap within 3 s nearly always. After it, a noise that has come to stay is known.
_FRAMES_TO_LOOK_BACK = 300
# A whole recording may come in one push: so many samples are squared at once.
_SAMPLES_AT_ONCE = 1 << 18
# How long it has to sound like speech for a window to have speech: a short word.
_SHORTEST_WORD = 0.3

Probabilities = npt.NDArray[np.float64]
"""Probability of speech in each frame, 0 to 1, float64 (frames,)."""


class SpeechDetector(Protocol):
    """Tells speech frame by frame, from the past alone and whatever the size of the chunks."""

    @property
    def step(self) -> float:
        """Seconds from one frame to the next; frame k covers k * step to (k + 1) * step."""

    def push(self, samples: Samples) -> Probabilities:
        """Take the next samples, float32 (n,), and judge the frames that they complete."""

    def finish(self) -> Probabilities:
        """Judge what the end leaves, if it is at least half a frame; then only `reset` is left."""

    def reset(self) -> None:
        """Forget everything: the next samples are the first of another sound."""


def speech_detector(name: str, sampling_rate: int) -> SpeechDetector:
    """Make a detector.

    Parameters
    ----------
    name
        One of `DETECTORS`.
    sampling_rate
        Hz, of the samples that it will be given.

    Raises
    ------
    ArgumentInvalid
        If the name is unknown.
    DependencyMissing
        If it needs a library that is not installed.
    """
    if name == "level":
        return LevelDetector(sampling_rate)
    if name == "silero":
        from serein.audio.silero import SileroDetector

        return SileroDetector(sampling_rate)
    raise ArgumentInvalid(
        f"There is no speech detector {name!r}; give one of {', '.join(DETECTORS)}."
    )


class Frames:
    """Cuts samples that come in chunks into frames side by side.

    Parameters
    ----------
    length
        Samples in a frame.
    """

    def __init__(self, length: int) -> None:
        self._length = length
        self._rest: Samples = np.empty(0, dtype=np.float32)

    def push(self, samples: Samples) -> Samples:
        """Take samples, float32 (n,), and return the frames they complete, (frames, length)."""
        held = np.concatenate([self._rest, samples])
        complete = len(held) // self._length * self._length
        self._rest = held[complete:].copy()  # no view, which would keep all that was held
        return held[:complete].reshape(-1, self._length)

    def finish(self) -> Samples:
        """The last frame, (1, at most length), if at least half of it is there, else (0, ...)."""
        rest, self._rest = self._rest, self._rest[:0]
        return rest[np.newaxis][: int(2 * len(rest) >= self._length)]


class LevelDetector:
    """Takes for speech what is louder than the quietest tenth of a second of the last 3 s.

    The noise is followed by its minimum (the idea of minimum statistics, R. Martin, IEEE Trans.
    Speech and Audio Processing 9(5), 2001), and the probability is a logistic function of the
    decibels above it. Before the beginning the noise counts as lower than `QUIETEST`, so that a
    sound may begin with speech; a sound that begins with noise is taken for speech until 3 s
    have passed. Offset does not count, and rumble less (at 30 Hz by 18 dB). Digital silence has
    the probability 0.

    It knows levels and nothing else: music, a dog, a door and all other sounds that come and go
    are speech to it. Speech not far above the noise is lost, as is a cry that is held for more
    than 3 s. The end of a word counts for 20 ms more, which makes every pause that much shorter.

    Parameters
    ----------
    sampling_rate
        Hz. A frame is made of ``round(0.01 * sampling_rate)`` samples.
    """

    def __init__(self, sampling_rate: int) -> None:
        self._length = max(1, round(FRAME * sampling_rate))
        self._step = self._length / sampling_rate
        self.reset()

    @property
    def step(self) -> float:
        """Seconds from one frame to the next."""
        return self._step

    def reset(self) -> None:
        """Forget everything: the next samples are the first of another sound."""
        self._frames = Frames(self._length)
        # Silence comes before the speech. The noise is not known before it was heard for 0.1 s.
        self._energies_of_speech = np.zeros(_FRAMES_OF_SPEECH - 1)
        self._energies_of_noise = np.full(_FRAMES_OF_NOISE - 1, np.inf)
        self._levels_of_noise = np.full(_FRAMES_TO_LOOK_BACK - 1, QUIETEST - ABOVE_NOISE)

    def push(self, samples: Samples) -> Probabilities:
        """Take the next samples.

        Parameters
        ----------
        samples
            float32 (n,), mono, at the detector's sampling rate; n may be 0.

        Returns
        -------
        probabilities
            float64 (frames that were completed,), 0 to 1.
        """
        starts = range(0, len(samples), _SAMPLES_AT_ONCE)
        judged = [self._judge(samples[start : start + _SAMPLES_AT_ONCE]) for start in starts]
        return np.concatenate([np.empty(0), *judged])

    def finish(self) -> Probabilities:
        """Judge what the end leaves, if it is at least half a frame.

        Returns
        -------
        probabilities
            float64 (0 or 1,).
        """
        rest = self._frames.finish()
        return self._probabilities(_energies(rest)) if len(rest) else np.empty(0)

    def _judge(self, samples: Samples) -> Probabilities:
        frames = self._frames.push(samples)
        return self._probabilities(_energies(frames)) if len(frames) else np.empty(0)

    def _probabilities(self, energies: Probabilities) -> Probabilities:
        speech, self._energies_of_speech = _continued(self._energies_of_speech, energies)
        noise, self._energies_of_noise = _continued(self._energies_of_noise, energies)
        floors = np.maximum(
            _decibels(_moving_mean(noise, _FRAMES_OF_NOISE)), QUIETEST - ABOVE_NOISE
        )
        levels, self._levels_of_noise = _continued(self._levels_of_noise, floors)
        above = _decibels(_moving_mean(speech, _FRAMES_OF_SPEECH))
        above -= _moving_minimum(levels, _FRAMES_TO_LOOK_BACK) + ABOVE_NOISE
        probabilities: Probabilities = 1.0 / (1.0 + np.exp(-above / _SOFTNESS))
        return probabilities


def activity_spans(
    probabilities: npt.NDArray[np.floating[Any] | np.bool_],
    step: float,
    *,
    threshold: float = 0.5,
    shortest_pause: float = 0.5,
    shortest_speech: float = 0.1,
    margin: float = 0.1,
) -> list[tuple[float, float]]:
    """Find the stretches in which somebody speaks.

    Parameters
    ----------
    probabilities
        Floats of any width, or whether it is speech, (frames,), of the whole recording.
    step
        Seconds from one frame to the next.
    threshold
        A frame is speech from this probability on.
    shortest_pause
        Seconds; a shorter one is no pause.
    shortest_speech
        Seconds; what is shorter, and between pauses, is a click and is left out.
    margin
        Seconds that are added on both sides; what touches then is joined.

    Returns
    -------
    spans
        Start and end in seconds, in the order of time, apart from each other.

    Examples
    --------
    >>> import numpy as np
    >>> spoken = np.repeat([0.0, 1.0, 0.0, 1.0, 0.0], [5, 4, 1, 5, 5])
    >>> activity_spans(spoken, 0.1)
    [(0.4, 1.6)]
    """
    # Whole frames are compared: times such as 0.1 s have no exact binary fraction.
    pause, speech = (max(1, round(time / step)) for time in (shortest_pause, shortest_speech))
    edges = np.diff(probabilities >= threshold, prepend=False, append=False).nonzero()[0]
    if len(edges) == 0:
        return []
    starts, ends = edges[::2], edges[1::2]
    apart = starts[1:] - ends[:-1] >= pause
    starts, ends = starts[np.append(True, apart)], ends[np.append(apart, True)]
    long_enough = ends - starts >= speech
    spans: list[tuple[float, float]] = []
    for first, last in zip(starts[long_enough], ends[long_enough], strict=True):
        start = max(0.0, float(first) * step - margin)
        end = min(len(probabilities) * step, float(last) * step + margin)
        if spans and start <= spans[-1][1]:
            start = spans.pop()[0]
        spans.append((start, end))
    return spans


def window_speech(probabilities: Probabilities, step: float) -> float:
    """Tell how likely it is that somebody speaks in a window.

    Parameters
    ----------
    probabilities
        float64 (frames,), of the window alone.
    step
        Seconds from one frame to the next.

    Returns
    -------
    probability
        The highest mean over any 0.3 s, so that one short word is enough, 0 to 1; the mean of a
        shorter window, and 0 without a frame.
    """
    frames = min(len(probabilities), max(1, round(_SHORTEST_WORD / step)))
    return float(_moving_mean(probabilities, frames).max()) if frames else 0.0


def _energies(frames: Samples) -> Probabilities:
    """Mean square of each row about its straight line, which takes offset and rumble away."""
    # In double precision: its rounding is too small to tell how the chunks were cut.
    precise = frames.astype(np.float64)
    precise -= precise.mean(axis=1, keepdims=True)
    line = np.linspace(-1.0, 1.0, precise.shape[1])
    line /= np.linalg.norm(line)
    energies = np.einsum("ij,ij->i", precise, precise)
    energies -= np.einsum("ij,j->i", precise, line) ** 2
    means: Probabilities = np.maximum(energies, 0.0) / precise.shape[1]
    return means


def _decibels(energies: Probabilities) -> Probabilities:
    with np.errstate(divide="ignore"):
        levels: Probabilities = 10.0 * np.log10(energies)
    return levels


def _continued(past: Probabilities, values: Probabilities) -> tuple[Probabilities, Probabilities]:
    """The past and the new values in one, and the past that the next values will have."""
    whole = np.concatenate([past, values])
    return whole, whole[len(whole) - len(past) :].copy()


def _moving_mean(values: Probabilities, length: int) -> Probabilities:
    """Mean of every `length` neighbours, (n - length + 1,)."""
    count = len(values) - length + 1
    total = np.zeros(count)
    for first in range(length):  # always in this order, so that rounding does not tell the chunks
        total += values[first : first + count]
    total /= length
    return total


def _moving_minimum(values: Probabilities, length: int) -> Probabilities:
    """Minimum of every `length` neighbours, (n - length + 1,), by doubling what is covered."""
    covered = 1
    while covered < length:
        further = min(covered, length - covered)
        values = np.minimum(values[:-further], values[further:])
        covered += further
    return values
