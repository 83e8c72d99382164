"""Conformer encoder and perceiver resampler: from w2v-bert features to speaker latents and the emotion vector.

docs/indextts2.md §5. GPT owns two pairs of them: a large one for the speaker (32 latents), a smaller one for the
emotion (one latent). Both take right-padded batches: padding never reaches a valid frame, so a row's result is
that of the row alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .padding import length_mask

SUBSAMPLING_CHUNK = 256
"""Frames of the subsampling convolution worked on at once: its (frames, channels, columns) activation is 512 x 511
floats a frame at official size, 1 MiB."""
POSITION_TABLE_LENGTH = 5000


@dataclass(frozen=True)
class ConformerConfig:
    """Sizes of a conformer encoder (config.yaml `gpt.condition_module`)."""

    input_size: int = 1024
    output_size: int = 512
    linear_units: int = 2048
    attention_heads: int = 8
    num_blocks: int = 6
    conv_kernel_size: int = 15


@dataclass(frozen=True)
class PerceiverConfig:
    """Sizes of a perceiver resampler."""

    dim: int = 1280
    dim_context: int = 512
    num_latents: int = 32
    heads: int = 8
    ff_mult: int = 2
    depth: int = 2
    dim_head: int = 64


def sinusoid_table(length: int, dim: int) -> Tensor:
    """(length, dim) float32: sin at even and cos at odd columns, wavelengths from 2 pi to 10 000 * 2 pi."""
    position = torch.arange(length, dtype=torch.float32)[:, None]
    frequency = torch.exp(torch.arange(0, dim, 2, dtype=torch.float32) * -(math.log(10000.0) / dim))
    return torch.stack((torch.sin(position * frequency), torch.cos(position * frequency)), dim=-1).flatten(1)


class PositionTable(nn.Module):
    """The sinusoid table `pe` (1, 5000, dim). A checkpoint may lack it; then it keeps its computed value."""

    pe: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim
        self.register_buffer("pe", sinusoid_table(POSITION_TABLE_LENGTH, dim)[None])
        self.register_load_state_dict_pre_hook(self._supply_missing_table)

    def _supply_missing_table(self, module: nn.Module, state_dict: dict, prefix: str, *_: object) -> None:
        # Computed here, not taken from self.pe: a module built on the meta device has no values to give.
        with torch.device("cpu"):
            state_dict.setdefault(prefix + "pe", sinusoid_table(POSITION_TABLE_LENGTH, self.dim)[None])

    def forward(self, length: int) -> Tensor:
        """The table's first rows, (1, length, dim)."""
        return self.pe[:, :length]


