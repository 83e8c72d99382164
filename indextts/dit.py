"""The flow's velocity estimator: a diffusion transformer with a WaveNet head. docs/indextts2.md §9.

Key names are those below ``estimator.`` in ``s2mel.pth`` ``["net"]["cfm"]``. What depends only on the time step
(:class:`TimeTables`), only on the frame (:meth:`DiT.frame_terms`) or only on the row lengths (:class:`RowLayout`)
is computed outside the velocity, so that a solver does it once and not at every step.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from indextts.padding import length_mask
from indextts.wavenet import WaveNet, WaveNetConfig
from indextts.weight_norm import WeightNormLinear

MAX_FRAMES = 16384
ROTARY_BASE = 10000.0
TIME_SCALE = 1000.0
TIME_FREQUENCIES = 128


@dataclass(frozen=True)
class DiTConfig:
    """Sizes of the estimator (config.yaml ``s2mel.DiT`` and ``s2mel.wavenet``)."""

    hidden_dim: int = 512
    num_heads: int = 8
    depth: int = 13
    in_channels: int = 80
    content_dim: int = 512
    style_dim: int = 192
    wavenet: WaveNetConfig = field(default_factory=WaveNetConfig)

    @property
    def intermediate_dim(self) -> int:
        """Hidden width of the gated feed-forward: 8/3 of ``hidden_dim``, rounded up to a multiple of 256."""
        return -(-int(8 * self.hidden_dim / 3) // 256) * 256


class TimeTables(NamedTuple):
    """Everything that depends on the time alone, for S times."""

    norms: Tensor
    """(S, 2 * depth + 1, 2, D): scale and shift of each adaptive norm (attention, feed-forward, ..., final)."""
    wavenet: Tensor
    """(S, layers, 2 H)."""
    final: Tensor
    """(S, 2, H): factor and shift of the final layer."""

    def at(self, step: int) -> TimeTables:
        """The tables of one time, without the leading axis."""
        return TimeTables(*(table[step] for table in self))


class RowLayout(NamedTuple):
    """What a batch's row lengths mean for attention and convolutions."""

    key_mask: Tensor | None
    """(B, 1, 1, T) bool; ``None`` if every row is full."""
    lengths: Tensor | None
    """(B,) int64; ``None`` if every row is full."""
    rotary: Tensor
    """From :func:`rotary_table`: (T, d_head / 2) complex64 on a CPU, (T, d_head / 2, 2) float32 elsewhere."""
    window: Tensor | None = None
    """(B, W) int64, the frames whose velocity is wanted, with those its convolutions look at; ``None``: all."""
    window_lengths: Tensor | None = None
    """(B,) int64, valid frames of each window; ``None`` if all are."""

    def repeat(self, times: int) -> RowLayout:
        """The layout of the batch ``times`` times over."""

        def more(rows: Tensor | None) -> Tensor | None:
            return None if rows is None else rows.repeat(times, *[1] * (rows.ndim - 1))

        return self._replace(
            key_mask=more(self.key_mask),
            lengths=more(self.lengths),
            window=more(self.window),
            window_lengths=more(self.window_lengths),
        )

    def take(self, x: Tensor) -> Tensor:
        """x (B, T, C) -> its window (B, W, C)."""
        return x if self.window is None else x.gather(1, self.window[..., None].expand(-1, -1, x.shape[2]))

    def convolved_lengths(self) -> Tensor | None:
        """(B,) int64 lengths of what :meth:`take` gives, ``None`` if every row is full."""
        return self.lengths if self.window is None else self.window_lengths


def time_frequencies(device: torch.device | None = None) -> Tensor:
    """10 000 ** (-i / 128) for i = 0 .. 127, (128,) float32."""
    exponent = torch.arange(TIME_FREQUENCIES, dtype=torch.float32, device=device) / TIME_FREQUENCIES
    return torch.exp(-math.log(10000.0) * exponent)


