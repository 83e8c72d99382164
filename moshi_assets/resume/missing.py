"""What is left to speak and to judge, and who does it: the missing tasks of some shards, dealt out to lanes."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..names import shard_key, split_shard_key
from ..quality.rules import Rules
from ..recipe import Recipe
from ..stereo.salvage import RecordedShard, salvage_folder
from ..storage.dataset import DatasetStore
from ..synthesis.attempts import attempt_keys
from ..synthesis.parts import SpokenShard, write_part
from ..synthesis.quality_table import earlier_rows, measures_of, spoken_tasks, table_rules
from ..synthesis.verdict import verdict

logger = logging.getLogger(__name__)

ADOPT_ROWS = 32
"""Rows of a part that takes over audio from a neighbouring shard."""


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
    passes; or their dialogue is rejected by these very rules.
    """
    tasks = store.tasks(shard)
    ids = tasks.column("dialogue_id").to_pylist()
    keys, texts = tasks.column("content_key").to_pylist(), tasks.column("text").to_pylist()
    taken = spoken_tasks(store, shard).column("content_key").to_pylist()
    judged = earlier_rows(store, shard)
    same_rules = table_rules(store, shard) == rules.fingerprint
    known = [judged.get(key) for key in keys]
    rejected = {i for i, row in zip(ids, known, strict=True) if same_rules and row and row["failed"]}
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
        for key in attempt_keys(task, rules.attempts)
        for number in range(spoken.count(key))
    ]
    if places:
        store.mono_folder(shard).mkdir(parents=True, exist_ok=True)
    for begin in range(0, len(places), ADOPT_ROWS):
        rows = [spoken.rows(key)[number] for key, number in places[begin : begin + ADOPT_ROWS]]
        write_part(store.mono_folder(shard), rows)
    return len(places)
