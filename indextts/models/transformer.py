"""The flow's transformer: blocks with adaptive norms, rotary positions and gated feed-forward. docs/indextts2.md §9.

Key names are those below `estimator.transformer.` in `s2mel.pth` `["net"]["cfm"]`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..device.packed_linear import PackedLinear
from .attention import RowAttention, attention_dtype
from .row_layout import RowLayout, rotate
from .wavenet import WaveNetConfig


@dataclass(frozen=True)
class DiTConfig:
    """Sizes of the estimator (config.yaml `s2mel.DiT` and `s2mel.wavenet`)."""

    hidden_dim: int = 512
    num_heads: int = 8
    depth: int = 13
    in_channels: int = 80
    content_dim: int = 512
    style_dim: int = 192
    wavenet: WaveNetConfig = field(default_factory=WaveNetConfig)

    @property
    def intermediate_dim(self) -> int:
        """Hidden width of the gated feed-forward: 8/3 of `hidden_dim`, rounded up to a multiple of 256."""
        return -(-int(8 * self.hidden_dim / 3) // 256) * 256


class RMSNorm(nn.Module):
    """x / rms(x) * weight, eps 1e-5."""

    eps = 1e-5

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))


class AdaptiveNorm(nn.Module):
    """scale(c) * RMSNorm(x) + shift(c), without the usual 1 + scale."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.project_layer = nn.Linear(dim, 2 * dim)
        self.norm = RMSNorm(dim)

    def table(self, embedding: Tensor) -> Tensor:
        """Time embeddings (S, D) -> scale (with the norm's own weight in it) and shift (S, 2, D)."""
        scale, shift = self.project_layer(embedding).chunk(2, dim=-1)
        return torch.stack((scale * self.norm.weight, shift), dim=1)

    def forward(self, x: Tensor, table: Tensor) -> Tensor:
        """X (B, T, D), table (2, D) of one time -> (B, T, D)."""
        return F.rms_norm(x, x.shape[-1:], table[0], self.norm.eps) + table[1]


class Attention(nn.Module):
    """Bidirectional multi-head attention with rotary positions, no biases."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.wqkv = PackedLinear(dim, 3 * dim, bias=False)
        self.wo = PackedLinear(dim, dim, bias=False)

    def forward(self, x: Tensor, layout: RowLayout) -> Tensor:
        """X (B, T, D) -> (B, T, D)."""
        qkv = self.wqkv(x).unflatten(-1, (3, self.heads, -1))
        q, k = rotate(qkv[:, :, :2], layout.rotary[:, None, None]).unbind(2)
        return self._attend(q, k, qkv[:, :, 2], layout.attention)

    def of_window(self, x: Tensor, layout: RowLayout) -> Tensor:
        """`forward` of the window only: x (B, T, D) -> (B, W, D).

        Queries have a product of their own: those of the prompt's frames would cost more than a launch.
        """
        if layout.window is None or layout.window_attention is None:
            return self(x, layout)
        dim = x.shape[-1]
        q = F.linear(layout.take(x), self.wqkv.weight[:dim]).unflatten(-1, (self.heads, -1))
        k, v = F.linear(x, self.wqkv.weight[dim:]).unflatten(-1, (2, self.heads, -1)).unbind(2)
        q = rotate(q, layout.rotary[layout.window][:, :, None])
        return self._attend(q, rotate(k, layout.rotary[:, None]), v, layout.window_attention)

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, attention: RowAttention) -> Tensor:
        """Q (B, W, heads, d_head) and k (B, T, heads, d_head) float32, v as k but in the layers' format -> (B, W,
        D).
        """
        dtype = attention_dtype(v.device.type, v.dtype)
        attended = attention.attend(*(x.to(dtype) for x in (q, k, v)))
        return self.wo(attended.flatten(2).to(v.dtype))


class FeedForward(nn.Module):
    """SwiGLU, no biases."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.w1 = PackedLinear(dim, hidden, bias=False)
        self.w3 = PackedLinear(dim, hidden, bias=False)
        self.w2 = PackedLinear(hidden, dim, bias=False)
        self.register_buffer("packed", None, persistent=False)
        self.packed: Tensor | None

    def pack(self) -> None:
        """Make one product of two: `w1` and `w3`, which read the same input, become views of one weight (2 H, dim).

        Their keys stay, and they may be written to as before. A second call does nothing; call it again when weights
        were moved. It is for a GPU: on a CPU the halves of the result lie apart, and multiplying them costs more than
        the one product saves.
        """
        first, second = self.w1.weight, self.w3.weight
        places = [weight.data_ptr() for weight in (first, second)]
        if self.packed is not None and places == [half.data_ptr() for half in self.packed.chunk(2)]:
            return
        self.packed = torch.cat((first.detach(), second.detach()))
        for layer, half in zip((self.w1, self.w3), self.packed.chunk(2), strict=True):
            layer.weight = nn.Parameter(half, requires_grad=layer.weight.requires_grad)

    def forward(self, x: Tensor) -> Tensor:
        if self.packed is None:
            return self.w2(F.silu(self.w1(x)) * self.w3(x))
        gate, value = F.linear(x, self.packed).chunk(2, dim=-1)
        return self.w2(F.silu(gate) * value)


