"""Dates, times of day and numbers that are named digit by digit."""

from __future__ import annotations

import re

from ..rules import Part, Reading, group, rule
from .numbers import counted, digits, number
from .patterns import DASH, DIGITS, END, START

# Dates and times


def _date(match: re.Match[str]) -> Reading:
    month, day = int(match["month"]), int(match["day"])
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return None
    return f"{digits(match['year'])}年{number(str(month))}月{number(str(day))}日"


def _clock(hour: str, minute: str) -> str | None:
    if int(hour) > 24 or int(minute) > 59:
        return None
    words = f"{counted(str(int(hour)))}点"
    if int(minute):
        words += f"{'零' if minute[0] == '0' else ''}{number(str(int(minute)))}分"
    return words


_RATIO_CUE = re.compile("比|[赢贏]|[输輸]|[胜勝]|[负負]|屏|平局|混合|配")


def _time(match: re.Match[str]) -> Reading:
    return (
        None
        if _RATIO_CUE.search(match.string[max(0, match.start() - 24) : match.end() + 10])
        else _clock(match[1], match[2])
    )


def _time_range(match: re.Match[str]) -> Reading:
    low, high = _clock(match[1], match[2]), _clock(match[4], match[5])
    if low is None or high is None:
        return None
    return [Part(match.start(), match.end(2), low), group(match, 3, "到"), Part(match.start(4), match.end(), high)]


def _year(match: re.Match[str]) -> Reading:
    return digits(match[1])


DATES = [
    rule("date", rf"{START}(?P<year>\d{{4}})[-/.](?P<month>\d{{1,2}})[-/.](?P<day>\d{{1,2}}){END}日?", _date, "-/."),
    rule(
        "year",
        rf"{START}([12]\d{{3}})年?(\s?{DASH}\s?|到|至)([12]\d{{3}})(?=年)",
        lambda m: [
            Part(m.start(), m.end(1), digits(m[1])),
            Part(m.end(1), m.start(3), "到"),
            group(m, 3, digits(m[3])),
        ],
        "年",
    ),
    rule(
        "year",
        rf"{START}(?<!前)([12]\d{{3}})(?=年(?![级級]|的?[时時][间間])|[财財]年|[学學]年|[赛賽]季)",
        _year,
        "年赛賽",
    ),
    rule("time", r"(?<=[点點时時])(\d{1,2})(?=分(?![之钟鐘]))", lambda m: number(m[1]), "分"),
    rule(
        "range",
        rf"(?<=[周週期拜])[一二三四五六日天](?P<to>\s?{DASH}\s?)(?=(?:[周週]|星期|[礼禮]拜)?[一二三四五六日天](?![\u4e00-\u9fff]?月))",
        lambda m: [group(m, "to", "到")],
        "-~\u2010\u2011\u2012\u2013\u2014\u2015\u2212\uff5e\u301c",
    ),
    rule(
        "range",
        rf"(?<=[年月日号號点點时時分岁歲元块塊米里斤克度])(?P<to>\s?{DASH}\s?)(?=[\d一二三四五六七八九十两兩])",
        lambda m: [group(m, "to", "到")],
        "-~\u2010\u2011\u2012\u2013\u2014\u2015\u2212\uff5e\u301c",
    ),
    rule("decade", rf"{START}(\d0)(?=[后後])", _year, "后後"),
    rule("time", rf"{START}(\d{{1,2}})[:：](\d\d)(\s?{DASH}\s?|到|至)(\d{{1,2}})[:：](\d\d){END}", _time_range, ":："),
    rule("time", rf"{START}(\d{{1,2}})[:：](\d\d){END}(?![:：])", _time, ":："),
]

# Telephone and other numbers that are named digit by digit


def _phone(match: re.Match[str]) -> Reading:
    return digits(match.group(), "幺")


_CUE = (
    "(?<=打)|(?<=[拨撥])|(?<=[电電][话話]是)|(?<=[电電][话話])|(?<=[热熱][线線])|(?<=[报報]警)|(?<=[号號][码碼]是)|"
    "(?<=[热熱][线線]是)"
)
_CODE = (
    "(?<=密[码碼]是)|(?<=密[码碼])|(?<=[验驗][证證][码碼])|(?<=[验驗][证證][码碼]是)|(?<=房[间間][号號]是)|"
    "(?<=房[间間][号號])|(?<=房[间間])|(?<=[账帳][号號]是)|(?<=[编編][号號]是)|(?<=[编編][号號])|(?<=[邮郵][编編])|"
    "(?<=[邮郵][编編]是)"
)
PHONES = [
    rule("phone", rf"{START}(?:\+?86[- ]?)?1[3-9]\d[- ]?\d{{4}}[- ]?\d{{4}}{END}", _phone, "1"),
    rule("phone", rf"{START}0\d{{2,3}}[- ]\d{{7,8}}{END}", _phone, "0"),
    rule("phone", rf"{START}[48]00[- ]?\d{{3}}[- ]?\d{{4}}{END}", _phone, "0"),
    rule("phone", rf"(?:{_CUE})\d{{3,11}}{END}", _phone, DIGITS),
    rule("digits", rf"{START}\d{{3,4}}(?=室|[号號]房)", lambda m: digits(m.group()), "室房"),
    rule("digits", rf"(?:{_CODE})\d+{END}", lambda m: digits(m.group()), DIGITS),
]
