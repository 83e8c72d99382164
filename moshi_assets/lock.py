"""One builder at a time in a dataset folder.

The lock is an advisory `flock` on `<dataset>/.lock`, so it ends with the process that holds it, however that ends.
All processes of one build (the command line, or the steps of one Dagster run) pass the same owner and share it.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK_NAME = ".lock"


class DatasetBusy(RuntimeError):
    """Another build is working in the dataset folder."""


@contextmanager
def dataset_lock(folder: Path, owner: str, patience: float = 3.0) -> Iterator[None]:
    """Hold the dataset for `owner`, shared with other processes of the same owner.

    Args:
        folder: dataset folder; created when missing.
        owner: what identifies the build, e.g. a Dagster run id.
        patience: seconds to wait for another build; its orphaned workers need a moment to notice that it was killed.

    Raises:
        DatasetBusy: when a build with another owner holds it; names that build.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / LOCK_NAME
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _acquire(handle, folder, owner, time.monotonic() + patience)
        yield
    finally:
        os.close(handle)  # closing releases the lock


def _acquire(handle: int, folder: Path, owner: str, deadline: float) -> None:
    # Writing the owner needs the exclusive lock; turning it into a shared one is not atomic, hence the second look.
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pass
        else:
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{owner}\npid {os.getpid()}\n".encode(), 0)
        holder = ["somebody"]
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            pass  # somebody is just writing its name
        else:
            holder = os.pread(handle, 4096, 0).decode("utf-8", "replace").split("\n")
            if holder[0] == owner:
                return
            fcntl.flock(handle, fcntl.LOCK_UN)
        if time.monotonic() > deadline:
            raise DatasetBusy(
                f"{folder} is being built by another process ({', '.join(filter(None, holder))}): wait for it to "
                f"finish or stop it, then run the same command again"
            )
        time.sleep(0.05)
