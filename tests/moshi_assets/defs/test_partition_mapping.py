"""Datasets are apart in the lineage: a dataset and its shards depend on each other, and on nothing of another's."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from dagster._core.instance.types import CachingDynamicPartitionsLoader
from dagster._serdes import deserialize_value, serialize_value

from moshi_assets.definitions import defs
from moshi_assets.defs.partitions import register_shards
from moshi_assets.names import shard_key
from moshi_assets.partition_mapping import DatasetPartitionMapping
from tests.moshi_assets.support.pipeline import WORKSPACE

DATASETS = [f"set{number:03d}" for number in range(200)]
SHARDS = {dataset: [shard_key(dataset, index) for index in range(100)] for dataset in DATASETS}
EDGES = [("synthesis_tasks", "mono_syntheses"), ("transcripts", "manifest")]


class CountedKeys(list):
    """Partition keys that count how often they are gone through."""

    walks = 0

    def __iter__(self) -> Iterator[str]:
        self.walks += 1
        return super().__iter__()


class CountedStore(CachingDynamicPartitionsLoader):
    """What the webserver reads partitions through, over a list that counts."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        super().__init__(instance)
        self.shards = CountedKeys(instance.get_dynamic_partitions("shards"))

    def get_dynamic_partitions(self, partitions_def_name: str) -> Sequence[str]:  # type: ignore[override]
        return self.shards if partitions_def_name == "shards" else super().get_dynamic_partitions(partitions_def_name)


@pytest.fixture(scope="module")
def graph() -> AssetGraph:
    return defs.resolve_asset_graph()


@pytest.fixture(scope="module")
def store() -> Iterator[CountedStore]:
    """200 datasets of 100 shards, of which every tenth was parsed again after the others, and one is not parsed yet."""
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("datasets", [*DATASETS, "new"])
        instance.add_dynamic_partitions("shards", [key for dataset in DATASETS for key in SHARDS[dataset]])
        for dataset in DATASETS[::100]:
            register_shards(instance, dataset, SHARDS[dataset][:50])
            register_shards(instance, dataset, SHARDS[dataset])
        yield CountedStore(instance)


def downstream(graph: AssetGraph, store: CountedStore, parent: str, child: str, key: str) -> list[str]:
    with dg.partition_loading_context(dynamic_partitions_store=store):
        keys = graph.get_child_partition_keys_of_parent(key, dg.AssetKey(parent), dg.AssetKey(child))
    return sorted(keys)


def upstream(graph: AssetGraph, store: CountedStore, parent: str, child: str, key: str) -> list[str]:
    with dg.partition_loading_context(dynamic_partitions_store=store):
        result = graph.get_parent_partition_keys_for_child(key, dg.AssetKey(parent), dg.AssetKey(child))
    assert not result.required_but_nonexistent_partition_keys
    return sorted(result.partitions_subset.get_partition_keys())


def test_of_200_datasets_each_has_its_own_100_shards(graph, store):
    assert all(downstream(graph, store, *EDGES[0], dataset) == SHARDS[dataset] for dataset in DATASETS)


def test_each_manifest_is_made_of_its_own_100_shards(graph, store):
    assert all(upstream(graph, store, *EDGES[1], dataset) == SHARDS[dataset] for dataset in DATASETS)


def test_each_shard_depends_on_its_own_dataset(graph, store):
    assert {key: upstream(graph, store, *EDGES[0], key) for keys in SHARDS.values() for key in keys[::33]} == {
        key: [dataset] for dataset, keys in SHARDS.items() for key in keys[::33]
    }


def test_the_manifest_of_its_own_dataset_depends_on_a_shard(graph, store):
    assert downstream(graph, store, *EDGES[1], "set007.000099") == ["set007"]


def test_a_dataset_that_is_not_parsed_has_no_shards(graph, store):
    assert downstream(graph, store, *EDGES[0], "new") == []


def test_a_shard_of_a_dataset_that_was_removed_has_no_parent(graph, store):
    assert upstream(graph, store, *EDGES[0], "gone.000000") == []


def test_several_datasets_have_the_shards_of_all_of_them(graph, store):
    datasets, shards = (graph.get(dg.AssetKey(name)).partitions_def for name in EDGES[0])
    with dg.partition_loading_context(dynamic_partitions_store=store):
        some = datasets.empty_subset().with_partition_keys(DATASETS[:3])
        related = DatasetPartitionMapping().get_downstream_partitions_for_partitions(some, datasets, shards)

    assert sorted(related.get_partition_keys()) == [key for dataset in DATASETS[:3] for key in SHARDS[dataset]]


def test_asking_dataset_by_dataset_goes_through_the_shards_once(graph, store):
    before = store.shards.walks
    fresh = CountedStore(store._instance)
    for dataset in DATASETS:
        downstream(graph, fresh, *EDGES[0], dataset)

    assert (fresh.shards.walks, store.shards.walks - before) == (1, 0)


# -- other processes


def test_the_mapping_survives_the_way_to_the_webserver():
    assert isinstance(deserialize_value(serialize_value(DatasetPartitionMapping())), DatasetPartitionMapping)


def test_dagster_s_own_mapping_is_left_as_it_is():
    assert type(deserialize_value(serialize_value(dg.AllPartitionMapping()))) is dg.AllPartitionMapping


def read_elsewhere(stored: str, home: Path, instance: bool) -> str:
    """Class of a stored mapping, read in a process that has not loaded the assets."""
    program = (
        "import sys, dagster as dg; from dagster._serdes import deserialize_value\n"
        "instance = dg.DagsterInstance.from_config(sys.argv[2]) if sys.argv[3] == 'True' else None\n"
        "print(type(deserialize_value(sys.argv[1])).__name__)"
    )
    command = [sys.executable, "-c", program, stored, home, str(instance)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout.strip()


@pytest.mark.parametrize(("instance", "read"), [(True, "DatasetPartitionMapping"), (False, "AllPartitionMapping")])
def test_a_process_that_opened_the_instance_reads_the_mapping_and_another_reads_dagster_s_own(tmp_path, instance, read):
    (tmp_path / "dagster.yaml").write_text((WORKSPACE.parent / "dagster_home" / "dagster.yaml").read_text())
    stored = serialize_value(DatasetPartitionMapping())

    assert json.loads(stored)["__class__"] == "AllPartitionMapping"
    assert read_elsewhere(stored, tmp_path, instance) == read
