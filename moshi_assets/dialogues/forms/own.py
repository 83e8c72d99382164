"""The three forms of this project, and their turns.

- `user_text` and `assistant_text`: one question, one answer;
- `turns`: any number of turns, each with role, text, and optional voice, emotion, gap and backchannel;
- `messages`: the chat form of most dialogue corpora, role and content.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, NotRequired

from pydantic import ConfigDict, Field, StrictBool, StrictInt, StrictStr, TypeAdapter
from typing_extensions import TypedDict

from ..dialogue import ROLES, EmotionSettings, Role, Turn
from .limits import (
    MAX_DIALOGUE_CHARS,
    MAX_GAP,
    MAX_LIST_ENTRIES,
    MIN_GAP,
    RecordFault,
    checked_text,
    checked_voice,
    letter_or_digit,
)
from .mapping import InputSettings
from .names import SPEAKERS, UNSPOKEN, Speaker, speaker
from .shape import yaml_like

_TEXT_PARTS = ("text", "input_text", "output_text")
OWN_FIELDS = ("turns", "messages", "user_text", "assistant_text")
"""Fields of these forms: a record has one list, or both texts."""
_MOST_SPEAKERS = 8
"""Most speakers that a message names."""


class AnyRecord(TypedDict):
    """Fields that a record of any form may have. Unknown fields are kept aside and counted by the planner."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]

    id: NotRequired[StrictStr | StrictInt | None]
    user_voice: NotRequired[StrictStr | None]
    assistant_voice: NotRequired[StrictStr | None]
    user_emotion: NotRequired[EmotionSettings | None]
    assistant_emotion: NotRequired[EmotionSettings | None]


class TwoTurnRecord(AnyRecord):
    """The two-turn form."""

    user_text: StrictStr
    assistant_text: StrictStr


class TurnRecord(TypedDict):
    """An entry of `turns`. Its voice and emotion override those that the record gives its role."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]

    role: Role
    text: StrictStr
    voice: NotRequired[StrictStr | None]
    emotion: NotRequired[EmotionSettings | None]
    gap: NotRequired[Annotated[float, Field(strict=True, ge=MIN_GAP, le=MAX_GAP, allow_inf_nan=False)] | None]
    backchannel: NotRequired[StrictBool | None]


class MessageRecord(TypedDict):
    """An entry of `messages`. Only role and content are read: other fields have a different meaning in each corpus."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]

    role: StrictStr
    content: NotRequired[Any]
    tool_calls: NotRequired[Any]
    function_call: NotRequired[Any]


class _Turns(TypedDict):
    """The list of `turns` alone."""

    turns: list[TurnRecord]


class ListRecord(AnyRecord):
    """The forms with a list; null stands for an absent field, as tables write it."""

    user_text: NotRequired[Any]
    assistant_text: NotRequired[Any]
    # The first fault ends a list: a hostile line could hold a million of them.
    turns: NotRequired[Annotated[list[TurnRecord], Field(max_length=MAX_LIST_ENTRIES, fail_fast=True)] | None]
    messages: NotRequired[Annotated[list[MessageRecord], Field(max_length=MAX_LIST_ENTRIES, fail_fast=True)] | None]


TWO_TURN_FIELDS = frozenset(TwoTurnRecord.__annotations__)
LIST_FIELDS = frozenset(ListRecord.__annotations__)
TURN_FIELDS = frozenset(TurnRecord.__annotations__)
MESSAGE_FIELDS = frozenset(MessageRecord.__annotations__)
# Dicts instead of model instances: three times cheaper to make, and the planner reads a million of them.
validate_two_turns = TypeAdapter(TwoTurnRecord).validator.validate_json
validate_list = TypeAdapter(ListRecord).validator.validate_json
validate_voices = TypeAdapter(AnyRecord).validator.validate_python
_validate_turns = TypeAdapter(_Turns).validator.validate_python


def list_form(record: Any) -> str | None:
    """Name of the list in a record; None for a record of two texts.

    Raises:
        RecordFault: it is of two forms.
    """
    given = [field for field in OWN_FIELDS if record.get(field) is not None]
    if not {"turns", "messages"}.intersection(given):
        return None
    if len(given) > 1:
        raise RecordFault(
            f"{given[0]} and {given[1]} are both given: use one of turns, messages, and user_text with assistant_text"
        )
    return given[0]


