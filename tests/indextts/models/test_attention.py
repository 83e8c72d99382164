"""The ways of attention over rows of different length give the same, as far as they run without a GPU."""

import logging
import shutil

import pytest
import torch
import torch.nn.functional as F
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn.attention import varlen

from indextts.device.acceleration import compiled
from indextts.models import attention, dit, flow_loops, row_layout
from indextts.models.attention import Dense, Flex, Varlen, attention_for
from indextts.models.flow import CFM, CFMConfig, FlowRows
from indextts.models.flow_loops import BatchSizes
from indextts.models.solver import FlowSolver
from indextts.models.transformer import DiTConfig
from indextts.models.wavenet import WaveNetConfig
from tests.indextts.support.tiny_modules import TOLERANCE, filled

SMALL = CFMConfig(DiTConfig(hidden_dim=64, num_heads=2, depth=3, content_dim=64, wavenet=WaveNetConfig(64, 2)))
LENGTHS = torch.tensor([300, 256, 128, 127, 40, 5])
"""Around the blocks of FlexAttention, of 128 frames."""
QUERIES = torch.tensor([200, 131, 128, 1, 40, 5])
FRAMES, WIDTH = 304, 208
WAYS = [Dense, Flex, Varlen]
SOLVER = FlowSolver(2, "midpoint")


def rows_one_by_one(query, key, value, query_starts, key_starts, *_):
    """What flash attention is documented to do, for a CPU, which has none: each row by itself, past the last one
    rubbish.
    """
    out = torch.full_like(query, torch.nan)
    for row in range(len(query_starts) - 1):
        asked, known = (slice(int(starts[row]), int(starts[row + 1])) for starts in (query_starts, key_starts))
        parts = (x[at].transpose(0, 1) for x, at in ((query, asked), (key, known), (value, known)))
        out[asked] = F.scaled_dot_product_attention(*parts).transpose(0, 1)
    return out, torch.empty(0), torch.empty(0)


@pytest.fixture(scope="module", autouse=True)
def _flash_on_a_cpu():
    varlen._varlen_attn.register_kernel("cpu")(rows_one_by_one)
    with varlen._varlen_attn.set_kernel_enabled("cpu", True):
        yield
    varlen._varlen_attn._disabled_kernel.add("cpu")


@pytest.fixture
def heads():
    """q (B, W, heads, d_head), k and v (B, T, heads, d_head)."""
    draw = torch.Generator().manual_seed(1)
    return [torch.randn(len(LENGTHS), size, 2, 32, generator=draw) for size in (WIDTH, FRAMES, FRAMES)]


def valid(x, lengths):
    return torch.cat([row[:length] for row, length in zip(x, lengths, strict=True)])


@pytest.mark.parametrize("way", [Flex, Varlen])
def test_ways_that_leave_padding_out_give_what_a_mask_gives(way, heads):
    plain, other = (kind.of(LENGTHS, FRAMES, QUERIES, WIDTH).attend(*heads) for kind in (Dense, way))
    assert torch.allclose(valid(other, QUERIES), valid(plain, QUERIES), atol=1e-6)
    assert other.isfinite().all()
    unmasked = Dense(None).attend(*heads)
    assert not torch.allclose(valid(unmasked, QUERIES), valid(plain, QUERIES), atol=1e-3)


# In the flow


@pytest.fixture(scope="module")
def cfm():
    made = filled(CFM(SMALL))
    made.fuse()
    return made


def rows(lengths, prompts, seed=0):
    draw, frames = torch.Generator().manual_seed(seed), max(lengths)
    count, config = len(lengths), SMALL.dit
    sizes = ((count, frames, config.content_dim), (count, 80, max(prompts)), (count, 192), (count, 80, frames))
    mu, prompt, style, noise = (torch.randn(size, generator=draw) for size in sizes)
    return FlowRows(mu, torch.tensor(lengths), prompt, torch.tensor(prompts), style, noise)


def state(cfm, batch, guided, way, monkeypatch):
    """As on a GPU: always masked, rotary positions in real arithmetic, sizes rounded up to a bucket."""
    monkeypatch.setattr(dit, "rotary_table", lambda *of: torch.view_as_real(row_layout.rotary_table(*of)))
    monkeypatch.setattr("indextts.models.flow.attention_for", lambda *_: way)
    window = int((batch.lengths - cfm.estimator.speech_starts(batch.prompt_lengths)).max())
    sizes = BatchSizes(len(batch.lengths), batch.mu.shape[1], window).bucket()
    return cfm._state(batch.padded(sizes, 3), SOLVER, guided, sizes)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("cfg_rate", [0.7, 0.0])
def test_the_flow_gives_the_same_mel_whatever_its_attention(cfm, way, cfg_rate, monkeypatch):
    """Mixed rows behind prompts of several lengths, a window, with and without guidance."""
    batch = rows([270, 140, 60, 20], [130, 30, 0, 10])
    with torch.no_grad():
        expected = cfm.solve(*batch, solver=SOLVER, cfg_rate=cfg_rate)
        made = state(cfm, batch, cfg_rate > 0, way, monkeypatch)
        assert type(made.layout.attention) is type(made.layout.window_attention) is way
        found = cfm._follow(made, SOLVER, cfg_rate)[:4, :270].transpose(1, 2)
    assert (found - expected).abs().max() < TOLERANCE * expected.abs().max()


