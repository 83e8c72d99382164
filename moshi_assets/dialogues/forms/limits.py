"""Limits of a record, whatever its form, and the error for a record that cannot be used."""

from __future__ import annotations

import re
import unicodedata

MAX_ID_CHARS = 1000
MAX_VOICE_CHARS = 1000
MIN_GAP, MAX_GAP = -30.0, 60.0
"""Bounds of a turn's `gap`, seconds."""
MAX_LIST_ENTRIES = 10_000
"""Entries of a list of turns or messages that are looked at; a recipe's `max_turns` may allow no more."""
MAX_DIALOGUE_CHARS = 100_000
"""Most characters in a list of turns or messages: about two hours of speech, which become one recording that is
assembled in memory."""
letter_or_digit = re.compile(r"[^\W_]").search  # of any script
_NAMED_SYMBOLS = ("Sc", "So")
"""Unicode categories of signs that stand for something: currencies, emoji."""


class RecordFault(ValueError):
    """A well-formed record that is not a dialogue; the message is the reason of its reject."""


def checked_text(field: str, text: str, limit: int) -> str:
    """A text of at most `limit` characters, without the white space around it.

    Raises:
        RecordFault: it is empty, too long, or punctuation only.
    """
    if not 0 < len(text := text.strip()) <= limit:
        raise RecordFault(
            f"{field} has {len(text)} characters, more than max_text_chars={limit}" if text else f"{field} is empty"
        )
    if not letter_or_digit(text) and not any(unicodedata.category(sign) in _NAMED_SYMBOLS for sign in text):
        raise RecordFault(f"{field} is punctuation only, so there is nothing to say: {text[:40]!r}")
    return text


def checked_voice(field: str, voice: str | None) -> str | None:
    """A voice as the record names it.

    Raises:
        RecordFault: no name is that long.
    """
    if voice and len(voice) > MAX_VOICE_CHARS:
        raise RecordFault(f"{field} has {len(voice)} characters, more than {MAX_VOICE_CHARS}")
    return voice
