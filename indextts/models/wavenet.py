"""The flow's WaveNet head: gated convolutions with reflected row ends. docs/indextts2.md §9.

Key names are those below `estimator.wavenet.` in `s2mel.pth`. A row's frames end where the row ends, not where
the batch does: before every convolution the frames past its end mirror those before it, so a padded batch gives
what each row gives alone (docs/indextts2.md §12; the published code reflects at the batch's end).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .weight_norm import WeightNormConv1d


@dataclass(frozen=True)
class WaveNetConfig:
    """Sizes of the WaveNet (config.yaml `s2mel.wavenet`)."""

    hidden_dim: int = 512
    num_layers: int = 8
    kernel_size: int = 5
    dilation_rate: int = 1

    @property
    def reach(self) -> int:
        """Frames the widest convolution looks to either side."""
        return (self.kernel_size - 1) * self.dilation_rate ** (self.num_layers - 1) // 2

    @property
    def total_reach(self) -> int:
        """Frames that all layers together look to either side."""
        return sum((self.kernel_size - 1) * self.dilation_rate**i // 2 for i in range(self.num_layers))


def reflect_ends(x: Tensor, lengths: Tensor | None, reach: int) -> Tensor:
    """X (B, C, T) -> (B, C, T + 2 * reach), each row mirrored at its own ends.

    lengths (B,) int64 valid frames, more than `reach` each; `None` if every row has T.
    """
    padded = F.pad(x, (reach, reach), mode="reflect")
    if lengths is None:
        return padded
    offset = torch.arange(reach, device=x.device)
    beyond = (reach + lengths[:, None] + offset)[:, None].expand(-1, x.shape[1], -1)
    mirror = (lengths[:, None] - 2 - offset)[:, None].expand(-1, x.shape[1], -1)
    return padded.scatter_(2, beyond, x.gather(2, mirror))


class PaddedConv(nn.Module):
    """A weight-normalised convolution under the name `conv.conv` it has in the checkpoint."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int = 1, dilation: int = 1) -> None:
        super().__init__()
        self.conv = nn.ModuleDict({"conv": WeightNormConv1d(in_channels, out_channels, kernel_size, dilation)})
        self.reach = (kernel_size - 1) * dilation // 2

    def forward(self, x: Tensor, shift: Tensor | None = None) -> Tensor:
        """X (B, C_in, T + 2 * reach) -> (B, C_out, T); `shift` (C_out,) is added to every frame."""
        return self.conv["conv"](x, shift)


class WaveNet(nn.Module):
    """(B, H, T) -> (B, H, T): the sum of all layers' skip outputs."""

    def __init__(self, config: WaveNetConfig) -> None:
        super().__init__()
        hidden, layers = config.hidden_dim, config.num_layers
        dilations = (config.dilation_rate**i for i in range(layers))
        self.in_layers: Sequence[PaddedConv] = nn.ModuleList(  # type: ignore[assignment]
            PaddedConv(hidden, 2 * hidden, config.kernel_size, dilation) for dilation in dilations
        )
        # The last layer has nothing to pass on, only its skip output.
        self.res_skip_layers = nn.ModuleList(
            PaddedConv(hidden, 2 * hidden if i < layers - 1 else hidden) for i in range(layers)
        )
        self.cond_layer = PaddedConv(hidden, 2 * hidden * layers)

    def time_shifts(self, embedding: Tensor) -> Tensor:
        """Time embeddings (S, H) -> what each layer adds before its gates (S, layers, 2 H)."""
        return self.cond_layer(embedding[..., None])[..., 0].unflatten(1, (len(self.in_layers), -1))

    def forward(self, x: Tensor, shifts: Tensor, lengths: Tensor | None) -> Tensor:
        """X (B, H, T), shifts (layers, 2 H) of one time, lengths (B,) int64 or `None` for full rows -> (B, H, T)."""
        skips = torch.zeros_like(x)
        last = len(self.in_layers) - 1
        for i, (in_layer, res_skip_layer) in enumerate(zip(self.in_layers, self.res_skip_layers, strict=True)):
            gates = in_layer(reflect_ends(x, lengths, in_layer.reach), shifts[i])
            filtered, gate = gates.chunk(2, dim=1)
            out = res_skip_layer(torch.tanh(filtered) * torch.sigmoid(gate))
            if i < last:
                residual, skip = out.chunk(2, dim=1)
                x = x + residual
                skips += skip
            else:
                skips += out
        return skips
