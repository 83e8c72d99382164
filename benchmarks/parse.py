"""Parse rate and peak memory of the planner, one core: 1 000 000 lines beside 10 000."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from .measure import save, settle, write_dialogues

_PLAN = """
import json, os, sys
from dataclasses import asdict
from pathlib import Path
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
from moshi_assets.planning.stage import plan
from moshi_assets.recipe import make_recipe
from moshi_assets.storage.dataset import DatasetStore
source, root = sys.argv[1:]
store = DatasetStore(Path(root), "parsed")
store.folder.mkdir(parents=True)
print(json.dumps(asdict(plan(make_recipe({"name": "parsed", "source": source, "engine": "noise"}), store))))
"""


def _plan(lines: int, repeats: int) -> dict:
    """Figures of the fastest of `repeats` parses, each in a process of its own."""
    best: dict = {}
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "dialogues.jsonl"
            write_dialogues(source, lines)
            root = os.path.join(folder, "data")
            out = subprocess.run(
                [sys.executable, "-c", _PLAN, str(source), root], check=True, capture_output=True, text=True
            ).stdout
        figures = json.loads(out)
        if not best or figures["wall_seconds"] < best["wall_seconds"]:
            best = figures
    return best


def main() -> None:
    settle()
    small, large = _plan(10_000, 3), _plan(1_000_000, 2)
    save(
        "parse",
        "python -m benchmarks parse",
        {
            "lines": large["lines"],
            "lines_per_second": round(large["lines"] / large["wall_seconds"]),
            "peak_rss_mb_10k_lines": round(small["peak_rss_mb"], 1),
            "peak_rss_mb_1m_lines": round(large["peak_rss_mb"], 1),
            "growth_mb": round(large["peak_rss_mb"] - small["peak_rss_mb"], 1),
        },
    )


if __name__ == "__main__":
    main()
