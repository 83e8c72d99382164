"""What the quality gates cost: measuring utterances on one core and in two processes at once."""

from __future__ import annotations

import json
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from moshi_assets.audio.pcm import to_pcm16
from moshi_assets.engines.base import SynthesisTask
from moshi_assets.engines.builtin import BuiltinEngine
from moshi_assets.quality.measures import measure
from moshi_assets.quality.rules import failed_gates
from moshi_assets.recipe.engines import BuiltinOptions
from moshi_assets.recipe.gates import Gates

from .measure import save

SAMPLE = Path(__file__).resolve().parent.parent / "examples" / "moshi_sample.jsonl"
REPEATS = 5
Spoken = tuple[str, np.ndarray, int]


def spoken() -> list[Spoken]:
    """Every turn of the sample dialogues by the built-in voice: text, int16 samples, Hz."""
    engine = BuiltinEngine(BuiltinOptions())
    turns = []
    for line in SAMPLE.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        for role in ("user", "assistant"):
            text = record[f"{role}_text"]
            task = SynthesisTask("sample", record["id"], 0, role, text, engine.default_voices[role], 1, b"k" * 16)
            (result,) = engine.synthesize([task])
            turns.append((text, to_pcm16(result.audio), result.sample_rate))
    return turns


def measured_seconds(turns: list[Spoken]) -> float:
    """Wall seconds to measure and judge the turns once; the best of a few runs."""
    walls = []
    for _ in range(REPEATS + 1):  # the first imports and designs the meter's filters
        begin = time.perf_counter()
        for text, samples, rate in turns:
            failed_gates(Gates(), measure(samples, rate, text), text, BuiltinEngine.characters_per_second)
        walls.append(time.perf_counter() - begin)
    return min(walls[1:])


def main() -> None:
    turns = spoken()
    audio = sum(len(samples) / rate for _, samples, rate in turns)
    faults = [failed_gates(Gates(), measure(s, r, t), t, BuiltinEngine.characters_per_second) for t, s, r in turns]
    one = measured_seconds(turns)
    with ProcessPoolExecutor(2) as pool:
        two = max(pool.map(measured_seconds, [turns, turns]))
    figures = {
        "utterances": len(turns),
        "audio_seconds": round(audio, 1),
        "failing_their_gates": sum(map(bool, faults)),
        "one_process_x_realtime": round(audio / one),
        "two_processes_x_realtime": round(2 * audio / two),
    }
    save("gates", "python -m benchmarks gates", figures)


if __name__ == "__main__":
    main()
