"""Linear layers in oneDNN's layout against plain ones."""

import copy

import pytest
import torch
import torch.nn.functional as F

from indextts.device.packed_linear import PackedLinear, available
from tests.indextts.support.goldens import peak_error

TOLERANCE = 1e-6


@pytest.fixture
def layer():
    return PackedLinear(96, 40)


@pytest.fixture
def x():
    return torch.randn(3, 17, 96, generator=torch.Generator().manual_seed(0))


def plain(layer, x):
    return F.linear(x, layer.weight, layer.bias)


def test_a_packed_layer_gives_what_a_plain_one_gives(layer, x):
    assert peak_error(layer(x), plain(layer, x)) < TOLERANCE


def test_it_follows_a_change_of_its_weight(layer, x):
    before = layer(x)
    layer.weight.mul_(0.5)
    assert peak_error(layer(x), plain(layer, x)) < TOLERANCE < peak_error(layer(x), before)


def test_a_used_one_can_be_copied_and_converted(layer, x):
    layer(x)
    other = copy.deepcopy(layer)
    assert torch.equal(other(x), layer(x))
    assert other.to(torch.bfloat16)(x.to(torch.bfloat16)).dtype == torch.bfloat16


@pytest.mark.skipif(not available(torch.zeros(1)), reason="torch without oneDNN rounds by the batch size")
def test_a_row_is_rounded_the_same_in_every_batch(layer, x):
    assert all(torch.equal(layer(x)[row], layer(x[row : row + 1])[0]) for row in range(3))


@torch.enable_grad()
def test_gradients_flow_as_through_a_plain_one(layer, x):
    layer(x).sum().backward()
    assert layer.weight.grad is not None
