"""The streaming reader of dialogue files: one JSON object a line, in constant memory.

A bad line becomes a `Reject`, never an exception: it stops nothing and is not lost.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from .dialogue import Dialogue, Reject, excerpt
from .record_forms import parse_record

MAX_LINE_BYTES = 4 * 2**20
"""A longer line is rejected without being held in memory."""
_BOM = b"\xef\xbb\xbf"


class DialogueFileError(ValueError):
    """The dialogue file as a whole cannot be used."""


def read_dialogues(path: Path, max_text_chars: int = 2000, max_turns: int = 200) -> Iterator[Dialogue | Reject]:
    """Stream a dialogue file (UTF-8 with or without BOM, LF or CRLF, gzip by content).

    Blank lines are skipped. Duplicate ids are not looked for here.

    Args:
        path: the file.
        max_text_chars: longest text of a turn, characters.
        max_turns: most turns of a dialogue.

    Raises:
        DialogueFileError: missing, unreadable, or a damaged gzip stream (the message says after which line).
    """
    number = 0
    try:
        with _open(path) as stream:
            for number, (line, complete) in enumerate(_lines(stream), 1):
                if not complete:
                    yield Reject(number, f"line is longer than {MAX_LINE_BYTES} bytes", excerpt(line))
                elif line and not line.isspace():
                    yield parse_record(number, line, max_text_chars, max_turns)
    except (EOFError, OSError, zlib.error) as error:
        detail = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise DialogueFileError(f"cannot read {path} after line {number}: {detail}") from error


def _open(path: Path) -> BinaryIO:
    raw = io.BufferedReader(io.FileIO(path), 2**18)
    if raw.peek(2)[:2] == b"\x1f\x8b":
        return io.BufferedReader(gzip.GzipFile(fileobj=raw), 2**18)  # type: ignore[arg-type]
    return raw


def _lines(stream: BinaryIO) -> Iterator[tuple[bytes, bool]]:
    """(line, whether it is all there); an over-long line is cut, its rest skipped in pieces."""
    first = True
    while line := stream.readline(MAX_LINE_BYTES + 1):
        complete = len(line) <= MAX_LINE_BYTES or line.endswith(b"\n")
        if first:
            line, first = line.removeprefix(_BOM), False
        yield line, complete
        while not complete:
            rest = stream.readline(MAX_LINE_BYTES)
            complete = not rest or rest.endswith(b"\n")
