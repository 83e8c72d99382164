"""A full disk, reported in the same way wherever it happens: in a lane that writes a part, or in Dagster's own
database.
"""

from __future__ import annotations

import errno
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_LITTLE = 4 * 2**20
"""Bytes that are soon gone: a part or a page of a database needs about as many."""


class DiskFull(OSError):
    """There is no room left on a disk; the message names the folder, the free space and the remedy."""


def is_full(error: BaseException | None) -> bool:
    """Whether an error was caused by a full disk, a quota or a file size limit."""
    return any(_says_full(each) for each in _chain(error))


def fullest(folders: Iterable[Path]) -> Path:
    """The folder whose disk has the least room."""
    return min((_existing(folder) for folder in folders), key=lambda folder: shutil.disk_usage(folder).free)


def is_nearly_full(folder: Path) -> bool:
    """Whether there is hardly any room on a folder's disk."""
    return shutil.disk_usage(_existing(folder)).free < _LITTLE


def full_sentence(folder: Path, needed: float = 0) -> str:
    """The message about a folder whose disk is full.

    Args:
        folder: on the full disk.
        needed: bytes that the whole dataset takes, where they are known.
    """
    free = shutil.disk_usage(_existing(folder)).free
    told = f"no room to write in {folder}: its disk has {size(free)} free"
    if free > _LITTLE:
        told = f"no room to write in {folder}: a quota or a limit of the system is reached ({size(free)} are free)"
    if needed:
        told += f", and the whole dataset takes about {size(needed)}"
    return f"{told}. Make room and run the same command again: what was spoken is kept"


def size(count: float) -> str:
    """A number of bytes in words."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


def _existing(folder: Path) -> Path:
    return next(place for place in (folder, *folder.absolute().parents) if place.exists())


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _says_full(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return isinstance(error, DiskFull) or error.errno in _FULL
    full = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE)
    return isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", None) in full
