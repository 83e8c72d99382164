"""The protocol of engines: tasks in, mono audio in memory out.

An engine class answers questions about voices and revision without loading its model (the planner asks), and its
instances speak (a lane owns one and keeps it warm).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np

from ..dialogues.dialogue import EmotionSettings, Role


class EngineError(RuntimeError):
    """The engine cannot work as configured; the message says what to install or change."""


class VoiceError(ValueError):
    """A voice does not exist or cannot be used as a speaker prompt."""


class Voice(NamedTuple):
    """A voice that an engine can speak with."""

    name: str
    """The name that `synthesize` takes: a preset, or the absolute path of a recording."""
    fingerprint: str
    """Identity of the voice's content, independent of its name; part of each content key."""


@dataclass(frozen=True, slots=True)
class SynthesisTask:
    """One turn to be spoken."""

    dataset: str
    dialogue_id: str
    turn: int
    role: Role
    spoken: str
    """The text as it is to be pronounced, without numbers and signs (see reading/)."""
    voice: str
    seed: int
    """Seed of this task, 0 <= seed < 2**63; results do not depend on other tasks of the batch."""
    content_key: bytes
    """16-byte hash of everything that decides the sound."""
    emotion: EmotionSettings | None = None


@dataclass(slots=True)
class SynthesisResult:
    """The sound of one task."""

    audio: np.ndarray
    """(N,) mono; int16 PCM, or float32 in [-1, 1]."""
    sample_rate: int
    """Hz."""
    wall_seconds: float
    """Wall seconds spent on this utterance; its share of the call if a batch was spoken together."""
    word_times: np.ndarray | None = None
    """(W, 2) seconds from the start of the audio, start and end of each word of `spoken`; NaN for a word without a
    sound of its own (a dash). None if the engine reports no times.
    """

    @property
    def duration(self) -> float:
        """Duration of the audio in seconds."""
        return len(self.audio) / self.sample_rate

    @property
    def rtf(self) -> float:
        """Real-time factor: wall seconds per second of audio (below 1 is faster than real time)."""
        return self.wall_seconds / self.duration if len(self.audio) else float("inf")


Unspeakable = Callable[[str], Sequence[str]]
"""Returns the stretches of a spoken text for which the voice has no sound; empty for most texts."""


class Engine(Protocol):
    """The interface between a lane and an engine. Construction loads the model."""

    default_voices: ClassVar[dict[Role, str]]
    """Default voice of each role; a role without one must be named by the record or the recipe."""
    batch_size: int
    """Most tasks in one call."""
    sample_rate: int
    """Native sample rate in Hz."""
    seed_matters: ClassVar[bool]
    """Whether another seed gives another performance. If not, an utterance that fails its gates is not tried again."""
    characters_per_second: ClassVar[float | None]
    """Usual speaking rate (see quality/expectation.py); None if the length of the audio does not follow the text."""
    languages: ClassVar[frozenset[str] | None]
    """Supported languages, ISO 639-1; None if the language makes no difference."""

    def __init__(self, options: Any, device: str | None, deterministic: bool) -> None: ...

    @classmethod
    def revision(cls, options: Any) -> str:
        """Return a name for engine, model and every option that decides the sound; part of each content key.

        Raises:
            EngineError: what is missing, e.g. package or checkpoint files.
        """
        ...

    @classmethod
    def find_voice(cls, options: Any, voice: str, folder: Path) -> Voice:
        """Check a voice named in a record or recipe; relative paths start at `folder` (the dialogue file's).

        Raises:
            VoiceError: when the voice cannot be used.
        """
        ...

    @classmethod
    def pool_voices(cls, options: Any, entry: str, folder: Path) -> list[str]:
        """Resolve an entry of a recipe's voice pool: the entry itself, or the files that its pattern matches, sorted.

        Raises:
            VoiceError: a pattern that matches none.
        """
        ...

    @classmethod
    def find_emotion(cls, options: Any, emotion: EmotionSettings, folder: Path) -> EmotionSettings | None:
        """Check an emotion and make its paths absolute; None if the engine does not support emotions.

        Raises:
            VoiceError: when it cannot be used.
        """
        ...

    @classmethod
    def unspeakable(cls, options: Any) -> Unspeakable:
        """Return the check for stretches of a text that the engine would leave out or misread. The planner calls it
        before anything is spoken.
        """
        ...

    def synthesize(self, tasks: Sequence[SynthesisTask]) -> Sequence[SynthesisResult | Exception]:
        """Speak `tasks` together; return for each, in order, its result or the exception of a task that cannot be
        spoken.

        An exception that is raised fails the whole call.
        """
        ...

    def read_ahead(self, tasks: Sequence[SynthesisTask]) -> None:
        """Announce the tasks that come next, from another thread while the engine speaks; returns at once."""
        ...

    def work_figures(self) -> Mapping[str, float]:
        """Return figures of the work done since the last call, which add up over calls and lanes.

        `seconds_<stage>`, `decoded` (tokens), `decode_rows` and `decode_steps`, `frames` and `frames_padded` (work of
        the stages after decoding, without and with padding), `out_of_memory`; empty for an engine without stages.
        """
        ...

    def close(self) -> None:
        """Free the model."""
        ...


def add_figures(total: dict[str, float], more: Mapping[str, float]) -> None:
    """Add figures from `Engine.work_figures` to a total, name by name."""
    for name, value in more.items():
        total[name] = total.get(name, 0.0) + value
