"""Names of fields and speakers in dialogue corpora. Case, spaces and hyphens make no difference."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final, Literal

from ..dialogue import Role

UNSPOKEN: Final = "system"
"""Role of speakers whose turns are left out."""
Speaker = Literal["user", "assistant", "system"]

ROLE_FIELDS = ("role", "from", "speaker", "author", "who", "sender", "participant", "speaker_role")
"""Fields of a turn that name its speaker; the first one present counts."""
TEXT_FIELDS = ("content", "value", "text", "utterance", "message", "sentence", "transcript")
"""Fields of a turn that hold its text; the first one present counts."""
LIST_FIELDS = ("turns", "messages", "conversations", "conversation", "dialog", "dialogue", "data", "utterances", "chat")
"""Fields that may hold a list of turns without roles, which alternate."""
USER_FIELDS = ("user_text", "instruction", "prompt", "question", "query", "user", "human", "input", "user_message")
"""Fields with the user's text in a record of two texts."""
ASSISTANT_FIELDS = (
    "assistant_text",
    "output",
    "completion",
    "response",
    "answer",
    "assistant",
    "bot",
    "gpt",
    "reply",
    "assistant_message",
)
"""Fields with the assistant's text in a record of two texts."""
ID_FIELDS = ("id", "conversation_id", "dialogue_id", "dialog_id", "conv_id", "session_id", "uuid")
"""Fields that name a dialogue; the first one present counts."""

_USERS = "user human prompter customer client caller usr person patient student guest visitor questioner"
_ASSISTANTS = (
    "assistant gpt ai model bot agent chatgpt chatbot moshi llm claude gemini llama operator advisor support"
    " ai_assistant customer_service"
)
_UNSPOKEN = "system developer tool function tool_response tool_call function_call function_response observation ipython"
SPEAKERS: dict[str, Speaker] = {
    **dict.fromkeys(_USERS.split(), "user"),
    **dict.fromkeys(_ASSISTANTS.split(), "assistant"),
    **dict.fromkeys(_UNSPOKEN.split(), UNSPOKEN),
}
"""Names of speakers and their roles."""
ALTERNATING: tuple[Role, Role] = ("user", "assistant")
"""The roles of a list of turns without roles, in turn."""


def plain(name: str) -> str:
    """Normalise a name for comparison: small letters, with underscores.

    >>> plain(" User Text")
    'user_text'
    """
    return name.strip().lower().replace(" ", "_").replace("-", "_")


def speaker(name: str) -> Speaker | None:
    """The role of a speaker's name; None if the name is unknown."""
    return SPEAKERS.get(name) or SPEAKERS.get(plain(name))


def first_of(known: tuple[str, ...], fields: Iterable[str]) -> str | None:
    """The field whose name comes first among the known names; None if no field has one."""
    names = tuple([field for field in fields if len(field) <= _LONGEST])
    return (_remembered if len(names) <= _FEW else _first_of)(known, names)


def _first_of(known: tuple[str, ...], names: tuple[str, ...]) -> str | None:
    by_name = {plain(name): name for name in reversed(names)}
    return next((by_name[name] for name in known if name in by_name), None)


_LONGEST, _FEW = 100, 32
"""Longer names are unknown, and only a few fields are remembered: input is hostile."""
_remembered = lru_cache(1024)(_first_of)
