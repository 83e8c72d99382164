"""Shards of an export: their size limits, and the folder that holds them."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..dialogues.dialogue import SPLITS, Split
from ..publish.card.seal import MARK
from .samples import Sample

MAX_SHARD_BYTES = 500_000_000
"""Most bytes of WAV files in a shard, as in `datasets`."""
_INCOMING = ".moshi-assets-export"
_SHARD = re.compile(rf"({'|'.join(SPLITS)})-\d{{6,}}\.(tar|parquet)")
CARD = "README.md"


class ExportError(RuntimeError):
    """An export cannot be made; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Size limits of a shard. A single recording that is larger gets a shard of its own."""

    recordings: int | None = None
    wav_bytes: int = MAX_SHARD_BYTES


class ShardFile(Protocol):
    """A shard being written."""

    def write(self, sample: Sample) -> None: ...

    def close(self) -> None:
        """Finish the file."""
        ...


class Format(Protocol):
    """A kind of shard."""

    suffix: str

    def open(self, path: Path) -> ShardFile:
        """Begin a shard."""
        ...


@dataclass
class ExportFigures:
    """Counts of an export."""

    recordings: int = 0
    seconds: float = 0.0
    wav_bytes: int = 0
    shards: int = 0


def write_shards(
    samples: Iterator[Sample], split: Split, kind: Format, folder: Path, limits: Limits, figures: ExportFigures
) -> Iterator[Path]:
    """Write the samples of a split as shards `<split>-000000.<suffix>`, ...; yields each when it is finished."""
    sample = next(samples, None)
    number = 0
    while sample is not None:
        path = folder / f"{split}-{number:06d}.{kind.suffix}"
        shard = kind.open(path)
        held = size = 0
        try:
            while sample is not None and (not held or _has_room(sample, held, size, limits)):
                shard.write(sample)
                held += 1
                size += len(sample.wav)
                figures.recordings += 1
                figures.seconds += sample.duration
                figures.wav_bytes += len(sample.wav)
                sample = next(samples, None)
        finally:
            shard.close()
        number += 1
        figures.shards += 1
        yield path


def _has_room(sample: Sample, held: int, size: int, limits: Limits) -> bool:
    return size + len(sample.wav) <= limits.wav_bytes and (limits.recordings is None or held < limits.recordings)


@contextmanager
def export_folder(output: Path, overwrite: bool) -> Iterator[Path]:
    """Yield a folder to write an export to; on success its files move to `output`, on failure they are removed.

    So `output` holds a whole export, or what it held before. What a killed export has left is removed by the next.

    Args:
        output: made when missing.
        overwrite: whether an earlier export in it may be replaced. Files that are not an export's are never removed.

    Raises:
        ExportError: `output` holds something and must not be overwritten, or holds what no export has written.
        OSError: it cannot be written to.
    """
    output.mkdir(parents=True, exist_ok=True)
    with _alone_in(output):
        incoming = _checked(output, overwrite)
        try:
            incoming.mkdir()
            yield incoming
            for path in _held(output):
                path.unlink()
            for path in sorted(incoming.iterdir()):
                path.replace(output / path.name)
        finally:
            shutil.rmtree(incoming, ignore_errors=True)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ExportError(f"another export is writing to {folder}: wait for it, or choose another folder") from None
        yield
    finally:
        os.close(handle)  # closing releases the lock


def _held(output: Path) -> list[Path]:
    return [path for path in sorted(output.iterdir()) if path.name != _INCOMING]


def _checked(output: Path, overwrite: bool) -> Path:
    """The folder for a new export, after removing what a killed one left; see `export_folder`."""
    earlier = _held(output)
    if earlier and not overwrite:
        raise ExportError(f"{output} is not empty ({earlier[0].name}, ...): choose another folder, or give --overwrite")
    foreign = [path for path in earlier if not _is_ours(path)]
    if foreign:
        raise ExportError(
            f"{output} holds {foreign[0].name!r}, which no export has written: choose another folder, or remove it "
            f"yourself"
        )
    incoming = output / _INCOMING
    if incoming.is_symlink():
        raise ExportError(f"{incoming} is a link: remove it, or choose another folder")
    shutil.rmtree(incoming, ignore_errors=True)
    return incoming


def _is_ours(path: Path) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    if path.name == CARD:
        with open(path, encoding="utf-8", errors="replace") as card:
            return MARK in card.read(2**16)
    return bool(_SHARD.fullmatch(path.name))
