"""A short description of a record's fields, and the recipe setting that would read it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from ..dialogue import ROLES
from .names import ASSISTANT_FIELDS, ROLE_FIELDS, TEXT_FIELDS, USER_FIELDS, first_of, speaker

_MOST_FIELDS = 12
_LONGEST_NAME = 40
_LOOKED_AT = 20
"""Most entries of a list that are inspected."""
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_YAML_WORDS = {"yes", "no", "on", "off", "true", "false", "null", "y", "n"}


def shape(record: dict[str, Any]) -> str:
    """The fields of a record and what they hold: `id (number), talk (list of objects with who, said)`."""
    if not record:
        return "it has no fields"
    fields = [f"{_shown(name)} ({_kind(value)})" for name, value in list(record.items())[:_MOST_FIELDS]]
    more = f" and {len(record) - _MOST_FIELDS} more" if len(record) > _MOST_FIELDS else ""
    return f"its fields are {', '.join(fields)}{more}"


def advice(record: dict[str, Any]) -> str:
    """Suggest the recipe setting that would read records like this one; a guess from its content."""
    for name, value in record.items():
        if any(map(_holds_a_dialogue, _objects(value))):
            inside = _shown(name)
            return f"; {inside} seems to hold the dialogues: make each a record of its own ('jq -c .{inside}[]')"
    if first_of(ROLE_FIELDS, record) and first_of(TEXT_FIELDS, record):
        return "; it seems to be one turn: a record holds all turns of a dialogue (docs/input.md, 'A row a turn')"
    setting = _setting(record)
    return f"; say in the recipe how it is read, such as {setting}" if setting else ""


def _setting(record: dict[str, Any]) -> str | None:
    for name, value in record.items():
        if objects := _objects(value):
            role, text = _role_and_text(objects)
            if text:
                who = {"role": role} if role and role not in ROLE_FIELDS else {}
                said = {"text": text} if text not in TEXT_FIELDS else {}
                speakers = dict.fromkeys(str(each[role]) for each in objects) if role else {}
                unknown = [name for name in speakers if not speaker(name)]
                roles = {"roles": dict(zip(unknown, ROLES, strict=False))} if unknown else {}
                return yaml_like({"turns": name, **who, **said, **roles})
        if isinstance(value, list) and len(value) > 1 and all(isinstance(each, str) for each in value[:_LOOKED_AT]):
            return yaml_like({"turns": name})
    texts = [name for name, value in record.items() if isinstance(value, str) and name != "id"]
    if len(texts) > 1:
        texts = sorted(texts, key=lambda name: " " not in record[name].strip())[:2]  # stable: sentences first
        return yaml_like({"user_text": texts[0], "assistant_text": texts[1]})
    return None


def _holds_a_dialogue(record: dict[str, Any]) -> bool:
    """Whether an object in a list is not a turn, but has turns of its own, or a question and an answer."""
    if first_of(USER_FIELDS, record) and first_of(ASSISTANT_FIELDS, record):
        return True
    return any(isinstance(value, list) and value and isinstance(value[0], dict | str) for value in record.values())


def yaml_like(settings: dict[str, Any]) -> str:
    """A setting of the section `input` as YAML, to be copied into a recipe."""
    return f"'input: {_yaml(settings)}'"


def _yaml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_yaml(name)}: {_yaml(each)}" for name, each in value.items()) + "}"
    text = str(value)[:_LONGEST_NAME]
    return text if _WORD.fullmatch(text) and text.lower() not in _YAML_WORDS else json.dumps(text)


def _role_and_text(objects: list[dict[str, Any]]) -> tuple[str | None, str | None]:
    """The fields that look like speaker and text: a field with few short values, and the longest text."""
    shared = [name for name in objects[0] if all(isinstance(each.get(name), str | int) for each in objects)]
    lengths = {name: sum(len(str(each[name])) for each in objects) for name in shared}
    text = first_of(TEXT_FIELDS, shared) or max(lengths, key=lambda name: lengths[name], default=None)
    others = [name for name in shared if name != text]
    few = [name for name in others if len({str(each[name]) for each in objects}) <= max(2, len(objects) // 2)]
    return first_of(ROLE_FIELDS, others) or next(iter(few), None), text


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "text"
    if isinstance(value, dict):
        return f"object with {_names(value)}"
    if objects := _objects(value):
        return f"list of objects with {_names(objects[0])}"
    return f"list of {_plural(value[0])}" if value else "empty list"


def _plural(value: Any) -> str:
    return {"text": "texts", "number": "numbers"}.get(_kind(value), "lists" if isinstance(value, list) else "values")


def _objects(value: Any) -> list[dict[str, Any]]:
    """The first entries of a list of objects; none for anything else."""
    first = value[:_LOOKED_AT] if isinstance(value, list) else []
    return first if all(isinstance(each, dict) for each in first) else []


def _names(fields: Iterable[str]) -> str:
    names = list(fields)
    return ", ".join(map(_shown, names[:_MOST_FIELDS])) + (" ..." if len(names) > _MOST_FIELDS else "") or "no fields"


def _shown(name: str) -> str:
    """The name of a field on one line, without control characters."""
    return "".join(sign if sign.isprintable() else "?" for sign in name[:_LONGEST_NAME])