@pytest.mark.parametrize("way", WAYS)
def test_every_way_compiles_as_one_graph_for_batches_of_all_sizes(cfm, way, monkeypatch):
    """But FlexAttention, which has another for batches and for windows of one block."""
    torch.compiler.reset()
    graphs = []

    def backend(graph, inputs):
        graphs.append(graph)
        return graph

    fast, usual = compiled(cfm.estimator.velocity, backend), cfm.acceleration.run
    with torch.no_grad():
        for count, frames in ((3, 300), (4, 64)):
            batch = rows([frames - 3 * row for row in range(count)], [20 - row for row in range(count)], frames)
            expected = cfm.solve(*batch, solver=SOLVER)
            made = state(cfm, batch, True, way, monkeypatch)
            monkeypatch.setattr(cfm.acceleration, "run", lambda _fast, _plain, *given: fast(*given))
            for tensors in (made, flow_loops.copied(made)):  # those of a batch, and those that a graph keeps
                found = cfm._follow(tensors, SOLVER, 0.7)[:count, :frames].transpose(1, 2)
                assert (found - expected).abs().max() < TOLERANCE * expected.abs().max()
            monkeypatch.setattr(dit, "rotary_table", row_layout.rotary_table)
            monkeypatch.setattr(cfm.acceleration, "run", usual)
    assert len(graphs) == (2 if way is Flex else 1)


@pytest.mark.skipif(shutil.which("g++") is None, reason="inductor needs a C++ compiler to compile for a CPU")
def test_compiled_flex_attention_is_dense_attention(heads):
    torch.compiler.reset()
    fast = compiled(lambda plan, *given: plan.attend(*given))
    plain, flex = (kind.of(LENGTHS, FRAMES, QUERIES, WIDTH) for kind in (Dense, Flex))
    with torch.no_grad():
        found = fast(flex, *heads)
    assert torch.allclose(valid(found, QUERIES), valid(plain.attend(*heads), QUERIES), atol=1e-5)


@pytest.mark.parametrize("way", WAYS)
def test_the_loop_runs_on_cuda_without_reading_anything_back(way, monkeypatch):
    """On tensors without data, which torch has for devices that are not there: what would read one back is an error."""
    monkeypatch.setattr("indextts.models.flow.attention_for", lambda *_: way)
    SOLVER.steps()  # computed while there are numbers
    with FakeTensorMode(), torch.no_grad(), torch.device("cuda"):
        model = CFM(SMALL)
        model.fuse()
        batch, sizes = rows([270, 140], [130, 30]), BatchSizes(2, 288, 256)
        lengths = torch.empty(4, dtype=torch.long, device="cuda")
        monkeypatch.setattr(model.estimator, "row_layout", lambda *_: made_layout(lengths, 288, way))
        monkeypatch.setattr(model.estimator, "speech_window", lambda layout, *_: on_window(layout, lengths, 256, way))
        made = model._state(FlowRows(*(x.to("cuda") for x in batch.padded(sizes, 3))), SOLVER, True, sizes)
        end = model._follow(made, SOLVER, 0.7)
        assert (end.shape, end.device.type, end.dtype) == ((2, 288, 80), "cuda", torch.float32)
        with pytest.raises(Exception, match=r"_local_scalar_dense|item"):
            end.sum().item()


@pytest.mark.gpu
@pytest.mark.parametrize("way", [Flex, Varlen])
def test_ways_on_a_real_gpu_give_what_a_mask_gives(way, heads):
    torch.compiler.reset()
    q, k, v = (x.to("cuda", torch.bfloat16) for x in heads)
    lengths, queries = LENGTHS.cuda(), QUERIES.cuda()
    attend = compiled(lambda plan, *given: plan.attend(*given))
    with torch.no_grad():
        plain = Dense.of(lengths, FRAMES, queries, WIDTH).attend(q.float(), k.float(), v.float())
        other = attend(way.of(lengths, FRAMES, queries, WIDTH), q, k, v)
    assert torch.allclose(valid(other, QUERIES).float(), valid(plain, QUERIES), atol=0.03)
    assert other.isfinite().all()


def made_layout(lengths, frames, way):
    rotary = torch.empty(frames, SMALL.dit.hidden_dim // SMALL.dit.num_heads // 2, 2, device="cuda")
    return row_layout.RowLayout(rotary, lengths, way.of(lengths, frames, lengths, frames))


def on_window(layout, lengths, width, way):
    window = torch.empty(len(lengths), width, dtype=torch.long, device="cuda")
    of_window = way.of(lengths, layout.rotary.shape[0], lengths, width)
    return layout._replace(window=window, window_lengths=lengths, window_attention=of_window)


# Which one


def test_a_way_that_is_none_for_the_device_or_format_is_dense_and_told_of_once(caplog):
    attention._warn_of.cache_clear()
    cpu, gpu = torch.device("cpu"), torch.device("cuda", 0)
    with caplog.at_level(logging.WARNING, logger="indextts"):
        for _ in range(2):
            assert attention_for("auto", gpu, torch.bfloat16, True) is Dense
            assert attention_for("flex", gpu, torch.float32, True) is Flex
            assert attention_for("flex", gpu, torch.float32, False) is Dense
            assert attention_for("varlen", gpu, torch.bfloat16, False) is Varlen
            assert attention_for("varlen", gpu, torch.float32, True) is Dense
            assert attention_for("varlen", cpu, torch.bfloat16, True) is Dense
    assert [record.message for record in caplog.records] == [
        "flow_attention 'flex' has no effect here: it is for the compiled flow",
        "flow_attention 'varlen' has no effect here: it is for half precision on CUDA devices",
    ]


def test_an_unknown_way_is_refused():
    with pytest.raises(ValueError, match="flow_attention is 'sparse', expected one of auto, dense, flex, varlen"):
        attention_for("sparse", torch.device("cpu"), torch.float32, True)
