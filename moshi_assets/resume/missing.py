"""The tasks of a shard that are left to speak or to judge."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow.compute as pc

from ..quality.rules import Rules
from ..recipe import Recipe
from ..stereo.recording import Recording
from ..stereo.salvage import RecordedShard, salvage_folder
from ..storage.dataset import DatasetStore
from ..synthesis.attempts import attempt_keys
from ..synthesis.parts import SpokenShard
from ..synthesis.quality_table import earlier_rows, measures_of, spoken_tasks, table_rules
from ..synthesis.verdict import verdict


def missing_rows(
    store: DatasetStore,
    recipe: Recipe,
    shard: str,
    among: range | None = None,
    intact: Callable[[Recording], bool] | None = None,
) -> np.ndarray:
    """Row numbers (uint32) of the shard's tasks that are to be spoken, or judged: no attempt of theirs is taken yet.

    What has failed all its attempts is settled too. Damaged parts are removed.

    Args:
        store, recipe: the dataset.
        shard: shard key.
        among: rows to look at; default: all.
        intact: whether a recording is what its row says; default: it is read.
    """
    rules = Rules(recipe)
    tasks = store.tasks(shard)
    keys: list[bytes] = tasks.column("content_key").to_pylist()
    texts: list[str] = pc.coalesce(tasks.column("spoken"), tasks.column("text")).to_pylist()
    rows = range(len(keys)) if among is None else among
    folders = [store.mono_folder(shard), salvage_folder(store, recipe, shard)]

    def unsettled(rows: Iterable[int], recorded: Iterable[bytes] = ()) -> list[int]:
        spoken = SpokenShard(folders, recorded)
        for path in spoken.damaged:
            path.unlink(missing_ok=True)
        return [row for row in rows if not verdict(spoken, keys[row], texts[row], rules).settled]

    missing = unsettled(rows)
    if missing and not recipe.keeps_mono:
        taken: list[bytes] = spoken_tasks(store, shard).column("content_key").to_pylist()
        wanted = {key for row in missing for key in [taken[row], *attempt_keys(keys[row], rules.attempts)]}
        recorded = RecordedShard(store, recipe, shard, wanted, intact=intact)
        missing = unsettled(missing, recorded.keys())
        judged = earlier_rows(store, shard)
        finished = _finished(store, shard, missing, texts, taken, judged, recorded, rules)
        missing = [row for row in missing if row not in finished]
        unmeasured = [row for row in finished if keys[row] not in judged] if rules.gates.measured else []
        if unmeasured:  # the table was lost: what the recordings hold is judged once more
            recorded.salvage([taken[row] for row in unmeasured], salvage_folder(store, recipe, shard))
            missing = sorted([*missing, *unmeasured])
    return np.asarray(missing, np.uint32)


def _finished(
    store: DatasetStore,
    shard: str,
    rows: Sequence[int],
    texts: Sequence[str],
    taken: Sequence[bytes],
    judged: Mapping[bytes, Mapping[str, Any]],
    recorded: RecordedShard,
    rules: Rules,
) -> set[int]:
    """Rows of which no part tells any more: the sound lies in a recording, and what was measured of it still passes; or
    their dialogue is rejected by these very rules.
    """
    tasks = store.tasks(shard)
    ids, keys = tasks.column("dialogue_id").to_pylist(), tasks.column("content_key").to_pylist()
    same_rules = table_rules(store, shard) == rules.fingerprint
    known = [judged.get(key) for key in keys]
    rejected = {i for i, row in zip(ids, known, strict=True) if same_rules and row and row["failed"]}
    return {
        row
        for row in rows
        if (ids[row] in rejected and known[row])
        or (taken[row] in recorded and (same_rules or _passes(known[row], texts[row], rules)))
    }


def _passes(row: Mapping[str, Any] | None, text: str, rules: Rules) -> bool:
    """Whether an utterance passes by its row of the shard's table; one that was never measured does."""
    if row is None or row["seconds"] is None:
        return True
    return not rules.faults(measures_of(row), text)
