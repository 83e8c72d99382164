"""Padded batches of the vocoder: the frames just past the end of each row. docs/indextts2.md §10."""

from __future__ import annotations

import torch
from torch import Tensor


class RowEnds:
    """Fills the frames just past the end of each row of a padded batch, in place.

    Only as many frames are written as the next layer looks at; beyond the array, the layer's own padding takes over.
    """

    def __init__(self, lengths: Tensor) -> None:
        """Take lengths (B,) int64 at the current rate, at least 1."""
        self.lengths = lengths

    def at_rate(self, factor: int) -> RowEnds:
        """The ends after upsampling by `factor`."""
        return RowEnds(self.lengths * factor)

    def _window(self, x: Tensor, reach: int) -> Tensor:
        """Positions (B, C, reach) past each row's end, cut off at the last of the array."""
        offset = torch.arange(reach, device=x.device)
        positions = (self.lengths[:, None] + offset).clamp_(max=x.shape[2] - 1)
        return positions[:, None].expand(-1, x.shape[1], -1)

    def zero(self, x: Tensor, reach: int) -> Tensor:
        """Zero `reach` frames past each row's end in x (B, C, T)."""
        window = self._window(x, reach)
        # A row that fills the array has its window cut off to its own last frame, which must stay.
        return x.scatter_(2, window, x.gather(2, window).masked_fill(window >= self.lengths[:, None, None], 0))

    def last(self, x: Tensor) -> Tensor:
        """The last frame of each row of x (B, C, T): (B, C, 1)."""
        return x.gather(2, (self.lengths - 1)[:, None, None].expand(-1, x.shape[1], 1))

    def repeat(self, x: Tensor, frame: Tensor, reach: int) -> Tensor:
        """Write `frame` (B, C, 1) `reach` times past each row's end in x (B, C, T)."""
        window = self._window(x, reach)
        inside = window < self.lengths[:, None, None]
        return x.scatter_(2, window, torch.where(inside, x.gather(2, window), frame))
