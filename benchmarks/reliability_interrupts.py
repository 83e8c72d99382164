"""Commands that are interrupted at every moment of their first two seconds: what their users see."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from .processes import Command
from .reliability_kills import prepare

STEP, LAST = 0.1, 2.0
"""Seconds between two moments, and the last of them."""


def interrupt_all(folder: Path, full: bool) -> dict[str, Any]:
    """Outcome of each command: how often it ended with 130 in good order, in the interpreter's own start, and
    otherwise.

    Args:
        folder: where to build.
        full: every tenth of a second; else every half.
    """
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # a shell's background has it ignored, and so would the commands
    place = folder / "interrupts"
    build = ["moshi_assets", *prepare(place, 400, 1.0)]
    small = folder / "interrupts_small"
    command = prepare(small, 40, 0.0)
    subprocess.run([sys.executable, "-m", "moshi_assets", *command], cwd=small, check=True, capture_output=True)
    dataset = small / "data" / "talks"
    commands = {
        "build": build,
        "verify": ["moshi_assets", "verify", dataset],
        "report": ["moshi_assets", "report", dataset],
        "export": ["moshi_assets", "export", dataset, "--format", "parquet", "--output", "exported", "--overwrite"],
        "ui": ["moshi_assets", "ui", "--output", place / "shown", "--port", "47193"],
        "list": ["moshi_assets", "list", "--output", small / "data"],
        "indextts": ["indextts", "Hello.", "--voice", "voice.wav"],
    }
    step = STEP if full else 5 * STEP
    moments = [round(step * n, 2) for n in range(1, round(LAST / step) + 1)]
    return {name: _sweep(place, arguments, moments) for name, arguments in commands.items()}


def _sweep(folder: Path, arguments: list[Any], moments: list[float]) -> dict[str, Any]:
    outcomes: Counter[str] = Counter()
    latest_start = 0.0
    for moment in moments:
        running = Command(arguments[0], *arguments[1:], cwd=folder)
        time.sleep(moment)
        if not running.running:
            outcomes["ended before"] += 1
            continue
        running.kill(signal.SIGINT)
        code = running.process.wait(60)
        output = running.output
        if "Traceback" in output and "moshi_assets/" not in output and "indextts/" not in output:
            outcomes["in the interpreter's start"] += 1
            latest_start = max(latest_start, moment)
        elif code in (0, -signal.SIGINT) and "Traceback" not in output:
            outcomes["130" if code else "ended before"] += 1  # its work was done
        else:
            outcomes["130" if code == 130 and "Traceback" not in output else "otherwise"] += 1
        running.orphans()
    return {**outcomes, **({"latest_start_seconds": latest_start} if latest_start else {})}
