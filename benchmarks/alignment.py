"""Word times: how far the aligners are apart on the sample dialogues, and how fast each is.

What transcripts cost a build is told by `benchmarks additions`.
"""

from __future__ import annotations

import json
import tempfile
import time
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from moshi_assets.alignment.acoustic import AcousticAligner
from moshi_assets.alignment.base import Aligner, AlignmentError, Utterance, Word
from moshi_assets.alignment.engine_times import EngineAligner
from moshi_assets.alignment.proportional import ProportionalAligner
from moshi_assets.audio.silence import audible_stretches
from moshi_assets.planning.task_table import dialogue_texts
from moshi_assets.stereo.index import read_index
from moshi_assets.storage.dataset import DatasetStore
from moshi_assets.transcripts.stage import said_of
from moshi_assets.transcripts.transcribe import utterances

from .measure import build, save

SAMPLE = Path(__file__).resolve().parent.parent / "examples" / "moshi_sample.jsonl"
ALIGNERS: tuple[type[Aligner], ...] = (EngineAligner, AcousticAligner, ProportionalAligner)
REPEATS = 3


def spoken(store: DatasetStore) -> list[Utterance]:
    """Every turn of a finished dataset."""
    turns = []
    for shard in store.shards():
        texts = dialogue_texts(store.tasks(shard))
        for recording in read_index(store.index_path(shard)):
            turns += utterances(said_of(store, recording, texts))
    return turns


def differences(one: list[list[Word]], other: list[list[Word]]) -> dict[str, float]:
    """Milliseconds between the starts of the same words."""
    apart = np.array(
        [1000 * (a.start - b.start) for x, y in zip(one, other, strict=True) for a, b in zip(x, y, strict=True)]
    )
    return {
        "words": len(apart),
        "mean_ms": round(float(abs(apart).mean()), 1),
        "p95_ms": round(float(np.quantile(abs(apart), 0.95)), 1),
        "bias_ms": round(float(apart.mean()), 1),
    }


def onset_error(turns: list[Utterance], found: list[list[Word]]) -> float:
    """Mean milliseconds between the first word of a turn and the onset of its sound; `acoustic` looks at it too."""
    onsets = [audible_stretches(turn.samples, turn.sample_rate)[0, 0] for turn in turns]
    return round(
        float(np.mean([abs(words[0].start - onset) for words, onset in zip(found, onsets, strict=True)])) * 1000, 1
    )


def timed(aligner: Aligner, turns: list[Utterance]) -> tuple[list[list[Word]], float]:
    """What an aligner finds and its wall seconds, the best of a few runs, its model loaded before."""
    aligner.align(turns[:1])
    walls = []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        outcomes = aligner.align(turns)
        walls.append(time.perf_counter() - begin)
    failed = [outcome for outcome in outcomes if isinstance(outcome, AlignmentError)]
    assert not failed, failed
    return [outcome for outcome in outcomes if not isinstance(outcome, AlignmentError)], min(walls)


def measure(output: Path) -> dict[str, Any]:
    """All figures, of a build in a folder: turns are read from its recordings when they are aligned."""
    build([str(SAMPLE), "--output", str(output), "--name", "demo", "--worker-count", "2", "--samples-per-shard", "8"])
    store = DatasetStore(output, "demo")
    summaries = [json.loads(store.transcripts_path(shard).read_text()) for shard in store.shards()]
    turns = spoken(store)
    found, walls = {}, {}
    for aligner in ALIGNERS:
        found[aligner.name], walls[aligner.name] = timed(aligner(), turns)
    seconds = sum(turn.duration for turn in turns)
    return {
        "turns": len(turns),
        "audio_seconds": round(seconds, 1),
        "word_starts_apart": {
            f"{one} - {other}": differences(found[one], found[other]) for one, other in combinations(found, 2)
        },
        "first_word_from_onset_ms": {
            aligner: onset_error(turns, found[aligner]) for aligner in (EngineAligner.name, AcousticAligner.name)
        },
        "x_realtime": {aligner: round(seconds / wall_seconds) for aligner, wall_seconds in walls.items()},
        "words_sharing_a_slot": sum(summary["shared_slots"] for summary in summaries),
        "assistant_words": sum(summary["assistant_words"] for summary in summaries),
    }


def main() -> None:
    with tempfile.TemporaryDirectory() as output:
        save("alignment", "python -m benchmarks alignment", measure(Path(output)))


if __name__ == "__main__":
    main()
