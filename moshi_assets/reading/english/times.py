"""English times of day, dates, years and telephone numbers."""

from __future__ import annotations

import re

from ..rules import Part, Reading, before, ends_sentence, group, rule
from .numbers import cardinal, digits, number, ordinal, plural, year
from .patterns import AM_PM, DASH, DIGITS, END, MONTH, START
from .terms import MONTH_NAMES, MONTHS

# Times


def _clock(hour: str, minute: str | None, half: str | None) -> str | None:
    if int(hour) > 24 or int(minute or 0) > 59:
        return None
    words = cardinal(int(hour))
    if minute and int(minute):
        words += f" oh {cardinal(int(minute))}" if minute[0] == "0" else f" {cardinal(int(minute))}"
    elif minute and not half:
        words += " o'clock" if 0 < int(hour) <= 12 else " hundred"
    return f"{words} {half.upper()} M" if half else words


_RATIO_CUE = re.compile(
    r"\b(?:ratio|mix|odds|proportion|scale|dilut|aspect|screen|won|wins?|lost|lose|score|beat|ended|draw)",
    re.IGNORECASE,
)


def _is_ratio(match: re.Match[str]) -> bool:
    """Whether the words around two numbers with a colon say that they are no time of day."""
    return bool(_RATIO_CUE.search(match.string[max(0, match.start() - 24) : match.end() + 10]))


def _time(match: re.Match[str]) -> Reading:
    if not match["half"] and _is_ratio(match):
        return None
    words = _clock(match["hour"], match["minute"], match["half"])
    if words is None:
        return None
    end = match.end()
    # The full stop of "p.m." is kept where a sentence ends with it.
    if match.group().endswith(".") and ends_sentence(match.string, end):
        end -= 1
    return [Part(match.start(), end, words)]


def _time_range(match: re.Match[str]) -> Reading:
    if _is_ratio(match):
        return None
    low, high = (_clock(match[f"h{n}"], match[f"m{n}"], match[f"x{n}"]) for n in (1, 2))
    if low is None or high is None:
        return None
    end = match.end() - match.group().endswith(".")
    return [Part(match.start(), match.start("to"), low), group(match, "to", "to"), Part(match.start("h2"), end, high)]


def _duration(match: re.Match[str]) -> Reading:
    hours, minutes, seconds = (int(match[n]) for n in (1, 2, 3))
    if minutes > 59 or seconds > 59:
        return None

    def of(count: int, unit: str) -> str:
        return f"{cardinal(count)} {unit}{'' if count == 1 else 's'}"

    return f"{of(hours, 'hour')} {of(minutes, 'minute')} and {of(seconds, 'second')}"


TIME_RULES = [
    rule("time", rf"{START}(\d{{1,2}}):(\d\d):(\d\d){END}", _duration, ":"),
    rule(
        "time",
        rf"{START}(?P<h1>\d{{1,2}})(?::(?P<m1>\d\d))?(?:\s?(?P<x1>[AaPp])\.?[Mm]\b\.?)?(?P<to>\s?{DASH}\s?)"
        rf"(?P<h2>\d{{1,2}})(?::(?P<m2>\d\d))?\s?(?P<x2>[AaPp])\.?[Mm]\b\.?",
        _time_range,
        DIGITS,
    ),
    rule(
        "time",
        rf"{START}(?P<h1>\d{{1,2}}):(?P<m1>\d\d)(?P<x1>(?!))?(?P<to>\s?{DASH}\s?)(?P<h2>\d{{1,2}}):(?P<m2>\d\d)(?P<x2>(?!))?{END}",
        _time_range,
        ":",
    ),
    rule("time", rf"{START}(?P<hour>\d{{1,2}}):(?P<minute>\d\d)(?:{AM_PM}|{END})", _time, ":"),
    rule("time", rf"{START}(?P<hour>\d{{1,2}})\.(?P<minute>[0-5]\d){AM_PM}", _time, "aApP"),
    rule("time", rf"{START}(?P<hour>[01]?\d|2[0-3])h(?P<minute>[0-5]\d)(?P<half>(?!))?(?!\w)", _time, "h"),
    rule("time", rf"{START}(?P<hour>\d{{1,2}})(?P<minute>(?!))?{AM_PM}", _time, "aApP"),
]


# Dates and years


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


def _decade(match: re.Match[str]) -> Reading:
    value = int(match["decade"])
    if value % 10:
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


DATE_RULES = [
    rule("date", rf"{START}(?P<year>\d{{4}})-(?P<month>\d\d)-(?P<day>\d\d){END}", _number_date, "-"),
    rule("date", rf"{START}(?P<year>\d{{4}})[/.](?P<month>\d{{1,2}})[/.](?P<day>\d{{1,2}}){END}", _number_date, "/."),
    rule("date", rf"{START}(?P<day>\d{{1,2}})\.(?P<month>\d{{1,2}})\.(?P<year>(?:19|20)\d\d){END}", _number_date, "."),
    rule("date", rf"{START}(?P<month>\d{{1,2}})-(?P<day>\d{{1,2}})-(?P<year>(?:19|20)\d\d){END}", _number_date, "-"),
    rule(
        "date",
        rf"{START}(?P<year>\d{{4}})-(?P<month>\d\d)-(?P<day>\d\d)T(?P<hour>\d\d):(?P<minute>\d\d)(?::\d\d(?:\.\d+)?)?Z?(?!\w)",
        lambda m: (
            f"{_number_date(m)} {_clock(m['hour'], m['minute'], None) or ''}".strip() if _number_date(m) else None
        ),
        "T",
    ),
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

# Telephone numbers: groups of digits, one by one.


def _phone(match: re.Match[str]) -> Reading:
    groups = re.findall(r"\d+", match.group())
    words = ", ".join("eight hundred" if each == "800" else digits(each) for each in groups)
    return f"plus {words}" if match.group().startswith("+") else words


_PHONE_CUE = r"(?i:\b(?:call|dial|ring|phone|text|emergency(?:\s+call)?|number is)\s+)"
PHONE_RULES = [
    rule("phone", r"(?<![\w.,+])0\d{2,4}(?: \d{3,6}){1,3}(?!\w|[.,]\d)", _phone, "0"),
    rule(
        "phone",
        r"(?<![\w.-])1-(8\d\d)-([A-Z]{4,8})\b",
        lambda m: [
            Part(m.start(), m.end(1), f"one, {'eight hundred' if m[1] == '800' else digits(m[1])}"),
            Part(m.end(1), m.end(), m[2].lower()),
        ],
        "8",
    ),
    rule("phone", r"(?<![\w.])\+\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d{1,4}(?:[ .-]\d{2,4}){1,4}(?!\w)", _phone, "+"),
    rule("phone", r"(?<![\w.])(?:1[ .-])?\(\d{3}\)\s?\d{3}[ .-]\d{4}(?!\w)", _phone, "("),
    rule("phone", r"(?<![\w.-])(?:1[ .-])?(?:\d{3}[.-])?\d{3}[.-]\d{4}(?![\w-])", _phone, DIGITS),
    rule("phone", rf"{START}911{END}(?!\s?{DASH}\s?\d)", _phone, "9"),
    rule("phone", rf"(?<={'call '})(\d{{3}})\b(?![-.,]\d)", _phone, DIGITS, re.IGNORECASE),
    *(
        rule("phone", rf"(?<=\b{cue} )(\d{{3}}|\d{{5,11}})\b(?![-.,]\d)(?!\s+[a-z]+s\b)", _phone, DIGITS, re.IGNORECASE)
        for cue in ("call", "dial", "ring", "phone", "text")
    ),
]
