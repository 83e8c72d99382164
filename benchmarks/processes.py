"""A command in a process group of its own, and all the processes that it leads to."""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

PROBE = Path(__file__).parent / "probe"


class Command:
    """A command of this project that runs.

    Its processes carry a mark in their environment, so that orphans are found too.
    """

    def __init__(self, module: str, *arguments: str | Path, cwd: Path, notes: Path | None = None) -> None:
        """
        Args:
            module: moshi_assets or indextts.
            cwd: where it runs; its output is written to a file there.
            notes: folder for notes of what engines are asked for.
        """
        self._mark = f"MOSHI_BENCHMARK_MARK={uuid.uuid4()}"
        name, _, value = self._mark.partition("=")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("DAGSTER_", "MOSHI_"))}
        environment = kept | {name: value}
        if notes:
            notes.mkdir(exist_ok=True)
            paths = [str(PROBE), *filter(None, [os.environ.get("PYTHONPATH")])]
            environment |= {"PYTHONPATH": os.pathsep.join(paths), "MOSHI_BENCHMARK_NOTES": str(notes)}
        self.log = cwd / f"{value[:8]}.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", module, *map(str, arguments)],
                cwd=cwd,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        atexit.register(self.orphans, 0)  # where the benchmark itself is interrupted

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def alive(self) -> list[int]:
        """Ids of all processes that it started and that still run, itself included."""
        mark, found = self._mark.encode(), []
        for entry in Path("/proc").iterdir():
            try:
                if not entry.name.isdigit() or mark not in (entry / "environ").read_bytes().split(b"\0"):
                    continue
                if (entry / "stat").read_text().rpartition(")")[2].split()[0] != "Z":
                    found.append(int(entry.name))
            except OSError:
                continue  # it ended in this moment, or is somebody else's
        return found

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal to its process group, as a terminal or a container's end does."""
        os.killpg(self.process.pid, number)

    def orphans(self, seconds: float = 15) -> int:
        """Its processes that still run so long after its end; they are ended then."""
        deadline = time.monotonic() + seconds
        while (left := self.alive()) and time.monotonic() < deadline:
            time.sleep(0.1)
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return len(left)

    def memory(self) -> float:
        """Memory of all its processes, MiB; pages that several share are counted once."""
        total = 0
        for pid in self.alive():
            try:
                lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
                total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
            except (OSError, StopIteration):
                continue
        return total / 2**10


def wait_until(condition: Callable[[], Any], command: Command, seconds: float = 300) -> bool:
    """Whether a condition came true before the command ended or the time was over."""
    deadline = time.monotonic() + seconds
    while not condition():
        if not command.running or time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
