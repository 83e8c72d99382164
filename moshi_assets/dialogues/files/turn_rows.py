"""Tables with a turn in each row -> a record for the rows of each dialogue.

The rows of a dialogue stand together; a column that numbers them tells their order. Half a dialogue would be wrong
training data, so of one whose rows are scattered no piece is read. That takes a look at the names of all rows before
the first record; they are remembered on disk.
"""

from __future__ import annotations

import math
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from itertools import groupby, islice, pairwise
from typing import Any, NamedTuple

import xxhash

from ..forms.limits import MAX_LIST_ENTRIES
from .json_lines import MAX_LINE_BYTES, TOO_LONG

Cells = dict[str, Any]
Row = tuple[int, Cells | None, str | None]
"""Number, cells by column (None for a blank row), and the reason why the row cannot be used."""
NO_DIALOGUE = "names no dialogue"
NUMBER_FIELDS = (
    "turn",
    "turn_id",
    "turn_idx",
    "turn_index",
    "turn_number",
    "turn_num",
    "turn_no",
    "turn_nr",
    "utterance_idx",
    "utterance_index",
    "utterance_number",
    "utterance_no",
    "message_idx",
    "message_index",
    "message_number",
    "sequence_number",
    "seq",
    "position",
    "order",
)
"""Columns that may number the turns of a dialogue; the first one that a table has counts."""
_NAMES_A_STEP = 4096


class TurnColumns(NamedTuple):
    """Where a table of turns tells what."""

    dialogue: str
    """Which dialogue a turn belongs to."""
    number: str | None = None
    """Which turn of it a row is."""


class DialogueRows(NamedTuple):
    """The turns of one dialogue, or of one piece of it."""

    name: Any
    turns: list[Cells]
    fault: str | None


def dialogue_rows(
    rows: Iterable[Row], columns: TurnColumns, again: Callable[[], Iterable[Row]]
) -> Iterator[DialogueRows]:
    """The turns of each dialogue of a table, in order.

    Args:
        rows: of the table.
        columns: what they are called.
        again: reads the same rows a second time, for a look at all names before the first.
    """
    filled = ((number, cells or {}, fault) for number, cells, fault in rows if cells is not None or fault)
    with closing(_Pieces()) as pieces:
        pieces.count(_name(cells or {}, columns) for _, cells, fault in again() if cells is not None or fault)
        for name, group in groupby(filled, lambda row: _name(row[1], columns) or row[0]):
            yield _gathered(group, columns, pieces.of(name) if isinstance(name, str) else 1)


def _name(cells: Cells, columns: TurnColumns) -> str | None:
    name = cells.get(columns.dialogue)
    return None if name is None else str(name).strip() or None


def _gathered(rows: Iterable[tuple[int, Cells, str | None]], columns: TurnColumns, pieces: int) -> DialogueRows:
    turns: list[Cells] = []
    name, size, fault, first, last = None, 0, None, 0, 0
    for last, cells, row_fault in rows:
        first = first or last
        name = cells.get(columns.dialogue)
        fault = (
            fault or row_fault or (None if _name(cells, columns) else f"{columns.dialogue} is empty: it {NO_DIALOGUE}")
        )
        size += sum(len(str(cell)) for cell in cells.values())
        if len(turns) > MAX_LIST_ENTRIES or size > MAX_LINE_BYTES:
            fault = fault or f"dialogue {TOO_LONG} or has more than {MAX_LIST_ENTRIES} turns"
        else:
            turns.append({column: cell for column, cell in cells.items() if cell is not None})
    if pieces > 1:
        fault = (
            f"the rows of {str(name)[:80]!r} do not stand together: rows {first} to {last} are one of {pieces} pieces; "
            f"sort the table by {columns.dialogue}"
        )
    turns, disorder = _in_order(turns, columns)
    kept = [{column: cell for column, cell in turn.items() if column not in columns} for turn in turns]
    return DialogueRows(name, kept, fault or disorder)


def _in_order(turns: list[Cells], columns: TurnColumns) -> tuple[list[Cells], str | None]:
    """The turns by their numbers, and why these do not tell the order."""
    if columns.number is None:
        return turns, None
    numbers = [_number(turn.get(columns.number)) for turn in turns]
    told = [number for number in numbers if number is not None]
    if all(earlier <= later for earlier, later in pairwise(told)):
        return turns, None
    if len(told) < len(turns):
        return (
            turns,
            f"{columns.number} is no number in each row, and the rows are not in its order: sort the table by it",
        )
    if twice := next((number for number, count in Counter(told).items() if count > 1), None):
        return turns, (
            f"{columns.number} is {twice:g} in several rows, and the rows are not in its order: sort the table by it"
        )
    return [turn for _, turn in sorted(zip(told, turns, strict=True), key=lambda each: each[0])], None


def _number(cell: Any) -> float | None:
    try:
        number = float(cell)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


class _Pieces:
    """In how many places of a table the rows of each dialogue stand; on disk, for there may be millions."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)  # "" is a temporary file that SQLite removes
        self._db.execute("PRAGMA journal_mode=OFF")
        self._db.execute("PRAGMA cache_size=-16000")
        self._db.execute("CREATE TABLE pieces (name INTEGER PRIMARY KEY, count INTEGER)")
        self._any = False

    def count(self, names: Iterable[str | None]) -> None:
        """Count a piece for every change of name."""
        changes = (_digest(name) for name, _ in groupby(names) if name)
        self._db.execute("BEGIN")
        while some := [(digest,) for digest in islice(changes, _NAMES_A_STEP)]:
            self._db.executemany("INSERT INTO pieces VALUES (?, 1) ON CONFLICT DO UPDATE SET count = count + 1", some)
        self._db.execute("COMMIT")
        self._any = bool(self._db.execute("SELECT 1 FROM pieces WHERE count > 1 LIMIT 1").fetchone())

    def of(self, name: str) -> int:
        """Pieces of a dialogue."""
        if not self._any:
            return 1
        found = self._db.execute("SELECT count FROM pieces WHERE name = ?", (_digest(name),)).fetchone()
        return int(found[0]) if found else 1

    def close(self) -> None:
        self._db.close()


def _digest(name: str) -> int:
    """A number of 64 bits, as SQLite holds it."""
    return xxhash.xxh3_64_intdigest(name.encode("utf-8", "surrogatepass")) - 2**63
