"""English fractions, ratios, scores and days written like them."""

from __future__ import annotations

import re

from ..rules import Part, Reading, after, before, group, rule
from .numbers import cardinal, number, ordinal, plural
from .patterns import DASH, END, START, alternatives
from .terms import MONTH_NAMES, UNITS, WEEKDAYS

_UNICODE_FRACTIONS = {
    "\u00bd": (1, 2),
    "\u00bc": (1, 4),
    "\u00be": (3, 4),
    "\u2153": (1, 3),
    "\u2154": (2, 3),
    "\u2155": (1, 5),
    "\u2159": (1, 6),
    "\u215b": (1, 8),
    "\u215c": (3, 8),
    "\u215d": (5, 8),
    "\u215e": (7, 8),
}


def fraction(over: int, under: int) -> str:
    """3, 4 -> "three quarters"."""
    unit = {2: "half", 4: "quarter"}.get(under) or ordinal(under)
    if over != 1:
        unit = "halves" if unit == "half" else plural(unit)
    return f"{cardinal(over)} {unit}"


_WEEKDAY = "|".join([*WEEKDAYS, *sorted(set(WEEKDAYS.values()))])
_DATED = re.compile(
    r"(?:\b(?:on|until|till|by|before|after|since|from|due|dated?|born|birthday|is|was|starts?|ends?|through|for)|"
    rf"\b(?:{_WEEKDAY})\.?,?|\()\s*$",
    re.IGNORECASE,
)
_DUE = re.compile(rf"\b(?i:on|until|till|by|since|due|dated?|born|birthday)\s+$|\b(?:{_WEEKDAY})\.?,?\s+$")
_SCORED = re.compile(r"\b(?:scored?|got|grade|test|quiz|exam|mark|correct|right|rated?|gave|give)\b", re.IGNORECASE)
_RULED = frozenset({2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 16, 20, 32, 64, 100})
"""What halves, thirds and inches are parted into."""


def _month_day(match: re.Match[str]) -> str | None:
    """12/25, as in America: a day where a word says so, or where it can hardly be a fraction."""
    month, day = int(match["over"]), int(match["under"])
    if not (1 <= month <= 12 and 1 <= day <= 31) or re.match(r"\s+(?:of|full|empty|done)\b", after(match)):
        return None
    context = before(match)
    dated = _DUE.search(context) or (day > 12 and (_DATED.search(context) or day not in _RULED))
    return f"{MONTH_NAMES[month - 1]} {ordinal(day)}" if dated and not _SCORED.search(context) else None


def _fraction(match: re.Match[str]) -> Reading:
    over, under = int(match["over"]), int(match["under"])
    around = before(match) + after(match)
    if not match["whole"]:
        if under <= 99 and (day := _month_day(match)):
            return day
        if re.match(r"\s+vision\b", after(match)):
            return f"{cardinal(over)} {cardinal(under)}"
        scored = under > 12 and _SCORED.search(around)
        whole_score = under in (5, 10, 100) and (under == 10 or over == under or (under == 100 and over > 9))
        if over <= under and (whole_score or scored):
            return f"{cardinal(over)} out of {cardinal(under)}"
    if not 0 < over < under <= 100:
        return f"{cardinal(over)} over {cardinal(under)}"
    words = _with_article(over, fraction(over, under)) if match["whole"] else fraction(over, under)
    unit = match["unit"]
    if match["whole"]:
        parts = [group(match, "whole", f"{number(match['whole'])} and")]
        parts.append(Part(match.end("whole"), match.end("under"), words))
        return [*parts, group(match, "unit", UNITS[unit.rstrip(".")][1])] if unit else parts
    if unit:
        return [
            Part(match.start("over"), match.end("under"), words),
            group(match, "unit", _of_one(unit)),
        ]
    return words


def _of_one(unit: str) -> str:
    """The unit after a part of it: "tsp" -> "of a teaspoon"."""
    one = UNITS[unit.rstrip(".")][0]
    return f"of {'an' if one[0] in 'aeiou' else 'a'} {one}"


def _with_article(over: int, words: str) -> str:
    """After a whole number: "and a half", "and an eighth"."""
    if over != 1:
        return words
    name = words.removeprefix("one ")
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _sign_fraction(match: re.Match[str]) -> Reading:
    over, under = _UNICODE_FRACTIONS[match["sign"]]
    words = fraction(over, under)
    unit = match["unit"]
    if match["whole"]:
        words = f"{number(match['whole'])} and {_with_article(over, words)}"
    if not unit:
        return words
    name = UNITS[unit.rstrip(".")][1] if match["whole"] else _of_one(unit)
    return [Part(match.start(), match.end("sign"), words), group(match, "unit", name)]


def _two(match: re.Match[str]) -> list[Part]:
    return [
        group(match, 1, number(match[1])),
        Part(match.end(1), match.start(2), "to"),
        group(match, 2, number(match[2])),
    ]


_PARTED = alternatives(
    {unit for unit in UNITS if len(unit) > 1 and "/" not in unit} - {"in", "mi", "ha", "yo", "pt", "pts"}
)


