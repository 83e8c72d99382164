"""All files of a dataset as one stream of records, numbered through."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from pathlib import Path

from indextts.foreign_files import ForeignFileError

from ..dialogue import Reject
from ..forms.mapping import AS_USUAL, InputSettings
from .faults import DamagedFile, DialogueFileError
from .formats import file_records
from .json_lines import Record
from .sources import find_files


def placed(reject: Reject, files: Sequence[tuple[str, int]]) -> Reject:
    """Add to a reject its file and its place in it, if there are several files (see `SourceRecords.files`)."""
    if not files:
        return reject
    name, before = files[max(0, bisect_left(files, reject.line, key=lambda file: file[1]) - 1)]
    return reject._replace(file=name, file_line=reject.line - before)


class SourceRecords:
    """The records of all files of a source."""

    def __init__(self, source: str | Path | Sequence[str | Path], mapping: InputSettings = AS_USUAL) -> None:
        """
        Args:
            source: a file, a folder or a pattern, or several.
            mapping: names of fields that the recipe gives.

        Raises:
            DialogueFileError: it stands for no file.
        """
        self.paths = find_files(source).paths
        self._mapping = mapping
        self._begins: list[int] = []

    @property
    def files(self) -> list[tuple[str, int]]:
        """Name of each opened file and the number of the record before its first; empty for a single file."""
        names = [path.name for path in self.paths]
        return list(zip(names, self._begins, strict=False)) if len(names) > 1 else []

    def __iter__(self) -> Iterator[Record]:
        """Every record, in order.

        Raises:
            DialogueFileError: a file is missing, unreadable or damaged (the message says after which line).
        """
        self._begins, number = [], 0
        for path in self.paths:
            before = number
            self._begins.append(before)
            try:
                for record in file_records(path, self._mapping, before):
                    number = record[0]
                    yield record
            except ForeignFileError as error:
                raise DialogueFileError(f"dialogue file {error}") from error
            except (DamagedFile, OSError) as error:
                told = error.strerror if isinstance(error, OSError) and error.strerror else error
                raise DialogueFileError(f"cannot read {path} after line {number - before}: {told}") from error
