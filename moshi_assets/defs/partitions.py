"""Partitions: datasets, and shards `<dataset>.<index>`. Both grow while the project runs."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import dagster as dg

from ..names import split_shard_key
from ..partition_mapping import SHARDS, DatasetPartitionMapping, dataset_of
from ..storage.dataset import DatasetStore

# `backfill_policy` is marked beta, once per asset and process; ranges in single runs are what this project needs of it.
warnings.filterwarnings("ignore", message="Parameter `backfill_policy`", category=dg.BetaWarning)

datasets = dg.DynamicPartitionsDefinition(name="datasets")
shards = dg.DynamicPartitionsDefinition(name=SHARDS)
SINGLE_RUN = dg.BackfillPolicy.single_run()
OF_DATASET = DatasetPartitionMapping()
"""Between a dataset and its shards, both ways."""


def register_shards(instance: dg.DagsterInstance, dataset: str, keys: Sequence[str]) -> None:
    """Make `keys` the shard partitions of a dataset, in order and side by side, so that a range never leaves it."""
    everything = list(instance.get_dynamic_partitions(SHARDS))
    present = [key for key in everything if belongs_to(key, dataset)]
    if present == list(keys):
        first = everything.index(present[0]) if present else 0
        if everything[first : first + len(present)] == present:
            return
    for key in present:
        instance.delete_dynamic_partition(SHARDS, key)
    instance.add_dynamic_partitions(SHARDS, list(keys))


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
