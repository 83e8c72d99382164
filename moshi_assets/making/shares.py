"""How the shards of a run are dealt to its lanes."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

import pyarrow.compute as pc

from ..planning.task_table import dialogue_rows
from ..storage.dataset import DatasetStore

MANY_SHARDS = 8
"""Shards for each lane from which on none is cut: lanes then end together anyhow."""


class ShardShare(NamedTuple):
    """What one lane makes of a shard."""

    shard: str
    rows: range | None = None
    """Row numbers in the shard's tasks, of whole dialogues; None: all."""
    sharers: int = 1
    """How many lanes have a share of it."""


def deal(store: DatasetStore, weights: Mapping[str, float], lanes: int, may_cut: bool = True) -> list[list[ShardShare]]:
    """Deal shards to lanes, each a stretch of neighbouring ones with about the same work; lanes without any are left
    out.

    Shards lie in a line that is cut into equal pieces. Where there are few of them, a cut goes through a shard, between
    two of its dialogues.

    Args:
        store: the dataset.
        weights: shard keys in order, each with about how much work it is, at least 0.
        lanes: how many lanes there are.
        may_cut: whether a shard may be shared; only its speech can be.
    """
    shards, total = list(weights), sum(weights.values())
    ends = list(accumulate(weights.values()))
    if lanes == 1 or not total:
        return [[ShardShare(shard) for shard in shards]] if shards else []
    cuts: dict[str, list[int]] = {}
    first_of: list[tuple[int, int]] = [(0, 0)]
    """Shard number and row at which each lane begins."""
    for lane in range(1, lanes):
        place = total * lane / lanes
        number = bisect_left(ends, place)
        share = 1 - (ends[number] - place) / (weights[shards[number]] or 1)
        if not may_cut or len(shards) >= MANY_SHARDS * lanes:
            first_of.append((number + round(share), 0))
            continue
        row = _row_at(store, shards[number], share)
        first_of.append((number, row))
        cuts.setdefault(shards[number], []).append(row)
    lengths = {shard: store.tasks(shard).num_rows for shard in cuts}
    dealt: list[list[ShardShare]] = []
    for begin, end in zip(first_of, [*first_of[1:], (len(shards), 0)], strict=True):
        shares = []
        for number in range(begin[0], min(end[0] + 1, len(shards))):
            shard = shards[number]
            if shard not in cuts:
                if number < end[0]:
                    shares.append(ShardShare(shard))
                continue
            low = begin[1] if number == begin[0] else 0
            high = end[1] if number == end[0] else lengths[shard]
            if low < high:
                shares.append(ShardShare(shard, range(low, high)))
        dealt.append(shares)
    return _with_sharers([shares for shares in dealt if shares])


def _row_at(store: DatasetStore, shard: str, share: float) -> int:
    """First row of the dialogue at which a share of what a shard says is said."""
    tasks = store.tasks(shard)
    lengths = pc.utf8_length(tasks.column("text")).to_pylist()
    ends = list(accumulate(lengths))
    begins = [rows[0] for _, rows in dialogue_rows(tasks)]
    return min([*begins, len(lengths)], key=lambda row: abs((ends[row - 1] if row else 0) - share * ends[-1]))


def _with_sharers(dealt: Sequence[Sequence[ShardShare]]) -> list[list[ShardShare]]:
    count: dict[str, int] = {}
    for shares in dealt:
        for share in shares:
            count[share.shard] = count.get(share.shard, 0) + 1
    return [
        [
            share._replace(sharers=count[share.shard], rows=share.rows if count[share.shard] > 1 else None)
            for share in shares
        ]
        for shares in dealt
    ]
