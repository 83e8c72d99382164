"""English ranges whose dash other rules would take for a minus or a hyphen: 5%-10%, 10-15K, 2020-present."""

from __future__ import annotations

import re

from ..rules import Part, Reading, after, group, rule
from .fractions import fraction
from .numbers import cardinal, in_pairs, number, year
from .patterns import DASH, DIGITS, MONTH, NUMBER, START
from .terms import MAGNITUDES, WEEKDAYS

_BOOKS = (
    "Genesis|Exodus|Leviticus|Numbers|Deuteronomy|Joshua|Judges|Ruth|Samuel|Kings|Chronicles|Ezra|Nehemiah|Esther|Job|"
    "Psalms?|Proverbs|Ecclesiastes|Isaiah|Jeremiah|Lamentations|Ezekiel|Daniel|Hosea|Joel|Amos|Jonah|Micah|Matthew|Mark|"
    "Luke|John|Acts|Romans|Corinthians|Galatians|Ephesians|Philippians|Colossians|Thessalonians|Timothy|Titus|Hebrews|"
    "James|Peter|Jude|Revelation"
)
_MEASURED = re.compile(r"\s(?:cups?|inch(?:es)?|hours?|miles?|teaspoons?|tablespoons?|pounds?|tsp|tbsp|lbs?|oz|in)\b")
_BIG = "k|K|M|B|bn|mn"


def _to(match: re.Match[str]) -> Reading:
    return [group(match, "to", "to")]


def _large(match: re.Match[str]) -> Reading:
    """10-15K: from one to the other, of thousands."""
    low, high = match["low"], match["high"]
    first = f" {MAGNITUDES[match['first']]}" if match["first"] else ""
    return [
        Part(match.start(), match.start("to"), number(low) + first),
        group(match, "to", "to"),
        Part(match.start("high"), match.end(), f"{number(high)} {MAGNITUDES[match['big']]}"),
    ]


def _verse(match: re.Match[str]) -> Reading:
    parts = [group(match, "verse", " ".join(number(each) for each in match["verse"].split(":")))]
    if match["last"]:
        parts += [group(match, "to", "to"), group(match, "last", number(match["last"]))]
    return parts


def _fractions(match: re.Match[str]) -> Reading:
    """1/2-1 cup and 1/2 - 3/4 cup are no days of January."""
    if not _MEASURED.match(after(match)):
        return None

    def words(text: str) -> str:
        over, slash, under = text.partition("/")
        return fraction(int(over), int(under)) if slash else number(over)

    low, high = match["low"], match["high"]
    if any("/" in each and not 0 < int(each.split("/")[0]) < int(each.split("/")[1]) for each in (low, high)):
        return None
    return [group(match, "low", words(low)), group(match, "to", "to"), group(match, "high", words(high))]


RANGE_RULES = [
    rule(
        "range",
        rf"(?<![\w.,-])[\d,.]*\d\s?(?P<unit>%|\u00b0\s?[CF]?|(?![AaPp][Mm]\b)(?!st\b|nd\b|rd\b|th\b|[KkMBb]\b)[A-Za-z]{{1,4}})"
        rf"(?P<to>\s?{DASH}\s?)(?='?\u2019?[\d,.]*\d\s?(?P=unit)(?!\w))",
        _to,
        DIGITS,
    ),
    rule(
        "range",
        rf"(?<![\w.,-])[\d.]+\u00b0?(?P<to>\s?{DASH}\s?)(?=[\d.]+\u00b0[CF]?(?!\w))",
        lambda m: [group(m, "to", "to")] if "\u00b0" in m.group() else None,
        "\u00b0",
    ),
    rule(
        "range",
        rf"(?<![\w.,$\u20ac\u00a3-])(?P<low>{NUMBER})(?P<first>{_BIG})?(?P<to>{DASH})(?P<high>{NUMBER})(?P<big>{_BIG})(?!\w)",
        _large,
        "kKMBn",
    ),
    rule("range", rf"\b(?:{MONTH})\.?\s\d{{1,2}}(?P<to>\s?{DASH}\s?)(?=(?:{MONTH})\.?\s\d)", _to, "-\u2013\u2014"),
    rule(
        "range",
        rf"(?<![\w.,-])(?P<year>[12]\d{{3}})(?P<to>\s?{DASH}\s?)(?=(?:present|now|today|current)\b)",
        lambda m: [group(m, "year", year(int(m["year"]))), group(m, "to", "to")],
        "-\u2013\u2014",
    ),
    rule("range", rf"(?:(?<=\d)|(?<=[apAP][mM]))(?P<to>{DASH})(?=(?:noon|midnight)\b)", _to, "n"),
    rule(
        "range",
        rf"(?<![\w,])#(?P<low>\d+)(?P<to>{DASH})(?P<high>\d+)(?![\w-])",
        lambda m: [
            Part(m.start(), m.end("low"), f"numbers {number(m['low'])}"),
            group(m, "to", "to"),
            group(m, "high", number(m["high"])),
        ],
        "#",
    ),
    rule(
        "range",
        rf"(?<![\w.,)\]])[-\u2212](?P<low>{NUMBER})(?P<to>\s?{DASH}\s?)(?P<high>[-\u2212]{NUMBER})(?![\w-])(?![.,]\d)",
        lambda m: [
            Part(m.start(), m.end("low"), f"minus {number(m['low'])}"),
            group(m, "to", "to"),
            group(m, "high", number(m["high"])),
        ],
        "-\u2212",
    ),
    rule(
        "verse",
        rf"\b(?:{_BOOKS})\s(?P<verse>\d{{1,3}}:\d{{1,3}})(?:(?P<to>{DASH})(?P<last>\d{{1,3}}))?(?![\w:-])(?![.,]\d)",
        _verse,
        ":",
    ),
    rule(
        "range",
        rf"{START}(?P<low>\d{{1,2}}/\d{{1,2}})(?P<to>\s?{DASH}\s?)(?P<high>\d{{1,2}}(?:/\d{{1,2}})?)(?![\w/])",
        _fractions,
        "/",
    ),
    rule(
        "range",
        rf"\b(?:{'|'.join(sorted(set(WEEKDAYS.values())))})(?P<to>{DASH})(?=(?:{'|'.join(sorted(set(WEEKDAYS.values())))})\b)",
        _to,
        "-\u2013\u2014",
    ),
    rule(
        "letters and digits",
        r"(?<![\w.,-])(7\d7)-(\d00|\d{2}0)(?![\w-])(?![.,]\d)(?!\s[a-z]+s\b)",
        lambda m: [
            group(m, 1, in_pairs(m[1])),
            Part(m.end(1), m.end(), in_pairs(m[2]) if m[2][1:] != "00" else number(m[2])),
        ],
        "7",
    ),
    rule(
        "fraction",
        rf"{START}(\d{{1,2}})/(\d{{1,2}})(?:rds|ths|nds|th|rd|nd)\b",
        lambda m: fraction(int(m[1]), int(m[2])) if 0 < int(m[1]) < int(m[2]) else None,
        "/",
    ),
    rule("sign", r"\+/[-\u2212]", lambda m: "plus or minus", "+"),
    rule(
        "idiom",
        rf"{START}(401|403|457)\s?\(?([kKb])\)?(?!\w)",
        lambda m: (
            f"four oh {cardinal(int(m[1][-1]))} {m[2].upper()}" if m[1] != "457" else f"four fifty seven {m[2].upper()}"
        ),
        "4",
    ),
]
