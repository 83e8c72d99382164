"""The forms that a line of a dialogue file may have, and the dialogue in it.

- `user_text` and `assistant_text`: one question, one answer;
- `turns`: any number of turns, each with role, text, and optional voice, emotion, gap and backchannel;
- `messages`: the chat form of most dialogue corpora, role and content.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Annotated, Any, NotRequired

from pydantic import ConfigDict, Field, StrictBool, StrictInt, StrictStr, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from .dialogue import EXCERPT_BYTES, ROLES, Dialogue, EmotionSettings, Reject, Role, Turn, excerpt

MAX_ID_CHARS = 1000
MAX_VOICE_CHARS = 1000
MIN_GAP, MAX_GAP = -30.0, 60.0
"""Bounds of a turn's `gap`, seconds."""
MAX_LIST_ENTRIES = 10_000
"""Entries of a list of turns or messages that are looked at; a recipe's `max_turns` may allow no more."""
MAX_DIALOGUE_CHARS = 100_000
"""Most characters in a list of turns or messages: about two hours of speech, which become one recording that is
assembled in memory."""
UNSPOKEN_ROLES = ("system", "developer", "tool", "function")
"""Chat roles whose messages are left out: nobody says them."""
_TEXT_PARTS = ("text", "input_text", "output_text")
_letter_or_digit = re.compile(r"[^\W_]").search  # of any script
_NAMED_SYMBOLS = ("Sc", "So")
"""Unicode categories of signs that stand for something: currencies, emoji."""


class _AnyRecord(TypedDict):
    """What a record of any form may hold. Unknown fields are kept aside and counted by the planner."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]

    id: NotRequired[StrictStr | StrictInt | None]
    user_voice: NotRequired[StrictStr | None]
    assistant_voice: NotRequired[StrictStr | None]
    user_emotion: NotRequired[EmotionSettings | None]
    assistant_emotion: NotRequired[EmotionSettings | None]


class TwoTurnRecord(_AnyRecord):
    """The two-turn form."""

    user_text: StrictStr
    assistant_text: StrictStr


class TurnRecord(TypedDict):
    """One of `turns`. Its voice and emotion go before those that the record names for its role."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]

    role: Role
    text: StrictStr
    voice: NotRequired[StrictStr | None]
    emotion: NotRequired[EmotionSettings | None]
    gap: NotRequired[Annotated[float, Field(strict=True, ge=MIN_GAP, le=MAX_GAP, allow_inf_nan=False)] | None]
    backchannel: NotRequired[StrictBool | None]


