"""Memory of processes: the peak of this one, and the last known state of others, which may explain why one was
killed.
"""

from __future__ import annotations

import resource
import sys
import threading
from pathlib import Path
from typing import NamedTuple

_SECONDS = 0.5


class Memory(NamedTuple):
    """Resident memory of a process, MiB."""

    last: float
    peak: float


class MemoryWatch:
    """Records the memory of processes twice a second until it is stopped; without /proc it records nothing."""

    def __init__(self) -> None:
        self._noted: dict[int, Memory | None] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, pid: int) -> None:
        """Record the memory of this process too, from now on."""
        self._noted.setdefault(pid, read_memory(pid))
        if self._thread is None:
            self._thread = threading.Thread(target=self._watch, name="memory-watch", daemon=True)
            self._thread.start()

    def last(self, pid: int) -> Memory | None:
        """The last recorded memory of a process; None if there is none."""
        return self._noted.get(pid)

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()

    def _watch(self) -> None:
        while not self._stop.wait(_SECONDS):
            for pid in list(self._noted):
                if memory := read_memory(pid):
                    self._noted[pid] = memory


def read_memory(pid: int) -> Memory | None:
    """Resident memory of a process now; None if it has ended or its memory cannot be read."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    sizes = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith(("VmRSS:", "VmHWM:"))}
    if len(sizes) < 2:  # a process that is ending has none
        return None
    return Memory(int(sizes["VmRSS"]) / 2**10, int(sizes["VmHWM"]) / 2**10)


def peak_rss() -> float:
    """Peak resident memory of this process, MiB."""
    try:  # Linux: getrusage would also count what the parent had before this process was started
        with open("/proc/self/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) / 2**10
    except (OSError, StopIteration):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def peak_vram() -> float | None:
    """Peak memory taken on CUDA devices by this process, MiB; None without torch loaded or without a GPU."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available() or not torch.cuda.is_initialized():
        return None
    return sum(torch.cuda.max_memory_allocated(i) for i in range(torch.cuda.device_count())) / 2**20
