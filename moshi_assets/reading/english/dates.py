"""English dates, years, decades and seconds written like them."""

from __future__ import annotations

import re

from ..rules import Part, Reading, before, group, rule
from .numbers import cardinal, number, ordinal, plural, year
from .patterns import DASH, DIGITS, END, MONTH, START
from .terms import MONTH_NAMES, MONTHS
from .times import clock


def _month_name(text: str) -> str:
    # "Sept." too.
    return MONTHS[text[:3].lower()]


def _day(text: str) -> str | None:
    day = int(text.rstrip("dhnrst"))
    return ordinal(day) if 1 <= day <= 31 else None


def _full_year(text: str) -> str:
    return year(int(text) + (2000 if int(text) < 50 else 1900) if len(text) == 2 else int(text))


def _number_date(match: re.Match[str]) -> Reading:
    month, day = int(match["month"]), int(match["day"])
    if month > 12 >= day:
        month, day = day, month
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return None
    return f"{MONTH_NAMES[month - 1]} {ordinal(day)} {_full_year(match['year'])}"


def _month_day(match: re.Match[str]) -> Reading:
    day = _day(match["day"])
    if day is None:
        return None
    parts = [group(match, "month", _month_name(match["month"])), group(match, "day", day)]
    return [*parts, group(match, "year", year(int(match["year"])))] if match["year"] else parts


def _day_month(match: re.Match[str]) -> Reading:
    day = _day(match["day"])
    if day is None:
        return None
    article = "" if re.search(r"\bthe\s+$", before(match), re.IGNORECASE) else "the "
    end = match.end("of") if match["of"] else match.end("day")
    parts = [Part(match.start("day"), end, f"{article}{day} of"), group(match, "month", _month_name(match["month"]))]
    return [*parts, group(match, "year", year(int(match["year"])))] if match["year"] else parts


_YEAR_BEFORE = re.compile(
    r"(?:\b(?:in|since|by|until|till|from|of|year|year\s(?:is|was)|early|late|mid|before|after|around|circa|the|to|between|and|"
    rf"{MONTH})\.?,?|^|[.!?(\"\u201c])\s*$",
    re.IGNORECASE,
)
_COUNTED = re.compile(
    r"\s+(?:people|men|women|children|fish|sheep|(?!was\b|is\b|has\b|does\b|as\b|us\b|this\b|its\b)[a-z]+s\b)"
)


def lone_year(match: re.Match[str]) -> Reading:
    """The reading of a number of four digits as a year, where nothing says that it counts something."""
    value = int(match.group())
    if not 1100 <= value < 2100 and not _YEAR_BEFORE.search(before(match)):
        return None
    return None if _COUNTED.match(match.string, match.end()) else year(value)


_SECONDS_BEFORE = re.compile(
    r"\b(?:in|for|after|took|takes?|taking|wait(?:ed)?|within|under|over|every|about|only|lasts?|of|at|than|sleep|by|until|a|an)\s+$",
    re.IGNORECASE,
)
_SECONDS_AFTER = re.compile(
    r"\s+(?:delay|timeout|timer|pause|video|clip|window|intervals?|later|ago|left|long|faster|slower|cut|each|per|apart|of)\b"
)


def counts_seconds(match: re.Match[str]) -> bool:
    """Whether "5s" is a time there: "wait 5s", "a 30s timeout"; "two 6s" and "the 2s" are not."""
    return bool(_SECONDS_BEFORE.search(before(match)) or _SECONDS_AFTER.match(match.string, match.end()))


def _decade(match: re.Match[str]) -> Reading:
    value = int(match["decade"])
    if value % 10 or (
        value < 100
        and (
            _SECONDS_AFTER.match(match.string, match.end()) or re.search(r"\d\s?(?:d|hrs?|h|mins?|m)\s$", before(match))
        )
    ):
        return None
    if value < 1000:
        return plural(cardinal(value))
    return plural(cardinal(value)) if value % 1000 == 0 else plural(year(value))


def _short_year_range(match: re.Match[str]) -> Reading:
    low, high = int(match["low"]), int(match["high"])
    if not (1900 <= low < 2100 and low % 100 < high):
        return None
    return [group(match, "low", year(low)), group(match, "to", "to"), group(match, "high", cardinal(high))]


def _year_range(match: re.Match[str]) -> Reading:
    low, high = int(match["low"]), int(match["high"])
    if not (1000 <= low < 2100 and low < high < 2100):
        return None
    return [group(match, "low", year(low)), group(match, "to", "to"), group(match, "high", year(high))]


