"""Partitions: datasets, and shards `<dataset>.<index>`. Both grow while the project runs."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import dagster as dg
from dagster._core.storage.event_log.schema import DynamicPartitionsTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage

from ..names import split_shard_key
from ..partition_mapping import SHARDS, DatasetPartitionMapping, dataset_of
from ..storage.dataset import DatasetStore

# `backfill_policy` is marked beta, once per asset and process; ranges in single runs are what this project needs of it.
warnings.filterwarnings("ignore", message="Parameter `backfill_policy`", category=dg.BetaWarning)

datasets = dg.DynamicPartitionsDefinition(name="datasets")
shards = dg.DynamicPartitionsDefinition(name=SHARDS)
SINGLE_RUN = dg.BackfillPolicy.single_run()
_AT_ONCE = 10_000
"""Keys in one SQL statement: databases allow some tens of thousands of values."""
_FEW = 100
OF_DATASET = DatasetPartitionMapping()
"""Between a dataset and its shards, both ways."""


def register_shards(instance: dg.DagsterInstance, dataset: str, keys: Sequence[str]) -> None:
    """Make `keys` the shard partitions of a dataset, in order and side by side, so that a range never leaves it.

    Where the dataset's partitions are the last ones, only those at their end are added or removed; where partitions of
    another dataset follow, a dataset that grows is moved behind them.
    """
    everything = list(instance.get_dynamic_partitions(SHARDS))
    present = [key for key in everything if belongs_to(key, dataset)]
    first = everything.index(present[0]) if present else len(everything)
    end = first + len(present)
    same = next((n for n, (old, new) in enumerate(zip(present, keys, strict=False)) if old != new), None)
    kept = min(len(present), len(keys)) if same is None else same
    side_by_side = everything[first:end] == present
    if not side_by_side or (end < len(everything) and kept < len(keys)):
        kept = 0
    _forget(instance, present[kept:])
    for start in range(kept, len(keys), _AT_ONCE):
        instance.add_dynamic_partitions(SHARDS, list(keys[start : start + _AT_ONCE]))


def _forget(instance: dg.DagsterInstance, keys: Sequence[str]) -> None:
    """Remove shard partitions. Dagster's interface removes one at a time, in 3 ms of SQLite; where the storage is a
    database, as all of Dagster's own are, many are removed by one statement.
    """
    storage = instance.event_log_storage
    if len(keys) < _FEW or not isinstance(storage, SqlEventLogStorage):
        for key in keys:
            instance.delete_dynamic_partition(SHARDS, key)
        return
    columns = DynamicPartitionsTable.c
    with storage.index_connection() as connection:
        for start in range(0, len(keys), _AT_ONCE):
            some = columns.partition.in_(keys[start : start + _AT_ONCE])
            connection.execute(DynamicPartitionsTable.delete().where(columns.partitions_def_name == SHARDS, some))


def register_dataset(instance: dg.DagsterInstance, store: DatasetStore) -> None:
    """Register a dataset on disk with its shards: it may come from elsewhere, or the history may be lost.

    Raises:
        DatasetError: its files do not list its shards.
    """
    keys = store.shards()
    instance.add_dynamic_partitions("datasets", [store.name])
    register_shards(instance, store.name, keys)


def belongs_to(key: str, dataset: str) -> bool:
    """True when `key` is a shard of `dataset`."""
    return key != dataset and dataset_of(key) == dataset


def by_dataset(keys: Sequence[str]) -> dict[str, list[str]]:
    """Shard keys of a run, grouped by dataset."""
    groups: dict[str, list[str]] = {}
    for key in keys:
        groups.setdefault(split_shard_key(key)[0], []).append(key)
    return groups


def contiguous_ranges(wanted: Sequence[str], order: Sequence[str], longest: int) -> list[tuple[str, str]]:
    """First and last keys of the runs of consecutive shards in `wanted`, none with more than `longest` shards.

    Args:
        wanted: shard keys of one dataset.
        order: all shard keys of that dataset, in order.
        longest: most shards of a range.
    """
    chosen = set(wanted)
    ranges: list[list[str]] = []
    previous = False
    for key in order:
        if key in chosen:
            if previous and len(ranges[-1]) < longest:
                ranges[-1].append(key)
            else:
                ranges.append([key])
        previous = key in chosen
    return [(keys[0], keys[-1]) for keys in ranges]
