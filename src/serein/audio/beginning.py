"""The first seconds of a sound, without decoding what follows."""

from __future__ import annotations

import numpy as np

from serein.audio.decode import Limits
from serein.audio.readers import open_reader
from serein.audio.sources import Array, Samples, Source, boundary, source_name


def beginning(source: Source, seconds: float, *, limits: Limits | None = None) -> Array | None:
    """Read the first seconds of a sound, or find that it has no more than these.

    Parameters
    ----------
    source
        A path, bytes, a seekable file object or an array; see :func:`serein.audio.decode`.
    seconds
        How much is wanted.
    limits
        Largest sound in bytes; its duration does not matter.

    Returns
    -------
    samples
        float32 (n, channels).
    sampling_rate
        Hz, of the source.

        None instead of both where the source ends before, so that it can be judged as it is.

    Raises
    ------
    AudioError
        If the source is no sound.
    """
    limits = limits or Limits()
    with (
        boundary(source_name(source)),
        open_reader(source, max_bytes=limits.max_bytes) as reader,
    ):
        wanted = round(seconds * reader.sampling_rate)
        parts: list[Samples] = []
        held = 0
        for block in reader.blocks():
            parts.append(block)
            held += len(block)
            if held > wanted:
                return np.concatenate(parts)[:wanted], reader.sampling_rate
    return None
