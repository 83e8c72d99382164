"""Dialogues that have moved to a neighbouring shard: a line that is inserted or deleted moves all that follow.

What is known of them moves along before anything is spoken: the rows of their recordings, what was measured of their
utterances, and parts. It is looked for in the shards beside, as far as a few lines can move a dialogue.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from ..names import shard_key, split_shard_key
from ..quality.rules import Rules
from ..recipe import Recipe
from ..stereo.index import read_index, write_piece
from ..stereo.recording import Recording
from ..stereo.salvage import earlier_recordings
from ..storage.checked_table import write_table
from ..storage.dataset import DatasetStore, tasks_path
from ..synthesis.attempts import attempt_keys
from ..synthesis.parts import SpokenShard, write_part
from ..synthesis.quality_table import read_quality
from .missing import missing_rows

ADOPT_ROWS = 32
"""Rows of a part that takes over audio from a neighbouring shard."""


def take_over_moved(store: DatasetStore, recipe: Recipe, shards: Sequence[str]) -> int:
    """Give every dialogue that has left its shard to the neighbour that has it now; return how many were given.

    Args:
        store, recipe: the dataset; nothing of these shards is being made.
        shards: those that are to be made. Their neighbours are looked at too, and what they lack is left for them.
    """
    if recipe.keeps_mono:
        return sum(_adopt_parts(store, recipe, shard) for shard in shards)
    beside = dict.fromkeys(near for shard in shards for near in (shard, *_neighbours(shard)))
    return sum(_give(store, shard) for shard in beside)


def _neighbours(shard: str) -> list[str]:
    """The shards before and after; the latter may lie past the dataset's end, where dialogues come from, too."""
    dataset, index = split_shard_key(shard)
    return [shard_key(dataset, near) for near in (index - 1, index + 1) if near >= 0]


def _give(store: DatasetStore, shard: str) -> int:
    """Give the dialogues that a shard's recordings hold and its tasks do not to the neighbours that have them."""
    held = earlier_recordings(store, shard)
    if not held:
        return 0
    own = _dialogues(store, shard)
    gone = [recording for recording in held if not own.issuperset(recording.dialogue_ids)]
    given = 0
    for near in _neighbours(shard) if gone else ():
        there = _dialogues(store, near)
        known = {recording.path for recording in read_index(store.index_path(near))}
        moved = [r for r in gone if there.issuperset(r.dialogue_ids) and r.path not in known]
        if moved:
            _move_measures(store, shard, near, moved)
            store.mono_folder(near).mkdir(parents=True, exist_ok=True)
            write_piece(store.mono_folder(near), moved)
            given += sum(len(recording.dialogue_ids) for recording in moved)
    return given


def _dialogues(store: DatasetStore, shard: str) -> set[str]:
    """Ids of a shard's dialogues; none of a shard past the dataset's end."""
    if not tasks_path(store.tasks_folder, shard).is_file():
        return set()
    return set(store.tasks(shard).column("dialogue_id").to_pylist())


def _move_measures(store: DatasetStore, shard: str, near: str, moved: Sequence[Recording]) -> None:
    """Add what was measured of some dialogues to another shard's table, which is written anew when that is done.

    Where the two were judged by different rules, the table says that it is of none: everything is judged again.
    """
    ids = {dialogue_id for recording in moved for dialogue_id in recording.dialogue_ids}
    source, target = read_quality(store, shard), read_quality(store, near)
    rows = [row for row in source.to_pylist() if row["dialogue_id"] in ids]
    if not rows:
        return
    more = pa.Table.from_pylist(rows, schema=source.schema.remove_metadata())
    metadata = source.schema.metadata if not len(target) else target.schema.metadata
    if metadata != source.schema.metadata:
        metadata = None
    joined = pa.concat_tables([target.replace_schema_metadata(None), more]).combine_chunks()
    write_table(store.quality_path(near), joined.replace_schema_metadata(metadata), durable=False)


def _adopt_parts(store: DatasetStore, recipe: Recipe, shard: str) -> int:
    """Copy what the parts of neighbouring shards hold of the attempts at a shard's missing tasks."""
    folders = [folder for folder in map(store.mono_folder, _neighbours(shard)) if folder.is_dir()]
    if not folders:
        return 0
    missing = missing_rows(store, recipe, shard)
    if not len(missing):
        return 0
    attempts, spoken = Rules(recipe).attempts, SpokenShard(folders)
    keys = store.tasks(shard).column("content_key").take(missing).to_pylist()
    places = [
        (key, number)
        for task in dict.fromkeys(keys)
        for key in attempt_keys(task, attempts)
        for number in range(spoken.count(key))
    ]
    if places:
        store.mono_folder(shard).mkdir(parents=True, exist_ok=True)
    for begin in range(0, len(places), ADOPT_ROWS):
        rows = [spoken.rows(key)[number] for key, number in places[begin : begin + ADOPT_ROWS]]
        write_part(store.mono_folder(shard), rows)
    return len(places)
