"""Sentences all in capitals, for a voice that takes words in capitals for abbreviations and spells them ("D O W N")."""

from __future__ import annotations

import re
from collections.abc import Callable

from hibari import Hibari

_WORD = re.compile(r"[^\W\d_](?:[^\W\d_]|['’](?=[^\W\d_]))+")  # two letters or more: "I" and "A" stay as they are
_SPELLED_RIGHT = frozenset({"NO"})
"""Words that are read well in capitals, but not in small letters before a full stop: "no." is "number" there."""


def without_shouting(text: str, is_word: Callable[[str], bool]) -> str:
    """The text with the words of all-capitals sentences in small letters; word for word, for the voice's ears only.

    A sentence is shouted when it has no small letter and at least two words that the voice knows. What it does not know
    (`is_word`, of small letters) stays, and so do the capitals of all other sentences: NASA, TV.
    """
    if not re.search(r"[A-Z]{2}", text):
        return text
    calm, end = "", 0
    for sentence in Hibari.split_sentences(text):
        start = text.index(sentence, end)
        shouted = sentence == sentence.upper() and sum(is_word(word.lower()) for word in _WORD.findall(sentence)) >= 2
        calm += text[end:start] + (_calm(sentence, is_word) if shouted else sentence)
        end = start + len(sentence)
    return calm + text[end:]


def _calm(sentence: str, is_word: Callable[[str], bool]) -> str:
    def small(match: re.Match[str]) -> str:
        word = match.group()
        if word in _SPELLED_RIGHT or not is_word(word.lower()):
            return word
        # Where sentences end is seen by the capital that the next one begins with.
        return word.capitalize() if match.start() == first else word.lower()

    first = next(place for place, sign in enumerate(sentence) if sign.isalpha())
    return _WORD.sub(small, sentence)
