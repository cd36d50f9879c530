"""What several changes need: another sampling rate, and exactly so many samples."""

from __future__ import annotations

import numpy as np

from serein.audio.sources import Samples


def fitted(samples: Samples, count: int) -> Samples:
    """Return so many samples: the first ones, or all and silence after them."""
    if len(samples) >= count:
        return samples[:count]
    return np.pad(samples, (0, count - len(samples)))


def resampled(samples: Samples, original: float, wanted: float) -> Samples:
    """Resample from one rate to another, in Hz or any other unit; nothing stays nothing."""
    if original == wanted or not len(samples):
        return samples.copy()
    import soxr

    whole: Samples = soxr.resample(
        np.ascontiguousarray(samples), original, wanted, quality="HQ"
    ).astype(np.float32, copy=False)
    return whole