class MessageRecord(TypedDict):
    """One of `messages`. Nothing but role and content is read: other fields mean another thing in each corpus."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]

    role: StrictStr
    content: NotRequired[Any]
    tool_calls: NotRequired[Any]
    function_call: NotRequired[Any]


class ListRecord(_AnyRecord):
    """The forms with a list; null stands for an absent field, as tables write it."""

    user_text: NotRequired[Any]
    assistant_text: NotRequired[Any]
    # The first fault ends a list: a hostile line could hold a million of them.
    turns: NotRequired[Annotated[list[TurnRecord], Field(max_length=MAX_LIST_ENTRIES, fail_fast=True)] | None]
    messages: NotRequired[Annotated[list[MessageRecord], Field(max_length=MAX_LIST_ENTRIES, fail_fast=True)] | None]


_TWO_TURN_FIELDS = frozenset(TwoTurnRecord.__annotations__)
_LIST_FIELDS = frozenset(ListRecord.__annotations__)
_TURN_FIELDS = frozenset(TurnRecord.__annotations__)
_MESSAGE_FIELDS = frozenset(MessageRecord.__annotations__)
# Dicts instead of model instances: three times cheaper to make, and the planner reads a million of them.
_validate_two_turns = TypeAdapter(TwoTurnRecord).validator.validate_json
_validate_list = TypeAdapter(ListRecord).validator.validate_json


class _RecordFault(ValueError):
    """A well-formed record that is no dialogue; the message is the reason of its reject."""


def parse_record(
    number: int, line: bytes, max_text_chars: int, max_turns: int, first_name: int = 1
) -> Dialogue | Reject:
    """The dialogue in one line of a dialogue file, or why there is none.

    Args:
        number: line number, from 1.
        line: UTF-8 JSON.
        max_text_chars: longest text of a turn, characters.
        max_turns: most turns of a list.
        first_name: number in the id that a record without one gets, if it is the first line's.
    """
    turns: Sequence[Turn]
    form = None
    try:
        # Two-turn lines, of which there may be millions, go past what the lists need. The search ends early in them.
        record: Any = _validate_two_turns(line) if b'"user_text"' in line else None
    except ValidationError:
        record = None  # nulls beside a list, or a fault: seen below
    try:
        if record is None:
            record = _validate_list(line)
            form = _list_form(record)
            if form is None:
                record = _validate_two_turns(line)
        unknown: tuple[str, ...] = ()
        if not record.keys() <= _TWO_TURN_FIELDS:
            form = _list_form(record)
            unknown = tuple(record.keys() - _LIST_FIELDS)
        if form is None:
            turns = _two_turns(record, max_text_chars)
        else:
            entries = record[form]
            if form == "turns":
                turns, fields = _turns(entries, record, max_text_chars), _TURN_FIELDS
            else:
                turns, fields = _messages(entries, record, max_text_chars), _MESSAGE_FIELDS
            _check_list(form, turns, max_turns)
            unknown += tuple(f"{form}[].{field}" for field in set[str]().union(*entries) - fields)
        return Dialogue(number, _name(record, number - 1 + first_name), tuple(turns), line[:EXCERPT_BYTES], unknown)
    except ValidationError as error:
        return Reject(number, _reason(error), excerpt(line))
    except _RecordFault as fault:
        return Reject(number, str(fault), excerpt(line))


def _list_form(record: Any) -> str | None:
    """Name of the list that the record has, None for a record of two texts."""
    given = [field for field in ("turns", "messages", "user_text", "assistant_text") if record.get(field) is not None]
    if not {"turns", "messages"}.intersection(given):
        return None
    if len(given) > 1:
        raise _RecordFault(
            f"{given[0]} and {given[1]} are both given: use one of turns, messages, and user_text with assistant_text"
        )
    return given[0]


def _name(record: Any, number: int) -> str:
    """The record's id."""
    name = record.get("id")
    if name is None:
        return f"sample_{number:06d}"
    if not 0 < len(name := str(name).strip()) <= MAX_ID_CHARS:
        raise _RecordFault(f"id has {len(name)} characters, more than {MAX_ID_CHARS}" if name else "id is empty")
    return name


def _text(field: str, text: str, limit: int) -> str:
    """A text without the white space around it."""
    if not 0 < len(text := text.strip()) <= limit:
        raise _RecordFault(
            f"{field} has {len(text)} characters, more than max_text_chars={limit}" if text else f"{field} is empty"
        )
    if not _letter_or_digit(text) and not any(unicodedata.category(sign) in _NAMED_SYMBOLS for sign in text):
        raise _RecordFault(f"{field} is punctuation only, so there is nothing to say: {text[:40]!r}")
    return text


def _voice(field: str, voice: str | None) -> str | None:
    if voice and len(voice) > MAX_VOICE_CHARS:
        raise _RecordFault(f"{field} has {len(voice)} characters, more than {MAX_VOICE_CHARS}")
    return voice


def _two_turns(record: Any, limit: int) -> tuple[Turn, Turn]:
    get = record.get
    user, assistant = record["user_text"].strip(), record["assistant_text"].strip()
    fit = 0 < len(user) <= limit and 0 < len(assistant) <= limit
    if not (fit and _letter_or_digit(user) and _letter_or_digit(assistant)):
        _text("user_text", user, limit)
        _text("assistant_text", assistant, limit)
    user_voice, assistant_voice = get("user_voice"), get("assistant_voice")
    if user_voice or assistant_voice:
        _voice("user_voice", user_voice)
        _voice("assistant_voice", assistant_voice)
    return (
        Turn("user", user, user_voice, get("user_emotion")),
        Turn("assistant", assistant, assistant_voice, get("assistant_emotion")),
    )


