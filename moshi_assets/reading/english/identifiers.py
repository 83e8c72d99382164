"""English numbers that name a thing, said digit by digit: telephones, accounts, ISBNs, machines, aircraft."""

from __future__ import annotations

import re

from ..rules import Part, Reading, group, rule
from .numbers import cardinal, digits, in_pairs
from .patterns import DASH, DIGITS, END, START

# Telephone numbers: groups of digits, one by one.


def _phone(match: re.Match[str]) -> Reading:
    groups = re.findall(r"\d+", match.group())
    words = ", ".join("eight hundred" if each == "800" else digits(each) for each in groups)
    return f"plus {words}" if match.group().startswith("+") else words


_PHONE_CUE = r"(?i:\b(?:call|dial|ring|phone|text|emergency(?:\s+call)?|number is)\s+)"
_PHONES = [
    rule("phone", r"(?<![\w.,+])(?<!\d )0\d{2,4}(?: \d{3,6}){1,3}(?!\w|[.,]\d)", _phone, "0"),
    rule(
        "phone",
        r"(?<![\w.-])1-(8\d\d)-([A-Z]{4,8})\b",
        lambda m: [
            Part(m.start(), m.end(1), f"one, {'eight hundred' if m[1] == '800' else digits(m[1])}"),
            Part(m.end(1), m.end(), m[2].lower()),
        ],
        "8",
    ),
    rule("phone", r"(?<![\w.])\+\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d{1,4}(?:[ .-]\d{2,8}){1,4}(?!\w)", _phone, "+"),
    rule("phone", r"(?<![\w.])(?:1[ .-])?\(\d{3}\)\s?\d{3}[ .-]\d{4}(?!\w)", _phone, "("),
    rule("phone", r"(?<![\w.-])(?:1[ .-])?(?:\d{3}[.-])?\d{3}[.-]\d{4}(?![\w-])", _phone, DIGITS),
    rule(
        "phone",
        rf"{START}([2-9]\d{{2}})(\d{{3}})(\d{{4}}){END}(?!\s(?:people|[a-z]+s)\b)",
        lambda m: None if m.group().endswith("0000") else ", ".join(digits(each) for each in m.groups()),
        DIGITS,
    ),
    rule("phone", rf"{START}911{END}(?!\s?{DASH}\s?\d)", _phone, "9"),
    rule("phone", rf"(?<={'call '})(\d{{3}})\b(?![-.,]\d)", _phone, DIGITS, re.IGNORECASE),
    *(
        rule("phone", rf"(?<=\b{cue} )(\d{{3}}|\d{{5,11}})\b(?![-.,]\d)(?!\s+[a-z]+s\b)", _phone, DIGITS, re.IGNORECASE)
        for cue in ("call", "dial", "ring", "phone", "text")
    ),
]

# Numbers after a word that says what they name


def _named(match: re.Match[str]) -> Reading:
    """Group by group; what is not long is a number like others: "case 12"."""
    if len(re.sub(r"\D", "", match["number"])) < 4:
        return None
    groups = re.findall(r"\d+", match["number"])
    return [group(match, "number", ", ".join(digits(each, "zero") for each in groups))]


_NAMED = (
    r"ISBN(?:-1[03])?|ISSN|zip(?: ?code)?|postal code|postcode|PIN(?: code| number)?|SSN|passcode|"
    r"(?:account|tracking|serial|order|case|confirmation|reference|ref|booking|reservation|routing|policy|invoice|ticket|card|"
    r"phone|fax|license|licence|model|part|customer|member|membership|student|employee|patient|passport|security|verification|"
    r"access|area|gift|badge|flight|docket|claim|credit card|social security)\s(?:number|no\.?|code|id|#)"
)


def _spelled(text: str) -> str:
    """Sign by sign: letters as letters, digits as digits."""
    return " ".join(digits(sign, "zero") or sign.upper() for sign in text if sign.isalnum())


def _uuid(match: re.Match[str]) -> Reading:
    return ", ".join(_spelled(each) for each in re.split(r"[-:]", match.group()))


def _machine(match: re.Match[str]) -> Reading:
    """192.168.1.1:8080 and 10.0.0.0/8."""
    address = " dot ".join(digits(part, "zero") for part in match["address"].split("."))
    if match["port"]:
        return f"{address} colon {digits(match['port'], 'zero')}"
    return f"{address} slash {cardinal(int(match['bits']))}"


def _aircraft(match: re.Match[str]) -> Reading:
    return [
        group(match, "model", in_pairs(match["model"])),
        *([Part(match.end("model"), match.end(), in_pairs(match["series"]))] if match["series"] else []),
    ]


IDENTIFIER_RULES = [
    rule("digits", r"(?<![\w-])[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?![\w-])", _uuid, "-"),
    rule(
        "digits",
        r"(?<![\w:])(?=[\d:]*[A-Fa-f])[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){2,7}(?![\w:])",
        lambda m: " ".join(_spelled(each) for each in m.group().split(":")),
        ":",
    ),
    rule(
        "digits",
        rf"{START}(?P<address>\d{{1,3}}(?:\.\d{{1,3}}){{3}})(?::(?P<port>\d{{1,5}})|/(?P<bits>\d{{1,2}}))(?!\w)",
        _machine,
        ".",
    ),
    rule(
        "digits",
        rf"(?i:\b(?:{_NAMED}))(?:\s(?:is|was|are)|:)?(?:\s#?|#)(?P<number>\d(?:[\d -]*\d)?)(?![\w-])(?![.,:]\d)",
        _named,
        DIGITS,
    ),
    rule(
        "letters and digits",
        rf"\b(?:Boeing|Airbus)\s(?:A(?=\d))?(?P<model>\d{{3}})(?:-(?P<series>\d{{2,4}}))?{END}",
        _aircraft,
        "BA",
    ),
    *_PHONES,
]
