"""Weight-normalised layers: loaded as the checkpoint stores them, fused to plain weights afterwards.

The published files keep `weight_g` (gain) and `weight_v` (direction) of each weight-normalised layer:
`weight = weight_g * weight_v / ||weight_v||`, the norm taken over every axis but the first
(Salimans and Kingma, 2016; docs/indextts2.md §11). A module is built with these layers, loaded strictly, and then
`fuse_weight_norm` replaces the pair by the one plain `weight` that the forward pass needs.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class WeightNormLayer(nn.Module):
    """Base of the layers below: holds `weight_g`, `weight_v` and `bias`, or `weight` and `bias` once fused.

    `shape` is that of the plain weight; `weight_g` has the same first axis and ones elsewhere.
    """

    def __init__(self, shape: tuple[int, ...], bias_size: int | None) -> None:
        super().__init__()
        self.weight_g = nn.Parameter(torch.empty(shape[0], *[1] * (len(shape) - 1)))
        self.weight_v = nn.Parameter(torch.empty(shape))
        self.bias = nn.Parameter(torch.empty(bias_size)) if bias_size is not None else None

    def plain_weight(self) -> Tensor:
        """The weight the layer applies, of the shape given to the constructor."""
        if "weight" in self._parameters:
            return self.weight
        axes = tuple(range(1, self.weight_v.ndim))
        return self.weight_v * (self.weight_g / torch.linalg.vector_norm(self.weight_v, dim=axes, keepdim=True))

    @torch.no_grad()
    def fuse(self) -> None:
        """Replace `weight_g` and `weight_v` by `weight`; a second call does nothing."""
        if "weight" in self._parameters:
            return
        self.weight = nn.Parameter(self.plain_weight(), requires_grad=False)
        del self.weight_g, self.weight_v


class WeightNormLinear(WeightNormLayer):
    """(..., in_features) -> (..., out_features)."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__((out_features, in_features), out_features)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.plain_weight(), self.bias)


class WeightNormConv1d(WeightNormLayer):
    """(B, in_channels, T) -> (B, out_channels, T'), zero padding of `padding` frames on both sides."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        dilation: int = 1,
        padding: int = 0,
        bias: bool = True,
    ) -> None:
        super().__init__((out_channels, in_channels, kernel_size), out_channels if bias else None)
        self.kernel_size, self.dilation, self.padding = kernel_size, dilation, padding

    def forward(self, x: Tensor, shift: Tensor | None = None) -> Tensor:
        """`shift` (out_channels,) is added to every frame on top of the bias."""
        bias = shift if self.bias is None else self.bias if shift is None else self.bias + shift
        return F.conv1d(x, self.plain_weight(), bias, padding=self.padding, dilation=self.dilation)


class WeightNormConvTranspose1d(WeightNormLayer):
    """(B, in_channels, T) -> (B, out_channels, T * stride), for `kernel_size - stride` even.

    The gain belongs to the input channels, since the stored weight is (in, out, kernel).
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int) -> None:
        super().__init__((in_channels, out_channels, kernel_size), out_channels)
        self.stride, self.padding = stride, (kernel_size - stride) // 2

    def forward(self, x: Tensor) -> Tensor:
        return F.conv_transpose1d(x, self.plain_weight(), self.bias, stride=self.stride, padding=self.padding)


def fuse_weight_norm(module: nn.Module) -> None:
    """Fuse every weight-normalised layer inside `module`, in place; call it once the checkpoint is loaded."""
    for layer in module.modules():
        if isinstance(layer, WeightNormLayer):
            layer.fuse()
