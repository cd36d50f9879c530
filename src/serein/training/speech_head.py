"""The head that tells speech from all else, fitted last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from serein.features import Features
from serein.features.spectral import FloatArray
from serein.training.clips import ClipSource, network_inputs

MOST_CLIPS = 600
"""Clips of each corpus that the head is fitted on."""

STRENGTH = 0.01
"""Inverse of the regularisation: the weights of a few hundred dimensions must stay small."""

_BATCH = 64


def fit_speech_head(
    network: nn.Module, source: ClipSource, train: Sequence[int], *, seed: int
) -> None:
    """Fit a network's head for speech on the descriptions of training clips and other sounds.

    While the network learned, ten clips of speech stood against one other sound, and its weights
    moved. Now that they stand still the head is a logistic regression in which both weigh the same,
    so that its probability is that of speech where nothing else is known. Clips are heard as they
    are or in a changed copy: speech in noise is speech.

    Parameters
    ----------
    network
        Gives ``description`` and has a linear layer ``speech`` on it; changed in place.
    source
        Its dataset holds the sounds that are not speech.
    train
        Indexes of the training clips.
    seed
        Of the clips that are drawn.
    """
    from sklearn.linear_model import LogisticRegression

    generator = np.random.default_rng([seed, 2])
    dataset = source.dataset
    corpora = np.array([dataset.utterances[index].corpus for index in train])
    clips: list[Features] = []
    for name in np.unique(corpora):
        own = generator.permutation(np.asarray(train)[corpora == name])[:MOST_CLIPS]
        for index in own.tolist():
            heard = (dataset.features[index], *dataset.copies[index])
            clips.append(heard[generator.integers(len(heard))])
    described = np.concatenate(
        [_descriptions(network, source, part) for part in (clips, dataset.non_speech)]
    )
    speech = np.arange(len(described)) < len(clips)
    model = LogisticRegression(C=STRENGTH, class_weight="balanced", max_iter=1000)
    model.fit(described, speech)
    head: Any = network.speech
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(model.coef_))
        head.bias.copy_(torch.from_numpy(model.intercept_))


def _descriptions(network: Any, source: ClipSource, clips: Sequence[Features]) -> FloatArray:
    found = []
    with torch.inference_mode():
        for begin in range(0, len(clips), _BATCH):
            batch = [source.normalized(clip) for clip in clips[begin : begin + _BATCH]]
            inputs = network_inputs(batch, source.dataset.spec)
            found.append(network.describe(**inputs)["description"].numpy())
    return np.concatenate(found)
