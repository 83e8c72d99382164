"""The flow's velocity estimator: a diffusion transformer with a WaveNet head. docs/indextts2.md §9.

Key names are those below `estimator.` in `s2mel.pth` `["net"]["cfm"]`. What depends only on the time step
(`TimeTables`), only on the frame (`DiT.frame_terms`) or only on the row lengths (`RowLayout`)
is computed outside the velocity, so that a solver does it once and not at every step.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..device.packed_linear import PackedLinear
from .attention import Dense, RowAttention, Way, attention_dtype
from .row_layout import RowLayout, rotary_table, rotate
from .wavenet import WaveNet, WaveNetConfig
from .weight_norm import WeightNormLinear

MAX_FRAMES = 16384
TIME_SCALE = 1000.0
TIME_FREQUENCIES = 128


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
        """T (S,) float32 -> (S, dim)."""
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
        """X (B, T, H), table (2, H) of one time -> (B, T, H)."""
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
        self.conv1 = PackedLinear(dim, hidden)
        self.conv2 = nn.Conv1d(hidden, mels, 1)
        self.wavenet = WaveNet(config.wavenet)
        self.final_layer = FinalLayer(hidden)
        self.res_projection = PackedLinear(dim, hidden)
        self.skip_linear = PackedLinear(dim + mels, dim)
        self.cond_x_merge_linear = nn.Linear(2 * mels + dim + config.style_dim, dim)

    def time_tables(self, t: Tensor) -> TimeTables:
        """Times (S,) float32 in [0, 1] -> their tables."""
        embedding = self.t_embedder(t)
        return TimeTables(
            self.transformer.tables(embedding),
            self.wavenet.time_shifts(self.t_embedder2(t)),
            self.final_layer.table(embedding),
        )

    def pack(self) -> None:
        """See `FeedForward.pack`."""
        for layer in self.transformer.layers:
            layer.feed_forward.pack()

    def row_layout(
        self,
        lengths: Tensor,
        frames: int,
        always_masked: bool = False,
        attention: Way = Dense,
    ) -> RowLayout:
        """Row lengths (B,) int of a batch of `frames` frames -> its layout. One look at the lengths on the host.

        Args:
            always_masked, attention: see `RowLayout.of`.

        Raises:
            ValueError: a row is too short to be mirrored at its end, or longer than the model's 16 384 frames.
        """
        config, lengths = self.config, lengths.cpu()
        reach = config.wavenet.reach
        low, high = int(lengths.min()), int(lengths.max())
        if low <= reach or high > min(frames, MAX_FRAMES):
            raise ValueError(f"row lengths {low} to {high}: expected {reach + 1} to {min(frames, MAX_FRAMES)} frames")
        device = self.cond_projection.weight.device
        rotary = rotary_table(frames, config.hidden_dim // config.num_heads, device)
        return RowLayout.of(lengths, rotary, always_masked, attention)

    def speech_starts(self, prompt_lengths: Tensor) -> Tensor:
        """First frame of each row on which the velocity of the speech depends, attention aside: (B,) int on the host.

        The WaveNet looks back into the prompt. The first of these frames lack their left neighbours, which spoils the
        velocity of prompt frames only, and those are not used.
        """
        return (prompt_lengths.cpu() - self.config.wavenet.total_reach).clamp(min=0)

    def speech_window(
        self,
        layout: RowLayout,
        lengths: Tensor,
        prompt_lengths: Tensor,
        always_masked: bool = False,
        width: int | None = None,
    ) -> RowLayout:
        """The layout with a window from `speech_starts` to the rows' ends.

        lengths and prompt_lengths (B,) int.
        """
        return layout.on_window(lengths.cpu(), self.speech_starts(prompt_lengths), always_masked, width)

    def frame_terms(self, prompt: Tensor, mu: Tensor, style: Tensor) -> Tensor:
        """Terms that prompt, content and style add to each frame of the input, the same at every time.

        prompt (B, T, 80), mu (B, T, C), style (B, 192) -> (B, T, D).
        """
        mels, dim = self.config.in_channels, self.config.hidden_dim
        weight = self.cond_x_merge_linear.weight
        w_prompt, w_content, w_style = weight[:, mels:].split((mels, dim, self.config.style_dim), dim=1)
        terms = F.linear(self.cond_projection(mu), w_content, self.cond_x_merge_linear.bias)
        return terms + F.linear(prompt, w_prompt) + F.linear(style, w_style)[:, None]

    def null_terms(self) -> Tensor:
        """`frame_terms` of the unconditional branch, (D,): all inputs zero, so the projection's bias is left."""
        mels, dim = self.config.in_channels, self.config.hidden_dim
        w_content = self.cond_x_merge_linear.weight[:, 2 * mels : 2 * mels + dim]
        return F.linear(self.cond_projection.bias, w_content, self.cond_x_merge_linear.bias)

    def velocity(self, x: Tensor, terms: Tensor, tables: TimeTables, layout: RowLayout) -> Tensor:
        """X (B, T, 80), terms (B, T, D), tables of one time -> velocity of the window (B, W, 80)."""
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
