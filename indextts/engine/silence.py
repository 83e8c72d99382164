"""Silence between segments, and over-long silence within a row of codes.

Source: docs/indextts2.md §10 and §13.
"""

from __future__ import annotations

import torch
from torch import Tensor

SILENT_CODE = 52
MAX_SILENT_CODES = 30
"""A row with more silent codes in total is shortened."""
KEPT_PER_RUN = 10


def silence_samples(milliseconds: float, sampling_rate: int = 22050) -> int:
    """Length of a pause in samples, rounded down: 200 ms -> 4410. Zero and negative pauses have no samples."""
    return max(0, int(sampling_rate * milliseconds / 1000.0))


def remove_long_silence(
    codes: Tensor,
    stop_code: int,
    silent_code: int = SILENT_CODE,
    max_silent: int = MAX_SILENT_CODES,
    kept_per_run: int = KEPT_PER_RUN,
) -> tuple[Tensor, Tensor]:
    """Cut rows of codes at their stop code and shorten runs of silence in rows that hold too much of it.

    Args:
        codes: (B, n) int. A row ends before its first `stop_code`; without one it is n long.
        stop_code: the code that ends a row.
        silent_code: the code of silence.
        max_silent: a row with more silent codes in total is shortened (those after the stop code count too, as in the
            original).
        kept_per_run: silent codes that are left of each run in such a row.

    Returns:
        (B, longest row) codes, padded with `stop_code`, and (B,) int64 lengths.
    """
    rows = []
    for row in codes:
        stops = (row == stop_code).nonzero()
        spoken = row[: int(stops[0])] if len(stops) else row
        if int((row == silent_code).sum()) > max_silent:
            spoken = spoken[_position_in_run(spoken == silent_code) < kept_per_run]
        rows.append(spoken)
    lengths = torch.tensor([len(row) for row in rows], dtype=torch.int64, device=codes.device)
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=stop_code), lengths


def _position_in_run(silent: Tensor) -> Tensor:
    """(n,) bool -> (n,) int64: how many True directly precede each True; 0 for every False."""
    count = torch.cumsum(silent, 0)
    before_run = torch.cummax(torch.where(silent, 0, count), 0).values
    return torch.where(silent, count - before_run - 1, 0)
