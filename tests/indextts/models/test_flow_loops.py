"""The flow's loop as captured graphs, in the pretend GPU (see pretend_gpu): the same mels as the CPU's, and few
graphs.
"""

import logging
import random

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from indextts.device.captured_steps import capture_stream
from indextts.models.flow_loops import MOST_CAPTURED_FRAMES, BatchSizes, CapturedLoops
from indextts.models.solver import FlowSolver
from tests.indextts.support.goldens import peak_error
from tests.indextts.support.pretend_gpu import pretend_gpu
from tests.indextts.support.tiny_modules import TOLERANCE, padded, tiny_cfm

SOLVERS = [FlowSolver(2), FlowSolver(4, "midpoint"), FlowSolver(2, "heun")]


@pytest.fixture(autouse=True)
def _streams():
    capture_stream.cache_clear()
    yield
    capture_stream.cache_clear()


@pytest.fixture(scope="module")
def cfm(tiny_config_dir):
    model = tiny_cfm(tiny_config_dir)
    model.fuse()
    return model


@pytest.fixture
def gpu():
    with pretend_gpu() as graphs:
        yield graphs


def on_gpu(tiny_config_dir):
    """The same model on the GPU, its loops captured."""
    model = tiny_cfm(tiny_config_dir)
    model.fuse()
    model.to("cuda:0")
    model.loops.enabled = True
    return model


def batch(cfm, lengths, prompt_lengths, seed=0):
    """Arguments of `solve`: rows of these lengths, with loud padding."""
    draw, config = torch.Generator().manual_seed(seed), cfm.estimator.config
    mu, noise, prompts = (
        padded([torch.randn(size, width, generator=draw) for size in sizes])[0]
        for sizes, width in ((lengths, config.content_dim), (lengths, 80), (prompt_lengths, 80))
    )
    style = torch.randn(len(lengths), config.style_dim, generator=draw)
    sizes = torch.tensor(lengths), torch.tensor(prompt_lengths)
    return [mu, sizes[0], prompts.transpose(1, 2), sizes[1], style, noise.transpose(1, 2)]


def solve(model, arguments, **options):
    """On the model's device; the lengths stay on the host. Mel on the CPU."""
    device = model.estimator.cond_projection.weight.device
    moved = [x if i in (1, 3) else x.to(device) for i, x in enumerate(arguments)]
    with torch.no_grad():
        return model.solve(*moved, **options).cpu()


@pytest.mark.parametrize("cfg_rate", [0.7, 0.0])
@pytest.mark.parametrize("solver", SOLVERS, ids=lambda solver: solver.method)
def test_a_replayed_loop_gives_what_the_cpu_gives_for_every_batch_of_its_bucket(cfm, tiny_config_dir, solver, cfg_rate):
    """Rows, frames and windows are padded to the bucket's, and each replay has the tensors of its own batch."""
    batches = [batch(cfm, [60, 41], [20, 3], 1), batch(cfm, [58, 30], [19, 8], 2), batch(cfm, [59, 59], [18, 21], 3)]
    options = {"solver": solver, "cfg_rate": cfg_rate}
    expected = [solve(cfm, arguments, **options) for arguments in batches]
    with pretend_gpu() as graphs:
        model = on_gpu(tiny_config_dir)
        found = [solve(model, arguments, **options) for arguments in batches]
    assert (graphs.captures, graphs.replays) == (1, 2)
    for mine, theirs in zip(found, expected, strict=True):
        assert peak_error(mine, theirs) < TOLERANCE


def test_rows_that_are_made_up_change_no_other(cfm, tiny_config_dir):
    lengths, prompts = [40 - n for n in range(17)], [5 + n % 3 for n in range(17)]
    assert BatchSizes(17, 40, 35).bucket().rows == 18
    arguments = batch(cfm, lengths, prompts)
    expected = solve(cfm, arguments, solver=FlowSolver(2))
    with pretend_gpu():
        found = solve(on_gpu(tiny_config_dir), arguments, solver=FlowSolver(2))
    assert found.shape == expected.shape
    assert peak_error(found, expected) < TOLERANCE


