"""English: Roman numerals, cardinal after things, ordinal after names, years where they are long."""

from __future__ import annotations

import re

from ..rules import Reading, before, group, rule
from .numbers import cardinal, ordinal, year
from .terms import FIRST_NAMES, ROMAN_CARDINAL, ROMAN_ORDINAL

_ROMAN = r"(?=[IVXLC])(?:X{0,3})?(?:L?X{0,3})(?:IX|IV|V?I{0,3})"
_LONG = r"M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})"
_ENDS = r"(?!\w)(?!['\u2019](?!s\b))"
"""Not within a word; a possessive may follow: "Charles III's"."""
_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}


def roman(text: str) -> int:
    """XIV -> 14."""
    values = [_VALUES[sign] for sign in text]
    return sum(-value if value < after else value for value, after in zip(values, [*values[1:], 0], strict=False))


def _world_war(match: re.Match[str]) -> Reading:
    return f"World War {cardinal(int(match[1]) if match[1].isdecimal() else roman(match[1])).capitalize()}"


def _after_name(match: re.Match[str]) -> Reading:
    """John Smith III; but Star Wars VI: a person has a first name."""
    value = roman(match["roman"])
    if match["name"] in FIRST_NAMES and value < 10:
        return [group(match, "roman", f"the {ordinal(value)}")]
    return [group(match, "roman", cardinal(value))]


def _long(match: re.Match[str]) -> Reading:
    """MCMXCIV, and what else is no word: a number by itself."""
    value = roman(match.group())
    if match.group() == "MIX" or re.search(r"[A-Z]{2,}\s$", before(match)):  # in capitals
        return None
    return year(value) if 1100 <= value < 2100 else cardinal(value)


ROMAN_RULES = [
    rule(
        "roman numeral",
        rf"\b(?:{ROMAN_CARDINAL})\s(?P<roman>{_ROMAN}){_ENDS}",
        lambda m: [group(m, "roman", cardinal(roman(m["roman"])))],
        "IVXLC",
    ),
    rule(
        "roman numeral",
        rf"\b(?i:{ROMAN_CARDINAL})\s(?P<roman>(?=[IVX]{{2}}){_ROMAN}){_ENDS}",
        lambda m: [group(m, "roman", cardinal(roman(m["roman"])))],
        "IVX",
    ),
    rule(
        "roman numeral",
        rf"\b(?:{ROMAN_ORDINAL})\s(?P<roman>(?!I\b){_ROMAN}){_ENDS}",
        lambda m: [group(m, "roman", f"the {ordinal(roman(m['roman']))}")],
        "IVXLC",
    ),
    rule(
        "roman numeral",
        rf"(?:\b(?:King|Queen|Pope|Emperor|Empress|Tsar|Czar|Kaiser)\s(?:[A-Z][a-z]+)|\b(?:{ROMAN_ORDINAL}))\s(?P<roman>I)"
        r"(?=['\u2019]s\b|\s(?:ruled|reigned|died|became|of\b|was\scrowned|was\sborn)|[.,;)]|$)",
        lambda m: [group(m, "roman", "the first")],
        "I",
    ),
    rule(
        "roman numeral",
        rf"\b(?P<roman>(?=[IVXLCDM]){_LONG})(?:th|st|nd|rd)\b",
        lambda m: ordinal(roman(m["roman"])),
        "IVXLCDM",
    ),
    rule(
        "roman numeral",
        rf"\b(?P<name>[A-Z][a-z]+)\s(?:[A-Z]\.?\s)?[A-Z][a-z\u2019'-]+,?\s(?P<roman>(?=II|IV|V|X){_ROMAN}){_ENDS}",
        lambda m: None if len(m["roman"]) < 2 else _after_name(m),
        "IVX",
    ),
    rule("roman numeral", rf"\b(?=[IVX]{{3}}|[IVXLCDM]{{4}})(?!XXX\b){_LONG}\b{_ENDS}", _long, "IVXLCDM"),
    rule("roman numeral", r"\bWW(I{1,3}|[123])\b", _world_war, "W"),
]
