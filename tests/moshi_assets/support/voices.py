"""Recordings of somebody who speaks: stretches of those in `examples/voices`."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf

from .pipeline import REPOSITORY

RATE = 24000
"""Hz."""


@lru_cache
def _recording(name: str) -> np.ndarray:
    wave, rate = sf.read(REPOSITORY / "examples" / "voices" / f"{name}.wav", dtype="float32")
    assert rate == RATE
    return wave


def speech(seconds: float = 6.0, number: int = 0) -> np.ndarray:
    """(N,) float32 at RATE of a voice; another number, another stretch."""
    wave = _recording(("user", "assistant")[number % 2])
    begin = round((0.2 + 0.1 * number) * RATE)
    return wave[begin : begin + round(seconds * RATE)]


def write_voice(path: Path, number: int = 0, seconds: float = 1.6, **how: Any) -> Path:
    """Write such a recording."""
    sf.write(path, speech(seconds, number), RATE, **how)
    return path
