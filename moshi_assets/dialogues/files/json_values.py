"""A JSON array of records, or records that each span several lines.

Only where each record ends is found here; what is in it is the business of the parser that reads lines too. So a record
means the same in an array and on a line, and one that is no JSON costs itself alone: streaming parsers give up at the
first fault (Python's own `json.dump` writes NaN), or put a sign of their own in the place of half a character.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from ..dialogue import EXCERPT_BYTES
from .faults import DamagedFile
from .json_lines import MAX_LINE_BYTES, TOO_LONG, Record

_CHUNK = 2**16
_BETWEEN = b" \t\r\n,"
_SIGN = re.compile(rb'["\[\]{},]')
_IN_TEXT = re.compile(rb'["\\]')


def json_values(stream: BinaryIO, before: int = 0) -> Iterator[Record]:
    """The elements of an array, and objects that stand one after another.

    Args:
        stream: UTF-8 without a byte order mark.
        before: number of the record before the first.

    Raises:
        DamagedFile: the file ends before its array does.
    """
    for number, (content, whole) in enumerate(_values(stream), before + 1):
        yield number, content, None if whole else f"record {TOO_LONG}: each dialogue is a record of its own"


def _values(stream: BinaryIO) -> Iterator[tuple[bytes, bool]]:
    """Every value and whether it is all there: of an over-long one only the beginning is."""
    value = _Value()
    in_array = in_text = False
    depth = 0  # of brackets, the array's own not counted
    while chunk := stream.read(_CHUNK):
        begin = place = 0  # of the value, and of the search
        while found := (_IN_TEXT if in_text else _SIGN).search(chunk, place):
            sign, place = found.group(), found.end()
            if sign == b'"':
                in_text = not in_text
            elif sign == b"\\":
                if place == len(chunk):  # what it escapes is in the next chunk
                    chunk += stream.read(1)
                place += 1
            elif sign == b"[" and not in_array and not depth:
                if value.add(chunk[begin : place - 1]):  # something that is no JSON stands before it
                    depth, begin = 1, place - 1
                else:
                    in_array, begin = True, place
            elif sign in b"[{":
                depth += 1
            elif depth and sign != b",":
                depth -= 1
                if not (depth or in_array):
                    value.add(chunk[begin:place])
                    yield value.taken()
                    begin = place
            elif in_array and not depth and sign in b",]":
                if value.add(chunk[begin : place - 1]):
                    yield value.taken()
                in_array, begin = sign == b",", place
        value.add(chunk[begin:])
    if in_array:
        raise DamagedFile("its JSON array does not end: the file is cut off")
    if value:
        yield value.taken()


class _Value:
    """The part of one value that was read so far."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._length = 0

    def __bool__(self) -> bool:
        return bool(self._length)

    def add(self, part: bytes) -> bool:
        """Append a part; return whether the value has begun, so that there is more than white space and commas."""
        if not self._length:
            part = part.lstrip(_BETWEEN)
        if part:
            if self._length <= MAX_LINE_BYTES:
                self._parts.append(part)
            self._length += len(part)
        return bool(self._length)

    def taken(self) -> tuple[bytes, bool]:
        """Return the value, or the beginning of one that is too long, and whether it is complete; begin the next."""
        content, whole = b"".join(self._parts), self._length <= MAX_LINE_BYTES
        self._parts, self._length = [], 0
        return (content, True) if whole else (content[:EXCERPT_BYTES], False)
