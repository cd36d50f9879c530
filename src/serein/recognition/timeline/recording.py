"""The emotion in a recording over time, however long it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from serein.audio import Thresholds, inspect, inspect_speech
from serein.audio.decode import Sound
from serein.audio.resample import resample_blocks
from serein.audio.sources import Samples
from serein.audio.speech import SpeechDetector, activity_spans, speech_detector
from serein.bundle import Bundle
from serein.errors import ArgumentInvalid
from serein.recognition.timeline.engine import Engine, Heard, Profiles, window_detector
from serein.recognition.timeline.layout import Layout
from serein.recognition.timeline.profiles import Profiler
from serein.recognition.timeline.results import Timeline, Windows
from serein.recognition.timeline.sampling import EvenSample, Waveform
from serein.recognition.timeline.segments import SPEECH, Spans, merged, segments_of
from serein.recognition.timeline.summary import summarize
from serein.recognition.timeline.turns import Turn
from serein.results import InputWarning

SHORTEST_PAUSE = 1.0
"""Seconds without speech that part two segments; shorter pauses belong to the phrase."""

EXCERPTS = 16
"""Windows by which the recording's level, noise and band are judged."""
EXCERPT = 3.0
"""Seconds of a longer window that are kept for it."""

Progress = Callable[[float, float | None], None]
"""Is given the seconds that were read, and all that will be, or None where nobody knows."""


@dataclass(frozen=True, kw_only=True)
class Listening:
    """How a recording is to be judged.

    Attributes
    ----------
    bundle
        The model.
    layout
        The windows.
    speaker
        Profiles of those who speak.
    adapt
        Make the profiles from the recording itself: of each speaker where there are `turns`.
    turns
        Who speaks when; None if that is to be found out.
    detector
        See :func:`serein.recognition.timeline.engine.window_detector`.
    progress
        Is told how far it is.
    """

    bundle: Bundle
    layout: Layout
    speaker: Profiles = None
    adapt: bool = False
    turns: Sequence[Turn] | None = None
    detector: str | None = None
    progress: Progress | None = None

    def __post_init__(self) -> None:
        if self.adapt and self.speaker is not None:
            raise ArgumentInvalid(
                "a profile of the speaker is given, and adapt would make one from the recording; "
                "leave one of them out"
            )

    @property
    def rate(self) -> int:
        """Hz: the model's sampling rate."""
        return self.layout.sampling_rate

    def engine(self, layout: Layout, detector: SpeechDetector | None) -> Engine:
        """What judges the windows of a layout."""
        spans = None if self.turns is None else layout.turns(self.turns)
        return Engine(self.bundle, layout, speaker=self.speaker, detector=detector, spans=spans)


class _Listener(Protocol):
    """Listens to a recording at the model's rate."""

    def take(self, samples: Samples) -> None:
        """Hear what comes next, float32 (n,)."""

    def finish(self) -> None:
        """Hear that it is over."""


ListenerType = TypeVar("ListenerType", bound=_Listener)


def make_timeline(sound: Sound, listening: Listening) -> Timeline:
    """Judge a recording over time.

    It is read once; once more before that to adapt to its speakers, and again where its channels
    turn out to cancel each other.
    """
    reading = _Reading(sound, listening)
    if listening.adapt:
        adapted = reading.told_to(lambda: _Adapting(listening))
        listening = replace(listening, speaker=adapted.profiler.profiles(), adapt=False)
    return reading.told_to(lambda: _Judging(listening)).timeline(sound)


class _Reading:
    """Reads a sound as often as it takes, and tells how far it is."""

    def __init__(self, sound: Sound, listening: Listening) -> None:
        self._sound = sound
        self._rate = listening.layout.sampling_rate
        self._progress = listening.progress
        self._passes = 2 if listening.adapt else 1
        self._seconds = 0.0

    def told_to(self, make: Callable[[], ListenerType]) -> ListenerType:
        """Let somebody listen to the sound from its beginning to its end."""
        known = self._sound.out_of_phase
        listener = self._read(make())
        if self._sound.out_of_phase == known:
            return listener
        self._passes += 1  # what was heard were channels that cancel
        return self._read(make())

    def _read(self, listener: ListenerType) -> ListenerType:
        heard = 0
        for samples in resample_blocks(self._blocks(), self._sound.sampling_rate, self._rate):
            listener.take(samples)
            heard += len(samples)
        self._sound.refuse_nothing(heard)
        listener.finish()
        return listener

    def _blocks(self) -> Iterator[Samples]:
        expected = (self._sound.expected_frames or 0) / self._sound.sampling_rate
        for block in self._sound.mono():
            yield block
            self._seconds += len(block) / self._sound.sampling_rate
            if self._progress is not None:
                total = expected * self._passes
                self._progress(self._seconds, max(total, self._seconds) if total else None)


class _Adapting:
    """Makes profiles of those who speak, by windows that do not overlap."""

    def __init__(self, listening: Listening) -> None:
        apart = replace(listening.layout, hop=listening.layout.window)
        gate = window_detector(listening.bundle, listening.detector)
        self._engine = listening.engine(apart, gate)
        self.profiler = Profiler(listening.bundle)

    def take(self, samples: Samples) -> None:
        for heard in self._engine.push(samples):
            self.profiler.add(heard)

    def finish(self) -> None:
        for heard in self._engine.finish():
            self.profiler.add(heard)