class _Speakers:
    """Voice and emotion of each role, where the record names them."""

    def __init__(self, record: Any) -> None:
        self.voice = {role: _voice(f"{role}_voice", record.get(f"{role}_voice")) for role in ROLES}
        self.emotion = {role: record.get(f"{role}_emotion") for role in ROLES}


def _turns(entries: Sequence[Any], record: Any, limit: int) -> list[Turn]:
    of = _Speakers(record)
    turns = []
    speaking: Role | None = None
    for number, entry in enumerate(entries):
        where, role, get = f"turns[{number}]", entry["role"], entry.get
        gap, backchannel = get("gap"), bool(get("backchannel"))
        if backchannel and speaking in (None, role):
            before = "there is no turn before it" if speaking is None else f"the turn before it is the {role}'s own"
            raise _RecordFault(f"{where}.backchannel: {before}, but it lies over a turn of the other")
        if gap is not None and gap < 0 and speaking in (None, role):
            before = "there is no turn before it" if speaking is None else f"the turn before it is the {role}'s own"
            raise _RecordFault(f"{where}.gap is {gap:g}: {before}, and nobody talks over oneself")
        text = _text(f"{where}.text", entry["text"], limit)
        voice = _voice(f"{where}.voice", get("voice")) or of.voice[role]
        turns.append(Turn(role, text, voice, get("emotion") or of.emotion[role], gap, backchannel))
        speaking = speaking if backchannel else role
    return turns


def _messages(entries: Sequence[Any], record: Any, limit: int) -> list[Turn]:
    of = _Speakers(record)
    turns = []
    for number, entry in enumerate(entries):
        where, role, content = f"messages[{number}]", entry["role"], entry.get("content")
        if role in UNSPOKEN_ROLES or (not content and (entry.get("tool_calls") or entry.get("function_call"))):
            continue
        if role != "user" and role != "assistant":
            raise _RecordFault(
                f"{where}.role is {role[:40]!r}: user and assistant are spoken, {', '.join(UNSPOKEN_ROLES)} left out"
            )
        text = _text(f"{where}.content", _content(f"{where}.content", content), limit)
        turns.append(Turn(role, text, of.voice[role], of.emotion[role]))
    return turns


def _content(where: str, content: Any) -> str:
    """Text of a message: a string, or a list of text parts, which are joined by a space."""
    if content is None:
        raise _RecordFault(f"{where} is missing")
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise _RecordFault(f"{where} is neither a string nor a list of text parts")
    texts = []
    for number, part in enumerate(content):
        text = part if isinstance(part, str) else part.get("text") if isinstance(part, dict) else None
        if not isinstance(text, str) or (isinstance(part, dict) and part.get("type", "text") not in _TEXT_PARTS):
            raise _RecordFault(f"{where}[{number}] is no text part: only text can be spoken")
        texts.append(text.strip())
    return " ".join(filter(None, texts))


def _check_list(form: str, turns: Sequence[Turn], max_turns: int) -> None:
    if len(turns) > max_turns:
        raise _RecordFault(f"{form} has {len(turns)} turns, more than max_turns={max_turns}: split the dialogue")
    if not any(turn.role == "assistant" for turn in turns):
        raise _RecordFault(f"{form} has no turn of the assistant: Moshi learns from what it says")
    if (characters := sum(len(turn.text) for turn in turns)) > MAX_DIALOGUE_CHARS:
        raise _RecordFault(
            f"{form} has {characters} characters in all, more than {MAX_DIALOGUE_CHARS}: split the dialogue"
        )


def _reason(error: ValidationError) -> str:
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
    if "user_text is missing" in reasons and "assistant_text is missing" in reasons:
        reasons.append("no turns and no messages either")
    return "; ".join(dict.fromkeys(reasons))


def _place(location: tuple[int | str, ...]) -> str:
    """`turns[3].text` for ("turns", 3, "text")."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).removeprefix(".")
