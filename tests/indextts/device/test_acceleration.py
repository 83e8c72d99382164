"""The fast ways of a GPU against the plain ones, as far as a machine without a GPU can run them."""

import logging
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from indextts.device.acceleration import Acceleration, compiled
from indextts.models import dit
from indextts.models.attention import Dense
from indextts.models.dit import DiT
from indextts.models.row_layout import rotary_table, rotate
from indextts.models.transformer import DiTConfig
from indextts.models.wavenet import WaveNetConfig
from indextts.models.weight_norm import fuse_weight_norm
from indextts.published.arguments import on_this_device
from tests.indextts.support.tiny_modules import TOLERANCE, filled

SMALL = DiTConfig(hidden_dim=64, num_heads=2, depth=3, content_dim=64, wavenet=WaveNetConfig(64, 2))


class OnCard(torch.Tensor):
    """A tensor of the CPU that says it is on a card."""

    is_cuda = True


# What is compiled


@pytest.fixture(scope="module")
def estimator():
    made = filled(DiT(SMALL))
    fuse_weight_norm(made)
    return made


@pytest.fixture
def as_on_a_gpu(monkeypatch):
    """Rotary positions as real arithmetic."""
    monkeypatch.setattr(dit, "rotary_table", lambda *sizes: torch.view_as_real(rotary_table(*sizes)))


