"""The recipe: every setting of a dataset, resolved once and stored with the data.

Shards that are built later (from the UI, a sensor, a schedule) read it from the dataset folder and need no run config.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, Field, field_validator, model_validator

from ..dialogues.dialogue import EmotionSettings
from ..dialogues.files.sources import source_folder
from ..dialogues.forms import AS_USUAL, MAX_LIST_ENTRIES, InputSettings
from ..names import check_dataset_name
from .card import CardSettings
from .engines import BuiltinOptions, EngineName, IndexTTS2Options, NoiseOptions
from .gates import Gates
from .text import TextSettings
from .timing import LEADING_SILENCE, OVERLAP_SHARE, Layout, Timing, TimingModel

AlignerName = Literal["auto", "engine", "acoustic", "ctc", "proportional"]
Voices = str | list[str] | None
_OF_SHARDS = {
    *("layout", "timing", "gap", "leading_silence", "overlap_probability", "max_silence", "seed"),
    *("pack_seconds", "pack_pause", "sample_rate", "shard_dirs", "target_lufs", "true_peak_dbtp"),
    *("transcripts", "aligner", "ctc_model", "gates", "max_retries"),
}
MAX_EVAL_COUNT = 100_000
"""Largest `eval_count`: the hashes of that many dialogues are held in memory; `eval_fraction` has no such limit."""


class Recipe(BaseModel, extra="forbid", validate_default=True):
    """Settings of one dataset. An unknown key is an error, so that a typo cannot pass for a default."""

    @model_validator(mode="before")
    @classmethod
    def _no_truth_for_a_number(cls, settings: Any) -> Any:
        """Refuse booleans for numbers: YAML reads `yes` and `on` as true, and Python takes true for 1."""
        for name, value in settings.items() if isinstance(settings, dict) else ():
            if (
                isinstance(value, bool)
                and name in cls.model_fields
                and "bool" not in str(cls.model_fields[name].annotation)
            ):
                raise ValueError(
                    f"{name} is {str(value).lower()}, which is neither a number nor a name: write it in quotes or as "
                    f"a number"
                )
        return settings

    name: str = Field(description="Dataset name: its folder, its manifest and its partition key.")
    source: str | list[str] = Field(
        description="Dialogue file, folder of such files or pattern (docs/input.md), or several; absolute paths."
    )
    input: InputSettings = Field(
        AS_USUAL, description="Names of fields and speakers in the dialogue file, where it has a form of its own."
    )
    engine: EngineName = Field("builtin", description="What speaks.")
    user_voice: Voices = Field(
        None,
        description="Voice of the user where a record names none, or a pool from which each dialogue draws one (for "
        "indextts2 patterns too: voices/*.wav); default: the engine's.",
    )
    assistant_voice: Voices = Field(
        None, description="Voice or pool of the assistant where a record names none; default: the engine's."
    )
    eval_user_voice: Voices = Field(
        None,
        description="Voice or pool of the user in evaluation dialogues, none of them used in training; default: "
        "user_voice.",
    )
    eval_assistant_voice: Voices = Field(
        None, description="Voice or pool of the assistant in evaluation dialogues; default: assistant_voice."
    )
    balance_voices_by: Literal["gender", "accent", "age"] | None = Field(
        None,
        description="Draw every gender, accent or age of a pool equally often, however many voices have it; "
        "voices.jsonl beside the recordings says it of each.",
    )
    eval_fraction: float | None = Field(
        None,
        ge=0,
        lt=1,
        description="Share of the dialogues that are kept for evaluation, chosen by their texts; default: none.",
    )
    eval_count: int | None = Field(
        None,
        ge=1,
        le=MAX_EVAL_COUNT,
        description="Number of dialogues that are kept for evaluation, chosen by their texts (reads the file twice).",
    )
    user_emotion: EmotionSettings | None = Field(
        None, description="Emotion of the user where a record names none: emo_audio, emo_vector or emo_text, emo_alpha."
    )
    assistant_emotion: EmotionSettings | None = Field(
        None, description="Emotion of the assistant where a record names none."
    )
    worker_count: int = Field(1, ge=1, le=64, description="Lanes (worker processes); each loads its own engine.")
    max_samples: int | None = Field(
        None, ge=1, description="Stop reading after this many good dialogues; default: all."
    )
    samples_per_shard: int | None = Field(
        None,
        ge=1,
        le=100_000,
        description="Dialogues per shard (partition); default: as the dataset has it, in a new one 256, above 5 "
        "million dialogues as many as make 20 000 shards.",
    )
    max_text_chars: int = Field(2000, ge=1, description="A longer turn is rejected (characters).")
    max_turns: int = Field(
        200, ge=1, le=MAX_LIST_ENTRIES, description="A dialogue of more turns is rejected: it becomes one recording."
    )
    text: TextSettings = Field(
        TextSettings(), description="How written turns become what is spoken: cleaning, language, lexicon."
    )
    planner_buffer: int = Field(64, ge=1, description="Tasks read ahead of the engine, per lane.")
    buffer_size: int = Field(64, ge=1, description="Manifest rows buffered between writes.")
    publish_every: int | None = Field(
        None,
        ge=1,
        description="Renew the manifest whenever a lane has finished so many shards, so that training can begin on "
        "what is there; default: once, when all are finished.",
    )
    speak_after: int = Field(
        100_000,
        ge=1,
        description="Dialogues of a new dataset after which `moshi-assets build` speaks what is read, while the rest "
        "is read; not with eval_count.",
    )
    layout: Layout = Field(
        "sequential",
        description="How turns are laid out: `sequential`, one after another, `gap` apart; `overlapped`, all start at "
        "0 (more than two "
        "turns: each channel by itself).",
    )
    timing: Timing = Field(
        "fixed",
        description="Silence between turns of the sequential layout: `fixed`, always `gap`; `natural`, drawn as "
        "people do it, with "
        "overlaps. A gap of the record takes precedence.",
    )
    gap: float = Field(0.3, ge=0, le=60, description="Silence between turns with fixed timing (seconds).")
    leading_silence: float | None = Field(
        None,
        ge=0,
        le=60,
        description="Silence before the first turn of a dialogue (seconds); default: 0 with fixed timing, 0.2 with "
        "natural.",
    )
    overlap_probability: float = Field(
        OVERLAP_SHARE, ge=0, le=1, description="Share of the changes of speaker that overlap with natural timing."
    )
    max_silence: float = Field(
        2.0, gt=0, le=60, description="Longest silence between turns with natural timing (seconds)."
    )
    pack_seconds: float | None = Field(
        None,
        ge=1,
        le=600,
        description="Join whole dialogues of a shard into recordings of at most this length (seconds), to fill the "
        "training "
        "window: 100 for moshi-finetune's default; default: one dialogue a recording.",
    )
    pack_pause: float = Field(1.0, ge=0, le=60, description="Silence between the dialogues of a recording (seconds).")
    sample_rate: int | Literal["native"] = Field(24000, description="Rate of the stereo files (Hz), or native.")
    shard_dirs: bool | None = Field(
        None,
        description="One folder per shard below data_stereo/; default: as the dataset has it, in a new one above "
        "100 000 dialogues.",
    )
    seed: int = Field(0, ge=0, lt=2**63, description="Seed of the dataset; each task derives its own.")
    keep_temp: bool = Field(False, description="Also write each utterance as a mono WAV below tmp_mono/.")
    keep_mono: bool = Field(
        False,
        description="Keep every utterance as it was spoken beside the recordings (half as much again on the disk); "
        "`target_lufs` always does.",
    )
    helper_processes: int | None = Field(
        None,
        ge=0,
        le=64,
        description="Processes beside each lane's engine that assemble, align and write, so that Python's lock never "
        "makes a GPU wait; 0: the lane does it itself. Default: 0 without a GPU, else the lane's share of the cores, "
        "at most 4.",
    )
    transcripts: bool = Field(True, description="Write the words of each recording and their times beside it.")
    aligner: AlignerName = Field(
        "auto",
        description="What finds word times: `auto` takes the first that can of `engine` (times that the engine "
        "knows), `ctc` "
        "(with a model), `acoustic` (English) and `proportional` (by characters, approximate).",
    )
    ctc_model: str | None = Field(
        None,
        description="wav2vec2-family CTC model for word times: a folder, or a name in the local hub cache. Nothing is "
        "downloaded.",
    )
    gates: Gates = Field(
        Gates(), description="What an utterance must pass: thresholds, and measures that are off by default."
    )
    max_retries: int = Field(
        2, ge=0, le=20, description="Further attempts, each with another seed, at an utterance that fails its gates."
    )
    target_lufs: float | None = Field(
        None, ge=-60, le=-6, description="Bring each speaker of a dialogue to this loudness (LUFS); default: as spoken."
    )
    true_peak_dbtp: float = Field(
        -1.0,
        ge=-30,
        le=0,
        description="Highest true peak that `target_lufs` may lead to (dBTP); the gain is smaller then.",
    )
    device: str | None = Field(None, description="Device of every lane; default: cuda:{lane % gpus}, else cpu.")
    deterministic: bool = Field(False, description="Ask the engine for deterministic kernels (slower on a GPU).")
    card: CardSettings = Field(
        CardSettings(), description="What the dataset card says: title, licence, voices' origin."
    )
    builtin: BuiltinOptions = Field(BuiltinOptions(), description="Options of engine builtin.")
    noise: NoiseOptions = Field(NoiseOptions(), description="Options of engine noise.")
    indextts2: IndexTTS2Options = Field(IndexTTS2Options(), description="Options of engine indextts2.")

    @field_validator("name")
    @classmethod
    def _name(cls, value: str) -> str:
        return check_dataset_name(value)

    @field_validator("source")
    @classmethod
    def _source(cls, value: str | list[str]) -> str | list[str]:
        if not value or not all(value):
            raise ValueError("must name at least one dialogue file, and none may be empty")
        return value

    @field_validator("sample_rate")
    @classmethod
    def _rate(cls, value: int | str) -> int | str:
        if isinstance(value, int) and not 8000 <= value <= 192_000:
            raise ValueError("must lie between 8000 and 192000 Hz, or be 'native'")
        return value

    @field_validator("user_voice", "assistant_voice", "eval_user_voice", "eval_assistant_voice")
    @classmethod
    def _pool(cls, value: Voices) -> Voices:
        if isinstance(value, list) and not (value and all(value)):
            raise ValueError("a pool of voices must name at least one, and none may be empty")
        return value

    @model_validator(mode="after")
    def _split(self) -> Recipe:
        if self.eval_fraction is not None and self.eval_count is not None:
            raise ValueError("eval_fraction and eval_count are both set: set one of them")
        if (self.eval_user_voice or self.eval_assistant_voice) and self.eval_fraction is self.eval_count is None:
            raise ValueError(
                "eval_user_voice and eval_assistant_voice mean nothing without evaluation dialogues: set eval_fraction "
                "or eval_count"
            )
        return self

    @model_validator(mode="after")
    def _timing_has_a_place(self) -> Recipe:
        if self.layout == "overlapped" and self.timing != "fixed":
            raise ValueError("timing natural needs layout sequential: in the overlapped one nothing follows anything")
        return self

    @property
    def timing_model(self) -> TimingModel:
        """Timing of turns where the record does not state it."""
        leading = LEADING_SILENCE[self.timing] if self.leading_silence is None else self.leading_silence
        return TimingModel(self.layout, self.timing, self.gap, leading, self.overlap_probability, self.max_silence)

    @property
    def source_folder(self) -> Path:
        """Folder of the first dialogue file, to which relative paths in the records refer."""
        return source_folder(self.source)

    @property
    def engine_options(self) -> BaseModel:
        """Options of the chosen engine."""
        return getattr(self, self.engine)

    def to_yaml(self) -> str:
        """The recipe as it is stored, with every setting, defaults included."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)

    @property
    def keeps_mono(self) -> bool:
        """Whether mono parts stay: asked for, or needed, because what was brought to a loudness cannot be brought to
        another one.
        """
        return self.keep_mono or self.target_lufs is not None

    @property
    def shard_fingerprint(self) -> str:
        """Digest of the settings that, beside its tasks, decide a shard's recordings and transcripts."""
        settings = self.model_dump(mode="json", include=_OF_SHARDS) | {"shard_dirs": bool(self.shard_dirs)}
        return hashlib.blake2b(json.dumps(settings, sort_keys=True).encode(), digest_size=16).hexdigest()

    @property
    def fingerprint(self) -> str:
        """Short digest of every setting."""
        return hashlib.blake2b(self.to_yaml().encode(), digest_size=8).hexdigest()
