"""The audible stretches of an utterance, and the pauses between them."""

from __future__ import annotations

import numpy as np

FRAME_SECONDS = 0.01
SPEECH_DB = -35.0
"""A frame within so many dB of the loudest one counts as speech."""
PAUSE_SECONDS = 0.12
"""A longer silence is a pause, which holds no word; shorter silences are the closures of p, t and k."""


def audible_stretches(samples: np.ndarray, sample_rate: int) -> np.ndarray:
    """(K, 2) seconds: start and end of the audible stretches of (N,) int16 samples, K >= 1. Silence is one stretch."""
    frame = max(1, round(FRAME_SECONDS * sample_rate))
    count = len(samples) // frame
    frames = samples[: count * frame].reshape(count, frame).astype(np.float32)
    power = np.einsum("ij,ij->i", frames, frames)
    loud = np.flatnonzero(power >= power.max(initial=0.0) * 10 ** (SPEECH_DB / 10))
    if not power.any():
        return np.array([[0.0, len(samples) / sample_rate]])
    pauses = np.flatnonzero(np.diff(loud) > round(PAUSE_SECONDS / FRAME_SECONDS))
    begins, ends = loud[np.append(0, pauses + 1)], loud[np.append(pauses, -1)] + 1
    return np.column_stack([begins, ends]) * (frame / sample_rate)
