"""What the keyword arguments of the published class mean here. docs/indextts2.md §1."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import torch

from indextts.decode import GenerationOptions

logger = logging.getLogger(__name__)

_WITHOUT_EFFECT = {
    "use_cuda_kernel": "the vocoder has no custom kernel; it runs on torch alone",
    "use_deepspeed": "decoding has its own preallocated cache; leave it out",
    "use_accel": "it would ignore beams, top-k, top-p and the repetition penalty; use use_fp16 or use_bf16 on a GPU",
    "use_torch_compile": "nothing is compiled; use use_fp16 or use_bf16 on a GPU",
}
_warned: set[str] = set()


def warn_of_no_effect(**given: Any) -> None:
    """Warns, once in a process, of each option that is switched on and has no effect here."""
    for option, value in given.items():
        if value and option not in _warned:
            _warned.add(option)
            logger.warning("%s has no effect here: %s", option, _WITHOUT_EFFECT[option])


def default_device() -> torch.device:
    """cuda:0, xpu, mps or cpu, the first that is there."""
    if torch.cuda.is_available():
        return torch.device("cuda:0")
    if hasattr(torch, "xpu") and torch.xpu.is_available():
        return torch.device("xpu")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def generation_options(given: Mapping[str, Any], longest: int) -> GenerationOptions:
    """Checks and completes the generation arguments.

    Args:
        given: keyword arguments of a call; ``None`` for "off", as user interfaces hand it.
        longest: most codes that the model can speak.

    Raises:
        TypeError: an argument that does not exist.
        ValueError: one out of range.
    """
    known = {field.name for field in fields(GenerationOptions)}
    unknown = sorted(set(given) - known)
    if unknown:
        raise TypeError(f"unknown arguments {unknown}; generation arguments are {sorted(known)}")
    # User interfaces hand None for "off".
    off: dict[str, Any] = {"top_k": 0, "top_p": 1.0, "temperature": 1.0, "typical_sampling": False, "typical_mass": 0.9}
    options: dict[str, Any] = {name: off.get(name) if value is None else value for name, value in given.items()}
    options.setdefault("max_mel_tokens", min(GenerationOptions.max_mel_tokens, longest))
    return GenerationOptions(**options)
