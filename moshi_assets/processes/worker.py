"""Set-up of a worker process: its device, its end, and its use of freed memory."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import threading
from contextlib import suppress

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h


def default_device(lane: int) -> str | None:
    """`cuda:{lane % gpus}`, or None (the engine's choice) without a GPU."""
    try:
        import torch
    except ImportError:
        return None
    gpus = torch.cuda.device_count()
    return f"cuda:{lane % gpus}" if gpus else None


def prepare_worker() -> None:
    """Set up a step that has a process of its own: `exit_with_parent`, `keep_freed_memory`."""
    exit_with_parent()
    keep_freed_memory()


def keep_freed_memory(most: int = 256 * 2**20) -> None:
    """Let glibc keep up to `most` freed bytes for the next array.

    It gives the memory of large arrays back to the kernel at once otherwise, which hands it out again page by page,
    zeroed: hundreds of page faults for every recording of the stereo stage, where this leaves a few (tests count them).
    Elsewhere (musl, macOS) this does nothing.

    Args:
        most: bytes.
    """
    with suppress(AttributeError, OSError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_TRIM_THRESHOLD, most)
        mallopt(_M_MMAP_THRESHOLD, 32 * 2**20)  # the most that it takes


def exit_with_parent() -> None:
    """In a worker process: end this process when its parent dies, so that no lane outlives its run.

    The parent is the process that started the run; the end of a pipe signals its death. It is not `os.getppid()`: a
    worker's parent in the system is the fork server, and that one lives as long as any of its workers.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os._exit(70)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
