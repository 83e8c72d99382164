"""Where a card's time goes: kernels by time, and how much of the wall time any kernel ran."""

from __future__ import annotations

import time
from typing import Any

import torch
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from indextts import IndexTTS2

from ..tts_turns import Turn

TOP = 15


def profile_call(tts: IndexTTS2, turns: list[Turn], rows: int, steps: int) -> dict[str, Any]:
    """One `synthesize` call under torch's profiler, after one like it that is not counted.

    The profiler makes launches slower: its wall time is beside that of the same call without it.

    Returns:
        Wall and kernel seconds, the share of the wall time in which a kernel ran, launches, and the `TOP` kernels by
        time.
    """
    requests = [turn.request(number) for number, turn in enumerate(turns)]

    def call() -> float:
        begin = time.perf_counter()
        tts.synthesize(requests, num_beams=1, flow_steps=steps, max_batch=rows)
        return time.perf_counter() - begin

    call()
    alone = call()
    on_gpu = tts.device.type == "cuda"
    with profile(activities=[ProfilerActivity.CUDA] if on_gpu else [ProfilerActivity.CPU]) as profiler:
        wall = call()
        if on_gpu:
            torch.cuda.synchronize(tts.device)
    side = DeviceType.CUDA if on_gpu else DeviceType.CPU
    events = [event for event in profiler.key_averages() if event.device_type == side]
    spent = {
        event.key: (event.self_device_time_total if on_gpu else event.self_cpu_time_total, event.count)
        for event in events
    }
    total = sum(microseconds for microseconds, _ in spent.values())
    top = sorted(spent.items(), key=lambda item: -item[1][0])[:TOP]
    return {
        "rows": rows,
        "turns": len(turns),
        "wall_seconds": round(wall, 3),
        "wall_seconds_without_profiler": round(alone, 3),
        "kernel_seconds": round(total / 1e6, 3),
        "kernel_share_of_wall_without_profiler": round(total / 1e6 / alone, 3),
        "launches": sum(count for _, count in spent.values()),
        "top": [
            {
                "kernel": name[:120],
                "ms": round(microseconds / 1e3, 2),
                "calls": count,
                "share": round(microseconds / total, 4),
            }
            for name, (microseconds, count) in top
        ],
    }
