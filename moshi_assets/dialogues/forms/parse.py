"""Parses one record of a dialogue file into a dialogue or a reject."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json

from ..dialogue import EXCERPT_BYTES, Dialogue, Reject, Turn, excerpt
from .encoding import encoding_fault
from .limits import MAX_ID_CHARS, RecordFault
from .mapping import AS_USUAL, InputSettings
from .names import ID_FIELDS, ROLE_FIELDS, TEXT_FIELDS, first_of
from .other import read_other
from .own import (
    LIST_FIELDS,
    MESSAGE_FIELDS,
    OWN_FIELDS,
    TURN_FIELDS,
    TWO_TURN_FIELDS,
    check_list,
    list_form,
    messages,
    spoken_turns,
    two_turns,
    validate_list,
    validate_two_turns,
    validate_voices,
)
from .reasons import reason
from .shape import advice, shape


def parse_record(
    number: int,
    line: bytes,
    max_text_chars: int,
    max_turns: int,
    first_name: int = 1,
    mapping: InputSettings = AS_USUAL,
) -> Dialogue | Reject:
    """Return the dialogue in one record of a dialogue file, or the reject.

    Args:
        number: of the record, from 1.
        line: UTF-8 JSON.
        max_text_chars: longest text of a turn, characters.
        max_turns: most turns of a list.
        first_name: number in the id that a record without one gets, if it is the first one.
        mapping: names of fields and speakers that the recipe gives.
    """
    turns: Sequence[Turn]
    if mapping is not AS_USUAL:
        return _parse_other(number, line, max_text_chars, max_turns, first_name, mapping)
    form = None
    try:
        # Two-turn lines, of which there may be millions, go past what the lists need. The search ends early in them.
        record: Any = validate_two_turns(line) if b'"user_text"' in line else None
    except ValidationError:
        record = None  # nulls beside a list, or a fault: seen below
    try:
        if record is None:
            record = validate_list(line)
            form = list_form(record)
            if form is None:
                if "user_text" not in record and "assistant_text" not in record:
                    return _parse_other(number, line, max_text_chars, max_turns, first_name, mapping, record)
                record = validate_two_turns(line)
        unknown: tuple[str, ...] = ()
        if not record.keys() <= TWO_TURN_FIELDS:
            form = list_form(record)
            unknown = tuple(record.keys() - LIST_FIELDS)
        if form is None:
            turns = two_turns(record, max_text_chars)
        else:
            entries = record[form]
            if form == "turns":
                turns, fields = spoken_turns(entries, record, max_text_chars), TURN_FIELDS
            else:
                turns = messages(form, entries, record, max_text_chars, "role", "content", mapping)
                fields = MESSAGE_FIELDS
            check_list(form, turns, max_turns)
            unknown += tuple(f"{form}[].{field}" for field in set[str]().union(*entries) - fields)
        name = record.get("id")
        if name is None and unknown:
            name, unknown = _other_name(record, number - 1 + first_name, unknown, None)
        elif name is None:
            name = f"sample_{number - 1 + first_name:06d}"
        return Dialogue(number, _checked_name(name), tuple(turns), line[:EXCERPT_BYTES], unknown)
    except ValidationError as error:
        return _parse_other(number, line, max_text_chars, max_turns, first_name, mapping, own=error)
    except RecordFault as fault:
        return Reject(number, str(fault), excerpt(line), _name_of(record))


def _parse_other(
    number: int,
    line: bytes,
    max_text_chars: int,
    max_turns: int,
    first_name: int,
    mapping: InputSettings,
    record: Any = None,
    own: ValidationError | None = None,
) -> Dialogue | Reject:
    """Return the dialogue in a record of another form, or in one with field names of another form.

    Args:
        number, line, max_text_chars, max_turns, first_name, mapping: as of `parse_record`.
        record: the record, where its voices and emotions were checked already.
        own: what is wrong with it as a record of our own forms; None: it was not looked at as one, or has none of
            their fields.
    """

    def reject(why: str) -> Reject:
        return Reject(number, why, excerpt(line), _name_of(record, mapping))

    checked = record
    if record is None:
        try:
            record = from_json(line)
        except ValueError as error:
            return reject(encoding_fault(line) or (reason(own) if own else f"not JSON: {error}"))
    if isinstance(record, list) and record:
        record = {"turns": record}
    if not isinstance(record, dict):
        return reject("not a JSON object")
    ours = own if any(record.get(field) is not None for field in OWN_FIELDS) else None
    try:
        if checked is None:
            checked = validate_voices({**record, "id": None} if mapping.id else record)
        if ours and list_form(record) is None:
            return reject(reason(ours))
        found = read_other(checked, max_text_chars, mapping)
        if found is None:
            return reject(reason(ours) if ours else f"no form of dialogue fits: {shape(record)}{advice(record)}")
        check_list(found.form, found.turns, max_turns)
        unknown = tuple(field for field in record if field not in found.used and field not in LIST_FIELDS)
        name, unknown = record.get(mapping.id or "id"), unknown + found.unread
        if name is None or mapping.id:
            name, unknown = _other_name(record, number - 1 + first_name, unknown, mapping.id)
        return Dialogue(number, _checked_name(name), tuple(found.turns), line[:EXCERPT_BYTES], unknown)
    except ValidationError as error:
        return reject(reason(own or error))
    except RecordFault as fault:
        return reject(reason(ours) if ours and _has_our_names(record) else str(fault))


def _has_our_names(record: dict[str, Any]) -> bool:
    """Whether a list of an own form uses own field names, so that its faults are best reported in these."""
    for form, ours in (("turns", "text"), ("messages", "content")):
        entries = record.get(form)
        if isinstance(entries, list) and entries and isinstance(entries[0], dict):
            names = first_of(ROLE_FIELDS, entries[0]), first_of(TEXT_FIELDS, entries[0])
            return {*names} <= {None, "role", ours}
    return True


def faulty_record(number: int, line: bytes, fault: str, mapping: InputSettings = AS_USUAL) -> Reject:
    """The reject of a record whose file tells a fault of it, with its id as far as that can be read.

    Args:
        number: of the record, from 1.
        line: UTF-8 JSON, or the beginning of it.
        fault: why it cannot be used.
        mapping: names of fields that the recipe gives.
    """
    try:
        record = from_json(line[:EXCERPT_BYTES], allow_partial=True)
    except ValueError:
        record = None
    return Reject(number, fault, excerpt(line), _name_of(record, mapping))


def _name_of(record: Any, mapping: InputSettings = AS_USUAL) -> str | None:
    """The record's id for a reject, if it is usable."""
    if not isinstance(record, dict):
        return None
    name = record.get(mapping.id or first_of(ID_FIELDS, record) or "id")
    return str(name).strip()[:MAX_ID_CHARS] or None if isinstance(name, str | int) and name is not True else None


def _other_name(record: Any, number: int, unknown: tuple[str, ...], field: str | None) -> tuple[Any, tuple[str, ...]]:
    """The id of a record without a field `id`, and its unknown fields without the one that holds the id.

    Args:
        record: the record.
        number: what it is named after where it has none.
        unknown: its unknown fields.
        field: which holds the id by the recipe; None: one of the usual names.
    """
    field = field or (first_of(ID_FIELDS, unknown) if unknown else None)
    name = record.get(field) if field else None
    if name is None:
        return f"sample_{number:06d}", unknown
    if not isinstance(name, str | int) or isinstance(name, bool):
        raise RecordFault(f"{field} is not a string or an integer")
    return name, tuple(other for other in unknown if other != field)


def _checked_name(name: Any) -> str:
    if not 0 < len(name := str(name).strip()) <= MAX_ID_CHARS:
        raise RecordFault(f"id has {len(name)} characters, more than {MAX_ID_CHARS}" if name else "id is empty")
    return name
