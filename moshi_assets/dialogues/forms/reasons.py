"""Validation errors of a record in words."""

from __future__ import annotations

from pydantic import ValidationError

from .limits import MAX_GAP, MAX_LIST_ENTRIES, MIN_GAP


def reason(error: ValidationError) -> str:
    """All faults of a record, each with its place."""
    reasons = []
    for fault in error.errors(include_url=False, include_context=False, include_input=False):
        field = _place(fault["loc"])
        match fault["type"]:
            case "json_invalid":
                reasons.append(f"not JSON: {fault['msg'].removeprefix('Invalid JSON: ')}")
            case "dict_type" | "model_type":
                reasons.append(f"{field} is not a JSON object" if field else "not a JSON object")
            case "missing":
                reasons.append(f"{field} is missing")
            case "string_type" | "int_type" if fault["loc"][0] == "id":
                reasons.append("id is not a string or an integer")
            case "string_type":
                reasons.append(f"{field} is not a string")
            case "bool_type":
                reasons.append(f"{field} is not true or false")
            case "float_type":
                reasons.append(f"{field} is not a number")
            case "list_type":
                reasons.append(f"{field} is not a list")
            case "too_long" if field in ("turns", "messages"):
                reasons.append(f"{field} has more than {MAX_LIST_ENTRIES} entries")
            case "greater_than_equal" | "less_than_equal" | "finite_number" if field.endswith("].gap"):
                reasons.append(f"{field} is not within {MIN_GAP:g}..{MAX_GAP:g} seconds")
            case "literal_error" if field.endswith("].role"):
                reasons.append(f"{field} is not user or assistant")
            case _:
                reasons.append(f"{field}: {fault['msg']}")
    return "; ".join(dict.fromkeys(reasons))


def _place(location: tuple[int | str, ...]) -> str:
    """`turns[3].text` for ("turns", 3, "text")."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).removeprefix(".")