class NothingReadBack(TorchDispatchMode):
    """Refuses what would make the host wait for the GPU."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        assert func not in (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.nonzero.default), f"{func}"
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("solver", SOLVERS, ids=lambda solver: solver.method)
def test_nothing_is_read_back_inside_the_loop(cfm, monkeypatch, solver):
    inside, follow = [], cfm._follow

    def watched(*arguments):
        with NothingReadBack():
            inside.append(True)
            return follow(*arguments)

    monkeypatch.setattr(cfm, "_follow", watched)
    solve(cfm, batch(cfm, [40, 31], [10, 4]), solver=solver)
    assert inside
    with pytest.raises(AssertionError, match="_local_scalar_dense"), NothingReadBack():
        torch.ones(1).item()


def test_a_loop_that_cannot_be_captured_is_given_up_once_and_goes_on(cfm, tiny_config_dir, monkeypatch, caplog):
    arguments = batch(cfm, [40, 31], [10, 4])
    expected = solve(cfm, arguments, solver=FlowSolver(2))
    with pretend_gpu() as graphs, caplog.at_level(logging.WARNING, logger="indextts"):
        model = on_gpu(tiny_config_dir)
        follow = model._follow

        def reads_back(state, *rest):
            assert float(state.x.sum()) < 1e9
            return follow(state, *rest)

        monkeypatch.setattr(model, "_follow", reads_back)
        found = [solve(model, arguments, solver=FlowSolver(2)) for _ in range(4)]
    assert not model.loops.enabled
    assert graphs.replays == 0
    assert all(peak_error(mel, expected) < TOLERANCE for mel in found)
    assert len(caplog.records) == 1
    assert "the flow's loop goes on without CUDA graphs" in caplog.text


def test_memory_that_runs_out_gives_nothing_up(tiny_config_dir, cfm, monkeypatch, gpu):
    model, arguments = on_gpu(tiny_config_dir), batch(cfm, [40, 31], [10, 4])
    follow = model._follow

    def full(*given):
        if torch.cuda.is_current_stream_capturing():
            raise torch.OutOfMemoryError("full")
        return follow(*given)

    monkeypatch.setattr(model, "_follow", full)
    solve(model, arguments, solver=FlowSolver(2))
    with pytest.raises(torch.OutOfMemoryError):
        solve(model, arguments, solver=FlowSolver(2))
    assert model.loops.enabled


def test_graphs_that_were_dropped_are_captured_anew(tiny_config_dir, cfm, gpu):
    model, arguments = on_gpu(tiny_config_dir), batch(cfm, [40], [10])
    for _ in range(2):
        solve(model, arguments, solver=FlowSolver(1))
    assert model.loops.captures == 1
    model.loops.clear()
    for captures in (0, 1):
        solve(model, arguments, solver=FlowSolver(1))
        assert model.loops.captures == captures


# Buckets


def test_a_bucket_holds_its_batch_and_is_little_larger():
    draw = random.Random(1)
    for _ in range(2000):
        frames = draw.randint(3, 4000)
        sizes = BatchSizes(draw.randint(1, 200), frames, draw.randint(3, frames))
        bucket = sizes.bucket()
        assert bucket == bucket.bucket()
        assert all(size <= held for size, held in zip(sizes, bucket, strict=True))
        assert bucket.window <= bucket.frames
        assert bucket.rows <= 1.125 * sizes.rows
        assert all(held <= 1.125 * size + 16 for size, held in zip(sizes[1:], bucket[1:], strict=True))


def test_large_batches_are_not_captured():
    loops = CapturedLoops(enabled=True)
    assert loops.bucket(BatchSizes(8, 512, 512), 2) is not None
    assert loops.bucket(BatchSizes(MOST_CAPTURED_FRAMES // 1000, 1000, 600), 2) is None
    assert CapturedLoops().bucket(BatchSizes(8, 512, 512), 2) is None


class Box(tuple):
    """The smallest state there is."""

    x = property(lambda self: self[0])

    def __new__(cls, *parts):
        return super().__new__(cls, parts)


def test_a_long_run_of_random_batches_captures_a_bounded_number_of_graphs(gpu, caplog):
    draw, loops, batches = random.Random(2), CapturedLoops(enabled=True, most=8), 600
    buckets = set()
    with caplog.at_level(logging.INFO, logger="indextts"):
        for count in range(batches):
            sizes = BatchSizes(draw.randint(1, 6), draw.randint(100, 400), 100)
            bucket = sizes.bucket()
            buckets.add(bucket)
            start = torch.full((2,), float(count), device="cuda:0")
            assert loops.run(bucket, Box(start), lambda state: state.x + 1).tolist() == [count + 1] * 2
    assert len(buckets) > 50
    assert len(loops._states) <= 8
    per_bucket = (2 * batches // len(buckets)).bit_length()  # each time it must be asked for twice as often
    assert gpu.captures == loops.captures <= per_bucket * len(buckets)
    assert len(caplog.records) == loops.captures
    assert f"8 graphs in {loops.captures} captures" in caplog.text


@pytest.mark.gpu
@pytest.mark.parametrize("solver", SOLVERS, ids=lambda solver: solver.method)
def test_loops_captured_on_a_real_gpu_give_what_the_cpu_gives(cfm, tiny_config_dir, solver):
    """And nothing in them makes the host wait."""
    batches = [batch(cfm, [60, 41], [20, 3], 1), batch(cfm, [58, 30], [19, 8], 2), batch(cfm, [59, 59], [18, 21], 3)]
    model = on_gpu(tiny_config_dir)
    follow = model._follow

    def watched(*given):
        torch.cuda.set_sync_debug_mode("error")
        try:
            return follow(*given)
        finally:
            torch.cuda.set_sync_debug_mode("default")

    model._follow = watched
    for arguments in batches:
        expected = solve(cfm, arguments, solver=solver)
        assert peak_error(solve(model, arguments, solver=solver), expected) < 10 * TOLERANCE
    assert model.loops.enabled and model.loops.captures == 1
