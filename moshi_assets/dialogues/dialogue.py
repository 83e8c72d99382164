"""Dialogues, their turns, and the records that became none."""

from __future__ import annotations

from typing import NamedTuple

from ..engines.base import EmotionSettings, Role

REJECT_EXCERPT = 500
"""Characters of a rejected line that are kept."""
EXCERPT_BYTES = 4 * REJECT_EXCERPT


class Turn(NamedTuple):
    """One turn of a dialogue."""

    role: Role
    text: str
    voice: str | None
    emotion: EmotionSettings | None = None
    gap: float | None = None
    """Seconds between the end of the turn before and this one's start, negative for an overlap (of the first turn: the
    silence before it); None: the timing model's choice."""
    backchannel: bool = False
    """A short listener's sound, laid over the other's turn: the last one before it that is no backchannel itself."""


class Dialogue(NamedTuple):
    """One good record: its id and its turns in speaking order."""

    line: int
    """Line number in the file, from 1."""
    id: str
    turns: tuple[Turn, ...]
    raw: bytes = b""
    """The line as it was read, or as much of its beginning as a reject may need."""
    unknown_fields: tuple[str, ...] = ()
    """Fields of the record that mean nothing here; those of a turn are named `turns[].mood`."""

    def reject(self, reason: str) -> Reject:
        """This record as a reject of the parse stage."""
        return Reject(self.line, reason, excerpt(self.raw), self.id)


class Reject(NamedTuple):
    """One record that is not in the dataset, and why."""

    line: int
    reason: str
    excerpt: str
    id: str | None = None
    stage: str = "parse"


def excerpt(line: bytes) -> str:
    """The beginning of a line, as a reject keeps it."""
    return line[:EXCERPT_BYTES].decode("utf-8", "replace").strip()[:REJECT_EXCERPT]
