"""The vocoder's activation: SnakeBeta at twice the rate between two low-pass filters. docs/indextts2.md §10.

On a GPU all of it is one kernel (`indextts.models.snake_kernel`), or where that cannot be had, the filters are
depthwise convolutions. On a CPU those are slow, and arrays of whole rows leave the caches between one operation and the
next: there filters are sums of shifted copies, a block of channels at a time (`AntiAliasedSnake.by_blocks`).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..device.acceleration import Acceleration
from .row_ends import RowEnds

FILTER_TAPS = 12
REACH = FILTER_TAPS // 4
"""Frames that a resampling filter looks at beyond either end."""
SNAKE_EPSILON = 1e-9
"""Added to SnakeBeta's divisor."""
CPU_BLOCK = 1 << 19
"""Samples of a block: 2 MB in float32. Smaller ones pay for calls, larger ones for memory."""


def kaiser_sinc_filter(taps: int = FILTER_TAPS, cutoff: float = 0.25, half_width: float = 0.3) -> Tensor:
    """Low-pass filter, a sinc windowed by Kaiser's formula for the transition `half_width`: (1, 1, taps), sum 1.

    Cutoff and half width are fractions of the sampling rate; the defaults halve the bandwidth.
    """
    attenuation = 2.285 * (taps // 2 - 1) * math.pi * 4 * half_width + 7.95
    if attenuation > 50.0:
        beta = 0.1102 * (attenuation - 8.7)
    elif attenuation >= 21.0:
        beta = 0.5842 * (attenuation - 21.0) ** 0.4 + 0.07886 * (attenuation - 21.0)
    else:
        beta = 0.0
    window = torch.kaiser_window(taps, periodic=False, beta=beta)
    time = torch.arange(taps) - (taps - 1) / 2
    filter_ = 2 * cutoff * window * torch.sinc(2 * cutoff * time)
    return (filter_ / filter_.sum()).view(1, 1, taps)


class LowPass(nn.Module):
    """Holds the taps of one resampling filter as `filter` (1, 1, 12)."""

    filter: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("filter", kaiser_sinc_filter())


def fir(x: Tensor, taps: Tensor) -> Tensor:
    """Filter every channel of x (B, C, T) with the same taps (1, 1, K), as a convolution does -> (B, C, T - K + 1)."""
    channels = x.shape[1]
    return F.conv1d(x, taps.expand(channels, -1, -1), groups=channels)


def add_fir(out: Tensor, x: Tensor, taps: Tensor) -> None:
    """Add x (C, T + K - 1), filtered with taps (1, 1, K), to `out` (C, T): a sum of shifted copies."""
    for shift, tap in enumerate(taps.flatten().tolist()):
        out.add_(x[:, shift : shift + out.shape[1]], alpha=tap)


class UpSample(LowPass):
    """Doubles the rate, low-passed, ends repeated: (B, C, T) -> even and odd samples, (B, C, T) each.

    A transposed convolution of stride 2 whose outputs are kept apart: every other tap belongs to the even ones. Two
    plain filters are several times faster than the transposed one.
    """

    def taps(self) -> tuple[Tensor, Tensor]:
        """Taps of the even and of the odd samples, (1, 1, 6) each. The odd ones begin one frame later."""
        # Twice the taps, since the zeros between the inputs take half of the level away.
        even, odd = (2 * self.filter[..., phase::2].flip(-1) for phase in (1, 0))
        return even, odd

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        even_taps, odd_taps = self.taps()
        padded = F.pad(x, (REACH, REACH), mode="replicate")
        return fir(padded[..., :-1], even_taps), fir(padded[..., 1:], odd_taps)


class DownSample(nn.Module):
    """Halves the rate, low-passed first, ends repeated: even and odd samples (B, C, T) each -> (B, C, T).

    The signal begins with an even sample and ends with an odd one: these two are what is repeated.
    """

    def __init__(self) -> None:
        super().__init__()
        self.lowpass = LowPass()

    def taps(self) -> tuple[Tensor, Tensor]:
        """Taps of the even and of the odd samples, (1, 1, 6) each."""
        odd, even = (self.lowpass.filter[..., phase::2] for phase in (0, 1))
        return even, odd

    def forward(self, even: Tensor, odd: Tensor) -> Tensor:
        even_taps, odd_taps = self.taps()
        even_padded = F.pad(even, (REACH - 1, REACH), mode="replicate")
        even_padded[..., -REACH:] = odd[..., -1:]
        odd_padded = F.pad(odd, (REACH, REACH - 1), mode="replicate")
        odd_padded[..., :REACH] = even[..., :1]
        return fir(even_padded, even_taps).add_(fir(odd_padded, odd_taps))


class SnakeBeta(nn.Module):
    """x + sin^2(e^alpha x) / e^beta, a pair of parameters per channel (Ziyin et al., 2020; Lee et al., 2023)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.zeros(channels))
        self.beta = nn.Parameter(torch.zeros(channels))

    def factors(self) -> tuple[Tensor, Tensor]:
        """Frequency and gain of each channel, (C, 1) each."""
        return self.alpha.exp()[:, None], 1.0 / (self.beta.exp() + SNAKE_EPSILON)[:, None]

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T) -> (B, C, T), in place."""
        frequency, gain = self.factors()
        wave = (x * frequency).sin_()
        return x.addcmul_(wave.mul_(wave), gain)


class AntiAliasedSnake(nn.Module):
    """SnakeBeta at twice the rate, so that the harmonics it makes do not fold back."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.act = SnakeBeta(channels)
        self.upsample = UpSample()
        self.downsample = DownSample()
        self.acceleration = Acceleration("the vocoder")

    def forward(self, x: Tensor, ends: RowEnds | None = None) -> Tensor:
        """(B, C, T) -> (B, C, T). Frames of x past its row ends may be overwritten."""
        if x.device.type == "cpu" and x.dtype == torch.float32:
            return self.by_blocks(x, ends)
        return self.acceleration.run(self.in_one_kernel, self.by_filters, x, ends)

    def in_one_kernel(self, x: Tensor, ends: RowEnds | None = None) -> Tensor:
        """`forward` as one Triton kernel, its arithmetic in float32; zero past each row's end."""
        from .snake_kernel import activation

        frequency, gain = (factor.flatten().float() for factor in self.act.factors())
        up = torch.cat([taps.flatten() for taps in self.upsample.taps()]).float()
        lengths = torch.full((len(x),), x.shape[2], device=x.device) if ends is None else ends.lengths
        return activation(x, lengths, frequency, gain, up, self.downsample.lowpass.filter.flatten().float())

    def by_filters(self, x: Tensor, ends: RowEnds | None = None) -> Tensor:
        """`forward` as convolutions and element-wise operations."""
        if ends is not None:
            x = ends.repeat(x, ends.last(x), REACH)
        even, odd = (self.act(samples) for samples in self.upsample(x))
        if ends is not None:
            last = ends.last(odd)
            even, odd = (ends.repeat(samples, last, REACH) for samples in (even, odd))
        return self.downsample(even, odd)

    def by_blocks(self, x: Tensor, ends: RowEnds | None = None) -> Tensor:
        """`forward` with all steps over a block of channels before the next, which stays in the caches of a CPU.

        A row is done as long as it is; past its end the result is zero.
        """
        y = torch.zeros_like(x)
        lengths = [x.shape[2]] * len(x) if ends is None else ends.lengths.tolist()
        frequency, gain = self.act.factors()
        for source, target, length in zip(x, y, lengths, strict=True):
            channels = max(1, CPU_BLOCK // length)
            memory = x.new_empty(4, min(channels, x.shape[1]), length + 2 * REACH)
            for start in range(0, x.shape[1], channels):
                block = slice(start, start + channels)
                self._block(source[block, :length], target[block, :length], frequency[block], gain[block], memory)
        return y

    def _block(self, x: Tensor, y: Tensor, frequency: Tensor, gain: Tensor, memory: Tensor) -> None:
        """Add the activation of x (C, T), some channels of a row with their factors (C, 1), to y (C, T)."""
        channels, length = x.shape
        padded, even_padded, odd_padded, wave = memory[:, :channels]
        padded[:, REACH:-REACH] = x
        padded[:, :REACH], padded[:, -REACH:] = x[:, :1], x[:, -1:]
        # Where the samples lie in what the second filter looks at: see DownSample.
        even, odd = even_padded[:, REACH - 1 : REACH - 1 + length], odd_padded[:, REACH : REACH + length]
        wave = wave[:, :length]
        for samples, source, taps in zip((even, odd), (padded, padded[:, 1:]), self.upsample.taps(), strict=True):
            samples.zero_()
            add_fir(samples, source, taps)
            torch.mul(samples, frequency, out=wave).sin_()
            samples.addcmul_(wave.mul_(wave), gain)
        even_padded[:, : REACH - 1], odd_padded[:, :REACH] = even[:, :1], even[:, :1]
        even_padded[:, REACH - 1 + length :], odd_padded[:, REACH + length :] = odd[:, -1:], odd[:, -1:]
        for padded_samples, taps in zip((even_padded, odd_padded), self.downsample.taps(), strict=True):
            add_fir(y, padded_samples, taps)
