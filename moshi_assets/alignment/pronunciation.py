"""How written words are said, for the acoustic aligner: dictionary words where it knows them, else hibari's
phonemes.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ..reading import words_of
from .arpabet import to_arpabet

_EDGES = re.compile(r"^[^a-z0-9']+|[^a-z0-9']+$")
_PLAIN = re.compile(r"[a-z']+(?:-[a-z']+)*")


class Pronunciations:
    """Finds the dictionary words that stand for each written word."""

    def __init__(self, knows: Callable[[str], bool], add: Callable[[str, str], None]) -> None:
        """
        Args:
            knows: whether the dictionary holds a word.
            add: adds a word with its phones (ARPAbet, separated by spaces) to it.
        """
        self._knows, self._add = knows, add
        self._reader: Callable[[str], list[str] | None] | None = None

    def entries(self, text: str) -> list[list[str]]:
        """For each word of the text, the dictionary words that say it; none for one without a sound (a dash)."""
        words = words_of(text)
        entries = [self._dictionary_words(word) for word in words]
        if all(entries):
            return [entry for entry in entries if entry]
        phonemes = self._read(text) if words == text.split() else None
        if phonemes is None or len(phonemes) != len(words):
            phonemes = [" ".join(self._read(word) or []) for word in words]
        return [entry or self._own_words(said) for entry, said in zip(entries, phonemes, strict=True)]

    def _dictionary_words(self, word: str) -> list[str]:
        if word.isupper() and len(word) > 1 and word.isalpha():
            return []  # spelled out or not: the reader knows better
        plain = _EDGES.sub("", word.replace("’", "'").lower())
        for candidate in (plain, plain.strip("'")):
            if _PLAIN.fullmatch(candidate):
                parts = [candidate] if self._knows(candidate) else candidate.split("-")
                if all(map(self._knows, parts)):
                    return parts
        return []

    def _own_words(self, phonemes: str) -> list[str]:
        """A dictionary word of its own for each spoken word; named by its phones, so that no two can differ."""
        own = []
        for said in phonemes.split():
            phones = to_arpabet(said)
            if phones:
                name = "_" + "_".join(phones)
                if not self._knows(name):
                    self._add(name, " ".join(phones))
                own.append(name)
        return own

    def _read(self, text: str) -> list[str] | None:
        if self._reader is None:
            from ..engines.hibari_times import WordReader

            self._reader = WordReader().phonemes
        return self._reader(text)
