"""Judging window after window as the sound comes: the one way for recordings and for streams."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType

import numpy as np

from serein.audio import Thresholds
from serein.audio.sources import Samples
from serein.audio.speech import SpeechDetector, window_speech
from serein.bundle import Bundle
from serein.errors import ArgumentInvalid
from serein.features import Features
from serein.features.spectral import FloatArray
from serein.labels import SEXES, judged_sex
from serein.recognition.judge import BATCH, Judgement, judge
from serein.recognition.speaker import SpeakerProfile
from serein.recognition.timeline.buffer import Buffer
from serein.recognition.timeline.layout import Layout, Span
from serein.recognition.timeline.results import Window
from serein.results import most_probable

PIECE = 10.0  # seconds that are taken at once, so that the memory does not depend on the caller

Profiles = SpeakerProfile | Mapping[str | None, SpeakerProfile] | None
"""One speaker's profile for everything, or those of the speakers by their names, or none."""


@dataclass(frozen=True)
class Heard:
    """A window with what it was judged by.

    Attributes
    ----------
    window
        The judgement.
    samples
        float32 (n,), at the model's rate.
    features, judgement
        Of the samples; None where the window was not judged because nobody speaks.
    """

    window: Window
    samples: Samples
    features: Features | None
    judgement: Judgement | None


class Engine:
    """Takes samples at the model's rate, however cut, and judges each window once it is complete.

    Nothing that comes after a window changes its judgement, so a stream and a recording agree.

    Parameters
    ----------
    bundle
        The model.
    layout
        Length and distance of the windows.
    speaker
        Profiles of those who speak.
    detector
        Decides whether somebody speaks; the model itself if None.
    spans
        Where the windows lie; an endless row if None.
    """

    def __init__(
        self,
        bundle: Bundle,
        layout: Layout,
        *,
        speaker: Profiles = None,
        detector: SpeechDetector | None = None,
        spans: Iterator[Span] | None = None,
    ) -> None:
        self._bundle = bundle
        self._layout = layout
        self._speaker = speaker
        self._detector = detector
        self._spans = layout.whole() if spans is None else spans
        self._next = next(self._spans, None)
        self._samples = Buffer(np.float32)
        self._frames = Buffer(np.float64)
        self._thresholds = Thresholds()

    @property
    def position(self) -> int:
        """Samples taken so far."""
        return self._samples.end

    def push(self, samples: Samples) -> Iterator[Heard]:
        """Take samples, float32 (n,), and yield the windows that are complete with them."""
        piece = int(PIECE * self._layout.sampling_rate)
        edges = [*range(0, len(samples), piece), len(samples)]
        for begin, end in pairwise(edges):
            part = samples[begin:end]
            self._samples.append(part)
            if self._detector is not None:
                self._frames.append(self._detector.push(part))
            yield from self._judged(self._complete())
            self._forget()

    def finish(self) -> Iterator[Heard]:
        """End the sound, and yield what is left of the windows."""
        if self._detector is not None:
            self._frames.append(self._detector.finish())
        yield from self._judged(self._rest())

    def _complete(self) -> Iterator[Span]:
        while self._next is not None and self._is_complete(self._next):
            yield self._next
            self._next = next(self._spans, None)

    def _is_complete(self, span: Span) -> bool:
        # A detector that resamples lags behind, by more or less as the chunks are cut.
        return span.end <= self.position and (
            self._detector is None or self._frames_of(span)[1] <= self._frames.end
        )

    def _frames_of(self, span: Span) -> tuple[int, int]:
        """The detector's frames that lie within a window."""
        frame = self._samples_per_frame
        return math.ceil(span.begin / frame), math.floor(span.end / frame)

    def _rest(self) -> Iterator[Span]:
        while self._next is not None and self._next.begin < self.position:
            kept = self._layout.cut(self._next, self.position)
            if kept is not None:
                yield kept
            self._next = next(self._spans, None)

    def _forget(self) -> None:
        needed = self.position if self._next is None else self._next.begin
        self._samples.forget(needed)
        if self._detector is not None:
            self._frames.forget(math.floor(needed / self._samples_per_frame))

    @property
    def _samples_per_frame(self) -> float:
        step = 1.0 if self._detector is None else self._detector.step
        return round(step * self._layout.sampling_rate, 6)

    def _judged(self, spans: Iterator[Span]) -> Iterator[Heard]:
        batch: list[tuple[Span, Samples]] = []
        for span in spans:
            batch.append((span, self._samples.part(span.begin, span.end)))
            if len(batch) == BATCH:
                yield from self._judge(batch)
                batch = []
        yield from self._judge(batch)

    def _judge(self, batch: list[tuple[Span, Samples]]) -> list[Heard]:
        speech = [self._speech(span, samples) for span, samples in batch]
        least = self._thresholds.speech_probability
        worth = [index for index, known in enumerate(speech) if known is None or known >= least]
        spec = self._bundle.manifest.features
        features = {index: spec.extract(batch[index][1]) for index in worth}
        judged = self._judgements({index: batch[index][0] for index in worth}, features)
        heard = []
        for index, (span, samples) in enumerate(batch):
            judgement = judged.get(index)
            window = self._window(span, speech[index], judgement)
            heard.append(Heard(window, samples, features.get(index), judgement))
        return heard

    def _speech(self, span: Span, samples: Samples) -> float | None:
        """Probability of speech as far as it is known before the window is judged."""
        if not samples.size or np.abs(samples).max() < self._thresholds.silent_amplitude:
            return 0.0
        if self._detector is None:
            return None
        return window_speech(self._frames.part(*self._frames_of(span)), self._detector.step)

    def _judgements(
        self, spans: Mapping[int, Span], features: Mapping[int, Features]
    ) -> dict[int, Judgement]:
        """Judge windows, those of one speaker at once."""
        groups: dict[str | None, list[int]] = defaultdict(list)
        for index, span in spans.items():
            groups[span.speaker].append(index)
        found: dict[int, Judgement] = {}
        for speaker, indexes in groups.items():
            clips = [features[index] for index in indexes]
            profile = profile_of(self._speaker, speaker)
            found.update(zip(indexes, judge(self._bundle, clips, speaker=profile), strict=True))
        return found

    def _window(self, span: Span, speech: float | None, judgement: Judgement | None) -> Window:
        manifest, rate = self._bundle.manifest, self._layout.sampling_rate
        start, end = span.begin / rate, span.end / rate
        if speech is None:
            # Without a detector the model itself tells speech, see `window_detector`.
            speech = judgement.speech if judgement and judgement.speech is not None else 1.0
        if judgement is None or speech < self._thresholds.speech_probability:
            return Window(start, end, speech, speaker=span.speaker, label_set=manifest.label_set)
        probabilities = named(manifest.labels, judgement.probabilities)
        # Where the classes tell the sexes apart, what is said of them agrees with the label.
        sex = judged_sex(probabilities, manifest.label_set)
        if sex is None and judgement.sex is not None:
            sex = named(SEXES, judgement.sex)
        label, confidence = most_probable(probabilities)
        enough = end - start >= self._thresholds.shortest
        return Window(
            start=start,
            end=end,
            speech=speech,
            label=label,
            confidence=confidence,
            probabilities=probabilities,
            sex=sex,
            decided=enough and confidence >= manifest.minimum_confidence,
            speaker=span.speaker,
            label_set=manifest.label_set,
        )


