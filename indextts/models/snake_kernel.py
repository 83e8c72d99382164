"""The vocoder's activation as one Triton kernel: upsample, snake, downsample without a round trip to memory.

The three steps of `indextts.models.snake.AntiAliasedSnake` read and write arrays of twice the samples between
them. Here each output is computed from its twelve samples at twice the rate, which are computed again for each output
that needs them: arithmetic is what a GPU has to spare, memory traffic is what it lacks. docs/indextts2.md §10.

Import it only where Triton is installed; with `TRITON_INTERPRET=1` it runs on the CPU, for tests.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

BLOCK = 1024
"""Outputs of one program."""
MARGIN = 6
"""Outputs next to a row's end that depend on samples past it."""


@triton.jit
def _snake(row, index, odd, last, frequency, gain, taps, EDGE: tl.constexpr):
    """Snake of the upsampled row at `2 * index + odd`, float32. A row repeats its first and its last frame."""
    value = tl.zeros_like(index).to(tl.float32)
    for tap in tl.static_range(6):
        # The odd samples begin one frame later than the even ones (see UpSample).
        at = index + (tap - 3) + odd
        if EDGE:
            at = tl.minimum(tl.maximum(at, 0), last)
            weight = tl.where(odd == 1, tl.load(taps + 6 + tap), tl.load(taps + tap))
        else:
            weight = tl.load(taps + 6 * odd + tap)
        value += weight * tl.load(row + at).to(tl.float32)
    wave = tl.sin(value * frequency)
    return value + gain * wave * wave


@triton.jit
def _filtered(row, at, last, frequency, gain, up, down, EDGE: tl.constexpr):
    """The activation at the outputs `at`, float32."""
    total = tl.zeros_like(at).to(tl.float32)
    for tap in tl.static_range(12):
        if EDGE:
            # The doubled row repeats its first and its last sample: an even one and an odd one.
            sample = tl.minimum(tl.maximum(2 * at + (tap - 5), 0), 2 * last + 1)
            value = _snake(row, sample // 2, sample % 2, last, frequency, gain, up, EDGE)
        else:
            odd: tl.constexpr = (tap + 1) % 2
            value = _snake(row, at + (tap - 5 - odd) // 2, odd, last, frequency, gain, up, EDGE)
        total += tl.load(down + tap) * value
    return total


@triton.jit
def _activation(
    x, y, lengths, frequencies, gains, up, down, channels, frames, MARGIN: tl.constexpr, BLOCK: tl.constexpr
):
    pair = tl.program_id(0)
    # In 64 bits: a batch may have more than 2^31 samples.
    row = x + pair.to(tl.int64) * frames
    length = tl.load(lengths + pair // channels).to(tl.int32)
    frequency, gain = tl.load(frequencies + pair % channels), tl.load(gains + pair % channels)
    start = tl.program_id(1) * BLOCK
    at = start + tl.arange(0, BLOCK)
    if (start >= MARGIN) & (start + BLOCK + MARGIN <= length):
        total = _filtered(row, at, length - 1, frequency, gain, up, down, False)
    else:
        total = _filtered(row, at, length - 1, frequency, gain, up, down, True)
        total = tl.where(at < length, total, 0.0)
    tl.store(y + pair.to(tl.int64) * frames + at, total.to(y.dtype.element_ty), mask=at < frames)


def activation(x: Tensor, lengths: Tensor, frequency: Tensor, gain: Tensor, up: Tensor, down: Tensor) -> Tensor:
    """SnakeBeta at twice the rate between two low-pass filters, each row to its own end.

    Args:
        x: (B, C, T), contiguous, any floating format; the arithmetic is float32.
        lengths: (B,) int, frames of each row, 1 to T.
        frequency, gain: (C,) float32 factors of the snake, from `indextts.models.snake.SnakeBeta.factors`.
        up: (12,) float32, taps of the even and then of the odd samples, from
            `indextts.models.snake.UpSample.taps`.
        down: (12,) float32, taps of the second filter in the order of the doubled row.

    Returns:
        (B, C, T) in the format of `x`; zero past each row's end.
    """
    x = x.contiguous()
    batch, channels, frames = x.shape
    y = torch.empty_like(x)
    grid = (batch * channels, triton.cdiv(frames, BLOCK))
    _activation[grid](
        x, y, lengths, frequency, gain, up, down, channels, frames, MARGIN=MARGIN, BLOCK=BLOCK, num_warps=4
    )
    return y
