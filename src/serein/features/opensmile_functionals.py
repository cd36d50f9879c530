"""The functionals of openSMILE's set ComParE 2016, 6,373 numbers a clip.

Source: Schuller et al., "The INTERSPEECH 2016 Computational Paralinguistics Challenge", Interspeech
2016; Eyben et al., "openSMILE", ACM Multimedia 2010. openSMILE is not part of Serein. Its licence
(audEERING's research licence) forbids commercial use, also of models built on its features.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from serein.errors import ArgumentInvalid, DependencyMissing
from serein.features.spec import LOWEST_RATE
from serein.features.spectral import FloatArray

FUNCTIONALS = 6373
"""Number of functionals of the set."""
LICENCE = "openSMILE's research licence forbids commercial use of models built on its features"
_SHORTEST = 0.1
"""Seconds; the longest frames of the set take 60 ms, and fewer than two make openSMILE give NaN."""


def functionals(samples: FloatArray, *, sampling_rate: int) -> FloatArray:
    """Describe a clip by openSMILE.

    Parameters
    ----------
    samples
        Mono, shape (n,), finite, of a fixed speech level: most functionals move with the gain.
        Less than 0.1 seconds are padded with silence.
    sampling_rate
        Hz, at least 8,000. The set was made for 16,000.

    Returns
    -------
    numpy.ndarray
        Shape (6373,), float32, finite, in the order of :func:`functional_names`.

    Raises
    ------
    DependencyMissing
        If openSMILE is not installed.
    ArgumentInvalid
        If the sampling rate is too low.
    """
    if sampling_rate < LOWEST_RATE:
        raise ArgumentInvalid(
            f"openSMILE's functionals need a sampling_rate of at least {LOWEST_RATE}, not "
            f"{sampling_rate}"
        )
    extractor = _extractor()
    shortage = round(_SHORTEST * sampling_rate) - samples.size
    if shortage > 0:
        samples = np.pad(samples, (0, shortage))
    found = extractor(samples.astype(np.float32, copy=False), sampling_rate)
    values: FloatArray = np.asarray(found, dtype=np.float32).reshape(FUNCTIONALS)
    # A functional of nothing, such as a mean over no voiced frame, is left at zero.
    return np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)


def functional_names() -> tuple[str, ...]:
    """Names of the functionals, in the order of :func:`functionals`.

    Raises
    ------
    DependencyMissing
        If openSMILE is not installed.
    """
    return tuple(_extractor().feature_names)


@cache
def _extractor() -> Any:
    try:
        import opensmile
    except ImportError as error:
        raise DependencyMissing(
            'features of kind "opensmile" need openSMILE; install it with: '
            f'pip install "serein[opensmile]". Mind that {LICENCE}'
        ) from error
    return opensmile.Smile(
        feature_set=opensmile.FeatureSet.ComParE_2016,
        feature_level=opensmile.FeatureLevel.Functionals,
    )
