"""The whole chain: calls one after another, and batches of several sizes, of the same turns."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from indextts import IndexTTS2
from indextts.engine.figures import SpeakingFigures, StageClock

from .tts_roofline import flow_gflop
from .tts_turns import Turn, spread

HALF = "flow bf16"
"""Beside float32: what the builder does on a CPU that computes bf16. The codes, and so the lengths, are the same."""
HALF_CALLS = 6
"""Turns of the calls in half precision: nobody's opponent, there to tell what the format gives from what batches
give.
"""


def stages(figures: SpeakingFigures) -> dict[str, float]:
    """Seconds of each stage per second of audio."""
    return {name: round(seconds / figures.audio_seconds, 3) for name, seconds in figures.stage_seconds.items()}


def summary(audio_seconds: float, seconds: float, turns: int) -> dict[str, Any]:
    return {
        "turns": turns,
        "audio_seconds": round(audio_seconds, 1),
        "seconds": round(seconds, 1),
        "times_real_time": round(audio_seconds / seconds, 4),
    }


def measure_calls(tts: IndexTTS2, turns: list[Turn], folder: Path, num_beams: int, warm: bool) -> dict[str, Any]:
    """One `infer` call after another, each writing its file."""
    if warm:
        tts.warm_cache({turn.voice for turn in turns})
    audio, spent = 0.0, dict.fromkeys(StageClock(tts.device).seconds, 0.0)
    begin = time.perf_counter()
    for number, turn in enumerate(turns):
        settings = {"num_beams": num_beams, "min_mel_tokens": turn.codes, "max_mel_tokens": turn.codes}
        tts.infer(turn.voice, turn.text, folder / f"{number}.wav", seed=number, **settings)
        assert tts.last_figures is not None
        audio += tts.last_figures.audio_seconds
        for stage, seconds in tts.last_figures.stage_seconds.items():
            spent[stage] += seconds
    result = summary(audio, time.perf_counter() - begin, len(turns))
    return {**result, "stages": {name: round(seconds / audio, 3) for name, seconds in spent.items()}}


def measure_batch(tts: IndexTTS2, turns: list[Turn], batch: int, steps: int) -> dict[str, Any]:
    """All turns through one `synthesize` call with ``batch`` rows decoded at a time."""
    tts.warm_cache({turn.voice for turn in turns})
    requests = [turn.request(number) for number, turn in enumerate(turns)]
    tts.synthesize(requests, num_beams=1, flow_steps=steps, max_batch=batch)
    figures = tts.last_figures
    assert figures is not None and figures.failed == 0
    prompt_frames = tts.cache_mel.shape[2]
    gflop = sum(flow_gflop(tts, turn, prompt_frames, steps) for turn in turns)
    return {
        **summary(figures.audio_seconds, figures.seconds, len(turns)),
        "stages": stages(figures),
        "codes_per_second": round(figures.codes_per_second, 1),
        "rows_per_step": round(figures.batches["gpt"].mean_rows, 1),
        "padding": round(figures.padding, 4),
        "flow_gflops": round(gflop / figures.stage_seconds["flow"], 1),
        "peak_gpu_gb": round(figures.peak_memory / 1e9, 1),
    }


def measure_chain(
    load: Callable[..., IndexTTS2],
    turns: list[Turn],
    few: list[Turn],
    batches: list[int],
    steps: int,
    scratch: Path,
    earlier: dict[str, Any],
    keep: Callable[[dict[str, Any]], None],
) -> None:
    """Calls one after another, as the classic builder makes them and with warm voices, and batches of each size; the
    best size once more in half precision.

    It takes hours on a CPU, so ``keep`` is given the rows after each. Rows that ``earlier`` has of as many turns are
    not measured again.
    """
    rows: dict[str, Any] = {}

    def row(name: str, turns: int, measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        rows[name] = earlier.get(name, {})
        if rows[name].get("turns") != turns:
            rows[name] = {**measure(), "measured": f"{datetime.now(UTC):%Y-%m-%d %H:%M}"}
            keep(rows | {later: told for later, told in earlier.items() if later not in rows})
        return rows[name]

    usual, half = cache(load), cache(lambda: load(precision={"flow": "bf16"}))
    classic = row(
        "calls_3_beams_one_voice_cached",
        len(few),
        lambda: measure_calls(load(cache_bytes=0), few, scratch, 3, warm=False),
    )
    warm = row("calls_1_beam_warm", len(few), lambda: measure_calls(usual(), few, scratch, 1, warm=True))
    sizes = {}
    for size in batches:
        spoken = few if size == 1 else turns
        sizes[size] = row(
            f"synthesize_{size}",
            len(spoken),
            lambda spoken=spoken, size=size: measure_batch(usual(), spoken, size, steps),
        )
    best = max(sizes, key=lambda size: sizes[size]["times_real_time"])
    if earlier.get("best_batch_half", {}).get("batch") != best:
        earlier = {name: told for name, told in earlier.items() if name != "best_batch_half"}
    best_in_half = row(
        "best_batch_half",
        len(turns),
        lambda: {"batch": best, "precision": HALF, **measure_batch(half(), turns, best, steps)},
    )
    calls = spread(few, min(HALF_CALLS, len(few)))
    row("calls_1_beam_warm_half", len(calls), lambda: measure_calls(half(), calls, scratch, 1, warm=True))
    for opponent in (classic, warm):
        for name, told in (("float32", sizes[best]), ("half", best_in_half)):
            gain = told["times_real_time"] / opponent["times_real_time"]
            opponent[f"best_batch_{name}_is_faster_by"] = round(gain, 2)
    keep(rows)
