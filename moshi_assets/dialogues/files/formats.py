"""Detection of a file's format by its first bytes; tables as text also by their name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO

from ...names import without_compression
from ..forms.mapping import InputSettings
from ..forms.names import ASSISTANT_FIELDS, LIST_FIELDS, TEXT_FIELDS, plain
from .arrow_rows import ARROW_FILE, ARROW_STREAM, PARQUET, arrow_records
from .csv_rows import csv_records, delimiter_of
from .faults import DamagedFile
from .json_lines import Record, json_lines
from .json_values import json_values
from .opening import in_utf8, is_compressed, open_decompressed

_HEAD = 2**16
_OPEN_ENDS = (b"{", b"[", b",", b":")
_SEPARATOR_LINE = len("sep=;")
_TABLE_ENDINGS = {".csv": None, ".tsv": "\t", ".tab": "\t"}


def file_records(path: Path, mapping: InputSettings, number: int = 0) -> Iterator[Record]:
    """Records of one file, of any kind.

    Args:
        path: the file.
        mapping: names of fields that the recipe gives, for tables.
        number: of the record before the first.

    Raises:
        ForeignFileError, OSError: it cannot be opened or read.
        DamagedFile: it is broken, or of a kind that is not read.
    """
    with open_decompressed(path) as raw:
        head = raw.peek(8)  # type: ignore[attr-defined]
        for magic in (PARQUET, ARROW_FILE, ARROW_STREAM):
            if head.startswith(magic):
                if is_compressed(raw):
                    raise DamagedFile("it is a compressed table: unpack it (Parquet and Arrow are compressed inside)")
                yield from arrow_records(path, magic, mapping, number)
                return
        yield from _text_records(in_utf8(raw), path, mapping, number)


@contextmanager
def _text(path: Path) -> Iterator[BinaryIO]:
    """The text of a file from its beginning, in UTF-8."""
    with open_decompressed(path) as raw:
        yield in_utf8(raw)


def _text_records(stream: BinaryIO, path: Path, mapping: InputSettings, number: int) -> Iterator[Record]:
    head = stream.peek(_HEAD)[:_HEAD].lstrip()  # type: ignore[attr-defined]
    first, _, rest = head.partition(b"\n")
    first, rest = first.rstrip(), rest.lstrip()
    ending = Path(without_compression(path.name)).suffix.lower()
    is_json = head[:1] in (b"{", b"[")
    if ending in _TABLE_ENDINGS and first[:4].lower() == b"sep=" and len(first) == _SEPARATOR_LINE:
        stream.readline()  # in which spreadsheets tell the separator
        yield number + 1, b"", None
        yield from csv_records(stream, chr(first[-1]), mapping, number + 1, 1, partial(_text, path))
        return
    is_table = ending in _TABLE_ENDINGS or (rest[:1] not in (b"{", b"[") and _is_header(first, mapping))
    if is_table and not is_json:
        delimiter = _TABLE_ENDINGS.get(ending) or delimiter_of(first)
        yield from csv_records(stream, delimiter, mapping, number, 0, partial(_text, path))
        return
    # A line that is a list may be a dialogue; a file that is one list holds many.
    is_list = head[:1] == b"[" and not (first.endswith(b"]") and rest[:1] == b"[")
    # An object over several lines goes on with a name or its end, and no line of JSONL begins so.
    goes_on = first.endswith(b"},") or (
        first.endswith(_OPEN_ENDS) and (rest[:1] in (b'"', b"}") or (first.endswith(b"[") and rest[:1]))
    )
    yield from json_values(stream, number) if is_json and (is_list or goes_on) else json_lines(stream, number)


def _is_header(line: bytes, mapping: InputSettings) -> bool:
    """Whether a line names columns of a dialogue, for a table whose file name does not show the format."""
    cells = line.decode("utf-8", "replace").split(delimiter_of(line))
    names = {plain(cell.strip('"')) for cell in cells}
    mapped = {plain(name) for name in (mapping.text, mapping.assistant_text, mapping.turns) if name}
    return len(cells) > 1 and bool(names & {*TEXT_FIELDS, *ASSISTANT_FIELDS, *LIST_FIELDS, *mapped})
