"""The datasets in a data root, with their state and hours of sound, judged from the files alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from indextts.foreign_files import parse_json

from ..publish.manifest import manifest_paths
from ..recipe import RecipeError
from ..resume.finished import is_finished, manifest_is_current
from ..stereo.index import read_index
from ..storage.dataset import DatasetError, DatasetStore
from ..storage.lock import holder

COMPLETE, BUSY, INCOMPLETE, OUTDATED, UNREADABLE = "complete", "being built", "incomplete", "no manifest", "unreadable"


@dataclass(frozen=True)
class StockItem:
    """One dataset."""

    name: str
    state: str
    """complete; being built; incomplete: shards are left to do; no manifest: it is missing or older than the shards;
    unreadable: `problem` says why."""
    dialogues: int = 0
    """Good dialogues in the input."""
    shards_done: int = 0
    shards: int = 0
    hours: float = 0.0
    """Hours of the recordings in the manifests, or in the finished shards if there is no current manifest."""
    engine: str = ""
    folder: str = ""
    problem: str | None = None


def take_stock(root: Path) -> Iterator[StockItem]:
    """List each dataset below a data root, by name. A current manifest is trusted; `verify` checks more."""
    for recipe in sorted(root.glob("*/recipe.yaml")):
        try:
            store = DatasetStore(root, recipe.parent.name)
        except ValueError:
            continue  # no dataset of ours
        try:
            yield _item(store)
        except (DatasetError, RecipeError, OSError, ValueError) as error:
            yield StockItem(store.name, UNREADABLE, folder=str(store.folder), problem=str(error))


def _item(store: DatasetStore) -> StockItem:
    recipe, summary = store.recipe(), store.summary()
    shards = store.shards()
    if current := manifest_is_current(store, recipe):
        done, seconds = shards, sum(_manifest_seconds(path) for path in manifest_paths(store).values())
    else:
        done = [shard for shard in shards if is_finished(store, recipe, shard)]
        seconds = sum(
            recording.duration
            for shard in done
            for recording in read_index(store.index_path(shard)) or ()
            if recording.failure is None
        )
    if holder(store.folder) is not None:
        state = BUSY
    elif current:
        state = COMPLETE
    else:
        state = OUTDATED if summary.complete and len(done) == len(shards) else INCOMPLETE
    return StockItem(
        name=store.name,
        state=state,
        dialogues=summary.dialogues,
        shards_done=len(done),
        shards=len(shards),
        hours=seconds / 3600,
        engine=recipe.engine,
        folder=str(store.folder),
    )


def _manifest_seconds(path: Path) -> float:
    if not path.is_file():
        return 0.0
    with open(path, encoding="utf-8") as rows:
        return sum(float(parse_json(row)["duration"]) for row in rows)
