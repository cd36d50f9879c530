"""Emotion over time while the sound still comes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from serein.audio.decode import SAMPLING_RATES, Mixer
from serein.audio.readers import as_float
from serein.audio.resample import Resampler
from serein.audio.sources import Samples
from serein.bundle import Bundle
from serein.errors import ArgumentInvalid
from serein.recognition.speaker import SpeakerProfile
from serein.recognition.timeline.engine import Engine, window_detector
from serein.recognition.timeline.layout import Layout
from serein.recognition.timeline.results import Window


class Stream:
    """Judges a sound that comes in chunks, window by window.

    Its windows are those of :meth:`serein.Recognizer.timeline` for the same sound, however the
    chunks are cut, as nothing in a window's judgement looks beyond the window's end. What only a
    whole recording shows is not in it: a stream does not adapt to its speaker by itself, and
    where the channels cancel each other it averages them nevertheless.

    It holds about a window of sound, and goes on for days. Several streams may share a recogniser,
    each used by one thread at a time.

    Attributes
    ----------
    sampling_rate
        Hz, of the chunks.
    channels
        Of the chunks.
    """

    def __init__(
        self,
        bundle: Bundle,
        *,
        sampling_rate: int,
        layout: Layout,
        channels: int = 1,
        speaker: SpeakerProfile | None = None,
        detector: str | None = None,
    ) -> None:
        lowest, highest = SAMPLING_RATES
        if not lowest <= sampling_rate <= highest or sampling_rate != int(sampling_rate):
            raise ArgumentInvalid(
                f"sampling_rate is a whole number of {lowest} to {highest} Hz, not {sampling_rate}"
            )
        if channels < 1:
            raise ArgumentInvalid(f"a stream has at least one channel, not {channels}")
        self.sampling_rate = sampling_rate
        self.channels = channels
        self._bundle = bundle
        self._layout = layout
        self._speaker = speaker
        self._detector = detector
        self.reset()

    def reset(self) -> None:
        """Forget everything that came: the next chunk is the beginning of another sound."""
        self._mixer = Mixer(self.channels)
        self._resampler = Resampler(self.sampling_rate, self._layout.sampling_rate)
        self._engine = Engine(
            self._bundle,
            self._layout,
            speaker=self._speaker,
            detector=window_detector(self._bundle, self._detector),
        )

    @property
    def position(self) -> float:
        """Seconds of sound that came."""
        return self._mixer.frames / self.sampling_rate

    def push(self, chunk: npt.ArrayLike) -> list[Window]:
        """Take the next samples and return the windows that are complete with them.

        Parameters
        ----------
        chunk
            Shape (n, channels), or (n,) for one channel; n may be anything. Integers are scaled
            by the full scale of their dtype.

        Raises
        ------
        ArgumentInvalid
            If the shape does not fit, or it holds no numbers.
        NotFinite
            If a sample is no number. The chunk is left out then, and the stream goes on.
        """
        block = self._block(chunk)
        if not len(block):
            return []
        return self._windows(self._resampler.push(self._mixer.mix(block)))

    def flush(self) -> list[Window]:
        """End the sound: return what is left of the windows, and begin anew as by `reset`."""
        windows = self._windows(self._resampler.finish())
        windows += [heard.window for heard in self._engine.finish()]
        self.reset()
        return windows

    def _windows(self, samples: Samples) -> list[Window]:
        return [heard.window for heard in self._engine.push(samples)]

    def _block(self, chunk: npt.ArrayLike) -> Samples:
        try:
            samples = np.asarray(chunk)
        except ValueError as error:
            raise ArgumentInvalid(f"a chunk is an array of samples: {error}") from error
        shape = samples.shape
        if samples.ndim == 1 and self.channels == 1:
            samples = samples[:, np.newaxis]
        if samples.ndim != 2 or samples.shape[1] != self.channels:
            wanted = "(n,) or (n, 1)" if self.channels == 1 else f"(n, {self.channels})"
            raise ArgumentInvalid(
                f"a chunk of this stream has shape {wanted}, not {shape}; open the stream with "
                "the channels that come"
            )
        return as_float(samples)
