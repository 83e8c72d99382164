"""Which shards of a dataset are finished: those with a marker that holds for their present files.

A marker is written last, when every dialogue of its shard has a recording, with its transcript if these are wanted, or
a recorded failure. It names the recordings, and its first line is a key of all that they follow from: so many shards
are told finished by reading a few small files of each and one listing of the recordings.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import xxhash

from ..recipe import Recipe
from ..stereo.index import read_index
from ..stereo.keys import are_current
from ..storage.checked_table import table_digest
from ..storage.dataset import DatasetStore, tasks_path
from ..storage.whole_file import write_whole
from ..synthesis.quality_table import spoken_tasks
from ..transcripts.stage import transcripts_are_current
from ..transcripts.transcribe import VERSION
from ..transcripts.transcript import transcript_path


def mark_finished(store: DatasetStore, recipe: Recipe, shard: str) -> bool:
    """Write a shard's marker if it is complete, else remove it; return whether it is.

    Complete is a shard whose index lists just its dialogues, in order, each with a current recording without a fault or
    with a failure, and whose transcripts are current.
    """
    path = store.done_path(shard)
    recordings = read_index(store.index_path(shard))
    complete = (
        bool(recordings)
        and not any(recording.fault for recording in recordings)
        and are_current(recordings, spoken_tasks(store, shard), recipe)
        and transcripts_are_current(store, recipe, shard, recordings)
    )
    if not complete:
        path.unlink(missing_ok=True)
        return False
    paths = [recording.path for recording in recordings if recording.failure is None]
    path.parent.mkdir(exist_ok=True)
    write_whole(path, "\n".join([_key(store, recipe, shard) or "", *paths]), durable=False)
    return True


def is_finished(store: DatasetStore, recipe: Recipe, shard: str) -> bool:
    """True when the shard's marker holds and its recordings and transcripts are there.

    Damaged audio is found when the shard is built again, or by `verify`.
    """
    return _holds(store, recipe, shard, lambda path: (store.folder / path).is_file())


def unfinished_shards(store: DatasetStore, recipe: Recipe) -> list[str]:
    """Shards that still need speaking, assembling or transcribing, in order."""
    there = set(_listing(store.stereo_folder, f"{store.stereo_folder.name}/"))
    return [shard for shard in store.shards() if not _holds(store, recipe, shard, there.__contains__)]


def _holds(store: DatasetStore, recipe: Recipe, shard: str, is_there: Callable[[str], bool]) -> bool:
    try:
        key, *paths = store.done_path(shard).read_text(encoding="utf-8").split("\n")
    except (OSError, ValueError):
        return False
    if not key or key != _key(store, recipe, shard):
        return False
    wanted: Iterable[str] = [*paths, *map(transcript_path, paths)] if recipe.transcripts else paths
    return all(map(is_there, wanted))


def _key(store: DatasetStore, recipe: Recipe, shard: str) -> str | None:
    """Key of the present files of a shard and of what they follow from; None where one of them is missing."""
    digest = xxhash.xxh3_128(f"{recipe.shard_fingerprint}\0{VERSION}".encode())
    try:
        digest.update(table_digest(tasks_path(store.tasks_folder, shard)))
        for path in (store.index_path(shard), store.quality_path(shard)):
            digest.update(path.read_bytes())
        if recipe.transcripts:
            digest.update(store.transcripts_path(shard).read_bytes())
    except OSError:
        return None
    return digest.hexdigest()


def _listing(folder: Path, prefix: str) -> Iterator[str]:
    """Paths of the files below a folder, one level of folders deep."""
    try:
        entries = os.scandir(folder)
    except OSError:
        return
    with entries:
        for entry in entries:
            if entry.is_dir():
                yield from _listing(Path(entry.path), f"{prefix}{entry.name}/")
            else:
                yield prefix + entry.name


def manifest_is_current(store: DatasetStore, recipe: Recipe) -> bool:
    """True when the manifest is newer than the tasks and than every shard's indexes."""
    if not store.manifest_path.is_file():
        return False
    written = store.manifest_path.stat().st_mtime_ns
    sources = [store.summary_path, *map(store.index_path, store.shards())]
    if recipe.transcripts:
        sources += map(store.transcripts_path, store.shards())
    return all(path.is_file() and path.stat().st_mtime_ns <= written for path in sources)
