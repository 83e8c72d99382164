"""The whole chain on the card: batches of several sizes, and single calls as the classic builder makes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from indextts import IndexTTS2
from indextts.decoding.budgets import USUAL_POSITIONS
from indextts.engine.figures import SpeakingFigures
from indextts.models.length_regulator import target_frames

from ..tts_chain import measure_calls
from ..tts_roofline import decode_work, flow_gflop, vocoder_gflop_per_second
from ..tts_turns import Turn, spread
from .session import Session

STAGES = ("gpt", "latent", "flow", "vocoder")


@dataclass
class Work:
    """Arithmetic of the turns, for shares of the card's rate: GFLOP by stage, GB read while decoding."""

    flow_gflop: float
    decode_gflop: float
    decode_gb: float
    vocoder_gflop: float

    @classmethod
    def of(cls, tts: IndexTTS2, turns: list[Turn], rows: int, steps: int, audio_seconds: float) -> Work:
        """Counted by lengths (the flow's by running one step of each length once), not estimated from time."""
        prompt_frames = tts.cache_mel.shape[2]
        by_codes = {turn.codes: turn for turn in turns}
        # The flow's work is a polynomial of second degree in the length: three lengths tell all.
        lengths = sorted(by_codes)
        known = sorted({lengths[0], lengths[len(lengths) // 2], lengths[-1]})
        counted = torch.tensor([flow_gflop(tts, by_codes[codes], prompt_frames, steps) for codes in known])
        powers = torch.tensor([[float(codes) ** k for k in range(len(known))] for codes in known], dtype=torch.float64)
        factors = torch.linalg.solve(powers, counted.double())
        flow = sum(float(sum(factor * turn.codes**k for k, factor in enumerate(factors))) for turn in turns)
        text_tokens = 20  # of some hundred positions each
        decode, read = decode_work(tts, turns, text_tokens, rows)
        return cls(flow, decode, read, vocoder_gflop_per_second(tts) * audio_seconds)


def batch_row(tts: IndexTTS2, turns: list[Turn], rows: int, steps: int) -> dict[str, Any]:
    """All turns through one `synthesize` call, ``rows`` of them decoded at a time, and once more with the stages in
    turn.

    The first run says how fast it is. In it flow and vocoder run beside decoding, so the milliseconds of each stage per
    second of audio, and the shares of the card's rate, are those of the second.
    """
    figures = _spoken(tts, turns, rows, steps)
    engine = tts._synthesizer.engine
    engine.beside = False
    try:
        apart = _spoken(tts, turns, rows, steps)
    finally:
        engine.beside = True
    work = Work.of(tts, turns, rows, steps, figures.audio_seconds)
    spent = apart.stage_seconds
    return {
        "rows": rows,
        "turns": len(turns),
        "audio_seconds": round(figures.audio_seconds, 1),
        "seconds": round(figures.seconds, 2),
        "times_real_time": round(figures.times_real_time, 3),
        "seconds_in_turn": round(apart.seconds, 2),
        "ms_per_audio_second": _ms(apart),
        "mean_rows_per_step": round(figures.batches["gpt"].mean_rows, 1),
        "codes_per_second": round(figures.codes_per_second, 1),
        "padding": round(figures.padding, 4),
        "decode_tflops": round(work.decode_gflop / spent["gpt"] / 1e3, 3),
        "decode_gb_per_second": round(work.decode_gb / spent["gpt"], 1),
        "flow_tflops": round(work.flow_gflop / spent["flow"] / 1e3, 3),
        "vocoder_tflops": round(work.vocoder_gflop / spent["vocoder"] / 1e3, 3),
        "peak_gpu_gb": round(figures.peak_memory / 1e9, 2),
        "predicted_gb": round(predicted_peak(tts, turns, rows) / 1e9, 2),
        "out_of_memory": figures.out_of_memory,
    }


def _spoken(tts: IndexTTS2, turns: list[Turn], rows: int, steps: int) -> SpeakingFigures:
    requests = [turn.request(number) for number, turn in enumerate(turns)]
    tts.synthesize(requests, num_beams=1, flow_steps=steps, max_batch=rows)
    figures = tts.last_figures
    assert figures is not None and figures.failed == 0
    assert figures.codes == sum(turn.codes for turn in turns), "the code lengths were not kept"
    return figures


def _ms(figures: SpeakingFigures) -> dict[str, float]:
    spent = figures.stage_seconds
    rest = figures.seconds - sum(spent[stage] for stage in STAGES)
    stages = {stage: round(1000 * spent[stage] / figures.audio_seconds, 3) for stage in STAGES}
    return {**stages, "rest": round(1000 * rest / figures.audio_seconds, 3)}


def predicted_peak(tts: IndexTTS2, turns: list[Turn], rows: int) -> float:
    """Bytes by formula: weights, a cache of ``rows`` as long as the longest turn, and the flow's budget, if there is so
    much to do.
    """
    pipeline, engine = tts._synthesizer.pipeline, tts._synthesizer.engine
    parts = [part for part in vars(pipeline.components).values() if isinstance(part, torch.nn.Module)]
    weights = {p.data_ptr(): p.nbytes for part in parts for p in part.parameters()}
    longest = max(turn.codes for turn in turns)
    cache = min(rows, len(turns)) * (USUAL_POSITIONS - 600 + longest) * engine.bytes_per_position
    prompt = tts.cache_mel.shape[2]
    frames = sum(prompt + target_frames(turn.codes) for turn in turns)
    return sum(weights.values()) + cache + min(engine.budgets.flow_budget, frames) * pipeline.bytes_per_frame()


def measure_batches(
    tts: IndexTTS2, turns: list[Turn], sizes: list[int], steps: int, session: Session, keep: Callable[..., None]
) -> None:
    """A row for each size. Before each, as many turns as it has rows are spoken once: what compiles or is captured, is
    then.

    Each size speaks all turns, or where it has more rows than a third of them, the turns several times over.
    """
    tts.warm_cache({turn.voice for turn in turns})
    seconds = 0.0
    for rows in sizes:
        spoken = turns * max(1, -(-3 * rows // len(turns)))
        session.need(4.5 * seconds * len(spoken) / len(turns))
        first = batch_row(tts, spoken[:rows], rows, steps)
        measured = batch_row(tts, spoken, rows, steps)
        seconds = measured["seconds"] * len(turns) / len(spoken)
        keep({f"rows_{rows}": {**measured, "first_call_seconds": first["seconds"]}})


MODES: dict[str, dict[str, bool]] = {
    "all": {},
    "flow not compiled": {"use_torch_compile": False},
    "vocoder without kernel": {"use_cuda_kernel": False},
    "nothing captured": {"use_accel": False},
    "none": {"use_torch_compile": False, "use_cuda_kernel": False, "use_accel": False},
}
"""What is switched off, by name."""


def measure_modes(
    load: Callable[..., IndexTTS2],
    turns: list[Turn],
    rows: int,
    steps: int,
    session: Session,
    keep: Callable[..., None],
) -> None:
    """The same turns with each acceleration left out, so that each one's gain is known by itself."""
    seconds = 0.0
    for name, options in MODES.items():
        session.need(4.5 * seconds)
        tts = load(**options)
        tts.warm_cache({turn.voice for turn in turns})
        first = batch_row(tts, turns[:rows], rows, steps)
        measured = batch_row(tts, turns, rows, steps)
        seconds = measured["seconds"]
        keep({name: {**measured, "first_call_seconds": first["seconds"]}})


def measure_single_calls(
    load: Callable[..., IndexTTS2], turns: list[Turn], folder: Path, session: Session, keep: Callable[..., None]
) -> None:
    """`infer` one after another on a few turns: one call each of the classic loop (3 beams, one voice cached) and with
    one beam and warm voices, by turns, so that the limit of time cuts both alike."""
    for name, beams, warm, options in (("beams_3", 3, False, {"cache_bytes": 0}), ("beams_1", 1, True, {})):
        tts = load(**options)
        measure_calls(tts, spread(turns, 1), folder, beams, warm)  # not counted: the first call is slower
        spoken: list[dict[str, Any]] = []
        for turn in turns:
            session.need(2 * (spoken[-1]["seconds"] if spoken else 0))
            spoken.append(measure_calls(tts, [turn], folder, beams, warm))
            audio, seconds = (sum(call[key] for call in spoken) for key in ("audio_seconds", "seconds"))
            stages = {
                stage: round(1000 * sum(call["stages"][stage] * call["audio_seconds"] for call in spoken) / audio, 2)
                for stage in STAGES
            }
            summary = {"turns": len(spoken), "audio_seconds": round(audio, 1), "seconds": round(seconds, 2)}
            keep({name: {**summary, "times_real_time": round(audio / seconds, 4), "ms_per_audio_second": stages}})
