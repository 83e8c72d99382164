"""Meaning of the published class's keyword arguments here. docs/indextts2.md §1."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import torch

from ..decoding.options import GenerationOptions

logger = logging.getLogger(__name__)

_WITHOUT_EFFECT = {"use_deepspeed": "decoding has its own preallocated cache; leave it out"}
_ELSEWHERE = "it is for CUDA devices; this one is {}"
_warned: set[str] = set()


def warn_of_no_effect(**given: Any) -> None:
    """Warn, once in a process, of each option that is switched on and has no effect here."""
    for option, value in given.items():
        if value:
            _warn_once(option, _WITHOUT_EFFECT[option])


def on_this_device(device: torch.device, given: Mapping[str, bool | None]) -> dict[str, bool]:
    """Accelerations to use on `device`: on CUDA all that are not switched off, elsewhere none. A warning, once in a
    process, names an acceleration that was switched on elsewhere.

    A warning, once in a process, names one that was switched on elsewhere.
    """
    on_cuda = device.type == "cuda"
    for option, value in given.items():
        if value and not on_cuda:
            _warn_once(option, _ELSEWHERE.format(device))
    return {option: on_cuda and value is not False for option, value in given.items()}


def _warn_once(option: str, reason: str) -> None:
    if option not in _warned:
        _warned.add(option)
        logger.warning("%s has no effect here: %s", option, reason)


def default_device() -> torch.device:
    """The first of cuda:0, xpu, mps and cpu that is available."""
    if torch.cuda.is_available():
        return torch.device("cuda:0")
    if hasattr(torch, "xpu") and torch.xpu.is_available():
        return torch.device("xpu")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def generation_options(given: Mapping[str, Any], longest: int) -> GenerationOptions:
    """Check and complete the generation arguments.

    Args:
        given: keyword arguments of a call; `None` for "off", as user interfaces hand it.
        longest: most codes that the model can speak.

    Raises:
        TypeError: there is no argument of this name.
        ValueError: an argument is out of range.
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
