"""Builds that are killed again and again, then finished: what was spoken twice, what was left over, whether the bytes
are the same.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from .measure import write_dialogues
from .processes import Command, wait_until

SPEAKING = {"dialogues": 300, "cost": 0.03}
ASSEMBLING = {"dialogues": 2_100, "cost": 0.0}
"""Enough for a process for every core (`shard_workers`)."""
LANES = 2
RECIPE = "engine: noise\naligner: proportional\nworker_count: {lanes}\nsamples_per_shard: {shard}\nnoise: {{characters_per_second: 60, seconds_per_audio_second: {cost}}}\n"  # noqa: E501
KILLS: dict[str, tuple[dict[str, float], int]] = {
    "group": (SPEAKING, 5),
    "lane": (SPEAKING, 5),
    "assembling": (ASSEMBLING, 1),
}
"""What is killed, of which build, and how often before the build is let to its end."""


def prepare(folder: Path, dialogues: int, cost: float, shard: int | None = None) -> list[str]:
    """Write dialogues and recipe, by default of five shards; the command that builds them."""
    folder.mkdir(parents=True, exist_ok=True)
    write_dialogues(folder / "talks.jsonl", dialogues)
    shard = shard or max(50, dialogues // 5)
    (folder / "recipe.yaml").write_text(RECIPE.format(lanes=LANES, shard=shard, cost=cost))
    return ["build", "talks.jsonl", "--output", "data", "--recipe", "recipe.yaml", "--no-progress"]


def digests(dataset: Path) -> dict[str, str]:
    """SHA-256 of everything that a trainer reads."""
    files = [*dataset.glob("*.jsonl"), *(path for path in (dataset / "data_stereo").rglob("*") if path.is_file())]
    return {str(path.relative_to(dataset)): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(files)}


def undisturbed(folder: Path, dialogues: int) -> dict[str, str]:
    """Digests of the same dataset, built in one go."""
    kept = folder / f"undisturbed_{dialogues}.json"
    if not kept.exists():
        place = folder / f"undisturbed_{dialogues}"
        subprocess.run(
            [sys.executable, "-m", "moshi_assets", *prepare(place, dialogues, 0.0)],
            cwd=place,
            check=True,
            capture_output=True,
        )
        kept.write_text(json.dumps(digests(place / "data" / "talks")))
    return json.loads(kept.read_text())


def round_of(kind: str, folder: Path, number: int) -> dict[str, Any]:
    """One dataset: killed as `kind` says, then finished by the same command.

    Returns:
        kills, kills_missed (the build was faster), orphans, spoken_twice, equal, told (lanes: the message is the
        project's own).
    """
    build, kills = KILLS[kind]
    dialogues = int(build["dialogues"])
    place = folder / f"{kind}_{number}"
    command, notes = prepare(place, dialogues, build["cost"]), place / "notes"
    dataset = place / "data" / "talks"
    figures: dict[str, Any] = {"kills": 0, "kills_missed": 0, "orphans": 0, "told": 0}
    chance = random.Random(f"{kind} {number}")
    for _ in range(kills):
        before = _count(dataset)
        known = set(os.listdir(notes)) if notes.exists() else set()
        running = Command("moshi_assets", *command, cwd=place, notes=notes)
        hit = wait_until(lambda before=before: _count(dataset) > before, running)
        if hit and kind != "assembling":
            time.sleep(chance.uniform(0, 0.5))
        if not (hit and running.running):
            figures["kills_missed"] += 1
        elif kind == "lane":
            lanes = set(os.listdir(notes)) - known
            os.kill(int(chance.choice(sorted(lanes))), signal.SIGKILL)
            running.process.wait(300)
            figures["kills"] += 1
            figures["told"] += "was killed by SIGKILL" in running.output and "Traceback" not in running.output
        else:
            running.kill()
            running.process.wait()
            figures["kills"] += 1
        figures["orphans"] += running.orphans()
    last = Command("moshi_assets", *command, cwd=place, notes=notes)
    code = last.process.wait(900)
    asked = [key for path in notes.iterdir() for key in path.read_text().split()]
    figures["spoken"] = len(asked)
    figures["spoken_twice"] = len(asked) - len(set(asked))
    figures["finished"] = code == 0
    figures["equal"] = code == 0 and digests(dataset) == undisturbed(folder, dialogues)
    return figures


def _count(dataset: Path) -> int:
    """Recordings on disk."""
    return sum(1 for _ in dataset.glob("data_stereo/[!.]*.wav"))


def total(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """Sums over the rounds of one kind."""
    names = ("kills", "kills_missed", "orphans", "spoken", "spoken_twice", "told")
    sums: dict[str, Any] = {name: sum(each[name] for each in rounds) for name in names}
    return {"datasets": len(rounds), **sums, "equal": sum(each["equal"] for each in rounds)}
