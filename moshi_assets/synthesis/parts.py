"""Parts: spoken tasks on disk, some tens of utterances to an Arrow IPC file.

A part is written once and never changed. Its name ends in a checksum of its bytes, so that a damaged part is found
before anything in it is believed; its rows are found by content key, so that nothing depends on how work was cut.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import xxhash

from ..quality.measures import MEASURE_FIELDS, Measures
from ..storage.whole_file import whole_file

logger = logging.getLogger(__name__)

PART_SCHEMA = pa.schema(
    [
        ("content_key", pa.binary(16)),
        ("sample_rate", pa.int32()),
        ("wall_seconds", pa.float32()),
        ("samples", pa.list_(pa.int16())),
        ("word_times", pa.list_(pa.float32())),
        ("attempt", pa.int16()),
        ("failure", pa.string()),
        ("listeners", pa.string()),
        *MEASURE_FIELDS,
    ]
)
NO_AUDIO = np.zeros(0, np.int16)


class SpokenTask(NamedTuple):
    """A row of a part: one attempt at a task, with its sound, or what is known of it."""

    content_key: bytes
    """The attempt's own (attempts.py); the task's for the first."""
    sample_rate: int
    wall_seconds: float
    samples: np.ndarray
    """(N,) int16; empty where the sound is not kept (it failed its gates) or lies in another row of this key."""
    word_times: np.ndarray | None = None
    """(W, 2) seconds as in SynthesisResult, float32 on disk; None where the engine knows none."""
    attempt: int = 0
    failure: str | None = None
    """Why there is no sound that could be measured."""
    measures: Measures | None = None
    """None where it was not measured."""
    listeners: str = ""
    """Who took the optional measures, see `Rules.listeners`."""


def write_part(folder: Path, rows: Sequence[SpokenTask]) -> Path:
    """Write one part into `folder` and return its path, `<first key>-<checksum>.arrow`."""
    offsets = np.zeros(len(rows) + 1, np.int32)
    np.cumsum([len(row.samples) for row in rows], out=offsets[1:])
    samples = pa.ListArray.from_arrays(pa.array(offsets), pa.array(np.concatenate([row.samples for row in rows])))
    measures = zip(*[row.measures or (None,) * len(MEASURE_FIELDS) for row in rows], strict=True)
    batch = pa.record_batch(
        [
            pa.array([row.content_key for row in rows], pa.binary(16)),
            pa.array([row.sample_rate for row in rows], pa.int32()),
            pa.array([row.wall_seconds for row in rows], pa.float32()),
            samples,
            pa.array([_flat(row.word_times) for row in rows], pa.list_(pa.float32())),
            pa.array([row.attempt for row in rows], pa.int16()),
            pa.array([row.failure for row in rows], pa.string()),
            pa.array([row.listeners for row in rows], pa.string()),
            *(pa.array(column, field.type) for column, field in zip(measures, MEASURE_FIELDS, strict=True)),
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


class Part:
    """An intact part, memory-mapped."""

    def __init__(self, path: Path, table: pa.RecordBatch) -> None:
        """
        Args:
            path: where it lies.
            table: its rows, PART_SCHEMA.

        Raises:
            ValueError: of another schema.
        """
        if not table.schema.equals(PART_SCHEMA):
            raise ValueError("its columns are others")
        self.path = path
        self.table = table
        self._offsets, self._samples = _lists(table, "samples")
        self._rates: list[int] = table.column(1).to_pylist()
        self.keys: list[bytes] = table.column(0).to_pylist()

    @cached_property
    def _known(self) -> list[tuple]:
        """All but the sound of each row, made at once: column by column costs far less than cell by cell."""
        measures = zip(*(self._column(field.name) for field in MEASURE_FIELDS), strict=True)
        return [
            (wall, when, attempt, failure, Measures(*taken) if taken[0] is not None else None, listeners)
            for wall, when, attempt, failure, taken, listeners in zip(
                self._column("wall_seconds"),
                self._word_times(),
                self._column("attempt"),
                self._column("failure"),
                measures,
                self._column("listeners"),
                strict=True,
            )
        ]

    def _word_times(self) -> list[np.ndarray | None]:
        offsets, flat = _lists(self.table, "word_times")
        there = self.table.column("word_times").is_valid().to_pylist()
        return [flat[a:b].reshape(-1, 2) if ok else None for a, b, ok in zip(offsets, offsets[1:], there, strict=False)]

    def _column(self, name: str) -> list[Any]:
        return self.table.column(name).to_pylist()

    def row(self, number: int) -> SpokenTask:
        """One row; its samples are a view of the mapped file."""
        samples = self._samples[self._offsets[number] : self._offsets[number + 1]]
        wall, *known = self._known[number]
        return SpokenTask(self.keys[number], self._rates[number], wall, samples, *known)

    def format(self, number: int) -> tuple[int, int]:
        """Rate (Hz) and length (frames) of a row."""
        return self._rates[number], int(self._offsets[number + 1] - self._offsets[number])

    def audible(self) -> list[bool]:
        """Whether each row holds sound."""
        return (np.diff(self._offsets) > 0).tolist()


def _lists(table: pa.RecordBatch, name: str) -> tuple[np.ndarray, np.ndarray]:
    """(rows + 1,) offsets and the values of a column of lists, views of the table."""
    column = table.column(name)
    return column.offsets.to_numpy(), column.values.to_numpy(zero_copy_only=True)


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
    try:
        return Part(path, pa.ipc.open_file(content).get_batch(0))
    except (pa.ArrowException, ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        logger.warning("part %s is none of this project (%s): its utterances will be spoken again", path, error)
        return None


class SpokenShard:
    """All intact rows of one or more parts folders, by content key of the attempt."""

    def __init__(self, folders: Iterable[Path], recorded: Iterable[bytes] = ()) -> None:
        """
        Args:
            folders: where parts lie.
            recorded: attempts of which the sound lies in an intact recording; the parts may hold their measures.
        """
        self._recorded = frozenset(recorded)
        self._where: dict[bytes, tuple[Part, int]] = {}
        self._silent: dict[bytes, list[tuple[Part, int]]] = {}
        self.damaged: list[Path] = []
        self.parts: list[Part] = []
        for folder in folders:
            for path in sorted(folder.glob("*.arrow")) if folder.is_dir() else ():
                part = open_part(path)
                if part is None:
                    self.damaged.append(path)
                    continue
                self.parts.append(part)
                for number, (key, audible) in enumerate(zip(part.keys, part.audible(), strict=True)):
                    if audible:
                        self._where[key] = (part, number)
                    else:
                        self._silent.setdefault(key, []).append((part, number))

    def __contains__(self, key: bytes) -> bool:
        """Whether the sound of an attempt is there, in a part or in a recording."""
        return key in self._where or key in self._recorded

    def has_part(self, key: bytes) -> bool:
        """Whether the sound of an attempt lies in a part."""
        return key in self._where

    def silent(self) -> set[bytes]:
        """Attempts of which parts hold only measures."""
        return self._silent.keys() - self._where.keys()

    def format(self, key: bytes) -> tuple[int, int]:
        """Rate (Hz) and length (frames) of a row."""
        part, number = self._where[key]
        return part.format(number)

    def __getitem__(self, key: bytes) -> SpokenTask:
        """The row with the sound of an attempt."""
        part, number = self._where[key]
        return part.row(number)

    def count(self, key: bytes) -> int:
        """How many rows tell of an attempt."""
        return (key in self._where) + len(self._silent.get(key, ()))

    def rows(self, key: bytes) -> list[SpokenTask]:
        """All that is known of an attempt: the row with its sound first, then those that hold only measures."""
        found = [self._where[key]] if key in self._where else []
        return [part.row(number) for part, number in found + self._silent.get(key, [])]
