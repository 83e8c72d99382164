"""Peak memory of `moshi-assets read` on files of 2 000 and of 60 000 dialogues.

`python -m benchmarks.reading_memory`
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

COUNTS = (2_000, 60_000)


def write_dialogues(path: Path, count: int) -> None:
    """Dialogues with numbers and markup, no two of them alike."""
    with open(path, "w", encoding="utf-8") as file:
        for number in range(count):
            answer = f"**It costs** ${number}.50, in {number % 9 + 2}-{number % 9 + 4} days."
            file.write(json.dumps({"user_text": f"What is number {number}?", "assistant_text": answer}) + "\n")


def peak_mb(path: Path) -> float:
    """Peak memory of one `moshi-assets read`, in MiB."""
    command = [sys.executable, "-m", "moshi_assets", "read", str(path)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss / 1024


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for count in COUNTS:
            path = Path(folder) / f"{count}.jsonl"
            write_dialogues(path, count)
            print(f"{count:,} dialogues: peak {peak_mb(path):.0f} MiB")


if __name__ == "__main__":
    main()
