"""Options of each engine, as a recipe gives them."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import BaseModel, Field

from .prompts import PromptSettings

EngineName = Literal["builtin", "noise", "indextts2"]
ENGINE_NAMES: tuple[EngineName, ...] = get_args(EngineName)


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
    """Auxiliary models: w2v_bert, semantic_codec, campplus, bigvgan; default: inside model_dir or the local hub
    cache.
    """
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
    """Number format by stage (gpt, flow, vocoder): fp32, bf16 or fp16. A stage that is not named is fp32 (the GPT: as
    use_fp16 and use_bf16 say). If none of the three settings is given: bf16 where the device computes it, for GPT and
    flow on a GPU, for the flow on a CPU."""
    allow_tf32: bool = False
    """Matrix products of float32 on CUDA are computed with 10-bit mantissas (TF32)."""
    max_prompt_seconds: float = Field(15.0, gt=0, le=15)
    """How much of a voice recording counts. The flow works on prompt and speech together: 5 to 6 s are enough for most
    voices and a third of the work."""
    prompts: PromptSettings = PromptSettings()
    """What a recording must be to serve as a voice."""
    flow_steps: int = Field(25, ge=1)
    """Evaluations of the flow's velocity; the time of the flow is proportional to it."""
    flow_method: Literal["euler", "midpoint", "heun"] = "euler"
    """How the flow is solved; midpoint and heun take two evaluations a step."""
    flow_sway: float = Field(0.0, ge=-1, le=1.75)
    """How the flow's times are spread: 0 evenly, -1 closer together near the noise."""
    flow_attention: Literal["auto", "dense", "flex", "varlen"] = "auto"
    """How the flow attends to turns of different length on a GPU: to all frames under a mask (dense), by FlexAttention,
    or by flash attention over the turns joined (varlen). Auto is dense until a card has been measured."""
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
