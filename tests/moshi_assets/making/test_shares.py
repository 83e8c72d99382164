"""Shards are dealt to lanes in stretches with like amounts of work, cut between dialogues where there are few."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moshi_assets.making.shares import MANY_SHARDS, ShardShare, deal
from moshi_assets.storage.dataset import DatasetStore
from tests.moshi_assets.support.plain_dataset import PlainDataset, record, records


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> DatasetStore:
    """Six shards of up to eight dialogues of two turns."""
    dataset = PlainDataset(tmp_path_factory.mktemp("dealt"), records(43), samples_per_shard=8)
    dataset.plan()
    return dataset.store


def rows_of(store: DatasetStore, share: ShardShare) -> range:
    return share.rows or range(store.tasks(share.shard).num_rows)


def equal(store: DatasetStore, shards: int) -> dict[str, float]:
    return dict.fromkeys(store.shards()[:shards], 1.0)


@given(shards=st.integers(0, 6), lanes=st.integers(1, 20), weights=st.lists(st.floats(0, 100), min_size=6, max_size=6))
@settings(deadline=None)
def test_every_row_is_dealt_once(store: DatasetStore, shards: int, lanes: int, weights: list[float]):
    chosen = store.shards()[:shards]
    dealt = deal(store, dict(zip(chosen, weights, strict=False)), lanes)
    rows = Counter((share.shard, row) for shares in dealt for share in shares for row in rows_of(store, share))
    assert rows == Counter((shard, row) for shard in chosen for row in range(store.tasks(shard).num_rows))
    assert len(dealt) <= lanes


@pytest.mark.parametrize("lanes", [2, 3, 5])
def test_no_dialogue_is_cut(store: DatasetStore, lanes: int):
    for shares in deal(store, equal(store, 2), lanes):
        for share in shares:
            assert rows_of(store, share).start % 2 == 0 and rows_of(store, share).stop % 2 == 0


def test_each_share_knows_how_many_lanes_share_its_shard(store: DatasetStore):
    dealt = [share for shares in deal(store, equal(store, 1), 3) for share in shares]
    assert [share.sharers for share in dealt] == [3, 3, 3]
    assert deal(store, equal(store, 2), 2) == [[ShardShare(store.shards()[0])], [ShardShare(store.shards()[1])]]


def test_a_lane_without_work_is_left_out(store: DatasetStore):
    assert len(deal(store, equal(store, 1), 20)) == 8  # dialogues
    assert deal(store, {}, 3) == []


@pytest.mark.parametrize("lanes", [2, 3])
def test_lanes_get_like_amounts_of_text(tmp_path: Path, lanes: int):
    lines = [record(n, user_text="Why?", assistant_text="Because " + "it is so " * (n % 7)) for n in range(60)]
    dataset = PlainDataset(tmp_path, lines, samples_per_shard=60)
    dataset.plan()
    (shard,) = dataset.store.shards()
    texts = dataset.store.tasks(shard)["text"].to_pylist()
    amounts = [
        sum(len(texts[row]) for share in shares for row in rows_of(dataset.store, share))
        for shares in deal(dataset.store, {shard: 1.0}, lanes)
    ]
    assert max(amounts) < 1.1 * min(amounts)


def test_of_many_shards_none_is_cut(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(2 * MANY_SHARDS), samples_per_shard=1)
    dataset.plan()
    dealt = deal(dataset.store, {shard: 1.0 + n % 3 for n, shard in enumerate(dataset.store.shards())}, 2)
    assert all(share.rows is None and share.sharers == 1 for shares in dealt for share in shares)
    assert [len(shares) for shares in dealt] == [8, 8]


@pytest.mark.parametrize("lanes", [2, 3, 4])
def test_where_nothing_is_to_be_spoken_none_is_cut(store: DatasetStore, lanes: int):
    shares = [share for each in deal(store, equal(store, 3), lanes, may_cut=False) for share in each]
    assert shares == [ShardShare(shard) for shard in store.shards()[:3]]


def test_finished_shards_weigh_next_to_nothing(store: DatasetStore):
    weights = dict.fromkeys(store.shards(), 0.01) | {store.shards()[-1]: 1.0}
    first, second = deal(store, weights, 2)
    assert first[-1].shard == second[0].shard == store.shards()[-1]
