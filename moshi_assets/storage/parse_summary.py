"""`tasks/summary.json`: the outcome of the parse, as one type that is written and read in one place."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import TypeAdapter, ValidationError

from indextts.foreign_files import parse_json

from .whole_file import write_whole

Outcome = Literal["cleaned", "verbalised", "suspicious", "rejected"]
"""What became of a stretch of a text."""


class KindCount(NamedTuple):
    """One kind of finding in the texts: the number of turns that have it, and the first of them."""

    outcome: Outcome
    kind: str
    turns: int
    written: str
    spoken: str


@dataclass
class ParseFigures:
    """Outcome of one parse."""

    lines: int = 0
    dialogues: int = 0
    train_dialogues: int = 0
    eval_dialogues: int = 0
    tasks: int = 0
    rejected: int = 0
    shards: int = 0
    characters: int = 0
    unknown_fields: dict[str, int] = field(default_factory=dict)
    voices_left_out: int = 0
    """Recordings in pools that cannot be voices."""
    voice_warnings: list[str] = field(default_factory=list)
    """Warnings about the voices, as sentences."""
    changed_turns: int = 0
    """Turns that are not spoken as written, are shortened, or have a suspicious finding."""
    reading: list[KindCount] = field(default_factory=list)
    """Findings in their texts, by kind."""
    wall_seconds: float = 0.0
    peak_rss_mb: float = 0.0

    @property
    def suspicious(self) -> list[KindCount]:
        """Findings that may be spoken differently from what was meant."""
        return [kind for kind in self.reading if kind.outcome == "suspicious"]


@dataclass(kw_only=True)
class ParseSummary(ParseFigures):
    """What a dataset keeps of its parse: the figures, and what the tasks were made from."""

    recipe: str
    """Fingerprint of the recipe."""
    engine_revision: str
    """Name of the engine, the model and every option that decides the sound."""
    source: list[Any] | None
    """State of the dialogue files before they were read (see `source_state`); None if one was missing."""
    files: list[tuple[str, int]]
    """Name of each dialogue file and the number of the record before its first; empty for a single file."""
    complete: bool
    """Whether the dialogue files were read to their end; the first shards of a large new dataset are there before."""

    def write(self, path: Path) -> None:
        """Write it, whole or not at all."""
        document = asdict(self) | {"reading": [kind._asdict() for kind in self.reading]}
        write_whole(path, json.dumps(document, indent=1))


_SUMMARY = TypeAdapter(ParseSummary)
_FIELDS = {each.name for each in fields(ParseSummary)}


def read_parse_summary(path: Path) -> ParseSummary:
    """Read the summary in a file.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is damaged; the message says where.
    """
    document = parse_json(path.read_bytes())
    if isinstance(document, dict) and (odd := sorted(document.keys() ^ _FIELDS)):
        raise ValueError(f"{'it lacks' if odd[0] in _FIELDS else 'it has an unknown field'} {odd[0][:80]!r}")
    try:
        return _SUMMARY.validate_python(document)
    except ValidationError as error:
        raise ValueError(first_fault(error)) from None


def first_fault(error: ValidationError) -> str:
    """Name the first field of a file that does not fit its type, and say why."""
    fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return ": ".join(filter(None, (".".join(map(str, fault["loc"])), fault["msg"])))