class TimeEmbedder(nn.Module):
    """Time in [0, 1] -> embedding: cosines and sines of 1000 t at 128 frequencies, then Linear - SiLU - Linear."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        # Stored in the checkpoint, but not read: in half precision its rounding would be off by whole turns.
        self.register_buffer("freqs", time_frequencies())
        self.mlp = nn.Sequential(nn.Linear(2 * TIME_FREQUENCIES, dim), nn.SiLU(), nn.Linear(dim, dim))

    def forward(self, t: Tensor) -> Tensor:
        """t (S,) float32 -> (S, dim)."""
        angle = TIME_SCALE * t[:, None].float() * time_frequencies(t.device)
        weight = next(self.mlp.parameters())
        return self.mlp(torch.cat((angle.cos(), angle.sin()), dim=-1).to(weight.dtype))


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
        """x (B, T, D), table (2, D) of one time -> (B, T, D)."""
        return F.rms_norm(x, x.shape[-1:], table[0], self.norm.eps) + table[1]


def rotary_table(frames: int, dim_head: int, device: torch.device) -> Tensor:
    """The rotary angles' exp(i angle): (frames, dim_head / 2) complex64 on a CPU, cosine and sine (..., 2) elsewhere.

    A CPU multiplies complex numbers faster: even and odd columns apart are strided reads, which it does not vectorise. A compiler
    for GPUs fuses real arithmetic alone.
    """
    frequency = 1.0 / ROTARY_BASE ** (torch.arange(0, dim_head, 2, device=device).float() / dim_head)
    angle = torch.outer(torch.arange(frames, device=device).float(), frequency)
    if device.type == "cpu":
        return torch.polar(torch.ones_like(angle), angle)
    return torch.stack((angle.cos(), angle.sin()), dim=-1)


def rotate(x: Tensor, rotary: Tensor) -> Tensor:
    """Rotates neighbouring pairs of x (..., d_head) by ``rotary``, from :func:`rotary_table`: float32 whatever x is."""
    pairs = x.float().unflatten(-1, (-1, 2))
    if rotary.is_complex():
        return torch.view_as_real(torch.view_as_complex(pairs) * rotary).flatten(-2)
    (first, second), (cosine, sine) = pairs.unbind(-1), rotary.unbind(-1)
    return torch.stack((first * cosine - second * sine, first * sine + second * cosine), dim=-1).flatten(-2)


@lru_cache
def _cpu_multiplies_bf16() -> bool:
    return bool(torch.cpu.get_capabilities().get("amx_bf16"))


def attention_dtype(device_type: str, dtype: torch.dtype) -> torch.dtype:
    """Number format of attention between layers of ``dtype``: the same, but float32 for bf16 on a CPU without AMX.

    There the rotary products, which are float32, are not rounded for it (docs/indextts2.md §12).
    """
    exact = device_type == "cpu" and dtype == torch.bfloat16 and not _cpu_multiplies_bf16()
    return torch.float32 if exact else dtype


class Attention(nn.Module):
    """Bidirectional multi-head attention with rotary positions, no biases."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.wqkv = nn.Linear(dim, 3 * dim, bias=False)
        self.wo = nn.Linear(dim, dim, bias=False)

    def forward(self, x: Tensor, layout: RowLayout) -> Tensor:
        """x (B, T, D) -> (B, T, D)."""
        qkv = self.wqkv(x).unflatten(-1, (3, self.heads, -1))
        q, k = rotate(qkv[:, :, :2], layout.rotary[:, None, None]).unbind(2)
        return self._attend(q, k, qkv[:, :, 2], layout)

    def of_window(self, x: Tensor, layout: RowLayout) -> Tensor:
        """:meth:`forward` of the window only: x (B, T, D) -> (B, W, D)."""
        if layout.window is None:
            return self(x, layout)
        dim = x.shape[-1]
        q = F.linear(layout.take(x), self.wqkv.weight[:dim]).unflatten(-1, (self.heads, -1))
        k, v = F.linear(x, self.wqkv.weight[dim:]).unflatten(-1, (2, self.heads, -1)).unbind(2)
        q = rotate(q, layout.rotary[layout.window][:, :, None])
        return self._attend(q, rotate(k, layout.rotary[:, None]), v, layout)

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, layout: RowLayout) -> Tensor:
        """q (B, W, heads, d_head) and k (B, T, heads, d_head) float32, v as k but in the layers' format -> (B, W, D)."""
        dtype = attention_dtype(v.device.type, v.dtype)
        queries, keys, values = (x.to(dtype).transpose(1, 2) for x in (q, k, v))
        out = F.scaled_dot_product_attention(queries, keys, values, attn_mask=layout.key_mask)
        return self.wo(out.transpose(1, 2).flatten(2).to(v.dtype))


