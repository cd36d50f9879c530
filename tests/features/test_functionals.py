"""Functionals: each statistic recomputed plainly from made-up descriptors."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from serein.features import FeatureSpec
from serein.features.functionals import functional_names, functionals, gain_response
from serein.features.shortterm import SPECTRAL_NAMES, VOICE_NAMES, ShortTerm, short_term
from tests.builders import speech_like

HOP = 0.01
Wide = npt.NDArray[np.float64]


def made_up(count: int, seed: int = 0, voiced: npt.NDArray[np.bool_] | None = None) -> ShortTerm:
    """Descriptors of no sound at all."""
    generator = np.random.default_rng(seed)
    if voiced is None:
        voiced = generator.random(count) < 0.6
    return ShortTerm(
        generator.normal(5, 3, (count, len(SPECTRAL_NAMES))).astype(np.float32),
        generator.normal(20, 4, (count, len(VOICE_NAMES))).astype(np.float32),
        voiced,
    )


def named(described: ShortTerm) -> dict[str, float]:
    values = functionals(described, hop=HOP)
    return dict(zip(functional_names(), values.tolist(), strict=True))


def legendre(values: Wide) -> Wide:
    axis = np.linspace(-1, 1, len(values))
    return np.asarray(np.polynomial.legendre.legfit(axis, values, 2), dtype=np.float64)


def test_names_are_unique_and_as_many_as_the_values() -> None:
    names = functional_names()
    assert len(set(names)) == len(names)
    assert functionals(made_up(40), hop=HOP).shape == (len(names),)
    assert FeatureSpec(kind="functionals").dimensions == len(names) == gain_response().size


@pytest.mark.parametrize("count", [3, 4, 57, 200])
@pytest.mark.parametrize("index", [0, 17, len(SPECTRAL_NAMES) - 1])
def test_statistics_of_a_descriptor_are_those_of_numpy(count: int, index: int) -> None:
    described = made_up(count, seed=count)
    found, name = named(described), SPECTRAL_NAMES[index]
    values = described.spectral[:, index].astype(np.float64)
    skewness = scipy.stats.skew(values)
    expected = {
        "mean": values.mean(),
        "std": values.std(),
        "skewness": np.sign(skewness) * np.log1p(abs(skewness)),
        **{
            f"q{share:02d}": np.quantile(values, share / 100, method="linear")
            for share in (5, 25, 50, 75, 95)
        },
        "slope": legendre(values)[1],
        "bend": legendre(values)[2],
    }
    padded = np.concatenate([[values[0]] * 2, values, [values[-1]] * 2])
    change = np.array(
        [np.polyfit([-2, -1, 0, 1, 2], padded[t : t + 5], 1)[0] for t in range(count)]
    )
    expected |= {
        "change.mean_size": np.abs(change).mean(),
        "change.std": change.std(),
        "change.q05": np.quantile(change, 0.05),
        "change.q95": np.quantile(change, 0.95),
    }
    for statistic, value in expected.items():
        assert found[f"{name}.{statistic}"] == pytest.approx(value, rel=1e-3, abs=1e-4), statistic


def test_voiced_and_unvoiced_frames_are_told_apart() -> None:
    described = made_up(80, seed=1)
    found, values, voiced = named(described), described.spectral[:, 4], described.voiced
    name = SPECTRAL_NAMES[4]
    assert found[f"{name}.voiced_mean"] == pytest.approx(values[voiced].mean(), rel=1e-5)
    assert found[f"{name}.voiced_std"] == pytest.approx(values[voiced].std(), rel=1e-5)
    assert found[f"{name}.unvoiced_mean"] == pytest.approx(values[~voiced].mean(), rel=1e-5)


def test_voice_is_described_over_voiced_frames_alone() -> None:
    described = made_up(90, seed=2)
    found = named(described)
    for index, name in enumerate(VOICE_NAMES):
        values = described.voice[described.voiced, index].astype(np.float64)
        assert found[f"{name}.mean"] == pytest.approx(values.mean(), rel=1e-4)
        assert found[f"{name}.std"] == pytest.approx(values.std(), rel=1e-4)
        assert found[f"{name}.q25"] == pytest.approx(np.quantile(values, 0.25), rel=1e-4)
        assert found[f"{name}.slope"] == pytest.approx(legendre(values)[1], rel=1e-3, abs=1e-4)
        assert found[f"{name}.change"] == pytest.approx(np.abs(np.diff(values)).mean(), rel=1e-4)


@pytest.mark.parametrize("voiced", [np.zeros(30, dtype=bool), np.ones(30, dtype=bool)])
def test_clip_of_one_voicing_has_finite_functionals(voiced: npt.NDArray[np.bool_]) -> None:
    described = made_up(30, voiced=voiced)
    found = named(described)
    name = SPECTRAL_NAMES[0]
    assert np.isfinite(list(found.values())).all()
    kind = "unvoiced" if voiced.all() else "voiced"  # the kind that is missing
    assert found[f"{name}.{kind}_mean"] == pytest.approx(found[f"{name}.mean"], rel=1e-5)
    if not voiced.any():
        assert all(found[f"{voice}.mean"] == 0 for voice in VOICE_NAMES)


def test_rhythm_of_known_runs() -> None:
    # 20 voiced, 10 unvoiced, 40 voiced, 30 unvoiced frames.
    voiced = np.repeat([True, False, True, False], [20, 10, 40, 30])
    described = made_up(100, voiced=voiced)
    # Two syllables 0.5 s apart.
    time = np.arange(100) * HOP
    level = -60 + 40 * (
        np.exp(-(((time - 0.2) / 0.05) ** 2)) + np.exp(-(((time - 0.7) / 0.05) ** 2))
    )
    described.spectral[:, SPECTRAL_NAMES.index("level")] = level
    found = named(described)
    assert found["duration"] == pytest.approx(np.log(1.0), abs=1e-5)
    assert found["voiced_share"] == pytest.approx(0.6)
    assert found["voiced_runs_per_second"] == pytest.approx(2.0)
    assert found["voiced_run_mean"] == pytest.approx(0.3)
    assert found["voiced_run_std"] == pytest.approx(0.1)
    assert found["unvoiced_run_mean"] == pytest.approx(0.2)
    assert found["unvoiced_run_std"] == pytest.approx(0.1)
    assert found["peaks_per_second"] == pytest.approx(2.0)
    assert found["peak_gap_std"] == pytest.approx(0.0)


@given(count=st.integers(1, 6), seed=st.integers(0, 1000), share=st.sampled_from([0.0, 0.5, 1.0]))
@settings(max_examples=30, deadline=None)
def test_very_few_frames_have_finite_functionals(count: int, seed: int, share: float) -> None:
    voiced = np.random.default_rng(seed).random(count) < share
    assert np.isfinite(functionals(made_up(count, seed, voiced), hop=HOP)).all()


@pytest.mark.parametrize("gain", [-12.0, 6.0])
def test_gain_response_is_what_amplifying_does(gain: float) -> None:
    samples = speech_like(1.5, seed=4)

    def describe(factor: float) -> npt.NDArray[np.float32]:
        described = short_term(
            samples * np.float32(factor),
            sampling_rate=16_000,
            frame_length=400,
            hop_length=160,
            fft_length=512,
        )
        return functionals(described, hop=HOP)

    difference = describe(10 ** (gain / 20)) - describe(1.0)
    expected = gain * gain_response()
    off = np.abs(difference - expected)
    worst = {name: float(off[i]) for i, name in enumerate(functional_names()) if off[i] > 0.02}
    assert not worst
    assert np.abs(expected).max() > 5  # some of them do move
