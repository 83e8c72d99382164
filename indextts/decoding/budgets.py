"""Limits of a batch, their defaults from free memory, and rows grouped by length. docs/indextts2.md §12."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch

logger = logging.getLogger(__name__)

CPU_BATCH, LARGEST_BATCH = 64, 256
"""Rows decoded at the same time. A CPU's matrix products gain nothing from more; on a GPU a step of so many reads more
of their caches than of the weights, and more than these have not been measured."""
USUAL_POSITIONS = 704
"""Cache positions of a usual row at its end: 34 of the conditions, text, and 12 s of speech at 50 codes a second. Rows
that turn out longer are decoded all the same: fewer of them at a time."""
ROWS_UNIT = 8
"""Batches of a GPU are multiples of it, as the rows of its captured steps are."""
DECODE_SHARE, FLOW_SHARE = 0.4, 0.3
"""Shares of the free memory. What libraries take for themselves, and gaps between tensors, come on top of what is
counted."""
MEMORY_MARGIN = 1.25
CPU_FLOW_BUDGET, ROWS_PER_THREAD = 1024, 8
"""One core is kept busy by one row; batches pay for very short rows only. Several cores do several rows side by side,
each without padding: a thread gets so many in turn that little is left to do when the first has nothing more."""
LARGEST_FLOW_BUDGET = 65_536
"""More frames at once would keep a GPU no busier than these do."""
MAX_PADDING = 0.15
"""Largest share of padding among the frames of a batch."""


@dataclass(frozen=True)
class Budgets:
    """Limits of a batch."""

    max_batch: int
    """Rows decoded at the same time."""
    decode_budget: int
    """Cache positions of all of them together, each row counted as long as the longest is so far; of beams at the most
    codes it may have."""
    flow_budget: int
    """Frames of a flow batch, prompt and padding included; also positions of a latent batch, and half of it frames of a
    vocoder batch."""

    def __post_init__(self) -> None:
        for field in fields(self):
            if getattr(self, field.name) < 1:
                raise ValueError(f"{field.name} is {getattr(self, field.name)}, expected 1 or more")

    def limited(
        self, max_batch: int | None = None, decode_budget: int | None = None, flow_budget: int | None = None
    ) -> Budgets:
        """The same limits, replaced where one is given."""
        given = {"max_batch": max_batch, "decode_budget": decode_budget, "flow_budget": flow_budget}
        return replace(self, **{name: limit for name, limit in given.items() if limit is not None})

    def slots(self, rows: int, capacity: int) -> int:
        """Number of rows of `capacity` positions to decode at the same time, out of `rows`; at least one."""
        return max(1, min(rows, self.max_batch, self.decode_budget // capacity))


def free_memory(device: torch.device) -> int:
    """Bytes that may still be allocated on `device`."""
    if device.type == "cuda":
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + cached
    try:
        with open("/proc/meminfo") as lines:
            return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


def default_budgets(device: torch.device, bytes_per_position: int, bytes_per_frame: int) -> Budgets:
    """Limits for the memory that is free now.

    Args:
        device: where the model runs.
        bytes_per_position: of the GPT's cache.
        bytes_per_frame: of the flow budget, see `indextts.engine.stage_memory.bytes_per_frame`.
    """
    free = free_memory(device)
    threads = torch.get_num_threads()
    flow = CPU_FLOW_BUDGET * (1 if threads == 1 else ROWS_PER_THREAD * threads)
    if device.type != "cpu":
        flow = min(LARGEST_FLOW_BUDGET, max(1, int(FLOW_SHARE * free / (MEMORY_MARGIN * bytes_per_frame))))
    positions = max(1, int(DECODE_SHARE * free / bytes_per_position))
    budgets = Budgets(CPU_BATCH if device.type == "cpu" else rows_for(positions), positions, flow)
    logger.debug("%.1f GB free on %s: %s", free / 1e9, device, budgets)
    return budgets


def rows_for(positions: int) -> int:
    """Number of rows of usual length to decode at the same time on a GPU whose cache may have so many positions."""
    rows = min(LARGEST_BATCH, positions // USUAL_POSITIONS)
    return max(1, rows if rows < ROWS_UNIT else rows - rows % ROWS_UNIT)


def group_by_length(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Indices of rows of similar length: longest first, at most `budget` positions a group with padding.

    A group has at most 15 % padding; a row longer than the budget is a group of its own.
    """
    groups: list[list[int]] = []
    longest = valid = 0
    for index in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        length = lengths[index]
        padded = longest * (len(groups[-1]) + 1) if groups else 0
        if groups and padded <= budget and valid + length >= (1 - MAX_PADDING) * padded:
            groups[-1].append(index)
            valid += length
        else:
            groups.append([index])
            longest = valid = length
    return groups
