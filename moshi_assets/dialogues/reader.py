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

from indextts.foreign_files import ForeignFileError, open_regular

from .dialogue import Dialogue, Reject, excerpt
from .forms import parse_record

MAX_LINE_BYTES = 4 * 2**20
"""A longer line is rejected without being held in memory."""
_BUFFER = 2**18
_BLANK_LINES = 64
"""After that many in a row it is worth looking whether only blank ones follow."""
_BOM = b"\xef\xbb\xbf"


class DialogueFileError(ValueError):
    """The dialogue file as a whole cannot be used."""


def read_dialogues(
    path: Path, max_text_chars: int = 2000, max_turns: int = 200, first_name: int = 1
) -> Iterator[Dialogue | Reject]:
    """Stream a dialogue file (UTF-8 with or without BOM, LF or CRLF, gzip by content).

    Blank lines are skipped. Duplicate ids are not looked for here.

    Args:
        path: the file.
        max_text_chars: longest text of a turn, characters.
        max_turns: most turns of a dialogue.
        first_name: number in the id that a record without one gets, if it is the first line's.

    Raises:
        DialogueFileError: missing, unreadable, or a damaged gzip stream (the message says after which line).
    """
    number = 0
    try:
        with _open(path) as stream:
            for number, line, complete in _lines(stream):
                if not complete:
                    yield Reject(number, f"line is longer than {MAX_LINE_BYTES} bytes", excerpt(line))
                elif line and not line.isspace():
                    yield parse_record(number, line, max_text_chars, max_turns, first_name)
    except ForeignFileError as error:
        raise DialogueFileError(f"dialogue file {error}") from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DialogueFileError(
            f"cannot read {path} after line {number}: its gzip stream is cut off or damaged; copy or compress the "
            f"file again"
        ) from error
    except OSError as error:
        raise DialogueFileError(f"cannot read {path} after line {number}: {error.strerror or error}") from error


def filled_lines(path: Path) -> Iterator[tuple[int, bool]]:
    """Number of each line of a dialogue file, from 1, and whether it holds anything. Numbers that are left out are
    blank lines.

    Raises:
        ForeignFileError, OSError, EOFError: as it may happen to a file that was read before.
    """
    with _open(path) as stream:
        for number, line, complete in _lines(stream):
            yield number, not complete or bool(line and not line.isspace())


def _open(path: Path) -> BinaryIO:
    raw = open_regular(path, _BUFFER)
    if raw.peek(2)[:2] == b"\x1f\x8b":
        return io.BufferedReader(gzip.GzipFile(fileobj=raw), _BUFFER)
    return raw


def _lines(stream: BinaryIO) -> Iterator[tuple[int, bytes, bool]]:
    """(number, line, whether it is all there); an over-long line is cut, its rest skipped in pieces. Of many blank
    lines only the last is told.
    """
    number = blank = 0
    while line := stream.readline(MAX_LINE_BYTES + 1):
        complete = len(line) <= MAX_LINE_BYTES or line.endswith(b"\n")
        if not number:
            line = line.removeprefix(_BOM)
        number += 1
        yield number, line, complete
        while not complete:
            rest = stream.readline(MAX_LINE_BYTES)
            complete = not rest or rest.endswith(b"\n")
        blank = blank + 1 if line.isspace() else 0
        if blank >= _BLANK_LINES:
            blank = 0
            if skipped := _skip_blank_lines(stream):
                number += skipped
                yield number, b"\n", True  # the last of them


def _skip_blank_lines(stream: BinaryIO) -> int:
    """Pass over the blank lines that a buffer begins with where it holds nothing else; return how many. Line by line a
    file of them would take minutes.
    """
    skipped = 0
    while (ahead := stream.peek()).isspace() and (end := ahead.rfind(b"\n") + 1):  # type: ignore[attr-defined]
        skipped += ahead.count(b"\n")
        stream.read(end)
    return skipped


def source_state(path: Path) -> list[int] | None:
    """What tells a dialogue file from a later version of it: size and time of its last change (ns); None: not there."""
    try:
        state = path.stat()
    except OSError:
        return None
    return [state.st_size, state.st_mtime_ns]
