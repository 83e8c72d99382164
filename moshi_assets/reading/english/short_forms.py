"""English: short forms, titles and weekdays."""

from __future__ import annotations

import re

from ..rules import Part, Reading, after, group, rule, short_form_end
from .patterns import alternatives
from .terms import AFTER_NAMES, BEFORE_NAMES, BEFORE_NUMBERS, NEVER_LAST, SENTENCE_STARTERS, SHORT_FORMS, WEEKDAYS


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
        rf"(?<![\w.])({alternatives(BEFORE_NUMBERS)})\.(?=\s?\d)",
        lambda m: BEFORE_NUMBERS[m[1]],
        ".",
    ),
    rule(
        "weekday",
        rf"\b({alternatives(WEEKDAYS)})(\.?[-\u2013]\.?)({alternatives(WEEKDAYS)})\b",
        lambda m: [group(m, 1, WEEKDAYS[m[1]]), group(m, 2, "to"), group(m, 3, WEEKDAYS[m[3]])],
        "-\u2013",
    ),
    rule("weekday", rf"\b({alternatives(WEEKDAYS)})\.(?=,|\s\d)", lambda m: WEEKDAYS[m[1]], "."),
    rule(
        "weekday",
        rf"\b({alternatives(set(WEEKDAYS) - {'Mon', 'Sat', 'Sun'})})\.",
        lambda m: [Part(m.start(), short_form_end(m, m.end()), WEEKDAYS[m[1]])],
        ".",
    ),
]
