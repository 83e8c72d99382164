"""Right-padded batches: masks, and stacking rows of different length."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence


def length_mask(lengths: Tensor, size: int) -> Tensor:
    """(B,) lengths -> (B, size) bool, True at the valid positions."""
    return torch.arange(size, device=lengths.device) < lengths[:, None]


def stack_rows(rows: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Rows (T_i, ...) -> a batch (B, max T_i, ...) padded with zeros on the right, and the lengths (B,) int64."""
    lengths = torch.tensor([row.shape[0] for row in rows], device=rows[0].device)
    return pad_sequence(list(rows), batch_first=True), lengths
