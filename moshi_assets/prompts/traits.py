"""Reads `voices.jsonl`, which describes the recordings beside it: gender, accent and age of the speaker.

    {"file": "anna.wav", "gender": "female", "accent": "Scottish", "age": 34}

The file is foreign: a line that cannot be used is skipped and reported.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple

from indextts.foreign_files import ForeignFileError, open_regular, parse_json, shorten

TRAITS_FILE = "voices.jsonl"
TRAITS = ("gender", "accent", "age")
MAX_LINE_BYTES = 10_000
MAX_LINES = 100_000
"""Most lines that are read: ten of the largest pools."""
MAX_CHARACTERS = 60
"""Most characters of a trait."""
MAX_AGE = 120
MAX_PROBLEMS = 100
"""Most problems that are kept; all are counted."""
_NAMES = ("file", "file_name")
_MAX_FIELDS = 20

ProblemKind = Literal["unreadable", "line", "file", "trait", "unknown", "twice"]


class TraitProblem(NamedTuple):
    """A problem with a line, or with the file (line 0)."""

    line: int
    kind: ProblemKind
    told: str
    """The value, or what it should be."""


_SENTENCES: dict[ProblemKind, str] = {
    "unreadable": "cannot be read: {told}",
    "line": "{told}",
    "file": 'names no recording: give its file name as "file"',
    "trait": "{told}",
    "unknown": "there is no file {told} beside it",
    "twice": "{told} was described before: the first line counts",
}


@dataclass
class VoiceTraits:
    """The content of one file."""

    by_name: dict[str, dict[str, str]] = field(default_factory=dict)
    """Traits of each recording, by its file name (NFC)."""
    problems: list[TraitProblem] = field(default_factory=list)
    problem_count: int = 0
    unused: Counter[str] = field(default_factory=Counter)
    """Fields other than `TRAITS`, with the number of lines that have them."""

    def of(self, name: str) -> dict[str, str]:
        """Traits of a recording; empty if none are stated."""
        return self.by_name.get(unicodedata.normalize("NFC", name), {})

    def tell(self, line: int, kind: ProblemKind, told: str = "") -> None:
        """Keep a problem if there is room."""
        self.problem_count += 1
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(TraitProblem(line, kind, told))


def sentence(problem: TraitProblem) -> str:
    """A problem in words, to be appended to the file's name."""
    where = f", line {problem.line}: " if problem.line else " "
    return where + _SENTENCES[problem.kind].format(told=problem.told)


def read_traits(folder: Path) -> VoiceTraits:
    """Read the traits of the recordings in a folder, if there is such a file."""
    traits = VoiceTraits()
    path = folder / TRAITS_FILE
    if not path.exists() and not path.is_symlink():
        return traits
    try:
        with open_regular(path) as file:
            for number, line in enumerate(_lines(file), 1):
                if number > MAX_LINES:
                    traits.tell(number, "line", f"more than {MAX_LINES} lines: the rest is left out")
                    break
                _add(traits, folder, number, line)
    except (OSError, ForeignFileError) as error:
        traits.tell(0, "unreadable", getattr(error, "strerror", None) or str(error))
    return traits


def _lines(file: BinaryIO) -> Iterator[bytes | None]:
    """Each line, None for one that is too long."""
    while line := file.readline(MAX_LINE_BYTES + 1):
        if len(line) <= MAX_LINE_BYTES or line.endswith(b"\n"):
            yield line
            continue
        while (rest := file.readline(MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
            pass
        yield None


def _add(traits: VoiceTraits, folder: Path, number: int, line: bytes | None) -> None:
    if line is None:
        traits.tell(number, "line", f"longer than {MAX_LINE_BYTES} bytes")
        return
    if not (line := line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line).strip():
        return
    try:
        record = parse_json(line)
    except ValueError:
        record = None
    if not isinstance(record, dict):
        traits.tell(number, "line", 'no JSON object, such as {"file": "anna.wav", "gender": "female"}')
        return
    name = next((record[key] for key in _NAMES if isinstance(record.get(key), str) and record[key]), None)
    if name is None:
        traits.tell(number, "file")
        return
    found = dict(_traits(traits, number, record))
    for key in record.keys() - {*_NAMES, *TRAITS}:
        if key in traits.unused or len(traits.unused) < _MAX_FIELDS:
            traits.unused[shorten(key)] += 1
    if not _is_beside(folder, name):
        traits.tell(number, "unknown", repr(shorten(name)))
        return
    known = unicodedata.normalize("NFC", name)
    if known in traits.by_name:
        traits.tell(number, "twice", repr(shorten(name)))
        return
    traits.by_name[known] = found


def _traits(traits: VoiceTraits, number: int, record: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name in TRAITS:
        value = record.get(name)
        if value is None:
            continue
        if name == "age" and isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= MAX_AGE:
            yield name, f"{int(value) // 10 * 10}s" if value >= 10 else "under 10"
        elif isinstance(value, str) and value.isprintable() and 0 < len(told := value.strip()) <= MAX_CHARACTERS:
            yield name, told.casefold()
        else:
            what = f"a number up to {MAX_AGE} or " if name == "age" else ""
            traits.tell(number, "trait", f"{name} must be {what}a text of 1 to {MAX_CHARACTERS} printable characters")


def _is_beside(folder: Path, name: str) -> bool:
    """Whether a plain file name is that of a file in the folder, whichever way its accents are encoded."""
    try:
        return Path(name).name == name and any(
            (folder / unicodedata.normalize(form, name)).is_file() for form in ("NFC", "NFD")
        )
    except (OSError, ValueError):
        return False


class TraitsBook:
    """Traits of recordings in any folders; the file of each folder is read once."""

    def __init__(self) -> None:
        self.folders: dict[Path, VoiceTraits] = {}
        """What was read so far."""

    def of(self, voice: str) -> dict[str, str]:
        """Traits of a voice: the absolute path of a recording, or the name of a preset, which has none."""
        path = Path(voice)
        if not path.is_absolute():
            return {}
        if path.parent not in self.folders:
            self.folders[path.parent] = read_traits(path.parent)
        return self.folders[path.parent].of(path.name)

    def warnings(self) -> Iterator[str]:
        """One sentence for each folder whose file has lines that cannot be used."""
        for folder, traits in self.folders.items():
            if traits.problems:
                more = f" (and {traits.problem_count - 1} more)" if traits.problem_count > 1 else ""
                yield f"{folder / TRAITS_FILE}{sentence(traits.problems[0])}{more}"
