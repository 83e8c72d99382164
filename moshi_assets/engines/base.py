"""The engine seam: tasks in, mono audio in memory out.

An engine class answers questions about voices and revision without loading its model (the planner asks), and its
instances speak (a lane owns one and keeps it warm).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, Protocol

import numpy as np
from pydantic import BaseModel, Field

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
    text: str
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
    reused_caches: tuple[str, ...] = ()
    """Names of caches that served this utterance, e.g. `speaker`."""
    word_times: np.ndarray | None = None
    """(W, 2) seconds from the start of the audio, start and end of each word of `text.split()`, where the engine knows
    them; NaN for a word without a sound of its own (a dash)."""

    @property
    def duration(self) -> float:
        """Seconds of audio."""
        return len(self.audio) / self.sample_rate

    @property
    def rtf(self) -> float:
        """Real-time factor: wall seconds per second of audio (below 1 is faster than real time)."""
        return self.wall_seconds / self.duration if len(self.audio) else float("inf")


class Engine(Protocol):
    """What a lane needs of an engine. Constructing one loads the model."""

    default_voices: ClassVar[dict[Role, str]]
    """Voice of each role when neither record nor recipe names one; a missing role must be named."""
    batch_size: int
    """Most tasks the engine wants in one call."""
    sample_rate: int
    """Native rate in Hz."""
    seed_matters: ClassVar[bool]
    """Whether another seed makes another performance; where not, an utterance that fails its gates is not tried again."""
    characters_per_second: ClassVar[float | None]
    """Usual speaking rate (see quality/expectation.py); None where length says nothing about the text."""

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


@dataclass(frozen=True)
class EngineEntry:
    """Registry row: where an engine lives. Imported on use, so that no engine costs the others anything."""

    module: str
    cls: str

    def load(self) -> type[Engine]:
        return getattr(import_module(self.module), self.cls)


ENGINES = {
    "builtin": EngineEntry("moshi_assets.engines.builtin", "BuiltinEngine"),
    "noise": EngineEntry("moshi_assets.engines.noise", "NoiseEngine"),
    "indextts2": EngineEntry("moshi_assets.engines.indextts2", "IndexTTS2Engine"),
}


class BuiltinOptions(BaseModel, extra="forbid"):
    """The built-in voice has no options."""


class NoiseOptions(BaseModel, extra="forbid", use_attribute_docstrings=True):
    """Simulated cost of the `noise` engine, slept in wall time."""

    seconds_per_audio_second: float = Field(0.0, ge=0, allow_inf_nan=False)
    """Seconds slept for each second of sound."""
    seconds_per_call: float = Field(0.0, ge=0, allow_inf_nan=False)
    """Seconds slept for each call, whatever its length."""
    characters_per_second: float = Field(15.0, gt=0, allow_inf_nan=False)
    """Speaking rate that turns text length into duration; 15 is conversational English."""


class IndexTTS2Options(BaseModel, extra="forbid", use_attribute_docstrings=True):
    """Options of the IndexTTS2 engine; names follow its public API."""

    cfg_path: str = "checkpoints/config.yaml"
    """Configuration file of the checkpoint."""
    model_dir: str = "checkpoints"
    """Folder of the checkpoint."""
    aux_paths: dict[str, str] = {}
    """Auxiliary models: w2v_bert, semantic_codec, campplus, bigvgan; default: inside model_dir or the local hub cache."""
    use_fp16: bool = False
    """The GPT in fp16 on a GPU and everything else in float32, as in the published class."""
    use_bf16: bool = False
    """The same in bf16."""
    num_beams: int = Field(1, ge=1)
    """The published default is 3; one beam is faster by far and hardly worse (published word error rate 2.0 % against
    1.9 %)."""
    max_text_tokens_per_segment: int = Field(120, ge=20)
    """A longer turn is spoken in segments of at most so many text tokens."""
    interval_silence: int = Field(200, ge=0)
    """Milliseconds between the segments of a long turn."""
    precision: dict[Literal["gpt", "flow", "vocoder"], Literal["fp32", "bf16", "fp16"]] | None = None
    """Number format by stage (gpt, flow, vocoder): fp32, bf16 or fp16. A stage that is not named is fp32 (the GPT: as use_fp16
    and use_bf16 say). If none of the three settings is given: bf16 where the device computes it, for GPT and flow on a GPU, for the
    flow on a CPU."""
    allow_tf32: bool = False
    """Matrix products of float32 on CUDA are computed with 10-bit mantissas (TF32)."""
    max_prompt_seconds: float = Field(15.0, gt=0, le=15)
    """How much of a voice recording counts. The flow works on prompt and speech together: 5 to 6 s are enough for most
    voices and a third of the work."""
    flow_steps: int = Field(25, ge=1)
    """Evaluations of the flow's velocity; the time of the flow is proportional to it."""
    flow_method: Literal["euler", "midpoint", "heun"] = "euler"
    """How the flow is solved; midpoint and heun take two evaluations a step."""
    flow_sway: float = Field(0.0, ge=-1, le=1.75)
    """How the flow's times are spread: 0 evenly, -1 closer together near the noise."""
    flow_attention: Literal["auto", "dense", "flex", "varlen"] = "auto"
    """How the flow attends to turns of different length on a GPU: to all frames under a mask (dense), by FlexAttention, or by flash
    attention over the turns joined (varlen). Auto is dense until a card has been measured."""
    cfg_rate: float = Field(0.7, ge=0)
    """Guidance of the flow; 0 halves its time."""
    batch_size: int | None = Field(None, ge=1)
    """Turns spoken together; default: as many as fit into the memory of the GPU (at most 256), 16 on a CPU."""
    generation: dict[str, bool | int | float] = {}
    """Further generation arguments: temperature, top_p, top_k, repetition_penalty, max_mel_tokens, ..."""
    use_cuda_kernel: bool | None = None
    """The vocoder's activations as kernels of their own; by default on a GPU."""
    use_accel: bool | None = None
    """Decoding steps as captured CUDA graphs; by default on a GPU."""
    use_torch_compile: bool | None = None
    """The flow compiled, once at the start of a lane; by default on a GPU."""
    use_deepspeed: bool = False
    """Of the published class; it has no effect here, and a warning says so."""


def engine_class(name: str) -> type[Engine]:
    """Class of a registered engine.

    Raises:
        EngineError: unknown name, or its package cannot be imported.
    """
    if name not in ENGINES:
        raise EngineError(f"unknown engine {name!r}: choose one of {', '.join(ENGINES)}")
    try:
        return ENGINES[name].load()
    except ImportError as error:
        raise EngineError(f"engine {name!r} cannot be loaded: {error}") from error
