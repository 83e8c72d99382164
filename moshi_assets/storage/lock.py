"""The lock of a dataset folder: one build at a time.

The lock is an advisory `flock` on `<dataset>/.lock`, so it ends with the process that holds it, however that ends.
All processes of one build (the command line, or the steps of one Dagster run) pass the same owner and share it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .links import OutsideLink, refuse_links

LOCK_NAME = ".lock"


class DatasetBusy(RuntimeError):
    """Another build is working in the dataset folder."""


@contextmanager
def dataset_lock(folder: Path, owner: str, patience: float = 3.0, to_write: bool = True) -> Iterator[None]:
    """Hold the dataset for `owner`, shared with other processes of the same owner.

    Args:
        folder: dataset folder; created when missing, and removed again where nothing was made in it.
        owner: what identifies the build, e.g. a Dagster run id.
        patience: seconds to wait for another build; its orphaned workers need a moment to notice that it was killed.
        to_write: whether the holder writes to the dataset; a removal does not, and takes links away unfollowed.

    Raises:
        DatasetBusy: when a build with another owner holds it; names that build.
        OutsideLink: a link in the folder leads out of it: whoever holds the dataset writes to it.
    """
    handle = _acquire(folder, owner, time.monotonic() + patience)
    try:
        if to_write:
            refuse_links(folder)
        yield
    finally:
        _leave_no_empty_folder(handle, folder)
        os.close(handle)  # closing releases the lock


def _acquire(folder: Path, owner: str, deadline: float) -> int:
    """Descriptor of the locked file."""
    while True:
        handle, holder = _try(folder, owner)
        if handle is not None:
            return handle
        if time.monotonic() > deadline:
            raise DatasetBusy(
                f"{folder} is being built by another process ({', '.join(filter(None, holder))}): wait for it to "
                f"finish or stop it, then run the same command again"
            )
        time.sleep(0.05)


def _try(folder: Path, owner: str) -> tuple[int | None, list[str]]:
    """The lock, or who has it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        if folder.is_dir() or not os.path.lexists(folder):
            return None, ["somebody"]  # the folder was removed in this moment, and may be back
        raise
    try:
        handle = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
    except FileNotFoundError:
        return None, ["somebody"]  # the folder was removed in this moment
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OutsideLink(folder / LOCK_NAME) from None
        raise
    taken = False
    try:
        # Writing the owner needs the exclusive lock; turning it into a shared one is not atomic, hence the second look.
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pass
        else:
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{owner}\npid {os.getpid()}\n".encode(), 0)
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return None, ["somebody"]  # who is just writing its name
        holder = os.pread(handle, 4096, 0).decode("utf-8", "replace").split("\n")
        taken = holder[0] == owner and _lies_at(handle, folder / LOCK_NAME)
        return (handle if taken else None), holder
    finally:
        if not taken:
            os.close(handle)


def _lies_at(handle: int, path: Path) -> bool:
    """False where the file was removed, with its folder, before it was locked."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except FileNotFoundError:
        return False


def _leave_no_empty_folder(handle: int, folder: Path) -> None:
    """Remove a dataset folder in which nothing was made, unless another process of the build is still in it."""
    with suppress(OSError):
        if os.listdir(folder) == [LOCK_NAME]:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _lies_at(handle, folder / LOCK_NAME):
                os.unlink(folder / LOCK_NAME)
                os.rmdir(folder)


def holder(folder: Path) -> str | None:
    """Owner of the build that works in a dataset folder; None if there is none."""
    try:
        handle = os.open(folder / LOCK_NAME, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.pread(handle, 4096, 0).decode("utf-8", "replace").partition("\n")[0]
    else:
        return None
    finally:
        os.close(handle)
