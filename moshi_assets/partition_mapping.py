"""The partition mapping between datasets and their shards, for the lineage: Dagster's own mappings know no such
relation.

Dagster evaluates a mapping in three kinds of process: the one that loads the assets, the webserver (what is out of
date, what "Materialize all" covers) and the daemon (what a back-fill does next). It shows a mapping to the other two
only where the class derives from one of its own, and they can read it only where they have imported it. `dagster.yaml`
has them do so, see `Scheduler`; a process that has not reads `AllPartitionMapping` instead, by which everything depends
on everything, as `_StoredAsAll` writes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import dagster as dg
from dagster._core.definitions.partitions.context import partition_loading_context
from dagster._core.definitions.partitions.mapping.partition_mapping import UpstreamPartitionsResult
from dagster._core.definitions.partitions.subset import PartitionsSubset
from dagster._core.instance.types import DynamicPartitionsStore
from dagster._core.scheduler import DagsterDaemonScheduler
from dagster._serdes import whitelist_for_serdes
from dagster_shared.serdes.serdes import NamedTupleSerializer

from .names import split_shard_key

SHARDS = "shards"
"""Name of the shard partitions; all other partitions are datasets."""
_SHOWN_AS = dg.AllPartitionMapping.__name__


class _StoredAsAll(NamedTupleSerializer):
    """Writes a mapping so that a process that does not know it reads Dagster's `AllPartitionMapping`."""

    def get_storage_name(self) -> str:
        return _SHOWN_AS

    def object_as_mapping(self, value: Any) -> Mapping[str, Any]:
        return {"within": "dataset"}

    def unpack(self, unpacked_dict: dict[str, Any], whitelist_map: Any, context: Any) -> Any:
        return DatasetPartitionMapping() if unpacked_dict.get("within") == "dataset" else dg.AllPartitionMapping()


@whitelist_for_serdes(serializer=_StoredAsAll, old_storage_names={_SHOWN_AS})
class DatasetPartitionMapping(dg.AllPartitionMapping):
    """A dataset and its shards depend on each other, and on nothing of another dataset; in both directions."""

    def get_upstream_mapped_partitions_result_for_partitions(
        self,
        downstream_partitions_subset: PartitionsSubset | None,
        downstream_partitions_def: dg.PartitionsDefinition | None,
        upstream_partitions_def: dg.PartitionsDefinition,
        current_time: datetime | None = None,
        dynamic_partitions_store: DynamicPartitionsStore | None = None,
    ) -> UpstreamPartitionsResult:
        """Shards of some datasets, or datasets of some shards, that are upstream of them."""
        with partition_loading_context(current_time, dynamic_partitions_store):
            assert downstream_partitions_subset is not None, "only between datasets and shards"
            return UpstreamPartitionsResult(
                partitions_subset=_related(downstream_partitions_subset, upstream_partitions_def),
                required_but_nonexistent_subset=upstream_partitions_def.empty_subset(),
            )

    def get_downstream_partitions_for_partitions(
        self,
        upstream_partitions_subset: PartitionsSubset,
        upstream_partitions_def: dg.PartitionsDefinition,
        downstream_partitions_def: dg.PartitionsDefinition,
        current_time: datetime | None = None,
        dynamic_partitions_store: DynamicPartitionsStore | None = None,
    ) -> PartitionsSubset:
        """Shards of some datasets, or datasets of some shards, that are downstream of them."""
        with partition_loading_context(current_time, dynamic_partitions_store):
            return _related(upstream_partitions_subset, downstream_partitions_def)

    @property
    def description(self) -> str:
        return "Each shard depends on its own dataset, and each dataset on its own shards."


def _related(partitions: PartitionsSubset, wanted: dg.PartitionsDefinition) -> PartitionsSubset:
    """Registered partitions of `wanted` in the datasets that `partitions` are, or lie in."""
    datasets = {dataset_of(key) for key in partitions.get_partition_keys()}
    if getattr(wanted, "name", None) == SHARDS:
        shards = _Shards.of(wanted.get_partition_keys())
        related: Iterable[str] = [shard for dataset in sorted(datasets) for shard in shards.get(dataset, ())]
    else:
        related = wanted.filter_valid_partition_keys(datasets)
    return wanted.empty_subset().with_partition_keys(related)


def dataset_of(key: str) -> str:
    """The dataset of a partition key: that of a shard, or the key itself."""
    try:
        return split_shard_key(key)[0]
    except ValueError:
        return key


class _Shards:
    """Shard keys by dataset, sorted out once for each list: the webserver asks dataset by dataset, with one list of
    all.
    """

    _sorted: tuple[Sequence[str], dict[str, list[str]]] = ((), {})

    @classmethod
    def of(cls, keys: Sequence[str]) -> dict[str, list[str]]:
        latest, by_dataset = cls._sorted
        if latest is not keys:  # it is kept, so no other list can have taken its place in memory
            by_dataset = {}
            for key in keys:
                by_dataset.setdefault(dataset_of(key), []).append(key)
            cls._sorted = keys, by_dataset
        return by_dataset


class Scheduler(DagsterDaemonScheduler):
    """Dagster's own scheduler. It is named in `dagster.yaml`, so that every process that opens the instance imports
    this file.
    """
