"""English: Roman numerals."""

from __future__ import annotations

import re

from ..rules import Reading, group, rule
from .numbers import cardinal, ordinal
from .terms import ROMAN_CARDINAL, ROMAN_ORDINAL

_ROMAN = r"(?=[IVXLC])(?:X{0,3})?(?:L?X{0,3})(?:IX|IV|V?I{0,3})"
_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}


def roman(text: str) -> int:
    """XIV -> 14."""
    values = [_VALUES[sign] for sign in text]
    return sum(-value if value < after else value for value, after in zip(values, [*values[1:], 0], strict=False))


def _world_war(match: re.Match[str]) -> Reading:
    return f"World War {cardinal(int(match[1]) if match[1].isdecimal() else roman(match[1])).capitalize()}"


ROMAN_RULES = [
    rule(
        "roman numeral",
        rf"\b(?:{ROMAN_CARDINAL})\s(?P<roman>{_ROMAN})(?![\w'\u2019])",
        lambda m: [group(m, "roman", cardinal(roman(m["roman"])))],
        "IVXLC",
    ),
    rule(
        "roman numeral",
        rf"\b(?:{ROMAN_ORDINAL})\s(?P<roman>(?!I\b){_ROMAN})(?![\w'\u2019])",
        lambda m: [group(m, "roman", f"the {ordinal(roman(m['roman']))}")],
        "IVXLC",
    ),
    rule("roman numeral", r"\bWW(I{1,3}|[123])\b", _world_war, "W"),
]
