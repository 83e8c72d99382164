"""How loud an utterance is, frame by frame: what tells whether its words lie where its sound is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

FRAME_SECONDS = 0.01
AUDIBLE_DB = -40.0
"""A frame within so many dB of the utterance's level counts as audible."""


class FramePower(NamedTuple):
    """The power of an utterance."""

    power: np.ndarray
    """(F,) float32 mean square of its int16 samples, by frame of `FRAME_SECONDS`."""
    level: float
    """Power of the frame at which half of its energy is reached, counted from the loudest frame on, so that neither
    long silence nor a click changes it."""
    audible: np.ndarray
    """Numbers of the frames in which something is heard."""


def frame_power(samples: np.ndarray, sample_rate: int) -> FramePower:
    """The power of (N,) int16 samples, mono; `sample_rate` in Hz."""
    size = max(1, round(FRAME_SECONDS * sample_rate))
    count = len(samples) // size
    frames = samples[: count * size].reshape(count, size).astype(np.float32)
    power = np.einsum("ij,ij->i", frames, frames) / size
    loudest = np.sort(power)[::-1]
    energy = np.cumsum(loudest, dtype=np.float64)
    level = float(loudest[np.searchsorted(energy, energy[-1] / 2)]) if count else 0.0
    least = max(level * 10 ** (AUDIBLE_DB / 10), np.finfo(np.float32).tiny)
    return FramePower(power, level, np.flatnonzero(power >= least))
