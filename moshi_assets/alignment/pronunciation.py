"""How spoken words sound, for the acoustic aligner: as the dictionary has them, else as hibari says them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import chain, islice

from ..reading import words_of

_PHONE_TABLE = """
    A EY   I AY   O OW   W AW   Y OY   Q OW   əɹ ER   ɜɹ ER   ɜː ER   ɜ ER   ɚ ER
    i IY   ɪ IH   ᵻ IH   u UW   ʊ UH   e EH   ɛ EH   æ AE   ɑ AA   ɒ AA   a AA   ɔ AO   ʌ AH   ə AH   ɐ AH   ᵊ AH
    b B    d D    f F    h HH   k K    m M    n N    p P    s S    t T    v V    w W    z Z    ɡ G    ŋ NG   ɹ R   l L
    r R    j Y    θ TH   ð DH   ʃ SH   ʒ ZH   ʧ CH   ʤ JH   T T    ɾ T    ʔ T    x K
"""
"""Phonemes of the misaki alphabet (hibari, Kokoro), each with its ARPAbet, the alphabet of the pocketsphinx model."""
_PHONES = dict(pair.split() for pair in re.split(r"\s{2,}", _PHONE_TABLE.strip()))
_SYMBOL = re.compile("|".join(sorted(_PHONES, key=len, reverse=True)))
_EDGES = re.compile(r"^[^a-z0-9']+|[^a-z0-9']+$")
_PLAIN = re.compile(r"[a-z']+(?:-[a-z']+)*")


class Pronunciations:
    """Finds the dictionary word that stands for each spoken word, and adds missing ones."""

    def __init__(self, look_up: Callable[[str], str | None], add: Callable[[str, str], None]) -> None:
        """
        Args:
            look_up: phones of a dictionary word (ARPAbet, separated by spaces); None for a word that it lacks.
            add: adds a word with its phones to the dictionary.
        """
        self._look_up, self._add = look_up, add
        self._reader: Callable[[str], list[str] | None] | None = None

    def entries(self, text: str) -> list[str | None]:
        """The dictionary word for each word of a spoken text; None for a word without a sound (a dash)."""
        words = words_of(text)
        entries = [self._known(word) for word in words]
        if all(entries):
            return entries
        stretches = [word.split() for word in words]  # several where a sign stands alone beside the word
        phonemes = self._read(text) if list(chain.from_iterable(stretches)) == text.split() else None
        if phonemes is None or len(phonemes) != sum(map(len, stretches)):
            phonemes = ["".join(self._read(word) or []) for word in words]
        else:
            each = iter(phonemes)
            phonemes = ["".join(islice(each, len(parts))) for parts in stretches]
        return [entry or self._added(to_arpabet(said)) for entry, said in zip(entries, phonemes, strict=True)]

    def _known(self, word: str) -> str | None:
        if word.isupper() and len(word) > 1 and word.isalpha():
            return None  # spelled out or not: the reader knows better
        plain = _EDGES.sub("", word.replace("’", "'").lower())
        for candidate in (plain, plain.strip("'")):
            if _PLAIN.fullmatch(candidate):
                if self._look_up(candidate):
                    return candidate
                parts = [self._look_up(part) for part in candidate.split("-")]
                if all(parts):
                    return self._added(" ".join(filter(None, parts)).split())
        return None

    def _added(self, phones: Sequence[str]) -> str | None:
        """A dictionary word named by its phones, so that no two can differ; None without a sound."""
        if not phones:
            return None
        name = "_" + "_".join(phones)
        if not self._look_up(name):
            self._add(name, " ".join(phones))
        return name

    def _read(self, text: str) -> list[str] | None:
        if self._reader is None:
            from ..engines.hibari_times import WordReader

            self._reader = WordReader().phonemes
        return self._reader(text)


def to_arpabet(phonemes: str) -> list[str]:
    """ARPAbet phones of a misaki phoneme string; stress, punctuation and what is unknown are left out."""
    return [_PHONES[symbol] for symbol in _SYMBOL.findall(phonemes)]