class Block(nn.Module):
    """Pre-norm block; the deeper half first merges the state of its mirror block."""

    def __init__(self, config: DiTConfig, takes_skip: bool) -> None:
        super().__init__()
        dim = config.hidden_dim
        self.attention = Attention(dim, config.num_heads)
        self.feed_forward = FeedForward(dim, config.intermediate_dim)
        self.ffn_norm = AdaptiveNorm(dim)
        self.attention_norm = AdaptiveNorm(dim)
        if takes_skip:
            self.skip_in_linear = PackedLinear(2 * dim, dim)

    def forward(self, x: Tensor, skip: Tensor | None, norms: Tensor, layout: RowLayout) -> Tensor:
        """X (B, T, D), skip (B, T, D) or `None`, norms (2, 2, D) of one time -> (B, T, D)."""
        if skip is not None:
            x = self.skip_in_linear(torch.cat((x, skip), dim=-1))
        x = x + self.attention(self.attention_norm(x, norms[0]), layout)
        return x + self.feed_forward(self.ffn_norm(x, norms[1]))

    def of_window(self, x: Tensor, skip: Tensor | None, norms: Tensor, layout: RowLayout) -> Tensor:
        """`forward` of the window only -> (B, W, D)."""
        if skip is not None:
            x = self.skip_in_linear(torch.cat((x, skip), dim=-1))
        x = layout.take(x) + self.attention.of_window(self.attention_norm(x, norms[0]), layout)
        return x + self.feed_forward(self.ffn_norm(x, norms[1]))


class Transformer(nn.Module):
    """Blocks with U-ViT skips: of 13, blocks 0..5 hand their output to blocks 12..7; block 6 does neither."""

    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        self.middle = config.depth // 2
        blocks = (Block(config, takes_skip=i > self.middle) for i in range(config.depth))
        self.layers: Sequence[Block] = nn.ModuleList(blocks)  # type: ignore[assignment]
        self.norm = AdaptiveNorm(config.hidden_dim)

    def tables(self, embedding: Tensor) -> Tensor:
        """Time embeddings (S, D) -> (S, 2 * depth + 1, 2, D)."""
        norms = [norm for layer in self.layers for norm in (layer.attention_norm, layer.ffn_norm)] + [self.norm]
        return torch.stack([norm.table(embedding) for norm in norms], dim=1)

    def forward(self, x: Tensor, norms: Tensor, layout: RowLayout) -> Tensor:
        """X (B, T, D), norms (2 * depth + 1, 2, D) of one time -> the window (B, W, D).

        Every frame is attended to, so only the last block can leave some out.
        """
        skips: list[Tensor] = []
        for i, layer in enumerate(self.layers):
            work = layer.of_window if i == len(self.layers) - 1 else layer
            x = work(x, skips.pop() if i > self.middle else None, norms[2 * i : 2 * i + 2], layout)
            if i < self.middle:
                skips.append(x)
        return self.norm(x, norms[-1])
