"""The recogniser: from a sound to a judgement."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np

from serein.audio import Limits, Recording, Source, decode, inspect, inspect_speech
from serein.bundle import DEFAULT_BUNDLE, Bundle
from serein.errors import ArgumentInvalid, SereinError
from serein.explanation import Explanation, Prosody
from serein.features import Features
from serein.features.prosody import measure_prosody
from serein.features.spectral import FloatArray
from serein.labels import SEXES, judged_sex, regroup
from serein.recognition.attention import Stretch
from serein.recognition.explain import explain_judgement
from serein.recognition.judge import Judgement, clip_statistics, judge, make_profile
from serein.recognition.speaker import ClipStatistics, SpeakerProfile
from serein.results import InputWarning, Prediction, most_probable

POOLED_FROM = 30.0  # seconds: longer recordings are judged in pieces
PIECE = 10.0  # seconds
UNDECIDABLE = frozenset({"silent", "no_speech"})
"""Warnings after which no label is relied upon, however sure the model is."""


def load(model: str | Path = DEFAULT_BUNDLE, *, limits: Limits | None = None) -> Recognizer:
    """Load a model.

    Parameters
    ----------
    model
        Name of a bundle of the package, or a bundle's folder.
    limits
        Largest size and longest duration of what will be judged.

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


@dataclass(frozen=True)
class _Heard:
    """A decoded recording with its pieces' features: one piece, or several if it is long."""

    recording: Recording
    warnings: tuple[InputWarning, ...]
    pieces: tuple[Features, ...]

    @property
    def weights(self) -> list[float]:
        """What each piece counts by: what is left of it once silence is trimmed."""
        return [piece.duration for piece in self.pieces]

    def measure(self) -> Prosody:
        """How the voice sounds."""
        return measure_prosody(self.recording.samples, sampling_rate=self.recording.sampling_rate)


class Recognizer:
    """Judges which emotion a voice carries.

    One recogniser may be used from several threads at once.
    """

    def __init__(self, bundle: Bundle, *, limits: Limits | None = None) -> None:
        self.bundle = bundle
        self.limits = limits or Limits()

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
        judgements = judge(self.bundle, heard.pieces, speaker=speaker)
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
                    error.file = _name(source)
                yield error

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
            judged = judge(bundle, heard.pieces) if bundle.tells_speech else None
            found = _warnings(heard, _speech(heard, judged or ()))
            if not any(warning.code in UNDECIDABLE for warning in found):
                voices += clip_statistics(bundle, heard.pieces, judged=judged)
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
        vectors = [judgement.embedding for judgement in judge(self.bundle, heard.pieces)]
        found = [vector for vector in vectors if vector is not None]
        if not found:
            raise ArgumentInvalid(
                f"the model {self.name!r} has no embedding; load another, such as "
                f"{DEFAULT_BUNDLE!r}"
            )
        mean: FloatArray = np.average(found, axis=0, weights=heard.weights).astype(np.float32)
        return mean

    def _hear(self, source: Source) -> _Heard:
        spec = self.bundle.manifest.features
        recording = decode(source, sampling_rate=spec.sampling_rate, limits=self.limits)
        pieces = tuple(spec.extract(recording.samples[piece]) for piece in _pieces(recording))
        warnings = inspect(recording, highest=spec.highest_frequency)
        return _Heard(recording, warnings, pieces)

    def _prediction(
        self, heard: _Heard, judgements: Sequence[Judgement], speaker: SpeakerProfile | None
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
        speech = _speech(heard, judgements)
        warnings = _warnings(heard, speech)
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
        heard: _Heard,
        judgements: Sequence[Judgement],
        prediction: Prediction,
        speaker: SpeakerProfile | None,
    ) -> Explanation:
        return explain_judgement(
            list(self._stretches(heard, judgements)),
            heard.measure(),
            duration=heard.recording.samples.size / heard.recording.sampling_rate,
            speech=not any(warning.code in UNDECIDABLE for warning in prediction.warnings),
            sex=prediction.sex,
            speaker=speaker,
            known=self.bundle.manifest.prosody,
        )

    def _stretches(self, heard: _Heard, judgements: Sequence[Judgement]) -> Iterator[Stretch]:
        """Where each piece's attention lies in the recording."""
        spec, rate = self.bundle.manifest.features, heard.recording.sampling_rate
        pieces = zip(_pieces(heard.recording), heard.pieces, judgements, strict=True)
        for piece, features, judgement in pieces:
            if judgement.attention is None:
                continue
            begin = (piece.start + spec.span(heard.recording.samples[piece])[0]) / rate
            frames = max(len(features.values), spec.padded_frames)
            yield Stretch(
                begin=begin,
                end=begin + frames * spec.hop,
                heard=begin + features.duration,
                weights=judgement.attention,
                share=features.duration,
            )


def _pieces(recording: Recording) -> list[slice]:
    """The whole recording, or pieces of 10 s where it is long; silent pieces are left out."""
    samples, rate = recording.samples, recording.sampling_rate
    if samples.size <= POOLED_FROM * rate:
        return [slice(0, samples.size)]
    length = int(PIECE * rate)
    # Less than half a piece at the end is left out.
    begins = range(0, samples.size - length // 2 + 1, length)
    pieces = [slice(begin, min(begin + length, samples.size)) for begin in begins]
    sounding = [piece for piece in pieces if np.any(samples[piece])]
    return sounding or pieces[:1]


def _speech(heard: _Heard, judgements: Sequence[Judgement]) -> float | None:
    """Probability of speech over all pieces; in silence there is none, whatever the model says."""
    found = [one.speech for one in judgements if one.speech is not None]
    if not found:
        return None
    if any(warning.code == "silent" for warning in heard.warnings):
        return 0.0
    return float(np.average(found, weights=heard.weights))


def _warnings(heard: _Heard, speech: float | None) -> tuple[InputWarning, ...]:
    return heard.warnings if speech is None else (*heard.warnings, *inspect_speech(speech))


def _refuse_single(sources: Iterable[Source], method: str) -> None:
    """A path is a sequence of characters, which nobody means to be judged one by one."""
    if isinstance(sources, str | bytes | bytearray | memoryview | os.PathLike):
        raise ArgumentInvalid(f"{method} takes a list of clips; put the one clip into a list")


def _name(source: Source) -> str | None:
    return os.fspath(source) if isinstance(source, str | os.PathLike) else None
