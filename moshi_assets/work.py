"""What is left to speak, and who speaks it: the missing tasks of some shards, dealt out to lanes."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow.compute as pc

from .names import shard_key, split_shard_key
from .parts import SpokenShard, write_part
from .recipe import Recipe
from .recorded import RecordedShard, salvage_folder
from .store import DatasetStore

logger = logging.getLogger(__name__)

ADOPT_ROWS = 32
"""Rows of a part that takes over audio from a neighbouring shard."""


@dataclass
class LaneWork:
    """What one lane of a run speaks: row numbers into the tasks of each shard, shards in order."""

    lane: int
    lanes: int
    rows: dict[str, np.ndarray] = field(default_factory=dict)
    """Shard key -> (n,) uint32."""

    @property
    def tasks(self) -> int:
        return sum(map(len, self.rows.values()))


def missing_rows(store: DatasetStore, recipe: Recipe, shard: str) -> np.ndarray:
    """Row numbers (uint32) of the shard's tasks whose sound is not on disk.

    Damaged parts are removed. Audio that a neighbouring shard holds is taken over: inserting or deleting a line moves
    dialogues across shard borders.
    """
    keys: list[bytes] = store.tasks(shard).column("content_key").to_pylist()
    spoken = SpokenShard([store.mono_folder(shard), salvage_folder(store, recipe, shard)])
    for path in spoken.damaged:
        path.unlink(missing_ok=True)
    missing = [row for row, key in enumerate(keys) if key not in spoken]
    if missing and not recipe.keep_mono:
        recorded = RecordedShard(store, recipe, shard, [keys[row] for row in missing])
        missing = [row for row in missing if keys[row] not in recorded]
    if missing:
        adopted = _adopt(store, shard, [keys[row] for row in missing])
        missing = [row for row in missing if keys[row] not in adopted]
    return np.asarray(missing, np.uint32)


def _adopt(store: DatasetStore, shard: str, wanted: Sequence[bytes]) -> set[bytes]:
    dataset, index = split_shard_key(shard)
    neighbours = [shard_key(dataset, i) for i in (index - 1, index + 1) if i >= 0]
    folders = [folder for folder in map(store.mono_folder, neighbours) if folder.is_dir()]
    if not folders:
        return set()
    spoken = SpokenShard(folders)
    found = [key for key in dict.fromkeys(wanted) if key in spoken]
    if found:
        store.mono_folder(shard).mkdir(parents=True, exist_ok=True)
    for begin in range(0, len(found), ADOPT_ROWS):
        write_part(store.mono_folder(shard), [spoken[key] for key in found[begin : begin + ADOPT_ROWS]])
    return set(found)


def remove_unwanted_parts(store: DatasetStore, shard: str) -> int:
    """Remove parts of which no row is wanted any more, by this shard or a neighbour; return how many."""
    dataset, index = split_shard_key(shard)
    count = store.summary()["shards"]
    wanted: set[bytes] = set()
    for i in range(max(0, index - 1), min(count, index + 2)):
        wanted.update(store.tasks(shard_key(dataset, i)).column("content_key").to_pylist())
    removed = 0
    for part in SpokenShard([store.mono_folder(shard)]).parts:
        if wanted.isdisjoint(part.keys):
            part.path.unlink(missing_ok=True)
            removed += 1
    return removed


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
        for lane in work:
            share = rows[lane_of == lane.lane]
            if len(share):
                lane.rows[shard] = share
        dealt += len(rows)
    return [lane for lane in work if lane.rows]
