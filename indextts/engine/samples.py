"""Finished samples: 16-bit conversion, pauses between segments, WAV files. docs/indextts2.md §10."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from .silence import silence_samples

PCM_PEAK = 32767.0
"""Samples of 1.0 become 32767, and -32768 never occurs."""


def to_pcm_scale(samples: Tensor) -> Tensor:
    """[-1, 1] -> [-32767, 32767], float32 of the same shape."""
    return (samples * PCM_PEAK).clamp(-PCM_PEAK, PCM_PEAK)


def to_int16(samples: Tensor) -> Tensor:
    """[-1, 1] -> int16 of the same shape, truncated towards zero."""
    return to_pcm_scale(samples).to(torch.int16)


def pause(milliseconds: float, sampling_rate: int) -> Tensor:
    """A pause of so many milliseconds: zeros (m,), none for a length of zero or less."""
    return torch.zeros(silence_samples(milliseconds, sampling_rate))


def join_segments(segments: Sequence[Tensor], milliseconds: float, sampling_rate: int) -> Tensor:
    """Join segments (n_i,) with a pause between each two -> (N,)."""
    silence = pause(milliseconds, sampling_rate)
    parts = [segments[0]]
    for segment in segments[1:]:
        parts += [silence, segment]
    return torch.cat(parts)


def write_wav(path: str | Path, samples: Tensor, sampling_rate: int) -> None:
    """Write [-1, 1] samples (N,) as 16-bit PCM WAV, whole or not at all; the folder is created."""
    import soundfile

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        soundfile.write(partial, to_int16(samples).numpy(), sampling_rate, subtype="PCM_16", format="WAV")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
