"""CAMPPlus: the 192 numbers that describe a speaker's style. docs/indextts2.md §2.

Wang et al., "CAM++: A Fast and Efficient Network for Speaker Verification Using Context-Aware Masking" (2023). The
module has the key names of `campplus_cn_common.bin`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STYLE_DIM = 192
MEL_BINS = 80
SEGMENT_FRAMES = 100
BLOCKS = ((12, 1), (24, 2), (16, 2))
"""(layers, dilation) of the three densely connected blocks; each layer adds GROWTH channels."""
GROWTH = 32
BOTTLENECK = 128


class BatchNormReLU(nn.Module):
    """Batch norm with the statistics of training, then ReLU unless `relu` is False."""

    def __init__(self, channels: int, relu: bool = True, affine: bool = True) -> None:
        super().__init__()
        self.batchnorm = nn.BatchNorm1d(channels, affine=affine)
        self.relu = relu

    def forward(self, x: Tensor) -> Tensor:
        x = self.batchnorm(x)
        return F.relu(x) if self.relu else x


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions over (frequency, time); `stride` shortens the frequency axis only."""

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, stride=(stride, 1), padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.shortcut = nn.Sequential()
        if stride != 1:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels, channels, 1, stride=(stride, 1), bias=False), nn.BatchNorm2d(channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


class ConvolutionHead(nn.Module):
    """(B, 80, T) -> (B, 320, T): frequency shortened 8 times and folded into 32 channels."""

    def __init__(self, channels: int = 32) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.layer1 = nn.Sequential(ResidualBlock(channels, 2), ResidualBlock(channels, 1))
        self.layer2 = nn.Sequential(ResidualBlock(channels, 2), ResidualBlock(channels, 1))
        self.conv2 = nn.Conv2d(channels, channels, 3, stride=(2, 1), padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.out_channels = channels * MEL_BINS // 8

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x.unsqueeze(1))))
        x = self.layer2(self.layer1(x))
        return F.relu(self.bn2(self.conv2(x))).flatten(1, 2)


class ContextAwareMask(nn.Module):
    """A convolution with a mask computed from the whole utterance and from segments of 100 frames."""

    def __init__(self, channels: int, out_channels: int, dilation: int) -> None:
        super().__init__()
        self.linear_local = nn.Conv1d(channels, out_channels, 3, padding=dilation, dilation=dilation, bias=False)
        self.linear1 = nn.Conv1d(channels, channels // 2, 1)
        self.linear2 = nn.Conv1d(channels // 2, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        segments = F.avg_pool1d(x, SEGMENT_FRAMES, stride=SEGMENT_FRAMES, ceil_mode=True)
        segments = segments.repeat_interleave(SEGMENT_FRAMES, dim=-1)[..., : x.shape[-1]]
        context = F.relu(self.linear1(x.mean(dim=-1, keepdim=True) + segments))
        return self.linear_local(x) * torch.sigmoid(self.linear2(context))


class DenseLayer(nn.Module):
    """(B, C, T) -> (B, 32, T), to be joined to its input."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.nonlinear1 = BatchNormReLU(channels)
        self.linear1 = nn.Conv1d(channels, BOTTLENECK, 1, bias=False)
        self.nonlinear2 = BatchNormReLU(BOTTLENECK)
        self.cam_layer = ContextAwareMask(BOTTLENECK, GROWTH, dilation)

    def forward(self, x: Tensor) -> Tensor:
        return self.cam_layer(self.nonlinear2(self.linear1(self.nonlinear1(x))))


class DenseBlock(nn.Module):
    """Layers `tdnnd1`, `tdnnd2`, …, each fed with the input and the output of all before it."""

    def __init__(self, layers: int, channels: int, dilation: int) -> None:
        super().__init__()
        for index in range(layers):
            self.add_module(f"tdnnd{index + 1}", DenseLayer(channels + index * GROWTH, dilation))
        self.out_channels = channels + layers * GROWTH

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.children():
            x = torch.cat([x, layer(x)], dim=1)
        return x


class Subsampling(nn.Module):
    """Convolution over 5 frames that halves the frame rate."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.linear = nn.Conv1d(channels, out_channels, 5, stride=2, padding=2, bias=False)
        self.nonlinear = BatchNormReLU(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.nonlinear(self.linear(x))


class Transition(nn.Module):
    """Halves the channels between two blocks."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.nonlinear = BatchNormReLU(channels)
        self.linear = nn.Conv1d(channels, channels // 2, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.nonlinear(x))


class StatisticsPooling(nn.Module):
    """(B, C, T) -> (B, 2C): mean and unbiased standard deviation over time."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x.mean(dim=-1), x.std(dim=-1, correction=1)], dim=-1)


class StyleProjection(nn.Module):
    """(B, C) -> (B, 192), batch-normalised without gain and bias."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.linear = nn.Conv1d(channels, STYLE_DIM, 1, bias=False)
        self.nonlinear = BatchNormReLU(STYLE_DIM, relu=False, affine=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.nonlinear(self.linear(x.unsqueeze(-1)).squeeze(-1))


class CAMPPlus(nn.Module):
    """Speaker-style network; always used in eval mode."""

    def __init__(self) -> None:
        super().__init__()
        self.head = ConvolutionHead()
        channels = 128
        stages: OrderedDict[str, nn.Module] = OrderedDict(tdnn=Subsampling(self.head.out_channels, channels))
        for index, (layers, dilation) in enumerate(BLOCKS, start=1):
            block = DenseBlock(layers, channels, dilation)
            stages[f"block{index}"] = block
            stages[f"transit{index}"] = Transition(block.out_channels)
            channels = block.out_channels // 2
        stages["out_nonlinear"] = BatchNormReLU(channels)
        stages["stats"] = StatisticsPooling()
        stages["dense"] = StyleProjection(2 * channels)
        self.xvector = nn.Sequential(stages)

    def forward(self, fbanks: Sequence[Tensor]) -> Tensor:
        """Mean-free filterbanks, (F_b, 80) each -> styles (B, 192).

        Rows run one by one: pooling and masks take statistics over a row's whole length, and the network is small.
        """
        return torch.cat([self.xvector(self.head(fbank.T.unsqueeze(0))) for fbank in fbanks])
