"""The end of speaking a shard: what is known of it is written, and told in numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..names import shard_key, split_shard_key
from ..quality.rules import Rules
from ..recipe import Recipe
from ..storage.dataset import DatasetStore
from .attempts import attempt_keys
from .figures import SpeechFigures
from .parts import SpokenShard
from .quality_table import finish_shard
from .speed_log import last_figures, record_speed


def close_shard(
    store: DatasetStore,
    recipe: Recipe,
    shard: str,
    figures: SpeechFigures,
    unspoken: Mapping[str, str],
    recorded: Iterable[bytes] = (),
) -> dict[str, Any]:
    """Write a shard's table of utterances, its rejects and its speed; drop parts that nothing wants any more.

    Args:
        store, recipe: the dataset.
        shard: shard key; all that could be spoken of it lies on disk.
        figures: what was spoken of it now, by all lanes.
        unspoken: dialogue id -> why the engine could not speak a turn of it.
        recorded: content keys of attempts whose sound lies in recordings.

    Returns:
        Numbers for metadata. `spoken`, `reused` and `spoken_seconds` tell of now. Speed, latency and memory are those
        of the last time that anything was spoken, so that a run which only finds everything there leaves the plots
        alone.
    """
    tasks = store.tasks(shard)
    quality = finish_shard(store, recipe, shard, unspoken, recorded)
    figures.tasks, figures.failed = len(tasks), quality.failed
    figures.reused = figures.tasks - figures.spoken - figures.failed
    record_speed(store, shard, figures)
    if figures.reused and recipe.keeps_mono:
        remove_unwanted_parts(store, recipe, shard)
    speed = figures.speed() if figures.spoken else last_figures(store, shard)
    return {
        "dialogues": len(set(tasks.column("dialogue_id").to_pylist())),
        **figures.counts(),
        **speed,
        "rejected": len(quality.failures),
        **quality.summary(),
    }


def remove_unwanted_parts(store: DatasetStore, recipe: Recipe, shard: str) -> int:
    """Remove parts of which no row is wanted any more, by this shard or a neighbour; return how many."""
    dataset, index = split_shard_key(shard)
    count = store.summary().shards
    rules = Rules(recipe)
    wanted: set[bytes] = set()
    for i in range(max(0, index - 1), min(count, index + 2)):
        for key in store.tasks(shard_key(dataset, i)).column("content_key").to_pylist():
            wanted.update(attempt_keys(key, rules.attempts))
    removed = 0
    for part in SpokenShard([store.mono_folder(shard)]).parts:
        if wanted.isdisjoint(part.keys):
            part.path.unlink(missing_ok=True)
            removed += 1
    return removed
