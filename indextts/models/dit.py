"""The flow's velocity estimator: a diffusion transformer (`transformer`) with a WaveNet head. docs/indextts2.md §9.

Key names are those below `estimator.` in `s2mel.pth` `["net"]["cfm"]`. What depends only on the time step
(`TimeTables`), only on the frame (`DiT.frame_terms`) or only on the row lengths (`RowLayout`)
is computed outside the velocity, so that a solver does it once and not at every step.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..device.packed_linear import PackedLinear
from .attention import Dense, Way
from .row_layout import RowLayout, rotary_table
from .transformer import DiTConfig, Transformer
from .wavenet import WaveNet
from .weight_norm import WeightNormLinear

MAX_FRAMES = 16384
TIME_SCALE = 1000.0
TIME_FREQUENCIES = 128


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