def profile_of(profiles: Profiles, speaker: str | None) -> SpeakerProfile | None:
    """The profile of one who speaks, if there is one."""
    if profiles is None or isinstance(profiles, SpeakerProfile):
        return profiles
    return profiles.get(speaker)


def named(labels: tuple[str, ...], shares: FloatArray) -> Mapping[str, float]:
    """Probabilities by the names of their labels."""
    return MappingProxyType(dict(zip(labels, shares.tolist(), strict=True)))


def window_detector(bundle: Bundle, name: str | None) -> SpeechDetector | None:
    """What decides whether somebody speaks in a window; None where the model does.

    Parameters
    ----------
    name
        One of :data:`serein.audio.speech.DETECTORS`, or ``model``. By default the model where it
        can, and else ``level``.

    Raises
    ------
    ArgumentInvalid
        If there is no such detector, or the model cannot tell.
    DependencyMissing
        If what it needs is not installed.
    """
    from serein.audio.speech import DETECTORS, speech_detector

    if name is None:
        name = "model" if bundle.tells_speech else "level"
    if name != "model":
        if name not in DETECTORS:
            raise ArgumentInvalid(
                f"unknown speech detector {name!r}; there are {', '.join(('model', *DETECTORS))}"
            )
        return speech_detector(name, bundle.manifest.features.sampling_rate)
    if not bundle.tells_speech:
        raise ArgumentInvalid(
            f"the model {bundle.manifest.name!r} does not tell speech from other sounds; "
            f"choose {' or '.join(DETECTORS)}"
        )
    return None
