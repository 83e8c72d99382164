"""Phonemes of the misaki alphabet (hibari, Kokoro) as ARPAbet, the alphabet of the pocketsphinx model."""

from __future__ import annotations

import re

_TABLE = """
    A EY   I AY   O OW   W AW   Y OY   Q OW   əɹ ER   ɜɹ ER   ɜː ER   ɜ ER   ɚ ER
    i IY   ɪ IH   ᵻ IH   u UW   ʊ UH   e EH   ɛ EH   æ AE   ɑ AA   ɒ AA   a AA   ɔ AO   ʌ AH   ə AH   ɐ AH   ᵊ AH
    b B    d D    f F    h HH   k K    m M    n N    p P    s S    t T    v V    w W    z Z    ɡ G    ŋ NG   ɹ R   l L
    r R    j Y    θ TH   ð DH   ʃ SH   ʒ ZH   ʧ CH   ʤ JH   T T    ɾ T    ʔ T    x K
"""
_PHONES = dict(pair.split() for pair in re.split(r"\s{2,}", _TABLE.strip()))
_SYMBOL = re.compile("|".join(sorted(_PHONES, key=len, reverse=True)))


def to_arpabet(phonemes: str) -> list[str]:
    """ARPAbet phones of a misaki phoneme string; stress, punctuation and what is unknown are left out."""
    return [_PHONES[symbol] for symbol in _SYMBOL.findall(phonemes)]
