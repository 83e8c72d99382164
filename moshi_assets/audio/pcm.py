"""Sample formats: everything stored is int16; conversions happen here and nowhere else."""

from __future__ import annotations

import numpy as np
import soxr

FULL_SCALE = 32767


class Unspeakable(ValueError):
    """Audio that must not reach a dataset: empty, silent, not finite or not mono."""


def to_pcm16(audio: np.ndarray) -> np.ndarray:
    """(N,) float in [-1, 1] or int16 -> (N,) int16 as IndexTTS2's `infer` writes it: 32767 y, cut (not rounded) towards
    zero, clipped at full scale.

    Raises:
        Unspeakable: not one-dimensional, empty, all zero, NaN or infinite.
    """
    if audio.ndim != 1:
        raise Unspeakable(f"audio has shape {audio.shape}, not (samples,)")
    if audio.size == 0:
        raise Unspeakable("audio is empty")
    if audio.dtype != np.int16:
        if not np.isfinite(audio).all():
            raise Unspeakable("audio holds NaN or infinite samples")
        audio = np.clip(audio * np.float32(FULL_SCALE), -FULL_SCALE, FULL_SCALE).astype(np.int16)
    if not audio.any():
        raise Unspeakable("audio is silent (every sample is zero)")
    return audio


def resampled_frames(frames: int, rate: int, target: int) -> int:
    """Length of what `resample` gives for so many frames: to the nearest."""
    return (2 * frames * target + rate) // (2 * rate)


def resample(pcm: np.ndarray, rate: int, target: int) -> np.ndarray:
    """(N,) int16 at `rate` Hz -> (resampled_frames(N, rate, target),) int16 at `target` Hz (soxr, high quality)."""
    if rate == target:
        return pcm
    wave = soxr.resample(pcm.astype(np.float32) / np.float32(FULL_SCALE), rate, target, quality="HQ")
    resampled = np.clip(np.rint(wave * np.float32(FULL_SCALE)), -FULL_SCALE, FULL_SCALE).astype(np.int16)
    frames = resampled_frames(len(pcm), rate, target)
    if len(resampled) == frames:
        return resampled
    return np.append(
        resampled[:frames], np.zeros(max(0, frames - len(resampled)), np.int16)
    )  # one more or less, rarely
