"""Linear layers in oneDNN's layout against plain ones."""

import copy
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from indextts.device.packed_linear import PackedLinear, available
from tests.indextts.support.goldens import peak_error

TOLERANCE = 1e-6
ROOT = Path(__file__).parents[3]
EVERY_BATCH = """
import torch
from indextts.device.packed_linear import PackedWeight

for threads in (1, 2, 3, 4):
    torch.set_num_threads(threads)
    for out_features, in_features in ((192, 64), (64, 256), (40, 96), (770, 640)):
        weight, bias = PackedWeight(torch.randn(out_features, in_features)), torch.randn(out_features)
        x = torch.randn(100, in_features)
        alone = torch.cat([weight.rows(row[None], bias) for row in x])
        for rows in (*range(1, 33), 60, 61, 64, 100):
            assert torch.equal(weight.rows(x[:rows], bias), alone[:rows]), (threads, out_features, in_features, rows)
"""


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


@pytest.mark.skipif(not available(torch.zeros(1)), reason="torch without oneDNN has no packed weights")
@pytest.mark.parametrize("instructions", ["SSE41", "AVX2", "DEFAULT"])
def test_a_row_is_rounded_the_same_in_every_batch_with_the_kernels_of_every_machine(instructions):
    environment = os.environ | {"ONEDNN_MAX_CPU_ISA": instructions}
    done = subprocess.run(
        [sys.executable, "-c", EVERY_BATCH], env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@torch.enable_grad()
def test_gradients_flow_as_through_a_plain_one(layer, x):
    layer(x).sum().backward()
    assert layer.weight.grad is not None
