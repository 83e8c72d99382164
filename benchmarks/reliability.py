"""How builds survive: kills, damages, interrupts and memory, for docs/reliability.md.

python -m benchmarks.reliability                          a small round of every part, some minutes
python -m benchmarks.reliability --full                   the setting of the page, about an hour
python -m benchmarks.reliability --part kills --full --resume    goes on with a part that was broken off

Figures are kept in docs/benchmarks/reliability.json part by part (kills: dataset by dataset), with machine and date of
each.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from moshi_assets.storage.whole_file import write_whole

from .measure import RESULTS, machine
from .reliability_damages import damage_all
from .reliability_damages import total as total_damages
from .reliability_interrupts import interrupt_all
from .reliability_kills import round_of
from .reliability_memory import batch_memory, build_memory
from .reliability_table import write_page

STORE = RESULTS / "reliability.json"
PARTS = ("kills", "damages", "interrupts", "memory", "batches")
ROUNDS = {"group": (1, 6), "lane": (1, 2), "assembling": (1, 3)}
"""Datasets by kind of kill: by default, and with --full."""
DIALOGUES = ((200, 2_000), (2_000, 20_000))
BATCHES = (40, 300)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.reliability",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--part", nargs="+", choices=PARTS, default=list(PARTS), help="default: all of them")
    parser.add_argument("--full", action="store_true", help="the setting of docs/reliability.md")
    parser.add_argument("--resume", action="store_true", help="keep what the figures hold already of the same setting")
    parser.add_argument("--folder", type=Path, help="where to build (default: a temporary folder)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="reliability_", dir=options.folder) as scratch:
        for part in options.part:
            _run(part, Path(scratch), options.full, options.resume)
    write_page(STORE)


def _run(part: str, folder: Path, full: bool, resume: bool) -> None:
    figures = _stored().get(part, {}) if resume else {}
    if figures.get("full") != full:
        figures = {"full": full}
    print(f"-- {part}", flush=True)
    if part == "kills":
        for number in range(max(counts[full] for counts in ROUNDS.values())):
            for kind, counts in ROUNDS.items():
                rounds: list[dict[str, Any]] = figures.setdefault(kind, [])
                if len(rounds) == number < counts[full]:
                    rounds.append(round_of(kind, folder, number))
                    print(kind, rounds[-1], flush=True)
                    _store(part, figures)
        return
    for key, measure in _measures(part, folder, full).items():
        if key not in figures:
            figures[key] = measure()
            print(key, figures[key], flush=True)
            _store(part, figures)


def _measures(part: str, folder: Path, full: bool) -> dict[str, Any]:
    """What a part measures, by its name in the figures."""
    match part:
        case "damages":
            return {"files": lambda: damage_all(folder, full)}
        case "interrupts":
            return {"commands": lambda: interrupt_all(folder, full)}
        case "memory":
            few, many = DIALOGUES[full]
            return {"few": lambda: build_memory(folder, few), "many": lambda: build_memory(folder, many)}
        case _:
            return {"engine": lambda: batch_memory(folder, BATCHES[full])}


def _stored() -> dict[str, Any]:
    return json.loads(STORE.read_text())["figures"] if STORE.is_file() else {}


def _store(part: str, figures: dict[str, Any]) -> None:
    """Keep a part's figures beside those of the other parts."""
    options = " --full" if figures["full"] else ""
    facts = {"command": f"python -m benchmarks.reliability --part {part}{options}", "machine": machine()}
    if part == "damages":
        facts["total"] = total_damages(figures["files"])
    everything = {"benchmark": "reliability", "figures": {**_stored(), part: {**figures, **facts}}}
    RESULTS.mkdir(parents=True, exist_ok=True)
    write_whole(STORE, json.dumps(everything, indent=1) + "\n")


if __name__ == "__main__":
    main()
