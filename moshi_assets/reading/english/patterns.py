"""What English numbers look like, alone and as a range."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..rules import Part, group
from .numbers import number
from .terms import MONTH_NAMES, MONTHS

DIGITS = "0123456789"
DASH = "[-\u2010-\u2015\u2212~]"
START = r"(?<![\w,])(?<!(?<!\.)\.)"
"""No number begins within a word or another number; after "..." one may."""
END = r"(?![\w])(?![.,]\d)"
_GROUPS = (
    r"\d{1,3}(?:\.\d{3})+,\d{1,2}(?![\d,])",  # Europe
    r"\d{1,3}(?:\.\d{3}){2}(?![\d.]*\d)",
    r"\d{1,3}(?:,\d{3})+",
    r"\d{1,2}(?:,\d\d)+,\d{3}(?!\d)",  # India
    r"\d{1,3}(?:['\u2019]\d{3})+(?!\d)",  # Switzerland
    r"\d{1,3}(?: \d{3}){2,}(?![\d ]*\d)",  # the international way
    r"\d{1,3} \d{3}(?=\s?[\u20ac\u00a3$]|\s?(?:EUR|USD|GBP)\b)",
)
PLAIN_NUMBER = rf"(?:{'|'.join(_GROUPS)}|\d+)(?:\.\d+)?"
NUMBER = rf"(?:{PLAIN_NUMBER}|(?<![\d.])\.\d+)"
SIGNED = rf"(?:(?<![\w)\]%\u00b0])[-\u2212])?{NUMBER}"
RANGE = rf"(?P<low>{SIGNED})(?P<to>\s?{DASH}\s?)(?P<high>{NUMBER})"
ONE_OR_TWO = rf"(?P<low>{SIGNED})(?:(?P<to>\s?{DASH}\s?)(?P<high>{NUMBER}))?"
AM_PM = r"(?:\s?(?P<half>[AaPp])\.?[Mm]\b\.?)"
MONTH = "|".join([*MONTH_NAMES, *(short.capitalize() for short in MONTHS)])


def alternatives(words: Iterable[str]) -> str:
    """A pattern that matches any of the words, the longest first."""
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


def amount(match: re.Match[str]) -> list[Part]:
    """A number, or two that make a range, as parts."""
    low = match["low"]
    parts = [group(match, "low", number(low))]
    if match["high"]:
        parts += [group(match, "to", "to"), group(match, "high", number(match["high"]))]
    return parts


def is_one(match: re.Match[str]) -> bool:
    """Whether the amount is a single one, so that its unit is singular."""
    return match["low"] == "1" and not match["high"]
