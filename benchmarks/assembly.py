"""The stereo stage alone, with two threads: one dialogue a recording against packed recordings with natural timing."""

from __future__ import annotations

import shutil
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from moshi_assets.engines.noise import NoiseEngine
from moshi_assets.planning.stage import plan
from moshi_assets.recipe import Recipe, make_recipe
from moshi_assets.resume.missing import missing_rows
from moshi_assets.stereo.stage import build_pairs
from moshi_assets.stereo.timeline import TimedTurn, place
from moshi_assets.storage.dataset import DatasetStore
from moshi_assets.synthesis.lane import Lane

from .measure import save, write_dialogues

DIALOGUES = 1_024
THREADS = 2
REPEATS = 3
PACKED = {"timing": "natural", "pack_seconds": 100}


def stage(store: DatasetStore, recipe: Recipe) -> dict[str, Any]:
    """Write every recording of a spoken dataset; the best of a few runs."""
    walls, audio, recordings = [], 0.0, 0
    for _ in range(REPEATS):
        shutil.rmtree(store.stereo_folder, ignore_errors=True)
        for shard in store.shards():
            store.index_path(shard).unlink(missing_ok=True)
        begin = time.perf_counter()
        with ThreadPoolExecutor(THREADS) as pool:
            figures = [build_pairs(store, recipe, shard, pool) for shard in store.shards()]
        walls.append(time.perf_counter() - begin)
        audio, recordings = sum(f.audio_seconds for f in figures), sum(f.recordings for f in figures)
    return {
        "recordings": recordings,
        "audio_seconds": round(audio),
        "wall_seconds": round(min(walls), 2),
        "x_realtime": round(audio / min(walls)),
    }


def placement_microseconds(recipe: Recipe) -> float:
    """Placing one turn of a dialogue of ten."""
    turns = [TimedTurn(("user", "assistant")[n % 2], 100_000) for n in range(10)]
    begin = time.perf_counter()
    for seed in range(2000):
        place(turns, 24000, recipe.timing_model, seed)
    return round((time.perf_counter() - begin) / 2000 / len(turns) * 1e6, 2)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        source = Path(name) / "dialogues.jsonl"
        write_dialogues(source, DIALOGUES)
        settings = {"name": "talks", "source": str(source), "engine": "noise", "keep_mono": True}
        plain, packed = make_recipe(settings), make_recipe(settings | PACKED)
        store = DatasetStore(Path(name) / "data", "talks")
        plan(plain, store)
        missing = [(shard, missing_rows(store, plain, shard)) for shard in store.shards()]
        Lane(store, plain, NoiseEngine(plain.noise), missing).run()
        figures = {
            "dialogues": DIALOGUES,
            "threads": THREADS,
            "alone": stage(store, plain),
            "packed": stage(store, packed),
            "placement_microseconds_a_turn": {
                "fixed": placement_microseconds(plain),
                "natural": placement_microseconds(packed),
            },
        }
    save("assembly", "python -m benchmarks assembly", figures)


if __name__ == "__main__":
    main()