class _Judging:
    """Judges the windows, and keeps what the segments, the warnings and the picture need."""

    def __init__(self, listening: Listening) -> None:
        self._listening = listening
        manifest = listening.bundle.manifest
        self._windows = Windows(manifest.labels, manifest.label_set)
        self._waveform = Waveform()
        self._speech_excerpts: EvenSample[Samples] = EvenSample(EXCERPTS)
        self._other_excerpts: EvenSample[Samples] = EvenSample(EXCERPTS)
        gate = window_detector(listening.bundle, listening.detector)
        chosen = listening.detector or "level"
        self._pauses = _Kept(
            gate or speech_detector("level" if chosen == "model" else chosen, listening.rate)
        )
        self._listens_itself = gate is None  # else the engine lets the detector hear
        self._engine = listening.engine(listening.layout, None if gate is None else self._pauses)

    def take(self, samples: Samples) -> None:
        self._waveform.add(samples)
        if self._listens_itself:
            self._pauses.push(samples)
        for heard in self._engine.push(samples):
            self._keep(heard)

    def finish(self) -> None:
        if self._listens_itself:
            self._pauses.finish()
        for heard in self._engine.finish():
            self._keep(heard)

    def _keep(self, heard: Heard) -> None:
        self._windows.append(heard.window)
        excerpts = self._other_excerpts if heard.window.label is None else self._speech_excerpts
        excerpts.add(_beginning(heard.samples, round(EXCERPT * self._listening.rate)))

    def timeline(self, sound: Sound) -> Timeline:
        """What was heard."""
        listening, duration = self._listening, sound.duration
        segments = tuple(
            segments_of(
                self._windows,
                self._spoken(),
                duration=duration,
                minimum_confidence=listening.bundle.manifest.minimum_confidence,
                shortest=Thresholds().shortest,
            )
        )
        return Timeline(
            windows=self._windows,
            segments=segments,
            summary=summarize(segments),
            speakers=MappingProxyType(
                {
                    name: summarize([one for one in segments if one.speaker == name])
                    for name in self._windows.names
                }
            ),
            warnings=self._warnings(sound),
            duration=duration,
            model=listening.bundle.manifest.name,
            window=listening.layout.window,
            hop=listening.layout.hop,
            file=sound.name,
            # In silence there is nobody to make a profile of.
            enrolled=bool(listening.speaker),
            waveform=self._waveform.extremes(),
        )

    def _spoken(self) -> Mapping[str | None, Spans]:
        """When each speaker speaks, or anybody."""
        turns = self._listening.turns
        if turns is None:
            spans = activity_spans(
                self._pauses.speaks(), self._pauses.step, shortest_pause=SHORTEST_PAUSE
            )
            return {None: spans}
        return {
            speaker: merged([(one.start, one.end) for one in turns if one.speaker == speaker])
            for speaker in {turn.speaker for turn in turns}
        }

    def _warnings(self, sound: Sound) -> tuple[InputWarning, ...]:
        """What :func:`serein.audio.inspect` says of excerpts: those with speech, if there are."""
        spec = self._listening.bundle.manifest.features
        excerpts = self._speech_excerpts.items or self._other_excerpts.items
        excerpt = np.concatenate(excerpts) if excerpts else np.zeros(0, dtype=np.float32)
        whole = sound.recording(excerpt, spec.sampling_rate)
        warnings = inspect(whole, highest=spec.highest_frequency)
        # A long recording is what a time line is for, and no excerpt shows that all is silent.
        left_out = {"too_long"} if self._is_silent() else {"too_long", "silent"}
        kept = [warning for warning in warnings if warning.code not in left_out]
        if self._listening.turns is not None and not len(self._windows):
            what = (
                f"None of the turns lies within the recording's {sound.duration:.1f} s, so nothing"
                " was judged; look whether they are those of another recording."
            )
            return (*kept, InputWarning("no_speech", what))
        speech = float(self._windows.speech.max(initial=0.0))
        return (*kept, *inspect_speech(speech))

    def _is_silent(self) -> bool:
        peak = float(np.abs(self._waveform.extremes()).max(initial=0.0))
        return peak < Thresholds().silent_amplitude


def _beginning(samples: Samples, most: int) -> Samples:
    """The first samples; no view, which would keep all of them."""
    return samples if len(samples) <= most else samples[:most].copy()


class _Kept:
    """A detector that remembers what it said, at one byte a frame."""

    def __init__(self, detector: SpeechDetector) -> None:
        self._detector = detector
        self._said: list[npt.NDArray[np.bool_]] = []
        self.step = detector.step

    def push(self, samples: Samples) -> npt.NDArray[np.float64]:
        return self._note(self._detector.push(samples))

    def finish(self) -> npt.NDArray[np.float64]:
        return self._note(self._detector.finish())

    def reset(self) -> None:
        self._detector.reset()
        self._said = []

    def speaks(self) -> npt.NDArray[np.bool_]:
        """Whether somebody spoke, of all frames so far."""
        return np.concatenate([np.zeros(0, dtype=bool), *self._said])

    def _note(self, probabilities: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        self._said.append(probabilities >= SPEECH)
        return probabilities
