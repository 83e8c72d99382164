"""Parts: spoken tasks on disk, some tens of utterances to an Arrow IPC file.

A part is written once and never changed. Its name ends in a checksum of its bytes, so that a damaged part is found
before anything in it is believed; its rows are found by content key, so that nothing depends on how work was cut.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import xxhash

from .files import whole_file

logger = logging.getLogger(__name__)

PART_SCHEMA = pa.schema(
    [
        ("content_key", pa.binary(16)),
        ("sample_rate", pa.int32()),
        ("wall_seconds", pa.float32()),
        ("samples", pa.list_(pa.int16())),
        ("word_times", pa.list_(pa.float32())),
    ]
)


class SpokenTask(NamedTuple):
    """A row of a part to be written."""

    content_key: bytes
    sample_rate: int
    wall_seconds: float
    samples: np.ndarray
    """(N,) int16."""
    word_times: np.ndarray | None = None
    """(W, 2) seconds as in SynthesisResult, float32 on disk; None where the engine knows none."""


def write_part(folder: Path, rows: Sequence[SpokenTask]) -> Path:
    """Write one part into `folder` and return its path, `<first key>-<checksum>.arrow`."""
    offsets = np.zeros(len(rows) + 1, np.int32)
    np.cumsum([len(row.samples) for row in rows], out=offsets[1:])
    samples = pa.ListArray.from_arrays(pa.array(offsets), pa.array(np.concatenate([row.samples for row in rows])))
    batch = pa.record_batch(
        [
            pa.array([row.content_key for row in rows], pa.binary(16)),
            pa.array([row.sample_rate for row in rows], pa.int32()),
            pa.array([row.wall_seconds for row in rows], pa.float32()),
            samples,
            pa.array([_flat(row.word_times) for row in rows], pa.list_(pa.float32())),
        ],
        schema=PART_SCHEMA,
    )
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, PART_SCHEMA) as writer:
        writer.write_batch(batch)
    content = sink.getvalue()
    path = folder / f"{rows[0].content_key.hex()[:12]}-{xxhash.xxh3_64_hexdigest(content)}.arrow"
    with whole_file(path) as partial, open(partial, "wb") as out:  # buffered: a raw write may end short on a full disk
        out.write(content)
    return path


def _flat(word_times: np.ndarray | None) -> np.ndarray | None:
    return None if word_times is None else np.asarray(word_times, np.float32).reshape(-1)


@dataclass
class Part:
    """An intact part, memory-mapped."""

    path: Path
    keys: list[bytes]
    table: pa.RecordBatch

    def row(self, number: int) -> SpokenTask:
        """One row; its samples are a view of the mapped file."""
        samples = self.table.column(3)[number].values.to_numpy(zero_copy_only=True)
        times = self.table.column(4)[number].values if self.table.num_columns > 4 else None  # older parts hold none
        return SpokenTask(
            self.keys[number],
            self.table.column(1)[number].as_py(),
            self.table.column(2)[number].as_py(),
            samples,
            None if times is None else times.to_numpy().reshape(-1, 2),
        )


def open_part(path: Path) -> Part | None:
    """Map a part and check it; None when it is damaged."""
    try:
        source = pa.memory_map(str(path))
        content = source.read_buffer()  # zero copy: a view of the map
    except (OSError, pa.ArrowInvalid) as error:
        logger.warning("part %s cannot be read (%s): its utterances will be spoken again", path, error)
        return None
    if xxhash.xxh3_64_hexdigest(content) != path.stem.rpartition("-")[2]:
        logger.warning("part %s is damaged (checksum): its utterances will be spoken again", path)
        return None
    batch = pa.ipc.open_file(content).get_batch(0)
    return Part(path, batch.column(0).to_pylist(), batch)


class SpokenShard:
    """All intact rows of one or more parts folders, by content key."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._where: dict[bytes, tuple[Part, int]] = {}
        self.damaged: list[Path] = []
        self.parts: list[Part] = []
        for folder in folders:
            for path in sorted(folder.glob("*.arrow")) if folder.is_dir() else ():
                part = open_part(path)
                if part is None:
                    self.damaged.append(path)
                    continue
                self.parts.append(part)
                self._where.update((key, (part, number)) for number, key in enumerate(part.keys))

    def __contains__(self, key: bytes) -> bool:
        return key in self._where

    def format(self, key: bytes) -> tuple[int, int]:
        """Rate (Hz) and length (frames) of a row."""
        part, number = self._where[key]
        return part.table.column(1)[number].as_py(), len(part.table.column(3)[number])

    def __getitem__(self, key: bytes) -> SpokenTask:
        part, number = self._where[key]
        return part.row(number)
