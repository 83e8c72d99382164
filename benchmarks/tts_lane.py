"""The engine alone beside a lane of `moshi-assets build` that speaks the same turns."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg

from indextts import IndexTTS2

from .measure import build
from .tts_sound import spoken
from .tts_turns import CODES_PER_SECOND, write_turns

ORCHESTRATED_STEPS = 10
"""Flow steps on both sides of the orchestrated part: the faster the engine, the more the lane's own work shows."""


def measure_orchestrated(tts: IndexTTS2, folder: Path, scratch: Path, turns: int, seconds: float) -> dict[str, Any]:
    """The engine's own throughput beside that of a lane of `moshi-assets build`: same texts, voices and lengths."""
    codes = round(seconds * CODES_PER_SECOND)
    same = [replace(turn, codes=codes) for turn in write_turns(scratch, turns, seconds, seconds)]
    source = scratch / "dialogues.jsonl"
    pairs = [{"user_text": a.text, "assistant_text": b.text} for a, b in zip(same[::2], same[1::2], strict=False)]
    source.write_text("".join(json.dumps(pair) + "\n" for pair in pairs))
    recipe = scratch / "recipe.yaml"
    settings = {
        "engine": "indextts2",
        "user_voice": str(same[0].voice),
        "assistant_voice": str(same[1].voice),
        "gates": {"enabled": False},  # random weights speak noise
        "indextts2": {
            "cfg_path": str(folder / "config.yaml"),
            "model_dir": str(folder),
            "prompts": {"check": False},  # nobody speaks in the made-up voices
            "flow_steps": ORCHESTRATED_STEPS,
            "generation": {"min_mel_tokens": codes, "max_mel_tokens": codes},
        },
    }
    recipe.write_text(json.dumps(settings))  # JSON is YAML
    _, alone = spoken(tts, same, flow_steps=ORCHESTRATED_STEPS)
    wall = build([str(source), "--output", str(scratch / "data"), "--name", "tts", "--recipe", str(recipe)])
    with dg.DagsterInstance.from_config(str(scratch / "data" / ".dagster")) as instance:
        record = instance.fetch_materializations(dg.AssetKey("mono_syntheses"), limit=1).records[0]
    assert record.asset_materialization is not None
    lane: dict[str, Any] = {name: value.value for name, value in record.asset_materialization.metadata.items()}
    return {
        "turns": len(same),
        "flow_steps": ORCHESTRATED_STEPS,
        "engine_times_real_time": alone["times_real_time"],
        "lane_times_real_time": lane["x_realtime"],
        "share_of_the_engine": round(lane["x_realtime"] / alone["times_real_time"], 3),
        "build_wall_seconds": round(wall, 1),
        **{name: value for name, value in lane.items() if name.startswith(("stage_share", "decode_", "padding_"))},
    }
