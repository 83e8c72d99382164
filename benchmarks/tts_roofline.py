"""How far `benchmarks.tts` is from the machine's limits: what it can do, and how much work each stage is."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

from indextts import IndexTTS2
from indextts.models.flow import CFM
from indextts.models.solver import FlowSolver

from .tts_turns import Turn


def best_seconds(work: Callable[[], Any], times: int = 5) -> float:
    """Shortest of several runs, the first not counted."""
    work()
    seconds = []
    for _ in range(times):
        begin = time.perf_counter()
        work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - begin)
    return min(seconds)


def measure_rates(device: torch.device) -> dict[str, float]:
    """What the machine can do: matrix products of 2 048 x 2 048, copies of 256 MB (read and written)."""
    size = 2048
    rates = {}
    for name, dtype in (("matmul_gflops", torch.float32), ("matmul_gflops_bf16", torch.bfloat16)):
        a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
        rates[name] = round(2 * size**3 / best_seconds(lambda a=a, b=b: a @ b) / 1e9, 1)
    source = torch.ones(64 << 20, device=device)
    target = torch.empty_like(source)
    rates["copy_gb_per_second"] = round(2 * source.nbytes / best_seconds(lambda: target.copy_(source)) / 1e9, 1)
    return rates


def decode_work(tts: IndexTTS2, turns: list[Turn], text_tokens: int, batch: int) -> tuple[float, float]:
    """GFLOP of decoding the turns, and GB read in steps of ``batch`` full rows: weights once a step, cache once a
    row.
    """
    config = tts.cfg.gpt
    dim, layers = config.model_dim, config.layers
    weights = 12 * dim * dim * layers + dim * config.number_mel_codes
    item = tts._synthesizer.pipeline.components.gpt.mel_head.weight.element_size()
    flop = read = 0.0
    for turn in turns:
        positions = 34 + text_tokens + 3
        attended = sum(positions + k for k in range(turn.codes))
        flop += 2 * weights * (positions + turn.codes) + 4 * dim * layers * (attended + positions**2 / 2)
        read += item * (weights * (turn.codes / batch + 1) + 2 * dim * layers * attended)
    return flop / 1e9, read / 1e9


def flop_counter() -> FlopCounterMode:
    """Counts operations; it has to be told of the attention of CPUs and of products with packed weights."""
    attention = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    cpu: dict[Any, Callable[..., int]] = {
        attention: lambda query, key, value, *_, **__: sdpa_flop_count(query, key, value)
    }
    if torch.backends.mkldnn.is_available():
        cpu[torch.ops.mkldnn._linear_pointwise] = lambda x, *_, out_shape, **__: 2 * math.prod(x) * out_shape[-1]
    return FlopCounterMode(display=False, custom_mapping=cpu)


@contextmanager
def without_accelerations(cfm: CFM) -> Iterator[None]:
    """Inside, nothing is compiled or captured: a counter sees neither."""
    usual = cfm.acceleration.enabled, cfm.loops.enabled
    cfm.acceleration.enabled = cfm.loops.enabled = False
    try:
        yield
    finally:
        cfm.acceleration.enabled, cfm.loops.enabled = usual


def flow_gflop(tts: IndexTTS2, turn: Turn, prompt_frames: int, steps: int) -> float:
    """GFLOP of the flow for one turn, counted, not estimated: one step counted and multiplied."""
    components = tts._synthesizer.pipeline.components
    frames = prompt_frames + int(turn.codes * 1.72)
    cfm, device = components.cfm, tts.device
    arguments = (
        torch.randn(1, frames, tts.cfg.regulator.channels, device=device),
        torch.tensor([frames]),
        torch.randn(1, 80, prompt_frames, device=device),
        torch.tensor([prompt_frames]),
        torch.randn(1, 192, device=device),
        torch.randn(1, 80, frames, device=device),
    )
    with torch.no_grad(), without_accelerations(cfm), flop_counter() as counter:
        cfm.solve(*arguments, FlowSolver(1))
    return counter.get_total_flops() / 1e9 * steps


def vocoder_gflop_per_second(tts: IndexTTS2) -> float:
    """GFLOP of the vocoder for a second of audio: its convolutions, counted; the filters around its activations are
    left out.
    """
    frames = 128
    mel = torch.randn(1, 80, frames, device=tts.device)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        tts._synthesizer.pipeline.components.bigvgan(mel)
    return counter.get_total_flops() / 1e9 / (frames * 256 / 22050)
