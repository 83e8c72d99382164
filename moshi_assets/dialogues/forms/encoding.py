"""Records that are no UTF-8: which encoding theirs may be, and what to do."""

from __future__ import annotations

import re

_HIGH = re.compile(rb"[\x80-\xff]+")
_COMMON_HANZI = re.compile(rb"[\xb0-\xd7][\xa1-\xfe]|[\xa1-\xa3][\xa1-\xfe]")
"""Level 1 of GB 2312, and its punctuation."""
_HALF_A_CHARACTER = re.compile(rb"\xed[\xa0-\xbf]")
_AROUND = 12


def encoding_fault(record: bytes) -> str | None:
    """Why a record is no text in UTF-8, with the remedy; None: it is UTF-8, or half of a character of UTF-16."""
    try:
        record.decode()
        return None
    except UnicodeDecodeError as error:
        place = error.start
    if _HALF_A_CHARACTER.match(record, place):
        return None
    before, after = record[max(0, place - _AROUND) : place], record[place : place + _AROUND]
    around = (before.rpartition(b'"')[2] + after.partition(b'"')[0]).decode("ascii", "replace").replace("\ufffd", "?")
    encoding = _likely(record)
    remedy = f"; if it is {encoding}: 'iconv -f {encoding} -t utf-8 OLD > NEW'" if encoding else ""
    return f"not UTF-8: byte 0x{record[place]:02x} in {around!r}; save the file as UTF-8{remedy}"


def _likely(record: bytes) -> str | None:
    """The encoding of a text of Windows or of one in Chinese; None: it cannot be told, or the text is damaged UTF-8."""
    runs = _HIGH.findall(record)
    high = sum(map(len, runs))
    if 2 * len(_COMMON_HANZI.findall(b" ".join(runs))) >= 0.8 * high:
        return "gb18030"
    if not record.decode("utf-8", "ignore").isascii():
        return None
    if high > 2 * len(runs):  # not single letters among others, so no language of Western Europe
        return None
    try:
        record.decode("cp1252")
    except UnicodeDecodeError:
        return None
    return "cp1252"
