"""Dialogues, their turns, and rejects."""

from __future__ import annotations

import json
from typing import Final, Literal, NamedTuple

from pydantic import BaseModel, Field, model_validator

Role = Literal["user", "assistant"]
"""The speaker of a turn."""
ROLES: tuple[Role, Role] = ("user", "assistant")
"""The roles in the order in which a two-turn dialogue speaks."""
Split = Literal["train", "eval"]
"""The use of a dialogue: training or evaluation."""
TRAIN: Final = "train"
EVAL: Final = "eval"
SPLITS: tuple[Split, Split] = (TRAIN, EVAL)


class EmotionSettings(BaseModel, extra="forbid", frozen=True):
    """The emotion of a turn, for engines that support it; names follow IndexTTS2's API. At most one of audio, vector
    and text is set.
    """

    emo_audio: str | None = None
    """A recording with the wanted emotion."""
    emo_vector: tuple[float, ...] | None = Field(None, min_length=8, max_length=8)
    """Weights of happy, angry, sad, afraid, disgusted, melancholic, surprised, calm."""
    emo_text: str | None = None
    """A description of the emotion in words."""
    emo_alpha: float = Field(1.0, ge=0, le=1)
    """Strength of the emotion."""
    fingerprint: str | None = None
    """Digest of the recording; set by the engine."""

    @model_validator(mode="after")
    def _one(self) -> EmotionSettings:
        given = [name for name in ("emo_audio", "emo_vector", "emo_text") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give one of emo_audio, emo_vector and emo_text, not {len(given)}")
        return self


REJECT_EXCERPT = 500
"""Most characters of a rejected line that are kept."""
EXCERPT_BYTES = 4 * REJECT_EXCERPT


class Turn(NamedTuple):
    """One turn of a dialogue."""

    role: Role
    text: str
    voice: str | None
    emotion: EmotionSettings | None = None
    gap: float | None = None
    """Seconds from the end of the turn before to the start of this one, negative for an overlap; for the first turn the
    silence before it. None leaves the choice to the timing model.
    """
    backchannel: bool = False
    """Whether the turn is a short sound of the listener, laid over the last turn before it that is not itself a
    backchannel.
    """


class Dialogue(NamedTuple):
    """One good record: its id and its turns in speaking order."""

    line: int
    """Line number in the input, from 1."""
    id: str
    turns: tuple[Turn, ...]
    raw: bytes = b""
    """The line as it was read, or the beginning that a reject needs."""
    unknown_fields: tuple[str, ...] = ()
    """Fields of the record that have no meaning here; those of a turn are named `turns[].mood`."""

    def reject(self, reason: str) -> Reject:
        """The record as a reject of the parse stage."""
        return Reject(self.line, reason, excerpt(self.raw), self.id)


class Reject(NamedTuple):
    """A record that is not in the dataset, and the reason."""

    line: int
    reason: str
    excerpt: str
    id: str | None = None
    stage: str = "parse"
    file: str | None = None
    """Name of its file if the dataset is made from several; `line` counts through them all."""
    file_line: int | None = None
    """Line number in that file, from 1."""

    @property
    def where(self) -> str:
        """The place of the record, in words."""
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
