"""Layout of a flow batch, from its row lengths: positions, attention, row ends, and the window that is asked for."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from .attention import Dense, RowAttention, Way

ROTARY_BASE = 10000.0


class RowLayout(NamedTuple):
    """Layout of a batch of rows; made once, outside of the velocity."""

    rotary: Tensor
    """From `rotary_table`: (T, d_head / 2) complex64 on a CPU, (T, d_head / 2, 2) float32 elsewhere."""
    lengths: Tensor | None
    """(B,) int64; `None` if every row is full."""
    attention: RowAttention
    """Attention of all frames to all frames."""
    window: Tensor | None = None
    """(B, W) int64, the frames whose velocity is wanted, with those its convolutions look at; `None`: all."""
    window_lengths: Tensor | None = None
    """(B,) int64, valid frames of each window; `None` if all are."""
    window_attention: RowAttention | None = None
    """Attention of the window's frames to all frames."""

    @classmethod
    def of(cls, lengths: Tensor, rotary: Tensor, masked: bool, attention: Way = Dense) -> RowLayout:
        """The layout of rows of `lengths` (B,) int on the host, in a batch as long as `rotary`.

        Args:
            masked: also where every row is full, so that one compiled graph serves all batches. Others than
                `Dense` need it.
        """
        frames = rotary.shape[0]
        valid = lengths.to(rotary.device) if masked or int(lengths.min()) < frames else None
        return cls(rotary, valid, attention.of(valid, frames, valid, frames))  # type: ignore[arg-type]

    def on_window(self, lengths: Tensor, starts: Tensor, masked: bool, width: int | None = None) -> RowLayout:
        """The same with a window from `starts` (B,) int to the rows' ends `lengths` (B,) int, both on the host.

        Args:
            masked: as in `of`.
            width: frames of the window; by default as many as the longest needs.
        """
        if not masked and not bool(starts.any()):
            return self
        sizes, device, frames = lengths - starts, self.rotary.device, self.rotary.shape[0]
        width = width or int(sizes.max())
        window = (starts[:, None] + torch.arange(width)).clamp(max=frames - 1).to(device)
        valid = sizes.to(device) if masked or int(sizes.min()) < width else None
        attention = self.attention
        if not isinstance(attention, Dense):  # there a query may stand anywhere
            attention = type(attention).of(self.lengths, frames, valid, width)  # type: ignore[attr-defined]
        return self._replace(window=window, window_lengths=valid, window_attention=attention)

    def take(self, x: Tensor) -> Tensor:
        """X (B, T, C) -> its window (B, W, C)."""
        return x if self.window is None else x.gather(1, self.window[..., None].expand(-1, -1, x.shape[2]))

    def convolved_lengths(self) -> Tensor | None:
        """Lengths (B,) int64 of the rows that `take` returns, `None` if every row is full."""
        return self.lengths if self.window is None else self.window_lengths


def rotary_table(frames: int, dim_head: int, device: torch.device) -> Tensor:
    """The rotary angles' exp(i angle): (frames, dim_head / 2) complex64 on a CPU, cosine and sine (..., 2) elsewhere.

    A CPU multiplies complex numbers faster: even and odd columns apart are strided reads, which it does not vectorise.
    A compiler for GPUs fuses real arithmetic alone.
    """
    frequency = 1.0 / ROTARY_BASE ** (torch.arange(0, dim_head, 2, device=device).float() / dim_head)
    angle = torch.outer(torch.arange(frames, device=device).float(), frequency)
    if device.type == "cpu":
        return torch.polar(torch.ones_like(angle), angle)
    return torch.stack((angle.cos(), angle.sin()), dim=-1)


def rotate(x: Tensor, rotary: Tensor) -> Tensor:
    """Rotate neighbouring pairs of x (..., d_head) by `rotary`, from `rotary_table`: float32 whatever x is."""
    pairs = x.float().unflatten(-1, (-1, 2))
    if rotary.is_complex():
        return torch.view_as_real(torch.view_as_complex(pairs) * rotary).flatten(-2)
    (first, second), (cosine, sine) = pairs.unbind(-1), rotary.unbind(-1)
    return torch.stack((first * cosine - second * sine, first * sine + second * cosine), dim=-1).flatten(-2)