class FeedForward(nn.Module):
    """SwiGLU, no biases."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.w1 = nn.Linear(dim, hidden, bias=False)
        self.w3 = nn.Linear(dim, hidden, bias=False)
        self.w2 = nn.Linear(hidden, dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.w2(F.silu(self.w1(x)) * self.w3(x))


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
            self.skip_in_linear = nn.Linear(2 * dim, dim)

    def forward(self, x: Tensor, skip: Tensor | None, norms: Tensor, layout: RowLayout) -> Tensor:
        """x (B, T, D), skip (B, T, D) or ``None``, norms (2, 2, D) of one time -> (B, T, D)."""
        if skip is not None:
            x = self.skip_in_linear(torch.cat((x, skip), dim=-1))
        x = x + self.attention(self.attention_norm(x, norms[0]), layout)
        return x + self.feed_forward(self.ffn_norm(x, norms[1]))

    def of_window(self, x: Tensor, skip: Tensor | None, norms: Tensor, layout: RowLayout) -> Tensor:
        """:meth:`forward` of the window only -> (B, W, D)."""
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
        """x (B, T, D), norms (2 * depth + 1, 2, D) of one time -> the window (B, W, D).

        Every frame is attended to, so only the last block can leave some out.
        """
        skips: list[Tensor] = []
        for i, layer in enumerate(self.layers):
            work = layer.of_window if i == len(self.layers) - 1 else layer
            x = work(x, skips.pop() if i > self.middle else None, norms[2 * i : 2 * i + 2], layout)
            if i < self.middle:
                skips.append(x)
        return self.norm(x, norms[-1])


class FinalLayer(nn.Module):
    """LayerNorm without affine, times 1 + scale(t) plus shift(t), then Linear."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.linear = WeightNormLinear(dim, dim)
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(dim, 2 * dim))

    def table(self, embedding: Tensor) -> Tensor:
        """Time embeddings (S, H) -> factor and shift (S, 2, H)."""
        shift, scale = self.adaLN_modulation(embedding).chunk(2, dim=-1)
        return torch.stack((1 + scale, shift), dim=1)

    def forward(self, x: Tensor, table: Tensor) -> Tensor:
        """x (B, T, H), table (2, H) of one time -> (B, T, H)."""
        return self.linear(F.layer_norm(x, x.shape[-1:], table[0], table[1], eps=1e-6))


