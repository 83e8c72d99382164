"""Words of a text, in its own spelling."""

from __future__ import annotations

import re

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_PIECE = re.compile(rf"[^\w]*[{_CJK}][^\w]*|[^{_CJK}]+")
_ENGLISH_SHARE = 0.9


def split_words(text: str) -> list[str]:
    """The text split on white space; Chinese and Japanese, which write none, by character.

    Nothing of the spelling is lost: punctuation stays with its word.
    """
    return [piece for chunk in text.split() for piece in _PIECE.findall(chunk)]


def is_english(text: str) -> bool:
    """True where letters are unaccented Latin ones, nearly all: what the acoustic model can be tried on."""
    letters = [character for character in text if character.isalpha()]
    return not letters or sum(map(str.isascii, letters)) >= _ENGLISH_SHARE * len(letters)
