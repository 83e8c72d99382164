"""Where something is heard in an utterance, and where there are pauses."""

from __future__ import annotations

import numpy as np

FRAME_SECONDS = 0.01
SPEECH_DB = -35.0
"""A frame within this of the loudest counts as speech."""
PAUSE_SECONDS = 0.12
"""Quiet for longer is a pause, in which no word lies; shorter ones are the closures of p, t and k."""


def audible_stretches(samples: np.ndarray, sample_rate: int) -> np.ndarray:
    """(K, 2) seconds: where the sound of (N,) int16 samples begins and ends, K >= 1; all of it where it is silent."""
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
