"""Fractions, ratios, arithmetic, numbers that are nothing else, addresses and signs."""

from __future__ import annotations

import re

from ..english.addresses import EMAIL, URL, without_scheme
from ..rules import Part, Reading, group, rule
from .numbers import counted, digits, number
from .patterns import DASH, DIGITS, END, MEASURES, PLAIN_NUMBER, SIGNED, START, value

# Addresses

_ADDRESS_SIGNS = {
    ".": "点",
    "/": "斜杠",
    "-": "杠",
    "_": "下划线",
    "@": "艾特",
    "?": "问号",
    "=": "等于",
    "&": "和",
    ":": "冒号",
    "#": "井号",
}


def _address(match: re.Match[str]) -> Reading:
    pieces = re.findall(r"\d+|[A-Za-z]+|.", without_scheme(match.group()))
    return "".join(_ADDRESS_SIGNS.get(piece) or (digits(piece) if piece.isdecimal() else piece) for piece in pieces)


_URL = URL.replace(r"[^\s<>", r"[^\s\u3000-\u9fff\uff00-\uffef<>")
ADDRESSES = [
    rule("url", _URL, _address, ".:", re.ASCII),
    rule("e-mail", EMAIL, _address, "@", re.ASCII),
]


# Fractions, ratios, arithmetic

_UNICODE_FRACTIONS = {
    "½": "二分之一",
    "¼": "四分之一",
    "¾": "四分之三",
    "⅓": "三分之一",
    "⅔": "三分之二",
    "⅛": "八分之一",
}
_OPERATORS = {
    "+": "加",
    "＋": "加",
    "-": "减",
    "\u2212": "减",
    "×": "乘",
    "*": "乘",
    "x": "乘",
    "÷": "除以",
    "=": "等于",
    "＝": "等于",
    ">": "大于",
    "<": "小于",
    "＞": "大于",
    "＜": "小于",
    "≥": "大于等于",
    "≤": "小于等于",
    "≈": "约等于",
    "≠": "不等于",
}


def _sum(match: re.Match[str]) -> Reading:
    if not re.search(r"[+＋×÷=＝*<>＜＞≥≤≈≠]|\sx\s", match.group()):
        return None
    parts = []
    for each in re.finditer(
        rf"(?P<number>(?:^[-\u2212]|(?<=[=<>(])\s?-)?{PLAIN_NUMBER})|(?P<operator>\S)", match.group()
    ):
        spoken = number(each["number"]) if each["number"] else _OPERATORS[each["operator"]]
        parts.append(Part(match.start() + each.start(), match.start() + each.end(), spoken))
    return parts


_OPERATOR = "[" + re.escape("".join(_OPERATORS)) + "]"
PAIRS = [
    rule("idiom", rf"{START}24/7{END}", lambda m: "二十四七", "/"),
    rule("idiom", rf"{START}50/50{END}", lambda m: "五十对五十", "/"),
    rule("fraction", rf"{START}(\d+)/(\d+){END}(?!/)", lambda m: f"{number(m[2])}分之{number(m[1])}", "/"),
    rule("sum", rf"{START}(7)\s?[x×*]\s?(24)(?=小[时時])", lambda m: "七乘二十四", "7"),
    rule(
        "fraction",
        f"[{''.join(_UNICODE_FRACTIONS)}]",
        lambda m: _UNICODE_FRACTIONS[m.group()],
        "".join(_UNICODE_FRACTIONS),
    ),
    rule("ratio", rf"{START}(\d+)[:：](\d+){END}", lambda m: f"{number(m[1])}比{number(m[2])}", ":："),
    rule("score", rf"(?<=比分)(是|为)?(\d+)-(\d+){END}", lambda m: f"{m[1] or ''}{number(m[2])}比{number(m[3])}", "-"),
    rule(
        "score",
        rf"{START}(\d{{1,3}})-(\d{{1,3}})(?=结束|結束|获胜|獲勝|取胜|取勝|战胜|戰勝|击败|擊敗|领先|領先|落后|落後|战平|戰平|大胜|大勝|险胜|險勝|告负|告負|[输輸]|[赢贏])",
        lambda m: f"{number(m[1])}比{number(m[2])}",
        "-",
    ),
    rule(
        "sign",
        rf"(?<![A-Za-z0-9.])-?{PLAIN_NUMBER}(?:\s?{_OPERATOR}\s?-?{PLAIN_NUMBER})+{END}",
        _sum,
        "+＋×÷=＝*x<>＜＞≥≤≈≠",
    ),
]

