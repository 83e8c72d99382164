"""Which shards of a dataset are finished, judged from the files."""

from __future__ import annotations

from .stereo import read_index, recording_key
from .store import DatasetStore
from .work import dialogue_rows


def is_finished(store: DatasetStore, shard: str) -> bool:
    """True when the shard's index lists just its dialogues, in order, each with a current recording or a failure.

    Reads the index and the tasks only; damaged audio is found when the shard is built again, or by `verify`.
    """
    recordings = read_index(store.index_path(shard))
    if not recordings:
        return False
    recipe, tasks = store.recipe(), store.tasks(shard)
    dialogues = list(dialogue_rows(tasks))
    if [recording.dialogue_id for recording in recordings] != [dialogue_id for dialogue_id, _ in dialogues]:
        return False
    keys = tasks.column("content_key").to_pylist()
    for recording, (_, rows) in zip(recordings, dialogues):
        if recording.fault or recording.key != recording_key([keys[row] for row in rows], recipe):
            return False
        if recording.failure is None and not (store.folder / recording.path).is_file():
            return False
    return True


def unfinished_shards(store: DatasetStore) -> list[str]:
    """Shards that still need speaking or assembling, in order."""
    return [shard for shard in store.shards() if not is_finished(store, shard)]


def manifest_is_current(store: DatasetStore) -> bool:
    """True when the manifest is newer than the tasks and than every shard's index."""
    if not store.manifest_path.is_file():
        return False
    written = store.manifest_path.stat().st_mtime_ns
    sources = [store.summary_path, *map(store.index_path, store.shards())]
    return all(path.is_file() and path.stat().st_mtime_ns <= written for path in sources)
