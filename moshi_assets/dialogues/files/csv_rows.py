"""A table as text, with a header: CSV or TSV. A cell may span lines where it stands in quotes."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any, BinaryIO

from ..forms.mapping import InputSettings
from ..forms.names import plain
from .faults import DamagedFile
from .json_lines import MAX_LINE_BYTES, TOO_LONG, Record
from .table import Row, table_records

DELIMITERS = ",\t;|"
_NUMBERS, _TRUTHS = ("gap",), ("backchannel",)
"""Columns with cells that are numbers or truth values."""
_MAX_COLUMNS = 1000


class _RowTooLong(Exception):
    """A row does not end: a quote is missing, or it is too long."""


def csv_records(stream: BinaryIO, delimiter: str, mapping: InputSettings, number: int = 0) -> Iterator[Record]:
    """Records of a table; the header is the first line, and a record that holds nothing.

    Args:
        stream: UTF-8 without a byte order mark.
        delimiter: between cells.
        mapping: names of columns that the recipe gives.
        number: of the record before the first.

    Raises:
        DamagedFile: it has no usable header.
    """
    rows = _rows(stream, delimiter)
    columns, fault = next(((cells, fault) for cells, fault in rows if cells or fault), ([], None))
    if fault:
        raise DamagedFile(f"its header cannot be read: {fault}")
    if not columns:
        return
    columns = [name.strip() for name in columns]
    if twice := next((name for place, name in enumerate(columns) if name and name in columns[:place]), None):
        raise DamagedFile(f"its header names the column {twice[:40]!r} twice: rename one")
    if len(columns) > _MAX_COLUMNS or not any(columns):
        raise DamagedFile(f"its header names {sum(map(bool, columns))} columns: the first line must name the columns")
    yield number + 1, b"", None
    yield from table_records(columns, _cells(rows, columns, number + 1), mapping, number + 1)


def delimiter_of(header: bytes) -> str:
    """The most frequent separator between the names of a header; a comma if there is none."""
    return max(DELIMITERS, key=lambda sign: header.count(sign.encode()))


def _rows(stream: BinaryIO, delimiter: str) -> Iterator[tuple[list[str], str | None]]:
    """Cells of each row; no cells and a fault for a row that does not end."""
    csv.field_size_limit(MAX_LINE_BYTES)
    lines = _Lines(stream)
    while not lines.ended:
        try:
            for cells in csv.reader(lines, delimiter=delimiter):
                lines.begin_row()
                yield cells, None
        except (_RowTooLong, csv.Error) as error:
            lines.begin_row()
            told = (
                f"row {TOO_LONG}: is a quote in it not closed?"
                if isinstance(error, _RowTooLong)
                else f"row is no CSV: {error}"
            )
            yield [], told


class _Lines:
    """Lines of a file as text, limited so that no row grows too long."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._size = 0
        self.ended = False

    def begin_row(self) -> None:
        self._size = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._stream.readline(MAX_LINE_BYTES + 1)
        if not line:
            self.ended = True
            raise StopIteration
        self._size += len(line)
        if self._size > MAX_LINE_BYTES:
            while line and not line.endswith(b"\n"):
                line = self._stream.readline(MAX_LINE_BYTES)
            raise _RowTooLong
        return line.decode("utf-8", "surrogateescape")


def _cells(rows: Iterator[tuple[list[str], str | None]], columns: list[str], before: int) -> Iterator[Row]:
    for number, (cells, fault) in enumerate(rows, before + 1):
        if not any(cells):
            yield number, None, fault
            continue
        filled = zip_longest(columns, cells[: len(columns)], fillvalue="")
        named = {name: _value(name, cell) if cell else None for name, cell in filled if name}
        if len(cells) > len(columns) and any(cells[len(columns) :]):
            fault = (
                f"row has {len(cells)} cells, and the header {len(columns)}: a text with the separator in it stands in "
                f"quotes"
            )
        yield number, named, fault


def _value(name: str, cell: str) -> Any:
    """A cell as JSON: a list if it holds one, a number if its column asks for one."""
    kind = plain(name)
    if cell.startswith(("[{", '["')) or kind.endswith("emotion") or kind in (*_NUMBERS, *_TRUTHS):
        try:
            return json.loads(cell.lower() if kind in _TRUTHS else cell)
        except (ValueError, RecursionError):
            return cell
    return cell
