"""The streaming reader of dialogue files: every record becomes a Dialogue or a Reject, in constant memory.

A bad record is a `Reject`, never an exception: it stops nothing and is not lost.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from .dialogue import Dialogue, Reject
from .files.faults import DialogueFileError
from .files.json_lines import MAX_LINE_BYTES
from .files.records import SourceRecords
from .files.sources import source_state
from .forms import AS_USUAL, MAX_DIALOGUE_CHARS, InputSettings, faulty_record, parse_record
from .longest import Longest

__all__ = [
    "MAX_LINE_BYTES",
    "DialogueFileError",
    "filled_lines",
    "read_dialogues",
    "source_state",
]


def read_dialogues(
    source: str | Path | Sequence[str | Path] | SourceRecords,
    max_text_chars: int = 2000,
    max_turns: int = 200,
    first_name: int = 1,
    mapping: InputSettings = AS_USUAL,
    longest: Longest = "reject",
) -> Iterator[Dialogue | Reject]:
    """Stream the dialogues of files of any known kind (docs/input.md).

    Blank lines are skipped. Duplicate ids are not detected here.

    Args:
        source: a file, a folder or a pattern, or several.
        max_text_chars: longest text of a turn, characters.
        max_turns: most turns of a dialogue.
        first_name: number in the id that a record without one gets, if it is the first line's.
        mapping: names of fields and speakers that the recipe gives.
        longest: what becomes of a longer turn. What is to be split or cut comes whole, for that is done to cleaned
            texts.

    Raises:
        DialogueFileError: a file is missing, unreadable or damaged (the message says after which line).
    """
    limit = max_text_chars if longest == "reject" else MAX_DIALOGUE_CHARS
    if mapping == AS_USUAL:
        mapping = AS_USUAL
    records = source if isinstance(source, SourceRecords) else SourceRecords(source, mapping)
    for number, line, fault in records:
        if fault:
            yield faulty_record(number, line, fault, mapping)
        elif line and not line.isspace():
            yield parse_record(number, line, limit, max_turns, first_name, mapping)


def filled_lines(
    source: str | Path | Sequence[str | Path], mapping: InputSettings = AS_USUAL
) -> Iterator[tuple[int, bool]]:
    """Yield the number of each record of the files, from 1, and whether it holds anything. Skipped numbers are blank
    lines.

    Raises:
        DialogueFileError: as it may happen to a file that was read before.
    """
    for number, line, fault in SourceRecords(source, mapping):
        yield number, bool(fault) or bool(line and not line.isspace())
