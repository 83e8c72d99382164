"""Parts of a text that nothing may change on its way to the vocabulary: pinyin with tones, annotations, names.

Protected parts are replaced where they stand, by one placeholder each, in a single pass from left to right. So the
result never depends on an order in which parts are looked up. Source: docs/indextts2.md §4.
"""

from __future__ import annotations

import re

# A placeholder is one private character. The English grammar needs it in angle brackets, which it passes on unread; the
# Chinese one would join the bracket with a following "=" to "at least".
_PLACEHOLDER_BASE = 0xF0000
_PLACEHOLDER = "[\U000f0000-\U000ffffd]"

# Mandarin syllables: initial -> finals.
_SYLLABLES = {
    "": "ai an ang ao ei en eng er ou ng",
    "b": "a ai an ang ao ei en eng i ian iao ie in ing o u",
    "p": "a ai an ang ao ei en eng i ian iao ie in ing o ou u",
    "m": "a ai an ang ao e ei en eng i ian iao ie in ing iu o ou u",
    "f": "a an ang ei en eng o ou u",
    "d": "a ai an ang ao e ei en eng i ia ian iao ie ing iu ong ou u uan ui un uo",
    "t": "a ai an ang ao e ei eng i ian iao ie ing ong ou u uan ui un uo",
    "n": "a ai an ang ao e ei en eng i ian iang iao ie in ing iu ong ou u uan ue un uo v ve ü üe",
    "l": "a ai an ang ao e ei eng i ia ian iang iao ie in ing iu o ong ou u uan ue un uo v ve ü üe",
    "g": "a ai an ang ao e ei en eng ong ou u ua uai uan uang ui un uo",
    "k": "a ai an ang ao e ei en eng ong ou u ua uai uan uang ui un uo",
    "h": "a ai an ang ao e ei en eng ong ou u ua uai uan uang ui un uo",
    "j": "i ia ian iang iao ie in ing iong iu u uan ue un v van ve vn ü üan üe ün",
    "q": "i ia ian iang iao ie in ing iong iu u uan ue un v van ve vn ü üan üe ün",
    "x": "i ia ian iang iao ie in ing iong iu u uan ue un v van ve vn ü üan üe ün",
    "zh": "a ai an ang ao e ei en eng i ong ou u ua uai uan uang ui un uo",
    "ch": "a ai an ang ao e en eng i ong ou u ua uai uan uang ui un uo",
    "sh": "a ai an ang ao e ei en eng i ou u ua uai uan uang ui un uo",
    "r": "an ang ao e en eng i ong ou u ua uan ui un uo",
    "z": "a ai an ang ao e ei en eng i ong ou u uan ui un uo",
    "c": "a ai an ang ao e ei en eng i ong ou u uan ui un uo",
    "s": "a ai an ang ao e en eng i ong ou u uan ui un uo",
    "y": "a an ang ao e i in ing o ong ou u uan ue un",
    "w": "a ai an ang ei en eng o u",
}
_ALL_SYLLABLES = [initial + final for initial, finals in _SYLLABLES.items() for final in finals.split()]
_SYLLABLE = "|".join(sorted(_ALL_SYLLABLES, key=len, reverse=True))
# A syllable and its tone, e.g. "zhong4"; not the end of a longer word ("beta1") and not the start of a number.
_TONE_PINYIN = rf"(?<![a-zü])(?:{_SYLLABLE})[1-5](?!\d)"
PINYIN = re.compile(_TONE_PINYIN, re.IGNORECASE)
PINYIN_IN_CHINESE = re.compile(rf"{_TONE_PINYIN}|(?-i:(?<![a-zA-Zü])[aoe][1-5](?![a-zA-Z\d]))", re.IGNORECASE)
"""Single vowels with a tone are pinyin only next to Chinese: "A4" and "e5" in an English text are names."""

ANNOTATION = r"<[^<>|\s][^<>|]*\|[^<>|]+>"
_NAME_PART = "[\u3400-\u9fff]+(?:[-\u2014][\u3400-\u9fff]+)*"
DOTTED_NAME = f"(?<![\u3400-\u9fff]){_NAME_PART}(?:\u00b7{_NAME_PART})+"
HYPHENATED = re.compile("(?<![a-zA-Z0-9])[a-zA-Z][a-zA-Z0-9]*(?:-[a-zA-Z0-9]+)+")


class ProtectedParts:
    """Parts of one text that are replaced by placeholders and put back afterwards.

    Args:
        form: how a placeholder is written, "{}" standing for its private character.
    """

    def __init__(self, form: str):
        self._form = form
        self._index: dict[str, int] = {}
        self._placeholder = re.compile(form.format(f"({_PLACEHOLDER})"))

    def __len__(self) -> int:
        return len(self._index)

    def protect(self, match: re.Match) -> str:
        """The placeholder for a match; equal parts share one."""
        index = self._index.setdefault(match.group(), len(self._index))
        if index > 0xFFFD:
            raise ValueError(f"a text with more than {0xFFFE} different names and annotations: split it first")
        return self._form.format(chr(_PLACEHOLDER_BASE + index))

    def restore(self, text: str, which: range) -> str:
        """Put the parts with these indices back in, each as the vocabulary spells it."""
        parts = list(self._index)

        def part(match: re.Match) -> str:
            index = ord(match.group(1)) - _PLACEHOLDER_BASE
            return _spelled(parts[index]) if index in which else match.group()

        return self._placeholder.sub(part, text)


def _spelled(part: str) -> str:
    """A protected part as the vocabulary spells it: pinyin writes ü as v after j, q and x ("xuan4" -> "XVAN4")."""
    match = re.fullmatch(r"([jqx])[uü]([a-z]*[1-5])", part, re.IGNORECASE)
    return f"{match[1]}v{match[2]}".upper() if match else part
