"""Dialogues, their turns, and the records that became none."""

from __future__ import annotations

import json
from typing import Final, Literal, NamedTuple

from pydantic import BaseModel, Field, model_validator

Role = Literal["user", "assistant"]
"""Who says a turn."""
ROLES: tuple[Role, Role] = ("user", "assistant")
"""In the order in which a two-turn dialogue speaks."""
Split = Literal["train", "eval"]
"""What a dialogue is for: training, or evaluation."""
TRAIN: Final = "train"
EVAL: Final = "eval"
SPLITS: tuple[Split, Split] = (TRAIN, EVAL)


class EmotionSettings(BaseModel, extra="forbid", frozen=True):
    """How a turn is said, for engines that can; names follow IndexTTS2's API. One of audio, vector and text."""

    emo_audio: str | None = None
    """A recording that sounds like it."""
    emo_vector: tuple[float, ...] | None = Field(None, min_length=8, max_length=8)
    """Weights of happy, angry, sad, afraid, disgusted, melancholic, surprised, calm."""
    emo_text: str | None = None
    """A description in words."""
    emo_alpha: float = Field(1.0, ge=0, le=1)
    """Strength."""
    fingerprint: str | None = None
    """Digest of the recording; set by the engine."""

    @model_validator(mode="after")
    def _one(self) -> EmotionSettings:
        given = [name for name in ("emo_audio", "emo_vector", "emo_text") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give one of emo_audio, emo_vector and emo_text, not {len(given)}")
        return self


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
        """The record as a reject of the parse stage."""
        return Reject(self.line, reason, excerpt(self.raw), self.id)


class Reject(NamedTuple):
    """One record that is not in the dataset, and why."""

    line: int
    reason: str
    excerpt: str
    id: str | None = None
    stage: str = "parse"
    file: str | None = None
    """Name of its file, where the dataset is made from several; `line` counts through them all."""
    file_line: int | None = None
    """Its number in that file, from 1."""

    @property
    def where(self) -> str:
        """Where it stands, in words."""
        return f"line {self.line}" if self.file is None else f"{self.file} line {self.file_line}"


def reject_line(reject: Reject) -> str:
    """One line of rejects.ndjson."""
    fields = reject._asdict()
    if reject.file is None:
        del fields["file"], fields["file_line"]
    return json.dumps(fields, ensure_ascii=False) + "\n"


def excerpt(line: bytes) -> str:
    """The beginning of a line, as a reject keeps it."""
    return line[:EXCERPT_BYTES].decode("utf-8", "replace").strip()[:REJECT_EXCERPT]
