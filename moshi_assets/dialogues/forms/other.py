"""Records in forms of other corpora: a list of turns by any name, or two texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..dialogue import Turn
from .limits import MAX_LIST_ENTRIES, RecordFault, checked_text
from .mapping import InputSettings
from .names import (
    ALTERNATING,
    ASSISTANT_FIELDS,
    LIST_FIELDS,
    ROLE_FIELDS,
    TEXT_FIELDS,
    USER_FIELDS,
    first_of,
    plain,
    speaker,
)
from .own import TURN_FIELDS, Speakers, messages, renamed_turns, spoken_turns
from .shape import advice, shape, yaml_like

_INSTRUCTION, _INPUT = "instruction", "input"
_PARTS = ("prompt", "completion")
"""Two lists of messages that are one dialogue, as trainers of preference models write it."""
_ROLE_LISTS = ("speakers", "roles", *ROLE_FIELDS)
"""Fields that may hold the speakers of a list of texts beside them."""
_PAIR_LISTS = ("turns", "conversations", "conversation", "dialog", "dialogue", "chat")
"""Lists that may hold a question and its answer in each entry; `data` may also hold whole dialogues."""
OWN_LIST = "turns"
"""The list whose turns may also have voice, emotion, gap and backchannel."""


class OtherForm(NamedTuple):
    """A dialogue found in a record of another form."""

    form: str
    turns: Sequence[Turn]
    used: tuple[str, ...]
    """Fields of the record that it was made from."""
    unread: tuple[str, ...] = ()
    """Fields of its turns that have no meaning here."""


def read_other(record: dict[str, Any], limit: int, mapping: InputSettings) -> OtherForm | None:
    """Find the dialogue in a record of another form; None if there is none.

    Args:
        record: any object.
        limit: longest text, characters.
        mapping: names of fields and speakers.

    Raises:
        RecordFault: there is one, but it cannot be used, or there are several.
        ValidationError: a turn of `turns` with a fault.
    """
    if mapping.user_text and mapping.assistant_text:
        return _two_texts(record, [mapping.user_text], mapping.assistant_text, limit)
    if mapping.turns:
        if record.get(mapping.turns) is None:
            raise RecordFault(f"{mapping.turns} is missing, which input.turns names: {shape(record)}")
        return _list(record, mapping.turns, limit, mapping)
    found = [name for name, value in record.items() if _is_list_of_turns(name, value, mapping)]
    known = [name for name in found if plain(name) in LIST_FIELDS]
    if not known and {plain(name) for name in found} == {*_PARTS}:
        parts = sorted(found, key=plain, reverse=True)
        turns = [turn for part in parts for turn in _as_list(record[part])]
        return _list({**record, "+".join(parts): turns}, "+".join(parts), limit, mapping)._replace(used=tuple(parts))
    if len(lists := known or found) > 1:
        raise RecordFault(
            f"{' and '.join(lists[:4])} each hold a list of turns: say in the recipe which is the dialogue, such as "
            f"{yaml_like({'turns': lists[0]})}"
        )
    return _list(record, lists[0], limit, mapping) if lists else _question_and_answer(record, limit)


def _is_list_of_turns(name: str, value: Any, mapping: InputSettings) -> bool:
    """Whether a field seems to hold a dialogue: turns with role and text, or turns without roles under a
    common name.
    """
    entries = _as_list(value)
    if not isinstance(entries, list) or not entries:
        return False
    first = entries[0]
    if isinstance(first, dict) and None not in _fields(first, mapping):
        return True
    if plain(name) in _PAIR_LISTS and _pair(first):
        return True
    return plain(name) in LIST_FIELDS and len(entries) > 1 and (isinstance(first, str) or _only_text(first, mapping))


def _as_list(value: Any) -> Any:
    """Return a list as it is; turn an object of equally long lists, as tables store it, into a list of objects."""
    if not isinstance(value, dict) or not value or not all(isinstance(each, list) for each in value.values()):
        return value
    lengths = {len(each) for each in value.values()}
    if len(lengths) != 1 or max(lengths) > MAX_LIST_ENTRIES:
        return value
    return [dict(zip(value, row, strict=True)) for row in zip(*value.values(), strict=True)]


def _fields(entry: dict[str, Any], mapping: InputSettings) -> tuple[str | None, str | None]:
    """The names of the role field and the text field of a turn."""
    text = mapping.text if mapping.text in entry else first_of(TEXT_FIELDS, entry)
    role = mapping.role if mapping.role in entry else first_of(ROLE_FIELDS, (name for name in entry if name != text))
    return role, text


def _only_text(entry: Any, mapping: InputSettings) -> bool:
    return isinstance(entry, dict) and len(entry) == 1 and _fields(entry, mapping)[1] is not None


def _pair(entry: Any) -> tuple[str, str] | None:
    """The fields of question and answer in an entry of a list; None if the entry has no such fields."""
    if not isinstance(entry, dict):
        return None
    asked, answer = first_of(USER_FIELDS, entry), first_of(ASSISTANT_FIELDS, entry)
    return (asked, answer) if asked and answer else None


def _list(record: dict[str, Any], form: str, limit: int, mapping: InputSettings) -> OtherForm:
    entries = _as_list(record[form])
    if not isinstance(entries, list):
        raise RecordFault(f"{form} is not a list")
    if len(entries) > MAX_LIST_ENTRIES:
        raise RecordFault(f"{form} has more than {MAX_LIST_ENTRIES} entries")
    if entries and all(isinstance(entry, str) or _only_text(entry, mapping) for entry in entries):
        beside, roles = _roles_beside(record, len(entries), mapping)
        texts = [entry if isinstance(entry, str) else next(iter(entry.values())) for entry in entries]
        entries = [{"role": role, "text": text} for role, text in zip(roles, texts, strict=True)]
        turns = messages(form, entries, record, limit, "role", "text", mapping)
        return OtherForm(form, turns, (form, beside) if beside else (form,))
    if entries and all(map(_pair, entries)):
        pairs = [(entry, *(_pair(entry) or ("", ""))) for entry in entries]
        unread = {field for entry, *fields in pairs for field in entry if field not in fields}
        entries = [
            {"role": role, "text": entry[field]}
            for entry, *fields in pairs
            for role, field in zip(ALTERNATING, fields, strict=True)
        ]
        turns = messages(form, entries, record, limit, "role", "text", mapping)
        return OtherForm(form, turns, (form,), tuple(f"{form}[].{field}" for field in unread))
    first = next((entry for entry in entries if isinstance(entry, dict)), {})
    role, text = _fields(first, mapping)
    if first and (role is None or text is None):
        what = "the speaker" if role is None else "the text"
        raise RecordFault(f"no field of {form}[] is known to hold {what}: {shape(record)}{advice(record)}")
    role, text = role or "role", text or "text"
    if form == OWN_LIST:
        turns = spoken_turns(renamed_turns(entries, role, text, mapping), record, limit)
        read = TURN_FIELDS | {role, text}
    else:
        turns = messages(form, entries, record, limit, role, text, mapping)
        read = frozenset({role, text})
    unread = set[str]().union(*entries) - read
    return OtherForm(form, turns, (form,), tuple(f"{form}[].{field}" for field in unread))


def _roles_beside(record: dict[str, Any], count: int, mapping: InputSettings) -> tuple[str | None, list[Any]]:
    """The speakers of some texts, and the field beside the texts that holds them; without such a field the roles
    alternate.
    """
    alternating = [ALTERNATING[number % 2] for number in range(count)]
    lists = [name for name, value in record.items() if isinstance(value, list) and len(value) == count]
    beside = first_of(_ROLE_LISTS, lists)
    if beside is None:
        return None, alternating
    names = [str(name) for name in record[beside]]
    if all(mapping.speaker(name) or speaker(name) for name in names):
        return beside, names
    if len({*names[::2]}) == len({*names[1::2]}) == 1 and names[0] != names[1]:
        return beside, alternating  # whoever they are, they alternate
    raise RecordFault(
        f"{beside} names speakers that do not alternate, and their roles are not known: name them in the recipe, such "
        f"as {yaml_like({'roles': dict(zip(dict.fromkeys(names), ALTERNATING, strict=False))})}"
    )


def _question_and_answer(record: dict[str, Any], limit: int) -> OtherForm | None:
    texts = {plain(name): name for name, value in record.items() if isinstance(value, str | None)}
    asked, answers = _filled(record, texts, USER_FIELDS), _filled(record, texts, ASSISTANT_FIELDS)
    if not asked or not answers:
        return None
    instruction, more = texts.get(_INSTRUCTION), texts.get(_INPUT)
    if more in asked and instruction in asked:
        asked.remove(more)
    for fields in (asked, answers):
        if len(fields) > 1:
            raise RecordFault(
                f"{' and '.join(fields[:4])} may each be what is said: name one in the recipe, such as "
                f"{yaml_like({'user_text': asked[0], 'assistant_text': answers[0]})}"
            )
    if asked == [instruction] and more:
        asked.append(more)
    return _two_texts(record, asked, answers[0], limit)


def _filled(record: dict[str, Any], texts: dict[str, str], known: Sequence[str]) -> list[str]:
    """The known fields that hold a text; if all are blank, the first of them."""
    fields = [texts[name] for name in known if name in texts]
    return [field for field in fields if (record[field] or "").strip()] or fields[:1]


def _two_texts(record: dict[str, Any], asked: list[str], answer: str, limit: int) -> OtherForm:
    for field in (*asked, answer):
        if record.get(field) is None:
            raise RecordFault(f"{field} is missing: {shape(record)}")
        if not isinstance(record[field], str):
            raise RecordFault(f"{field} is not a string")
    entries = {"user": "\n".join(filter(None, (record[field].strip() for field in asked))), "assistant": record[answer]}
    names = {"user": " with ".join(asked), "assistant": answer}
    of = Speakers(record)
    turns = [
        Turn(role, checked_text(names[role], entries[role], limit), of.voice[role], of.emotion[role])
        for role in ALTERNATING
    ]
    return OtherForm("two texts", turns, (*asked, answer))
