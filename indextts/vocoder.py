"""BigVGAN v2: mel spectrogram to waveform. docs/indextts2.md §10.

Key names are those of ``bigvgan_generator.pt`` ``["generator"]``. A padded batch gives what each row gives alone:
before every convolution the frames just past a row's end are zeroed, before every resampling filter they repeat
the row's last frame, exactly as the layers themselves do at the end of the batch (:class:`RowEnds`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from indextts.padding import length_mask
from indextts.weight_norm import WeightNormConv1d, WeightNormConvTranspose1d, fuse_weight_norm

FILTER_TAPS = 12
# Added to SnakeBeta's divisor.
SNAKE_EPSILON = 1e-9


@dataclass(frozen=True)
class BigVGANConfig:
    """Sizes of the vocoder (its ``config.json``); the defaults are those of bigvgan_v2_22khz_80band_256x."""

    num_mels: int = 80
    upsample_initial_channel: int = 1536
    upsample_rates: tuple[int, ...] = (4, 4, 2, 2, 2, 2)
    upsample_kernel_sizes: tuple[int, ...] = (8, 8, 4, 4, 4, 4)
    resblock_kernel_sizes: tuple[int, ...] = (3, 7, 11)
    resblock_dilation_sizes: tuple[tuple[int, ...], ...] = ((1, 3, 5), (1, 3, 5), (1, 3, 5))

    @property
    def hop_length(self) -> int:
        """Samples per mel frame."""
        return math.prod(self.upsample_rates)


def kaiser_sinc_filter(taps: int = FILTER_TAPS, cutoff: float = 0.25, half_width: float = 0.3) -> Tensor:
    """Low-pass filter, a sinc windowed by Kaiser's formula for the transition ``half_width``: (1, 1, taps), sum 1.

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


class RowEnds:
    """Writes what belongs just past the end of each row of a padded batch, in place.

    Only a window as wide as the next layer looks is written. Where the window leaves the array, the layer's own
    padding takes over.
    """

    def __init__(self, lengths: Tensor) -> None:
        """lengths (B,) int64 at the current rate, at least 1."""
        self.lengths = lengths

    def at_rate(self, factor: int) -> RowEnds:
        """The ends after upsampling by ``factor``."""
        return RowEnds(self.lengths * factor)

    def _window(self, x: Tensor, reach: int) -> Tensor:
        """Positions (B, C, reach) past each row's end, cut off at the last of the array."""
        offset = torch.arange(reach, device=x.device)
        positions = (self.lengths[:, None] + offset).clamp_(max=x.shape[2] - 1)
        return positions[:, None].expand(-1, x.shape[1], -1)

    def zero(self, x: Tensor, reach: int) -> Tensor:
        """Zeroes ``reach`` frames past each row's end in x (B, C, T)."""
        window = self._window(x, reach)
        # A row that fills the array has its window cut off to its own last frame, which must stay.
        return x.scatter_(2, window, x.gather(2, window).masked_fill(window >= self.lengths[:, None, None], 0))

    def last(self, x: Tensor) -> Tensor:
        """The last frame of each row of x (B, C, T): (B, C, 1)."""
        return x.gather(2, (self.lengths - 1)[:, None, None].expand(-1, x.shape[1], 1))

    def repeat(self, x: Tensor, frame: Tensor, reach: int) -> Tensor:
        """Writes ``frame`` (B, C, 1) ``reach`` times past each row's end in x (B, C, T)."""
        window = self._window(x, reach)
        inside = window < self.lengths[:, None, None]
        return x.scatter_(2, window, torch.where(inside, x.gather(2, window), frame))


class LowPass(nn.Module):
    """Holds the taps of one resampling filter as ``filter`` (1, 1, 12)."""

    filter: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("filter", kaiser_sinc_filter())


def fir(x: Tensor, taps: Tensor) -> Tensor:
    """Filters every channel of x (B, C, T) with the same taps (1, 1, K), as a convolution does -> (B, C, T - K + 1).

    On a CPU as a sum of shifted copies: several times faster than a depthwise convolution.
    """
    if x.device.type != "cpu" or x.dtype != torch.float32:
        channels = x.shape[1]
        return F.conv1d(x, taps.expand(channels, -1, -1), groups=channels)
    first, *others = taps.flatten().tolist()
    frames = x.shape[2] - len(others)
    y = x[..., :frames] * first
    for shift, tap in enumerate(others, 1):
        y.add_(x[..., shift : shift + frames], alpha=tap)
    return y


class UpSample(LowPass):
    """Doubles the rate, low-passed, ends repeated: (B, C, T) -> even and odd samples, (B, C, T) each.

    A transposed convolution of stride 2 whose outputs are kept apart: every other tap belongs to the even ones. Two
    plain filters are several times faster than the transposed one.
    """

    reach = FILTER_TAPS // 4

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        # Twice the taps, since the zeros between the inputs take half of the level away.
        even_taps, odd_taps = (2 * self.filter[..., phase::2].flip(-1) for phase in (1, 0))
        padded = F.pad(x, (self.reach, self.reach), mode="replicate")
        return fir(padded[..., :-1], even_taps), fir(padded[..., 1:], odd_taps)


class DownSample(nn.Module):
    """Halves the rate, low-passed first, ends repeated: even and odd samples (B, C, T) each -> (B, C, T)."""

    reach = FILTER_TAPS // 4

    def __init__(self) -> None:
        super().__init__()
        self.lowpass = LowPass()

    def forward(self, even: Tensor, odd: Tensor) -> Tensor:
        reach = self.reach
        odd_taps, even_taps = (self.lowpass.filter[..., phase::2] for phase in (0, 1))
        # The signal begins with an even sample and ends with an odd one: these two are what is repeated.
        even_padded = F.pad(even, (reach - 1, reach), mode="replicate")
        even_padded[..., -reach:] = odd[..., -1:]
        odd_padded = F.pad(odd, (reach, reach - 1), mode="replicate")
        odd_padded[..., :reach] = even[..., :1]
        return fir(even_padded, even_taps).add_(fir(odd_padded, odd_taps))


