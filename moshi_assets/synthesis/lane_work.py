"""How the missing tasks of some shards are dealt out to lanes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import pyarrow.compute as pc

from ..storage.dataset import DatasetStore


@dataclass
class LaneWork:
    """What one lane of a run speaks: row numbers into the tasks of each shard, shards in order."""

    lane: int
    lanes: int
    rows: dict[str, np.ndarray] = field(default_factory=dict)
    """Shard key -> (n,) uint32."""
    sharers: dict[str, int] = field(default_factory=dict)
    """Shard key -> how many lanes have a share of it."""

    @property
    def tasks(self) -> int:
        return sum(map(len, self.rows.values()))


def longest_first(store: DatasetStore, shard: str, rows: np.ndarray) -> np.ndarray:
    """The rows, those with the longest text first."""
    lengths = pc.utf8_length(store.tasks(shard).column("text")).to_numpy()
    return rows[np.argsort(-lengths[rows].astype(np.int64), kind="stable")]


def deal(missing: Iterable[tuple[str, np.ndarray]], lanes: int) -> list[LaneWork]:
    """Deal the missing rows of each shard to `lanes` lanes; lanes with nothing to do are left out.

    Every lane walks through every shard, so shards finish in order. Rows are dealt to and fro (0 1 1 0 0 1 ...): given
    longest first, the shares are of like length and all lanes end together. (In their own order they would not be:
    every other turn is the assistant's, and longer.)
    """
    work = [LaneWork(lane, lanes) for lane in range(lanes)]
    dealt = 0
    for shard, rows in missing:
        turn, place = np.divmod(np.arange(dealt, dealt + len(rows)), lanes)
        lane_of = np.where(turn % 2, lanes - 1 - place, place)
        sharers = len(np.unique(lane_of))
        for lane in work:
            share = rows[lane_of == lane.lane]
            if len(share):
                lane.rows[shard], lane.sharers[shard] = share, sharers
        dealt += len(rows)
    return [lane for lane in work if lane.rows]
