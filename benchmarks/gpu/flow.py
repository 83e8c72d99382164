"""The flow alone: one velocity by rows, frames and way of attention, and the whole loop as it is, compiled and
captured.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from indextts import IndexTTS2
from indextts.engine.stage_memory import flow_bytes_per_frame
from indextts.models.attention import AttentionName, attention_for
from indextts.models.flow import CFM, FlowRows
from indextts.models.flow_loops import BatchSizes
from indextts.models.solver import FlowSolver

from ..tts_roofline import best_seconds, flop_counter, without_accelerations
from .session import Session

Shape = tuple[int, int]
"""Rows, and frames of the longest."""
WAYS: tuple[AttentionName, ...] = ("dense", "flex", "varlen")
COMPILING = 100.0
"""Seconds that a flow may take to compile."""
SHORTEST_ROW = 0.85
"""Of the longest: groups of the engine have no more padding."""


def shape(text: str) -> Shape:
    """``8x700``: 8 rows of 700 frames, prompt and speech together."""
    rows, _, frames = text.partition("x")
    return int(rows), int(frames)


def batch(cfm: CFM, rows: int, frames: int, device: torch.device) -> FlowRows:
    """Rows from 85 % of ``frames`` to all, behind prompts of 5 s, or of a third where that is less."""
    config = cfm.estimator.config
    lengths = torch.linspace(frames, SHORTEST_ROW * frames, rows).long()
    prompts = torch.full((rows,), min(430, frames // 3))
    mu = torch.randn(rows, frames, config.content_dim, device=device)
    prompt, noise = (torch.randn(rows, 80, size, device=device) for size in (int(prompts[0]), frames))
    return FlowRows(mu, lengths, prompt, prompts, torch.randn(rows, config.style_dim, device=device), noise)


class Peak:
    """GB on the GPU above what was there before; 0 on a CPU."""

    def __init__(self, device: torch.device) -> None:
        self.on_gpu = device.type == "cuda"
        if self.on_gpu:
            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()
            self.before = torch.cuda.memory_allocated()

    def gb(self) -> float:
        return round((torch.cuda.max_memory_allocated() - self.before) / 1e9, 3) if self.on_gpu else 0.0


def measure_attention(
    tts: IndexTTS2, shapes: list[Shape], bf16_tflops: float, session: Session, keep: Callable[..., None]
) -> None:
    """Milliseconds of a guided velocity, compiled on a GPU, by shape and way of attention.

    The work is counted as dense attention does it, for all ways, so that shares compare. Memory is beside what the
    formula predicts for eager layers, and what those took.
    """
    cfm, device = tts._components.cfm, tts.device
    dtype = cfm.estimator.cond_projection.weight.dtype
    cfm.estimator.pack()
    bytes_per_frame = flow_bytes_per_frame(cfm.estimator.config, dtype)
    rows_of: dict[str, Any] = {}
    velocity = cfm._compiled_velocity if device.type == "cuda" else cfm.estimator.velocity
    with torch.no_grad():
        for way in WAYS:
            if way != "dense" and attention_for(way, device, dtype, True) is attention_for(
                "dense", device, dtype, True
            ):
                continue
            session.need(COMPILING if device.type == "cuda" else 0)
            for rows, frames in shapes:
                row = rows_of.setdefault(f"{rows}x{frames}", {})
                if way == "dense":
                    row |= _eager(cfm, rows, frames, device)
                    row["predicted_gb"] = round(bytes_per_frame * rows * frames / 1e9, 3)
                peak = Peak(device)
                given = _velocity_arguments(cfm, way, rows, frames, device)
                seconds = best_seconds(lambda given=given: velocity(*given))  # type: ignore[misc]
                tflops = row["gflop"] / seconds / 1e3
                row[way] = {
                    "ms": round(1000 * seconds, 3),
                    "tflops": round(tflops, 3),
                    "share_of_bf16_rate": round(tflops / bf16_tflops, 4),
                    "peak_gb": peak.gb(),
                }
                del given
                keep({"bf16_tflops": bf16_tflops, "velocities": rows_of})


def _velocity_arguments(cfm: CFM, way: AttentionName, rows: int, frames: int, device: torch.device) -> tuple[Any, ...]:
    given = batch(cfm, rows, frames, device)
    window = int((given.lengths - cfm.estimator.speech_starts(given.prompt_lengths)).max())
    sizes = BatchSizes(rows, frames, window).aligned()
    usual, cfm.attention = cfm.attention, way
    compiled, cfm.acceleration.enabled = cfm.acceleration.enabled, True  # it is by our own hand
    try:
        state = cfm._state(given.padded(sizes, cfm.estimator.config.wavenet.reach + 1), FlowSolver(1), True, sizes)
    finally:
        cfm.attention, cfm.acceleration.enabled = usual, compiled
    return torch.cat((state.x, state.x)).to(state.terms.dtype), state.terms, state.tables.at(0), state.layout


def _eager(cfm: CFM, rows: int, frames: int, device: torch.device) -> dict[str, float]:
    """Arithmetic and memory of one velocity as it is, with dense attention."""
    peak = Peak(device)
    given = _velocity_arguments(cfm, "dense", rows, frames, device)
    with flop_counter() as counter:
        cfm.estimator.velocity(*given)
    return {"gflop": round(counter.get_total_flops() / 1e9, 3), "eager_peak_gb": peak.gb()}


def measure_loops(tts: IndexTTS2, shapes: list[Shape], steps: int, session: Session, keep: Callable[..., None]) -> None:
    """Milliseconds of the whole guided loop: as it is, compiled, and captured, whatever its size; a CPU has the first
    alone.
    """
    cfm, device = tts._components.cfm, tts.device
    modes = {"eager": (False, False), "compiled": (True, False), "captured": (True, True)}
    usual = cfm.loops.most_frames
    cfm.loops.most_frames = max(usual, max(4 * rows * frames for rows, frames in shapes))
    loops: dict[str, dict[str, Any]] = {}
    try:
        for name, (compiled, captured) in modes.items():
            if device.type != "cuda" and name != "eager":
                continue
            session.need(COMPILING if compiled and not captured else 0)
            for rows, frames in shapes:
                given = batch(cfm, rows, frames, device)
                with without_accelerations(cfm), torch.no_grad():
                    cfm.acceleration.enabled, cfm.loops.enabled = compiled, captured
                    cfm.solve(
                        *given, FlowSolver(steps)
                    )  # compiled, or warmed up: the next is captured, and not counted either
                    seconds = best_seconds(lambda given=given: cfm.solve(*given, FlowSolver(steps)), 3)  # type: ignore[misc]
                    kept = cfm.acceleration.enabled is compiled and cfm.loops.enabled is captured
                row = loops.setdefault(f"{rows}x{frames}", {})
                row[name] = round(1000 * seconds, 2) if kept else "given up"
                keep({"loops": loops})
    finally:
        cfm.loops.most_frames = usual
        cfm.loops.clear()
