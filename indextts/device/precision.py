"""Number formats by stage. docs/indextts2.md §12.

The default is float32 everywhere. Half precision changes which codes are drawn (each as likely as before) and, much
less, how a given code sounds; `python -m benchmarks.tts --part precision` measures the latter.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch

STAGES_IN_HALF = ("gpt", "flow", "vocoder")
"""Stages that may use another number format for their weights: GPT (decoding and latent pass), flow, vocoder."""
FORMATS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def stage_dtypes(
    precision: Mapping[str, str] | None, use_fp16: bool = False, use_bf16: bool = False
) -> dict[str, torch.dtype]:
    """The format of each stage.

    Args:
        precision: stage -> `fp32`, `bf16` or `fp16`; stages not named are float32.
        use_fp16, use_bf16: the published switches, for the GPT where `precision` does not name it.

    Raises:
        ValueError: a stage or format is unknown, or both switches are on.
    """
    if use_fp16 and use_bf16:
        raise ValueError("give use_fp16 or use_bf16, not both")
    named = {"gpt": "fp16" if use_fp16 else "bf16" if use_bf16 else "fp32", **(precision or {})}
    for stage, name in named.items():
        if stage not in STAGES_IN_HALF:
            raise ValueError(f"precision of {stage!r}: the stages are {', '.join(STAGES_IN_HALF)}")
        if name not in FORMATS:
            raise ValueError(f"precision {name!r} of {stage!r}: expected {', '.join(FORMATS)}")
    return {stage: FORMATS[named.get(stage, "fp32")] for stage in STAGES_IN_HALF}
