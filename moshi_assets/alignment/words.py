"""Which texts the English models can be tried on."""

from __future__ import annotations

_ENGLISH_SHARE = 0.9


def is_english(text: str) -> bool:
    """True where letters are unaccented Latin ones, nearly all: what the acoustic model can be tried on."""
    letters = [character for character in text if character.isalpha()]
    return not letters or sum(map(str.isascii, letters)) >= _ENGLISH_SHARE * len(letters)
