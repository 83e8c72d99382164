"""Rows of a table -> records: a row is a dialogue, or one turn of it.

A table with a column that names the dialogue, one for who speaks and one for what is said holds a turn in each row. The
turns of a dialogue follow one another.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ..dialogue import EXCERPT_BYTES
from ..forms.limits import MAX_LIST_ENTRIES
from ..forms.mapping import InputSettings
from ..forms.names import (
    ASSISTANT_FIELDS,
    ID_FIELDS,
    LIST_FIELDS,
    ROLE_FIELDS,
    TEXT_FIELDS,
    USER_FIELDS,
    first_of,
    plain,
)
from .json_lines import MAX_LINE_BYTES, TOO_LONG, Record

Row = tuple[int, dict[str, Any] | None, str | None]
"""Number, cells by column (None for a blank row), and the reason why the row cannot be used."""
NO_DIALOGUE = "names no dialogue"


def table_records(columns: Sequence[str], rows: Iterable[Row], mapping: InputSettings, before: int) -> Iterator[Record]:
    """Records of a table.

    Args:
        columns: their names.
        rows: numbered from `before` + 1.
        mapping: names of columns that the recipe gives.
        before: number of the record before the first.
    """
    found = _turn_columns(columns, mapping)
    if found:
        yield from _dialogues(rows, found, before)
        return
    for number, cells, fault in rows:
        if cells is None:
            yield number, b"", fault
        else:
            yield _record(number, cells, fault)


def _turn_columns(columns: Sequence[str], mapping: InputSettings) -> str | None:
    """The column that names the dialogue of each turn, if a row is a turn; None if a row is a dialogue."""
    names = {plain(name) for name in columns}
    whole = names & {*LIST_FIELDS} or (names & {*USER_FIELDS} and names & {*ASSISTANT_FIELDS})
    if mapping.turns or mapping.user_text or (whole and not mapping.text):
        return None
    role = mapping.role or first_of(ROLE_FIELDS, columns)
    text = mapping.text or first_of(TEXT_FIELDS, [name for name in columns if name != role])
    named = mapping.id or first_of(ID_FIELDS, [name for name in columns if name not in (role, text)])
    return named if {role, text, named} <= {*columns} else None


def _dialogues(rows: Iterable[Row], named: str, number: int) -> Iterator[Record]:
    """One record for the rows of each dialogue, numbered by dialogue."""
    turns: list[dict[str, Any]] = []
    name, size, fault = None, 0, None

    def gathered() -> Record:
        return _record(number, {named: name, "turns": turns}, fault)

    for _, cells, row_fault in rows:
        if cells is None and row_fault is None:
            continue
        cells = cells or {}
        if cells.get(named) is None or cells[named] != name or not turns:
            if turns:
                yield gathered()
            turns, size, fault = [], 0, None
            number += 1
            name = cells.get(named)
        fault = fault or row_fault or (None if name is not None else f"{named} is empty: it {NO_DIALOGUE}")
        size += sum(len(str(cell)) for cell in cells.values())
        if len(turns) > MAX_LIST_ENTRIES or size > MAX_LINE_BYTES:
            fault = fault or f"dialogue {TOO_LONG} or has more than {MAX_LIST_ENTRIES} turns"
        else:
            turns.append({column: cell for column, cell in cells.items() if column != named and cell is not None})
    if turns:
        yield gathered()


def _record(number: int, cells: dict[str, Any], fault: str | None) -> Record:
    content = json.dumps(cells, ensure_ascii=False, default=_told).encode("utf-8", "surrogateescape")
    if len(content) > MAX_LINE_BYTES:
        content, fault = content[:EXCERPT_BYTES], fault or f"row {TOO_LONG}"
    return number, content, fault


def _told(value: Any) -> Any:
    """A value that JSON does not know, as text: a date, a decimal number, bytes."""
    return base64.b64encode(value[:60]).decode() if isinstance(value, bytes) else str(value)
