"""Recordings made in code, with speech and without, and how two judgements of them compare."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from serein.recognition.timeline.results import Window
from tests.builders import FloatArray, speech_like

RATE = 16_000


def talk(seconds: float, rate: int = RATE, *, seed: int = 0) -> FloatArray:
    """Phrases of several voices, with hiss, digital silence and quiet noise between them."""
    generator = np.random.default_rng(seed)
    parts: list[FloatArray] = []
    total = round(seconds * rate)
    while sum(map(len, parts)) < total:
        voice = speech_like(generator.uniform(1.0, 4.0), rate, seed=int(generator.integers(1000)))
        pause = round(generator.uniform(0.2, 3.0) * rate)
        noise = generator.choice([0.0, 1e-3, 0.05]) * generator.standard_normal(pause)
        parts += [voice, noise.astype(np.float32)]
    whole: FloatArray = np.concatenate(parts)[:total]
    return whole


def shares(window: Window) -> list[float]:
    """The probabilities of a window's labels, in their order; empty where nobody speaks."""
    return [] if window.probabilities is None else list(window.probabilities.values())


def assert_same(
    found: Sequence[Window], expected: Sequence[Window], *, tolerance: float = 1e-5
) -> None:
    """All fields agree, numbers but for rounding."""
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert (one.start, one.end, one.speaker) == (other.start, other.end, other.speaker)
        assert (one.label, one.label_set) == (other.label, other.label_set)
        assert one.decided == other.decided
        assert abs(one.speech - other.speech) <= tolerance
        for name in ("confidence", "probabilities", "sex"):
            value, wanted = getattr(one, name), getattr(other, name)
            assert (value is None) == (wanted is None), name
            if isinstance(value, float):
                value, wanted = {"": value}, {"": wanted}
            if value is not None:
                assert value.keys() == wanted.keys()
                assert max(abs(value[key] - wanted[key]) for key in value) <= tolerance, name
