"""A table as text, with a header: CSV or TSV. A cell may span lines where it stands in quotes."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from itertools import zip_longest
from typing import Any, BinaryIO

from ..forms.mapping import InputSettings
from ..forms.names import plain
from .faults import DamagedFile
from .json_lines import MAX_LINE_BYTES, TOO_LONG, Record
from .table import table_records
from .turn_rows import Row

DELIMITERS = ",\t;|"
_NUMBERS, _TRUTHS = ("gap",), ("backchannel",)
"""Columns with cells that are numbers or truth values."""
_MAX_COLUMNS = 1000


class _RowTooLong(Exception):
    """A row is too long."""


def csv_records(
    stream: BinaryIO,
    delimiter: str,
    mapping: InputSettings,
    number: int,
    skipped: int,
    reopened: Callable[[], AbstractContextManager[BinaryIO]],
) -> Iterator[Record]:
    """Records of a table; the header is the first line, and a record that holds nothing.

    Args:
        stream: UTF-8 without a byte order mark.
        delimiter: between cells.
        mapping: names of columns that the recipe gives.
        number: of the record before the first.
        skipped: lines of the file that were read before.
        reopened: opens the file a second time, from its first line.

    Raises:
        DamagedFile: it has no usable header, or a quote in it does not end.
    """

    def again() -> Iterator[Row]:
        with reopened() as anew:
            for _ in range(skipped):
                anew.readline()
            rows = _rows(anew, delimiter, skipped)
            yield from _cells(rows, _header(rows), number + 1)

    rows = _rows(stream, delimiter, skipped)
    columns = _header(rows)
    if columns:
        yield number + 1, b"", None
        yield from table_records(columns, _cells(rows, columns, number + 1), mapping, number + 1, again)


def _header(rows: Iterator[tuple[list[str], str | None]]) -> list[str]:
    """Names of the columns; none where the file is empty."""
    columns, fault = next(((cells, fault) for cells, fault in rows if cells or fault), ([], None))
    if fault:
        raise DamagedFile(f"its header cannot be read: {fault}")
    columns = [name.strip() for name in columns]
    if twice := next((name for place, name in enumerate(columns) if name and name in columns[:place]), None):
        raise DamagedFile(f"its header names the column {twice[:40]!r} twice: rename one")
    if columns and (len(columns) > _MAX_COLUMNS or not any(columns)):
        raise DamagedFile(f"its header names {sum(map(bool, columns))} columns: the first line must name the columns")
    return columns


def delimiter_of(header: bytes) -> str:
    """The most frequent separator between the names of a header; a comma if there is none."""
    return max(DELIMITERS, key=lambda sign: header.count(sign.encode()))


def _rows(stream: BinaryIO, delimiter: str, skipped: int) -> Iterator[tuple[list[str], str | None]]:
    """Cells of each row, and why they cannot be used.

    Quotes are read strictly. A reader that is not strict takes all up to the next quote for one cell where a quote does
    not end, and leaves a quote out where it stands in the middle of a text.
    """
    csv.field_size_limit(MAX_LINE_BYTES)
    lines = _Lines(stream, skipped)
    width = 0
    while not lines.ended:
        try:
            for cells in csv.reader(lines, delimiter=delimiter, strict=True):
                width = width or len(cells)
                lines.begin_row()
                yield cells, None
        except (_RowTooLong, csv.Error) as error:
            if lines.of_row > 1 or lines.last.count('"') % 2:
                raise DamagedFile(
                    f"the quote that begins in line {lines.number - lines.of_row + 1} of the file does not end: close "
                    f'it, and write a quote within a quoted text twice ("")'
                ) from None
            # As written, where that makes as many cells as the header has.
            cells = lines.last.rstrip("\r\n").split(delimiter)
            lines.begin_row()
            if isinstance(error, _RowTooLong):
                yield [], f"row {TOO_LONG}"
            elif '"' not in lines.last:
                yield [], f"row is no CSV: {error}"
            elif len(cells) == width:
                yield cells, None
            else:
                yield cells, 'row is no CSV: a quote within a quoted text is written twice ("")'


class _Lines:
    """Lines of a file as text, limited so that no row grows too long."""

    def __init__(self, stream: BinaryIO, number: int) -> None:
        self._stream = stream
        self._size = 0
        self.number = number
        """Of the last line, from 1."""
        self.of_row = 0
        """Lines of the row so far."""
        self.last = ""
        self.ended = False

    def begin_row(self) -> None:
        self._size = self.of_row = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._stream.readline(MAX_LINE_BYTES + 1)
        if not line:
            self.ended = True
            raise StopIteration
        self.number += 1
        self.of_row += 1
        self._size += len(line)
        if self._size > MAX_LINE_BYTES:
            self.last = ""
            while line and not line.endswith(b"\n"):
                line = self._stream.readline(MAX_LINE_BYTES)
            raise _RowTooLong
        self.last = line.decode("utf-8", "surrogateescape")
        return self.last


def _cells(rows: Iterator[tuple[list[str], str | None]], columns: list[str], before: int) -> Iterator[Row]:
    for number, (cells, fault) in enumerate(rows, before + 1):
        if not columns or not any(cells):
            yield number, None, fault
            continue
        filled = zip_longest(columns, cells[: len(columns)], fillvalue="")
        named = {name: _value(name, cell) if cell else None for name, cell in filled if name}
        if not fault and len(cells) > len(columns) and any(cells[len(columns) :]):
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
