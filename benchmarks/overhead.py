"""Share of wall time outside the engine: a whole command over 2 048 dialogues at the default shard size, one lane."""

from __future__ import annotations

import tempfile
from pathlib import Path

import dagster as dg

from .measure import build, recipe, save, settle, write_dialogues

DIALOGUES = 2_048
COST = 0.02
"""Simulated seconds of engine time per second of audio."""


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "dialogues.jsonl"
        write_dialogues(source, DIALOGUES)
        output = folder / "data"
        settle()
        wall = build([str(source), "--output", str(output), "--recipe", str(recipe(folder / "recipe.yaml", COST))])
        with dg.DagsterInstance.from_config(str(output / ".dagster")) as instance:
            records = instance.fetch_materializations(dg.AssetKey("mono_syntheses"), limit=1000).records
            shards = {r.partition_key: r.asset_materialization for r in records if r.asset_materialization}
            engine = sum(float(m.metadata["engine_seconds"].value) for m in shards.values())  # type: ignore[arg-type]
            audio = sum(float(m.metadata["audio_seconds"].value) for m in shards.values())  # type: ignore[arg-type]
    save(
        "overhead",
        "python -m benchmarks overhead",
        {
            "dialogues": DIALOGUES,
            "shards": len(shards),
            "audio_seconds": round(audio),
            "wall_seconds": round(wall, 1),
            "engine_seconds": round(engine, 1),
            "share_outside_engine": round(1 - engine / wall, 4),
        },
    )


if __name__ == "__main__":
    main()
