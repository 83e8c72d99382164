"""JSON Lines: one object a line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

MAX_LINE_BYTES = 4 * 2**20
"""A longer record is rejected without being held in memory."""
TOO_LONG = f"is longer than {MAX_LINE_BYTES} bytes"
Record = tuple[int, bytes, str | None]
"""Number from 1, JSON, and the reason why it cannot be used (None if it can). A record of white space is blank."""
_BLANK_LINES = 64
"""After so many blank lines in a row the reader checks whether only blank ones follow."""


def json_lines(stream: BinaryIO, number: int = 0) -> Iterator[Record]:
    """The lines of a file; an over-long one is cut, its rest skipped in pieces. Of many blank lines only the last is
    reported.

    Args:
        stream: UTF-8 without a byte order mark.
        number: of the record before the first.
    """
    blank = 0
    while line := stream.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(line) <= MAX_LINE_BYTES or line.endswith(b"\n"):
            yield number, line, None
        else:
            yield number, line, f"line {TOO_LONG}"
            while (rest := stream.readline(MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
                pass
        blank = blank + 1 if line.isspace() else 0
        if blank >= _BLANK_LINES:
            blank = 0
            if skipped := _skip_blank_lines(stream):
                number += skipped
                yield number, b"\n", None  # the last of them


def _skip_blank_lines(stream: BinaryIO) -> int:
    """Pass over the blank lines that a buffer begins with where it holds nothing else; return how many. Line by line a
    file of them would take minutes.
    """
    skipped = 0
    while (ahead := stream.peek()).isspace() and (end := ahead.rfind(b"\n") + 1):  # type: ignore[attr-defined]
        skipped += ahead.count(b"\n")
        stream.read(end)
    return skipped
