"""BigVGAN v2: mel spectrogram to waveform. docs/indextts2.md §10.

Key names are those of `bigvgan_generator.pt` `["generator"]`. A padded batch gives what each row gives alone:
before every convolution the frames just past a row's end are zeroed, before every resampling filter they repeat
the row's last frame, exactly as the layers themselves do at the end of the batch (`RowEnds`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from ..device.acceleration import Acceleration
from ..device.row_threads import check_given_up
from .padding import length_mask
from .row_ends import RowEnds
from .snake import AntiAliasedSnake
from .weight_norm import WeightNormConv1d, WeightNormConvTranspose1d, fuse_weight_norm


@dataclass(frozen=True)
class BigVGANConfig:
    """Sizes of the vocoder (its `config.json`); the defaults are those of bigvgan_v2_22khz_80band_256x."""

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
            x = y.add_(x)
        return x


class BigVGAN(nn.Module):
    """Generator of the published vocoder. Call `fuse` once the checkpoint is loaded."""

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
        self.acceleration = Acceleration("the vocoder")
        for module in self.modules():
            if isinstance(module, AntiAliasedSnake):
                module.acceleration = self.acceleration

    def fuse(self) -> None:
        """Turn weight-normalised layers into plain ones, in place."""
        fuse_weight_norm(self)

    def forward(self, mel: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Log-mel (B, 80, T), lengths (B,) int frames or `None` for full rows -> waveform (B, 256 T) in [-1, 1].

        22 050 Hz; zero past each row's end.

        Raises:
            ValueError: a length is below 1 or above T.
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
            check_given_up()
            x = up(x if ends is None else ends.zero(x, 1))
            ends = ends if ends is None else ends.at_rate(rate)
            blocks = self.resblocks[stage * blocks_per_stage : (stage + 1) * blocks_per_stage]
            x = sum(block(x, ends) for block in blocks) / blocks_per_stage
        x = self.activation_post(x, ends)
        x = self.conv_post(x if ends is None else ends.zero(x, self.conv_post.padding))
        wav = x.squeeze(1).clamp(-1.0, 1.0)
        return wav if ends is None else wav * length_mask(ends.lengths, wav.shape[1])
