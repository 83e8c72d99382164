"""Two lanes beside one, with a simulated engine cost: whole commands over 2 000 dialogues."""

from __future__ import annotations

import tempfile
from pathlib import Path

from .measure import build, recipe, save, settle, write_dialogues

DIALOGUES = 2_000
COST = 0.015
"""Simulated seconds of engine time per second of audio."""


def main() -> None:
    seconds = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "dialogues.jsonl"
        write_dialogues(source, DIALOGUES)
        settings = recipe(folder / "recipe.yaml", COST)
        for lanes in (1, 2):
            output = str(folder / f"lanes{lanes}")
            arguments = [str(source), "--output", output, "--recipe", str(settings), "--worker-count", str(lanes)]
            settle()
            seconds[lanes] = build(arguments)
    save(
        "lanes",
        "python -m benchmarks lanes",
        {
            "dialogues": DIALOGUES,
            "cost_seconds_per_audio_second": COST,
            "one_lane_seconds": round(seconds[1], 1),
            "two_lanes_seconds": round(seconds[2], 1),
            "speedup": round(seconds[1] / seconds[2], 3),
        },
    )


if __name__ == "__main__":
    main()
