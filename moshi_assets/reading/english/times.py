"""English times of day and durations."""

from __future__ import annotations

import re

from ..rules import Part, Reading, before, ends_sentence, group, rule
from .numbers import cardinal
from .patterns import AM_PM, DASH, DIGITS, END, START


def clock(hour: str, minute: str | None, half: str | None) -> str | None:
    """The words of a time of day: "10", "05", "p" -> "ten oh five P M"; None where it is none."""
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
    words = clock(match["hour"], match["minute"], match["half"])
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
    low, high = (clock(match[f"h{n}"], match[f"m{n}"], match[f"x{n}"]) for n in (1, 2))
    if low is None or high is None:
        return None
    end = match.end() - match.group().endswith(".")
    return [Part(match.start(), match.start("to"), low), group(match, "to", "to"), Part(match.start("h2"), end, high)]


def _times_of_day(match: re.Match[str]) -> Reading:
    """5-5:30 and 9:30-11; but 3:16-18 are verses."""
    minute, hour = match["m1"], int(match["h2"])
    if not minute and not match["m2"]:
        return None
    if minute and not match["m2"] and (hour > 12 or (minute != "00" and int(minute) < hour)):
        first = f"{cardinal(int(match['h1']))} {cardinal(int(minute))}"
        return [
            Part(match.start(), match.start("to"), first),
            group(match, "to", "to"),
            group(match, "h2", cardinal(hour)),
        ]
    return _time_range(match)


def _duration(match: re.Match[str]) -> Reading:
    hours, minutes, seconds = (int(match[n]) for n in (1, 2, 3))
    if minutes > 59 or seconds > 59:
        return None
    if match["half"]:
        words = clock(match[1], match[2], None) or ""
        end = match.end() - (match.group().endswith(".") and ends_sentence(match.string, match.end()))
        return [Part(match.start(), end, f"{words} and {cardinal(seconds)} seconds {match['half'].upper()} M")]

    def of(count: int, unit: str) -> str:
        return f"{cardinal(count)} {unit}{'' if count == 1 else 's'}"

    return f"{of(hours, 'hour')} {of(minutes, 'minute')} and {of(seconds, 'second')}"


def _military(match: re.Match[str]) -> Reading:
    """0900 hours, 1400 hrs."""
    hour, minute = int(match["hour"]), int(match["minute"])
    if match["hour"][0] != "0" and not re.search(
        r"\b(?:at|by|until|till|from|to|before|after|around|since)\s+$", before(match), re.IGNORECASE
    ):
        return None
    words = f"{'zero ' if match['hour'][0] == '0' else ''}{cardinal(hour)}"
    return f"{words} {'hundred' if not minute else cardinal(minute)} hours"


TIME_RULES = [
    rule("time", rf"{START}(?P<hour>[01]\d|2[0-3])(?P<minute>[0-5]\d)\s?(?:hours|hrs\b\.?)", _military, "h"),
    rule("time", r"(?:(?<=\bnoon)|(?<=\bmidnight))([-\u2013])(?=\d)", lambda m: [group(m, 1, "to")], "-\u2013"),
    rule("time", rf"{START}(\d{{1,2}}):(\d\d):(\d\d)(?:{AM_PM}|{END})", _duration, ":"),
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
    rule(
        "time",
        rf"{START}(?P<h1>\d{{1,2}})(?::(?P<m1>\d\d))?(?P<x1>(?!))?(?P<to>\s?{DASH}\s?)(?P<h2>\d{{1,2}})(?::(?P<m2>\d\d))?(?P<x2>(?!))?{END}(?!:)",
        _times_of_day,
        ":",
    ),
    rule("time", rf"{START}(?P<hour>\d{{1,2}}):(?P<minute>\d\d)(?:{AM_PM}|{END})", _time, ":"),
    rule("time", rf"{START}(?P<hour>\d{{1,2}})\.(?P<minute>[0-5]\d){AM_PM}", _time, "aApP"),
    rule("time", rf"{START}(?P<hour>[01]?\d|2[0-3])h(?P<minute>[0-5]\d)(?P<half>(?!))?(?!\w)", _time, "h"),
    rule("time", rf"{START}(?P<hour>\d{{1,2}})(?P<minute>(?!))?{AM_PM}", _time, "aApP"),
]
