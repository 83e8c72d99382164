"""English number words, American style: no "and", no hyphens ("one hundred twenty three")."""

from __future__ import annotations

import re
from functools import lru_cache

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TEENS = (
    *DIGITS,
    *("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SCALES = ("", "thousand", "million", "billion", "trillion", "quadrillion", "quintillion")
_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
MOST_DIGITS = 3 * len(_SCALES)
"""A longer number is read digit by digit."""


@lru_cache(maxsize=4096)
def cardinal(number: int) -> str:
    """The words of a whole number, 0 <= number < 10**21."""
    if number < 1000:
        return _below_thousand(number)
    words: list[str] = []
    for power in range(len(_SCALES) - 1, -1, -1):
        group, number = divmod(number, 1000**power)
        if group:
            words.append(f"{_below_thousand(group)} {_SCALES[power]}".rstrip())
    return " ".join(words)


def _below_thousand(number: int) -> str:
    hundreds, rest = divmod(number, 100)
    words = [DIGITS[hundreds], "hundred"] if hundreds else []
    if rest >= 20:
        words.append(_TENS[rest // 10])
        rest %= 10
        words += [DIGITS[rest]] if rest else []
    elif rest or not words:
        words.append(_TEENS[rest])
    return " ".join(words)


def ordinal(number: int) -> str:
    """21 -> "twenty first"."""
    head, space, last = cardinal(number).rpartition(" ")
    if last in _ORDINALS:
        last = _ORDINALS[last]
    else:
        last = f"{last[:-1]}ie" if last.endswith("y") else last
        last += "th"
    return f"{head}{space}{last}"


def plural(words: str) -> str:
    """The last word made plural: "twenty" -> "twenties", "third" -> "thirds"."""
    if words.endswith("y"):
        return f"{words[:-1]}ies"
    return f"{words}es" if words.endswith(("x", "s")) else f"{words}s"


def year(number: int) -> str:
    """1905 -> "nineteen oh five", 2008 -> "two thousand eight", 2026 -> "twenty twenty six"."""
    century, rest = divmod(number, 100)
    if not 1000 <= number < 10_000 or (century % 10 == 0 and rest < 10):
        return cardinal(number)
    if not rest:
        return f"{cardinal(century)} hundred"
    return f"{cardinal(century)} {f'oh {DIGITS[rest]}' if rest < 10 else cardinal(rest)}"


def in_pairs(text: str) -> str:
    """As models and houses are named: "747" -> "seven forty seven", "9700" -> "ninety seven hundred"."""
    if len(text) == 3 and text[0] != "0" and text[1:] != "00":
        return f"{DIGITS[int(text[0])]} {f'oh {DIGITS[int(text[2])]}' if text[1] == '0' else cardinal(int(text[1:]))}"
    return year(int(text))


def digits(text: str, zero: str = "oh") -> str:
    """Digit by digit; whatever is no digit is passed over."""
    return " ".join(zero if sign == "0" else DIGITS[int(sign)] for sign in text if sign in "0123456789")


_GROUPED = re.compile(r"(?P<whole>\d{1,3}(?:\.\d{3})+),(?P<part>\d{1,2})|\d{1,3}(?:\.\d{3}){2,}")
"""Written as in Europe: 5.000,50 and 1.000.000."""


def ungrouped(text: str) -> str:
    """A written number without the signs between its thousands: 1,000 and 1'000 and 1.000.000 and 1 000 000."""
    if _GROUPED.fullmatch(text):
        return text.replace(".", "").replace(",", ".")
    return re.sub(r"[,'\u2019\s]", "", text)


def number(text: str) -> str:
    """The words of a written number: thousands separators, a decimal part, leading zeros, a sign."""
    text = text.strip()
    if text[0] in "-\u2212":
        return f"minus {number(text[1:])}"
    text = ungrouped(text)
    whole, point, part = text.partition(".")
    if len(whole) > MOST_DIGITS or (len(whole) > 1 and whole[0] == "0" and not point):
        words = digits(whole, "zero")
    else:
        words = cardinal(int(whole or "0"))
    point_words = f" point {digits(part, 'zero')}" if part else ""
    return f"{words}{point_words}"