def _days_of_month(match: re.Match[str]) -> Reading:
    """June 1-5, 2020."""
    low, high = _day(match["low"]), _day(match["high"])
    if low is None or high is None:
        return None
    parts = [
        group(match, "month", _month_name(match["month"])),
        group(match, "low", low),
        group(match, "to", "to"),
        group(match, "high", high),
    ]
    return [*parts, group(match, "year", year(int(match["year"])))] if match["year"] else parts


def _days_before_month(match: re.Match[str]) -> Reading:
    """1-5 June."""
    low, high = _day(match["low"]), _day(match["high"])
    if low is None or high is None or int(match["low"].rstrip("dhnrst")) >= int(match["high"].rstrip("dhnrst")):
        return None
    article = "" if re.search(r"\bthe\s+$", before(match), re.IGNORECASE) else "the "
    parts = [
        group(match, "low", f"{article}{low}"),
        group(match, "to", "to"),
        Part(match.start("high"), match.start("month") - 1, f"the {high} of"),
        group(match, "month", _month_name(match["month"])),
    ]
    return [*parts, group(match, "year", year(int(match["year"])))] if match["year"] else parts


def _month_days(match: re.Match[str]) -> Reading:
    """5/1-5/7, as in America."""
    months, days = [int(match["m1"]), int(match["m2"])], [_day(match["d1"]), _day(match["d2"])]
    if not all(1 <= month <= 12 for month in months) or None in days:
        return None
    return [
        Part(match.start(), match.end("d1"), f"{MONTH_NAMES[months[0] - 1]} {days[0]}"),
        group(match, "to", "to"),
        Part(match.start("m2"), match.end(), f"{MONTH_NAMES[months[1] - 1]} {days[1]}"),
    ]


def _season(match: re.Match[str]) -> Reading:
    """2023/24 and 1999/2000: one year that begins in another."""
    low, high = int(match["low"]), int(match["high"])
    if high not in (low + 1, (low + 1) % 100):
        return None
    words = year(high) if high > 99 else cardinal(high) if high > 9 else f"oh {cardinal(high)}"
    return [group(match, "low", year(low)), group(match, "to", ""), group(match, "high", words)]


def _moment(match: re.Match[str]) -> Reading:
    """2024-05-01T10:30:15Z: the day, the time of day with its seconds, and its zone."""
    date, time = _number_date(match), clock(match["hour"], match["minute"], None)
    if date is None or time is None:
        return None
    words = f"{date} {time}"
    if second := int(match["second"] or 0):
        words += f" and {cardinal(second)} second{'' if second == 1 else 's'}"
    zone = match["zone"] or ""
    if zone:
        words += " U T C"
    if zone[1:].strip("0:"):
        hours, minutes = int(zone[1:3]), int(zone[-2:])
        words += (
            f" {'plus' if zone[0] == '+' else 'minus'} {cardinal(hours)}{f' {cardinal(minutes)}' if minutes else ''}"
        )
    return words