class ConvSubsampling(nn.Module):
    """Halves the frame rate: Conv2d(1 -> d, 3x3, stride 2) + ReLU over (time, feature), then Linear.

    Time becomes `(T - 3) // 2 + 1`, features `(D - 3) // 2 + 1`; these are flattened channel-major for the Linear.
    """

    def __init__(self, input_size: int, output_size: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(1, output_size, 3, stride=2), nn.ReLU())
        self.out = nn.Sequential(nn.Linear(output_size * ((input_size - 1) // 2), output_size))
        self.pos_enc = PositionTable(output_size)
        self.scale = math.sqrt(output_size)

    @staticmethod
    def output_lengths(lengths: Tensor) -> Tensor:
        """Frames after subsampling: every output frame with three valid input frames."""
        return (lengths - 3) // 2 + 1

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, D) -> (B, (T - 3) // 2 + 1, d), times sqrt(d)."""
        frames = (x.shape[1] - 3) // 2 + 1
        step = max(1, SUBSAMPLING_CHUNK // x.shape[0])
        parts = []
        for start in range(0, frames, step):
            stop = min(start + step, frames)
            part = self.conv(x[:, None, 2 * start : 2 * stop + 1])
            parts.append(self.out(part.transpose(1, 2).flatten(2)))
        return torch.cat(parts, dim=1) * self.scale


class PositionAttention(nn.Module):
    """Self-attention whose positions enter as `(q + v_bias) . W_pos pe[k]`, k the absolute key index (no shift).

    score(i, k) = [(q_i + u) . key_k + (q_i + v) . p_k] / sqrt(d_head)
                = q_i . (key_k + p_k) / sqrt(d_head) + (u . key_k + v . p_k) / sqrt(d_head)
    so that the position term becomes part of the keys and a bias of each key.
    """

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads, self.dim_head = heads, dim // heads
        self.linear_q = nn.Linear(dim, dim)
        self.linear_k = nn.Linear(dim, dim)
        self.linear_v = nn.Linear(dim, dim)
        self.linear_out = nn.Linear(dim, dim)
        self.linear_pos = nn.Linear(dim, dim, bias=False)
        self.pos_bias_u = nn.Parameter(torch.zeros(heads, self.dim_head))
        self.pos_bias_v = nn.Parameter(torch.zeros(heads, self.dim_head))

    def _heads(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, self.dim_head)).transpose(1, 2)

    def forward(self, x: Tensor, positions: Tensor, mask: Tensor) -> Tensor:
        """X (B, T, d), positions (1, T, d), mask (B, T) bool -> (B, T, d)."""
        q, k, v = (self._heads(layer(x)) for layer in (self.linear_q, self.linear_k, self.linear_v))
        p = self._heads(self.linear_pos(positions))
        bias = torch.einsum("bhkd,hd->bhk", k, self.pos_bias_u) + torch.einsum("bhkd,hd->bhk", p, self.pos_bias_v)
        bias = (bias / math.sqrt(self.dim_head)).masked_fill(~mask[:, None], float("-inf"))
        out = F.scaled_dot_product_attention(q, k + p, v, attn_mask=bias[:, :, None].expand(-1, -1, x.shape[1], -1))
        return self.linear_out(out.transpose(1, 2).flatten(2))


class ConvModule(nn.Module):
    """Pointwise - GLU - depthwise k15 - LayerNorm - SiLU - pointwise.

    The padding is zeroed after the GLU: the bias of the first pointwise convolution would otherwise make it
    non-zero and leak through the depthwise convolution into the last valid frames (docs/indextts2.md §12; the published
    code has that leak, but never runs with padding).
    """

    def __init__(self, dim: int, kernel_size: int) -> None:
        super().__init__()
        self.pointwise_conv1 = nn.Conv1d(dim, 2 * dim, 1)
        self.depthwise_conv = nn.Conv1d(dim, dim, kernel_size, padding=(kernel_size - 1) // 2, groups=dim)
        self.norm = nn.LayerNorm(dim)
        self.pointwise_conv2 = nn.Conv1d(dim, dim, 1)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """X (B, T, d), mask (B, T) bool -> (B, T, d)."""
        x = F.glu(self.pointwise_conv1(x.transpose(1, 2)), dim=1).masked_fill(~mask[:, None], 0.0)
        x = F.silu(self.norm(self.depthwise_conv(x).transpose(1, 2)))
        return self.pointwise_conv2(x.transpose(1, 2)).transpose(1, 2)


class FeedForward(nn.Module):
    """Linear - SiLU - Linear."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.w_1 = nn.Linear(dim, hidden)
        self.w_2 = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.w_2(F.silu(self.w_1(x)))


class ConformerBlock(nn.Module):
    """Attention, convolution, feed-forward, each pre-normed with a residual, then a LayerNorm over the sum."""

    def __init__(self, config: ConformerConfig) -> None:
        super().__init__()
        dim = config.output_size
        self.self_attn = PositionAttention(dim, config.attention_heads)
        self.feed_forward = FeedForward(dim, config.linear_units)
        self.conv_module = ConvModule(dim, config.conv_kernel_size)
        self.norm_ff = nn.LayerNorm(dim)
        self.norm_mha = nn.LayerNorm(dim)
        self.norm_conv = nn.LayerNorm(dim)
        self.norm_final = nn.LayerNorm(dim)

    def forward(self, x: Tensor, positions: Tensor, mask: Tensor) -> Tensor:
        """X (B, T, d), positions (1, T, d), mask (B, T) bool -> (B, T, d)."""
        x = x + self.self_attn(self.norm_mha(x), positions, mask)
        x = x + self.conv_module(self.norm_conv(x), mask)
        x = x + self.feed_forward(self.norm_ff(x))
        return self.norm_final(x)


class ConformerEncoder(nn.Module):
    """Semantic features (B, T, D) at 50 Hz -> context (B, T', d) at 25 Hz. docs/indextts2.md §5."""

    def __init__(self, config: ConformerConfig) -> None:
        super().__init__()
        self.embed = ConvSubsampling(config.input_size, config.output_size)
        self.encoders = nn.ModuleList(ConformerBlock(config) for _ in range(config.num_blocks))
        self.after_norm = nn.LayerNorm(config.output_size)

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """X (B, T, D), lengths (B,) int valid frames, at least 3 -> y (B, T', d), mask (B, T') bool.

        T' = (T - 3) // 2 + 1. Rows of `y` beyond their mask hold no meaning.

        Raises:
            ValueError: there are fewer than 3 frames, or more than the position table has rows for.
        """
        frames = (x.shape[1] - 3) // 2 + 1
        if not 1 <= frames <= POSITION_TABLE_LENGTH:
            raise ValueError(f"conformer input has {x.shape[1]} frames, expected 3 to {2 * POSITION_TABLE_LENGTH}")
        y = self.embed(x)
        mask = length_mask(self.embed.output_lengths(lengths.to(x.device)), y.shape[1])
        positions = self.embed.pos_enc(y.shape[1]).to(y.dtype)
        for block in self.encoders:
            y = block(y, positions, mask)
        return self.after_norm(y), mask


class PerceiverAttention(nn.Module):
    """Latents attend to `concat(latents, context)`; no biases."""

    def __init__(self, config: PerceiverConfig) -> None:
        super().__init__()
        inner = config.heads * config.dim_head
        self.heads, self.dim_head = config.heads, config.dim_head
        self.to_q = nn.Linear(config.dim, inner, bias=False)
        self.to_kv = nn.Linear(config.dim, 2 * inner, bias=False)
        self.to_out = nn.Linear(inner, config.dim, bias=False)

    def forward(self, latents: Tensor, context: Tensor, mask: Tensor) -> Tensor:
        """Latents (B, N, D), context (B, T, D), mask (B, N + T) bool over the keys -> (B, N, D)."""
        q = self.to_q(latents)
        k, v = self.to_kv(torch.cat((latents, context), dim=1)).chunk(2, dim=-1)
        q, k, v = (t.unflatten(-1, (self.heads, self.dim_head)).transpose(1, 2) for t in (q, k, v))
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None, None])
        return self.to_out(out.transpose(1, 2).flatten(2))


class GEGLU(nn.Module):
    """(..., 2n) -> (..., n): first half times exact GELU of the second half."""

    def forward(self, x: Tensor) -> Tensor:
        value, gate = x.chunk(2, dim=-1)
        return value * F.gelu(gate)


class RMSNorm(nn.Module):
    """x / ||x|| * sqrt(dim) * gamma."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.scale = math.sqrt(dim)
        self.gamma = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        return F.normalize(x, dim=-1) * self.scale * self.gamma


class PerceiverLayer(nn.ModuleList):
    """Attention and feed-forward, each with a residual and without a norm."""

    def __init__(self, config: PerceiverConfig) -> None:
        hidden = int(config.dim * config.ff_mult * 2 / 3)
        feed_forward = nn.Sequential(nn.Linear(config.dim, 2 * hidden), GEGLU(), nn.Linear(hidden, config.dim))
        super().__init__([PerceiverAttention(config), feed_forward])

    def forward(self, latents: Tensor, context: Tensor, mask: Tensor) -> Tensor:
        attention, feed_forward = self
        latents = latents + attention(latents, context, mask)
        return latents + feed_forward(latents)


class PerceiverResampler(nn.Module):
    """Context of any length -> a fixed number of latents. docs/indextts2.md §5."""

    def __init__(self, config: PerceiverConfig) -> None:
        super().__init__()
        self.latents = nn.Parameter(torch.zeros(config.num_latents, config.dim))
        self.proj_context = nn.Linear(config.dim_context, config.dim)
        self.layers = nn.ModuleList(PerceiverLayer(config) for _ in range(config.depth))
        self.norm = RMSNorm(config.dim)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """X (B, T, d), mask (B, T) bool -> latents (B, N, D)."""
        context = self.proj_context(x)
        latents = self.latents.expand(x.shape[0], -1, -1)
        # The latents are keys too, ahead of the context.
        mask = F.pad(mask, (latents.shape[1], 0), value=True)
        for layer in self.layers:
            latents = layer(latents, context, mask)
        return self.norm(latents)