_MEASURED = alternatives(set(UNITS) - {"in", "x", "yo", "A", "K"})


def _power_of_ten(match: re.Match[str]) -> Reading:
    """1e-5: "one times ten to the minus five"."""
    sign = "minus " if match[2] in ("-", "\u2212") else ""
    words = f"{number(match[1])} times ten to the {sign}{cardinal(int(match[3]))}"
    if not match["unit"]:
        return words
    return [Part(match.start(), match.end(3), words), group(match, "unit", UNITS[match["unit"]][1])]


_GOING = (
    r"\b(?:go|goes|going|went|run|ran|stop|stops|stopped|walk|walked|drive|drove|head|headed|near|outside|pop|works?)"
)
PAIR_RULES = [
    rule(
        "number",
        rf"{START}(\d+(?:\.\d+)?)[eE]([-+\u2212]?)(\d{{1,3}})(?!\w)(?:\s?(?P<unit>{_MEASURED})(?![\w/]))?",
        _power_of_ten,
        "eE",
    ),
    rule(
        "letters and digits",
        r"\b(UTC|GMT)([-+\u2212])(\d{1,2})(?::00)?(?![\w:])",
        lambda m: f"{' '.join(m[1])} {'plus' if m[2] == '+' else 'minus'} {cardinal(int(m[3]))}",
        "TG",
    ),
    rule("idiom", rf"{START}24-7{END}", lambda m: "twenty four seven", "-"),
    rule("idiom", rf"{START}10-4{END}(?=[,.!]|$)", lambda m: "ten four", "-"),
    rule("idiom", rf"{START}24/7/365{END}", lambda m: "twenty four seven three sixty five", "/"),
    rule("idiom", rf"{START}20/20{END}", lambda m: "twenty twenty", "/"),
    rule("idiom", rf"{START}24/7{END}", lambda m: "twenty four seven", "/"),
    rule("idiom", rf"{START}50[/-]50{END}", lambda m: "fifty fifty", "/-"),
    rule("idiom", rf"{START}9/11{END}", lambda m: "nine eleven", "/"),
    rule("idiom", rf"{START}7/11{END}", lambda m: None if _DUE.search(before(m)) else "seven eleven", "/"),
    rule(
        "idiom",
        rf"(?:{_GOING}\b[^.!?\d]{{0,20}}\b(?:to|by|at|into|the|a)\s)(?P<shop>7-11){END}(?!\s(?:[AaPp]\.?[Mm]|[a-z]+s)\b)",
        lambda m: [group(m, "shop", "seven eleven")],
        "7",
    ),
    rule(
        "music",
        rf"{START}(\d{{1,2}})/(2|4|8|16)(?=\s(?:time|meter|metre|signature|beats?|groove|rhythm|bars?|march|waltz)\b)",
        lambda m: f"{cardinal(int(m[1]))} {cardinal(int(m[2]))}",
        "/",
    ),
    rule("music", rf"(?<=\bin )4/4{END}", lambda m: "four four", "/"),
    rule(
        "fraction",
        rf"{START}(?:(?P<whole>\d+)(?:\s+|-))?(?P<over>\d{{1,2}})[/\u2044](?P<under>\d{{1,3}})(?![\w/])(?!\.\d)"
        rf"(?:\s?(?P<unit>(?:{_PARTED})(?!\w)(?:\.(?=\s+[a-z]))?))?",
        _fraction,
        "/\u2044",
    ),
    rule(
        "range",
        r"\bQ([1-4])([-\u2013])Q([1-4])\b",
        lambda m: [
            Part(m.start(), m.end(1), f"Q {number(m[1])}"),
            group(m, 2, "to"),
            Part(m.end(2), m.end(), f"Q {number(m[3])}"),
        ],
        "Q",
    ),
    rule(
        "fraction",
        rf"(?:{START}(?P<whole>\d+)\s?)?(?P<sign>[{''.join(_UNICODE_FRACTIONS)}])(?:\s?(?P<unit>(?:{_PARTED})(?!\w)(?:\.(?=\s+[a-z]))?))?",
        _sign_fraction,
        "".join(_UNICODE_FRACTIONS),
    ),
    rule(
        "fraction",
        rf"{START}(\d+\.\d+)/(\d+){END}",
        lambda m: [
            group(m, 1, number(m[1])),
            Part(m.end(1), m.start(2), "out of"),
            group(m, 2, number(m[2])),
        ],
        "/",
    ),
    rule(
        "fraction",
        rf"{START}(\d{{1,3}})/(\d{{2,4}})(?![\w/]){END}",
        lambda m: [group(m, 1, number(m[1])), Part(m.end(1), m.start(2), "over"), group(m, 2, number(m[2]))],
        "/",
    ),
    rule(
        "verse",
        rf"{START}(\d+):(\d+){DASH}(\d+){END}(?!:)",
        lambda m: [
            Part(m.start(), m.end(2), f"{number(m[1])} {number(m[2])}"),
            Part(m.end(2), m.start(3), "to"),
            group(m, 3, number(m[3])),
        ],
        ":",
    ),
    rule("ratio", rf"{START}(\d+):(\d+){END}(?!:)", _two, ":"),
]
