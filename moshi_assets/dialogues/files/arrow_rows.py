"""A table as Parquet or Arrow, in batches. Columns that hold bytes (recordings, pictures) are not read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..forms.mapping import InputSettings
from .faults import DamagedFile
from .json_lines import Record
from .table import table_records
from .turn_rows import Row

if TYPE_CHECKING:
    import pyarrow as pa

PARQUET, ARROW_FILE, ARROW_STREAM = b"PAR1", b"ARROW1", b"\xff\xff\xff\xff"
_BATCH_ROWS = 16
"""Rows that are made into Python objects together; a text in each may be long."""


def arrow_records(path: Path, magic: bytes, mapping: InputSettings, number: int = 0) -> Iterator[Record]:
    """Records of a table.

    Args:
        path: the file.
        magic: what it begins with, one of this module's.
        mapping: names of columns that the recipe gives.
        number: of the record before the first.

    Raises:
        DamagedFile: it is cut off or damaged.
    """
    import pyarrow as pa

    try:
        with pa.OSFile(str(path)) as file:
            columns, batches = _opened(file, magic)
            again = partial(_rows_of, path, magic, number)
            yield from table_records(columns, _rows(batches, columns, number), mapping, number, again)
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        if isinstance(error, OSError) and error.errno:
            raise
        told = " ".join(str(error).split())[:200]
        raise DamagedFile(f"it is cut off or damaged ({told}); copy it again") from error


def _rows_of(path: Path, magic: bytes, number: int) -> Iterator[Row]:
    import pyarrow as pa

    with pa.OSFile(str(path)) as file:
        columns, batches = _opened(file, magic)
        yield from _rows(batches, columns, number)


def _opened(file: Any, magic: bytes) -> tuple[list[str], Iterator[pa.RecordBatch]]:
    return _parquet(file) if magic == PARQUET else _arrow(file, magic)


def _parquet(file: Any) -> tuple[list[str], Iterator[pa.RecordBatch]]:
    import pyarrow.parquet as pq

    table = pq.ParquetFile(file, pre_buffer=False)
    columns = _readable(table.schema_arrow)
    return columns, table.iter_batches(_BATCH_ROWS, columns=columns, use_threads=False)


def _arrow(file: Any, magic: bytes) -> tuple[list[str], Iterator[pa.RecordBatch]]:
    import pyarrow as pa

    if magic == ARROW_STREAM:
        stream = pa.ipc.open_stream(file)
        return _readable(stream.schema), iter(stream)
    reader = pa.ipc.open_file(file)
    return _readable(reader.schema), (reader.get_batch(number) for number in range(reader.num_record_batches))


def _readable(schema: pa.Schema) -> list[str]:
    return [field.name for field in schema if not _holds_bytes(field.type)]


def _holds_bytes(kind: pa.DataType) -> bool:
    import pyarrow as pa

    if any(test(kind) for test in (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary)):
        return True
    return any(_holds_bytes(kind.field(place).type) for place in range(kind.num_fields))


def _rows(batches: Iterable[pa.RecordBatch], columns: list[str], number: int) -> Iterator[Row]:
    for batch in batches:
        chosen = batch.select(columns)
        for begin in range(0, len(chosen), _BATCH_ROWS):
            for cells, fault in _cells(chosen.slice(begin, _BATCH_ROWS)):
                number += 1
                yield number, cells, fault


def _cells(batch: pa.RecordBatch) -> Iterator[tuple[dict[str, Any], str | None]]:
    """Rows of a batch; where one cannot be read (bytes that are no text, a date past all years), the others are."""
    try:
        rows = batch.to_pylist()
    except (ValueError, OverflowError) as error:
        if len(batch) == 1:
            yield {}, f"row cannot be read: {' '.join(str(error).split())[:200]}"
            return
        for place in range(len(batch)):
            yield from _cells(batch.slice(place, 1))
        return
    for cells in rows:
        yield cells, None
