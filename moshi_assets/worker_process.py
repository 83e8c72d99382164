"""What a worker process is told by where it stands: its device, and when to end."""

from __future__ import annotations

import multiprocessing
import os
import threading


def default_device(lane: int) -> str | None:
    """`cuda:{lane % gpus}`, or None (the engine's choice) without a GPU."""
    try:
        import torch
    except ImportError:
        return None
    gpus = torch.cuda.device_count()
    return f"cuda:{lane % gpus}" if gpus else None


def exit_with_parent() -> None:
    """In a worker process: end this process when its parent dies, so that no lane outlives its run.

    The parent is the process that started the run, whose end a pipe tells. It is not `os.getppid()`: a worker's parent
    in the system is the fork server, and that one lives as long as any of its workers.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os._exit(70)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
