"""The loudness measure beside pyloudnorm's: real time factor on one core, and how far apart they are.

500 utterances: pieces of the built-in voice's speech, 0.3 to 20 s long, cut anywhere. Each is measured at the engine's
sample rate, where speed is measured, and at those of other engines.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable

import numpy as np
import soxr

from moshi_assets.audio.loudness import SILENT_LUFS, loudness
from moshi_assets.engines.base import SynthesisTask
from moshi_assets.engines.builtin import BuiltinEngine
from moshi_assets.recipe.engines import BuiltinOptions

from .measure import dialogues, save

RATES = (24000, 16000, 22050, 48000)
"""The first is the built-in voice's."""
REPEATS = 3
Meter = Callable[[np.ndarray, int], float]


def speech(count: int) -> np.ndarray:
    """What the built-in voice says in some dialogues, one after another: float samples at 24 kHz."""
    engine = BuiltinEngine(BuiltinOptions())
    tasks = [
        SynthesisTask("bench", record["id"], 0, role, record[f"{role}_text"], engine.default_voices[role], 1, b"k" * 16)
        for record in dialogues(count)
        for role in ("user", "assistant")
    ]
    return np.concatenate([result.audio for task in tasks for result in engine.synthesize([task])])


def utterances(sound: np.ndarray, rate: int, count: int) -> list[np.ndarray]:
    """Pieces of 0.3 to 20 s, as many short as long ones, without offset as the gates have them."""
    draw = np.random.default_rng(0)
    pieces = []
    for _ in range(count):
        samples = round(rate * 0.3 * (20 / 0.3) ** draw.random())
        first = draw.integers(0, len(sound) - samples)
        piece = sound[first : first + samples]
        pieces.append((piece - piece.mean()).astype(np.float32))
    return pieces


def theirs(wave: np.ndarray, rate: int) -> float:
    """Loudness by pyloudnorm, whose blocks must not be longer than the wave."""
    import pyloudnorm

    meter = pyloudnorm.Meter(rate, block_size=min(0.4, len(wave) / rate * (1 - 1e-12)))
    return max(float(meter.integrated_loudness(wave)), SILENT_LUFS)


def times_real_time(meter: Meter, pieces: list[np.ndarray], rate: int) -> float:
    """Seconds of sound a CPU second; the best of a few runs."""
    meter(pieces[0], rate)  # imports, designs the filters
    taken = []
    for _ in range(REPEATS):
        begin = time.process_time()
        for piece in pieces:
            meter(piece, rate)
        taken.append(time.process_time() - begin)
    return sum(map(len, pieces)) / rate / min(taken)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--utterances", type=int, default=500)
    count = parser.parse_args(arguments if arguments is not None else []).utterances
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    sound = speech(60)
    apart = {}
    for rate in RATES:
        pieces = utterances(soxr.resample(sound, RATES[0], rate), rate, count)
        errors = np.abs([loudness(piece, rate) - theirs(piece, rate) for piece in pieces])
        apart[rate] = {"largest_lu": round(float(errors.max()), 4), "mean_lu": round(float(errors.mean()), 6)}
    pieces = utterances(sound, RATES[0], count)
    figures = {
        "utterances": count,
        "seconds": round(sum(map(len, pieces)) / RATES[0]),
        "x_realtime": round(times_real_time(loudness, pieces, RATES[0])),
        "pyloudnorm_x_realtime": round(times_real_time(theirs, pieces, RATES[0])),
        "apart": apart,
    }
    save("loudness", "python -m benchmarks loudness", figures)


if __name__ == "__main__":
    main()
