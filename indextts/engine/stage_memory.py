"""Memory that flow and vocoder need for a frame while they work, by formula. docs/indextts2.md §12.

Counted for eager layers, which keep more than compiled ones; without what libraries take for themselves.
"""

from __future__ import annotations

import torch

from ..models.bigvgan import BigVGANConfig
from ..models.transformer import DiTConfig

_FLOAT32 = 4


def flow_bytes_per_frame(config: DiTConfig, dtype: torch.dtype, guided: bool = True) -> int:
    """Bytes at the flow's peak for one frame of one row, its unconditional twin included if `guided`."""
    dim, item = config.hidden_dim, dtype.itemsize
    # Frame terms, four states between layers, and the skips that wait for the deeper half.
    kept = (5 + config.depth // 2) * dim * item
    # Rotary positions are float32: q, k and v, the former two once more where that is a conversion, and four parts of
    # them.
    rotary = dim * (3 * item + (2 * _FLOAT32 if item < _FLOAT32 else 0) + 4 * _FLOAT32)
    # Two products as one, the gate, and the gated.
    feed_forward = 4 * config.intermediate_dim * item
    path = 2 * config.in_channels * _FLOAT32
    return (2 if guided else 1) * (kept + max(rotary, feed_forward) + path)


def vocoder_bytes_per_frame(config: BigVGANConfig, dtype: torch.dtype) -> int:
    """Bytes at the vocoder's peak for one mel frame of one row: ten states of its widest stage, two of them at twice
    the rate.
    """
    widest, channels, samples = 0, config.upsample_initial_channel, 1
    for rate in config.upsample_rates:
        channels, samples = channels // 2, samples * rate
        widest = max(widest, channels * samples)
    return 10 * widest * dtype.itemsize


def bytes_per_frame(
    flow: DiTConfig, flow_dtype: torch.dtype, vocoder: BigVGANConfig, vocoder_dtype: torch.dtype
) -> int:
    """Bytes for a frame of the flow budget, of which a frame of the vocoder counts as two."""
    return max(flow_bytes_per_frame(flow, flow_dtype), vocoder_bytes_per_frame(vocoder, vocoder_dtype) // 2)
