"""English: short forms, titles and weekdays."""

from __future__ import annotations

import re

from ..rules import Part, Reading, after, before, group, rule, short_form_end
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


_AFTER_STREETS = {"Apt", "Suite", "Ste", "Unit", "Bldg", "Dr", "Mr", "Mrs", "Ms"}


def _after_name(match: re.Match[str]) -> Reading:
    following = re.match(r"\s+([A-Z][\w']*)", after(match))
    goes_on = following and following[1] not in SENTENCE_STARTERS and following[1] not in _AFTER_STREETS
    if match["short"] in BEFORE_NAMES and goes_on:
        return None  # "Is Dr. Lee in?"
    return [Part(match.start("short"), short_form_end(match, match.end()), AFTER_NAMES[match["short"]])]


def _before_name(match: re.Match[str]) -> Reading:
    return BEFORE_NAMES[match[1]]


_PLURAL = re.compile(
    r"[,\d.]*(?::\d\d|%|\s(?:percent|more|people|men|women|children|hundred|thousand|million|dozen|of\s(?:us|them|you)"
    r"|(?!(?:is|was|has|does|wins|goes|plays|comes|seems|stands|lives|hits|makes|takes|looks|gets|says|needs|wants|leads|"
    r"this|as|its|pencils)\b)[a-z]+[^sui\W]s)\b)"
)
_SAYS_NO = re.compile(
    r"\b(?:sa(?:id|y|ys)|answer(?:ed)?(?:\s(?:is|was))?:?|replied|told\s\w+)\s+$|(?:^|[.!]\s+)$", re.IGNORECASE
)
_ASKED_WHICH = re.compile(r"\b(?:which|what)\b[^.!?]*\?\s+$", re.IGNORECASE)


_QUESTION = 200
"""Characters of a question, about."""


def _before_number(match: re.Match[str]) -> Reading:
    """No. 5 is alive; but "No." answers in "No. 5 people came" and after a question ("Are there ten? No. 12")."""
    told = before(match)
    begins = re.search(r"(?:^|[.!?:]\s+)$", told)
    counts = bool(_PLURAL.match(after(match).lstrip().lstrip("#")))
    if match[1] in ("No", "no"):
        asked = re.search(r"\?\s+$", told) and not _ASKED_WHICH.search(before(match, _QUESTION)) and match[1] == "No"
        again = re.search(r"\bNo\. ?\d", told)
        answers = (asked and not again) or (counts and (begins or _SAYS_NO.search(told)))
        if answers or re.search(r"\banswer\s(?:is|was)\s+$", told, re.IGNORECASE):
            return None
    elif counts and match[1] in ("sec", "art", "figs", "fig", "ch", "op", "ver", "p", "c"):
        return None
    if match[1] == "sec" and re.search(r"\ba\s+$", told):
        return None
    return BEFORE_NUMBERS[match[1]]


_STREETS = {"St", "Ave", "Rd", "Blvd", "Dr", "Ln", "Ct", "Pl", "Pkwy", "Hwy", "Sq"}
_SIDES = {"N": "North", "S": "South", "E": "East", "W": "West"}


def _street(match: re.Match[str]) -> Reading:
    """10 Downing St, 5 N. Main St: without the full stop that tells it from a saint."""
    street = group(match, "street", AFTER_NAMES[match["street"]])
    if not match["side"]:
        return [street]
    end = match.end("side") + (match.string[match.end("side")] == ".")
    return [Part(match.start("side"), end, _SIDES[match["side"]]), street]


def _titles(match: re.Match[str]) -> Reading:
    """Mr/Mrs, Dr./Prof.: one or the other."""
    return " or ".join(BEFORE_NAMES[each.rstrip(".")] for each in match.group().split("/"))


def _weekdays(match: re.Match[str]) -> Reading:
    """Sat/Sun, Mon/Wed/Fri: one after the other."""
    days = [WEEKDAYS.get(each, each) for each in re.findall("[A-Z][a-z]+", match.group())]
    return " ".join(days)


_TITLE = "(?:Mr|Mrs|Ms|Dr|Prof|Sgt|Lt|Capt)"
_DAY = rf"(?:{alternatives({*WEEKDAYS, *WEEKDAYS.values()})})"
SHORT_FORM_RULES = [
    rule("short form", rf"(?<![\w./]){_TITLE}\.?(?:/{_TITLE}\b)(?:\.(?=\s))?", _titles, "/"),
    rule("weekday", rf"(?<![\w/]){_DAY}\.?(?:/{_DAY}\b)+(?![\w/])", _weekdays, "/"),
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
        _before_number,
        ".",
    ),
    rule(
        "short form",
        r"\b(?:the|a|my|your|his|her|their|our)\s(?P<short>Dr)\.(?=\s[a-z]|$)",
        lambda m: [Part(m.start("short"), short_form_end(m, m.end()), "doctor")],
        ".",
    ),
    rule(
        "short form",
        r"(?<![\w.])[Mm]in\.(?=\s)",
        lambda m: "minutes" if re.search(r"\b(?:few|several|couple of|many|some)\s+$", before(m)) else "minimum",
        ".",
    ),
    rule("short form", r"\b([SJ])r\.(?=\s[a-z])", lambda m: "senior" if m[1] == "S" else "junior", "."),
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