DATE_RULES = [
    rule(
        "date",
        rf"{START}(?P<year>\d{{4}})-(?P<month>\d\d)-(?P<day>\d\d)(?:T|,? )(?P<hour>\d\d):(?P<minute>\d\d)"
        r"(?::(?P<second>\d\d)(?:\.\d+)?)?(?P<zone>Z|[-+\u2212]\d\d:?\d\d)?(?!\w)",
        _moment,
        ":",
    ),
    rule(
        "date",
        rf"\b(?P<month>(?:{MONTH})\b\.?)\s+(?P<low>\d{{1,2}}(?:st|nd|rd|th)?)(?P<to>\s?{DASH}\s?)(?P<high>\d{{1,2}}(?:st|nd|rd|th)?)"
        r"\b(?![:%\d]|[.,/]\d)(?:(?:,\s*|\s+)(?P<year>1\d{3}|20\d\d)\b)?",
        _days_of_month,
        DIGITS,
    ),
    rule(
        "date",
        rf"{START}(?P<low>\d{{1,2}}(?:st|nd|rd|th)?)(?P<to>\s?{DASH}\s?)(?P<high>\d{{1,2}}(?:st|nd|rd|th)?)\s+(?:of\s+)?(?P<month>(?:{MONTH})\b)"
        r"(?:,?\s+(?P<year>1\d{3}|20\d\d)\b)?",
        _days_before_month,
        DIGITS,
    ),
    rule(
        "date",
        rf"{START}(?P<m1>\d{{1,2}})/(?P<d1>\d{{1,2}})(?P<to>\s?{DASH}\s?)(?P<m2>\d{{1,2}})/(?P<d2>\d{{1,2}}){END}",
        _month_days,
        "/",
    ),
    rule("year", rf"{START}(?P<low>1\d{{3}}|20\d\d)(?P<to>/)(?P<high>1\d{{3}}|20\d\d|\d\d){END}(?!/)", _season, "/"),
    rule(
        "year",
        rf"\bFY\s?(?P<low>\d\d)(?P<to>[-\u2013/])(?P<high>\d\d){END}",
        lambda m: [
            Part(m.start(), m.end("low"), f"F Y {cardinal(int(m['low']))}"),
            group(m, "to", "to"),
            group(m, "high", cardinal(int(m["high"]))),
        ],
        "F",
    ),
    rule("date", rf"{START}(?P<year>\d{{4}})-(?P<month>\d\d)-(?P<day>\d\d){END}", _number_date, "-"),
    rule("date", rf"{START}(?P<year>\d{{4}})[/.](?P<month>\d{{1,2}})[/.](?P<day>\d{{1,2}}){END}", _number_date, "/."),
    rule("date", rf"{START}(?P<day>\d{{1,2}})\.(?P<month>\d{{1,2}})\.(?P<year>(?:19|20)\d\d){END}", _number_date, "."),
    rule("date", rf"{START}(?P<month>\d{{1,2}})-(?P<day>\d{{1,2}})-(?P<year>(?:19|20)\d\d){END}", _number_date, "-"),
    rule(
        "date",
        rf"{START}(?P<day>\d{{1,2}})-(?P<month>{MONTH})-(?P<year>\d{{4}}|\d\d)(?!\w)",
        lambda m: f"{_month_name(m['month'])} {_day(m['day'])} {_full_year(m['year'])}" if _day(m["day"]) else None,
        "-",
    ),
    rule("date", rf"{START}(?P<month>\d{{1,2}})/(?P<day>\d{{1,2}})/(?P<year>\d{{4}}|\d\d){END}", _number_date, "/"),
    rule(
        "date",
        rf"\b(?P<month>(?:{MONTH})\b\.?)\s+(?P<day>\d{{1,2}}(?:st|nd|rd|th)?)\b(?![:%\d]|[.,/]\d)(?:(?:,\s*|\s+)(?P<year>1\d{{3}}|20\d\d)\b(?!\s*:))?",
        _month_day,
        DIGITS,
    ),
    rule(
        "date",
        rf"{START}(?P<day>\d{{1,2}}(?:st|nd|rd|th)?)(?P<of>\s+of)?\s+(?P<month>(?:{MONTH})\b(?:\.(?!\s+[A-Z]|$))?)(?!\s+I\b)(?:,?\s+(?P<year>1\d{{3}}|20\d\d)\b)?",
        lambda m: None if m["month"] in ("May", "Mar") and not m["year"] and not m["of"] else _day_month(m),
        DIGITS,
    ),
    rule(
        "decade",
        rf"{START}(?P<count>\d{{1,3}}(?:,\d{{3}})+|\d+00|10)s\b(?!\s?[-/])",
        lambda m: None if len(m["count"]) == 4 else plural(number(m["count"])).removeprefix("one "),
        "s",
    ),
    rule(
        "year",
        r"(?<!\w)['\u2019](\d\d)(?![\w'\u2019])",
        lambda m: f"{'oh ' if m[1][0] == '0' else ''}{cardinal(int(m[1]))}",
        "'\u2019",
    ),
    rule("decade", r"(?<![\w.,$])['\u2019]?(?P<decade>\d0|\d{3}0)['\u2019]?s\b", _decade, "s"),
    rule("year", rf"{START}(?P<low>\d{{4}})(?P<to>\s?{DASH}\s?)(?P<high>\d{{4}}){END}", _year_range, DIGITS),
    rule("year", rf"{START}(?P<low>(?:19|20)\d\d)(?P<to>[-\u2013])(?P<high>\d\d){END}(?!-)", _short_year_range, DIGITS),
    rule(
        "year",
        r"(?<![\w.,])(\d{1,4})(?=\s(?:BCE?|AD|CE)\b)",
        lambda m: year(int(m[1])) if len(m[1]) == 4 else cardinal(int(m[1])),
        "BA",
    ),
]
