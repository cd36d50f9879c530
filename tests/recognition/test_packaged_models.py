"""The models that ship: each judges, and together they stay small."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import serein
from serein.bundle import DEFAULT_BUNDLE, Bundle, available_bundles
from serein.recognition import Reference

SAMPLES = sorted((Path(serein.__file__).parent / "samples").glob("*.flac"))
LARGEST = 8e6  # bytes of all models of other systems, and of either of our own


def test_several_models_ship_and_stay_small() -> None:
    sizes = {
        name: sum(path.stat().st_size for path in folder.iterdir())
        for name, folder in available_bundles().items()
    }
    own = [sizes.pop(name) for name in (DEFAULT_BUNDLE, "open")]
    assert set(sizes) >= {"blstm-attention", "mfcc-cnn", "mel-mfcc-ensemble-1d"}
    assert max(*own, sum(sizes.values())) < LARGEST


@pytest.mark.parametrize("name", available_bundles())
def test_a_model_judges_and_adapts(name: str) -> None:
    recognizer = serein.load(name)
    assert recognizer.name == name
    profile = recognizer.enroll(SAMPLES)
    for speaker in (None, profile):
        for result in recognizer.predict_many(SAMPLES, speaker=speaker):
            assert isinstance(result, serein.Prediction)
            assert tuple(result.probabilities) == recognizer.labels
            assert sum(result.probabilities.values()) == pytest.approx(1.0)
            assert result.view("three").label in ("positive", "neutral", "negative")
    assert np.isfinite(recognizer.embed(SAMPLES[0])).all()


@pytest.mark.parametrize("name", available_bundles())
def test_a_batch_of_clips_is_judged_as_its_clips_alone(name: str) -> None:
    bundle = serein.load(name).bundle
    spec = bundle.manifest.features
    reference = Reference.of(bundle.manifest.normalization, None)
    generator = np.random.default_rng(0)
    clips = []
    for seconds in (0.3, 0.7, 1.6, 4.0):
        sound = generator.normal(0, 0.1, int(seconds * spec.sampling_rate)).astype(np.float32)
        clips.append(reference.normalize(spec.extract(sound), spec.gain_response))
    together = bundle.run(clips)
    for row, clip in enumerate(clips):
        alone = bundle.run([clip])
        np.testing.assert_allclose(together.logits[row], alone.logits[0], atol=1e-4)
        if together.attention is not None and alone.attention is not None:
            assert together.attention[row].shape == alone.attention[0].shape
            np.testing.assert_allclose(together.attention[row], alone.attention[0], atol=1e-5)
            assert together.attention[row].sum() == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("name", [DEFAULT_BUNDLE, "open"])
def test_our_own_models_know_what_is_usual(name: str) -> None:
    assert set(Bundle.load(name).manifest.prosody) == {"female", "male"}
