"""Short turns, where prompts weigh most: the classic loop, single calls and batches of the same turns, interleaved in
one run.

On a CPU whose speed varies from minute to minute only what was measured in turn can be compared: half of the turns in
each kind of calls, all in one batch, the other half, all once more. The machine's rate of matrix products is measured
in between.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import soundfile
import torch

from indextts import IndexTTS2
from indextts.engine.figures import STAGES, SpeakingFigures

from .tts_roofline import flow_gflop, measure_rates, vocoder_gflop_per_second
from .tts_turns import Turn

SHORT_TURNS, SHORT_SECONDS = 16, (2.0, 3.0)
EQUAL_STEPS = 8
"""Samples of 16 bits are the same if no further apart than rounding puts them: so many steps."""


@dataclass
class Spent:
    """What calls took together, and the samples they gave by the number of the turn."""

    wall: float = 0.0
    audio: float = 0.0
    stages: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))
    samples: dict[int, torch.Tensor] = field(default_factory=dict)

    def add(self, wall: float, figures: SpeakingFigures | None) -> None:
        assert figures is not None and figures.failed == 0
        self.wall += wall
        self.audio += figures.audio_seconds
        for stage, seconds in figures.stage_seconds.items():
            self.stages[stage] += seconds

    def told(self, flow_gflop: float, vocoder_gflop: float, rate: float) -> dict[str, Any]:
        """Figures for a second of audio; ``flow_gflop`` and ``vocoder_gflop`` of it, ``rate`` in GFLOP/s."""
        stages = {name: seconds / self.audio for name, seconds in self.stages.items()}
        gflops = {"flow": flow_gflop / stages["flow"], "vocoder": vocoder_gflop / stages["vocoder"]}
        return {
            "audio_seconds": round(self.audio, 1),
            "seconds": round(self.wall, 1),
            "times_real_time": round(self.audio / self.wall, 4),
            "seconds_per_second": round(self.wall / self.audio, 3),
            "stages": {name: round(seconds, 3) for name, seconds in stages.items()},
            "gflops": {name: round(value, 1) for name, value in gflops.items()},
            "share_of_rate": {name: round(value / rate, 3) for name, value in gflops.items()},
        }


def speak_calls(tts: IndexTTS2, numbered: Sequence[tuple[int, Turn]], beams: int, folder: Path, spent: Spent) -> None:
    """One `infer` call after another, each writing its file."""
    for number, turn in numbered:
        path = folder / f"{beams}_{number}.wav"
        lengths = {"min_mel_tokens": turn.codes, "max_mel_tokens": turn.codes}
        begin = time.perf_counter()
        tts.infer(turn.voice, turn.text, path, seed=number, num_beams=beams, **lengths)
        spent.add(time.perf_counter() - begin, tts.last_figures)
        spent.samples[number] = torch.from_numpy(soundfile.read(path, dtype="float32")[0])


def speak_batch(tts: IndexTTS2, turns: Sequence[Turn], steps: int, spent: Spent) -> None:
    """All turns in one `synthesize` call, in one batch."""
    requests = [turn.request(number) for number, turn in enumerate(turns)]
    begin = time.perf_counter()
    results = tts.synthesize(requests, num_beams=1, flow_steps=steps, max_batch=len(turns))
    spent.add(time.perf_counter() - begin, tts.last_figures)
    spent.samples.update(enumerate(torch.as_tensor(result.wav_tensor) for result in results))


def same_rows(one: Spent, other: Spent) -> int:
    """Turns whose samples are the same in both."""
    return sum(
        samples.shape == other.samples[number].shape
        and float((samples - other.samples[number]).abs().max()) * 32768 <= EQUAL_STEPS
        for number, samples in one.samples.items()
    )


def measure_short(load: Callable[..., IndexTTS2], turns: list[Turn], steps: int, folder: Path) -> dict[str, Any]:
    """Each way's seconds for a second of audio by stage, beside what the machine's rate of matrix products would
    allow.
    """
    cold, warm = load(cache_bytes=0), load()
    warm.warm_cache({turn.voice for turn in turns})
    numbered = list(enumerate(turns))
    middle = len(turns) // 2
    for tts, beams in ((cold, 3), (warm, 1)):  # weights are laid out at first use
        speak_calls(tts, numbered[:1], beams, folder, Spent())
    classic, single, batch = Spent(), Spent(), Spent()
    rates = [measure_rates(warm.device)["matmul_gflops"]]
    for half in (numbered[:middle], numbered[middle:]):
        speak_calls(cold, half, 3, folder, classic)
        speak_calls(warm, half, 1, folder, single)
        speak_batch(warm, turns, steps, batch)
        rates.append(measure_rates(warm.device)["matmul_gflops"])
    rate = sum(rates) / len(rates)
    prompt_frames = warm.cache_mel.shape[2]
    flow = sum(flow_gflop(warm, turn, prompt_frames, steps) for turn in turns) / single.audio
    vocoder = vocoder_gflop_per_second(warm)
    return {
        "turns": len(turns),
        "turn_seconds": SHORT_SECONDS,
        "rates_gflops": rates,
        "flow_gflop_per_audio_second": round(flow, 1),
        "vocoder_gflop_per_audio_second": round(vocoder, 1),
        "arithmetic_seconds_per_second": round((flow + vocoder) / rate, 3),
        "rows_equal_to_single_calls": same_rows(single, batch),
        "ways": {
            "classic": classic.told(flow, vocoder, rate),
            "single": single.told(flow, vocoder, rate),
            "batch": batch.told(flow, vocoder, rate),
        },
    }
