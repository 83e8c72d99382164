"""How number formats and fewer flow steps change the sound, for the same codes, and what they cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from indextts import IndexTTS2
from indextts.voice.features import log_mel

from .tts_chain import stages
from .tts_turns import Turn

PRECISIONS: dict[str, dict[str, str]] = {
    "flow bf16": {"flow": "bf16"},
    "vocoder bf16": {"vocoder": "bf16"},
    "flow and vocoder bf16": {"flow": "bf16", "vocoder": "bf16"},
}
"""GPT formats are left out: with other codes the mels cannot be compared."""
GPU_PRECISIONS: dict[str, dict[str, str]] = {"flow bf16, vocoder fp16": {"flow": "bf16", "vocoder": "fp16"}}
"""A CPU computes fp16 convolutions, but thirty times slower than float32."""


def mel_distance(reference: list[Tensor], other: list[Tensor]) -> dict[str, float]:
    """Mean and worst-row root mean square difference of log-mels (natural logarithm), and the largest of samples."""
    rows = [
        float((log_mel(a[None]) - log_mel(b[None])).square().mean().sqrt())
        for a, b in zip(reference, other, strict=True)
    ]
    steps = max(float((a - b).abs().max()) * 32768 for a, b in zip(reference, other, strict=True))
    return {"log_mel_rms": round(sum(rows) / len(rows), 4), "worst": round(max(rows), 4), "int16_steps": round(steps)}


def spoken(tts: IndexTTS2, turns: list[Turn], **options: Any) -> tuple[list[Tensor], dict[str, Any]]:
    """Samples of each turn, and the figures of the call."""
    tts.warm_cache({turn.voice for turn in turns})
    results = tts.synthesize([turn.request(n) for n, turn in enumerate(turns)], num_beams=1, **options)
    figures = tts.last_figures
    assert figures is not None and figures.failed == 0
    told = {"times_real_time": round(figures.times_real_time, 4), "stages": stages(figures)}
    return [torch.as_tensor(result.wav_tensor) for result in results], told


def measure_precision(load: Callable[..., IndexTTS2], turns: list[Turn]) -> dict[str, Any]:
    """Speed of each number format, and how far its sound is from float32's, for the same codes."""
    tts = load(precision={})
    reference, told = spoken(tts, turns)
    results = {"fp32": told}
    for name, precision in (PRECISIONS | (GPU_PRECISIONS if torch.cuda.is_available() else {})).items():
        half = load(precision=precision)
        samples, told = spoken(half, turns)
        results[name] = {**told, **mel_distance(reference, samples)}
    return results


def measure_steps(tts: IndexTTS2, turns: list[Turn]) -> dict[str, Any]:
    """How far the sound of fewer flow steps is from that of 25, for the same codes."""
    reference, told = spoken(tts, turns, flow_steps=25)
    results = {"25": told}
    for steps in (20, 16, 12, 8):
        samples, told = spoken(tts, turns, flow_steps=steps)
        results[str(steps)] = {**told, **mel_distance(reference, samples)}
    return results


EVALUATIONS = (8, 10, 12, 16)
SOLVERS: dict[str, dict[str, Any]] = {
    "euler": {},
    "euler, sway -0.5": {"flow_sway": -0.5},
    "euler, sway -1": {"flow_sway": -1.0},
    "midpoint": {"flow_method": "midpoint"},
    "midpoint, sway -1": {"flow_method": "midpoint", "flow_sway": -1.0},
    "heun": {"flow_method": "heun"},
    "heun, sway -1": {"flow_method": "heun", "flow_sway": -1.0},
}


def measure_solvers(
    tts: IndexTTS2,
    turns: list[Turn],
    evaluations: Sequence[int] = EVALUATIONS,
    published: int = 25,
    exact: int = 100,
) -> dict[str, Any]:
    """How far the sound of each solver at few evaluations is from Euler's at ``published`` and at ``exact`` steps."""
    usual, _ = spoken(tts, turns, flow_steps=published)
    best, _ = spoken(tts, turns, flow_steps=exact)
    results: dict[str, Any] = {f"euler {published}": {"to_exact": mel_distance(best, usual)["log_mel_rms"]}}
    for name, options in SOLVERS.items():
        for count in evaluations:
            samples, told = spoken(tts, turns, flow_steps=count, **options)
            results[f"{name} {count}"] = {
                "times_real_time": told["times_real_time"],
                "to_published": mel_distance(usual, samples)["log_mel_rms"],
                "to_exact": mel_distance(best, samples)["log_mel_rms"],
            }
    return results