def batch(estimator, rows, frames, seed, attention=Dense):
    """Arguments of one velocity as the flow makes them on a GPU, rows of random length behind prompts of random
    length.
    """
    draw = random.Random(seed)
    lengths = torch.tensor([frames, *(draw.randint(frames // 2, frames) for _ in range(rows - 1))])
    prompts = torch.tensor([draw.randint(5, int(length) - 5) for length in lengths])
    twice, prompts = lengths.repeat(2), prompts.repeat(2)
    layout = estimator.row_layout(twice, frames, True, attention)
    layout = estimator.speech_window(layout, twice, prompts, True)
    generator = torch.Generator().manual_seed(seed)
    x, terms = (torch.randn(2 * rows, frames, size, generator=generator) for size in (80, SMALL.hidden_dim))
    return x, terms, estimator.time_tables(torch.tensor([draw.random()])).at(0), layout


def test_the_velocity_is_one_graph_and_serves_batches_of_all_sizes(estimator, as_on_a_gpu):
    torch.compiler.reset()
    graphs = []

    def backend(graph, inputs):
        graphs.append(graph)
        return graph

    fast = compiled(estimator.velocity, backend)
    draw = random.Random(1)
    for seed in range(500):
        arguments = batch(estimator, draw.randint(1, 6), 16 * draw.randint(2, 6), seed)
        if seed % 50 == 0:
            expected = estimator.velocity(*arguments)  # on a CPU by packed weights, which round otherwise
            assert (fast(*arguments) - expected).abs().max() < TOLERANCE * expected.abs().max()
        else:
            fast(*arguments)
    assert len(graphs) == 1


def test_a_graph_break_is_an_error():
    def breaks(x):
        return x + 1 if float(x.sum()) > 0 else x

    with pytest.raises(torch._dynamo.exc.Unsupported):
        compiled(breaks, "eager")(torch.ones(2))


@pytest.mark.skipif(shutil.which("g++") is None, reason="inductor needs a C++ compiler to compile for a CPU")
def test_the_compiled_velocity_is_the_eager_one(estimator, as_on_a_gpu):
    torch.compiler.reset()
    fast = compiled(estimator.velocity)
    for rows, frames in ((2, 48), (3, 64)):
        arguments = batch(estimator, rows, frames, rows)
        expected = estimator.velocity(*arguments)
        assert (fast(*arguments) - expected).abs().max() < TOLERANCE * expected.abs().max()


def test_real_rotary_positions_are_the_complex_ones():
    x, table = torch.randn(2, 9, 3, 8), rotary_table(9, 8, torch.device("cpu"))
    turned = rotate(x, table[:, None])
    assert torch.allclose(rotate(x, torch.view_as_real(table)[:, None]), turned, atol=1e-6)
    assert not torch.allclose(x, turned)


def test_a_mask_of_full_rows_changes_nothing(estimator):
    lengths, prompts, frames = torch.tensor([48, 48]), torch.tensor([20, 20]), 48
    layouts = [
        estimator.speech_window(estimator.row_layout(lengths, frames, always), lengths, prompts, always)
        for always in (False, True)
    ]
    assert layouts[0].lengths is None and layouts[1].lengths is not None
    x, terms = torch.randn(2, frames, 80), torch.randn(2, frames, SMALL.hidden_dim)
    tables = estimator.time_tables(torch.tensor([0.5])).at(0)
    plain, masked = (estimator.velocity(x, terms, tables, layout) for layout in layouts)
    assert (plain - masked).abs().max() < TOLERANCE * plain.abs().max()


def test_two_products_as_one_keep_their_keys_and_what_is_written_to_them():
    made = filled(DiT(SMALL))
    x, layer = torch.randn(2, 9, SMALL.hidden_dim), made.transformer.layers[0].feed_forward
    keys, expected = list(made.state_dict()), layer(x)
    made.pack()
    assert layer.packed is not None and list(made.state_dict()) == keys
    assert torch.allclose(layer(x), expected, atol=1e-6)
    packed = layer.packed
    made.pack()
    assert layer.packed is packed  # nothing to do
    with torch.no_grad():
        layer.w3.weight.zero_()
    assert not layer(x).any()
    layer.w1 = torch.nn.Linear(SMALL.hidden_dim, SMALL.intermediate_dim, bias=False)
    made.pack()
    assert layer.packed is not packed and torch.equal(layer.packed[: SMALL.intermediate_dim], layer.w1.weight)


# The vocoder's kernel

KERNEL = """
import torch
from indextts.models.row_ends import RowEnds
from indextts.models.snake import AntiAliasedSnake

torch.manual_seed(0)
snake = AntiAliasedSnake(3)
for factor in (snake.act.alpha, snake.act.beta):
    torch.nn.init.normal_(factor, std=0.3)
with torch.no_grad():
    for frames, lengths in ((1, [1, 1]), (7, [7, 1]), (40, [40, 33]), (1030, [1030, 1018]), (2500, [2500, 1100])):
        x, ends = torch.randn(2, 3, frames), RowEnds(torch.tensor(lengths))
        expected, whole = snake.by_blocks(x, ends), snake.by_blocks(x)
        print(float((snake.in_one_kernel(x, ends) - expected).abs().max()))
        print(float((snake.in_one_kernel(x) - whole).abs().max()))
"""


def test_the_snake_kernel_is_the_three_steps():
    """In Triton's interpreter: rows of all ends, longer and shorter than what one program of the kernel does."""
    pytest.importorskip("triton")
    told = subprocess.run(
        [sys.executable, "-c", KERNEL],
        cwd=Path(__file__).parents[3],
        env=os.environ | {"TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    differences = [float(line) for line in told.stdout.split()]
    assert len(differences) == 10
    assert max(differences) < 3e-6


# What fails is given up


def test_a_twin_that_fails_is_given_up_once_and_for_good(caplog):
    tries = []

    def fast(x):
        tries.append(x)
        raise RuntimeError("no such instruction")

    acceleration = Acceleration("the flow", enabled=True)
    x = torch.ones(2).as_subclass(OnCard)
    with caplog.at_level(logging.WARNING, logger="indextts"):
        for _ in range(3):
            assert acceleration.run(fast, lambda x: x + 1, x).tolist() == [2.0, 2.0]
    assert (len(tries), len(caplog.records), acceleration.enabled) == (1, 1, False)
    assert "the flow goes on without acceleration: RuntimeError: no such instruction" in caplog.text


def test_memory_that_runs_out_gives_nothing_up():
    def fast(x):
        raise torch.OutOfMemoryError("full")

    acceleration = Acceleration("the flow", enabled=True)
    with pytest.raises(torch.OutOfMemoryError):
        acceleration.run(fast, lambda x: x, torch.ones(2).as_subclass(OnCard))
    assert acceleration.enabled


def test_a_cpu_takes_the_plain_way():
    acceleration = Acceleration("the flow", enabled=True)
    assert acceleration.run(lambda x: x - 1, lambda x: x + 1, torch.ones(1)).tolist() == [2.0]


def test_accelerations_are_on_by_default_on_a_gpu_and_off_elsewhere(caplog, monkeypatch):
    monkeypatch.setattr("indextts.published.arguments._warned", set())
    given = {"use_accel": None, "use_torch_compile": False, "use_cuda_kernel": True}
    on_gpu = {"use_accel": True, "use_torch_compile": False, "use_cuda_kernel": True}
    assert on_this_device(torch.device("cuda:1"), given) == on_gpu
    assert not caplog.records
    assert not any(on_this_device(torch.device("cpu"), given).values())
    assert [record.message for record in caplog.records] == [
        "use_cuda_kernel has no effect here: it is for CUDA devices; this one is cpu"
    ]
