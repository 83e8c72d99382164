"""Which shards of a dataset are finished, judged from the files."""

from __future__ import annotations

from .stereo import read_index, recording_key
from .store import DatasetStore
from .work import dialogue_rows


def is_finished(store: DatasetStore, shard: str) -> bool:
    """True when the shard's index lists a current recording, or a recorded failure, for each of its dialogues.

    Reads the index and the tasks only; damaged audio is found when the shard is built again, or by `verify`.
    """
    recordings = {r.dialogue_id: r for r in read_index(store.index_path(shard))}
    if not recordings:
        return False
    recipe, tasks = store.recipe(), store.tasks(shard)
    keys = tasks.column("content_key").to_pylist()
    for dialogue_id, rows in dialogue_rows(tasks):
        recording = recordings.get(dialogue_id)
        if recording is None or recording.fault or recording.key != recording_key([keys[row] for row in rows], recipe):
            return False
        if recording.failure is None and not (store.folder / recording.path).is_file():
            return False
    return True


def unfinished_shards(store: DatasetStore) -> list[str]:
    """Shards that still need speaking or assembling, in order."""
    return [shard for shard in store.shards() if not is_finished(store, shard)]


def manifest_is_current(store: DatasetStore) -> bool:
    """True when the manifest is newer than every shard's index."""
    if not store.manifest_path.is_file():
        return False
    written = store.manifest_path.stat().st_mtime_ns
    return all(store.index_path(shard).stat().st_mtime_ns <= written for shard in store.shards())
