"""Files that are whole or absent: written under a temporary name beside the target, then renamed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .disk import DiskFull, full_sentence, is_full

TEMPORARY_SUFFIX = ".partial"


def temporary_name(path: Path) -> Path:
    """Temporary sibling of `path`, private to this process; hidden, so that no glob for the target's kind finds it."""
    return path.with_name(f".{path.name[:180]}.{os.getpid()}{TEMPORARY_SUFFIX}")


@contextmanager
def whole_file(path: Path, durable: bool = False) -> Iterator[Path]:
    """Yield a temporary path to write to; rename it to `path` on success, remove it on any failure.

    Args:
        path: final name; its folder must exist.
        durable: fsync before the rename, for files that nothing could restore.

    Raises:
        DiskFull: there is no room for it.
    """
    partial = temporary_name(path)
    try:
        yield partial
        if durable:
            with open(partial, "rb") as handle:
                os.fsync(handle.fileno())
        os.replace(partial, path)
    except BaseException as error:
        full = DiskFull(full_sentence(path.parent)) if is_full(error) and not isinstance(error, DiskFull) else None
        partial.unlink(missing_ok=True)
        if full:
            raise full from error
        raise


def write_whole(path: Path, content: str | bytes, durable: bool = True) -> None:
    """Write a small file whole or not at all (text is UTF-8)."""
    with whole_file(path, durable) as partial:
        partial.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)


def remove_partials(folder: Path) -> int:
    """Remove temporary files that killed processes left below `folder`; call only while holding the dataset's lock."""
    stale = list(folder.rglob(f".*{TEMPORARY_SUFFIX}"))
    for path in stale:
        path.unlink(missing_ok=True)
    return len(stale)
