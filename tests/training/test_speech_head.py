from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from serein.bundle import Normalization
from serein.features import Features
from serein.training.clips import ClipSource
from serein.training.data import Dataset, population
from serein.training.speech_head import fit_speech_head


class _Mean(nn.Module):
    """Describes a clip by the mean of its features over time."""

    def __init__(self, dimensions: int) -> None:
        super().__init__()
        self.speech = nn.Linear(dimensions, 1)

    def describe(self, features: Tensor, lengths: Tensor | None = None) -> dict[str, Tensor]:
        assert lengths is not None
        return {"description": features.sum(dim=1) / lengths[:, None]}


def _source(log_mel: Dataset, others: int) -> ClipSource:
    """Speech, and as many other sounds as are asked for: the same 40 dB darker above."""
    dimensions = log_mel.spec.dimensions
    slope = np.linspace(0.0, -40.0, dimensions, dtype=np.float32)
    generator = np.random.default_rng(0)

    def other(clip: Features) -> Features:
        noise = generator.normal(0.0, 1.0, clip.values.shape).astype(np.float32)
        return replace(clip, values=clip.values + slope + noise)

    sounds = tuple(other(clip) for clip in log_mel.features[:others])
    dataset = replace(log_mel, non_speech=sounds)
    normalization = Normalization(*population(log_mel, range(len(log_mel))), 2.0)
    return ClipSource(dataset, normalization, described=True)


def _probabilities(network: _Mean, source: ClipSource, clips: tuple[Features, ...]) -> list[float]:
    means = [source.normalized(clip).mean(axis=0) for clip in clips]
    with torch.no_grad():
        return torch.sigmoid(network.speech(torch.tensor(np.array(means)))).flatten().tolist()


def test_the_head_tells_what_it_was_fitted_on(log_mel: Dataset) -> None:
    source = _source(log_mel, 20)
    network = _Mean(log_mel.spec.dimensions)
    fit_speech_head(network, source, range(len(log_mel)), seed=0)
    speech = np.array(_probabilities(network, source, source.dataset.features))
    others = np.array(_probabilities(network, source, source.dataset.non_speech))
    assert np.mean(speech > 0.5) > 0.95
    assert np.mean(others < 0.5) > 0.95


def test_few_other_sounds_weigh_as_much_as_all_speech(log_mel: Dataset) -> None:
    source = _source(log_mel, 4)
    network = _Mean(log_mel.spec.dimensions)
    fit_speech_head(network, source, range(len(log_mel)), seed=0)
    speech = np.mean(_probabilities(network, source, source.dataset.features))
    others = np.mean(_probabilities(network, source, source.dataset.non_speech))
    assert abs((1 - speech) - others) < 0.1  # the error of both kinds is alike


def test_the_same_seed_gives_the_same_head(log_mel: Dataset) -> None:
    source = _source(log_mel, 10)
    heads = []
    for _ in range(2):
        network = _Mean(log_mel.spec.dimensions)
        fit_speech_head(network, source, range(len(log_mel)), seed=3)
        heads.append(network.speech.weight.detach().clone())
    assert torch.equal(*heads)
