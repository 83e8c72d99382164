"""What all benchmarks share: input texts, machine facts, running the command line, writing results."""

from __future__ import annotations

import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from moshi_assets.storage.whole_file import write_whole

RESULTS = Path(__file__).resolve().parent.parent / "docs" / "benchmarks"

_USER = (
    "could you tell me when the museum opens on sunday",
    "what should i cook for six people tonight",
    "my train was late again, is there another one before noon",
    "how do i get red wine out of a white shirt",
    "please remind me what we said about the garden",
    "is it going to rain this afternoon",
)
_ASSISTANT = (
    "of course, it opens at ten in the morning and the last visitors go in at five",
    "a big pot of vegetable soup with fresh bread is easy and everyone will like it",
    "yes, the next one leaves in twenty minutes from platform four, you still have time",
    "put some salt on it at once, then wash it in cold water before the stain can dry",
    "you wanted to plant the tomatoes by the wall where they get sun all day",
    "only a short shower around three, the evening looks dry and mild",
)


def dialogues(count: int) -> Iterator[dict[str, str]]:
    """Two-turn dialogues, about 3 s and 5 s of speech, the same ones every time."""
    choose = random.Random(0).choice
    for number in range(count):
        yield {
            "id": f"dialogue_{number:07d}",
            "user_text": choose(_USER) + "?",
            "assistant_text": choose(_ASSISTANT) + ".",
        }


def write_dialogues(path: Path, count: int) -> None:
    """Write `count` two-turn dialogues."""
    with open(path, "w", encoding="utf-8") as out:
        out.writelines(json.dumps(record) + "\n" for record in dialogues(count))


def machine() -> dict[str, Any]:
    """Where and with what a figure was measured."""
    try:
        model = next(
            line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith(("model name", "Model"))
        )
    except (OSError, StopIteration):
        model = platform.processor() or "unknown"
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "date": date.today().isoformat(),
        "cpu": model,
        "cores": os.cpu_count(),
        "memory_gib": round(memory),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **{name: version(name) for name in ("dagster", "numpy", "pyarrow", "soundfile", "pydantic")},
    }


def settle() -> None:
    """Wait until what ran before makes nothing slower that is measured now.

    Nothing is left to be written to the disk. Memory has been used before: its first use by a virtual machine costs
    several times what the second does, because its host has to find it. And files that were removed are forgotten: for
    a minute, ext4 without a journal searches past them for every new one. Last comes a small build, which reads the
    programs from the disk.
    """
    os.sync()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    np.ones(memory // 2, np.uint8)
    time.sleep(65)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "few.jsonl"
        write_dialogues(source, 4)
        build([str(source), "--output", folder, "--engine", "noise"])


def build(arguments: list[str]) -> float:
    """Run `moshi-assets build` as a user would, in a process of its own; return its wall seconds."""
    environment = {name: value for name, value in os.environ.items() if name != "DAGSTER_HOME"}
    begin = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "moshi_assets", "build", *arguments, "--no-progress"],
        check=True,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return time.monotonic() - begin


def recipe(path: Path, seconds_per_audio_second: float = 0.0, measured: bool = True) -> Path:
    """Write a recipe of the noise engine with a simulated cost, with or without measures of every utterance."""
    gates = "" if measured else "gates: {enabled: false, measured: false}\n"
    path.write_text(f"engine: noise\n{gates}noise:\n  seconds_per_audio_second: {seconds_per_audio_second}\n")
    return path


def save(name: str, command: str, figures: dict[str, Any]) -> None:
    """Keep a benchmark's figures with the facts of the machine, and print them."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    result = {"benchmark": name, "command": command, "figures": figures, "machine": machine()}
    write_whole(RESULTS / f"{name}.json", json.dumps(result, indent=1) + "\n")
    print(json.dumps(figures, indent=1))
