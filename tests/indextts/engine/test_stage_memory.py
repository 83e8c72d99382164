"""Memory by formula against what the layers really allocate, counted on tensors without data that claim to be on
CUDA.
"""

import weakref

import pytest
import torch
import torch.nn.functional as F
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import Parameter
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from indextts.decoding.budgets import LARGEST_FLOW_BUDGET, default_budgets
from indextts.engine import stage_memory
from indextts.models.attention import Dense
from indextts.models.bigvgan import BigVGAN, BigVGANConfig
from indextts.models.flow import CFM, CFMConfig, FlowRows
from indextts.models.flow_loops import BatchSizes
from indextts.models.row_layout import RowLayout
from indextts.models.solver import FlowSolver

ROWS, FRAMES = 8, 512


class Allocated(TorchDispatchMode):
    """Bytes of all storages that are alive, but those known before."""

    def __init__(self, known):
        super().__init__()
        self.sizes = {tensor.untyped_storage()._cdata: 0 for tensor in known}
        self.now = self.peak = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor) and tensor.device.type == "cuda":
                storage = tensor.untyped_storage()
                if storage._cdata not in self.sizes:
                    self.sizes[storage._cdata] = storage.nbytes()
                    self.now += storage.nbytes()
                    self.peak = max(self.peak, self.now)
                    weakref.finalize(storage, self.freed, storage._cdata)
        return result

    def freed(self, storage):
        self.now -= self.sizes.pop(storage, 0)


@pytest.fixture
def no_data(monkeypatch):
    """Tensors of a GPU, without data; attention as its kernels do it, without the matrix of scores."""
    monkeypatch.setattr(F, "scaled_dot_product_attention", lambda q, *_, **__: torch.empty_like(q))
    FlowSolver(2).steps()  # computed while there are numbers
    with FakeTensorMode(allow_non_fake_inputs=True), torch.no_grad(), torch.device("cuda"):
        yield


def of_format(model, dtype):
    model.fuse()
    for module in model.modules():
        for name, weight in module._parameters.items():
            if weight is not None:
                module._parameters[name] = Parameter(torch.empty(weight.shape, dtype=dtype), requires_grad=False)
    return model


@pytest.mark.parametrize("guided", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_flow_takes_what_the_formula_says(no_data, monkeypatch, dtype, guided):
    model, rows = of_format(CFM(CFMConfig()), dtype), ROWS * (2 if guided else 1)
    for layer in model.estimator.transformer.layers:
        layer.feed_forward.packed = torch.empty(2 * 1536, 512, dtype=dtype)
    lengths, window = torch.empty(rows, dtype=torch.long), torch.empty(rows, FRAMES, dtype=torch.long)
    attention = Dense.of(lengths, FRAMES, lengths, FRAMES)
    layout = RowLayout(torch.empty(FRAMES, 32, 2), lengths, attention, window, lengths, attention)
    monkeypatch.setattr(model.estimator, "row_layout", lambda *_: layout)
    monkeypatch.setattr(model.estimator, "speech_window", lambda *_: layout)
    few = torch.empty(ROWS, dtype=torch.long)
    sizes = ((ROWS, FRAMES, 512), (ROWS, 80, 100), (ROWS, 192), (ROWS, 80, FRAMES))
    mu, prompt, style, noise = (torch.empty(size) for size in sizes)
    batch = FlowRows(mu, few, prompt, few, style, noise)
    known = [*model.parameters(), *model.buffers(), *batch, layout.rotary, lengths, window, attention.mask]
    with Allocated(known) as counted:
        state = model._state(batch, FlowSolver(2), guided, BatchSizes(ROWS, FRAMES, FRAMES))
        model._follow(state, FlowSolver(2), 0.7 if guided else 0.0)
    formula = stage_memory.flow_bytes_per_frame(model.estimator.config, dtype, guided)
    assert formula == pytest.approx(counted.peak / (ROWS * FRAMES), rel=0.05)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_vocoder_takes_what_the_formula_says(no_data, dtype):
    model = of_format(BigVGAN(BigVGANConfig()), dtype)
    mel = torch.empty(2, 80, 200, dtype=dtype)
    with Allocated([*model.parameters(), *model.buffers(), mel]) as counted:
        model(mel)
    formula = stage_memory.vocoder_bytes_per_frame(model.config, dtype)
    assert formula == pytest.approx(counted.peak / 400, rel=0.05)


def test_half_precision_doubles_the_frames_of_a_small_card_and_a_large_one_is_not_filled(monkeypatch):
    gpu = torch.device("cuda", 0)

    def budget(free, flow, vocoder):
        monkeypatch.setattr("indextts.decoding.budgets.free_memory", lambda _: free)
        frame = stage_memory.bytes_per_frame(CFMConfig().dit, flow, BigVGANConfig(), vocoder)
        return default_budgets(gpu, 1000, frame).flow_budget

    small = budget(6 << 30, torch.float32, torch.float32)
    assert 10_000 < small < budget(6 << 30, torch.bfloat16, torch.bfloat16) / 1.9
    assert budget(70 << 30, torch.bfloat16, torch.float32) == LARGEST_FLOW_BUDGET
