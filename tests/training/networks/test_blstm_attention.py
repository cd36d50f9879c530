from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from serein.errors import ArgumentInvalid
from serein.features import FeatureSpec
from serein.training.networks.blstm_attention import BlstmAttention, BlstmAttentionOptions
from tests.training.networks.judging import (
    judge,
    linear,
    packaged,
    parameters,
    random_clips,
    recurrent,
)

LABELS = 4
SPEC = FeatureSpec(kind="mfcc", coefficients=9)
SMALL = BlstmAttentionOptions(widths=(8, 7), units=6)
LENGTHS = (1, 2, 17, 40)


@pytest.fixture
def network() -> BlstmAttention:
    torch.manual_seed(0)
    return BlstmAttention(SPEC, LABELS, SMALL).eval()


@pytest.fixture
def clips() -> Tensor:
    """Four clips with something in the padding, which nobody may hear."""
    return random_clips(4, 40, 9)


def _parameters(dimensions: int, labels: int, options: BlstmAttentionOptions) -> int:
    total, before = 0, dimensions
    for width in options.widths:
        total += linear(before, width)
        before = width
    both = 2 * options.units
    return total + 2 * recurrent(before, options.units) + both + linear(both, labels)


def test_the_packaged_network_is_that_of_system_c() -> None:
    network = packaged("blstm-attention", 7)
    assert parameters(network) == _parameters(36, 7, BlstmAttentionOptions())
    assert [layer.p for layer in network.modules() if isinstance(layer, nn.Dropout)] == [0.5, 0.5]


@pytest.mark.parametrize("frames", [1, 2, 33])
def test_parameters_and_shapes(network: BlstmAttention, frames: int) -> None:
    assert parameters(network) == _parameters(9, LABELS, SMALL)
    found = judge(network, features=random_clips(2, frames, 9))
    assert {name: tuple(part.shape) for name, part in found.items()} == {
        "logits": (2, LABELS),
        "embedding": (2, 2 * SMALL.units),
        "attention": (2, frames),
    }


def test_attention_sums_to_one_and_is_zero_on_padding(
    network: BlstmAttention, clips: Tensor
) -> None:
    attention = judge(network, features=clips, lengths=torch.tensor(LENGTHS))["attention"]
    torch.testing.assert_close(attention.sum(dim=1), torch.ones(4))
    for row, length in zip(attention, LENGTHS, strict=True):
        assert bool((row[:length] > 0).all())
        assert bool((row[length:] == 0).all())


def test_a_padded_clip_of_a_batch_is_judged_as_it_is_alone(
    network: BlstmAttention, clips: Tensor
) -> None:
    together = judge(network, features=clips, lengths=torch.tensor(LENGTHS))
    for row, length in enumerate(LENGTHS):
        alone = judge(network, features=clips[row : row + 1, :length])
        for name, part in alone.items():
            found = together[name][row, : part.shape[1]]
            torch.testing.assert_close(found, part[0], atol=1e-6, rtol=1e-5)


def test_what_stands_in_the_padding_does_not_matter(network: BlstmAttention, clips: Tensor) -> None:
    lengths = torch.tensor(LENGTHS)
    other = clips.clone()
    for row, length in zip(other, LENGTHS, strict=True):
        row[length:] = -3 * row[length:] + 1
    one, two = (judge(network, features=each, lengths=lengths) for each in (clips, other))
    for name in one:
        assert torch.equal(one[name], two[name])


def test_is_the_textbooks_bidirectional_network(network: BlstmAttention, clips: Tensor) -> None:
    """PyTorch's own bidirectional layer on packed sequences, and a loop over the formula."""
    oracle = nn.LSTM(7, 6, batch_first=True, bidirectional=True)
    weights = network.forwards.state_dict()
    weights |= {f"{name}_reverse": part for name, part in network.backwards.state_dict().items()}
    oracle.load_state_dict(weights)
    found = judge(network, features=clips, lengths=torch.tensor(LENGTHS))
    with torch.inference_mode():
        packed = pack_padded_sequence(
            network.frames(clips), torch.tensor(LENGTHS), batch_first=True, enforce_sorted=False
        )
        outputs, _ = pad_packed_sequence(oracle(packed)[0], batch_first=True)
        learned = network.attend.score.weight[0]
        for row, length in enumerate(LENGTHS):
            both = outputs[row, :length]
            shares = torch.exp(both @ learned)
            shares = shares / shares.sum()
            pooled = sum((share * frame for share, frame in zip(shares, both, strict=True)))
            assert isinstance(pooled, Tensor)
            torch.testing.assert_close(found["attention"][row, :length], shares)
            torch.testing.assert_close(found["embedding"][row], pooled, atol=1e-6, rtol=1e-5)
            torch.testing.assert_close(found["logits"][row], network.emotion(pooled))


@pytest.mark.parametrize(
    ("change", "says"),
    [({"widths": ()}, "widths"), ({"units": 0}, "units"), ({"dropout": 1.0}, "dropout")],
)
def test_impossible_sizes_are_refused(change: dict[str, Any], says: str) -> None:
    with pytest.raises(ArgumentInvalid, match=says):
        BlstmAttentionOptions(**change)
