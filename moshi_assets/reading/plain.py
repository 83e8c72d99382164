"""Plain turns, nothing but words and punctuation: they are spoken as they are written, and are the most.

Two answers to one question. `is_plain` asks it of one text. `plain_turns` asks it of thousands at once, in Arrow's
regular expressions, and errs to one side only: what it calls plain is plain English by `is_plain` and by
`detect_language`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from .cleaning.tokenised import TOKENISED
from .english.terms import (
    AFTER_NAMES,
    BEFORE_NAMES,
    BEFORE_NUMBERS,
    ROMAN_CARDINAL,
    ROMAN_ORDINAL,
    SHORT_FORMS,
    WEEKDAYS,
)
from .language import FOREIGN_WORDS, may_be_foreign

_SHORT = "|".join(
    re.escape(word.rstrip("."))
    for word in sorted({*AFTER_NAMES, *BEFORE_NAMES, *BEFORE_NUMBERS, *SHORT_FORMS, *WEEKDAYS})
    if word.rstrip(".").replace(" ", "").isalpha()
)
_QUOTES = '"\u201c\u201d'
_PLAIN = {
    "en": re.compile(f"[A-Za-z{_QUOTES[:2]}][A-Za-z ,.!?'\u2019{_QUOTES}\u2014\u2026-]*"),
    "zh": re.compile("[\u4e00-\u9fff，。！？、；“”‘’…—《》]+"),
}
_DASHES = "\u2013\u2014"
_MONTH = "Jan|Feb|Mar|Apr|May|June?|July?|Aug|Sept?|Oct|Nov|Dec"
_NOTABLE_ENGLISH = (
    rf"{TOKENISED}|[A-Z]{{2}}|\w\.\w|xD|--|Ph[Dd]|\b(?:{ROMAN_CARDINAL}|{ROMAN_ORDINAL}) [IVXLC]+\b"
    r"|\b(?:King|Queen|Pope|Emperor|Empress|Tsar|Czar|Kaiser) [A-Z][a-z]+ I\b"
    r"|\b(?:[ABCDFO]|AB)-(?:[ .,!?]|$)"
    rf"|\b(?:{_MONTH}|{'|'.join(WEEKDAYS)})[a-z]*\.?[-{_DASHES}]"
)
_NOTABLE = {
    "en": re.compile(rf"{_NOTABLE_ENGLISH}|\b(?:{_SHORT})(?:\.|\b(?= [A-Z])|(?<=\bvs)|(?<=\baka))"),
    "zh": re.compile("^(?:用户|助手|客服|问|答|系统|机器人|人类|医生|患者|病人|老师|学生|顾客|客户|助理)[：:]"),
}
# The same without what Arrow's expressions lack (looking back and ahead), and with what a dialogue's language hangs on.
_NOT_PLAIN = "|".join(
    (
        "^$",
        f"^[^A-Za-z{_QUOTES[:2]}]",
        f"[^A-Za-z ,.!?'\u2019{_QUOTES}\u2014\u2026-]",
        _NOTABLE_ENGLISH,
        rf"\b(?:{_SHORT})(?:\.| [A-Z])",
        r"\b(?:vs|aka)\b",
        f"(?i:(?:^|[^a-z'])(?:{'|'.join(sorted(filter(str.isascii, FOREIGN_WORDS)))})(?:[^a-z']|$))",
    )
)


def is_plain(text: str, language: str) -> bool:
    """Whether a text holds nothing but words and plain punctuation: the quick answer for most turns."""
    plain = _PLAIN.get(language)
    if plain is None or not plain.fullmatch(text) or _NOTABLE[language].search(text):
        return False
    return language != "en" or not may_be_foreign(text)


def plain_turns(texts: Sequence[str]) -> list[bool]:
    """Whether each of many texts is plain English, and no word of it speaks for another language."""
    return pc.invert(pc.match_substring_regex(pa.array(texts, pa.string()), _NOT_PLAIN)).to_pylist()
