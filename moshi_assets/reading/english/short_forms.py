"""English: short forms, titles and weekdays."""

from __future__ import annotations

import re

from ..rules import Part, Reading, after, group, rule, short_form_end
from .patterns import DIGITS, MONTH, alternatives
from .terms import (
    AFTER_NAMES,
    BEFORE_NAMES,
    BEFORE_NUMBERS,
    MONTHS,
    NEVER_LAST,
    SENTENCE_STARTERS,
    SHORT_FORMS,
    WEEKDAYS,
)


def _short_form(match: re.Match[str]) -> Reading:
    short = match.group()
    end = match.end() if short in NEVER_LAST else short_form_end(match, match.end())
    return [Part(match.start(), end, SHORT_FORMS[short])]


def _after_name(match: re.Match[str]) -> Reading:
    following = re.match(r"\s+([A-Z][\w']*)", after(match))
    if match["short"] in BEFORE_NAMES and following and following[1] not in SENTENCE_STARTERS:
        return None  # "Is Dr. Lee in?"
    return [Part(match.start("short"), short_form_end(match, match.end()), AFTER_NAMES[match["short"]])]


def _before_name(match: re.Match[str]) -> Reading:
    return BEFORE_NAMES[match[1]]


_STREETS = {"St", "Ave", "Rd", "Blvd", "Dr", "Ln", "Ct", "Pl", "Pkwy", "Hwy", "Sq"}
_SIDES = {"N": "North", "S": "South", "E": "East", "W": "West"}


def _street(match: re.Match[str]) -> Reading:
    """10 Downing St, 5 N. Main St: without the full stop that tells it from a saint."""
    street = group(match, "street", AFTER_NAMES[match["street"]])
    if not match["side"]:
        return [street]
    end = match.end("side") + (match.string[match.end("side")] == ".")
    return [Part(match.start("side"), end, _SIDES[match["side"]]), street]


SHORT_FORM_RULES = [
    rule("short form", rf"(?<![\w.])(?:{alternatives(SHORT_FORMS)})(?!\w)", _short_form),
    rule(
        "short form",
        rf"(?:[A-Z][\w'\u2019]*|\d(?:st|nd|rd|th))\s(?P<short>{alternatives(AFTER_NAMES)})\.",
        _after_name,
        ".",
    ),
    rule("short form", rf"(?<![\w.])({alternatives(BEFORE_NAMES)})\.?(?=\s[A-Z])", _before_name),
    rule(
        "short form",
        rf"(?<![\w.])({alternatives(BEFORE_NUMBERS)})\.(?=\s?#?[A-Z]?\d)",
        lambda m: BEFORE_NUMBERS[m[1]],
        ".",
    ),
    rule("short form", r"(?<![\w.])(Hwy|Rte|Apt|apt)(?=\s#?[A-Z]?\d)", lambda m: BEFORE_NUMBERS[m[1]]),
    rule(
        "short form",
        rf"\b\d+[A-Z]?\s(?:(?P<side>[NSEW])\.?\s)?(?:[A-Z][a-z]+\s){{1,2}}(?P<street>{alternatives(_STREETS)})(?![\w.])",
        _street,
        DIGITS,
    ),
    rule(
        "short form",
        rf"(?<![\w.])(?P<side>[NSEW])\.\s(?:[A-Z][a-z]+\s)(?P<street>{alternatives(_STREETS)})(?![\w.])",
        _street,
        "NSEW",
    ),
    rule(
        "short form",
        r"(?<=[a-z]),\s(?P<short>Jr|Sr|Inc|Ltd|Corp)\.(?=,|\s|$)",
        lambda m: [Part(m.start("short"), short_form_end(m, m.end()), AFTER_NAMES[m["short"]])],
        ",",
    ),
    rule(
        "short form",
        r"(?<=\()(b|d)\.(?=\s?1\d{3}|\s?20\d\d)|(?<=, )(b|d)\.(?=\s1\d{3})",
        lambda m: "born" if m.group().startswith("b") else "died",
        "bd",
    ),
    rule(
        "month",
        rf"\b({MONTH})(\.?[-\u2013]\.?)({MONTH})\b(\.(?!\s+[A-Z]|$))?",
        lambda m: [
            group(m, 1, MONTHS[m[1][:3].lower()]),
            group(m, 2, "to"),
            Part(m.start(3), m.end(), MONTHS[m[3][:3].lower()]),
        ],
        "-\u2013",
    ),
    rule(
        "weekday",
        rf"\b({alternatives(WEEKDAYS)})(\.?[-\u2013]\.?)({alternatives(WEEKDAYS)})\b",
        lambda m: [group(m, 1, WEEKDAYS[m[1]]), group(m, 2, "to"), group(m, 3, WEEKDAYS[m[3]])],
        "-\u2013",
    ),
    rule(
        "weekday",
        rf"\b({alternatives(WEEKDAYS)})(?=,?\s(?:\d{{1,2}}/\d|\d{{1,2}}:\d|\d{{1,2}}\s?[ap]\.?m|(?:{MONTH})\b))",
        lambda m: WEEKDAYS[m[1]],
    ),
    rule("weekday", rf"\b({alternatives(WEEKDAYS)})\.(?=,|\s\d)", lambda m: WEEKDAYS[m[1]], "."),
    rule(
        "weekday",
        rf"\b({alternatives(set(WEEKDAYS) - {'Mon', 'Sat', 'Sun'})})\.",
        lambda m: [Part(m.start(), short_form_end(m, m.end()), WEEKDAYS[m[1]])],
        ".",
    ),
]
