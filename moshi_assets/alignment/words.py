"""Whether the English models can be tried on a text."""

from __future__ import annotations

_ENGLISH_SHARE = 0.9


def is_english(text: str) -> bool:
    """True if nearly all letters are unaccented Latin ones, so that the acoustic model can be tried."""
    letters = [character for character in text if character.isalpha()]
    return not letters or sum(map(str.isascii, letters)) >= _ENGLISH_SHARE * len(letters)
