"""The engine seam: tasks in, mono audio in memory out.

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
    """A usable voice."""

    name: str
    """What `synthesize` is given: a preset, or the absolute path of a recording."""
    fingerprint: str
    """Identity by content, not by name; part of each content key."""


@dataclass(frozen=True, slots=True)
class SynthesisTask:
    """One turn to be spoken."""

    dataset: str
    dialogue_id: str
    turn: int
    role: Role
    spoken: str
    """What to say, as it is to be pronounced: no numbers, no signs (see reading/)."""
    voice: str
    seed: int
    """Own seed of this task, 0 <= seed < 2**63: results do not depend on batch mates or order."""
    content_key: bytes
    """16-byte hash of all that decides the sound."""
    emotion: EmotionSettings | None = None


@dataclass(slots=True)
class SynthesisResult:
    """One spoken task."""

    audio: np.ndarray
    """(N,) mono; int16 PCM, or float32 in [-1, 1]."""
    sample_rate: int
    """Hz."""
    wall_seconds: float
    """Wall time spent on this utterance; its share of the call when a batch was spoken together."""
    word_times: np.ndarray | None = None
    """(W, 2) seconds from the start of the audio, start and end of each word of `spoken`, where the engine
    knows them; NaN for a word without a sound of its own (a dash)."""

    @property
    def duration(self) -> float:
        """Seconds of audio."""
        return len(self.audio) / self.sample_rate

    @property
    def rtf(self) -> float:
        """Real-time factor: wall seconds per second of audio (below 1 is faster than real time)."""
        return self.wall_seconds / self.duration if len(self.audio) else float("inf")


Unspeakable = Callable[[str], Sequence[str]]
"""From a spoken text to the stretches of it that a voice has no sound for; none for most texts."""


class Engine(Protocol):
    """What a lane needs of an engine. Constructing one loads the model."""

    default_voices: ClassVar[dict[Role, str]]
    """Voice of each role when neither record nor recipe names one; a missing role must be named."""
    batch_size: int
    """Most tasks the engine wants in one call."""
    sample_rate: int
    """Native rate in Hz."""
    seed_matters: ClassVar[bool]
    """Whether another seed makes another performance; where not, an utterance that fails its gates is not tried
    again.
    """
    characters_per_second: ClassVar[float | None]
    """Usual speaking rate (see quality/expectation.py); None where length says nothing about the text."""
    languages: ClassVar[frozenset[str] | None]
    """Languages that it speaks, by ISO 639-1; None: it makes no difference."""

    def __init__(self, options: Any, device: str | None, deterministic: bool) -> None: ...

    @classmethod
    def revision(cls, options: Any) -> str:
        """Names engine, model and every option that decides the sound; part of each content key.

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
        """Voices that an entry of a recipe's pool stands for: itself, or those that its pattern matches, sorted.

        Raises:
            VoiceError: a pattern that matches none.
        """
        ...

    @classmethod
    def find_emotion(cls, options: Any, emotion: EmotionSettings, folder: Path) -> EmotionSettings | None:
        """Check an emotion and make its paths absolute; None where the engine knows no emotions.

        Raises:
            VoiceError: when it cannot be used.
        """
        ...

    @classmethod
    def unspeakable(cls, options: Any) -> Unspeakable:
        """What of a text the engine would leave out or misread. Asked by the planner, before anything is spoken."""
        ...

    def synthesize(self, tasks: Sequence[SynthesisTask]) -> Sequence[SynthesisResult | Exception]:
        """Speak `tasks` together; one result each, in order, or the exception of a task that cannot be spoken.

        An exception that is raised fails the whole call.
        """
        ...

    def read_ahead(self, tasks: Sequence[SynthesisTask]) -> None:
        """Told which tasks come next, from another thread while the engine speaks; returns at once."""
        ...

    def work_figures(self) -> Mapping[str, float]:
        """What the engine did since this was last asked, in numbers that add up over calls and lanes.

        `seconds_<stage>`, `decoded` (tokens), `decode_rows` and `decode_steps`, `frames` and `frames_padded` (work of
        the stages after decoding, without and with padding), `out_of_memory`; empty for an engine without stages.
        """
        ...

    def close(self) -> None:
        """Free the model."""
        ...


def add_figures(total: dict[str, float], more: Mapping[str, float]) -> None:
    """Add figures of `Engine.work_figures` to a total, name by name."""
    for name, value in more.items():
        total[name] = total.get(name, 0.0) + value
