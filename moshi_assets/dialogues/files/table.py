"""Rows of a table -> records: a row is a dialogue, or one turn of it.

A table with a column that names the dialogue, one for who speaks and one for what is said holds a turn in each row.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from ..dialogue import EXCERPT_BYTES
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
from .turn_rows import NUMBER_FIELDS, Row, TurnColumns, dialogue_rows


def table_records(
    columns: Sequence[str],
    rows: Iterable[Row],
    mapping: InputSettings,
    before: int,
    again: Callable[[], Iterable[Row]],
) -> Iterator[Record]:
    """Records of a table.

    Args:
        columns: their names.
        rows: numbered from `before` + 1.
        mapping: names of columns that the recipe gives.
        before: number of the record before the first.
        again: reads the same rows a second time.
    """
    found = _turn_columns(columns, mapping)
    if found:
        for number, (name, turns, fault) in enumerate(dialogue_rows(rows, found, again), before + 1):
            yield _record(number, {found.dialogue: name, "turns": turns}, fault)
        return
    for number, cells, fault in rows:
        if cells is None:
            yield number, b"", fault
        else:
            yield _record(number, cells, fault)


def _turn_columns(columns: Sequence[str], mapping: InputSettings) -> TurnColumns | None:
    """The columns of a table in which a row is a turn; None if a row is a dialogue."""
    names = {plain(name) for name in columns}
    whole = names & {*LIST_FIELDS} or (names & {*USER_FIELDS} and names & {*ASSISTANT_FIELDS})
    if mapping.turns or mapping.user_text or (whole and not mapping.text):
        return None
    role = mapping.role or first_of(ROLE_FIELDS, columns)
    text = mapping.text or first_of(TEXT_FIELDS, [name for name in columns if name != role])
    named = mapping.id or first_of(ID_FIELDS, [name for name in columns if name not in (role, text)])
    if named is None or not {role, text, named} <= {*columns}:
        return None
    return TurnColumns(named, first_of(NUMBER_FIELDS, [name for name in columns if name not in (role, text, named)]))


def _record(number: int, cells: dict[str, Any], fault: str | None) -> Record:
    content = json.dumps(cells, ensure_ascii=False, default=_told).encode("utf-8", "surrogateescape")
    if len(content) > MAX_LINE_BYTES:
        content, fault = content[:EXCERPT_BYTES], fault or f"row {TOO_LONG}"
    return number, content, fault


def _told(value: Any) -> Any:
    """A value that JSON does not know, as text: a date, a decimal number, bytes."""
    return base64.b64encode(value[:60]).decode() if isinstance(value, bytes) else str(value)
