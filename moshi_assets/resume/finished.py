"""Which shards of a dataset are finished, judged from the files."""

from __future__ import annotations

from ..recipe import Recipe
from ..stereo.index import read_index
from ..stereo.keys import are_current
from ..storage.dataset import DatasetStore
from ..synthesis.quality_table import spoken_tasks
from ..transcripts.stage import transcripts_are_current


def is_finished(store: DatasetStore, recipe: Recipe, shard: str) -> bool:
    """True when the shard's index lists just its dialogues, in order, each with a current recording or a failure.

    Its transcripts must be current too. Reads the indexes and the tasks only; damaged audio is found when the shard is
    built again, or by `verify`.
    """
    recordings = read_index(store.index_path(shard))
    if not recordings:
        return False
    if not are_current(recordings, spoken_tasks(store, shard), recipe):
        return False
    if any(r.fault for r in recordings):
        return False
    if not all(r.failure is not None or (store.folder / r.path).is_file() for r in recordings):
        return False
    return transcripts_are_current(store, recipe, shard, recordings)


def unfinished_shards(store: DatasetStore, recipe: Recipe) -> list[str]:
    """Shards that still need speaking or assembling, in order."""
    return [shard for shard in store.shards() if not is_finished(store, recipe, shard)]


def manifest_is_current(store: DatasetStore, recipe: Recipe) -> bool:
    """True when the manifest is newer than the tasks and than every shard's indexes."""
    if not store.manifest_path.is_file():
        return False
    written = store.manifest_path.stat().st_mtime_ns
    sources = [store.summary_path, *map(store.index_path, store.shards())]
    if recipe.transcripts:
        sources += map(store.transcripts_path, store.shards())
    return all(path.is_file() and path.stat().st_mtime_ns <= written for path in sources)