def two_turns(record: Any, limit: int) -> tuple[Turn, Turn]:
    """Make the turns of a record of two texts.

    Raises:
        RecordFault: a text that cannot be said.
    """
    get = record.get
    user, assistant = record["user_text"].strip(), record["assistant_text"].strip()
    fit = 0 < len(user) <= limit and 0 < len(assistant) <= limit
    if not (fit and letter_or_digit(user) and letter_or_digit(assistant)):
        checked_text("user_text", user, limit)
        checked_text("assistant_text", assistant, limit)
    user_voice, assistant_voice = get("user_voice"), get("assistant_voice")
    if user_voice or assistant_voice:
        checked_voice("user_voice", user_voice)
        checked_voice("assistant_voice", assistant_voice)
    return (
        Turn("user", user, user_voice, get("user_emotion")),
        Turn("assistant", assistant, assistant_voice, get("assistant_emotion")),
    )


class Speakers:
    """Voice and emotion of each role, if the record names them."""

    def __init__(self, record: Any) -> None:
        self.voice = {role: checked_voice(f"{role}_voice", record.get(f"{role}_voice")) for role in ROLES}
        self.emotion = {role: record.get(f"{role}_emotion") for role in ROLES}


def renamed_turns(entries: Sequence[Any], role_field: str, text_field: str, mapping: InputSettings) -> list[Any]:
    """Translate turns with other field or speaker names into those of `turns`; turns of unspoken speakers are left out.

    Raises:
        RecordFault: unknown speakers.
        ValidationError: a turn that is none, by its place in the list that is returned.
    """
    turns: list[Any] = []
    left_out = None
    for number, entry in enumerate(entries):
        role = _role("turns", number, entries, role_field, mapping)
        if role == UNSPOKEN:
            left_out = left_out or str(entry[role_field])
        else:
            rest = {name: value for name, value in entry.items() if name not in (role_field, text_field)}
            turns.append({**rest, "role": role, "text": entry.get(text_field)})
    _check_left_out("turns", left_out, [turn["role"] for turn in turns])
    return _validate_turns({"turns": turns})["turns"]


def spoken_turns(entries: Sequence[Any], record: Any, limit: int) -> list[Turn]:
    """Make the turns of the form `turns`.

    Raises:
        RecordFault: a turn that cannot be said, or follows no other as it should.
    """
    of = Speakers(record)
    turns = []
    speaking: Role | None = None
    for number, entry in enumerate(entries):
        where, role, get = f"turns[{number}]", entry["role"], entry.get
        gap, backchannel = get("gap"), bool(get("backchannel"))
        if backchannel and speaking in (None, role):
            before = "there is no turn before it" if speaking is None else f"the turn before it is the {role}'s own"
            raise RecordFault(f"{where}.backchannel: {before}, but it lies over a turn of the other")
        if gap is not None and gap < 0 and speaking in (None, role):
            before = "there is no turn before it" if speaking is None else f"the turn before it is the {role}'s own"
            raise RecordFault(f"{where}.gap is {gap:g}: {before}, and a speaker cannot talk over their own turn")
        text = checked_text(f"{where}.text", entry["text"], limit)
        voice = checked_voice(f"{where}.voice", get("voice")) or of.voice[role]
        turns.append(Turn(role, text, voice, get("emotion") or of.emotion[role], gap, backchannel))
        speaking = speaking if backchannel else role
    return turns


