"""What is left to speak and to judge, and who does it: the missing tasks of some shards, dealt out to lanes."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow.compute as pc

from ..names import shard_key, split_shard_key
from ..quality.rules import Rules
from ..recipe import Recipe
from ..stereo.salvage import RecordedShard, salvage_folder
from ..storage.dataset import DatasetStore
from ..synthesis.attempts import attempt_key
from ..synthesis.parts import SpokenShard, write_part
from ..synthesis.quality_table import NOT_GOOD, earlier_rows, measures_of, table_rules
from ..synthesis.verdict import verdict

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
    sharers: dict[str, int] = field(default_factory=dict)
    """Shard key -> how many lanes have a share of it."""

    @property
    def tasks(self) -> int:
        return sum(map(len, self.rows.values()))


def missing_rows(store: DatasetStore, recipe: Recipe, shard: str) -> np.ndarray:
    """Row numbers (uint32) of the shard's tasks that are to be spoken, or judged: no attempt of theirs is taken yet.

    What has failed all its attempts is settled too. Damaged parts are removed. Audio that a neighbouring shard holds is
    taken over: inserting or deleting a line moves dialogues across shard borders.
    """
    rules = Rules(recipe)
    tasks = store.tasks(shard)
    keys: list[bytes] = tasks.column("content_key").to_pylist()
    texts: list[str] = tasks.column("text").to_pylist()
    folders = [store.mono_folder(shard), salvage_folder(store, recipe, shard)]

    def unsettled(rows: Iterable[int], spoken: SpokenShard) -> list[int]:
        return [row for row in rows if not verdict(spoken, keys[row], texts[row], rules).settled]

    spoken = SpokenShard(folders)
    for path in spoken.damaged:
        path.unlink(missing_ok=True)
    missing = unsettled(range(len(keys)), spoken)
    if missing and not recipe.keep_mono:
        finished = _finished(store, recipe, shard, missing, rules)
        missing = [row for row in missing if row not in finished]
    if missing and _adopt(store, shard, [keys[row] for row in missing], rules):
        missing = unsettled(missing, SpokenShard(folders))
    return np.asarray(missing, np.uint32)


def _finished(store: DatasetStore, recipe: Recipe, shard: str, rows: Sequence[int], rules: Rules) -> set[int]:
    """Rows of a shard whose mono parts may be gone: the sound lies in a recording, and what was measured of it still
    passes; or their dialogue is rejected by these very rules."""
    tasks = store.tasks(shard)
    ids = tasks.column("dialogue_id").to_pylist()
    keys, texts = tasks.column("content_key").to_pylist(), tasks.column("text").to_pylist()
    taken = store.spoken_tasks(shard).column("content_key").to_pylist()
    judged = earlier_rows(store, shard)
    same_rules = table_rules(store, shard) == rules.fingerprint
    known = [judged.get(key) for key in keys]
    rejected = {i for i, row in zip(ids, known) if same_rules and row and (row["fault"] or "").startswith(NOT_GOOD)}
    recorded = RecordedShard(store, recipe, shard, [taken[row] for row in rows])
    return {
        row
        for row in rows
        if (ids[row] in rejected and known[row])
        or (taken[row] in recorded and (same_rules or _passes(known[row], texts[row], rules)))
    }


def _passes(row: dict[str, Any] | None, text: str, rules: Rules) -> bool:
    """Whether an utterance passes by its row of the shard's table; one that was never measured does."""
    if row is None or row["seconds"] is None:
        return True
    return not rules.faults(measures_of(row), text)


def _adopt(store: DatasetStore, shard: str, wanted: Sequence[bytes], rules: Rules) -> int:
    """Copy what neighbouring shards hold of the attempts at some tasks; return how many rows."""
    dataset, index = split_shard_key(shard)
    neighbours = [shard_key(dataset, i) for i in (index - 1, index + 1) if i >= 0]
    folders = [folder for folder in map(store.mono_folder, neighbours) if folder.is_dir()]
    if not folders:
        return 0
    spoken = SpokenShard(folders)
    places = [
        (key, number)
        for task in dict.fromkeys(wanted)
        for key in _attempt_keys(task, rules)
        for number in range(spoken.count(key))
    ]
    if places:
        store.mono_folder(shard).mkdir(parents=True, exist_ok=True)
    for begin in range(0, len(places), ADOPT_ROWS):
        rows = [spoken.rows(key)[number] for key, number in places[begin : begin + ADOPT_ROWS]]
        write_part(store.mono_folder(shard), rows)
    return len(places)


def _attempt_keys(content_key: bytes, rules: Rules) -> list[bytes]:
    return [attempt_key(content_key, attempt) for attempt in range(rules.attempts)]


def remove_unwanted_parts(store: DatasetStore, recipe: Recipe, shard: str) -> int:
    """Remove parts of which no row is wanted any more, by this shard or a neighbour; return how many."""
    dataset, index = split_shard_key(shard)
    count = store.summary()["shards"]
    rules = Rules(recipe)
    wanted: set[bytes] = set()
    for i in range(max(0, index - 1), min(count, index + 2)):
        for key in store.tasks(shard_key(dataset, i)).column("content_key").to_pylist():
            wanted.update(_attempt_keys(key, rules))
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
        sharers = len(np.unique(lane_of))
        for lane in work:
            share = rows[lane_of == lane.lane]
            if len(share):
                lane.rows[shard], lane.sharers[shard] = share, sharers
        dealt += len(rows)
    return [lane for lane in work if lane.rows]
