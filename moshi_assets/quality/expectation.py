"""The expected duration of a text, against which duration and speaking rate are judged.

Texts are counted in characters of a Latin alphabet, spaces and punctuation included; conversational English runs at
about 15 of them a second, brisk reading at 20. A character of another kind counts for as many as it takes to say it.
"""

from __future__ import annotations

from typing import NamedTuple

ONSET_SECONDS = 0.5
"""Seconds that an utterance may last beyond its text: the onset, the last word's lengthening, a breath."""
SHORT_TEXT = 20
"""Texts with fewer letters have no meaningful speaking rate ("No.", "Mm-hm."); only their duration is judged."""
_IDEOGRAPH = 3.0  # a syllable each: some 4 to 6 a second
_SYLLABIC = 2.0  # kana, hangul: some 7 a second
_SPELLED_OUT = 5.0  # "7" is "seven ", "%" is "percent", "/" is "slash"


class Expectation(NamedTuple):
    """The expected length of the sound of one text, in characters."""

    shortest: float
    """Least number of characters: digits and signs may be silent or read together (1,000,000)."""
    longest: float
    """Largest number of characters: every digit and sign is spelled out."""
    rate_matters: bool
    """Whether the text has enough characters, and enough letters among them, for a speaking rate."""

    @property
    def typical(self) -> float:
        """Number of characters for the speaking rate."""
        return (self.shortest + self.longest) / 2

    def duration_ratio(self, seconds: float, characters_per_second: float) -> float:
        """How far a duration lies outside the expected range: 1 inside it; 2 twice too long; 0.5 half the least
        duration.
        """
        low, high = self.shortest / characters_per_second, self.longest / characters_per_second + ONSET_SECONDS
        return seconds / low if seconds < low else max(1.0, seconds / high)


def expect(text: str) -> Expectation:
    """The expectation for a text in any language."""
    shortest = longest = 0.0
    letters = 0
    for character in text:
        if character.isascii():
            weight = 1.0
            spelled = not (character.isalpha() or character in " .,;:!?'\"-()\n\t")
            letters += character.isalpha()
        else:
            weight, spelled = _weight(character), False
            letters += character.isalpha()
        shortest += weight
        longest += _SPELLED_OUT if spelled else weight
    spelled_out = (longest - shortest) / (_SPELLED_OUT - 1)
    return Expectation(shortest, longest, letters >= SHORT_TEXT and 4 * spelled_out <= letters)


def _weight(character: str) -> float:
    code = ord(character)
    if 0x3040 <= code <= 0x30FF or 0xAC00 <= code <= 0xD7A3:
        return _SYLLABIC
    if 0x2E80 <= code <= 0x9FFF or 0xF900 <= code <= 0xFAFF or 0x20000 <= code <= 0x3FFFF:
        return _IDEOGRAPH
    return 1.0