class SnakeBeta(nn.Module):
    """x + sin^2(e^alpha x) / e^beta, a pair of parameters per channel (Ziyin et al., 2020; Lee et al., 2023)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.zeros(channels))
        self.beta = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T) -> (B, C, T), in place."""
        frequency = self.alpha.exp()[:, None]
        gain = 1.0 / (self.beta.exp() + SNAKE_EPSILON)[:, None]
        wave = (x * frequency).sin_()
        return x.addcmul_(wave.mul_(wave), gain)


class AntiAliasedSnake(nn.Module):
    """SnakeBeta at twice the rate, so that the harmonics it makes do not fold back."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.act = SnakeBeta(channels)
        self.upsample = UpSample()
        self.downsample = DownSample()

    def forward(self, x: Tensor, ends: RowEnds | None = None) -> Tensor:
        """(B, C, T) -> (B, C, T). Frames of x past its row ends are overwritten."""
        if ends is not None:
            x = ends.repeat(x, ends.last(x), self.upsample.reach)
        even, odd = (self.act(samples) for samples in self.upsample(x))
        if ends is not None:
            last = ends.last(odd)
            even, odd = (ends.repeat(samples, last, self.downsample.reach) for samples in (even, odd))
        return self.downsample(even, odd)


class AMPBlock(nn.Module):
    """Three residual pairs of convolutions, the first dilated, each behind an anti-aliased snake."""

    def __init__(self, channels: int, kernel_size: int, dilations: Sequence[int]) -> None:
        super().__init__()

        def conv(dilation: int) -> WeightNormConv1d:
            return WeightNormConv1d(channels, channels, kernel_size, dilation, (kernel_size - 1) * dilation // 2)

        self.convs1: Sequence[WeightNormConv1d] = nn.ModuleList(map(conv, dilations))  # type: ignore[assignment]
        self.convs2: Sequence[WeightNormConv1d] = nn.ModuleList(conv(1) for _ in dilations)  # type: ignore[assignment]
        self.activations = nn.ModuleList(AntiAliasedSnake(channels) for _ in range(2 * len(dilations)))

    def forward(self, x: Tensor, ends: RowEnds | None = None) -> Tensor:
        """(B, C, T) -> (B, C, T)."""
        convs = [conv for pair in zip(self.convs1, self.convs2, strict=True) for conv in pair]
        for first in range(0, len(convs), 2):
            y = x
            for i in (first, first + 1):
                y = self.activations[i](y, ends)
                y = convs[i](y if ends is None else ends.zero(y, convs[i].padding))
            x = x + y
        return x


class BigVGAN(nn.Module):
    """Generator of the published vocoder. Call :meth:`fuse` once the checkpoint is loaded."""

    def __init__(self, config: BigVGANConfig) -> None:
        super().__init__()
        self.config = config
        channels = config.upsample_initial_channel
        self.conv_pre = WeightNormConv1d(config.num_mels, channels, 7, padding=3)
        self.ups = nn.ModuleList()
        self.resblocks = nn.ModuleList()
        for rate, kernel_size in zip(config.upsample_rates, config.upsample_kernel_sizes, strict=True):
            self.ups.append(nn.Sequential(WeightNormConvTranspose1d(channels, channels // 2, kernel_size, rate)))
            channels //= 2
            for size, dilations in zip(config.resblock_kernel_sizes, config.resblock_dilation_sizes, strict=True):
                self.resblocks.append(AMPBlock(channels, size, dilations))
        self.activation_post = AntiAliasedSnake(channels)
        self.conv_post = WeightNormConv1d(channels, 1, 7, padding=3, bias=False)

    def fuse(self) -> None:
        """Turns weight-normalised layers into plain ones, in place."""
        fuse_weight_norm(self)

    def forward(self, mel: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Log-mel (B, 80, T), lengths (B,) int frames or ``None`` for full rows -> waveform (B, 256 T) in [-1, 1].

        22 050 Hz; zero past each row's end.

        Raises:
            ValueError: a length below 1 or above T.
        """
        ends = None
        if lengths is not None:
            low, high = int(lengths.min()), int(lengths.max())
            if low < 1 or high > mel.shape[2]:
                raise ValueError(f"mel lengths {low} to {high}: expected 1 to {mel.shape[2]} frames")
            if low < mel.shape[2]:
                # A copy: the frames past the row ends are written to.
                mel, ends = mel.clone(), RowEnds(lengths.to(mel.device))
        x = self.conv_pre(mel if ends is None else ends.zero(mel, self.conv_pre.padding))
        blocks_per_stage = len(self.config.resblock_kernel_sizes)
        for stage, (rate, up) in enumerate(zip(self.config.upsample_rates, self.ups, strict=True)):
            x = up(x if ends is None else ends.zero(x, 1))
            ends = ends if ends is None else ends.at_rate(rate)
            blocks = self.resblocks[stage * blocks_per_stage : (stage + 1) * blocks_per_stage]
            x = torch.stack([block(x, ends) for block in blocks]).mean(dim=0)
        x = self.activation_post(x, ends)
        x = self.conv_post(x if ends is None else ends.zero(x, self.conv_post.padding))
        wav = x.squeeze(1).clamp(-1.0, 1.0)
        return wav if ends is None else wav * length_mask(ends.lengths, wav.shape[1])
