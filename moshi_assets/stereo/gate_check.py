"""Checks that the turns in a shard's recordings pass the recipe's gates."""

from __future__ import annotations

from ..faults import Fault
from ..planning.task_table import dialogue_texts
from ..quality.rules import Rules
from ..recipe import Recipe
from ..stereo.index import read_index
from ..storage.dataset import DatasetStore
from ..synthesis.quality_table import measures_of, read_quality


def gate_faults(store: DatasetStore, recipe: Recipe, shard: str) -> list[Fault]:
    """Yield a fault for each turn in a shard's recordings that fails the recipe's gates by its stored measures."""
    rules = Rules(recipe)
    if not rules.gates.enabled:
        return []
    texts = dialogue_texts(store.tasks(shard))
    rows = {(row["dialogue_id"], row["turn"]): row for row in read_quality(store, shard).to_pylist()}
    found = []
    for recording in read_index(store.index_path(shard)):
        for turn in recording.turns if recording.failure is None else ():
            row = rows.get((turn.dialogue_id, turn.turn))
            wrong = [] if row else ["there are no measures of it: materialize mono_syntheses"]
            if row and row["fault"]:
                wrong = [row["fault"]]
            elif row and row["seconds"] is not None:
                spoken = texts[turn.dialogue_id][turn.turn].spoken
                wrong = [fault.message for fault in rules.faults(measures_of(row), spoken)]
            found += [
                Fault("gates", recording.path, f"turn {turn.turn} of {turn.dialogue_id!r} ({turn.role}): {told}")
                for told in wrong
            ]
    return found
