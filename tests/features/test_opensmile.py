"""openSMILE through us is openSMILE as such, and where it is missing, people learn what to do."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from serein.errors import ArgumentInvalid, DependencyMissing
from serein.features import FeatureSpec
from serein.features import opensmile_functionals as module
from serein.features.opensmile_functionals import FUNCTIONALS, functional_names, functionals
from tests.builders import speech_like

RATE = 16_000


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    """An extractor that one test replaces is not the next one's."""
    module._extractor.cache_clear()
    yield
    module._extractor.cache_clear()


def _pretend(monkeypatch: pytest.MonkeyPatch, values: Any) -> None:
    """An openSMILE that always gives these values."""
    library = SimpleNamespace(
        Smile=lambda **_: lambda samples, sampling_rate: values,
        FeatureSet=SimpleNamespace(ComParE_2016=None),
        FeatureLevel=SimpleNamespace(Functionals=None),
    )
    monkeypatch.setitem(sys.modules, "opensmile", library)


def test_functionals_are_those_of_opensmile() -> None:
    opensmile = pytest.importorskip("opensmile")
    smile = opensmile.Smile(feature_set="ComParE_2016", feature_level="func")
    samples = speech_like(1.0, RATE)
    found = functionals(samples, sampling_rate=RATE)
    assert found.dtype == np.float32
    table = smile.process_signal(samples, RATE)
    np.testing.assert_array_equal(found, table.to_numpy()[0])
    assert functional_names() == tuple(table.columns)
    assert len(functional_names()) == FUNCTIONALS


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
@pytest.mark.parametrize("seconds", [0.0, 0.02, 0.1, 0.5])
@pytest.mark.parametrize("level", [0.0, 0.5])
def test_difficult_sounds_give_finite_numbers(rate: int, seconds: float, level: float) -> None:
    pytest.importorskip("opensmile")
    samples = np.full(round(seconds * rate), level, dtype=np.float32)
    found = functionals(samples, sampling_rate=rate)
    assert found.shape == (FUNCTIONALS,)
    assert np.isfinite(found).all()


def test_the_specification_brings_every_clip_to_one_level() -> None:
    pytest.importorskip("opensmile")
    spec = FeatureSpec(kind="opensmile")
    assert spec.dimensions == FUNCTIONALS
    samples = speech_like(1.0, RATE)
    plain, loud = (spec.extract(gain * samples).values for gain in (np.float32(1), np.float32(4)))
    assert plain.shape == (1, FUNCTIONALS)
    np.testing.assert_array_equal(plain, loud)  # a gain of a power of two rounds nothing


def test_what_opensmile_cannot_compute_is_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.ones((1, FUNCTIONALS, 1), dtype=np.float32)
    values[0, :3, 0] = np.nan, np.inf, -np.inf
    _pretend(monkeypatch, values)
    found = functionals(np.zeros(RATE, dtype=np.float32), sampling_rate=RATE)
    np.testing.assert_array_equal(found[:4], [0, 0, 0, 1])


def test_without_opensmile_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opensmile", None)
    with pytest.raises(DependencyMissing) as caught:
        functionals(np.zeros(RATE, dtype=np.float32), sampling_rate=RATE)
    assert 'pip install "serein[opensmile]"' in caught.value.message
    assert "forbids commercial use" in caught.value.message
    with pytest.raises(DependencyMissing):
        functional_names()


def test_a_sampling_rate_too_low_for_it() -> None:
    with pytest.raises(ArgumentInvalid, match="at least 8000"):
        functionals(np.zeros(400, dtype=np.float32), sampling_rate=4_000)