class DiT(nn.Module):
    """Velocity of the flow at every mel bin."""

    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        self.config = config
        dim, mels, hidden = config.hidden_dim, config.in_channels, config.wavenet.hidden_dim
        # Stored in the checkpoint, needed by nothing here: positions are counted where they are used.
        self.register_buffer("input_pos", torch.arange(MAX_FRAMES))
        self.transformer = Transformer(config)
        self.cond_projection = nn.Linear(config.content_dim, dim)
        self.t_embedder = TimeEmbedder(dim)
        self.t_embedder2 = TimeEmbedder(hidden)
        self.conv1 = nn.Linear(dim, hidden)
        self.conv2 = nn.Conv1d(hidden, mels, 1)
        self.wavenet = WaveNet(config.wavenet)
        self.final_layer = FinalLayer(hidden)
        self.res_projection = nn.Linear(dim, hidden)
        self.skip_linear = nn.Linear(dim + mels, dim)
        self.cond_x_merge_linear = nn.Linear(2 * mels + dim + config.style_dim, dim)

    def time_tables(self, t: Tensor) -> TimeTables:
        """Times (S,) float32 in [0, 1] -> their tables."""
        embedding = self.t_embedder(t)
        return TimeTables(
            self.transformer.tables(embedding),
            self.wavenet.time_shifts(self.t_embedder2(t)),
            self.final_layer.table(embedding),
        )

    def row_layout(self, lengths: Tensor, frames: int, always_masked: bool = False) -> RowLayout:
        """Row lengths (B,) int of a batch of ``frames`` frames -> its layout. One look at the lengths on the host.

        Args:
            always_masked: also where every row is full, so that one compiled graph serves all batches.

        Raises:
            ValueError: a row too short to be mirrored at its end, or longer than the model's 16 384 frames.
        """
        config = self.config
        reach = config.wavenet.reach
        low, high = int(lengths.min()), int(lengths.max())
        if low <= reach or high > min(frames, MAX_FRAMES):
            raise ValueError(f"row lengths {low} to {high}: expected {reach + 1} to {min(frames, MAX_FRAMES)} frames")
        device = self.cond_projection.weight.device
        rotary = rotary_table(frames, config.hidden_dim // config.num_heads, device)
        if low == frames and not always_masked:
            return RowLayout(None, None, rotary)
        lengths = lengths.to(device)
        return RowLayout(length_mask(lengths, frames)[:, None, None], lengths, rotary)

    def speech_window(
        self, layout: RowLayout, lengths: Tensor, prompt_lengths: Tensor, always_masked: bool = False
    ) -> RowLayout:
        """The layout with a window on each row's speech, preceded by what the WaveNet looks back at.

        What the window's first frames lack on their left spoils the velocity of prompt frames only, which nobody
        asks for. lengths and prompt_lengths (B,) int; ``always_masked`` as in :meth:`row_layout`.
        """
        look_back = self.config.wavenet.total_reach
        starts = (prompt_lengths.cpu() - look_back).clamp(min=0)
        if not bool(starts.any()) and not always_masked:
            return layout
        sizes = lengths.cpu() - starts
        width, frames = int(sizes.max()), layout.rotary.shape[0]
        window = (starts[:, None] + torch.arange(width)).clamp(max=frames - 1).to(layout.rotary.device)
        full = int(sizes.min()) == width and not always_masked
        return layout._replace(window=window, window_lengths=None if full else sizes.to(layout.rotary.device))

    def frame_terms(self, prompt: Tensor, mu: Tensor, style: Tensor) -> Tensor:
        """What prompt, content and style add to each frame of the input, the same at every time.

        prompt (B, T, 80), mu (B, T, C), style (B, 192) -> (B, T, D).
        """
        mels, dim = self.config.in_channels, self.config.hidden_dim
        weight = self.cond_x_merge_linear.weight
        w_prompt, w_content, w_style = weight[:, mels:].split((mels, dim, self.config.style_dim), dim=1)
        terms = F.linear(self.cond_projection(mu), w_content, self.cond_x_merge_linear.bias)
        return terms + F.linear(prompt, w_prompt) + F.linear(style, w_style)[:, None]

    def null_terms(self) -> Tensor:
        """:meth:`frame_terms` of the unconditional branch, (D,): all inputs zero, so the projection's bias is left."""
        mels, dim = self.config.in_channels, self.config.hidden_dim
        w_content = self.cond_x_merge_linear.weight[:, 2 * mels : 2 * mels + dim]
        return F.linear(self.cond_projection.bias, w_content, self.cond_x_merge_linear.bias)

    def velocity(self, x: Tensor, terms: Tensor, tables: TimeTables, layout: RowLayout) -> Tensor:
        """x (B, T, 80), terms (B, T, D), tables of one time -> velocity of the window (B, W, 80)."""
        merged = terms + F.linear(x, self.cond_x_merge_linear.weight[:, : self.config.in_channels])
        h = self.transformer(merged, tables.norms, layout)
        h = self.skip_linear(torch.cat((h, layout.take(x)), dim=-1))
        out = self.wavenet(self.conv1(h).transpose(1, 2), tables.wavenet, layout.convolved_lengths())
        out = self.final_layer(out.transpose(1, 2) + self.res_projection(h), tables.final)
        return F.linear(out, self.conv2.weight[..., 0], self.conv2.bias)

    def forward(self, x: Tensor, prompt: Tensor, lengths: Tensor, t: Tensor, style: Tensor, mu: Tensor) -> Tensor:
        """One evaluation, for all rows at the same time.

        x and prompt (B, 80, T), lengths (B,), t () float32, style (B, 192), mu (B, T, C) -> velocity (B, 80, T).
        """
        terms = self.frame_terms(prompt.transpose(1, 2), mu, style)
        tables = self.time_tables(t.reshape(1)).at(0)
        layout = self.row_layout(lengths, x.shape[2])
        return self.velocity(x.transpose(1, 2), terms, tables, layout).transpose(1, 2)
