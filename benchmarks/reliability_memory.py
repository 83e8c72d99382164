"""Memory: of all processes of a build, for few dialogues and for many; and of one engine over hundreds of batches."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from .processes import Command
from .reliability_kills import prepare

SHARD = 256
"""Dialogues, as a recipe has it by default: a step works on whole shards."""
_PROGRAM = """
import json, os, sys
from pathlib import Path
import soundfile
from indextts.checkpoint.pseudo_weights import wave
from indextts.checkpoint.pseudo_checkpoint import write_checkpoint
from moshi_assets.engines.base import SynthesisTask
from moshi_assets.engines.indextts2 import IndexTTS2Engine
from moshi_assets.recipe.engines import IndexTTS2Options
from moshi_assets.processes.memory import read_memory
folder, batches = Path(sys.argv[1]), int(sys.argv[2])
checkpoint = write_checkpoint(folder / "checkpoint")
soundfile.write(folder / "voice.wav", wave(22050, 1.6, 3), 22050)
options = IndexTTS2Options(cfg_path=str(checkpoint / "config.yaml"), model_dir=str(checkpoint), generation={"max_mel_tokens": 24})
engine = IndexTTS2Engine(options)
words = "one two three four five six seven eight nine ten eleven twelve".split()
noted = {}
for batch in range(batches):
    tasks = []
    for row in range(4):
        text = " ".join(words[(batch + row + n) % 12] for n in range(3 + (batch + 2 * row) % 7)) + f" {batch}."
        tasks.append(SynthesisTask("bench", f"{batch}-{row}", 0, "user", text, str(folder / "voice.wav"), batch * 4 + row, b"0" * 16))
    engine.synthesize(tasks)
    if batch + 1 in (20, batches // 2, batches):
        noted[batch + 1] = round(read_memory(os.getpid()).last, 1)
print(json.dumps(noted))
"""  # noqa: E501


def build_memory(folder: Path, dialogues: int) -> dict[str, Any]:
    """Peak memory of the process tree of a build, MiB, pages that are shared counted once, and of the largest
    process.
    """
    place = folder / f"memory_{dialogues}"
    command = Command("moshi_assets", *prepare(place, dialogues, 0.0, SHARD), cwd=place)
    peak, processes = 0.0, 0
    while command.running:
        alive = len(command.alive())
        held = command.memory()
        if held > peak:
            peak, processes = held, alive
        time.sleep(0.2)
    if command.process.returncode:
        raise RuntimeError(f"the build of {dialogues} dialogues failed: {command.output[-2000:]}")
    return {"dialogues": dialogues, "peak_mib": round(peak, 1), "processes_then": processes}


def batch_memory(folder: Path, batches: int) -> dict[str, Any]:
    """Memory (MiB) of one process that speaks batch after batch of four turns with the tiny IndexTTS2, after some of
    them.
    """
    place = folder / "batches"
    place.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, place, str(batches)], check=True, capture_output=True, text=True
    )
    return {"batches": batches, "memory_mib_after": json.loads(done.stdout.splitlines()[-1])}