# Other numbers


def _range(match: re.Match[str]) -> Reading:
    low = (
        "两"
        if match[1] == "2" and value(match, 3) != "二" and match.string[match.end() : match.end() + 1] in MEASURES
        else number(match[1])
    )
    return [group(match, 1, low), group(match, 2, "到"), Part(match.start(3), match.end(3), value(match, 3))]


def _mixed(match: re.Match[str]) -> Reading:
    words = ""
    for piece in re.findall(r"\d+(?:\.\d+)?|[A-Za-z]+|-", match.group()):
        if not piece[0].isdecimal():
            words += "杠" if piece == "-" else piece
        else:
            words += digits(piece) if len(piece) > 2 and "." not in piece else number(piece)
    return words


def _version(match: re.Match[str]) -> Reading:
    return "点".join(number(part) for part in match.group().split("."))


NUMBERS = [
    rule("version", rf"{START}\d+(?:\.\d+){{2,}}(?![0-9A-Za-z])", _version, "."),
    rule(
        "ordinal",
        rf"(?<=第)(\d+)(?:({DASH})(\d+))?",
        lambda m: number(m[1]) + (f"到{number(m[3])}" if m[3] else ""),
        "第",
    ),
    rule(
        "measure",
        r"(?<![A-Za-z0-9.])(\d+)(米|块|塊)(\d{1,2})(?![0-9])(?!米|块|塊|毛|角|[百千万萬])",
        lambda m: f"{counted(m[1])}{m[2]}{digits(m[3])}",
        "米块塊",
    ),
    rule(
        "range",
        r"(?<![0-9、])([1-9])、([1-9])(?=[个個只隻张張本天年周週人次米斤元块塊小月])",
        lambda m: ("两" if m[1] == "2" else number(m[1])) + number(m[2]),
        "、",
    ),
    rule("digits", rf"{START}\d{{8,}}(?![0-9A-Za-z.,]|[{MEASURES}])", lambda m: digits(m.group()), DIGITS),
    rule("range", rf"{START}({SIGNED})(\s?{DASH}\s?)({PLAIN_NUMBER}){END}(?!-\d)", _range, DIGITS),
    rule("number", rf"{START}{SIGNED}(?![0-9A-Za-z])", value, DIGITS),
    rule("mixed", r"(?<![A-Za-z0-9])(?=[A-Za-z0-9-]*\d)[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*", _mixed, DIGITS),
    rule("number", r"\d+", lambda m: digits(m.group()), DIGITS),
]

_SIGNS = {
    "&": "和",
    "+": "加",
    "=": "等于",
    "%": "百分之",
    "＋": "加",
    "≥": "大于等于",
    "≤": "小于等于",
    "≈": "约等于",
    "×": "乘",
    "÷": "除以",
    "@": "艾特",
}
WORDS = [
    rule("capitals", r"(?<![A-Za-z])[B-DF-HJ-NP-TV-XZ]{2,}(?![A-Za-z])", lambda m: " ".join(m.group())),
    rule("hashtag", "#(?=[^\\s#]+#?)|(?<=[^\\s#])#", lambda m: [Part(*m.span(), "")], "#"),
    rule("sign", rf"[{re.escape(''.join(_SIGNS))}]", lambda m: _SIGNS[m.group()]),
]
