"""From codes to the flow's condition: GPT latents mapped to codec width, then stretched to mel frames.

docs/indextts2.md §8. Both modules have the key names of `s2mel.pth` `["net"]["gpt_layer"]` and
`["net"]["length_regulator"]`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .padding import length_mask

FRAMES_PER_CODE = 1.72
"""Mel frames per semantic code: 86.13 frames and 50.08 codes a second."""


def target_frames(codes: int) -> int:
    """Mel frames for `codes` semantic codes: trunc(1.72 n)."""
    return int(codes * FRAMES_PER_CODE)


class GPTLayer(nn.Sequential):
    """GPT latents (..., D) -> codec width (..., C), by linear maps with nothing between them.

    Left as three: their product would be one multiplication of 1280 x 1024 a code instead of 492 thousand.
    """

    def __init__(self, sizes: Sequence[int] = (1280, 256, 128, 1024)) -> None:
        super().__init__(*(nn.Linear(a, b) for a, b in pairwise(sizes)))


@dataclass(frozen=True)
class LengthRegulatorConfig:
    """Sizes of the length regulator (config.yaml `s2mel.length_regulator`)."""

    channels: int = 512
    in_channels: int = 1024
    sampling_ratios: tuple[int, ...] = (1, 1, 1, 1)
    """Only their number matters: one convolution each."""


class RowNorm(nn.GroupNorm):
    """GroupNorm with one group: statistics over all channels and the row's valid frames."""

    def __init__(self, channels: int) -> None:
        super().__init__(1, channels)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """X (B, C, T), mask (B, 1, T) bool -> (B, C, T); the padding of the result has no meaning."""
        if mask is None:
            return super().forward(x)
        count = mask.sum((1, 2), keepdim=True) * x.shape[1]
        mean = torch.where(mask, x, 0).sum((1, 2), keepdim=True) / count
        centred = torch.where(mask, x - mean, 0)
        variance = centred.square().sum((1, 2), keepdim=True) / count
        normed = centred * torch.rsqrt(variance + self.eps)
        return normed * self.weight[:, None] + self.bias[:, None]


def stretch(x: Tensor, lengths: Tensor, target_lengths: Tensor, size: int) -> Tensor:
    """Nearest interpolation of every row to its own length: x (B, n, C) -> (B, size, C).

    Frame i of a row is its frame `floor(i * (n / target))`, in float32 like `F.interpolate`: exact integers
    would differ where the product lands just below a whole number.
    """
    scale = lengths.to(torch.float32) / target_lengths.to(torch.float32)
    source = (torch.arange(size, device=x.device, dtype=torch.float32) * scale[:, None]).floor().long()
    source = torch.minimum(source, lengths[:, None] - 1)
    return x.gather(1, source[..., None].expand(-1, -1, x.shape[2]))


class LengthRegulator(nn.Module):
    """Semantic embeddings at 50 Hz -> condition at the mel frame rate."""

    def __init__(self, config: LengthRegulatorConfig) -> None:
        super().__init__()
        channels = config.channels
        self.content_in_proj = nn.Linear(config.in_channels, channels)
        layers: list[nn.Module] = []
        for _ in config.sampling_ratios:
            layers += [nn.Conv1d(channels, channels, 3, padding=1), RowNorm(channels), nn.Mish()]
        self.model = nn.Sequential(*layers, nn.Conv1d(channels, channels, 1))

    def forward(self, x: Tensor, x_lengths: Tensor, target_lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Stretch every row from `x_lengths` to `target_lengths` frames.

        x (B, n, C), x_lengths (B,) int64, target_lengths (B,) int64, at least 1
        -> condition (B, T, D), zero beyond each row's end, and mask (B, T) bool; T is the longest target.
        """
        size = int(target_lengths.max())
        padded = int(target_lengths.min()) < size
        x_lengths, target_lengths = x_lengths.to(x.device), target_lengths.to(x.device)
        mask = length_mask(target_lengths, size)
        y = self.content_in_proj(x.to(self.content_in_proj.weight.dtype))
        y = stretch(y, x_lengths, target_lengths, size).transpose(1, 2)
        inside = mask[:, None]
        for layer in self.model:
            if isinstance(layer, RowNorm):
                y = layer(y, inside if padded else None)
            elif isinstance(layer, nn.Conv1d):
                y = layer(y.masked_fill(~inside, 0) if padded else y)
            else:
                y = F.mish(y)
        return y.masked_fill(~inside, 0).transpose(1, 2), mask
