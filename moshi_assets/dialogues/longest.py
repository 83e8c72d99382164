"""Handling of turns that are longer than `max_text_chars`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal

from .forms.limits import letter_or_digit

Longest = Literal["reject", "split", "cut"]
"""The handling of a turn that is too long: reject its dialogue, split it into turns of its speaker, or cut it at the
limit.
"""
_CLOSING = r"""["'\u2019\u201d\u00bb)\]\u300d\u300f\uff09\u300b]*"""
_ABBREVIATIONS = "Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|vs|No|Nos|approx|e\\.g|i\\.e|[A-Z]"
# Where a part of a text ends: after a sentence, after a clause, after a word.
_SENTENCE = re.compile(rf"(?:[.!?\u2026]+{_CLOSING}(?=\s)|[\u3002\uff01\uff1f]+{_CLOSING})\s*|\n\s*")
_CLAUSE = re.compile(rf"[,;:]{_CLOSING}\s+|\s[\u2013\u2014-]\s+|[\uff0c\uff1b\uff1a\u3001]{_CLOSING}\s*")
_WORD = re.compile(r"\s+")
_ENDS = (_SENTENCE, _CLAUSE, _WORD)
_SHORT_FORM = re.compile(rf"(?:^|[\s(\"'])(?:{_ABBREVIATIONS})\.\s*$")


def pieces(text: str, limit: int) -> list[str]:
    """Split a text into pieces of at most `limit` characters, each as long as possible: at sentence ends, a longer
    sentence at its commas, a longer clause between its words, a longer word anywhere.

    A piece without letters and digits (a row of dashes) is left out.
    """
    parts = (part.strip() for part in _packed(text, limit, _ENDS))
    return [part for part in parts if letter_or_digit(part)]


def _packed(text: str, limit: int, ends: Sequence[re.Pattern[str]]) -> Iterator[str]:
    """Join the parts of a text into pieces up to the limit; split parts that are too long themselves."""
    if not ends:
        yield from (text[begin : begin + limit] for begin in range(0, len(text), limit))
        return
    held = ""
    for part in _parts(text, ends[0]):
        if len((held + part).strip()) <= limit:
            held += part
            continue
        if held:
            yield held
        if len(part.strip()) <= limit:
            held = part
        else:
            *full, held = _packed(part, limit, ends[1:])
            yield from full
    if held:
        yield held


def _parts(text: str, end: re.Pattern[str]) -> Iterator[str]:
    """A text cut behind every match, but not behind a short form or an initial."""
    begin = 0
    for match in end.finditer(text):
        if end is _SENTENCE and _SHORT_FORM.search(text[max(begin, match.end() - 12) : match.end()]):
            continue
        yield text[begin : match.end()]
        begin = match.end()
    if begin < len(text):
        yield text[begin:]
