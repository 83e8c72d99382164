"""Shard partitions in a real instance: those of a dataset lie side by side, and only its end is touched."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moshi_assets.defs.partitions import belongs_to, register_shards
from moshi_assets.names import shard_key
from moshi_assets.partition_mapping import dataset_of


def keys(dataset: str, count: int) -> list[str]:
    return [shard_key(dataset, index) for index in range(count)]


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("home"))) as instance:
        yield instance


@pytest.fixture
def instance(sqlite: dg.DagsterInstance) -> dg.DagsterInstance:
    """An instance without partitions."""
    for dataset in {dataset_of(key) for key in sqlite.get_dynamic_partitions("shards")}:
        register_shards(sqlite, dataset, [])
    return sqlite


def rows(instance: dg.DagsterInstance) -> dict[str, int]:
    """Each partition's number in the database: another one where it was registered anew."""
    file = Path(instance.root_directory) / "history" / "runs" / "index.db"
    with sqlite3.connect(file) as connection:
        return dict(connection.execute("select partition, id from dynamic_partitions order by id").fetchall())


@pytest.mark.parametrize("count", [0, 1, 299, 301, 12_000])
def test_another_count_touches_only_the_end(instance: dg.DagsterInstance, count: int):
    register_shards(instance, "talks", keys("talks", 300))
    before = rows(instance)
    register_shards(instance, "talks", keys("talks", count))
    after = rows(instance)
    assert list(after) == keys("talks", count)
    assert {key: number for key, number in before.items() if key in after}.items() <= after.items()


def test_a_dataset_that_others_follow_is_cut_where_it_lies(instance: dg.DagsterInstance):
    for dataset in ("first", "second"):
        register_shards(instance, dataset, keys(dataset, 3))
    before = rows(instance)
    register_shards(instance, "first", keys("first", 2))
    assert rows(instance) == {key: number for key, number in before.items() if key != "first.000002"}


def test_a_dataset_that_others_follow_grows_behind_them(instance: dg.DagsterInstance):
    """Otherwise a range of its shards would hold the others' too."""
    for dataset in ("first", "second"):
        register_shards(instance, dataset, keys(dataset, 150))
    register_shards(instance, "first", keys("first", 151))
    assert list(rows(instance)) == keys("second", 150) + keys("first", 151)


def test_partitions_that_were_scattered_lie_side_by_side_afterwards(instance: dg.DagsterInstance):
    instance.add_dynamic_partitions("shards", ["talks.000000", "other.000000", "talks.000001"])
    register_shards(instance, "talks", keys("talks", 2))
    assert list(rows(instance)) == ["other.000000", *keys("talks", 2)]


@settings(max_examples=20, deadline=None)
@given(
    steps=st.lists(st.tuples(st.sampled_from("abc"), st.lists(st.integers(0, 5), unique=True, max_size=6)), max_size=6)
)
def test_whatever_is_registered_after_whatever_lies_side_by_side_in_order(steps: list[tuple[str, list[int]]]):
    wanted: dict[str, list[str]] = {}
    with dg.DagsterInstance.ephemeral() as instance:
        for dataset, numbers in steps:
            wanted[dataset] = [shard_key(dataset, number) for number in numbers]
            register_shards(instance, dataset, wanted[dataset])
        found = list(instance.get_dynamic_partitions("shards"))
    for dataset, expected in wanted.items():
        places = [place for place, key in enumerate(found) if belongs_to(key, dataset)]
        assert [found[place] for place in places] == expected
        assert places == list(range(places[0], places[0] + len(places))) if places else not expected
