"""Mandarin number words, in simplified characters."""

from __future__ import annotations

from functools import lru_cache

DIGITS = "零一二三四五六七八九"
_PLACES = ("", "十", "百", "千")
_SCALES = ("", "万", "亿", "万亿", "亿亿")
MOST_DIGITS = 4 * len(_SCALES)


@lru_cache(maxsize=4096)
def cardinal(number: int) -> str:
    """2005 -> "两千零五", 12 -> "十二", 205 -> "二百零五"."""
    if number < 10:
        return DIGITS[number]
    groups, words, gap = [], "", False
    while number:
        number, low = divmod(number, 10_000)
        groups.append(low)
    for power in range(len(groups) - 1, -1, -1):
        group = groups[power]
        if not group:
            gap = bool(words)
            continue
        if words and (gap or group < 1000):
            words += "零"
        words += ("两" if group == 2 and power else _below_ten_thousand(group)) + _SCALES[power]
        gap = False
    return words.removeprefix("一") if words.startswith("一十") else words


def _below_ten_thousand(number: int) -> str:
    words, gap = "", False
    for place in (3, 2, 1, 0):
        digit = number // 10**place % 10
        if not digit:
            gap = bool(words)
            continue
        words += "零" if gap else ""
        words += ("两" if digit == 2 and place == 3 else DIGITS[digit]) + _PLACES[place]
        gap = False
    return words


def digits(text: str, one: str = "一") -> str:
    """Digit by digit; whatever is no digit is passed over."""
    return "".join(one if sign == "1" else DIGITS[int(sign)] for sign in text if sign in "0123456789")


def number(text: str) -> str:
    """A written number: thousands separators, a decimal part, a sign, leading zeros."""
    text = text.replace(",", "").replace("，", "").strip()
    sign, text = ("负", text[1:]) if text[0] in "-\u2212" else ("", text)
    whole, _, part = text.partition(".")
    if len(whole) > MOST_DIGITS or (len(whole) > 1 and whole[0] == "0" and not part):
        words = digits(whole)
    else:
        words = cardinal(int(whole or "0"))
    return f"{sign}{words}{'点' + digits(part) if part else ''}"


def counted(text: str) -> str:
    """A number before a measure word: a lone 2 is 两."""
    return "两" if text == "2" else number(text)
