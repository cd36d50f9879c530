"""From one sampling rate to another, of a whole sound or of one that still comes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from serein.audio.sources import Samples


class Resampler:
    """Resamples a sound that comes in chunks; the result does not depend on where they are cut.

    It holds back some milliseconds, as a filter has to hear what follows: the more, the lower the
    rates.

    Parameters
    ----------
    original, wanted
        Sampling rates in Hz.
    """

    def __init__(self, original: int, wanted: int) -> None:
        self._stream: Any = None
        if original != wanted:
            import soxr

            self._stream = soxr.ResampleStream(original, wanted, 1, dtype="float32", quality="HQ")

    def push(self, samples: Samples) -> Samples:
        """Take samples, float32 (n,), and return those that are ready at the wanted rate."""
        if self._stream is None:
            return samples
        resampled: Samples = self._stream.resample_chunk(np.ascontiguousarray(samples))
        return resampled

    def finish(self) -> Samples:
        """End the sound and return what was held back."""
        nothing = np.zeros(0, dtype=np.float32)
        if self._stream is None:
            return nothing
        rest: Samples = self._stream.resample_chunk(nothing, last=True)
        return rest


def resample_blocks(blocks: Iterator[Samples], original: int, wanted: int) -> Iterator[Samples]:
    """Resample a sequence of mono blocks; the result does not depend on where they are cut.

    Parameters
    ----------
    blocks
        float32 (n,) each.
    original, wanted
        Sampling rates in Hz.
    """
    if original == wanted:
        yield from blocks
        return
    import soxr

    first = next(blocks, None)
    if first is None:
        return
    second = next(blocks, None)
    if second is None:
        # The same samples bit for bit as from a stream, and up to three times faster.
        yield soxr.resample(first, original, wanted, quality="HQ")
        return
    stream = Resampler(original, wanted)
    yield stream.push(first)
    yield stream.push(second)
    for block in blocks:
        yield stream.push(block)
    yield stream.finish()