def messages(
    form: str, entries: Sequence[Any], record: Any, limit: int, role_field: str, text_field: str, mapping: InputSettings
) -> list[Turn]:
    """Make the turns of a list, reading only role and text; turns of unspoken speakers are left out.

    Args:
        form: name of the list.
        entries: its turns.
        record: may name voices and emotions.
        limit: longest text, characters.
        role_field, text_field: what a turn calls them.
        mapping: names of speakers.

    Raises:
        RecordFault: unknown speakers, or a text that cannot be said.
    """
    of = Speakers(record)
    turns: list[Turn] = []
    left_out = None
    usual = {} if mapping.roles else SPEAKERS
    for number, entry in enumerate(entries):
        try:
            role = usual[entry[role_field]]
        except (KeyError, TypeError):  # written otherwise, or wrong
            role = _role(form, number, entries, role_field, mapping)
        content = entry.get(text_field)
        if role == UNSPOKEN:
            left_out = left_out or str(entry[role_field])
            continue
        if not content and (entry.get("tool_calls") or entry.get("function_call")):
            continue
        where = f"{form}[{number}].{text_field}"
        text = checked_text(where, _content(where, content), limit)
        turns.append(Turn(role, text, of.voice[role], of.emotion[role]))
    _check_left_out(form, left_out, [turn.role for turn in turns])
    return turns


def _check_left_out(form: str, left_out: str | None, roles: Sequence[Role]) -> None:
    """Make sure that a speaker who is left out is not the assistant, whom some corpora call the system."""
    if left_out and "assistant" not in roles:
        raise RecordFault(
            f"{form} has no turn of the assistant: Moshi learns from what it says. {left_out[:40]!r} is left out: if "
            f"that is the assistant, say {yaml_like({'roles': {left_out: 'assistant'}})} in the recipe"
        )


def _role(form: str, number: int, entries: Sequence[Any], field: str, mapping: InputSettings) -> Speaker:
    """The role of a turn's speaker."""
    entry = entries[number]
    if not isinstance(entry, dict):
        raise RecordFault(f"{form}[{number}] is not a JSON object")
    name = entry.get(field)
    if name is None:
        raise RecordFault(f"{form}[{number}].{field} is missing")
    if not isinstance(name, str | int):
        raise RecordFault(f"{form}[{number}].{field} is not a string")
    role = (mapping.roles and mapping.speaker(str(name))) or speaker(str(name))
    if role is None:
        raise RecordFault(_who(form, entries, field, mapping))
    return role


def _who(form: str, entries: Sequence[Any], field: str, mapping: InputSettings) -> str:
    """A sentence that names unknown speakers and says what to write in the recipe."""
    names = {str(entry.get(field)): None for entry in entries if isinstance(entry, dict)}
    unknown = [name for name in names if not mapping.speaker(name) and not speaker(name)][:_MOST_SPEAKERS]
    told = ", ".join(repr(name[:40]) for name in unknown)
    roles: list[Speaker] = ["user", "assistant"] if len(unknown) > 1 else ["assistant"]
    example = yaml_like({"roles": dict(zip(unknown, roles, strict=False))})
    return f"{form}[].{field} is {told}, a speaker that is not known: name the role in the recipe, such as {example}"


def _content(where: str, content: Any) -> str:
    """Text of a message: a string, or a list of text parts, which are joined by a space."""
    if content is None:
        raise RecordFault(f"{where} is missing")
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise RecordFault(f"{where} is neither a string nor a list of text parts")
    texts = []
    for number, part in enumerate(content):
        text = part if isinstance(part, str) else part.get("text") if isinstance(part, dict) else None
        if not isinstance(text, str) or (isinstance(part, dict) and part.get("type", "text") not in _TEXT_PARTS):
            raise RecordFault(f"{where}[{number}] is no text part: only text can be spoken")
        texts.append(text.strip())
    return " ".join(filter(None, texts))


def check_list(form: str, turns: Sequence[Turn], max_turns: int) -> None:
    """Make sure that a list as a whole is a dialogue.

    Raises:
        RecordFault: it is not.
    """
    if len(turns) > max_turns:
        raise RecordFault(f"{form} has {len(turns)} turns, more than max_turns={max_turns}: split the dialogue")
    if not any(turn.role == "assistant" for turn in turns):
        raise RecordFault(f"{form} has no turn of the assistant: Moshi learns from what it says")
    if (characters := sum(len(turn.text) for turn in turns)) > MAX_DIALOGUE_CHARS:
        raise RecordFault(
            f"{form} has {characters} characters in all, more than {MAX_DIALOGUE_CHARS}: split the dialogue"
        )
