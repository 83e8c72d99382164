"""A command with every process that it leads to: wall and CPU time, bytes written, memory.

Run as a program it is the parent of them all: of those too whose own parent has ended (a build's fork server and its
lanes). So the kernel adds up for it what each of them used.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
_SECONDS = 0.2
"""Between two looks at the memory."""


@dataclass(frozen=True)
class Spent:
    """What a command took."""

    wall_seconds: float
    cpu_seconds: float
    """User and system time of all processes."""
    written_bytes: int
    """To files on a disk: pages that were made to be written (`write_bytes`); 0 where the folder is in memory."""
    write_call_bytes: int
    """Handed to the kernel by any write call, between processes too (`wchar`)."""
    peak_mib: float
    """Of all processes together at one moment; a page that several share counts once."""


def run(command: list[str], log: Path | None = None) -> Spent:
    """Run a command to its end.

    Args:
        command: program and arguments.
        log: where its standard output goes.

    Raises:
        RuntimeError: it failed; the end of what it wrote is in the message.
    """
    environment = {name: value for name, value in os.environ.items() if name != "DAGSTER_HOME"}
    with tempfile.TemporaryDirectory() as name:
        result, errors = Path(name, "spent.json"), Path(name, "errors")
        with open(errors, "wb") as complaints, open(log or os.devnull, "wb") as output:
            code = subprocess.run(
                [sys.executable, "-m", __name__, str(result), *command],
                env=environment,
                stdout=output,
                stderr=complaints,
                check=False,
            ).returncode
        if code:
            raise RuntimeError(f"{' '.join(command)} ended with {code}: {errors.read_text(errors='replace')[-2000:]}")
        return Spent(**json.loads(result.read_text()))


def build(arguments: list[str], log: Path | None = None) -> Spent:
    """Run `moshi-assets build` as a user would."""
    return run([sys.executable, "-m", "moshi_assets", "build", *arguments, "--no-progress"], log)


def descendants(ancestor: int) -> list[int]:
    """Ids of all processes below one."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    found, ahead = [], [ancestor]
    while ahead:
        children = [pid for pid, parent in parents.items() if parent in ahead]
        found += children
        ahead = children
    return found


def _memory(pids: list[int]) -> float:
    """MiB that processes hold."""
    total = 0
    for pid in pids:
        with suppress(OSError, StopIteration):
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 2**10


def _watch(done: threading.Event, peaks: list[float]) -> None:
    while not done.wait(_SECONDS):
        peaks.append(_memory(descendants(os.getpid())))


def main() -> None:
    result, *command = sys.argv[1:]
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    done, peaks = threading.Event(), [0.0]
    watcher = threading.Thread(target=_watch, args=(done, peaks))
    before, begin = os.times(), time.monotonic()
    child = os.posix_spawnp(command[0], command, os.environ)
    watcher.start()
    _, status = os.waitpid(child, 0)
    wall = time.monotonic() - begin
    with suppress(ChildProcessError):
        while True:  # what the command left behind: its fork server ends a moment after it
            os.wait()
    done.set()
    watcher.join()
    times = os.times()
    counted = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    spent = Spent(
        wall,
        times.children_user + times.children_system - before.children_user - before.children_system,
        int(counted["write_bytes"]) - int(counted["cancelled_write_bytes"]),
        int(counted["wchar"]),
        max(peaks),
    )
    Path(result).write_text(json.dumps(asdict(spent)))
    sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
